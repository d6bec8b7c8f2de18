//! Groups of members that many operations share.

use cumulet_engine::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The bucket a call is about.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BucketTarget {
    pub(crate) bucket: String,
    pub(crate) expected_bucket_owner: Option<String>,
}

/// The object a call is about.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ObjectTarget {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version_id: Option<String>,
    pub(crate) expected_bucket_owner: Option<String>,
}

/// An input about a bucket, with whatever else it has.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct OnBucket<I> {
    #[serde(flatten)]
    pub(crate) target: BucketTarget,
    #[serde(flatten)]
    pub(crate) rest: I,
}

/// An input about an object, with whatever else it has.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct OnObject<I> {
    #[serde(flatten)]
    pub(crate) target: ObjectTarget,
    #[serde(flatten)]
    pub(crate) rest: I,
}

/// No further members; an answer without any.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Nothing {}

/// The checksum members of requests and answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksums {
    #[serde(rename = "ChecksumCRC32", skip_serializing_if = "Option::is_none")]
    pub(crate) crc32: Option<String>,
    #[serde(rename = "ChecksumCRC32C", skip_serializing_if = "Option::is_none")]
    pub(crate) crc32c: Option<String>,
    #[serde(rename = "ChecksumCRC64NVME", skip_serializing_if = "Option::is_none")]
    pub(crate) crc64nvme: Option<String>,
    #[serde(rename = "ChecksumSHA1", skip_serializing_if = "Option::is_none")]
    pub(crate) sha1: Option<String>,
    #[serde(rename = "ChecksumSHA256", skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
    #[serde(rename = "ChecksumSHA512", skip_serializing_if = "Option::is_none")]
    pub(crate) sha512: Option<String>,
    #[serde(rename = "ChecksumMD5", skip_serializing_if = "Option::is_none")]
    pub(crate) md5: Option<String>,
    #[serde(rename = "ChecksumXXHASH64", skip_serializing_if = "Option::is_none")]
    pub(crate) xxhash64: Option<String>,
    #[serde(rename = "ChecksumXXHASH3", skip_serializing_if = "Option::is_none")]
    pub(crate) xxhash3: Option<String>,
    #[serde(rename = "ChecksumXXHASH128", skip_serializing_if = "Option::is_none")]
    pub(crate) xxhash128: Option<String>,
}

impl Checksums {
    /// Refuses the algorithms that are not built: accepting one unverified would be a lie.
    pub(crate) fn refuse_unbuilt(&self) -> Result<()> {
        let unbuilt = [
            (&self.sha512, "SHA512"),
            (&self.md5, "MD5"),
            (&self.xxhash64, "XXHASH64"),
            (&self.xxhash3, "XXHASH3"),
            (&self.xxhash128, "XXHASH128"),
        ];
        match unbuilt.iter().find(|(value, _)| value.is_some()) {
            Some((_, name)) => Err(Error::not_implemented(format!("the checksum {name}"))),
            None => Ok(()),
        }
    }
}

/// What a write asks about encryption.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct EncryptionRequest {
    pub(crate) server_side_encryption: Option<String>,
    #[serde(rename = "SSEKMSKeyId")]
    pub(crate) kms_key_id: Option<String>,
    #[serde(rename = "SSEKMSEncryptionContext")]
    pub(crate) kms_encryption_context: Option<String>,
    pub(crate) bucket_key_enabled: Option<bool>,
    #[serde(flatten)]
    pub(crate) customer: CustomerKey,
}

/// A customer's key (SSE-C).
#[derive(Clone, Default, Deserialize)]
pub(crate) struct CustomerKey {
    #[serde(rename = "SSECustomerAlgorithm")]
    pub(crate) algorithm: Option<String>,
    #[serde(rename = "SSECustomerKey")]
    pub(crate) key: Option<String>,
    #[serde(rename = "SSECustomerKeyMD5")]
    pub(crate) key_md5: Option<String>,
}

impl std::fmt::Debug for CustomerKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CustomerKey")
            .field("key_md5", &self.key_md5)
            .finish_non_exhaustive()
    }
}

/// What every answer about an object says of its encryption.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct EncryptionAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_side_encryption: Option<String>,
    #[serde(rename = "SSEKMSKeyId", skip_serializing_if = "Option::is_none")]
    pub(crate) kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bucket_key_enabled: Option<bool>,
    #[serde(
        rename = "SSECustomerAlgorithm",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) customer_algorithm: Option<String>,
    #[serde(rename = "SSECustomerKeyMD5", skip_serializing_if = "Option::is_none")]
    pub(crate) customer_key_md5: Option<String>,
}

/// What a write asks about object lock.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct LockRequest {
    #[serde(rename = "ObjectLockMode")]
    pub(crate) mode: Option<String>,
    #[serde(rename = "ObjectLockRetainUntilDate")]
    pub(crate) retain_until: Option<f64>,
    #[serde(rename = "ObjectLockLegalHoldStatus")]
    pub(crate) legal_hold: Option<String>,
    #[serde(rename = "ObjectLockEventHold")]
    pub(crate) event_hold: Option<String>,
}

/// Conditions on the source of a copy.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct CopySourceConditions {
    #[serde(rename = "CopySourceIfMatch")]
    pub(crate) if_match: Option<String>,
    #[serde(rename = "CopySourceIfNoneMatch")]
    pub(crate) if_none_match: Option<String>,
    #[serde(rename = "CopySourceIfModifiedSince")]
    pub(crate) if_modified_since: Option<f64>,
    #[serde(rename = "CopySourceIfUnmodifiedSince")]
    pub(crate) if_unmodified_since: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    #[serde(rename = "ID", default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
}
