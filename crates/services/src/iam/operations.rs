//! The OPERATIONS table.

use cumulet_kernel::{Context, Tx};

use super::api::HolderInput;
use super::holder::{self, Holder};
use super::state::{GroupRecord, RoleRecord, UserRecord};
use super::{attach, managed_policy, role, tags};
use crate::access::Access;
use crate::error::Result;
use crate::operation::{AccessRule, Operation};

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    let mut operations = roles();
    operations.extend(policies());
    operations
}

pub(super) fn on_all(action: &str) -> Result<Vec<Access>> {
    Ok(vec![Access::new(action, "*")])
}

/// Access to the user, group or role that the input names; users may mean themselves.
pub(super) fn on<H: Holder>(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    name: Option<&str>,
) -> Result<Vec<Access>> {
    let name = match name {
        Some(name) => name.to_owned(),
        None => holder::caller_name(context)?,
    };
    Ok(vec![holder::access::<H>(tx, context, action, &name)?])
}

fn roles() -> Vec<Operation> {
    type R = RoleRecord;
    vec![
        Operation::write("CreateRole", role::create_access, role::create_role),
        Operation::read(
            "GetRole",
            |tx, c, i: &HolderInput| on::<R>(tx, c, "iam:GetRole", i.name.as_deref()),
            role::get_role,
        ),
        Operation::write(
            "DeleteRole",
            |tx, c, i: &HolderInput| on::<R>(tx, c, "iam:DeleteRole", i.name.as_deref()),
            role::delete_role,
        ),
        Operation::read(
            "ListRoles",
            |_, _, _| on_all("iam:ListRoles"),
            role::list_roles,
        ),
        Operation::write(
            "UpdateRole",
            |tx, c, i| on::<R>(tx, c, "iam:UpdateRole", Some(&i.role_name)),
            role::update_role,
        ),
        Operation::write(
            "UpdateRoleDescription",
            |tx, c, i| on::<R>(tx, c, "iam:UpdateRoleDescription", Some(&i.role_name)),
            role::update_role_description,
        ),
        Operation::write(
            "UpdateAssumeRolePolicy",
            |tx, c, i| on::<R>(tx, c, "iam:UpdateAssumeRolePolicy", Some(&i.role_name)),
            role::update_trust,
        ),
        Operation::write(
            "PutRolePolicy",
            |tx, c, i| attach::inline_access::<R>(tx, c, "Put", &i.name),
            attach::put_inline::<R>,
        ),
        Operation::read(
            "GetRolePolicy",
            |tx, c, i| attach::inline_access::<R>(tx, c, "Get", &i.name),
            attach::get_inline::<R>,
        ),
        Operation::write(
            "DeleteRolePolicy",
            |tx, c, i| attach::inline_access::<R>(tx, c, "Delete", &i.name),
            attach::delete_inline::<R>,
        ),
        Operation::read(
            "ListRolePolicies",
            |tx, c, i| on::<R>(tx, c, "iam:ListRolePolicies", i.name.as_deref()),
            attach::list_inline::<R>,
        ),
        Operation::write(
            "AttachRolePolicy",
            |tx, c, i| attach::attach_access::<R>(tx, c, "Attach", i),
            attach::attach::<R>,
        ),
        Operation::write(
            "DetachRolePolicy",
            |tx, c, i| attach::attach_access::<R>(tx, c, "Detach", i),
            attach::detach::<R>,
        ),
        Operation::read(
            "ListAttachedRolePolicies",
            |tx, c, i| on::<R>(tx, c, "iam:ListAttachedRolePolicies", i.name.as_deref()),
            attach::list_attached::<R>,
        ),
        Operation::write(
            "PutRolePermissionsBoundary",
            |tx, c, i| attach::boundary_access::<R>(tx, c, "Put", i),
            attach::put_boundary::<R>,
        ),
        Operation::write(
            "DeleteRolePermissionsBoundary",
            |tx, c, i| attach::boundary_access::<R>(tx, c, "Delete", i),
            attach::delete_boundary::<R>,
        ),
        Operation::write(
            "TagRole",
            |tx, c, i| tags::holder_access::<R>(tx, c, "Tag", i),
            tags::tag_holder::<R>,
        ),
        Operation::write(
            "UntagRole",
            |tx, c, i| tags::holder_access::<R>(tx, c, "Untag", i),
            tags::untag_holder::<R>,
        ),
        Operation::read(
            "ListRoleTags",
            |tx, c, i| tags::holder_access::<R>(tx, c, "List", i),
            tags::list_holder_tags::<R>,
        ),
    ]
}

fn policies() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreatePolicy",
            managed_policy::create_access,
            managed_policy::create_policy,
        ),
        Operation::read(
            "GetPolicy",
            |tx, c, i| managed_policy::access(tx, c, "iam:GetPolicy", &i.policy_arn),
            managed_policy::get_policy,
        ),
        Operation::write(
            "DeletePolicy",
            |tx, c, i| managed_policy::access(tx, c, "iam:DeletePolicy", &i.policy_arn),
            managed_policy::delete_policy,
        ),
        Operation::read(
            "ListPolicies",
            |_, _, _| on_all("iam:ListPolicies"),
            managed_policy::list_policies,
        ),
        Operation::write(
            "CreatePolicyVersion",
            |tx, c, i| managed_policy::access(tx, c, "iam:CreatePolicyVersion", &i.policy_arn),
            managed_policy::create_policy_version,
        ),
        Operation::read(
            "GetPolicyVersion",
            |tx, c, i| managed_policy::access(tx, c, "iam:GetPolicyVersion", &i.policy_arn),
            managed_policy::get_policy_version,
        ),
        Operation::read(
            "ListPolicyVersions",
            |tx, c, i| managed_policy::access(tx, c, "iam:ListPolicyVersions", &i.policy_arn),
            managed_policy::list_policy_versions,
        ),
        Operation::write(
            "DeletePolicyVersion",
            |tx, c, i| managed_policy::access(tx, c, "iam:DeletePolicyVersion", &i.policy_arn),
            managed_policy::delete_policy_version,
        ),
        Operation::write(
            "SetDefaultPolicyVersion",
            |tx, c, i| managed_policy::access(tx, c, "iam:SetDefaultPolicyVersion", &i.policy_arn),
            managed_policy::set_default_policy_version,
        ),
        Operation::read(
            "ListEntitiesForPolicy",
            |tx, c, i| managed_policy::access(tx, c, "iam:ListEntitiesForPolicy", &i.policy_arn),
            managed_policy::list_entities,
        ),
        Operation::write(
            "TagPolicy",
            |tx, c, i| managed_policy::tag_access(tx, c, "iam:TagPolicy", i),
            managed_policy::tag_policy,
        ),
        Operation::write(
            "UntagPolicy",
            |tx, c, i| managed_policy::tag_access(tx, c, "iam:UntagPolicy", i),
            managed_policy::untag_policy,
        ),
        Operation::read(
            "ListPolicyTags",
            |tx, c, i| managed_policy::tag_access(tx, c, "iam:ListPolicyTags", i),
            managed_policy::list_policy_tags,
        ),
    ]
}
