//! Stored records. Field names are the wire's, so most records are also answers.

use std::collections::BTreeMap;

use cumulet_wire::Timestamp;
use serde::{Deserialize, Serialize};

mod store;

pub(crate) use store::TABLES;
pub(super) use store::{
    Place, USAGE, USAGE_EXTENSIONS, account, api, api_key, api_keys, apis, authorizer_flushes,
    count_authorizer_flush, delete_api, delete_api_key, delete_deployment, delete_stage,
    delete_usage_plan, deployment, deployments, forget_stages, owner, save_account, save_api,
    save_api_key, save_deployment, save_stage, save_usage_plan, stage, stages, usage_plan,
    usage_plans,
};

/// Text by text: parameters, templates, variables, tags.
pub(super) type Texts = BTreeMap<String, String>;

/// A REST API as it is being edited; a deployment is a copy of its definition.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Api {
    pub(super) settings: RestApi,
    pub(super) definition: Definition,
}

/// What a deployment freezes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Definition {
    pub(super) resources: BTreeMap<String, Resource>,
    pub(super) models: BTreeMap<String, Model>,
    pub(super) validators: BTreeMap<String, RequestValidator>,
    pub(super) gateway_responses: BTreeMap<String, GatewayResponse>,
    pub(super) authorizers: BTreeMap<String, Authorizer>,
    pub(super) binary_media_types: Vec<String>,
    pub(super) api_key_source: String,
    pub(super) policy: Option<String>,
    pub(super) name: String,
    pub(super) disable_execute_api_endpoint: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RestApi {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    pub(super) created_date: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) binary_media_types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) minimum_compression_size: Option<i64>,
    pub(super) api_key_source: String,
    pub(super) endpoint_configuration: EndpointConfiguration,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) policy: Option<String>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(super) tags: Texts,
    pub(super) disable_execute_api_endpoint: bool,
    pub(super) root_resource_id: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct EndpointConfiguration {
    pub(super) types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ip_address_type: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) vpc_endpoint_ids: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Resource {
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path_part: Option<String>,
    pub(super) path: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) resource_methods: BTreeMap<String, Method>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Method {
    pub(super) http_method: String,
    pub(super) authorization_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authorizer_id: Option<String>,
    pub(super) api_key_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_validator_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) operation_name: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) request_parameters: BTreeMap<String, bool>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(super) request_models: Texts,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) method_responses: BTreeMap<String, MethodResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) method_integration: Option<Integration>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) authorization_scopes: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct MethodResponse {
    pub(super) status_code: String,
    /// Given as empty it is shown as empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_parameters: Option<BTreeMap<String, bool>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_models: Option<Texts>,
}

impl MethodResponse {
    /// `method.response.header.name`
    pub(super) fn parameters(&self) -> impl Iterator<Item = &String> {
        let parameters = self.response_parameters.iter();
        parameters.flat_map(|parameters| parameters.keys())
    }

    /// Model by content type.
    pub(super) fn models(&self) -> impl Iterator<Item = (&String, &String)> {
        self.response_models.iter().flatten()
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Integration {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) http_method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connection_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connection_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) credentials: Option<String>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(super) request_parameters: Texts,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(super) request_templates: Texts,
    pub(super) passthrough_behavior: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_handling: Option<String>,
    pub(super) timeout_in_millis: i64,
    pub(super) cache_namespace: String,
    pub(super) cache_key_parameters: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) integration_responses: BTreeMap<String, IntegrationResponse>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct IntegrationResponse {
    pub(super) status_code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selection_pattern: Option<String>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(super) response_parameters: Texts,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(super) response_templates: Texts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_handling: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Model {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) schema: Option<String>,
    pub(super) content_type: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RequestValidator {
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) validate_request_body: bool,
    pub(super) validate_request_parameters: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Authorizer {
    pub(super) id: String,
    pub(super) name: String,
    /// `TOKEN` or `REQUEST`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authorizer_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authorizer_credentials: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identity_source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identity_validation_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authorizer_result_ttl_in_seconds: Option<i64>,
}

impl Authorizer {
    /// How long its answers are kept.
    pub(super) fn ttl_s(&self) -> i64 {
        const DEFAULT_S: i64 = 300;
        self.authorizer_result_ttl_in_seconds.unwrap_or(DEFAULT_S)
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct GatewayResponse {
    pub(super) response_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status_code: Option<String>,
    pub(super) response_parameters: Texts,
    pub(super) response_templates: Texts,
    pub(super) default_response: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) description: Option<String>,
    pub(super) created_date: Timestamp,
    pub(super) definition: Definition,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Stage {
    pub(super) deployment_id: String,
    pub(super) stage_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    pub(super) cache_cluster_enabled: bool,
    pub(super) cache_cluster_status: String,
    pub(super) method_settings: BTreeMap<String, MethodSetting>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(super) variables: Texts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) documentation_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) access_log_settings: Option<AccessLogSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) canary_settings: Option<CanarySettings>,
    pub(super) tracing_enabled: bool,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(super) tags: Texts,
    pub(super) created_date: Timestamp,
    pub(super) last_updated_date: Timestamp,
}

/// A share of a stage's traffic that goes to another deployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct CanarySettings {
    pub(super) percent_traffic: f64,
    pub(super) deployment_id: String,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(super) stage_variable_overrides: Texts,
    pub(super) use_stage_cache: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AccessLogSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) destination_arn: Option<String>,
}

/// Settings of a stage for one method, or for all (`*/*`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct MethodSetting {
    pub(super) metrics_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logging_level: Option<String>,
    pub(super) data_trace_enabled: bool,
    pub(super) throttling_burst_limit: i64,
    pub(super) throttling_rate_limit: f64,
    pub(super) caching_enabled: bool,
    pub(super) cache_ttl_in_seconds: i64,
    pub(super) cache_data_encrypted: bool,
    pub(super) require_authorization_for_cache_control: bool,
    pub(super) unauthorized_cache_control_header_strategy: String,
}

impl Default for MethodSetting {
    fn default() -> Self {
        Self {
            metrics_enabled: false,
            logging_level: None,
            data_trace_enabled: false,
            throttling_burst_limit: 5000,
            throttling_rate_limit: 10_000.0,
            caching_enabled: false,
            cache_ttl_in_seconds: 300,
            cache_data_encrypted: false,
            require_authorization_for_cache_control: true,
            unauthorized_cache_control_header_strategy: "SUCCEED_WITH_RESPONSE_HEADER".to_owned(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Throttle {
    pub(super) burst_limit: i64,
    pub(super) rate_limit: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Quota {
    pub(super) limit: i64,
    pub(super) offset: i64,
    /// `DAY`, `WEEK` or `MONTH`.
    pub(super) period: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ApiStage {
    pub(super) api_id: String,
    pub(super) stage: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) throttle: BTreeMap<String, Throttle>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct UsagePlan {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    pub(super) api_stages: Vec<ApiStage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) throttle: Option<Throttle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quota: Option<Quota>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(super) tags: Texts,
}

/// A usage plan and the keys in it, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct StoredPlan {
    pub(super) plan: UsagePlan,
    pub(super) key_ids: Vec<String>,
    /// When the quota came into force: its offset is taken from the first period alone.
    #[serde(default)]
    pub(super) quota_since: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ApiKey {
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) customer_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    pub(super) enabled: bool,
    pub(super) created_date: Timestamp,
    pub(super) last_updated_date: Timestamp,
    pub(super) stage_keys: Vec<String>,
    #[serde(skip_serializing_if = "Texts::is_empty")]
    pub(super) tags: Texts,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) cloudwatch_role_arn: Option<String>,
}
