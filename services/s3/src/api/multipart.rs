//! Multipart uploads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::object::{AclRequest, CopySourceCustomerKey, ObjectHeaders};
use super::{
    Checksums, CommonPrefix, CopySourceConditions, CustomerKey, EncryptionAnswer,
    EncryptionRequest, LockRequest, ObjectTarget, Owner,
};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateUploadInput {
    #[serde(flatten)]
    pub(crate) target: ObjectTarget,
    #[serde(flatten)]
    pub(crate) headers: ObjectHeaders,
    #[serde(flatten)]
    pub(crate) encryption: EncryptionRequest,
    #[serde(flatten)]
    pub(crate) lock: LockRequest,
    #[serde(flatten)]
    pub(crate) acl: AclRequest,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) storage_class: Option<String>,
    pub(crate) tagging: Option<String>,
    pub(crate) checksum_algorithm: Option<String>,
    pub(crate) checksum_type: Option<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateUploadOutput {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) upload_id: String,
    #[serde(flatten)]
    pub(crate) encryption: EncryptionAnswer,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum_algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) abort_date: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) abort_rule_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UploadPartInput {
    #[serde(flatten)]
    pub(crate) target: ObjectTarget,
    #[serde(flatten)]
    pub(crate) checksums: Checksums,
    #[serde(flatten)]
    pub(crate) customer: CustomerKey,
    #[serde(rename = "ContentMD5")]
    pub(crate) content_md5: Option<String>,
    pub(crate) checksum_algorithm: Option<String>,
    pub(crate) part_number: i64,
    pub(crate) upload_id: String,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UploadPartOutput {
    #[serde(rename = "ETag")]
    pub(crate) etag: String,
    #[serde(flatten)]
    pub(crate) checksums: Checksums,
    #[serde(flatten)]
    pub(crate) encryption: EncryptionAnswer,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UploadPartCopyInput {
    #[serde(flatten)]
    pub(crate) target: ObjectTarget,
    #[serde(flatten)]
    pub(crate) source_conditions: CopySourceConditions,
    #[serde(flatten)]
    pub(crate) source_customer: CopySourceCustomerKey,
    #[serde(flatten)]
    pub(crate) customer: CustomerKey,
    pub(crate) copy_source: String,
    pub(crate) copy_source_range: Option<String>,
    pub(crate) expected_source_bucket_owner: Option<String>,
    pub(crate) part_number: i64,
    pub(crate) upload_id: String,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UploadPartCopyOutput {
    pub(crate) copy_part_result: CopyPartResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) copy_source_version_id: Option<String>,
    #[serde(flatten)]
    pub(crate) encryption: EncryptionAnswer,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CopyPartResult {
    #[serde(rename = "ETag")]
    pub(crate) etag: String,
    pub(crate) last_modified: i64,
    #[serde(flatten)]
    pub(crate) checksums: Checksums,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CompleteInput {
    pub(crate) upload_id: String,
    pub(crate) multipart_upload: Option<CompletedUpload>,
    #[serde(flatten)]
    pub(crate) checksums: Checksums,
    #[serde(flatten)]
    pub(crate) customer: CustomerKey,
    pub(crate) checksum_type: Option<String>,
    pub(crate) mpu_object_size: Option<u64>,
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CompletedUpload {
    #[serde(default)]
    pub(crate) parts: Vec<CompletedPart>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CompletedPart {
    #[serde(rename = "ETag")]
    pub(crate) etag: Option<String>,
    pub(crate) part_number: Option<i64>,
    #[serde(flatten)]
    pub(crate) checksums: Checksums,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CompleteOutput {
    pub(crate) location: String,
    pub(crate) bucket: String,
    pub(crate) key: String,
    #[serde(rename = "ETag")]
    pub(crate) etag: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expiration: Option<String>,
    #[serde(flatten)]
    pub(crate) checksums: Checksums,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum_type: Option<&'static str>,
    #[serde(flatten)]
    pub(crate) encryption: EncryptionAnswer,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AbortInput {
    pub(crate) upload_id: String,
    pub(crate) if_match_initiated_time: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListPartsInput {
    pub(crate) upload_id: String,
    pub(crate) max_parts: Option<i64>,
    pub(crate) part_number_marker: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListPartsOutput {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) upload_id: String,
    pub(crate) initiator: Initiator,
    pub(crate) owner: Owner,
    pub(crate) storage_class: String,
    pub(crate) part_number_marker: u32,
    pub(crate) next_part_number_marker: u32,
    pub(crate) max_parts: usize,
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<PartEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum_algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum_type: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PartEntry {
    pub(crate) part_number: u32,
    pub(crate) last_modified: i64,
    #[serde(rename = "ETag")]
    pub(crate) etag: String,
    pub(crate) size: u64,
    #[serde(flatten)]
    pub(crate) checksums: Checksums,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Initiator {
    #[serde(rename = "ID")]
    pub(crate) id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListUploadsInput {
    pub(crate) delimiter: Option<String>,
    pub(crate) encoding_type: Option<String>,
    pub(crate) key_marker: Option<String>,
    pub(crate) max_uploads: Option<i64>,
    pub(crate) prefix: Option<String>,
    pub(crate) upload_id_marker: Option<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListUploadsOutput {
    pub(crate) bucket: String,
    pub(crate) key_marker: String,
    pub(crate) upload_id_marker: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_key_marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_upload_id_marker: Option<String>,
    pub(crate) prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delimiter: Option<String>,
    pub(crate) max_uploads: usize,
    pub(crate) is_truncated: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) uploads: Vec<UploadEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) common_prefixes: Vec<CommonPrefix>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encoding_type: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UploadEntry {
    pub(crate) upload_id: String,
    pub(crate) key: String,
    pub(crate) initiated: i64,
    pub(crate) storage_class: String,
    pub(crate) owner: Owner,
    pub(crate) initiator: Initiator,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum_algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum_type: Option<String>,
}
