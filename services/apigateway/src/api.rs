//! Inputs and outputs, under their wire names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::state::{ApiStage, CanarySettings, EndpointConfiguration, Quota, Texts, Throttle};

/// Templates by content type; one that is null is empty.
fn templates<'de, D: serde::Deserializer<'de>>(given: D) -> Result<Texts, D::Error> {
    let given = BTreeMap::<String, Option<String>>::deserialize(given)?;
    let given = given.into_iter();
    Ok(given
        .map(|(media_type, template)| (media_type, template.unwrap_or_default()))
        .collect())
}

/// A page of a list: `item` on the wire.
#[derive(Debug, Serialize)]
pub(super) struct Items<T> {
    pub(super) items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) position: Option<String>,
}

/// An answer without members.
#[derive(Debug, Serialize)]
pub(super) struct Nothing {}

/// Names one thing, or a list, by whatever path labels the operation has.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Target {
    pub(super) rest_api_id: String,
    pub(super) resource_id: String,
    pub(super) http_method: String,
    pub(super) status_code: String,
    pub(super) model_name: String,
    pub(super) request_validator_id: String,
    pub(super) deployment_id: String,
    pub(super) stage_name: String,
    pub(super) usage_plan_id: String,
    pub(super) key_id: String,
    pub(super) api_key: String,
    pub(super) response_type: String,
    pub(super) authorizer_id: String,
    pub(super) resource_arn: String,
    /// `methods`: more than names.
    pub(super) embed: Vec<String>,
    pub(super) flatten: bool,
    pub(super) name_query: Option<String>,
    pub(super) customer_id: Option<String>,
    pub(super) start_date: String,
    pub(super) end_date: String,
    pub(super) include_value: Option<bool>,
    pub(super) include_values: Option<bool>,
    pub(super) position: Option<String>,
    pub(super) limit: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PatchOperation {
    pub(super) op: Option<String>,
    pub(super) path: Option<String>,
    pub(super) value: Option<String>,
    /// Where a `copy` takes its value from.
    pub(super) from: Option<String>,
}

/// A PATCH of what `target` names.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Patch {
    #[serde(flatten)]
    pub(super) target: Target,
    #[serde(default)]
    pub(super) patch_operations: Vec<PatchOperation>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateRestApiInput {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) version: Option<String>,
    pub(super) clone_from: Option<String>,
    #[serde(default)]
    pub(super) binary_media_types: Vec<String>,
    pub(super) minimum_compression_size: Option<i64>,
    pub(super) api_key_source: Option<String>,
    pub(super) endpoint_configuration: Option<EndpointConfiguration>,
    pub(super) policy: Option<String>,
    #[serde(default)]
    pub(super) tags: Texts,
    #[serde(default)]
    pub(super) disable_execute_api_endpoint: bool,
}

/// What ImportRestApi and PutRestApi send.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ImportRestApiInput {
    pub(super) rest_api_id: String,
    /// `merge` or `overwrite`.
    pub(super) mode: Option<String>,
    pub(super) fail_on_warnings: bool,
    pub(super) parameters: Texts,
    /// The document, in base64.
    pub(super) body: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExportInput {
    pub(super) rest_api_id: String,
    pub(super) stage_name: String,
    pub(super) export_type: String,
    pub(super) parameters: Texts,
    pub(super) accepts: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Export {
    pub(super) content_type: String,
    pub(super) content_disposition: String,
    /// The document, in base64.
    pub(super) body: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateResourceInput {
    pub(super) rest_api_id: String,
    pub(super) parent_id: String,
    pub(super) path_part: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutMethodInput {
    pub(super) rest_api_id: String,
    pub(super) resource_id: String,
    pub(super) http_method: String,
    pub(super) authorization_type: String,
    pub(super) authorizer_id: Option<String>,
    #[serde(default)]
    pub(super) api_key_required: bool,
    pub(super) operation_name: Option<String>,
    #[serde(default)]
    pub(super) request_parameters: BTreeMap<String, bool>,
    #[serde(default)]
    pub(super) request_models: Texts,
    pub(super) request_validator_id: Option<String>,
    #[serde(default)]
    pub(super) authorization_scopes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutMethodResponseInput {
    #[serde(flatten)]
    pub(super) target: Target,
    pub(super) response_parameters: Option<BTreeMap<String, bool>>,
    pub(super) response_models: Option<Texts>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutIntegrationInput {
    #[serde(flatten)]
    pub(super) target: Target,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) integration_http_method: Option<String>,
    pub(super) uri: Option<String>,
    pub(super) connection_type: Option<String>,
    pub(super) connection_id: Option<String>,
    pub(super) credentials: Option<String>,
    #[serde(default)]
    pub(super) request_parameters: Texts,
    #[serde(default, deserialize_with = "templates")]
    pub(super) request_templates: Texts,
    pub(super) passthrough_behavior: Option<String>,
    pub(super) cache_namespace: Option<String>,
    #[serde(default)]
    pub(super) cache_key_parameters: Vec<String>,
    pub(super) content_handling: Option<String>,
    pub(super) timeout_in_millis: Option<i64>,
    pub(super) tls_config: Option<serde_json::Value>,
    pub(super) response_transfer_mode: Option<String>,
    pub(super) integration_target: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutIntegrationResponseInput {
    #[serde(flatten)]
    pub(super) target: Target,
    pub(super) selection_pattern: Option<String>,
    #[serde(default)]
    pub(super) response_parameters: Texts,
    #[serde(default, deserialize_with = "templates")]
    pub(super) response_templates: Texts,
    pub(super) content_handling: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateModelInput {
    pub(super) rest_api_id: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) schema: Option<String>,
    pub(super) content_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateRequestValidatorInput {
    pub(super) rest_api_id: String,
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) validate_request_body: bool,
    #[serde(default)]
    pub(super) validate_request_parameters: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateDeploymentInput {
    pub(super) rest_api_id: String,
    pub(super) stage_name: Option<String>,
    pub(super) stage_description: Option<String>,
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) variables: Texts,
    pub(super) canary_settings: Option<CanarySettings>,
    #[serde(default)]
    pub(super) cache_cluster_enabled: bool,
    #[serde(default)]
    pub(super) tracing_enabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateStageInput {
    pub(super) rest_api_id: String,
    pub(super) stage_name: String,
    pub(super) deployment_id: String,
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) cache_cluster_enabled: bool,
    #[serde(default)]
    pub(super) variables: Texts,
    pub(super) documentation_version: Option<String>,
    pub(super) canary_settings: Option<CanarySettings>,
    #[serde(default)]
    pub(super) tracing_enabled: bool,
    #[serde(default)]
    pub(super) tags: Texts,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateUsagePlanInput {
    pub(super) name: String,
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) api_stages: Vec<ApiStage>,
    pub(super) throttle: Option<Throttle>,
    pub(super) quota: Option<Quota>,
    #[serde(default)]
    pub(super) tags: Texts,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateApiKeyInput {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) enabled: bool,
    pub(super) value: Option<String>,
    pub(super) customer_id: Option<String>,
    #[serde(default)]
    pub(super) tags: Texts,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateUsagePlanKeyInput {
    pub(super) usage_plan_id: String,
    pub(super) key_id: String,
    pub(super) key_type: String,
}

#[derive(Debug, Serialize)]
pub(super) struct UsagePlanKey {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutGatewayResponseInput {
    pub(super) rest_api_id: String,
    pub(super) response_type: String,
    pub(super) status_code: Option<String>,
    #[serde(default)]
    pub(super) response_parameters: Texts,
    #[serde(default, deserialize_with = "templates")]
    pub(super) response_templates: Texts,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagResourceInput {
    pub(super) resource_arn: String,
    #[serde(default)]
    pub(super) tags: Texts,
    #[serde(default)]
    pub(super) tag_keys: Vec<String>,
}

/// What TestInvokeMethod and TestInvokeAuthorizer send.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TestInvokeInput {
    pub(super) rest_api_id: String,
    pub(super) resource_id: String,
    pub(super) http_method: String,
    pub(super) authorizer_id: String,
    pub(super) path_with_query_string: Option<String>,
    pub(super) body: Option<String>,
    pub(super) headers: Texts,
    pub(super) multi_value_headers: BTreeMap<String, Vec<String>>,
    pub(super) stage_variables: Texts,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateAuthorizerInput {
    pub(super) rest_api_id: String,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) auth_type: Option<String>,
    pub(super) authorizer_uri: Option<String>,
    pub(super) authorizer_credentials: Option<String>,
    pub(super) identity_source: Option<String>,
    pub(super) identity_validation_expression: Option<String>,
    pub(super) authorizer_result_ttl_in_seconds: Option<i64>,
}

/// A key's requests by day: `[used, remaining]`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Usage {
    pub(super) usage_plan_id: String,
    pub(super) start_date: String,
    pub(super) end_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) position: Option<String>,
    pub(super) items: BTreeMap<String, Vec<[i64; 2]>>,
}
