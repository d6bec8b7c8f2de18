//! Multipart uploads.
//!
//! A part is stored in its final place when it arrives; completing an upload writes a list of parts and
//! no bytes. Each part has a key of its own, sealed under the data key of the upload.

mod complete;
mod create;
mod list;
mod part;

pub(crate) use complete::{FORGET, complete_upload, complete_upload_rule, forget_completed};
pub(crate) use create::{create_upload, create_upload_rule};
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::key::{KeyReader, end_of_prefix};
use cumulet_kernel::store::{Direction, decode};
use cumulet_kernel::{Key, Tx};
pub(crate) use list::{list_parts, list_parts_rule, list_uploads, list_uploads_rule};
pub(crate) use part::{upload_part, upload_part_copy};

use super::acl;
use super::api::{AbortInput, Nothing, OnObject};
use super::authorise::{on_object, open_for_object};
use super::errors::no_such_upload;
use super::state::{PARTS, UPLOADS, Upload, UploadedPart, part_key, upload_key};
use super::versions::{release, sequence_of};

/// The upload that an id names, if it is one of this key.
pub(crate) fn find(
    tx: &Tx<'_>,
    bucket: &str,
    key: &str,
    upload_id: &str,
) -> Result<Option<Upload>> {
    let Some(sequence) = sequence_of(upload_id) else {
        return Ok(None);
    };
    let upload: Option<Upload> = tx.load(UPLOADS, upload_key(bucket, key, sequence))?;
    Ok(upload.filter(|upload| upload.id == upload_id))
}

pub(crate) fn get(tx: &Tx<'_>, bucket: &str, key: &str, upload_id: &str) -> Result<Upload> {
    find(tx, bucket, key, upload_id)?.ok_or_else(|| no_such_upload(upload_id))
}

fn forget(tx: &mut Tx<'_>, bucket: &str, key: &str, upload_id: &str) -> Result<()> {
    let sequence = sequence_of(upload_id).ok_or_else(|| no_such_upload(upload_id))?;
    Ok(tx.delete(UPLOADS, upload_key(bucket, key, sequence))?)
}

/// Parts of an upload behind a number, in order: a page of them, or all.
fn parts_after(
    tx: &Tx<'_>,
    upload_id: &str,
    marker: u32,
    limit: usize,
) -> Result<Vec<(Vec<u8>, UploadedPart)>> {
    let from = part_key(upload_id, marker.saturating_add(1));
    let end = end_of_prefix(Key::new().text(upload_id).as_slice());
    let scan = tx.range(PARTS, from.as_slice(), end.as_deref(), Direction::Forward)?;
    scan.take(limit)
        .map(|pair| {
            let (key, part) = pair?;
            Ok((key, decode(&part)?))
        })
        .collect()
}

/// Gives up an upload and everything uploaded to it, by its stored key.
pub(crate) fn discard(tx: &mut Tx<'_>, stored: &[u8]) -> Result<()> {
    let upload: Option<Upload> = tx.load(UPLOADS, stored)?;
    if let Some(upload) = upload {
        discard_parts(tx, &upload.id)?;
    }
    Ok(tx.delete(UPLOADS, stored)?)
}

fn discard_parts(tx: &mut Tx<'_>, upload_id: &str) -> Result<()> {
    for (key, uploaded) in parts_after(tx, upload_id, 0, usize::MAX)? {
        release(tx, &uploaded.part.content)?;
        tx.delete(PARTS, key)?;
    }
    Ok(())
}

/// The key and sequence in a stored key of `UPLOADS`.
fn place_of(stored: &[u8]) -> Result<(String, u64)> {
    let mut reader = KeyReader::new(stored);
    let place = reader
        .text()
        .and_then(|_| reader.text())
        .and_then(|key| Some((key, reader.number()?)));
    place.ok_or_else(|| Error::internal("a stored upload's key cannot be read"))
}

pub(crate) fn abort_upload_rule(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnObject<AbortInput>,
) -> Result<Vec<Access>> {
    let bucket = open_for_object(tx, input)?;
    let (key, action) = (&input.target.key, "s3:AbortMultipartUpload");
    let access = on_object(context, &bucket, key, action);
    let upload = find(tx, &bucket.name, key, &input.rest.upload_id)?;
    Ok(vec![or_by_initiator(context, upload.as_ref(), access)])
}

/// Whoever began an upload may look after it, whatever the bucket's policy leaves open.
fn or_by_initiator(context: &Context, upload: Option<&Upload>, access: Access) -> Access {
    let caller = context.principal.arn.as_str();
    let is_own = upload.is_some_and(|upload| upload.initiator_arn == caller);
    if is_own && !caller.is_empty() {
        acl::allow(access)
    } else {
        access
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html>
pub(crate) fn abort_upload(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnObject<AbortInput>,
) -> Result<Nothing> {
    let target = &input.target;
    if input.rest.if_match_initiated_time.is_some() {
        return Err(Error::not_implemented(
            "x-amz-if-match-initiated-time, of directory buckets,",
        ));
    }
    let upload = get(tx, &target.bucket, &target.key, &input.rest.upload_id)?;
    discard_parts(tx, &upload.id)?;
    forget(tx, &target.bucket, &target.key, &upload.id)?;
    Ok(Nothing {})
}
