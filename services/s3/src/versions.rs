//! The versions of a key: where a new one goes, what becomes of the old, which one a call means.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Ids, Timestamp, Tx, blob};

use super::errors::invalid_argument;
use super::state::{
    BODIES, Bucket, CURRENT, Content, NULLS, OLDER, Object, ObjectPart, PART_LISTS, Version,
    Versioning, content_key, object_key, older_key,
};

/// The version a GET without a version id answers; `None` also where a delete marker hides the key.
pub(crate) fn current(tx: &Tx<'_>, bucket: &str, key: &str) -> Result<Option<Version>> {
    Ok(tx.load(CURRENT, object_key(bucket, key))?)
}

/// The newest version, delete markers included.
pub(crate) fn newest(tx: &Tx<'_>, bucket: &str, key: &str) -> Result<Option<Version>> {
    match current(tx, bucket, key)? {
        Some(version) => Ok(Some(version)),
        None => newest_older(tx, bucket, key),
    }
}

fn newest_older(tx: &Tx<'_>, bucket: &str, key: &str) -> Result<Option<Version>> {
    let prefix = object_key(bucket, key);
    let first = tx
        .prefix(OLDER, prefix, Direction::Forward)?
        .next()
        .transpose()?;
    let Some((stored_key, _)) = first else {
        return Ok(None);
    };
    Ok(tx.load(OLDER, stored_key)?)
}

/// The version with an id.
pub(crate) fn find(
    tx: &Tx<'_>,
    bucket: &str,
    key: &str,
    version_id: &str,
) -> Result<Option<Version>> {
    let sequence = match version_id {
        "null" => tx.load(NULLS, object_key(bucket, key))?,
        id => Some(sequence_of(id).ok_or_else(|| invalid_id(id))?),
    };
    let is_meant = |version: &Version| version.id_or_null() == version_id;
    if let Some(version) = current(tx, bucket, key)?.filter(is_meant) {
        return Ok(Some(version));
    }
    let Some(sequence) = sequence else {
        return Ok(None);
    };
    let older: Option<Version> = tx.load(OLDER, older_key(bucket, key, sequence))?;
    Ok(older.filter(is_meant))
}

fn invalid_id(id: &str) -> Error {
    invalid_argument("Invalid version id specified", "versionId", id)
}

/// 32 characters that tell nobody but us where the version stands: 16 random bytes, and the sequence
/// masked by the first 8 of them.
pub(crate) fn new_id(ids: &Ids, sequence: u64) -> String {
    let random: [u8; 16] = ids.bytes();
    let masked = sequence ^ mask(&random);
    let text = URL_SAFE_NO_PAD.encode([random.as_slice(), &masked.to_be_bytes()].concat());
    text.replace('-', ".")
}

/// The sequence that a version id holds.
pub(crate) fn sequence_of(id: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(id.replace('.', "-")).ok()?;
    let (random, masked) = bytes.split_first_chunk::<16>()?;
    let masked: [u8; 8] = masked.try_into().ok()?;
    Some(u64::from_be_bytes(masked) ^ mask(random))
}

fn mask(random: &[u8; 16]) -> u64 {
    random[..8]
        .iter()
        .fold(0, |mask, &byte| (mask << 8) | u64::from(byte))
}

/// Makes an object the newest version of its key. What it replaces is moved aside or given up, as the
/// bucket's versioning has it.
pub(crate) fn insert(
    tx: &mut Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    key: &str,
    object: Object,
) -> Result<Version> {
    let version = next_version(tx, context, bucket, key, Some(object))?;
    tx.save(CURRENT, object_key(&bucket.name, key), &version)?;
    Ok(version)
}

/// Hides a key behind a delete marker.
pub(crate) fn insert_delete_marker(
    tx: &mut Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    key: &str,
) -> Result<Version> {
    let version = next_version(tx, context, bucket, key, None)?;
    tx.delete(CURRENT, object_key(&bucket.name, key))?;
    set_aside(tx, &bucket.name, key, &version)?;
    Ok(version)
}

fn next_version(
    tx: &mut Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    key: &str,
    object: Option<Object>,
) -> Result<Version> {
    let keeps_ids = bucket.versioning == Versioning::Enabled;
    if !keeps_ids {
        remove_null(tx, &bucket.name, key)?;
    }
    if let Some(replaced) = current(tx, &bucket.name, key)? {
        set_aside(tx, &bucket.name, key, &replaced)?;
    }
    let sequence = tx.next_sequence()?;
    Ok(Version {
        sequence,
        id: keeps_ids.then(|| new_id(&context.ids, sequence)),
        modified: Timestamp::from_seconds(context.now.seconds()),
        object: object.map(Box::new),
    })
}

/// Puts a version among the older ones.
fn set_aside(tx: &mut Tx<'_>, bucket: &str, key: &str, version: &Version) -> Result<()> {
    tx.save(OLDER, older_key(bucket, key, version.sequence), version)?;
    if version.id.is_none() {
        tx.save(NULLS, object_key(bucket, key), &version.sequence)?;
    }
    Ok(())
}

fn remove_null(tx: &mut Tx<'_>, bucket: &str, key: &str) -> Result<()> {
    if let Some(null) = find(tx, bucket, key, "null")? {
        take_out(tx, bucket, key, &null)?;
    }
    Ok(())
}

/// Removes a version for good; the newest one left takes its place.
pub(crate) fn remove(tx: &mut Tx<'_>, bucket: &str, key: &str, version: &Version) -> Result<()> {
    take_out(tx, bucket, key, version)?;
    promote(tx, bucket, key)
}

fn take_out(tx: &mut Tx<'_>, bucket: &str, key: &str, version: &Version) -> Result<()> {
    let is_current =
        current(tx, bucket, key)?.is_some_and(|found| found.sequence == version.sequence);
    if is_current {
        tx.delete(CURRENT, object_key(bucket, key))?;
    } else {
        forget_older(tx, bucket, key, version)?;
    }
    match &version.object {
        Some(object) => release(tx, &object.content),
        None => Ok(()),
    }
}

fn forget_older(tx: &mut Tx<'_>, bucket: &str, key: &str, version: &Version) -> Result<()> {
    tx.delete(OLDER, older_key(bucket, key, version.sequence))?;
    if version.id.is_none() {
        tx.delete(NULLS, object_key(bucket, key))?;
    }
    Ok(())
}

fn promote(tx: &mut Tx<'_>, bucket: &str, key: &str) -> Result<()> {
    if current(tx, bucket, key)?.is_some() {
        return Ok(());
    }
    match newest_older(tx, bucket, key)? {
        Some(version) if !version.is_delete_marker() => {
            forget_older(tx, bucket, key, &version)?;
            Ok(tx.save(CURRENT, object_key(bucket, key), &version)?)
        }
        _ => Ok(()),
    }
}

/// Stores a version again where it lies: its tags, lock or storage class have changed.
pub(crate) fn update(tx: &mut Tx<'_>, bucket: &str, key: &str, version: &Version) -> Result<()> {
    let is_current =
        current(tx, bucket, key)?.is_some_and(|found| found.sequence == version.sequence);
    if is_current {
        tx.save(CURRENT, object_key(bucket, key), version)?;
    } else {
        tx.save(OLDER, older_key(bucket, key, version.sequence), version)?;
    }
    Ok(())
}

/// Gives a body up.
pub(crate) fn release(tx: &mut Tx<'_>, content: &Content) -> Result<()> {
    match content {
        Content::Empty => Ok(()),
        Content::Inline(number) => Ok(tx.delete(BODIES, content_key(*number))?),
        Content::Blob(blob) => Ok(blob::release(tx, blob)?),
        Content::Parts(number) => {
            let parts: Vec<ObjectPart> = tx
                .load(PART_LISTS, content_key(*number))?
                .unwrap_or_default();
            for part in &parts {
                release(tx, &part.content)?;
            }
            Ok(tx.delete(PART_LISTS, content_key(*number))?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_id_has_32_characters_and_holds_its_sequence() {
        let id = new_id(&Ids::seeded([1; 32]), 12_345);
        assert_eq!((id.len(), sequence_of(&id)), (32, Some(12_345)));
        assert_eq!(sequence_of("not an id"), None);
    }
}
