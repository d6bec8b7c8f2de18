//! Managed policies and their versions: AWS's, which only AWS changes, and an account's own.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::{Key, Tx};
use serde_json::json;

use super::api::{
    CreatePolicyInput, CreatePolicyVersionInput, ListEntitiesInput, ListEntitiesOutput,
    ListPoliciesInput, ListPoliciesOutput, ListPolicyVersionsOutput, ListTagsOutput, NothingOutput,
    Policy, PolicyArnInput, PolicyOutput, PolicyVersion, PolicyVersionInput, PolicyVersionOutput,
    TagInput, encoded, seconds,
};
use super::attach::{boundary_kind, holders_of, size, usage};
use super::error::{
    already_exists, delete_conflict, limit_exceeded, no_policy, no_such, validation,
};
use super::holder::{Holder, find, with_resource_tags};
use super::keys;
use super::managed::{self, ManagedPolicy};
use super::page::{More, page};
use super::policy::validate::{PolicyUse, validate};
use super::role::check_path;
use super::standing::customer_policy;
use super::state::{
    GroupRecord, POLICIES, PolicyRecord, PolicyVersionRecord, RoleRecord, UserRecord, arn, named,
};
use super::tags::{self, tag_list, tag_map, with_request_tags};

const VERSIONS_LIMIT: usize = 5;
const SIZE_LIMIT_BYTES: usize = 6144;

pub(super) fn access(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    policy_arn: &str,
) -> Result<Vec<Access>> {
    let record = customer_policy(tx, &context.account, policy_arn)?;
    let access = Access::new(action, policy_arn);
    Ok(vec![with_resource_tags(
        access,
        record.as_ref().map(|record| &record.tags),
    )])
}

pub(super) fn create_access(
    _: &Tx<'_>,
    context: &Context,
    input: &CreatePolicyInput,
) -> Result<Vec<Access>> {
    let path = input.path.as_deref().unwrap_or("/");
    let resource = arn(&context.account, "policy", path, &input.policy_name);
    Ok(vec![with_request_tags(
        Access::new("iam:CreatePolicy", resource),
        &input.tags,
    )])
}

pub(super) fn tag_access(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    input: &TagInput,
) -> Result<Vec<Access>> {
    let add = |access: Access| {
        let access = with_request_tags(access, &input.tags);
        match input.tag_keys.is_empty() {
            true => access,
            false => access.condition_values("aws:TagKeys", input.tag_keys.clone()),
        }
    };
    Ok(access(tx, context, action, &input.name)?
        .into_iter()
        .map(add)
        .collect())
}

fn load(tx: &Tx<'_>, context: &Context, policy_arn: &str) -> Result<PolicyRecord> {
    if managed::by_arn(policy_arn).is_some() {
        return Err(Error::access_denied(format!(
            "Cannot perform the operation on the AWS managed policy {policy_arn}."
        )));
    }
    check_arn(policy_arn)?;
    customer_policy(tx, &context.account, policy_arn)?.ok_or_else(|| no_policy(policy_arn))
}

fn check_arn(policy_arn: &str) -> Result<()> {
    match cumulet_engine::arn::Arn::parse(policy_arn) {
        Some(_) => Ok(()),
        None => Err(validation("Invalid ARN:  Could not be parsed!")),
    }
}

fn save(tx: &mut Tx<'_>, record: &PolicyRecord) -> Result<()> {
    Ok(tx.save(POLICIES, named(&record.account, &record.name), record)?)
}

fn check_document(document: &str) -> Result<()> {
    validate(document, PolicyUse::Identity)?;
    if size(document) > SIZE_LIMIT_BYTES {
        return Err(limit_exceeded(format!(
            "Cannot exceed quota for PolicySize: {SIZE_LIMIT_BYTES}"
        )));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html>
pub(super) fn create_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreatePolicyInput,
) -> Result<PolicyOutput> {
    check_path(input.path.as_deref())?;
    check_document(&input.policy_document)?;
    if tx
        .get(POLICIES, named(&context.account, &input.policy_name))?
        .is_some()
    {
        let message = format!(
            "A policy called {} already exists. Duplicate names are not allowed.",
            input.policy_name
        );
        return Err(already_exists(message));
    }
    let record = PolicyRecord {
        name: input.policy_name,
        path: input.path.unwrap_or_else(|| "/".into()),
        id: keys::unique_id(&context.ids, "ANPA"),
        account: context.account.to_string(),
        created: context.now,
        updated: context.now,
        description: input.description,
        tags: tag_map(&input.tags)?,
        default_version: 1,
        next_version: 2,
        versions: vec![PolicyVersionRecord {
            number: 1,
            document: input.policy_document,
            created: context.now,
        }],
    };
    save(tx, &record)?;
    let policy = Policy {
        description: None,
        tags: (!input.tags.is_empty()).then(|| tag_list(&record.tags)),
        ..view(tx, &record)?
    };
    Ok(PolicyOutput { policy })
}

pub(super) fn view(tx: &Tx<'_>, record: &PolicyRecord) -> Result<Policy> {
    let arn = record.arn();
    let (attachment_count, permissions_boundary_usage_count) = usage(tx, &record.account, &arn)?;
    Ok(Policy {
        policy_name: record.name.clone(),
        policy_id: record.id.clone(),
        arn,
        path: record.path.clone(),
        default_version_id: version_id(record.default_version),
        attachment_count,
        permissions_boundary_usage_count,
        is_attachable: true,
        description: record.description.clone(),
        create_date: seconds(record.created),
        update_date: seconds(record.updated),
        tags: Some(tag_list(&record.tags)),
    })
}

pub(super) fn aws_view(tx: &Tx<'_>, context: &Context, policy: &ManagedPolicy) -> Result<Policy> {
    let (attachment_count, permissions_boundary_usage_count) =
        usage(tx, &context.account, &policy.arn)?;
    Ok(Policy {
        policy_name: policy.name.clone(),
        policy_id: policy.id(),
        arn: policy.arn.to_string(),
        path: policy.path.clone(),
        default_version_id: policy.version.clone(),
        attachment_count,
        permissions_boundary_usage_count,
        is_attachable: true,
        description: None,
        create_date: seconds(policy.created),
        update_date: seconds(policy.updated),
        tags: Some(Vec::new()),
    })
}

fn version_id(number: u32) -> String {
    format!("v{number}")
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicy.html>
pub(super) fn get_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PolicyArnInput,
) -> Result<PolicyOutput> {
    let policy = match managed::by_arn(&input.policy_arn) {
        Some(policy) => aws_view(tx, context, policy)?,
        None => view(tx, &load(tx, context, &input.policy_arn)?)?,
    };
    Ok(PolicyOutput { policy })
}

pub(super) fn all(tx: &Tx<'_>, account: &str) -> Result<Vec<PolicyRecord>> {
    super::records(tx, POLICIES, Key::new().text(account))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicies.html>
pub(super) fn list_policies(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListPoliciesInput,
) -> Result<ListPoliciesOutput> {
    let scope = input.scope.as_deref().unwrap_or("All");
    let mut policies = Vec::new();
    if scope != "AWS" {
        for record in all(tx, &context.account)? {
            policies.push(view(tx, &record)?);
        }
    }
    if scope != "Local" {
        for policy in managed::all() {
            policies.push(aws_view(tx, context, policy)?);
        }
    }
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let as_boundary = input.policy_usage_filter.as_deref() == Some("PermissionsBoundary");
    policies.retain(|policy| {
        let uses = if as_boundary {
            policy.permissions_boundary_usage_count
        } else {
            policy.attachment_count
        };
        policy.path.starts_with(prefix) && (!input.only_attached || uses > 0)
    });
    policies.sort_by(|left, right| left.arn.cmp(&right.arn));
    let (policies, more) = page(policies, |policy| policy.arn.clone(), &input.page)?;
    let short = |policy: Policy| Policy {
        description: None,
        tags: None,
        ..policy
    };
    Ok(ListPoliciesOutput {
        policies: policies.into_iter().map(short).collect(),
        more,
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html>
pub(super) fn delete_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PolicyArnInput,
) -> Result<NothingOutput> {
    let record = load(tx, context, &input.policy_arn)?;
    let (attached, boundaries) = usage(tx, &record.account, &input.policy_arn)?;
    if attached + boundaries > 0 {
        return Err(delete_conflict(
            "Cannot delete a policy attached to entities.",
        ));
    }
    if record.versions.len() > 1 {
        return Err(delete_conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the \
             policy's versions. The default version is deleted with the policy.",
        ));
    }
    tx.delete(POLICIES, named(&record.account, &record.name))?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html>
pub(super) fn create_policy_version(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreatePolicyVersionInput,
) -> Result<PolicyVersionOutput> {
    let mut record = load(tx, context, &input.policy_arn)?;
    check_document(&input.policy_document)?;
    if record.versions.len() >= VERSIONS_LIMIT {
        return Err(limit_exceeded(
            "A managed policy can have up to 5 versions. Before you create a new version, you must \
             delete an existing version.",
        ));
    }
    let number = record.next_version;
    record.next_version += 1;
    record.versions.push(PolicyVersionRecord {
        number,
        document: input.policy_document,
        created: context.now,
    });
    if input.set_as_default {
        record.default_version = number;
    }
    record.updated = context.now;
    save(tx, &record)?;
    let policy_version = PolicyVersion {
        document: None,
        ..version_view(&record, number).ok_or_else(|| no_policy(&input.policy_arn))?
    };
    Ok(PolicyVersionOutput { policy_version })
}

fn version_view(record: &PolicyRecord, number: u32) -> Option<PolicyVersion> {
    let version = record.version(number)?;
    Some(PolicyVersion {
        document: Some(encoded(&version.document)),
        version_id: version_id(number),
        is_default_version: record.default_version == number,
        create_date: seconds(version.created),
    })
}

pub(super) fn aws_version(policy: &ManagedPolicy) -> PolicyVersion {
    PolicyVersion {
        document: Some(encoded(&policy.document)),
        version_id: policy.version.clone(),
        is_default_version: true,
        create_date: seconds(policy.updated),
    }
}

fn version_number(id: &str) -> Option<u32> {
    id.strip_prefix('v')?.parse().ok()
}

fn no_version(policy_arn: &str, id: &str) -> Error {
    no_such(format!(
        "Policy {policy_arn} version {id} does not exist or is not attachable."
    ))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicyVersion.html>
pub(super) fn get_policy_version(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PolicyVersionInput,
) -> Result<PolicyVersionOutput> {
    let found = match managed::by_arn(&input.policy_arn) {
        Some(policy) => {
            Some(aws_version(policy)).filter(|version| version.version_id == input.version_id)
        }
        None => {
            let record = load(tx, context, &input.policy_arn)?;
            version_number(&input.version_id).and_then(|number| version_view(&record, number))
        }
    };
    let policy_version = found.ok_or_else(|| no_version(&input.policy_arn, &input.version_id))?;
    Ok(PolicyVersionOutput { policy_version })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicyVersions.html>
pub(super) fn list_policy_versions(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PolicyArnInput,
) -> Result<ListPolicyVersionsOutput> {
    let mut versions = match managed::by_arn(&input.policy_arn) {
        Some(policy) => vec![aws_version(policy)],
        None => versions_of(&load(tx, context, &input.policy_arn)?),
    };
    for version in &mut versions {
        version.document = None;
    }
    // The newest first; markers count downwards.
    let name = |version: &PolicyVersion| {
        format!(
            "{:010}",
            u32::MAX - version_number(&version.version_id).unwrap_or_default()
        )
    };
    let (versions, more) = page(versions, name, &input.page)?;
    Ok(ListPolicyVersionsOutput { versions, more })
}

pub(super) fn versions_of(record: &PolicyRecord) -> Vec<PolicyVersion> {
    let numbers = record.versions.iter().rev().map(|version| version.number);
    numbers
        .filter_map(|number| version_view(record, number))
        .collect()
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicyVersion.html>
pub(super) fn delete_policy_version(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PolicyVersionInput,
) -> Result<NothingOutput> {
    let mut record = load(tx, context, &input.policy_arn)?;
    let number = existing_version(&record, &input)?;
    if number == record.default_version {
        return Err(delete_conflict(
            "Cannot delete the default version of a policy.",
        ));
    }
    record.versions.retain(|version| version.number != number);
    record.updated = context.now;
    save(tx, &record)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SetDefaultPolicyVersion.html>
pub(super) fn set_default_policy_version(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PolicyVersionInput,
) -> Result<NothingOutput> {
    let mut record = load(tx, context, &input.policy_arn)?;
    record.default_version = existing_version(&record, &input)?;
    record.updated = context.now;
    save(tx, &record)?;
    Ok(NothingOutput {})
}

fn existing_version(record: &PolicyRecord, input: &PolicyVersionInput) -> Result<u32> {
    let number =
        version_number(&input.version_id).filter(|&number| record.version(number).is_some());
    number.ok_or_else(|| no_version(&input.policy_arn, &input.version_id))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListEntitiesForPolicy.html>
pub(super) fn list_entities(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListEntitiesInput,
) -> Result<ListEntitiesOutput> {
    if managed::by_arn(&input.policy_arn).is_none() {
        load(tx, context, &input.policy_arn)?;
    }
    let mut entities = entities::<GroupRecord>(tx, context, &input, |group| group.id.clone())?;
    entities.append(&mut entities_of_users_and_roles(tx, context, &input)?);
    let name = |entity: &Entity| format!("{}/{}", entity.word, entity.name.to_ascii_lowercase());
    let (
        entities,
        More {
            is_truncated,
            marker,
        },
    ) = page(entities, name, &input.page)?;
    let mut output = ListEntitiesOutput {
        is_truncated,
        marker,
        ..ListEntitiesOutput::default()
    };
    for entity in entities {
        let mut value = json!({});
        value[format!("{}Name", entity.word)] = entity.name.into();
        value[format!("{}Id", entity.word)] = entity.id.into();
        match entity.word {
            "Group" => output.policy_groups.push(value),
            "User" => output.policy_users.push(value),
            _ => output.policy_roles.push(value),
        }
    }
    Ok(output)
}

/// Someone who holds a policy.
struct Entity {
    word: &'static str,
    name: String,
    id: String,
}

fn entities_of_users_and_roles(
    tx: &Tx<'_>,
    context: &Context,
    input: &ListEntitiesInput,
) -> Result<Vec<Entity>> {
    let mut found = entities::<RoleRecord>(tx, context, input, |role| role.id.clone())?;
    found.append(&mut entities::<UserRecord>(tx, context, input, |user| {
        user.id.clone()
    })?);
    Ok(found)
}

fn entities<H: Holder>(
    tx: &Tx<'_>,
    context: &Context,
    input: &ListEntitiesInput,
    id: impl Fn(&H) -> String,
) -> Result<Vec<Entity>> {
    let wanted = input
        .entity_filter
        .as_deref()
        .is_none_or(|filter| filter == H::WORD);
    let mut kinds = Vec::new();
    if input.policy_usage_filter.as_deref() != Some("PermissionsBoundary") {
        kinds.push(H::NOUN.to_owned());
    }
    if input.policy_usage_filter.as_deref() != Some("PermissionsPolicy") {
        kinds.push(boundary_kind(H::NOUN));
    }
    let mut found = Vec::new();
    for kind in kinds.into_iter().filter(|_| wanted) {
        for name in holders_of(tx, &context.account, &input.policy_arn, &kind)? {
            if let Some(holder) = find::<H>(tx, context, &name)? {
                found.push(Entity {
                    word: H::WORD,
                    id: id(&holder),
                    name,
                });
            }
        }
    }
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found.dedup_by(|left, right| left.name == right.name);
    Ok(found)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagPolicy.html>
pub(super) fn tag_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagInput,
) -> Result<NothingOutput> {
    let mut record = load(tx, context, &input.name)?;
    tags::merge(&mut record.tags, &input.tags)?;
    save(tx, &record)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagPolicy.html>
pub(super) fn untag_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagInput,
) -> Result<NothingOutput> {
    let mut record = load(tx, context, &input.name)?;
    tags::remove(&mut record.tags, &input.tag_keys);
    save(tx, &record)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicyTags.html>
pub(super) fn list_policy_tags(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagInput,
) -> Result<ListTagsOutput> {
    tags::list(&load(tx, context, &input.name)?.tags, &input)
}
