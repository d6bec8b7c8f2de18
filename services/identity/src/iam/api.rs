//! Inputs and outputs of IAM operations.
//!
//! Users, groups and roles share most operations; their inputs differ only in the name of the member
//! that names the holder, so one input serves all three.

pub(super) mod credentials;

use cumulet_kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::page::More;

/// A policy document as answers carry it: percent-encoded.
pub(super) fn encoded(document: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    utf8_percent_encode(document, UNRESERVED).to_string()
}

pub(super) fn seconds(time: Timestamp) -> i64 {
    time.seconds()
}

#[derive(Debug, Serialize)]
pub(super) struct NothingOutput {}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PageInput {
    pub(super) marker: Option<String>,
    pub(super) max_items: Option<usize>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

/// Names a user, group or role; absent for users: the caller.
#[derive(Debug, Default, Deserialize)]
pub(super) struct HolderInput {
    #[serde(default, rename = "RoleName", alias = "UserName", alias = "GroupName")]
    pub(super) name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct HolderPageInput {
    #[serde(default, rename = "RoleName", alias = "UserName", alias = "GroupName")]
    pub(super) name: Option<String>,
    #[serde(flatten)]
    pub(super) page: PageInput,
    #[serde(rename = "PathPrefix")]
    pub(super) path_prefix: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PathPageInput {
    pub(super) path_prefix: Option<String>,
    #[serde(flatten)]
    pub(super) page: PageInput,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InlinePolicyInput {
    #[serde(rename = "RoleName", alias = "UserName", alias = "GroupName")]
    pub(super) name: String,
    pub(super) policy_name: String,
    /// Only where one is put.
    #[serde(default)]
    pub(super) policy_document: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttachInput {
    #[serde(rename = "RoleName", alias = "UserName", alias = "GroupName")]
    pub(super) name: String,
    pub(super) policy_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BoundaryInput {
    #[serde(rename = "RoleName", alias = "UserName")]
    pub(super) name: String,
    pub(super) permissions_boundary: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListInlineOutput {
    pub(super) policy_names: Vec<String>,
    #[serde(flatten)]
    pub(super) more: More,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListAttachedOutput {
    pub(super) attached_policies: Vec<AttachedPolicy>,
    #[serde(flatten)]
    pub(super) more: More,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttachedPolicy {
    pub(super) policy_name: String,
    pub(super) policy_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PermissionsBoundary {
    pub(super) permissions_boundary_type: &'static str,
    pub(super) permissions_boundary_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagInput {
    #[serde(
        rename = "RoleName",
        alias = "UserName",
        alias = "PolicyArn",
        alias = "InstanceProfileName"
    )]
    pub(super) name: String,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    #[serde(default)]
    pub(super) tag_keys: Vec<String>,
    #[serde(flatten)]
    pub(super) page: PageInput,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTagsOutput {
    pub(super) tags: Vec<Tag>,
    #[serde(flatten)]
    pub(super) more: More,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateRoleInput {
    pub(super) path: Option<String>,
    pub(super) role_name: String,
    pub(super) assume_role_policy_document: String,
    pub(super) description: Option<String>,
    pub(super) max_session_duration: Option<u32>,
    pub(super) permissions_boundary: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RoleOutput {
    pub(super) role: Role,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Role {
    pub(super) path: String,
    pub(super) role_name: String,
    pub(super) role_id: String,
    pub(super) arn: String,
    pub(super) create_date: i64,
    pub(super) assume_role_policy_document: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_session_duration: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) permissions_boundary: Option<PermissionsBoundary>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<Tag>,
    /// Empty until the role was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role_last_used: Option<RoleLastUsed>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RoleLastUsed {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_used_date: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListRolesOutput {
    pub(super) roles: Vec<Role>,
    #[serde(flatten)]
    pub(super) more: More,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateRoleInput {
    pub(super) role_name: String,
    pub(super) description: Option<String>,
    pub(super) max_session_duration: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateAssumeRolePolicyInput {
    pub(super) role_name: String,
    pub(super) policy_document: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateServiceLinkedRoleInput {
    #[serde(rename = "AWSServiceName")]
    pub(super) aws_service_name: String,
    pub(super) description: Option<String>,
    pub(super) custom_suffix: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteServiceLinkedRoleOutput {
    pub(super) deletion_task_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeletionStatusInput {
    pub(super) deletion_task_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeletionStatusOutput {
    pub(super) status: &'static str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreatePolicyInput {
    pub(super) policy_name: String,
    pub(super) path: Option<String>,
    pub(super) policy_document: String,
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyArnInput {
    pub(super) policy_arn: String,
    #[serde(flatten)]
    pub(super) page: PageInput,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreatePolicyVersionInput {
    pub(super) policy_arn: String,
    pub(super) policy_document: String,
    #[serde(default)]
    pub(super) set_as_default: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyVersionInput {
    pub(super) policy_arn: String,
    pub(super) version_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyOutput {
    pub(super) policy: Policy,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Policy {
    pub(super) policy_name: String,
    pub(super) policy_id: String,
    pub(super) arn: String,
    pub(super) path: String,
    pub(super) default_version_id: String,
    pub(super) attachment_count: usize,
    pub(super) permissions_boundary_usage_count: usize,
    pub(super) is_attachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    pub(super) create_date: i64,
    pub(super) update_date: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tags: Option<Vec<Tag>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListPoliciesInput {
    pub(super) scope: Option<String>,
    #[serde(default)]
    pub(super) only_attached: bool,
    pub(super) path_prefix: Option<String>,
    pub(super) policy_usage_filter: Option<String>,
    #[serde(flatten)]
    pub(super) page: PageInput,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListPoliciesOutput {
    pub(super) policies: Vec<Policy>,
    #[serde(flatten)]
    pub(super) more: More,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyVersionOutput {
    pub(super) policy_version: PolicyVersion,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyVersion {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) document: Option<String>,
    pub(super) version_id: String,
    pub(super) is_default_version: bool,
    pub(super) create_date: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListPolicyVersionsOutput {
    pub(super) versions: Vec<PolicyVersion>,
    #[serde(flatten)]
    pub(super) more: More,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListEntitiesInput {
    pub(super) policy_arn: String,
    pub(super) entity_filter: Option<String>,
    pub(super) policy_usage_filter: Option<String>,
    #[serde(flatten)]
    pub(super) page: PageInput,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListEntitiesOutput {
    pub(super) policy_groups: Vec<serde_json::Value>,
    pub(super) policy_users: Vec<serde_json::Value>,
    pub(super) policy_roles: Vec<serde_json::Value>,
    pub(super) is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) marker: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateUserInput {
    pub(super) path: Option<String>,
    pub(super) user_name: String,
    pub(super) permissions_boundary: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UserOutput {
    pub(super) user: User,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct User {
    pub(super) path: String,
    pub(super) user_name: String,
    pub(super) user_id: String,
    pub(super) arn: String,
    pub(super) create_date: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) permissions_boundary: Option<PermissionsBoundary>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<Tag>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListUsersOutput {
    pub(super) users: Vec<User>,
    #[serde(flatten)]
    pub(super) more: More,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateHolderInput {
    #[serde(rename = "UserName", alias = "GroupName")]
    pub(super) name: String,
    pub(super) new_path: Option<String>,
    #[serde(rename = "NewUserName", alias = "NewGroupName")]
    pub(super) new_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateGroupInput {
    pub(super) path: Option<String>,
    pub(super) group_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GroupOutput {
    pub(super) group: Group,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Group {
    pub(super) path: String,
    pub(super) group_name: String,
    pub(super) group_id: String,
    pub(super) arn: String,
    pub(super) create_date: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetGroupOutput {
    pub(super) group: Group,
    pub(super) users: Vec<User>,
    #[serde(flatten)]
    pub(super) more: More,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListGroupsOutput {
    pub(super) groups: Vec<Group>,
    #[serde(flatten)]
    pub(super) more: More,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MembershipInput {
    pub(super) group_name: String,
    pub(super) user_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccessKeyInput {
    pub(super) user_name: Option<String>,
    #[serde(default)]
    pub(super) access_key_id: String,
    pub(super) status: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateAccessKeyOutput {
    pub(super) access_key: AccessKey,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccessKey {
    pub(super) user_name: String,
    pub(super) access_key_id: String,
    pub(super) status: &'static str,
    pub(super) secret_access_key: String,
    pub(super) create_date: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListAccessKeysOutput {
    pub(super) access_key_metadata: Vec<AccessKeyMetadata>,
    #[serde(flatten)]
    pub(super) more: More,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccessKeyMetadata {
    pub(super) user_name: String,
    pub(super) access_key_id: String,
    pub(super) status: &'static str,
    pub(super) create_date: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InstanceProfileInput {
    #[serde(default)]
    pub(super) instance_profile_name: String,
    pub(super) path: Option<String>,
    pub(super) role_name: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    pub(super) path_prefix: Option<String>,
    #[serde(flatten)]
    pub(super) page: PageInput,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InstanceProfileOutput {
    pub(super) instance_profile: InstanceProfile,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InstanceProfile {
    pub(super) path: String,
    pub(super) instance_profile_name: String,
    pub(super) instance_profile_id: String,
    pub(super) arn: String,
    pub(super) create_date: i64,
    pub(super) roles: Vec<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tags: Option<Vec<Tag>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListInstanceProfilesOutput {
    pub(super) instance_profiles: Vec<InstanceProfile>,
    #[serde(flatten)]
    pub(super) more: More,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AliasInput {
    pub(super) account_alias: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListAccountAliasesOutput {
    pub(super) account_aliases: Vec<String>,
    pub(super) is_truncated: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccountSummaryOutput {
    pub(super) summary_map: std::collections::BTreeMap<&'static str, usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AuthorizationDetailsInput {
    #[serde(default)]
    pub(super) filter: Vec<String>,
    #[serde(flatten)]
    pub(super) page: PageInput,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SimulateInput {
    pub(super) policy_source_arn: Option<String>,
    #[serde(default)]
    pub(super) policy_input_list: Vec<String>,
    #[serde(default)]
    pub(super) permissions_boundary_policy_input_list: Vec<String>,
    #[serde(default)]
    pub(super) ordered_organization_policy_input_list: Vec<serde_json::Value>,
    #[serde(default)]
    pub(super) action_names: Vec<String>,
    #[serde(default)]
    pub(super) resource_arns: Vec<String>,
    pub(super) resource_policy: Option<String>,
    pub(super) resource_owner: Option<String>,
    pub(super) caller_arn: Option<String>,
    #[serde(default)]
    pub(super) context_entries: Vec<ContextEntry>,
    #[serde(flatten)]
    pub(super) page: PageInput,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ContextEntry {
    #[serde(default)]
    pub(super) context_key_name: String,
    #[serde(default)]
    pub(super) context_key_values: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SimulateOutput {
    pub(super) evaluation_results: Vec<EvaluationResult>,
    #[serde(flatten)]
    pub(super) more: More,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EvaluationResult {
    pub(super) eval_action_name: String,
    pub(super) eval_resource_name: String,
    pub(super) eval_decision: &'static str,
    pub(super) matched_statements: Vec<MatchedStatement>,
    pub(super) missing_context_values: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) permissions_boundary_decision_detail: Option<BoundaryDetail>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub(super) eval_decision_details: std::collections::BTreeMap<&'static str, &'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BoundaryDetail {
    pub(super) allowed_by_permissions_boundary: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MatchedStatement {
    pub(super) source_policy_id: String,
    pub(super) source_policy_type: &'static str,
    pub(super) start_position: Position,
    pub(super) end_position: Position,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ContextKeysOutput {
    pub(super) context_key_names: Vec<String>,
}
