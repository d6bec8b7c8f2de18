//! Inputs and outputs of CloudWatch Logs' operations, with their wire names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::state::MetricTransformation;

pub(super) type Tags = BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateLogGroupInput {
    pub(super) log_group_name: String,
    pub(super) kms_key_id: Option<String>,
    #[serde(default)]
    pub(super) tags: Tags,
    pub(super) log_group_class: Option<String>,
    #[serde(default)]
    pub(super) deletion_protection_enabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupInput {
    pub(super) log_group_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RetentionInput {
    pub(super) log_group_name: String,
    pub(super) retention_in_days: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeletionProtectionInput {
    pub(super) log_group_identifier: String,
    pub(super) deletion_protection_enabled: bool,
}

/// AssociateKmsKey and DisassociateKmsKey.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KmsKeyInput {
    pub(super) log_group_name: Option<String>,
    pub(super) resource_identifier: Option<String>,
    pub(super) kms_key_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogGroupsInput {
    pub(super) log_group_name_prefix: Option<String>,
    pub(super) log_group_name_pattern: Option<String>,
    pub(super) next_token: Option<String>,
    pub(super) limit: Option<usize>,
    #[serde(default)]
    pub(super) include_linked_accounts: bool,
    pub(super) log_group_class: Option<String>,
    pub(super) log_group_identifiers: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogGroup {
    pub(super) log_group_name: String,
    pub(super) creation_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retention_in_days: Option<u32>,
    pub(super) metric_filter_count: u32,
    pub(super) arn: String,
    pub(super) stored_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kms_key_id: Option<String>,
    pub(super) log_group_class: String,
    pub(super) log_group_arn: String,
    pub(super) deletion_protection_enabled: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogGroupsOutput {
    pub(super) log_groups: Vec<LogGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StreamInput {
    pub(super) log_group_name: String,
    pub(super) log_stream_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogStreamsInput {
    pub(super) log_group_name: Option<String>,
    pub(super) log_group_identifier: Option<String>,
    pub(super) log_stream_name_prefix: Option<String>,
    pub(super) order_by: Option<String>,
    #[serde(default)]
    pub(super) descending: bool,
    pub(super) next_token: Option<String>,
    pub(super) limit: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogStream {
    pub(super) log_stream_name: String,
    pub(super) creation_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_event_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_event_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_ingestion_time: Option<i64>,
    pub(super) upload_sequence_token: String,
    pub(super) arn: String,
    /// Always 0 since 2019.
    pub(super) stored_bytes: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogStreamsOutput {
    pub(super) log_streams: Vec<LogStream>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct InputLogEvent {
    pub(super) timestamp: i64,
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutLogEventsInput {
    pub(super) log_group_name: String,
    pub(super) log_stream_name: String,
    pub(super) log_events: Vec<InputLogEvent>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutLogEventsOutput {
    pub(super) next_sequence_token: String,
    #[serde(skip_serializing_if = "RejectedLogEvents::is_empty")]
    pub(super) rejected_log_events_info: RejectedLogEvents,
}

#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RejectedLogEvents {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) too_new_log_event_start_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) too_old_log_event_end_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expired_log_event_end_index: Option<usize>,
}

impl RejectedLogEvents {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogEventsInput {
    pub(super) log_group_name: Option<String>,
    pub(super) log_group_identifier: Option<String>,
    pub(super) log_stream_name: String,
    pub(super) start_time: Option<i64>,
    pub(super) end_time: Option<i64>,
    pub(super) next_token: Option<String>,
    pub(super) limit: Option<usize>,
    #[serde(default)]
    pub(super) start_from_head: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OutputLogEvent {
    pub(super) timestamp: i64,
    pub(super) message: String,
    pub(super) ingestion_time: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogEventsOutput {
    pub(super) events: Vec<OutputLogEvent>,
    pub(super) next_forward_token: String,
    pub(super) next_backward_token: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterLogEventsInput {
    pub(super) log_group_name: Option<String>,
    pub(super) log_group_identifier: Option<String>,
    pub(super) log_stream_names: Option<Vec<String>>,
    pub(super) log_stream_name_prefix: Option<String>,
    pub(super) start_time: Option<i64>,
    pub(super) end_time: Option<i64>,
    pub(super) filter_pattern: Option<String>,
    pub(super) next_token: Option<String>,
    pub(super) limit: Option<usize>,
    pub(super) start_from_head: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilteredLogEvent {
    pub(super) log_stream_name: String,
    pub(super) timestamp: i64,
    pub(super) message: String,
    pub(super) ingestion_time: i64,
    pub(super) event_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterLogEventsOutput {
    pub(super) events: Vec<FilteredLogEvent>,
    /// Always empty since 2020.
    pub(super) searched_log_streams: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TestMetricFilterInput {
    pub(super) filter_pattern: String,
    pub(super) log_event_messages: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetricFilterMatch {
    pub(super) event_number: usize,
    pub(super) event_message: String,
    pub(super) extracted_values: Tags,
}

#[derive(Debug, Serialize)]
pub(super) struct TestMetricFilterOutput {
    pub(super) matches: Vec<MetricFilterMatch>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagLogGroupInput {
    pub(super) log_group_name: String,
    pub(super) tags: Tags,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UntagLogGroupInput {
    pub(super) log_group_name: String,
    pub(super) tags: Vec<String>,
}

/// TagResource, UntagResource and ListTagsForResource.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagResourceInput {
    pub(super) resource_arn: String,
    #[serde(default)]
    pub(super) tags: Tags,
    #[serde(default)]
    pub(super) tag_keys: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct TagsOutput {
    pub(super) tags: Tags,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutMetricFilterInput {
    pub(super) log_group_name: String,
    pub(super) filter_name: String,
    pub(super) filter_pattern: String,
    pub(super) metric_transformations: Vec<MetricTransformation>,
    #[serde(default)]
    pub(super) apply_on_transformed_logs: bool,
    pub(super) field_selection_criteria: Option<String>,
    #[serde(default)]
    pub(super) emit_system_field_dimensions: Vec<String>,
}

/// DeleteMetricFilter and DeleteSubscriptionFilter.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterInput {
    pub(super) log_group_name: String,
    pub(super) filter_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeMetricFiltersInput {
    pub(super) log_group_name: Option<String>,
    pub(super) filter_name_prefix: Option<String>,
    pub(super) next_token: Option<String>,
    pub(super) limit: Option<usize>,
    pub(super) metric_name: Option<String>,
    pub(super) metric_namespace: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetricFilter {
    pub(super) filter_name: String,
    pub(super) filter_pattern: String,
    pub(super) metric_transformations: Vec<MetricTransformation>,
    pub(super) creation_time: i64,
    pub(super) log_group_name: String,
    pub(super) apply_on_transformed_logs: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeMetricFiltersOutput {
    pub(super) metric_filters: Vec<MetricFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutSubscriptionFilterInput {
    pub(super) log_group_name: String,
    pub(super) filter_name: String,
    pub(super) filter_pattern: String,
    pub(super) destination_arn: String,
    pub(super) role_arn: Option<String>,
    pub(super) distribution: Option<String>,
    #[serde(default)]
    pub(super) apply_on_transformed_logs: bool,
    pub(super) field_selection_criteria: Option<String>,
    #[serde(default)]
    pub(super) emit_system_fields: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeSubscriptionFiltersInput {
    pub(super) log_group_name: String,
    pub(super) filter_name_prefix: Option<String>,
    pub(super) next_token: Option<String>,
    pub(super) limit: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubscriptionFilter {
    pub(super) filter_name: String,
    pub(super) log_group_name: String,
    pub(super) filter_pattern: String,
    pub(super) destination_arn: String,
    pub(super) distribution: String,
    pub(super) apply_on_transformed_logs: bool,
    pub(super) creation_time: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeSubscriptionFiltersOutput {
    pub(super) subscription_filters: Vec<SubscriptionFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

/// What a subscribed function is given, before it is compressed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubscriptionMessage {
    pub(super) message_type: &'static str,
    pub(super) owner: String,
    pub(super) log_group: String,
    pub(super) log_stream: String,
    pub(super) subscription_filters: Vec<String>,
    pub(super) log_events: Vec<SubscribedEvent>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubscribedEvent {
    pub(super) id: String,
    pub(super) timestamp: i64,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) extracted_fields: Option<Tags>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListLogGroupsInput {
    pub(super) log_group_name_pattern: Option<String>,
    pub(super) log_group_class: Option<String>,
    #[serde(default)]
    pub(super) include_linked_accounts: bool,
    pub(super) next_token: Option<String>,
    pub(super) limit: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogGroupSummary {
    pub(super) log_group_name: String,
    pub(super) log_group_arn: String,
    pub(super) log_group_class: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListLogGroupsOutput {
    pub(super) log_groups: Vec<LogGroupSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartQueryInput {
    pub(super) query_language: Option<String>,
    pub(super) log_group_name: Option<String>,
    pub(super) log_group_names: Option<Vec<String>>,
    pub(super) log_group_identifiers: Option<Vec<String>>,
    pub(super) start_time: i64,
    pub(super) end_time: i64,
    pub(super) query_string: String,
    pub(super) limit: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartQueryOutput {
    pub(super) query_id: String,
}

/// GetQueryResults and StopQuery.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueryInput {
    pub(super) query_id: String,
    pub(super) next_token: Option<String>,
    pub(super) max_items: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ResultField {
    pub(super) field: String,
    pub(super) value: String,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueryStatistics {
    pub(super) records_matched: f64,
    pub(super) records_scanned: f64,
    pub(super) estimated_records_skipped: f64,
    pub(super) bytes_scanned: f64,
    pub(super) estimated_bytes_skipped: f64,
    pub(super) log_groups_scanned: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueryResultsOutput {
    pub(super) query_language: &'static str,
    pub(super) results: Vec<Vec<ResultField>>,
    pub(super) statistics: QueryStatistics,
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeQueriesInput {
    pub(super) log_group_name: Option<String>,
    pub(super) status: Option<String>,
    pub(super) max_results: Option<usize>,
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueryInfo {
    pub(super) query_language: &'static str,
    pub(super) query_id: String,
    pub(super) query_string: String,
    pub(super) status: &'static str,
    pub(super) create_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log_group_name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeQueriesOutput {
    pub(super) queries: Vec<QueryInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct SuccessOutput {
    pub(super) success: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutQueryDefinitionInput {
    pub(super) query_language: Option<String>,
    pub(super) name: String,
    pub(super) query_definition_id: Option<String>,
    #[serde(default)]
    pub(super) log_group_names: Vec<String>,
    pub(super) query_string: String,
    #[serde(default)]
    pub(super) parameters: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeQueryDefinitionsInput {
    pub(super) query_definition_name_prefix: Option<String>,
    pub(super) max_results: Option<usize>,
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeleteQueryDefinitionInput {
    pub(super) query_definition_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutQueryDefinitionOutput {
    pub(super) query_definition_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueryDefinition {
    pub(super) query_language: &'static str,
    pub(super) query_definition_id: String,
    pub(super) name: String,
    pub(super) query_string: String,
    pub(super) last_modified: i64,
    pub(super) log_group_names: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeQueryDefinitionsOutput {
    pub(super) query_definitions: Vec<QueryDefinition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogRecordInput {
    pub(super) log_record_pointer: String,
    #[serde(default)]
    pub(super) unmask: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogRecordOutput {
    pub(super) log_record: Tags,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogGroupFieldsInput {
    pub(super) log_group_name: Option<String>,
    pub(super) log_group_identifier: Option<String>,
    pub(super) time: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(super) struct LogGroupField {
    pub(super) name: String,
    pub(super) percent: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogGroupFieldsOutput {
    pub(super) log_group_fields: Vec<LogGroupField>,
}

/// An answer without members.
#[derive(Debug, Serialize)]
pub(super) struct Nothing {}
