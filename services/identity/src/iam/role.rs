//! Roles.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::{Key, Tx};

use super::api::{
    CreateRoleInput, HolderInput, ListRolesOutput, NothingOutput, PathPageInput,
    PermissionsBoundary, Role, RoleLastUsed, RoleOutput, UpdateAssumeRolePolicyInput,
    UpdateRoleInput, encoded, seconds,
};
use super::attach::{forget_boundary, set_boundary, size};
use super::error::{
    already_exists, delete_conflict, limit_exceeded, no_entity, protected_role, validation,
};
use super::holder::{load, save};
use super::page::page;
use super::policy::parse::invalid_principal;
use super::policy::validate::{PolicyUse, validate};
use super::state::{INSTANCE_PROFILES, InstanceProfileRecord, ROLES, RoleRecord, arn, named};
use super::tags::{tag_list, tag_map, with_request_tags};
use super::{keys, observed, trust};

pub(super) const DEFAULT_SESSION_S: u32 = 3600;
const TRUST_LIMIT_BYTES: usize = 8192;

pub(super) fn create_access(
    _: &Tx<'_>,
    context: &Context,
    input: &CreateRoleInput,
) -> Result<Vec<Access>> {
    let path = input.path.as_deref().unwrap_or("/");
    let mut access = Access::new(
        "iam:CreateRole",
        arn(&context.account, "role", path, &input.role_name),
    );
    if let Some(boundary) = &input.permissions_boundary {
        access = access.condition("iam:PermissionsBoundary", boundary.as_str());
    }
    Ok(vec![with_request_tags(access, &input.tags)])
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
pub(super) fn create_role(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateRoleInput,
) -> Result<RoleOutput> {
    check_path(input.path.as_deref())?;
    check_trust(tx, &input.assume_role_policy_document)?;
    if tx
        .get(ROLES, named(&context.account, &input.role_name))?
        .is_some()
    {
        return Err(already_exists(format!(
            "Role with name {} already exists.",
            input.role_name
        )));
    }
    let mut role = RoleRecord {
        name: input.role_name,
        path: input.path.unwrap_or_else(|| "/".into()),
        id: keys::unique_id(&context.ids, "AROA"),
        account: context.account.to_string(),
        created: context.now,
        trust: input.assume_role_policy_document,
        description: input.description,
        max_session_duration_s: input.max_session_duration.unwrap_or(DEFAULT_SESSION_S),
        tags: tag_map(&input.tags)?,
        held: Default::default(),
        linked_to: None,
    };
    set_boundary(tx, context, &mut role, input.permissions_boundary)?;
    save(tx, context, &role)?;
    let role = Role {
        max_session_duration: input.max_session_duration,
        role_last_used: None,
        ..view(&role)
    };
    Ok(RoleOutput { role })
}

pub(super) fn check_path(path: Option<&str>) -> Result<()> {
    let path = path.unwrap_or("/");
    if path.starts_with('/') && path.ends_with('/') {
        return Ok(());
    }
    Err(validation(
        "The specified value for path is invalid. It must begin and end with / and contain only \
         alphanumeric characters and/or / characters.",
    ))
}

/// Refuses a trust policy that AWS would not store: also one that names an entity that is not there.
fn check_trust(tx: &Tx<'_>, document: &str) -> Result<()> {
    validate(document, PolicyUse::Trust)?;
    if size(document) > TRUST_LIMIT_BYTES {
        return Err(limit_exceeded(format!(
            "Cannot exceed quota for ACLSizePerRole: {TRUST_LIMIT_BYTES}"
        )));
    }
    match trust::missing_principal(tx, document)? {
        Some(arn) => Err(Error::new(
            "MalformedPolicyDocument",
            invalid_principal("AWS", &arn),
        )),
        None => Ok(()),
    }
}

/// A role as GetRole shows it.
pub(super) fn view(role: &RoleRecord) -> Role {
    Role {
        path: role.path.clone(),
        role_name: role.name.clone(),
        role_id: role.id.clone(),
        arn: role.arn(),
        create_date: seconds(role.created),
        assume_role_policy_document: encoded(&role.trust),
        description: role.description.clone(),
        max_session_duration: Some(role.max_session_duration_s),
        permissions_boundary: role.held.boundary.clone().map(boundary_view),
        tags: tag_list(&role.tags),
        role_last_used: Some(RoleLastUsed::default()),
    }
}

/// The same, with its last use.
pub(super) fn full_view(tx: &Tx<'_>, role: &RoleRecord) -> Result<Role> {
    let used = observed::last_used(tx, &role.arn())?;
    let last_used = used.map_or_else(RoleLastUsed::default, |used| RoleLastUsed {
        last_used_date: Some(seconds(used.at)),
        region: Some(used.region),
    });
    Ok(Role {
        role_last_used: Some(last_used),
        ..view(role)
    })
}

pub(super) fn boundary_view(permissions_boundary_arn: String) -> PermissionsBoundary {
    PermissionsBoundary {
        permissions_boundary_type: "Policy",
        permissions_boundary_arn,
    }
}

/// As lists show roles: without tags, boundary and last use.
pub(super) fn short_view(role: &RoleRecord) -> Role {
    Role {
        permissions_boundary: None,
        tags: Vec::new(),
        role_last_used: None,
        ..view(role)
    }
}

fn named_role(tx: &Tx<'_>, context: &Context, name: Option<&str>) -> Result<RoleRecord> {
    load(tx, context, name.unwrap_or_default())
}

fn to_change(tx: &Tx<'_>, context: &Context, name: &str) -> Result<RoleRecord> {
    let role = named_role(tx, context, Some(name))?;
    match role.linked_to {
        Some(_) => Err(protected_role(&role.name)),
        None => Ok(role),
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html>
pub(super) fn get_role(
    tx: &mut Tx<'_>,
    context: &Context,
    input: HolderInput,
) -> Result<RoleOutput> {
    let role = full_view(tx, &named_role(tx, context, input.name.as_deref())?)?;
    Ok(RoleOutput { role })
}

pub(super) fn all(tx: &Tx<'_>, account: &str) -> Result<Vec<RoleRecord>> {
    super::records(tx, ROLES, Key::new().text(account))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html>
pub(super) fn list_roles(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PathPageInput,
) -> Result<ListRolesOutput> {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let mut roles = all(tx, &context.account)?;
    roles.retain(|role| role.path.starts_with(prefix));
    let name = |role: &RoleRecord| role.name.to_ascii_lowercase();
    let (roles, more) = page(roles, name, &input.page)?;
    Ok(ListRolesOutput {
        roles: roles.iter().map(short_view).collect(),
        more,
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html>
pub(super) fn update_role(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UpdateRoleInput,
) -> Result<NothingOutput> {
    let mut role = to_change(tx, context, &input.role_name)?;
    // AWS resets what is not given.
    role.description = input.description;
    role.max_session_duration_s = input.max_session_duration.unwrap_or(DEFAULT_SESSION_S);
    save(tx, context, &role)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRoleDescription.html>
pub(super) fn update_role_description(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UpdateRoleInput,
) -> Result<RoleOutput> {
    let mut role = named_role(tx, context, Some(&input.role_name))?;
    role.description = input.description;
    save(tx, context, &role)?;
    Ok(RoleOutput { role: view(&role) })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAssumeRolePolicy.html>
pub(super) fn update_trust(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UpdateAssumeRolePolicyInput,
) -> Result<NothingOutput> {
    let mut role = to_change(tx, context, &input.role_name)?;
    check_trust(tx, &input.policy_document)?;
    role.trust = input.policy_document;
    save(tx, context, &role)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html>
pub(super) fn delete_role(
    tx: &mut Tx<'_>,
    context: &Context,
    input: HolderInput,
) -> Result<NothingOutput> {
    let role = to_change(tx, context, input.name.as_deref().unwrap_or_default())?;
    if !role.held.attached.is_empty() {
        return Err(delete_conflict(
            "Cannot delete entity, must detach all policies first.",
        ));
    }
    if !role.held.inline.is_empty() {
        return Err(delete_conflict(
            "Cannot delete entity, must delete policies first.",
        ));
    }
    if !profiles_with(tx, &context.account, &role.name)?.is_empty() {
        return Err(delete_conflict(
            "Cannot delete entity, must remove roles from instance profile first.",
        ));
    }
    remove(tx, &role)?;
    Ok(NothingOutput {})
}

/// Policies elsewhere that trust the role trust its id from now on: a new role of its name is another.
pub(super) fn remove(tx: &mut Tx<'_>, role: &RoleRecord) -> Result<()> {
    forget_boundary(tx, &role.account, role)?;
    tx.delete(ROLES, named(&role.account, &role.name))?;
    observed::forget(tx, &role.arn())?;
    trust::forget(tx, &role.arn(), &role.id)
}

/// The instance profiles that hold a role.
pub(super) fn profiles_with(
    tx: &Tx<'_>,
    account: &str,
    role: &str,
) -> Result<Vec<InstanceProfileRecord>> {
    let mut profiles: Vec<InstanceProfileRecord> =
        super::records(tx, INSTANCE_PROFILES, Key::new().text(account))?;
    profiles.retain(|profile| profile.role.as_deref() == Some(role));
    Ok(profiles)
}

/// The role of this name, for other entities that hold one.
pub(super) fn existing(tx: &Tx<'_>, context: &Context, name: &str) -> Result<RoleRecord> {
    let role: Option<RoleRecord> = super::holder::find(tx, context, name)?;
    role.ok_or_else(|| no_entity("role", name))
}
