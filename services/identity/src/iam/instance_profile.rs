//! Instance profiles: a role in a case, for machines.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_kernel::{Key, Tx};

use super::api::{
    InstanceProfile, InstanceProfileInput, InstanceProfileOutput, ListInstanceProfilesOutput,
    ListTagsOutput, NothingOutput, TagInput, seconds,
};
use super::error::{already_exists, delete_conflict, limit_exceeded, no_such};
use super::holder::with_resource_tags;
use super::keys;
use super::page::page;
use super::role::{self, check_path, short_view};
use super::state::{INSTANCE_PROFILES, InstanceProfileRecord, RoleRecord, arn, named};
use super::tags::{self, tag_list, tag_map, with_request_tags};

fn find(tx: &Tx<'_>, context: &Context, name: &str) -> Result<Option<InstanceProfileRecord>> {
    Ok(tx.load(INSTANCE_PROFILES, named(&context.account, name))?)
}

fn load(tx: &Tx<'_>, context: &Context, name: &str) -> Result<InstanceProfileRecord> {
    let missing = || no_such(format!("Instance Profile {name} cannot be found."));
    find(tx, context, name)?.ok_or_else(missing)
}

fn save(tx: &mut Tx<'_>, record: &InstanceProfileRecord) -> Result<()> {
    Ok(tx.save(
        INSTANCE_PROFILES,
        named(&record.account, &record.name),
        record,
    )?)
}

pub(super) fn access(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    input: &InstanceProfileInput,
) -> Result<Vec<Access>> {
    let found = find(tx, context, &input.instance_profile_name)?;
    let path = found.as_ref().map(|record| record.path.as_str());
    let path = path.or(input.path.as_deref()).unwrap_or("/");
    let resource = arn(
        &context.account,
        "instance-profile",
        path,
        &input.instance_profile_name,
    );
    let access = with_resource_tags(
        Access::new(action, resource),
        found.as_ref().map(|record| &record.tags),
    );
    Ok(vec![with_request_tags(access, &input.tags)])
}

pub(super) fn tag_access(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    input: &TagInput,
) -> Result<Vec<Access>> {
    let found = find(tx, context, &input.name)?;
    let path = found.as_ref().map_or("/", |record| record.path.as_str());
    let resource = arn(&context.account, "instance-profile", path, &input.name);
    Ok(vec![with_request_tags(
        Access::new(action, resource),
        &input.tags,
    )])
}

/// Adding a role also passes it to EC2.
pub(super) fn add_role_access(
    tx: &Tx<'_>,
    context: &Context,
    input: &InstanceProfileInput,
) -> Result<Vec<Access>> {
    let mut needed = access(tx, context, "iam:AddRoleToInstanceProfile", input)?;
    if let Some(name) = &input.role_name {
        let pass = super::holder::access::<RoleRecord>(tx, context, "iam:PassRole", name)?;
        needed.push(pass.condition("iam:PassedToService", "ec2.amazonaws.com"));
    }
    Ok(needed)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateInstanceProfile.html>
pub(super) fn create(
    tx: &mut Tx<'_>,
    context: &Context,
    input: InstanceProfileInput,
) -> Result<InstanceProfileOutput> {
    check_path(input.path.as_deref())?;
    let name = input.instance_profile_name;
    if find(tx, context, &name)?.is_some() {
        return Err(already_exists(format!(
            "Instance Profile {name} already exists."
        )));
    }
    let record = InstanceProfileRecord {
        name,
        path: input.path.unwrap_or_else(|| "/".into()),
        id: keys::unique_id(&context.ids, "AIPA"),
        account: context.account.to_string(),
        created: context.now,
        role: None,
        tags: tag_map(&input.tags)?,
    };
    save(tx, &record)?;
    let tags = (!input.tags.is_empty()).then(|| tag_list(&record.tags));
    let instance_profile = InstanceProfile {
        tags,
        ..view(tx, context, &record)?
    };
    Ok(InstanceProfileOutput { instance_profile })
}

pub(super) fn view(
    tx: &Tx<'_>,
    context: &Context,
    record: &InstanceProfileRecord,
) -> Result<InstanceProfile> {
    let mut roles = Vec::new();
    if let Some(name) = &record.role {
        let mut shown = short_view(&role::existing(tx, context, name)?);
        shown.max_session_duration = None;
        shown.description = None;
        roles.push(shown);
    }
    Ok(InstanceProfile {
        path: record.path.clone(),
        instance_profile_name: record.name.clone(),
        instance_profile_id: record.id.clone(),
        arn: record.arn(),
        create_date: seconds(record.created),
        roles,
        tags: Some(tag_list(&record.tags)),
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetInstanceProfile.html>
pub(super) fn get(
    tx: &mut Tx<'_>,
    context: &Context,
    input: InstanceProfileInput,
) -> Result<InstanceProfileOutput> {
    let record = load(tx, context, &input.instance_profile_name)?;
    let instance_profile = view(tx, context, &record)?;
    Ok(InstanceProfileOutput { instance_profile })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteInstanceProfile.html>
pub(super) fn delete(
    tx: &mut Tx<'_>,
    context: &Context,
    input: InstanceProfileInput,
) -> Result<NothingOutput> {
    let record = load(tx, context, &input.instance_profile_name)?;
    if record.role.is_some() {
        return Err(delete_conflict(
            "Cannot delete entity, must remove roles from instance profile first.",
        ));
    }
    tx.delete(INSTANCE_PROFILES, named(&record.account, &record.name))?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddRoleToInstanceProfile.html>
pub(super) fn add_role(
    tx: &mut Tx<'_>,
    context: &Context,
    input: InstanceProfileInput,
) -> Result<NothingOutput> {
    let mut record = load(tx, context, &input.instance_profile_name)?;
    let role = role::existing(tx, context, input.role_name.as_deref().unwrap_or_default())?;
    if record.role.is_some() {
        return Err(limit_exceeded(
            "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
        ));
    }
    record.role = Some(role.name);
    save(tx, &record)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_RemoveRoleFromInstanceProfile.html>
pub(super) fn remove_role(
    tx: &mut Tx<'_>,
    context: &Context,
    input: InstanceProfileInput,
) -> Result<NothingOutput> {
    let mut record = load(tx, context, &input.instance_profile_name)?;
    let name = input.role_name.unwrap_or_default();
    if record
        .role
        .take_if(|role| role.eq_ignore_ascii_case(&name))
        .is_none()
    {
        return Err(no_such(format!(
            "The role with name {name} cannot be found."
        )));
    }
    save(tx, &record)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfiles.html>
pub(super) fn list(
    tx: &mut Tx<'_>,
    context: &Context,
    input: InstanceProfileInput,
) -> Result<ListInstanceProfilesOutput> {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let mut records: Vec<InstanceProfileRecord> =
        super::records(tx, INSTANCE_PROFILES, Key::new().text(&context.account))?;
    records.retain(|record| record.path.starts_with(prefix));
    listed(tx, context, records, &input)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfilesForRole.html>
pub(super) fn list_for_role(
    tx: &mut Tx<'_>,
    context: &Context,
    input: InstanceProfileInput,
) -> Result<ListInstanceProfilesOutput> {
    let role = role::existing(tx, context, input.role_name.as_deref().unwrap_or_default())?;
    let records = role::profiles_with(tx, &context.account, &role.name)?;
    listed(tx, context, records, &input)
}

fn listed(
    tx: &Tx<'_>,
    context: &Context,
    records: Vec<InstanceProfileRecord>,
    input: &InstanceProfileInput,
) -> Result<ListInstanceProfilesOutput> {
    let name = |record: &InstanceProfileRecord| record.name.to_ascii_lowercase();
    let (records, more) = page(records, name, &input.page)?;
    let mut instance_profiles = Vec::new();
    for record in &records {
        instance_profiles.push(InstanceProfile {
            tags: None,
            ..view(tx, context, record)?
        });
    }
    Ok(ListInstanceProfilesOutput {
        instance_profiles,
        more,
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagInstanceProfile.html>
pub(super) fn tag(tx: &mut Tx<'_>, context: &Context, input: TagInput) -> Result<NothingOutput> {
    let mut record = load(tx, context, &input.name)?;
    tags::merge(&mut record.tags, &input.tags)?;
    save(tx, &record)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagInstanceProfile.html>
pub(super) fn untag(tx: &mut Tx<'_>, context: &Context, input: TagInput) -> Result<NothingOutput> {
    let mut record = load(tx, context, &input.name)?;
    tags::remove(&mut record.tags, &input.tag_keys);
    save(tx, &record)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfileTags.html>
pub(super) fn list_tags(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagInput,
) -> Result<ListTagsOutput> {
    tags::list(&load(tx, context, &input.name)?.tags, &input)
}
