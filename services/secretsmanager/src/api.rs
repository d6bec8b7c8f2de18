//! Inputs and outputs of Secrets Manager's operations.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cumulet_engine::error::Result;
use cumulet_kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::{invalid_parameter, invalid_request};
use super::sealing::Value;

/// Seconds with milliseconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of our era are exact in an f64"
)]
pub(super) fn seconds(time: Timestamp) -> f64 {
    time.0 as f64 / 1000.0
}

#[derive(Debug, Serialize)]
pub(super) struct Nothing {}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

/// The value in an input: text or bytes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ValueInput {
    pub(super) secret_binary: Option<String>,
    pub(super) secret_string: Option<String>,
}

impl ValueInput {
    pub(super) fn value(self) -> Result<Option<Value>> {
        match (self.secret_string, self.secret_binary) {
            (Some(_), Some(_)) => Err(invalid_parameter(
                "You can't specify both a binary secret value and a string secret value in the same secret.",
            )),
            (Some(text), None) => Ok(Some(Value::Text(text))),
            (None, Some(bytes)) => {
                let decoded = BASE64_STANDARD.decode(bytes);
                let decoded =
                    decoded.map_err(|_| invalid_request("SecretBinary is not base64."))?;
                Ok(Some(Value::Binary(decoded)))
            }
            (None, None) => Ok(None),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateInput {
    pub(super) name: String,
    pub(super) client_request_token: Option<String>,
    pub(super) description: Option<String>,
    pub(super) kms_key_id: Option<String>,
    #[serde(flatten)]
    pub(super) value: ValueInput,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    #[serde(default)]
    pub(super) add_replica_regions: Vec<serde_json::Value>,
    #[serde(rename = "Type")]
    pub(super) secret_type: Option<String>,
    #[serde(rename = "CrossAccountPrimaryARN")]
    pub(super) cross_account_primary_arn: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateInput {
    pub(super) secret_id: String,
    pub(super) client_request_token: Option<String>,
    pub(super) description: Option<String>,
    pub(super) kms_key_id: Option<String>,
    #[serde(flatten)]
    pub(super) value: ValueInput,
    #[serde(rename = "Type")]
    pub(super) secret_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutInput {
    pub(super) secret_id: String,
    pub(super) client_request_token: Option<String>,
    #[serde(flatten)]
    pub(super) value: ValueInput,
    pub(super) version_stages: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetInput {
    pub(super) secret_id: String,
    pub(super) version_id: Option<String>,
    pub(super) version_stage: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchInput {
    #[serde(default)]
    pub(super) secret_id_list: Vec<String>,
    #[serde(default)]
    pub(super) filters: Vec<Filter>,
    pub(super) max_results: Option<usize>,
    pub(super) next_token: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Filter {
    #[serde(default)]
    pub(super) key: String,
    #[serde(default)]
    pub(super) values: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SecretInput {
    pub(super) secret_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteInput {
    pub(super) secret_id: String,
    pub(super) recovery_window_in_days: Option<i64>,
    #[serde(default)]
    pub(super) force_delete_without_recovery: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListInput {
    #[serde(default)]
    pub(super) include_planned_deletion: bool,
    pub(super) max_results: Option<usize>,
    pub(super) next_token: Option<String>,
    #[serde(default)]
    pub(super) filters: Vec<Filter>,
    pub(super) sort_order: Option<String>,
    pub(super) sort_by: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListVersionsInput {
    pub(super) secret_id: String,
    pub(super) max_results: Option<usize>,
    pub(super) next_token: Option<String>,
    #[serde(default)]
    pub(super) include_deprecated: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StageInput {
    pub(super) secret_id: String,
    pub(super) version_stage: String,
    pub(super) remove_from_version_id: Option<String>,
    pub(super) move_to_version_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagsInput {
    pub(super) secret_id: String,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    #[serde(default)]
    pub(super) tag_keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyInput {
    pub(super) secret_id: Option<String>,
    pub(super) resource_policy: Option<String>,
    pub(super) policy_name: Option<String>,
    #[serde(default)]
    pub(super) block_public_policy: bool,
}

impl PolicyInput {
    pub(super) fn id(&self) -> &str {
        self.secret_id.as_deref().unwrap_or_default()
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PasswordInput {
    pub(super) password_length: Option<usize>,
    #[serde(default)]
    pub(super) exclude_characters: String,
    #[serde(default)]
    pub(super) exclude_numbers: bool,
    #[serde(default)]
    pub(super) exclude_punctuation: bool,
    #[serde(default)]
    pub(super) exclude_uppercase: bool,
    #[serde(default)]
    pub(super) exclude_lowercase: bool,
    #[serde(default)]
    pub(super) include_space: bool,
    pub(super) require_each_included_type: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RotateInput {
    pub(super) secret_id: String,
    pub(super) client_request_token: Option<String>,
    #[serde(rename = "RotationLambdaARN")]
    pub(super) rotation_lambda_arn: Option<String>,
    pub(super) rotation_rules: Option<RotationRules>,
    pub(super) rotate_immediately: Option<bool>,
    pub(super) external_secret_rotation_role_arn: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RotationRules {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) automatically_after_days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duration: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) schedule_expression: Option<String>,
}

/// Which secret, and what else the operation has to say of it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SecretOutput {
    #[serde(rename = "ARN")]
    pub(super) arn: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version_stages: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deletion_date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource_policy: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ValueOutput {
    #[serde(rename = "ARN")]
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) version_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret_binary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret_string: Option<String>,
    pub(super) version_stages: Vec<String>,
    pub(super) created_date: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchOutput {
    pub(super) secret_values: Vec<ValueOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
    pub(super) errors: Vec<BatchError>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchError {
    pub(super) secret_id: String,
    pub(super) error_code: String,
    pub(super) message: String,
}

/// A secret without its value, as DescribeSecret and ListSecrets tell it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Description {
    #[serde(rename = "ARN")]
    pub(super) arn: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rotation_enabled: Option<bool>,
    #[serde(rename = "RotationLambdaARN", skip_serializing_if = "Option::is_none")]
    pub(super) rotation_lambda_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rotation_rules: Option<RotationRules>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_rotated_date: Option<f64>,
    pub(super) last_changed_date: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_accessed_date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deleted_date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_rotation_date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tags: Option<Vec<Tag>>,
    /// DescribeSecret's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version_ids_to_stages: Option<BTreeMap<String, Vec<String>>>,
    /// ListSecrets' name for the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret_versions_to_stages: Option<BTreeMap<String, Vec<String>>>,
    pub(super) created_date: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListOutput {
    pub(super) secret_list: Vec<Description>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VersionsOutput {
    pub(super) versions: Vec<VersionEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
    #[serde(rename = "ARN")]
    pub(super) arn: String,
    pub(super) name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VersionEntry {
    pub(super) version_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) version_stages: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_accessed_date: Option<f64>,
    pub(super) created_date: f64,
    pub(super) kms_key_ids: [String; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PasswordOutput {
    pub(super) random_password: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ValidationOutput {
    pub(super) policy_validation_passed: bool,
    pub(super) validation_errors: Vec<ValidationError>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ValidationError {
    pub(super) check_name: &'static str,
    pub(super) error_message: String,
}
