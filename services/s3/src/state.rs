//! What S3 keeps: the on-disk format.
//!
//! The tables follow from what must be cheap. `CURRENT` holds one record a visible object and no body,
//! so HEAD is one get and a page of a listing reads the page. Whatever is not the newest visible object
//! (older versions, delete markers) lies in `OLDER`, newest first under its key: an unversioned bucket
//! never touches it. A key is in `CURRENT` exactly when its newest version is an object, and then
//! everything of that key in `OLDER` is older.

use std::collections::BTreeMap;
use std::sync::Arc;

use cumulet_kernel::blob::BlobRef;
use cumulet_kernel::{Key, Table, Timestamp};
use serde::{Deserialize, Serialize};

use super::api::{Grant, ObjectHeaders, PublicAccessBlockConfiguration, Tag};
use super::checksum::{Algorithm, Checksum};

/// By bucket name: [`Bucket`]. Names are global.
pub(crate) const BUCKETS: Table = Table::new(1000, "s3.buckets");
/// By account and bucket name: nothing.
pub(crate) const OWNED: Table = Table::new(1001, "s3.owned_buckets");
/// By bucket and kind of configuration: the configuration.
pub(crate) const CONFIGURATIONS: Table = Table::new(1002, "s3.configurations");
/// By bucket and key: the [`Version`] that a GET answers.
pub(crate) const CURRENT: Table = Table::new(1003, "s3.current");
/// By bucket, key and descending sequence: every other [`Version`].
pub(crate) const OLDER: Table = Table::new(1004, "s3.older");
/// By bucket and key: the sequence of the null version in `OLDER`.
pub(crate) const NULLS: Table = Table::new(1005, "s3.null_versions");
/// By content number: the sealed bytes of a small body.
pub(crate) const BODIES: Table = Table::new(1006, "s3.bodies");
/// By content number: the [`ObjectPart`]s of an object that was uploaded in parts.
pub(crate) const PART_LISTS: Table = Table::new(1007, "s3.part_lists");
/// By bucket, key and the sequence that the upload id holds: [`Upload`].
pub(crate) const UPLOADS: Table = Table::new(1008, "s3.uploads");
/// By upload id and part number: [`UploadedPart`].
pub(crate) const PARTS: Table = Table::new(1009, "s3.parts");
/// By name: S3's own keys.
pub(crate) const KEYS: Table = Table::new(1010, "s3.keys");
/// By upload id: [`Completed`], so that completing an upload again answers the same.
pub(crate) const COMPLETED: Table = Table::new(1011, "s3.completed_uploads");
/// By bucket and sequence: lines of its access log that are not delivered yet.
pub(crate) const ACCESS_LINES: Table = Table::new(1012, "s3.access_lines");

pub(crate) const TABLES: &[Table] = &[
    BUCKETS,
    OWNED,
    CONFIGURATIONS,
    CURRENT,
    OLDER,
    NULLS,
    BODIES,
    PART_LISTS,
    UPLOADS,
    PARTS,
    KEYS,
    COMPLETED,
    ACCESS_LINES,
];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) created: Timestamp,
    #[serde(default)]
    pub(crate) versioning: Versioning,
    /// `BucketOwnerEnforced` and so on; absent after DeleteBucketOwnershipControls.
    #[serde(default)]
    pub(crate) ownership: Option<String>,
    #[serde(default)]
    pub(crate) public_access_block: Option<PublicAccessBlockConfiguration>,
    #[serde(default)]
    pub(crate) encryption: DefaultEncryption,
    #[serde(default)]
    pub(crate) policy: Option<Arc<str>>,
    #[serde(default)]
    pub(crate) object_lock: bool,
    /// Empty: the owner alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) acl: Vec<Grant>,
}

impl Bucket {
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:s3:::{}", self.name)
    }

    pub(crate) fn object_arn(&self, key: &str) -> String {
        format!("arn:aws:s3:::{}/{key}", self.name)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Versioning {
    #[default]
    Never,
    Enabled,
    Suspended,
}

/// How a bucket encrypts what comes without a word about encryption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DefaultEncryption {
    /// `AES256`, `aws:kms`, `aws:kms:dsse`.
    pub(crate) algorithm: String,
    pub(crate) key_id: Option<String>,
    pub(crate) bucket_key: bool,
    /// Whether uploads with a customer's key are refused: so since April 2026 unless asked otherwise.
    pub(crate) blocks_customer_keys: bool,
}

impl Default for DefaultEncryption {
    fn default() -> Self {
        Self {
            algorithm: "AES256".into(),
            key_id: None,
            bucket_key: false,
            blocks_customer_keys: true,
        }
    }
}

/// An object version or a delete marker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Version {
    /// Where the version stands among all: greater is newer.
    pub(crate) sequence: u64,
    /// Absent: the null version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) modified: Timestamp,
    /// Absent on a delete marker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) object: Option<Box<Object>>,
}

impl Version {
    pub(crate) fn is_delete_marker(&self) -> bool {
        self.object.is_none()
    }

    /// As version listings name it.
    pub(crate) fn id_or_null(&self) -> &str {
        self.id.as_deref().unwrap_or("null")
    }
}

/// What an object version is, besides its place among the versions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Object {
    pub(crate) size_bytes: u64,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) content: Content,
    pub(crate) encryption: Encryption,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<Checksum>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parts_count: Option<u32>,
    pub(crate) attributes: Attributes,
}

/// What the writer said about an object.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Attributes {
    #[serde(default)]
    pub(crate) headers: ObjectHeaders,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<Tag>,
    /// Absent: STANDARD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) storage_class: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lock_mode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retain_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) legal_hold: Option<String>,
    /// The account that wrote the object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) writer: String,
    /// Empty: the owner alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) acl: Vec<Grant>,
}

/// Where a body lies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Content {
    Empty,
    /// Sealed in `BODIES` under this number.
    Inline(u64),
    Blob(BlobRef),
    /// In parts, listed in `PART_LISTS` under this number.
    Parts(u64),
}

/// How a body's data key is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Encryption {
    /// `AES256`, `aws:kms`, `aws:kms:dsse`, or `SSE-C`.
    pub(crate) algorithm: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_arn: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) bucket_key: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) context: BTreeMap<String, String>,
    /// SSE-C: the MD5 of the customer's key, by which a wrong one is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) customer_key_md5: Option<String>,
    #[serde(with = "serde_bytes")]
    pub(crate) sealed_key: Vec<u8>,
}

/// A part of a stored object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ObjectPart {
    pub(crate) number: u32,
    pub(crate) size_bytes: u64,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) content: Content,
    /// The part's own key, sealed under the object's data key.
    #[serde(with = "serde_bytes")]
    pub(crate) sealed_key: Vec<u8>,
}

/// A multipart upload in progress.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) initiated: Timestamp,
    pub(crate) initiator_arn: String,
    pub(crate) initiator_account: String,
    pub(crate) attributes: Attributes,
    pub(crate) encryption: Encryption,
    /// Absent: the client named none, and the whole gets a CRC64NVME.
    pub(crate) checksum_algorithm: Option<Algorithm>,
    pub(crate) is_composite: bool,
    /// Whether the key had an object when the upload began.
    pub(crate) replaces: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UploadedPart {
    pub(crate) modified: Timestamp,
    /// In lower-case hexadecimal.
    pub(crate) etag: String,
    pub(crate) part: ObjectPart,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Completed {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version_id: Option<String>,
    pub(crate) etag: String,
}

pub(crate) fn bucket_key(bucket: &str) -> Key {
    Key::new().text(bucket)
}

pub(crate) fn owned_key(account: &str, bucket: &str) -> Key {
    Key::new().text(account).text(bucket)
}

pub(crate) fn configuration_key(bucket: &str, kind: &str) -> Key {
    Key::new().text(bucket).text(kind)
}

pub(crate) fn object_key(bucket: &str, key: &str) -> Key {
    Key::new().text(bucket).text(key)
}

pub(crate) fn older_key(bucket: &str, key: &str, sequence: u64) -> Key {
    object_key(bucket, key).number_descending(sequence)
}

pub(crate) fn content_key(number: u64) -> Key {
    Key::new().number(number)
}

pub(crate) fn upload_key(bucket: &str, key: &str, sequence: u64) -> Key {
    object_key(bucket, key).number(sequence)
}

pub(crate) fn access_line_key(bucket: &str, sequence: u64) -> Key {
    Key::new().text(bucket).number(sequence)
}

pub(crate) fn part_key(upload_id: &str, number: u32) -> Key {
    Key::new().text(upload_id).number(u64::from(number))
}
