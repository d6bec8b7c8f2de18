//! Listings of objects and versions.

use serde::{Deserialize, Serialize};

use super::Owner;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListObjectsInput {
    pub(crate) delimiter: Option<String>,
    pub(crate) encoding_type: Option<String>,
    pub(crate) marker: Option<String>,
    pub(crate) max_keys: Option<i64>,
    pub(crate) prefix: Option<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListObjectsOutput {
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) marker: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_marker: Option<String>,
    pub(crate) max_keys: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delimiter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encoding_type: Option<String>,
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) contents: Vec<ObjectEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) common_prefixes: Vec<CommonPrefix>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListObjectsV2Input {
    pub(crate) delimiter: Option<String>,
    pub(crate) encoding_type: Option<String>,
    pub(crate) max_keys: Option<i64>,
    pub(crate) prefix: Option<String>,
    pub(crate) continuation_token: Option<String>,
    #[serde(default)]
    pub(crate) fetch_owner: bool,
    pub(crate) start_after: Option<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListObjectsV2Output {
    pub(crate) name: String,
    pub(crate) prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) continuation_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_continuation_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_after: Option<String>,
    pub(crate) key_count: usize,
    pub(crate) max_keys: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delimiter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encoding_type: Option<String>,
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) contents: Vec<ObjectEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) common_prefixes: Vec<CommonPrefix>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ObjectEntry {
    pub(crate) key: String,
    pub(crate) last_modified: i64,
    #[serde(rename = "ETag")]
    pub(crate) etag: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) checksum_algorithm: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum_type: Option<&'static str>,
    pub(crate) size: u64,
    pub(crate) storage_class: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<Owner>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CommonPrefix {
    pub(crate) prefix: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListObjectVersionsInput {
    pub(crate) delimiter: Option<String>,
    pub(crate) encoding_type: Option<String>,
    pub(crate) key_marker: Option<String>,
    pub(crate) max_keys: Option<i64>,
    pub(crate) prefix: Option<String>,
    pub(crate) version_id_marker: Option<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListObjectVersionsOutput {
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) key_marker: String,
    pub(crate) version_id_marker: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_key_marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_version_id_marker: Option<String>,
    pub(crate) max_keys: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delimiter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encoding_type: Option<String>,
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) versions: Vec<VersionEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) delete_markers: Vec<DeleteMarkerEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) common_prefixes: Vec<CommonPrefix>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VersionEntry {
    #[serde(flatten)]
    pub(crate) object: ObjectEntry,
    pub(crate) version_id: String,
    pub(crate) is_latest: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteMarkerEntry {
    pub(crate) owner: Owner,
    pub(crate) key: String,
    pub(crate) version_id: String,
    pub(crate) is_latest: bool,
    pub(crate) last_modified: i64,
}
