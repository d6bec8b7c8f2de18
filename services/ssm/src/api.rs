//! Inputs and outputs of Parameter Store's operations.

use cumulet_kernel::Timestamp;
use serde::{Deserialize, Serialize};

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

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutInput {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) value: String,
    #[serde(rename = "Type")]
    pub(super) parameter_type: Option<String>,
    pub(super) key_id: Option<String>,
    #[serde(default)]
    pub(super) overwrite: bool,
    pub(super) allowed_pattern: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    pub(super) tier: Option<String>,
    pub(super) policies: Option<String>,
    pub(super) data_type: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutOutput {
    pub(super) version: u64,
    pub(super) tier: &'static str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NameInput {
    pub(super) name: String,
    #[serde(default)]
    pub(super) with_decryption: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NamesInput {
    pub(super) names: Vec<String>,
    #[serde(default)]
    pub(super) with_decryption: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PathInput {
    pub(super) path: String,
    #[serde(default)]
    pub(super) recursive: bool,
    #[serde(default)]
    pub(super) parameter_filters: Vec<Filter>,
    #[serde(default)]
    pub(super) with_decryption: bool,
    pub(super) max_results: Option<usize>,
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HistoryInput {
    pub(super) name: String,
    #[serde(default)]
    pub(super) with_decryption: bool,
    pub(super) max_results: Option<usize>,
    pub(super) next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeInput {
    #[serde(default)]
    pub(super) filters: Vec<Filter>,
    #[serde(default)]
    pub(super) parameter_filters: Vec<Filter>,
    pub(super) max_results: Option<usize>,
    pub(super) next_token: Option<String>,
    #[serde(default)]
    pub(super) shared: bool,
}

/// A filter of either kind; the older one has no option.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Filter {
    pub(super) key: String,
    pub(super) option: Option<String>,
    #[serde(default)]
    pub(super) values: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LabelInput {
    pub(super) name: String,
    pub(super) parameter_version: Option<u64>,
    pub(super) labels: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UnlabelInput {
    pub(super) name: String,
    pub(super) parameter_version: u64,
    pub(super) labels: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagsInput {
    pub(super) resource_type: String,
    pub(super) resource_id: String,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    #[serde(default)]
    pub(super) tag_keys: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Parameter {
    pub(super) name: String,
    #[serde(rename = "Type")]
    pub(super) parameter_type: &'static str,
    pub(super) value: String,
    pub(super) version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selector: Option<String>,
    pub(super) last_modified_date: f64,
    #[serde(rename = "ARN")]
    pub(super) arn: String,
    pub(super) data_type: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ParameterOutput {
    pub(super) parameter: Parameter,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ParametersOutput {
    pub(super) parameters: Vec<Parameter>,
    pub(super) invalid_parameters: Vec<String>,
}

/// A page of parameters, versions or descriptions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PageOutput<T> {
    pub(super) parameters: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
}

/// What DescribeParameters and GetParameterHistory tell; the latter with value and labels, the former
/// with the ARN.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Description {
    pub(super) name: String,
    #[serde(rename = "ARN", skip_serializing_if = "Option::is_none")]
    pub(super) arn: Option<String>,
    #[serde(rename = "Type")]
    pub(super) parameter_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_id: Option<String>,
    pub(super) last_modified_date: f64,
    pub(super) last_modified_user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) allowed_pattern: Option<String>,
    pub(super) version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) labels: Option<Vec<String>>,
    pub(super) tier: &'static str,
    pub(super) policies: [(); 0],
    pub(super) data_type: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LabelOutput {
    pub(super) invalid_labels: Vec<String>,
    pub(super) parameter_version: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UnlabelOutput {
    pub(super) removed_labels: Vec<String>,
    pub(super) invalid_labels: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeletedOutput {
    pub(super) deleted_parameters: Vec<String>,
    pub(super) invalid_parameters: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagListOutput {
    pub(super) tag_list: Vec<Tag>,
}
