//! Inputs and outputs of X-Ray's operations, with their wire names.
//!
//! `SamplingRule`, `InsightsConfiguration` and `EncryptionConfig` are also stored, as they came.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Serialize)]
pub(super) struct Nothing {}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutTraceSegmentsInput {
    pub(super) trace_segment_documents: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutTraceSegmentsOutput {
    pub(super) unprocessed_trace_segments: Vec<UnprocessedTraceSegment>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UnprocessedTraceSegment {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) error_code: String,
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchGetTracesInput {
    pub(super) trace_ids: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchGetTracesOutput {
    pub(super) traces: Vec<Trace>,
    pub(super) unprocessed_trace_ids: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Trace {
    pub(super) id: String,
    pub(super) duration: f64,
    pub(super) limit_exceeded: bool,
    pub(super) segments: Vec<Segment>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Segment {
    pub(super) id: String,
    pub(super) document: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetTraceSummariesInput {
    pub(super) start_time: f64,
    pub(super) end_time: f64,
    pub(super) time_range_type: Option<String>,
    pub(super) filter_expression: Option<String>,
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetTraceSummariesOutput {
    pub(super) trace_summaries: Vec<Value>,
    pub(super) approximate_time: f64,
    pub(super) traces_processed_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SamplingRule {
    pub(super) rule_name: Option<String>,
    #[serde(rename = "RuleARN")]
    pub(super) rule_arn: Option<String>,
    #[serde(rename = "ResourceARN")]
    pub(super) resource_arn: String,
    pub(super) priority: u32,
    pub(super) fixed_rate: f64,
    pub(super) reservoir_size: u32,
    pub(super) service_name: String,
    pub(super) service_type: String,
    pub(super) host: String,
    #[serde(rename = "HTTPMethod")]
    pub(super) http_method: String,
    #[serde(rename = "URLPath")]
    pub(super) url_path: String,
    pub(super) version: u32,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateSamplingRuleInput {
    pub(super) sampling_rule: SamplingRule,
    pub(super) tags: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateSamplingRuleInput {
    pub(super) sampling_rule_update: SamplingRuleUpdate,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SamplingRuleUpdate {
    pub(super) rule_name: Option<String>,
    #[serde(rename = "RuleARN")]
    pub(super) rule_arn: Option<String>,
    #[serde(rename = "ResourceARN")]
    pub(super) resource_arn: Option<String>,
    pub(super) priority: Option<u32>,
    pub(super) fixed_rate: Option<f64>,
    pub(super) reservoir_size: Option<u32>,
    pub(super) service_name: Option<String>,
    pub(super) service_type: Option<String>,
    pub(super) host: Option<String>,
    #[serde(rename = "HTTPMethod")]
    pub(super) http_method: Option<String>,
    #[serde(rename = "URLPath")]
    pub(super) url_path: Option<String>,
    pub(super) attributes: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RuleNameInput {
    pub(super) rule_name: Option<String>,
    #[serde(rename = "RuleARN")]
    pub(super) rule_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PageInput {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SamplingRuleRecord {
    pub(super) sampling_rule: SamplingRule,
    pub(super) created_at: f64,
    pub(super) modified_at: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SamplingRuleOutput {
    pub(super) sampling_rule_record: SamplingRuleRecord,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SamplingRulesOutput {
    pub(super) sampling_rule_records: Vec<SamplingRuleRecord>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetSamplingTargetsInput {
    pub(super) sampling_statistics_documents: Vec<SamplingStatistics>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SamplingStatistics {
    pub(super) rule_name: String,
    #[serde(rename = "ClientID")]
    pub(super) client_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetSamplingTargetsOutput {
    pub(super) sampling_target_documents: Vec<SamplingTarget>,
    pub(super) last_rule_modification: f64,
    pub(super) unprocessed_statistics: Vec<UnprocessedStatistics>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SamplingTarget {
    pub(super) rule_name: String,
    pub(super) fixed_rate: f64,
    pub(super) reservoir_quota: u32,
    #[serde(rename = "ReservoirQuotaTTL")]
    pub(super) reservoir_quota_ttl: i64,
    pub(super) interval: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UnprocessedStatistics {
    pub(super) rule_name: String,
    pub(super) error_code: String,
    pub(super) message: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InsightsConfiguration {
    #[serde(default)]
    pub(super) insights_enabled: bool,
    #[serde(default)]
    pub(super) notifications_enabled: bool,
}

/// CreateGroup and UpdateGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutGroupInput {
    pub(super) group_name: Option<String>,
    #[serde(rename = "GroupARN")]
    pub(super) group_arn: Option<String>,
    pub(super) filter_expression: Option<String>,
    pub(super) insights_configuration: Option<InsightsConfiguration>,
    pub(super) tags: Option<Vec<Value>>,
}

/// GetGroup and DeleteGroup.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GroupInput {
    pub(super) group_name: Option<String>,
    #[serde(rename = "GroupARN")]
    pub(super) group_arn: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Group {
    pub(super) group_name: String,
    #[serde(rename = "GroupARN")]
    pub(super) group_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter_expression: Option<String>,
    pub(super) insights_configuration: InsightsConfiguration,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GroupOutput {
    pub(super) group: Group,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GroupsOutput {
    pub(super) groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutEncryptionConfigInput {
    pub(super) key_id: Option<String>,
    #[serde(rename = "Type")]
    pub(super) kind: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EncryptionConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_id: Option<String>,
    pub(super) status: String,
    #[serde(rename = "Type")]
    pub(super) kind: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EncryptionOutput {
    pub(super) encryption_config: EncryptionConfig,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ServiceGraphInput {
    pub(super) start_time: f64,
    pub(super) end_time: f64,
    pub(super) group_name: Option<String>,
    #[serde(rename = "GroupARN")]
    pub(super) group_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TraceGraphInput {
    pub(super) trace_ids: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GraphOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end_time: Option<f64>,
    pub(super) services: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) contains_old_group_versions: Option<bool>,
}
