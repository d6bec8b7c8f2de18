//! Inputs and outputs of Lambda's operations, with their wire names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `Code` of CreateFunction, or the same members of UpdateFunctionCode.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct CodeInput {
    pub(super) zip_file: Option<String>,
    #[serde(rename = "S3Bucket")]
    pub(super) s3_bucket: Option<String>,
    #[serde(rename = "S3Key")]
    pub(super) s3_key: Option<String>,
    #[serde(rename = "S3ObjectVersion")]
    pub(super) s3_object_version: Option<String>,
    pub(super) image_uri: Option<String>,
    #[serde(rename = "SourceKMSKeyArn")]
    pub(super) source_kms_key_arn: Option<String>,
}

/// What CreateFunction and UpdateFunctionConfiguration have in common.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ConfigurationInput {
    pub(super) role: Option<String>,
    pub(super) runtime: Option<String>,
    pub(super) handler: Option<String>,
    pub(super) description: Option<String>,
    pub(super) timeout: Option<u32>,
    pub(super) memory_size: Option<u32>,
    pub(super) environment: Option<EnvironmentInput>,
    pub(super) dead_letter_config: Option<DeadLetterConfig>,
    pub(super) tracing_config: Option<TracingConfig>,
    pub(super) ephemeral_storage: Option<EphemeralStorage>,
    pub(super) logging_config: Option<LoggingConfigInput>,
    pub(super) snap_start: Option<SnapStartInput>,
    pub(super) layers: Option<Vec<String>>,
    pub(super) vpc_config: Option<VpcConfigInput>,
    #[serde(rename = "KMSKeyArn")]
    pub(super) kms_key_arn: Option<String>,
    pub(super) file_system_configs: Option<Vec<Value>>,
    pub(super) image_config: Option<Value>,
    pub(super) capacity_provider_config: Option<Value>,
    pub(super) durable_config: Option<Value>,
    pub(super) runtime_config: Option<Value>,
    pub(super) accelerator_config: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateFunctionInput {
    pub(super) function_name: String,
    #[serde(flatten)]
    pub(super) configuration: ConfigurationInput,
    #[serde(default)]
    pub(super) code: Value,
    #[serde(default)]
    pub(super) publish: bool,
    pub(super) publish_to: Option<String>,
    pub(super) package_type: Option<String>,
    pub(super) architectures: Option<Vec<String>>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    pub(super) code_signing_config_arn: Option<String>,
    pub(super) tenancy_config: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateFunctionConfigurationInput {
    pub(super) function_name: String,
    #[serde(flatten)]
    pub(super) configuration: ConfigurationInput,
    pub(super) revision_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateFunctionCodeInput {
    pub(super) function_name: String,
    pub(super) architectures: Option<Vec<String>>,
    #[serde(default)]
    pub(super) publish: bool,
    pub(super) publish_to: Option<String>,
    #[serde(default)]
    pub(super) dry_run: bool,
    pub(super) revision_id: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EnvironmentInput {
    #[serde(default)]
    pub(super) variables: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeadLetterConfig {
    #[serde(default)]
    pub(super) target_arn: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TracingConfig {
    pub(super) mode: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EphemeralStorage {
    pub(super) size: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct LoggingConfigInput {
    pub(super) log_format: Option<String>,
    pub(super) application_log_level: Option<String>,
    pub(super) system_log_level: Option<String>,
    pub(super) log_group: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct SnapStartInput {
    pub(super) apply_on: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct VpcConfigInput {
    pub(super) subnet_ids: Vec<String>,
    pub(super) security_group_ids: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SnapStart {
    pub(super) apply_on: &'static str,
    pub(super) optimization_status: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RuntimeVersionConfig {
    pub(super) runtime_version_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<RuntimeVersionError>,
}

/// AWS's place for what is wrong with a runtime.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RuntimeVersionError {
    pub(super) error_code: &'static str,
    pub(super) message: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LoggingConfig {
    pub(super) log_format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) application_log_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) system_log_level: Option<String>,
    pub(super) log_group: String,
}

/// A function's or version's configuration as every operation answers it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FunctionConfiguration {
    pub(super) function_name: String,
    pub(super) function_arn: String,
    pub(super) runtime: String,
    pub(super) role: String,
    pub(super) handler: String,
    pub(super) code_size: u64,
    pub(super) description: String,
    pub(super) timeout: u32,
    pub(super) memory_size: u32,
    pub(super) last_modified: String,
    pub(super) code_sha256: String,
    pub(super) version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dead_letter_config: Option<DeadLetterConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) environment: Option<EnvironmentInput>,
    pub(super) tracing_config: TracingConfig,
    pub(super) revision_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) layers: Vec<Layer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state_reason_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_update_status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_update_status_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_update_status_reason_code: Option<&'static str>,
    pub(super) package_type: &'static str,
    pub(super) architectures: Vec<String>,
    pub(super) ephemeral_storage: EphemeralStorage,
    pub(super) snap_start: SnapStart,
    pub(super) runtime_version_config: RuntimeVersionConfig,
    pub(super) logging_config: LoggingConfig,
}

/// A layer in a function's configuration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Layer {
    pub(super) arn: String,
    pub(super) code_size: u64,
}

/// An operation about a function and nothing else.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FunctionInput {
    pub(super) function_name: String,
    pub(super) qualifier: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CodeLocation {
    pub(super) repository_type: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Concurrency {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reserved_concurrent_executions: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetFunctionOutput {
    pub(super) configuration: FunctionConfiguration,
    pub(super) code: CodeLocation,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) concurrency: Option<Concurrency>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListFunctionsInput {
    pub(super) function_version: Option<String>,
    pub(super) master_region: Option<String>,
    pub(super) marker: Option<String>,
    pub(super) max_items: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListFunctionsOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
    pub(super) functions: Vec<FunctionConfiguration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PublishVersionInput {
    pub(super) function_name: String,
    #[serde(rename = "CodeSha256")]
    pub(super) code_sha256: Option<String>,
    pub(super) description: Option<String>,
    pub(super) revision_id: Option<String>,
    pub(super) publish_to: Option<String>,
}

/// A list of what belongs to a function.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListPartsInput {
    pub(super) function_name: String,
    pub(super) function_version: Option<String>,
    pub(super) marker: Option<String>,
    pub(super) max_items: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListVersionsOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
    pub(super) versions: Vec<FunctionConfiguration>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RoutingConfig {
    pub(super) additional_version_weights: BTreeMap<String, f64>,
}

/// CreateAlias and UpdateAlias.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutAliasInput {
    pub(super) function_name: String,
    pub(super) name: String,
    pub(super) function_version: Option<String>,
    pub(super) description: Option<String>,
    pub(super) routing_config: Option<RoutingConfig>,
    pub(super) revision_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AliasInput {
    pub(super) function_name: String,
    pub(super) name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AliasConfiguration {
    pub(super) alias_arn: String,
    pub(super) name: String,
    pub(super) function_version: String,
    pub(super) description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) routing_config: Option<RoutingConfig>,
    pub(super) revision_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListAliasesOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
    pub(super) aliases: Vec<AliasConfiguration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AddPermissionInput {
    pub(super) function_name: String,
    pub(super) statement_id: String,
    pub(super) action: String,
    pub(super) principal: String,
    pub(super) source_arn: Option<String>,
    pub(super) source_account: Option<String>,
    pub(super) event_source_token: Option<String>,
    pub(super) function_url_auth_type: Option<String>,
    pub(super) invoked_via_function_url: Option<bool>,
    #[serde(rename = "PrincipalOrgID")]
    pub(super) principal_org_id: Option<String>,
    pub(super) qualifier: Option<String>,
    pub(super) revision_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AddPermissionOutput {
    pub(super) statement: String,
    /// Told for layers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revision_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RemovePermissionInput {
    pub(super) function_name: String,
    pub(super) statement_id: String,
    pub(super) qualifier: Option<String>,
    pub(super) revision_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetPolicyOutput {
    pub(super) policy: String,
    pub(super) revision_id: String,
}

/// PutFunctionEventInvokeConfig and UpdateFunctionEventInvokeConfig.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InvokeConfigInput {
    pub(super) function_name: String,
    pub(super) qualifier: Option<String>,
    pub(super) maximum_retry_attempts: Option<u32>,
    pub(super) maximum_event_age_in_seconds: Option<u32>,
    pub(super) destination_config: Option<DestinationConfig>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DestinationConfig {
    pub(super) on_success: Option<Destination>,
    pub(super) on_failure: Option<Destination>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Destination {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) destination: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InvokeConfiguration {
    /// Epoch seconds.
    pub(super) last_modified: f64,
    pub(super) function_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) maximum_retry_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) maximum_event_age_in_seconds: Option<u32>,
    pub(super) destination_config: Value,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListInvokeConfigsOutput {
    pub(super) function_event_invoke_configs: Vec<InvokeConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutConcurrencyInput {
    pub(super) function_name: String,
    pub(super) reserved_concurrent_executions: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagInput {
    pub(super) resource: String,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) tag_keys: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTagsOutput {
    pub(super) tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NoInput {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccountSettings {
    pub(super) account_limit: AccountLimit,
    pub(super) account_usage: AccountUsage,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccountLimit {
    pub(super) total_code_size: u64,
    pub(super) code_size_unzipped: u64,
    pub(super) code_size_zipped: u64,
    pub(super) concurrent_executions: u32,
    pub(super) unreserved_concurrent_executions: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccountUsage {
    pub(super) total_code_size: u64,
    pub(super) function_count: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InvokeInput {
    pub(super) function_name: String,
    pub(super) qualifier: Option<String>,
    pub(super) invocation_type: Option<String>,
    pub(super) log_type: Option<String>,
    pub(super) client_context: Option<String>,
    pub(super) payload: Option<String>,
    pub(super) tenant_id: Option<String>,
    pub(super) durable_execution_name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InvokeOutput {
    pub(super) status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log_result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) executed_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PublishLayerVersionInput {
    pub(super) layer_name: String,
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) content: Value,
    pub(super) compatible_runtimes: Option<Vec<String>>,
    pub(super) compatible_architectures: Option<Vec<String>>,
    pub(super) license_info: Option<String>,
}

/// A layer version by name and number, or by ARN.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LayerVersionInput {
    pub(super) layer_name: Option<String>,
    pub(super) version_number: Option<u64>,
    pub(super) arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LayerInput {
    pub(super) layer_name: String,
    pub(super) compatible_runtime: Option<String>,
    pub(super) compatible_architecture: Option<String>,
    pub(super) marker: Option<String>,
    pub(super) max_items: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListLayersInput {
    pub(super) compatible_runtime: Option<String>,
    pub(super) compatible_architecture: Option<String>,
    pub(super) marker: Option<String>,
    pub(super) max_items: Option<usize>,
}

/// AddLayerVersionPermission and RemoveLayerVersionPermission.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LayerPermissionInput {
    pub(super) layer_name: String,
    pub(super) version_number: u64,
    pub(super) statement_id: String,
    pub(super) action: Option<String>,
    pub(super) principal: Option<String>,
    pub(super) organization_id: Option<String>,
    pub(super) revision_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LayerContent {
    pub(super) code_sha256: String,
    pub(super) code_size: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LayerItem {
    pub(super) layer_version_arn: String,
    pub(super) version: u64,
    pub(super) description: String,
    pub(super) created_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) compatible_runtimes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) compatible_architectures: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) license_info: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LayerVersionOutput {
    pub(super) content: LayerContent,
    pub(super) layer_arn: String,
    #[serde(flatten)]
    pub(super) item: LayerItem,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListLayerVersionsOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
    pub(super) layer_versions: Vec<LayerItem>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListLayersOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
    pub(super) layers: Vec<Value>,
}

/// CreateFunctionUrlConfig and UpdateFunctionUrlConfig.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UrlConfigInput {
    pub(super) function_name: String,
    pub(super) qualifier: Option<String>,
    pub(super) auth_type: Option<String>,
    pub(super) cors: Option<Value>,
    pub(super) invoke_mode: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FilterInput {
    pub(super) pattern: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FilterCriteriaInput {
    pub(super) filters: Option<Vec<FilterInput>>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScalingConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) maximum_concurrency: Option<u32>,
}

/// CreateEventSourceMapping and UpdateEventSourceMapping.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MappingInput {
    #[serde(rename = "UUID")]
    pub(super) uuid: Option<String>,
    pub(super) event_source_arn: Option<String>,
    pub(super) function_name: Option<String>,
    pub(super) enabled: Option<bool>,
    pub(super) batch_size: Option<u32>,
    pub(super) filter_criteria: Option<FilterCriteriaInput>,
    #[serde(rename = "KMSKeyArn")]
    pub(super) kms_key_arn: Option<String>,
    pub(super) metrics_config: Option<Value>,
    pub(super) logging_config: Option<Value>,
    pub(super) scaling_config: Option<ScalingConfig>,
    pub(super) maximum_batching_window_in_seconds: Option<u32>,
    pub(super) parallelization_factor: Option<u32>,
    pub(super) starting_position: Option<String>,
    pub(super) destination_config: Option<DestinationConfig>,
    pub(super) maximum_record_age_in_seconds: Option<i64>,
    pub(super) bisect_batch_on_function_error: Option<bool>,
    pub(super) maximum_retry_attempts: Option<i64>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    pub(super) tumbling_window_in_seconds: Option<u32>,
    pub(super) function_response_types: Option<Vec<String>>,
    pub(super) self_managed_event_source: Option<Value>,
    pub(super) provisioned_poller_config: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MappingIdInput {
    #[serde(rename = "UUID")]
    pub(super) uuid: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListMappingsInput {
    pub(super) event_source_arn: Option<String>,
    pub(super) function_name: Option<String>,
    pub(super) marker: Option<String>,
    pub(super) max_items: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Filter {
    pub(super) pattern: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FilterCriteria {
    pub(super) filters: Vec<Filter>,
}

/// A mapping as every operation answers it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MappingConfiguration {
    #[serde(rename = "UUID")]
    pub(super) uuid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) starting_position: Option<String>,
    pub(super) batch_size: u32,
    pub(super) maximum_batching_window_in_seconds: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parallelization_factor: Option<u32>,
    pub(super) event_source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter_criteria: Option<FilterCriteria>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scaling_config: Option<ScalingConfig>,
    pub(super) function_arn: String,
    pub(super) last_modified: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_processing_result: Option<String>,
    pub(super) state: &'static str,
    pub(super) state_transition_reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) destination_config: Option<DestinationConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) maximum_record_age_in_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bisect_batch_on_function_error: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) maximum_retry_attempts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tumbling_window_in_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) function_response_types: Vec<&'static str>,
    pub(super) event_source_mapping_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListMappingsOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
    pub(super) event_source_mappings: Vec<MappingConfiguration>,
}
