//! Inputs of CloudFormation's operations, with their wire names.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ParameterInput {
    pub(super) parameter_key: Option<String>,
    pub(super) parameter_value: Option<String>,
    pub(super) use_previous_value: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagInput {
    pub(super) key: String,
    pub(super) value: String,
}

/// The members that CreateStack, UpdateStack and CreateChangeSet share.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SettingsInput {
    pub(super) template_body: Option<String>,
    #[serde(rename = "TemplateURL")]
    pub(super) template_url: Option<String>,
    pub(super) use_previous_template: Option<bool>,
    pub(super) parameters: Option<Vec<ParameterInput>>,
    pub(super) capabilities: Option<Vec<String>>,
    pub(super) resource_types: Option<Vec<String>>,
    #[serde(rename = "RoleARN")]
    pub(super) role_arn: Option<String>,
    pub(super) tags: Option<Vec<TagInput>>,
    #[serde(rename = "NotificationARNs")]
    pub(super) notification_arns: Option<Vec<String>>,
    pub(super) rollback_configuration: Option<Value>,
    /// What the edge fetched for the template's `AWS::Include`s, by location: no member of the request.
    #[serde(rename = "cumulet:snippets")]
    pub(super) included_snippets: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateStackInput {
    pub(super) stack_name: String,
    #[serde(flatten)]
    pub(super) settings: SettingsInput,
    pub(super) disable_rollback: Option<bool>,
    pub(super) timeout_in_minutes: Option<i64>,
    pub(super) on_failure: Option<String>,
    pub(super) stack_policy_body: Option<String>,
    #[serde(rename = "StackPolicyURL")]
    pub(super) stack_policy_url: Option<String>,
    pub(super) client_request_token: Option<String>,
    pub(super) enable_termination_protection: Option<bool>,
    pub(super) retain_except_on_create: Option<bool>,
    pub(super) deployment_config: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateStackInput {
    pub(super) stack_name: String,
    #[serde(flatten)]
    pub(super) settings: SettingsInput,
    pub(super) disable_rollback: Option<bool>,
    pub(super) stack_policy_body: Option<String>,
    #[serde(rename = "StackPolicyURL")]
    pub(super) stack_policy_url: Option<String>,
    pub(super) stack_policy_during_update_body: Option<String>,
    #[serde(rename = "StackPolicyDuringUpdateURL")]
    pub(super) stack_policy_during_update_url: Option<String>,
    pub(super) client_request_token: Option<String>,
    pub(super) retain_except_on_create: Option<bool>,
    pub(super) deployment_config: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateChangeSetInput {
    pub(super) stack_name: String,
    pub(super) change_set_name: String,
    #[serde(flatten)]
    pub(super) settings: SettingsInput,
    pub(super) change_set_type: Option<String>,
    pub(super) description: Option<String>,
    pub(super) include_nested_stacks: Option<bool>,
    pub(super) on_stack_failure: Option<String>,
    pub(super) import_existing_resources: Option<bool>,
    pub(super) resources_to_import: Option<Vec<Value>>,
    pub(super) deployment_mode: Option<String>,
    pub(super) deployment_config: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeSetInput {
    pub(super) change_set_name: String,
    pub(super) stack_name: Option<String>,
    pub(super) next_token: Option<String>,
    pub(super) include_property_values: Option<bool>,
    pub(super) client_request_token: Option<String>,
    pub(super) disable_rollback: Option<bool>,
    pub(super) retain_except_on_create: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteStackInput {
    pub(super) stack_name: String,
    pub(super) retain_resources: Option<Vec<String>>,
    #[serde(rename = "RoleARN")]
    pub(super) role_arn: Option<String>,
    pub(super) client_request_token: Option<String>,
    pub(super) deletion_mode: Option<String>,
}

/// What most of the remaining operations take.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StackInput {
    pub(super) stack_name: Option<String>,
    pub(super) logical_resource_id: Option<String>,
    pub(super) physical_resource_id: Option<String>,
    pub(super) next_token: Option<String>,
    pub(super) stack_status_filter: Option<Vec<String>>,
    pub(super) export_name: Option<String>,
    pub(super) change_set_name: Option<String>,
    pub(super) enable_termination_protection: Option<bool>,
    pub(super) stack_policy_body: Option<String>,
    #[serde(rename = "StackPolicyURL")]
    pub(super) stack_policy_url: Option<String>,
    #[serde(rename = "RoleARN")]
    pub(super) role_arn: Option<String>,
    pub(super) client_request_token: Option<String>,
    pub(super) resources_to_skip: Option<Vec<String>>,
    pub(super) template_stage: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TemplateInput {
    pub(super) template_body: Option<String>,
    #[serde(rename = "TemplateURL")]
    pub(super) template_url: Option<String>,
    pub(super) stack_name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EventsInput {
    pub(super) stack_name: Option<String>,
    pub(super) change_set_name: Option<String>,
    pub(super) operation_id: Option<String>,
    pub(super) filters: Option<EventFilter>,
    pub(super) next_token: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EventFilter {
    pub(super) failed_events: Option<bool>,
}
