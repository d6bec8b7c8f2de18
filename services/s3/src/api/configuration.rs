//! The configurations of a bucket. What is put is what is kept and given back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Grant, Tag};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VersioningConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
    #[serde(rename = "MFADelete", skip_serializing_if = "Option::is_none")]
    pub(crate) mfa_delete: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutVersioning {
    pub(crate) versioning_configuration: VersioningConfiguration,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ServerSideEncryptionConfiguration {
    #[serde(default)]
    pub(crate) rules: Vec<EncryptionRule>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct EncryptionRule {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) apply_server_side_encryption_by_default: Option<EncryptionByDefault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bucket_key_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) blocked_encryption_types: Option<BlockedEncryptionTypes>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EncryptionByDefault {
    #[serde(rename = "SSEAlgorithm")]
    pub(crate) algorithm: String,
    #[serde(rename = "KMSMasterKeyID", skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BlockedEncryptionTypes {
    #[serde(default)]
    pub(crate) encryption_type: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutEncryption {
    pub(crate) server_side_encryption_configuration: ServerSideEncryptionConfiguration,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutPolicy {
    pub(crate) policy: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetBucketPolicyOutput {
    pub(crate) policy: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetBucketPolicyStatusOutput {
    pub(crate) policy_status: PolicyStatus,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PolicyStatus {
    pub(crate) is_public: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct PublicAccessBlockConfiguration {
    pub(crate) block_public_acls: bool,
    pub(crate) ignore_public_acls: bool,
    pub(crate) block_public_policy: bool,
    pub(crate) restrict_public_buckets: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutPublicAccessBlock {
    pub(crate) public_access_block_configuration: PublicAccessBlockConfiguration,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagSet {
    #[serde(default)]
    pub(crate) tag_set: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutTagging {
    pub(crate) tagging: TagSet,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetObjectTaggingOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<String>,
    pub(crate) tag_set: Vec<Tag>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutObjectTaggingOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CorsConfiguration {
    #[serde(rename = "CORSRules", default)]
    pub(crate) rules: Vec<CorsRule>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CorsRule {
    #[serde(rename = "ID", skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_headers: Vec<String>,
    #[serde(default)]
    pub(crate) allowed_methods: Vec<String>,
    #[serde(default)]
    pub(crate) allowed_origins: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) expose_headers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_age_seconds: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PutCors {
    #[serde(rename = "CORSConfiguration")]
    pub(crate) configuration: CorsConfiguration,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LifecycleConfiguration {
    #[serde(default)]
    pub(crate) rules: Vec<LifecycleRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transition_default_minimum_object_size: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LifecycleRule {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expiration: Option<LifecycleExpiration>,
    #[serde(rename = "ID", skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<LifecycleFilter>,
    pub(crate) status: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) transitions: Vec<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) noncurrent_version_transitions: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) noncurrent_version_expiration: Option<NoncurrentVersionExpiration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) abort_incomplete_multipart_upload: Option<AbortIncompleteUpload>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LifecycleExpiration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expired_object_delete_marker: Option<bool>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LifecycleFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag: Option<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object_size_greater_than: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object_size_less_than: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) and: Option<LifecycleAnd>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LifecycleAnd {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object_size_greater_than: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object_size_less_than: Option<u64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NoncurrentVersionExpiration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) noncurrent_days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) newer_noncurrent_versions: Option<u64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AbortIncompleteUpload {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) days_after_initiation: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutLifecycle {
    pub(crate) lifecycle_configuration: Option<LifecycleConfiguration>,
    pub(crate) transition_default_minimum_object_size: Option<String>,
}

/// Answer of PutBucketLifecycleConfiguration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RuleSet {
    pub(crate) transition_default_minimum_object_size: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NotificationConfiguration {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) topic_configurations: Vec<TopicConfiguration>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) queue_configurations: Vec<QueueConfiguration>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lambda_function_configurations: Vec<LambdaConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event_bridge_configuration: Option<Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TopicConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) topic_arn: String,
    #[serde(default)]
    pub(crate) events: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<Filter>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct QueueConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) queue_arn: String,
    #[serde(default)]
    pub(crate) events: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<Filter>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LambdaConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) lambda_function_arn: String,
    #[serde(default)]
    pub(crate) events: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<Filter>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Filter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<KeyFilter>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct KeyFilter {
    #[serde(default)]
    pub(crate) filter_rules: Vec<FilterRule>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FilterRule {
    pub(crate) name: Option<String>,
    pub(crate) value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutNotification {
    pub(crate) notification_configuration: NotificationConfiguration,
    #[serde(default)]
    pub(crate) skip_destination_validation: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OwnershipControls {
    #[serde(default)]
    pub(crate) rules: Vec<OwnershipControlsRule>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OwnershipControlsRule {
    pub(crate) object_ownership: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutOwnershipControls {
    pub(crate) ownership_controls: OwnershipControls,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LoggingStatus {
    pub(crate) logging_enabled: Option<LoggingEnabled>,
}

/// Which requests are counted; the filter as it was put.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MetricsConfiguration {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<Value>,
}

impl MetricsConfiguration {
    /// The prefix that the filter asks for, alone or among others.
    pub(crate) fn prefix(&self) -> Option<&str> {
        let filter = self.filter.as_ref()?;
        let alone = filter.get("Prefix");
        alone.or_else(|| filter.pointer("/And/Prefix"))?.as_str()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MetricsInput {
    pub(crate) id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutMetrics {
    pub(crate) id: String,
    pub(crate) metrics_configuration: MetricsConfiguration,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetMetricsOutput {
    pub(crate) metrics_configuration: MetricsConfiguration,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListMetricsInput {
    pub(crate) continuation_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListMetricsOutput {
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) continuation_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_continuation_token: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) metrics_configuration_list: Vec<MetricsConfiguration>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LoggingEnabled {
    pub(crate) target_bucket: String,
    #[serde(default)]
    pub(crate) target_prefix: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) target_grants: Vec<Grant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_object_key_format: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutLogging {
    pub(crate) bucket_logging_status: LoggingStatus,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetBucketLoggingOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) logging_enabled: Option<LoggingEnabled>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AccelerateConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutAccelerate {
    pub(crate) accelerate_configuration: AccelerateConfiguration,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RequestPaymentConfiguration {
    pub(crate) payer: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutRequestPayment {
    pub(crate) request_payment_configuration: RequestPaymentConfiguration,
}
