//! The OPERATIONS table.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_engine::operation::Operation;
use cumulet_kernel::Tx;

use super::api::{HolderInput, SimulateInput};
use super::holder::{self, Holder};
use super::state::{GroupRecord, RoleRecord, UserRecord};
use super::{
    access_key, account, attach, group, instance_profile, managed_policy, mfa, oidc, password,
    report, role, service_linked, simulate, tags, user,
};

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    let tables = [
        roles(),
        holding::<RoleRecord>(ROLE_POLICY_NAMES),
        bounded::<RoleRecord>([
            "PutRolePermissionsBoundary",
            "DeleteRolePermissionsBoundary",
        ]),
        tagged::<RoleRecord>(["TagRole", "UntagRole", "ListRoleTags"]),
        service_linked_roles(),
        users(),
        holding::<UserRecord>(USER_POLICY_NAMES),
        bounded::<UserRecord>([
            "PutUserPermissionsBoundary",
            "DeleteUserPermissionsBoundary",
        ]),
        tagged::<UserRecord>(["TagUser", "UntagUser", "ListUserTags"]),
        access_keys(),
        passwords(),
        mfa_devices(),
        mfa_device_tags(),
        oidc_providers(),
        groups(),
        holding::<GroupRecord>(GROUP_POLICY_NAMES),
        policies(),
        policy_versions(),
        instance_profiles(),
        instance_profile_tags(),
        whole_account(),
        simulator(),
    ];
    tables.into_iter().flatten().collect()
}

fn on_all(action: &str) -> Result<Vec<Access>> {
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

/// Operations on the policies of a holder: put, get, delete and list inline ones, attach, detach and
/// list managed ones.
type PolicyNames = [&'static str; 7];

const ROLE_POLICY_NAMES: PolicyNames = [
    "PutRolePolicy",
    "GetRolePolicy",
    "DeleteRolePolicy",
    "ListRolePolicies",
    "AttachRolePolicy",
    "DetachRolePolicy",
    "ListAttachedRolePolicies",
];

const USER_POLICY_NAMES: PolicyNames = [
    "PutUserPolicy",
    "GetUserPolicy",
    "DeleteUserPolicy",
    "ListUserPolicies",
    "AttachUserPolicy",
    "DetachUserPolicy",
    "ListAttachedUserPolicies",
];

const GROUP_POLICY_NAMES: PolicyNames = [
    "PutGroupPolicy",
    "GetGroupPolicy",
    "DeleteGroupPolicy",
    "ListGroupPolicies",
    "AttachGroupPolicy",
    "DetachGroupPolicy",
    "ListAttachedGroupPolicies",
];

fn holding<H: Holder + 'static>(names: PolicyNames) -> Vec<Operation> {
    let [put, get, delete, list, attach, detach, list_attached] = names;
    vec![
        Operation::write(
            put,
            |tx, c, i| attach::inline_access::<H>(tx, c, "Put", &i.name),
            attach::put_inline::<H>,
        ),
        Operation::read(
            get,
            |tx, c, i| attach::inline_access::<H>(tx, c, "Get", &i.name),
            attach::get_inline::<H>,
        ),
        Operation::write(
            delete,
            |tx, c, i| attach::inline_access::<H>(tx, c, "Delete", &i.name),
            attach::delete_inline::<H>,
        ),
        Operation::read(
            list,
            |tx, c, i| attach::list_access::<H>(tx, c, "List", i),
            attach::list_inline::<H>,
        ),
        Operation::write(
            attach,
            |tx, c, i| attach::attach_access::<H>(tx, c, "Attach", i),
            attach::attach::<H>,
        ),
        Operation::write(
            detach,
            |tx, c, i| attach::attach_access::<H>(tx, c, "Detach", i),
            attach::detach::<H>,
        ),
        Operation::read(
            list_attached,
            |tx, c, i| attach::list_access::<H>(tx, c, "ListAttached", i),
            attach::list_attached::<H>,
        ),
    ]
}

fn bounded<H: Holder + 'static>([put, delete]: [&'static str; 2]) -> Vec<Operation> {
    vec![
        Operation::write(
            put,
            |tx, c, i| attach::boundary_access::<H>(tx, c, "Put", i),
            attach::put_boundary::<H>,
        ),
        Operation::write(
            delete,
            |tx, c, i| attach::boundary_access::<H>(tx, c, "Delete", i),
            attach::delete_boundary::<H>,
        ),
    ]
}

fn tagged<H: Holder + 'static>([tag, untag, list]: [&'static str; 3]) -> Vec<Operation> {
    vec![
        Operation::write(
            tag,
            |tx, c, i| tags::holder_access::<H>(tx, c, "Tag", i),
            tags::tag_holder::<H>,
        ),
        Operation::write(
            untag,
            |tx, c, i| tags::holder_access::<H>(tx, c, "Untag", i),
            tags::untag_holder::<H>,
        ),
        Operation::read(
            list,
            |tx, c, i| tags::holder_access::<H>(tx, c, "List", i),
            tags::list_holder_tags::<H>,
        ),
    ]
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
    ]
}

fn service_linked_roles() -> Vec<Operation> {
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
    ]
}

fn access_keys() -> Vec<Operation> {
    type U = UserRecord;
    vec![
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
        Operation::read(
            "GetAccessKeyLastUsed",
            access_key::use_access,
            access_key::get_access_key_last_used,
        ),
        Operation::write(
            "DeleteAccessKey",
            |tx, c, i| on::<U>(tx, c, "iam:DeleteAccessKey", i.user_name.as_deref()),
            access_key::delete_access_key,
        ),
    ]
}

fn passwords() -> Vec<Operation> {
    type U = UserRecord;
    vec![
        Operation::write(
            "UpdateAccountPasswordPolicy",
            |_, _, _| on_all("iam:UpdateAccountPasswordPolicy"),
            password::update_policy,
        ),
        Operation::read(
            "GetAccountPasswordPolicy",
            |_, _, _| on_all("iam:GetAccountPasswordPolicy"),
            password::get_policy,
        ),
        Operation::write(
            "DeleteAccountPasswordPolicy",
            |_, _, _| on_all("iam:DeleteAccountPasswordPolicy"),
            password::delete_policy,
        ),
        Operation::write(
            "CreateLoginProfile",
            |tx, c, i| on::<U>(tx, c, "iam:CreateLoginProfile", i.user_name.as_deref()),
            password::create_profile,
        ),
        Operation::read(
            "GetLoginProfile",
            |tx, c, i| on::<U>(tx, c, "iam:GetLoginProfile", i.user_name.as_deref()),
            password::get_profile,
        ),
        Operation::write(
            "UpdateLoginProfile",
            |tx, c, i| on::<U>(tx, c, "iam:UpdateLoginProfile", i.user_name.as_deref()),
            password::update_profile,
        ),
        Operation::write(
            "DeleteLoginProfile",
            |tx, c, i| on::<U>(tx, c, "iam:DeleteLoginProfile", i.user_name.as_deref()),
            password::delete_profile,
        ),
        Operation::write(
            "ChangePassword",
            password::change_access,
            password::change_password,
        ),
    ]
}

fn mfa_devices() -> Vec<Operation> {
    type U = UserRecord;
    vec![
        Operation::write("CreateVirtualMFADevice", mfa::create_access, mfa::create),
        Operation::write(
            "DeleteVirtualMFADevice",
            |_, c, i| mfa::access(c, "iam:DeleteVirtualMFADevice", i),
            mfa::delete,
        ),
        Operation::read(
            "ListVirtualMFADevices",
            |_, c, i| mfa::access(c, "iam:ListVirtualMFADevices", i),
            mfa::list_virtual,
        ),
        Operation::write(
            "EnableMFADevice",
            |tx, c, i| on::<U>(tx, c, "iam:EnableMFADevice", i.user_name.as_deref()),
            mfa::enable,
        ),
        Operation::write(
            "DeactivateMFADevice",
            |tx, c, i| on::<U>(tx, c, "iam:DeactivateMFADevice", i.user_name.as_deref()),
            mfa::deactivate,
        ),
        Operation::write(
            "ResyncMFADevice",
            |tx, c, i| on::<U>(tx, c, "iam:ResyncMFADevice", i.user_name.as_deref()),
            mfa::resync,
        ),
        Operation::read(
            "ListMFADevices",
            |tx, c, i| on::<U>(tx, c, "iam:ListMFADevices", i.user_name.as_deref()),
            mfa::list,
        ),
        Operation::read(
            "GetMFADevice",
            |tx, c, i| on::<U>(tx, c, "iam:GetMFADevice", i.user_name.as_deref()),
            mfa::get,
        ),
    ]
}

fn mfa_device_tags() -> Vec<Operation> {
    vec![
        Operation::write(
            "TagMFADevice",
            |_, c, i| mfa::access(c, "iam:TagMFADevice", i),
            mfa::tag,
        ),
        Operation::write(
            "UntagMFADevice",
            |_, c, i| mfa::access(c, "iam:UntagMFADevice", i),
            mfa::untag,
        ),
        Operation::read(
            "ListMFADeviceTags",
            |_, c, i| mfa::access(c, "iam:ListMFADeviceTags", i),
            mfa::list_tags,
        ),
    ]
}

fn oidc_providers() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreateOpenIDConnectProvider",
            oidc::create_access,
            oidc::create,
        ),
        Operation::read(
            "GetOpenIDConnectProvider",
            |_, _, i| oidc::access("iam:GetOpenIDConnectProvider", i),
            oidc::get,
        ),
        Operation::write(
            "DeleteOpenIDConnectProvider",
            |_, _, i| oidc::access("iam:DeleteOpenIDConnectProvider", i),
            oidc::delete,
        ),
        Operation::read(
            "ListOpenIDConnectProviders",
            |_, _, _| on_all("iam:ListOpenIDConnectProviders"),
            oidc::list,
        ),
        Operation::write(
            "AddClientIDToOpenIDConnectProvider",
            |_, _, i| oidc::access("iam:AddClientIDToOpenIDConnectProvider", i),
            oidc::add_client,
        ),
        Operation::write(
            "RemoveClientIDFromOpenIDConnectProvider",
            |_, _, i| oidc::access("iam:RemoveClientIDFromOpenIDConnectProvider", i),
            oidc::remove_client,
        ),
        Operation::write(
            "UpdateOpenIDConnectProviderThumbprint",
            |_, _, i| oidc::access("iam:UpdateOpenIDConnectProviderThumbprint", i),
            oidc::update_thumbprints,
        ),
        Operation::write(
            "TagOpenIDConnectProvider",
            |_, _, i| oidc::access("iam:TagOpenIDConnectProvider", i),
            oidc::tag,
        ),
        Operation::write(
            "UntagOpenIDConnectProvider",
            |_, _, i| oidc::access("iam:UntagOpenIDConnectProvider", i),
            oidc::untag,
        ),
        Operation::read(
            "ListOpenIDConnectProviderTags",
            |_, _, i| oidc::access("iam:ListOpenIDConnectProviderTags", i),
            oidc::list_tags,
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

fn policy_versions() -> Vec<Operation> {
    vec![
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
    ]
}

fn instance_profile_tags() -> Vec<Operation> {
    vec![
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
        Operation::write(
            "GenerateCredentialReport",
            |_, _, _| on_all("iam:GenerateCredentialReport"),
            report::generate,
        ),
        Operation::read(
            "GetCredentialReport",
            |_, _, _| on_all("iam:GetCredentialReport"),
            report::get,
        ),
        Operation::read(
            "GetAccountAuthorizationDetails",
            |_, _, _| on_all("iam:GetAccountAuthorizationDetails"),
            account::get_authorization_details,
        ),
    ]
}

fn on_source(action: &str, input: &SimulateInput) -> Result<Vec<Access>> {
    let source = input.policy_source_arn.as_deref().unwrap_or_default();
    Ok(vec![Access::new(action, source)])
}

fn simulator() -> Vec<Operation> {
    vec![
        Operation::read(
            "SimulateCustomPolicy",
            |_, _, _| on_all("iam:SimulateCustomPolicy"),
            simulate::simulate_custom,
        ),
        Operation::read(
            "SimulatePrincipalPolicy",
            |_, _, i| on_source("iam:SimulatePrincipalPolicy", i),
            simulate::simulate_principal,
        ),
        Operation::read(
            "GetContextKeysForCustomPolicy",
            |_, _, _| on_all("iam:GetContextKeysForCustomPolicy"),
            simulate::context_keys_custom,
        ),
        Operation::read(
            "GetContextKeysForPrincipalPolicy",
            |_, _, i| on_source("iam:GetContextKeysForPrincipalPolicy", i),
            simulate::context_keys_principal,
        ),
    ]
}
