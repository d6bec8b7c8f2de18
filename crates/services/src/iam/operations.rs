//! The OPERATIONS table.

use cumulet_kernel::{Context, Tx};

use super::api::HolderInput;
use super::holder::{self, Holder};
use super::state::{GroupRecord, RoleRecord, UserRecord};
use super::{
    access_key, account, attach, group, instance_profile, managed_policy, role, service_linked,
    simulate, tags, user,
};
use crate::access::Access;
use crate::error::Result;
use crate::operation::Operation;

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    let mut operations = roles();
    operations.extend(policies());
    operations.extend(users());
    operations.extend(groups());
    operations.extend(instance_profiles());
    operations.extend(whole_account());
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

fn users() -> Vec<Operation> {
    type U = UserRecord;
    vec![
        Operation::write("CreateUser", user::create_access, user::create_user),
        Operation::read("GetUser", user::get_access, user::get_user),
        Operation::write(
            "UpdateUser",
            |tx, c, i| on::<U>(tx, c, "iam:UpdateUser", Some(&i.name)),
            user::update_user,
        ),
        Operation::write(
            "DeleteUser",
            |tx, c, i: &HolderInput| on::<U>(tx, c, "iam:DeleteUser", i.name.as_deref()),
            user::delete_user,
        ),
        Operation::read(
            "ListUsers",
            |_, _, _| on_all("iam:ListUsers"),
            user::list_users,
        ),
        Operation::write(
            "PutUserPolicy",
            |tx, c, i| attach::inline_access::<U>(tx, c, "Put", &i.name),
            attach::put_inline::<U>,
        ),
        Operation::read(
            "GetUserPolicy",
            |tx, c, i| attach::inline_access::<U>(tx, c, "Get", &i.name),
            attach::get_inline::<U>,
        ),
        Operation::write(
            "DeleteUserPolicy",
            |tx, c, i| attach::inline_access::<U>(tx, c, "Delete", &i.name),
            attach::delete_inline::<U>,
        ),
        Operation::read(
            "ListUserPolicies",
            |tx, c, i| on::<U>(tx, c, "iam:ListUserPolicies", i.name.as_deref()),
            attach::list_inline::<U>,
        ),
        Operation::write(
            "AttachUserPolicy",
            |tx, c, i| attach::attach_access::<U>(tx, c, "Attach", i),
            attach::attach::<U>,
        ),
        Operation::write(
            "DetachUserPolicy",
            |tx, c, i| attach::attach_access::<U>(tx, c, "Detach", i),
            attach::detach::<U>,
        ),
        Operation::read(
            "ListAttachedUserPolicies",
            |tx, c, i| on::<U>(tx, c, "iam:ListAttachedUserPolicies", i.name.as_deref()),
            attach::list_attached::<U>,
        ),
        Operation::write(
            "PutUserPermissionsBoundary",
            |tx, c, i| attach::boundary_access::<U>(tx, c, "Put", i),
            attach::put_boundary::<U>,
        ),
        Operation::write(
            "DeleteUserPermissionsBoundary",
            |tx, c, i| attach::boundary_access::<U>(tx, c, "Delete", i),
            attach::delete_boundary::<U>,
        ),
        Operation::write(
            "TagUser",
            |tx, c, i| tags::holder_access::<U>(tx, c, "Tag", i),
            tags::tag_holder::<U>,
        ),
        Operation::write(
            "UntagUser",
            |tx, c, i| tags::holder_access::<U>(tx, c, "Untag", i),
            tags::untag_holder::<U>,
        ),
        Operation::read(
            "ListUserTags",
            |tx, c, i| tags::holder_access::<U>(tx, c, "List", i),
            tags::list_holder_tags::<U>,
        ),
        Operation::write(
            "CreateAccessKey",
            |tx, c, i| on::<U>(tx, c, "iam:CreateAccessKey", i.user_name.as_deref()),
            access_key::create_access_key,
        ),
        Operation::read(
            "ListAccessKeys",
            |tx, c, i| on::<U>(tx, c, "iam:ListAccessKeys", i.name.as_deref()),
            access_key::list_access_keys,
        ),
        Operation::write(
            "UpdateAccessKey",
            |tx, c, i| on::<U>(tx, c, "iam:UpdateAccessKey", i.user_name.as_deref()),
            access_key::update_access_key,
        ),
        Operation::write(
            "DeleteAccessKey",
            |tx, c, i| on::<U>(tx, c, "iam:DeleteAccessKey", i.user_name.as_deref()),
            access_key::delete_access_key,
        ),
    ]
}

fn groups() -> Vec<Operation> {
    type G = GroupRecord;
    vec![
        Operation::write("CreateGroup", group::create_access, group::create_group),
        Operation::read(
            "GetGroup",
            |tx, c, i| on::<G>(tx, c, "iam:GetGroup", i.name.as_deref()),
            group::get_group,
        ),
        Operation::write(
            "UpdateGroup",
            |tx, c, i| on::<G>(tx, c, "iam:UpdateGroup", Some(&i.name)),
            group::update_group,
        ),
        Operation::write(
            "DeleteGroup",
            |tx, c, i: &HolderInput| on::<G>(tx, c, "iam:DeleteGroup", i.name.as_deref()),
            group::delete_group,
        ),
        Operation::read(
            "ListGroups",
            |_, _, _| on_all("iam:ListGroups"),
            group::list_groups,
        ),
        Operation::read(
            "ListGroupsForUser",
            |tx, c, i| on::<UserRecord>(tx, c, "iam:ListGroupsForUser", i.name.as_deref()),
            group::list_groups_for_user,
        ),
        Operation::write(
            "AddUserToGroup",
            |tx, c, i| on::<G>(tx, c, "iam:AddUserToGroup", Some(&i.group_name)),
            group::add_user,
        ),
        Operation::write(
            "RemoveUserFromGroup",
            |tx, c, i| on::<G>(tx, c, "iam:RemoveUserFromGroup", Some(&i.group_name)),
            group::remove_user,
        ),
        Operation::write(
            "PutGroupPolicy",
            |tx, c, i| attach::inline_access::<G>(tx, c, "Put", &i.name),
            attach::put_inline::<G>,
        ),
        Operation::read(
            "GetGroupPolicy",
            |tx, c, i| attach::inline_access::<G>(tx, c, "Get", &i.name),
            attach::get_inline::<G>,
        ),
        Operation::write(
            "DeleteGroupPolicy",
            |tx, c, i| attach::inline_access::<G>(tx, c, "Delete", &i.name),
            attach::delete_inline::<G>,
        ),
        Operation::read(
            "ListGroupPolicies",
            |tx, c, i| on::<G>(tx, c, "iam:ListGroupPolicies", i.name.as_deref()),
            attach::list_inline::<G>,
        ),
        Operation::write(
            "AttachGroupPolicy",
            |tx, c, i| attach::attach_access::<G>(tx, c, "Attach", i),
            attach::attach::<G>,
        ),
        Operation::write(
            "DetachGroupPolicy",
            |tx, c, i| attach::attach_access::<G>(tx, c, "Detach", i),
            attach::detach::<G>,
        ),
        Operation::read(
            "ListAttachedGroupPolicies",
            |tx, c, i| on::<G>(tx, c, "iam:ListAttachedGroupPolicies", i.name.as_deref()),
            attach::list_attached::<G>,
        ),
    ]
}

fn instance_profiles() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreateInstanceProfile",
            |tx, c, i| instance_profile::access(tx, c, "iam:CreateInstanceProfile", i),
            instance_profile::create,
        ),
        Operation::read(
            "GetInstanceProfile",
            |tx, c, i| instance_profile::access(tx, c, "iam:GetInstanceProfile", i),
            instance_profile::get,
        ),
        Operation::write(
            "DeleteInstanceProfile",
            |tx, c, i| instance_profile::access(tx, c, "iam:DeleteInstanceProfile", i),
            instance_profile::delete,
        ),
        Operation::write(
            "AddRoleToInstanceProfile",
            instance_profile::add_role_access,
            instance_profile::add_role,
        ),
        Operation::write(
            "RemoveRoleFromInstanceProfile",
            |tx, c, i| instance_profile::access(tx, c, "iam:RemoveRoleFromInstanceProfile", i),
            instance_profile::remove_role,
        ),
        Operation::read(
            "ListInstanceProfiles",
            |_, _, _| on_all("iam:ListInstanceProfiles"),
            instance_profile::list,
        ),
        Operation::read(
            "ListInstanceProfilesForRole",
            |tx, c, i| {
                on::<RoleRecord>(
                    tx,
                    c,
                    "iam:ListInstanceProfilesForRole",
                    i.role_name.as_deref(),
                )
            },
            instance_profile::list_for_role,
        ),
        Operation::write(
            "TagInstanceProfile",
            |tx, c, i| instance_profile::tag_access(tx, c, "iam:TagInstanceProfile", i),
            instance_profile::tag,
        ),
        Operation::write(
            "UntagInstanceProfile",
            |tx, c, i| instance_profile::tag_access(tx, c, "iam:UntagInstanceProfile", i),
            instance_profile::untag,
        ),
        Operation::read(
            "ListInstanceProfileTags",
            |tx, c, i| instance_profile::tag_access(tx, c, "iam:ListInstanceProfileTags", i),
            instance_profile::list_tags,
        ),
    ]
}

fn whole_account() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreateServiceLinkedRole",
            service_linked::create_access,
            service_linked::create,
        ),
        Operation::write(
            "DeleteServiceLinkedRole",
            |tx, c, i: &HolderInput| {
                on::<RoleRecord>(tx, c, "iam:DeleteServiceLinkedRole", i.name.as_deref())
            },
            service_linked::delete,
        ),
        Operation::read(
            "GetServiceLinkedRoleDeletionStatus",
            |_, _, _| on_all("iam:GetServiceLinkedRoleDeletionStatus"),
            service_linked::deletion_status,
        ),
        Operation::write(
            "CreateAccountAlias",
            |_, _, _| on_all("iam:CreateAccountAlias"),
            account::create_alias,
        ),
        Operation::write(
            "DeleteAccountAlias",
            |_, _, _| on_all("iam:DeleteAccountAlias"),
            account::delete_alias,
        ),
        Operation::read(
            "ListAccountAliases",
            |_, _, _| on_all("iam:ListAccountAliases"),
            account::list_aliases,
        ),
        Operation::read(
            "GetAccountSummary",
            |_, _, _| on_all("iam:GetAccountSummary"),
            account::get_summary,
        ),
        Operation::read(
            "GetAccountAuthorizationDetails",
            |_, _, _| on_all("iam:GetAccountAuthorizationDetails"),
            account::get_authorization_details,
        ),
        Operation::read(
            "SimulateCustomPolicy",
            |_, _, _| on_all("iam:SimulateCustomPolicy"),
            simulate::simulate_custom,
        ),
        Operation::read(
            "SimulatePrincipalPolicy",
            simulate::principal_access,
            simulate::simulate_principal,
        ),
        Operation::read(
            "GetContextKeysForCustomPolicy",
            |_, _, _| on_all("iam:GetContextKeysForCustomPolicy"),
            simulate::context_keys_custom,
        ),
        Operation::read(
            "GetContextKeysForPrincipalPolicy",
            |_, _, i: &super::api::SimulateInput| {
                Ok(vec![Access::new(
                    "iam:GetContextKeysForPrincipalPolicy",
                    i.policy_source_arn.as_deref().unwrap_or_default(),
                )])
            },
            simulate::context_keys_principal,
        ),
    ]
}
