//! What a writer says about an object, checked and brought into the form that is kept.

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Timestamp;

use super::api::{AclRequest, LockRequest, ObjectHeaders, Tag};
use super::errors::{invalid_argument, invalid_request};
use super::state::{Attributes, Bucket};
use super::{acl, tagging};

const METADATA_BYTES_MAX: usize = 2048;
const KEY_BYTES_MAX: usize = 1024;
const STORAGE_CLASSES: &[&str] = &[
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
];

/// What the members of a write say.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) headers: ObjectHeaders,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) tagging: Option<String>,
    pub(crate) storage_class: Option<String>,
    pub(crate) lock: LockRequest,
    pub(crate) acl: AclRequest,
}

impl Said {
    /// Refuses what S3 would refuse, and gives the form that is kept.
    pub(crate) fn keep(self, context: &Context, bucket: &Bucket) -> Result<Attributes> {
        check_metadata(&self.metadata)?;
        let acl = acl::of_new_object(context, bucket, &self.acl)?;
        let lock = check_lock(context, bucket, &self.lock)?;
        let mut headers = self.headers;
        headers
            .content_type
            .get_or_insert_with(|| "binary/octet-stream".into());
        headers.content_encoding = headers
            .content_encoding
            .as_deref()
            .and_then(without_aws_chunked);
        Ok(Attributes {
            headers,
            metadata: self.metadata,
            tags: tagging::parse_header(self.tagging.as_deref())?,
            storage_class: check_storage_class(self.storage_class)?,
            lock_mode: lock.mode,
            retain_until: lock.retain_until.map(timestamp),
            legal_hold: lock.legal_hold,
            writer: context.principal.account.clone(),
            acl,
        })
    }
}

/// `aws-chunked` says how a body travelled, not what it is.
fn without_aws_chunked(encoding: &str) -> Option<String> {
    let kept: Vec<_> = encoding
        .split(',')
        .map(str::trim)
        .filter(|part| !part.eq_ignore_ascii_case("aws-chunked") && !part.is_empty())
        .collect();
    (!kept.is_empty()).then(|| kept.join(", "))
}

pub(crate) fn check_key(key: &str) -> Result<()> {
    if key.len() <= KEY_BYTES_MAX {
        return Ok(());
    }
    Err(Error::new("KeyTooLongError", "Your key is too long")
        .member("Size", key.len())
        .member("MaxSizeAllowed", KEY_BYTES_MAX))
}

fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<()> {
    let size: usize = metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size <= METADATA_BYTES_MAX {
        return Ok(());
    }
    let message = "Your metadata headers exceed the maximum allowed metadata size";
    Err(Error::new("MetadataTooLarge", message)
        .member("Size", size)
        .member("MaxSizeAllowed", METADATA_BYTES_MAX))
}

/// `STANDARD` is what an absent one means.
fn check_storage_class(class: Option<String>) -> Result<Option<String>> {
    match class {
        Some(class) if !STORAGE_CLASSES.contains(&class.as_str()) => {
            let message = "The storage class you specified is not valid";
            Err(Error::new("InvalidStorageClass", message).member("StorageClassRequested", class))
        }
        class => Ok(class.filter(|class| class != "STANDARD")),
    }
}

fn check_lock(context: &Context, bucket: &Bucket, lock: &LockRequest) -> Result<LockRequest> {
    if lock.event_hold.is_some() {
        return Err(Error::not_implemented("event holds"));
    }
    let asks = lock.mode.is_some() || lock.retain_until.is_some() || lock.legal_hold.is_some();
    if asks && !bucket.object_lock {
        return Err(invalid_request(
            "Bucket is missing Object Lock Configuration",
        ));
    }
    if lock.mode.is_some() != lock.retain_until.is_some() {
        let message =
            "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied";
        return Err(invalid_argument(message, "x-amz-object-lock-mode", ""));
    }
    if lock
        .retain_until
        .is_some_and(|until| timestamp(until) <= context.now)
    {
        let message = "The retain until date must be in the future!";
        return Err(invalid_argument(
            message,
            "x-amz-object-lock-retain-until-date",
            "",
        ));
    }
    Ok(lock.clone())
}

/// Epoch seconds of the wire as a point in time.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the wire parsed it from a date, which milliseconds hold"
)]
pub(crate) fn timestamp(seconds: f64) -> Timestamp {
    Timestamp((seconds * 1000.0).round() as i64)
}

/// Sets tags apart from the rest of the attributes, for the event and conditions.
pub(crate) fn tag_count(tags: &[Tag]) -> Option<usize> {
    (!tags.is_empty()).then_some(tags.len())
}
