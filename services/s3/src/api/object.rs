//! Objects: writing, reading, copying and deleting them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Checksums, CopySourceConditions, CustomerKey, EncryptionAnswer, EncryptionRequest, LockRequest,
    ObjectTarget,
};

/// Headers that are kept with an object and given back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ObjectHeaders {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) website_redirect_location: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutObjectInput {
    #[serde(flatten)]
    pub(crate) target: ObjectTarget,
    #[serde(flatten)]
    pub(crate) headers: ObjectHeaders,
    #[serde(flatten)]
    pub(crate) encryption: EncryptionRequest,
    #[serde(flatten)]
    pub(crate) checksums: Checksums,
    #[serde(flatten)]
    pub(crate) lock: LockRequest,
    #[serde(flatten)]
    pub(crate) acl: AclRequest,
    #[serde(rename = "ContentMD5")]
    pub(crate) content_md5: Option<String>,
    pub(crate) checksum_algorithm: Option<String>,
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) storage_class: Option<String>,
    pub(crate) tagging: Option<String>,
    pub(crate) write_offset_bytes: Option<i64>,
}

/// Access control lists as headers give them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AclRequest {
    #[serde(rename = "ACL")]
    pub(crate) canned: Option<String>,
    pub(crate) grant_full_control: Option<String>,
    pub(crate) grant_read: Option<String>,
    #[serde(rename = "GrantReadACP")]
    pub(crate) grant_read_acp: Option<String>,
    pub(crate) grant_write: Option<String>,
    #[serde(rename = "GrantWriteACP")]
    pub(crate) grant_write_acp: Option<String>,
}

impl AclRequest {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutObjectOutput {
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

/// GetObject and HeadObject.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ReadObjectInput {
    #[serde(flatten)]
    pub(crate) target: ObjectTarget,
    #[serde(flatten)]
    pub(crate) customer: CustomerKey,
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
    pub(crate) if_modified_since: Option<f64>,
    pub(crate) if_unmodified_since: Option<f64>,
    pub(crate) range: Option<String>,
    pub(crate) part_number: Option<u32>,
    pub(crate) checksum_mode: Option<String>,
    pub(crate) response_cache_control: Option<String>,
    pub(crate) response_content_disposition: Option<String>,
    pub(crate) response_content_encoding: Option<String>,
    pub(crate) response_content_language: Option<String>,
    pub(crate) response_content_type: Option<String>,
    pub(crate) response_expires: Option<f64>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ReadObjectOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) accept_ranges: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expiration: Option<String>,
    pub(crate) last_modified: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_length: Option<u64>,
    #[serde(rename = "ETag")]
    pub(crate) etag: String,
    #[serde(flatten)]
    pub(crate) checksums: Checksums,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<String>,
    #[serde(flatten)]
    pub(crate) headers: ObjectHeaders,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_range: Option<String>,
    #[serde(flatten)]
    pub(crate) encryption: EncryptionAnswer,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) storage_class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parts_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag_count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object_lock_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object_lock_retain_until_date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object_lock_legal_hold_status: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteObjectInput {
    #[serde(rename = "MFA")]
    pub(crate) mfa: Option<String>,
    #[serde(default)]
    pub(crate) bypass_governance_retention: bool,
    pub(crate) if_match: Option<String>,
    pub(crate) if_match_last_modified_time: Option<f64>,
    pub(crate) if_match_size: Option<i64>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteObjectOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delete_marker: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteObjectsInput {
    pub(crate) delete: Delete,
    #[serde(rename = "MFA")]
    pub(crate) mfa: Option<String>,
    #[serde(default)]
    pub(crate) bypass_governance_retention: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Delete {
    #[serde(default)]
    pub(crate) objects: Vec<ObjectIdentifier>,
    #[serde(default)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ObjectIdentifier {
    pub(crate) key: String,
    pub(crate) version_id: Option<String>,
    #[serde(rename = "ETag")]
    pub(crate) etag: Option<String>,
    pub(crate) last_modified_time: Option<f64>,
    pub(crate) size: Option<i64>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteObjectsOutput {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) deleted: Vec<DeletedObject>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<DeletionError>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeletedObject {
    pub(crate) key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delete_marker: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delete_marker_version_id: Option<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeletionError {
    pub(crate) key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<String>,
    pub(crate) code: String,
    pub(crate) message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CopyObjectInput {
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
    #[serde(flatten)]
    pub(crate) source_conditions: CopySourceConditions,
    #[serde(flatten)]
    pub(crate) source_customer: CopySourceCustomerKey,
    pub(crate) copy_source: String,
    pub(crate) expected_source_bucket_owner: Option<String>,
    pub(crate) checksum_algorithm: Option<String>,
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) metadata_directive: Option<String>,
    pub(crate) storage_class: Option<String>,
    pub(crate) tagging: Option<String>,
    pub(crate) tagging_directive: Option<String>,
}

/// The customer's key of a copy's source.
#[derive(Clone, Default, Deserialize)]
pub(crate) struct CopySourceCustomerKey {
    #[serde(rename = "CopySourceSSECustomerAlgorithm")]
    pub(crate) algorithm: Option<String>,
    #[serde(rename = "CopySourceSSECustomerKey")]
    pub(crate) key: Option<String>,
    #[serde(rename = "CopySourceSSECustomerKeyMD5")]
    pub(crate) key_md5: Option<String>,
}

impl std::fmt::Debug for CopySourceCustomerKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CopySourceCustomerKey")
            .field("key_md5", &self.key_md5)
            .finish_non_exhaustive()
    }
}

impl From<CopySourceCustomerKey> for CustomerKey {
    fn from(source: CopySourceCustomerKey) -> Self {
        Self {
            algorithm: source.algorithm,
            key: source.key,
            key_md5: source.key_md5,
        }
    }
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CopyObjectOutput {
    pub(crate) copy_object_result: CopyObjectResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expiration: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) copy_source_version_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<String>,
    #[serde(flatten)]
    pub(crate) encryption: EncryptionAnswer,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CopyObjectResult {
    #[serde(rename = "ETag")]
    pub(crate) etag: String,
    pub(crate) last_modified: i64,
    #[serde(flatten)]
    pub(crate) checksums: Checksums,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum_type: Option<&'static str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetObjectAttributesInput {
    #[serde(default)]
    pub(crate) object_attributes: Vec<String>,
    pub(crate) max_parts: Option<usize>,
    pub(crate) part_number_marker: Option<u32>,
    #[serde(flatten)]
    pub(crate) customer: CustomerKey,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetObjectAttributesOutput {
    pub(crate) last_modified: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<String>,
    #[serde(rename = "ETag", skip_serializing_if = "Option::is_none")]
    pub(crate) etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<AttributesChecksum>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object_parts: Option<AttributesParts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) storage_class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object_size: Option<u64>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AttributesChecksum {
    #[serde(flatten)]
    pub(crate) checksums: Checksums,
    pub(crate) checksum_type: &'static str,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AttributesParts {
    pub(crate) total_parts_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) part_number_marker: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_part_number_marker: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_parts: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) is_truncated: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<AttributesPart>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AttributesPart {
    pub(crate) part_number: u32,
    pub(crate) size: u64,
    #[serde(flatten)]
    pub(crate) checksums: Checksums,
}
