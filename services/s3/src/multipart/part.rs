//! UploadPart and UploadPartCopy.

use std::ops::Range;

use cumulet_engine::Context;
use cumulet_engine::body::Body;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_engine::operation::{Reply, Request};
use cumulet_identity::iam;
use cumulet_kernel::{Timestamp, Tx};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::super::api::{
    CopyPartResult, CustomerKey, ObjectTarget, UploadPartCopyInput, UploadPartCopyOutput,
    UploadPartInput, UploadPartOutput,
};
use super::super::authorise::{on_object, open_bucket};
use super::super::checksum::{self, Algorithm, Checksum, Expected};
use super::super::copy::{open_source, parse_source};
use super::super::encoding::quoted;
use super::super::encryption::{self, AES256, DataKey};
use super::super::errors::{invalid_argument, invalid_request};
use super::super::receive::{Claims, Received, receive};
use super::super::send;
use super::super::state::{ObjectPart, PARTS, Upload, UploadedPart, part_key};
use super::super::versions::release;
use super::get;

const PARTS_MAX: i64 = 10_000;

/// Which part a body is for.
#[derive(Clone, Debug)]
struct PartTarget {
    bucket: String,
    key: String,
    upload_id: String,
    number: u32,
    customer: CustomerKey,
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html>
pub(crate) fn upload_part(
    engine: Engine,
    context: Context,
    request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    run(engine, context, request).boxed()
}

async fn run(engine: Engine, context: Context, mut request: Request) -> Result<Reply> {
    let input: UploadPartInput = request.decode()?;
    let body = std::mem::take(&mut request.body);
    let expected = Expected::read(
        &input.checksums,
        input.checksum_algorithm.as_deref(),
        &body.trailers(),
    )?;
    let named = expected.algorithm.is_some();
    let (upload, target) = engine.read(|tx| {
        open(
            tx,
            &context,
            &input.target,
            input.part_number,
            &input.upload_id,
            input.customer,
        )
    })?;
    check_algorithm(&upload, expected.algorithm)?;
    let claims = Claims {
        content_md5: input.content_md5,
        trailers: body.trailers(),
        ..claims(&upload, expected)
    };
    let part = store(&engine, &context, target, body, claims).await?;
    let shows_checksum = named || upload.checksum_algorithm.is_some();
    Reply::of(&UploadPartOutput {
        etag: quoted(&part.etag),
        checksums: checksum::members(part.shown.as_ref().filter(|_| shows_checksum)),
        encryption: encryption::answer(&upload.encryption),
    })
}

fn open(
    tx: &Tx<'_>,
    context: &Context,
    target: &ObjectTarget,
    number: i64,
    upload_id: &str,
    customer: CustomerKey,
) -> Result<(Upload, PartTarget)> {
    let bucket = open_bucket(tx, &target.bucket, target.expected_bucket_owner.as_deref())?;
    iam::authorise(
        tx,
        context,
        &[on_object(context, &bucket, &target.key, "s3:PutObject")],
    )?;
    if !(1..=PARTS_MAX).contains(&number) {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        return Err(invalid_argument(message, "partNumber", number.to_string()));
    }
    let upload = get(tx, &bucket.name, &target.key, upload_id)?;
    check_customer(&upload, &customer)?;
    let target = PartTarget {
        bucket: bucket.name,
        key: target.key.clone(),
        upload_id: upload_id.to_owned(),
        number: u32::try_from(number).unwrap_or_default(),
        customer,
    };
    Ok((upload, target))
}

fn check_customer(upload: &Upload, customer: &CustomerKey) -> Result<()> {
    match (&upload.encryption.customer_key_md5, &customer.key_md5) {
        (Some(_), None) => Err(invalid_request(
            "The multipart upload initiate requested encryption. Subsequent part requests must include the \
             appropriate encryption parameters.",
        )),
        (Some(stored), Some(given)) if stored != given => Err(invalid_request(
            "The provided encryption parameters did not match the ones used originally.",
        )),
        _ => encryption::check_customer(&upload.encryption, customer),
    }
}

/// A part's checksum must be of the algorithm that the upload was begun with.
fn check_algorithm(upload: &Upload, given: Option<Algorithm>) -> Result<()> {
    let Some(expected) = upload.checksum_algorithm else {
        return Ok(());
    };
    let is_missing = given.is_none() && upload.is_composite;
    if !is_missing && given.is_none_or(|given| given == expected) {
        return Ok(());
    }
    let name = |algorithm: Algorithm| algorithm.name().to_ascii_lowercase();
    Err(invalid_request(format!(
        "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
        name(expected),
        given.map_or_else(|| "null".to_owned(), name)
    )))
}

/// What is computed of a part: what the client names, and what the whole will need.
fn claims(upload: &Upload, mut expected: Expected) -> Claims {
    let needed = upload.checksum_algorithm.unwrap_or(Algorithm::Crc64Nvme);
    let named = *expected.algorithm.get_or_insert(needed);
    Claims {
        checksum: expected,
        etag_is_md5: upload.encryption.algorithm == AES256,
        also: (named != needed).then_some(needed),
        ..Claims::default()
    }
}

struct Stored {
    etag: String,
    modified: Timestamp,
    /// The checksum that the client named.
    shown: Option<Checksum>,
}

async fn store(
    engine: &Engine,
    context: &Context,
    target: PartTarget,
    body: Body,
    claims: Claims,
) -> Result<Stored> {
    let received = receive(engine, body, &claims, || {
        let (context, target) = (context.clone(), target.clone());
        engine.write(move |tx| {
            let upload = get(tx, &target.bucket, &target.key, &target.upload_id)?;
            new_key(tx, &context, &target, &upload)
        })
    })
    .await?;
    let context = context.clone();
    let is_md5 = claims.etag_is_md5;
    engine
        .write(move |tx| commit(tx, &context, &target, &received, is_md5))
        .await
}

/// A key for a part, sealed under the upload's data key: opened as the caller, as AWS does.
fn new_key(
    tx: &Tx<'_>,
    context: &Context,
    target: &PartTarget,
    upload: &Upload,
) -> Result<DataKey> {
    let bucket = open_bucket(tx, &target.bucket, None)?;
    let data_key =
        encryption::open_data_key(tx, context, &bucket, &upload.encryption, &target.customer)?;
    Ok(encryption::part_key(context, &data_key, &upload.encryption))
}

fn commit(
    tx: &mut Tx<'_>,
    context: &Context,
    target: &PartTarget,
    received: &Received,
    is_md5: bool,
) -> Result<Stored> {
    let upload = get(tx, &target.bucket, &target.key, &target.upload_id)?;
    let stored_key = part_key(&upload.id, target.number);
    if let Some(replaced) = tx.load::<UploadedPart>(PARTS, &stored_key)? {
        release(tx, &replaced.part.content)?;
    }
    let (content, encryption) =
        received.keep(tx, context, |tx| new_key(tx, context, target, &upload))?;
    let uploaded = UploadedPart {
        modified: Timestamp::from_seconds(context.now.seconds()),
        etag: received.etag(context, is_md5),
        part: ObjectPart {
            number: target.number,
            size_bytes: received.size_bytes,
            checksum: received
                .also
                .clone()
                .or_else(|| Some(received.checksum.clone())),
            content,
            sealed_key: encryption.sealed_key,
        },
    };
    tx.save(PARTS, &stored_key, &uploaded)?;
    Ok(Stored {
        etag: uploaded.etag,
        modified: uploaded.modified,
        shown: Some(received.checksum.clone()),
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html>
pub(crate) fn upload_part_copy(
    engine: Engine,
    context: Context,
    request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    run_copy(engine, context, request).boxed()
}

async fn run_copy(engine: Engine, context: Context, mut request: Request) -> Result<Reply> {
    let input: UploadPartCopyInput = request.decode()?;
    let prepared = engine.read(|tx| {
        let (upload, target) = open(
            tx,
            &context,
            &input.target,
            input.part_number,
            &input.upload_id,
            input.customer,
        )?;
        let mut source_target = parse_source(&input.copy_source)?;
        source_target.expected_bucket_owner = input.expected_source_bucket_owner;
        let source = open_source(tx, &context, source_target, &input.source_conditions)?;
        let range = copy_range(input.copy_source_range.as_deref(), source.object.size_bytes)?;
        let length = range.end - range.start;
        let pieces = source.pieces(tx, &context, &input.source_customer.into(), range)?;
        Ok((upload, target, pieces, length, source.shown_version_id()))
    })?;
    let (upload, target, pieces, length, copy_source_version_id) = prepared;
    let body = send::body(&engine, pieces, length);
    let claims = claims(&upload, Expected::default());
    let part = store(&engine, &context, target, body, claims).await?;
    let shown = part.shown.filter(|_| upload.checksum_algorithm.is_some());
    Reply::of(&UploadPartCopyOutput {
        copy_part_result: CopyPartResult {
            etag: quoted(&part.etag),
            last_modified: part.modified.seconds(),
            checksums: checksum::members(shown.as_ref()),
        },
        copy_source_version_id,
        encryption: encryption::answer(&upload.encryption),
    })
}

fn copy_range(header: Option<&str>, size: u64) -> Result<Range<u64>> {
    const HEADER: &str = "x-amz-copy-source-range";
    let Some(header) = header else {
        return Ok(0..size);
    };
    let bounds = header.strip_prefix("bytes=").and_then(|spec| {
        let (first, last) = spec.split_once('-')?;
        Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?))
    });
    let Some((first, last)) = bounds.filter(|(first, last)| first <= last) else {
        let message = "The x-amz-copy-source-range value must be of the form bytes=first-last where first and \
                       last are the zero-based offsets of the first and last bytes to copy";
        return Err(invalid_argument(message, HEADER, header));
    };
    if last >= size {
        let message = format!("Range specified is not valid for source object of size: {size}");
        return Err(invalid_argument(message, HEADER, header));
    }
    Ok(first..last + 1)
}
