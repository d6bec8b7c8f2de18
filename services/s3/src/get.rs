//! Reading objects: GetObject and HeadObject are one operation, with and without the body.

use std::ops::Range;

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::body::Body;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::{Reply, Request};
use cumulet_identity::iam;
use cumulet_kernel::Tx;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::api::{ObjectTarget, ReadObjectInput, ReadObjectOutput};
use super::attributes::tag_count;
use super::authorise::{absence_may_be_told, existing_tags, on_object, open_bucket, with};
use super::conditions::{ReadConditions, ReadOutcome};
use super::encoding::{http_date, quoted};
use super::errors::{invalid_request, method_not_allowed, no_such_key, no_such_version};
use super::send::{self, Piece};
use super::state::{Bucket, Content, Object, Version, Versioning};
use super::{acl, checksum, encryption, lifecycle, versions};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
pub(crate) fn get_object(
    engine: Engine,
    context: Context,
    mut request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    async move {
        let input = request.decode()?;
        read_object(&engine, &context, &input, true)
    }
    .boxed()
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>
pub(crate) fn head_object(
    engine: Engine,
    context: Context,
    mut request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    async move {
        let input = request.decode()?;
        read_object(&engine, &context, &input, false)
    }
    .boxed()
}

/// An answer whose body is still in pieces.
struct Answer {
    output: ReadObjectOutput,
    status: Option<u16>,
    pieces: Vec<Piece>,
}

pub(crate) fn read_object(
    engine: &Engine,
    context: &Context,
    input: &ReadObjectInput,
    with_body: bool,
) -> Result<Reply> {
    let answer = engine.read(|tx| answer(tx, context, input, with_body))?;
    let length = answer.output.content_length.unwrap_or_default();
    let body = if with_body {
        send::body(engine, answer.pieces, length)
    } else {
        Body::Empty
    };
    Ok(Reply {
        body,
        status: answer.status,
        ..Reply::of(&answer.output)?
    })
}

fn answer(
    tx: &Tx<'_>,
    context: &Context,
    input: &ReadObjectInput,
    with_body: bool,
) -> Result<Answer> {
    let target = &input.target;
    let bucket = open_bucket(tx, &target.bucket, target.expected_bucket_owner.as_deref())?;
    authorise_read(tx, context, &bucket, target)?;
    let method = if with_body { "GET" } else { "HEAD" };
    let (version, object) = find_object(tx, context, &bucket, target, method)?;
    encryption::check_customer(&object.encryption, &input.customer)?;
    let mut output = describe(tx, &bucket, &target.key, &version, &object)?;
    if conditions(input).check(&object.etag, version.modified)? == ReadOutcome::NotModified {
        return Ok(not_modified(output));
    }
    let (range, status) = select(tx, &object, input, &mut output)?;
    if wants_checksum(input) && (status.is_none() || input.part_number.is_some()) {
        output.checksums = checksum_of(tx, &object, input.part_number)?;
        output.checksum_type = object.checksum.as_ref().map(checksum::Checksum::type_name);
    }
    override_headers(context, input, &mut output)?;
    // HEAD needs no key from KMS; AWS asks for it only where bytes are opened.
    let pieces = if with_body {
        let key =
            encryption::open_data_key(tx, context, &bucket, &object.encryption, &input.customer)?;
        send::pieces(tx, &object, &key, range)?
    } else {
        Vec::new()
    };
    Ok(Answer {
        output,
        status,
        pieces,
    })
}

fn wants_checksum(input: &ReadObjectInput) -> bool {
    input
        .checksum_mode
        .as_deref()
        .is_some_and(|mode| mode.eq_ignore_ascii_case("ENABLED"))
}

fn conditions(input: &ReadObjectInput) -> ReadConditions<'_> {
    ReadConditions {
        if_match: input.if_match.as_deref(),
        if_none_match: input.if_none_match.as_deref(),
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    }
}

fn not_modified(described: ReadObjectOutput) -> Answer {
    let output = ReadObjectOutput {
        etag: described.etag,
        last_modified: described.last_modified,
        version_id: described.version_id,
        ..ReadObjectOutput::default()
    };
    Answer {
        output,
        status: Some(304),
        pieces: Vec::new(),
    }
}

/// Refuses whoever may not read the object.
pub(crate) fn authorise_read(
    tx: &Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    target: &ObjectTarget,
) -> Result<()> {
    let access = read_access(tx, context, bucket, target)?;
    let Err(refused) = iam::authorise(tx, context, &[access]) else {
        return Ok(());
    };
    // Whoever may list the bucket is told that there is nothing, also of what they might not read.
    let is_absent = lookup(tx, bucket, target).is_ok_and(|found| found.is_none());
    if is_absent && absence_may_be_told(tx, context, bucket, &target.key).is_ok() {
        return Ok(());
    }
    Err(refused)
}

/// The question whether the caller may read an object, its tags told.
pub(crate) fn read_access(
    tx: &Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    target: &ObjectTarget,
) -> Result<Access> {
    let version_id = target.version_id.as_deref();
    let action = match version_id {
        Some(_) => "s3:GetObjectVersion",
        None => "s3:GetObject",
    };
    let access = on_object(context, bucket, &target.key, action);
    let access = with(access, "s3:VersionId", version_id);
    // The tags are asked for by policies alone: an absent or unreadable version has none to tell.
    let version = lookup(tx, bucket, target)?;
    Ok(match version.and_then(|version| version.object) {
        Some(object) => {
            let access = acl::grant_on_object(context, bucket, &object, access);
            existing_tags(access, &object.attributes.tags)
        }
        None => access,
    })
}

fn lookup(tx: &Tx<'_>, bucket: &Bucket, target: &ObjectTarget) -> Result<Option<Version>> {
    match &target.version_id {
        Some(id) => versions::find(tx, &bucket.name, &target.key, id),
        None => versions::current(tx, &bucket.name, &target.key),
    }
}

/// The object a call means, or the refusal that fits its absence. The version comes back without it.
pub(crate) fn find_object(
    tx: &Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    target: &ObjectTarget,
    method: &str,
) -> Result<(Version, Box<Object>)> {
    if let Some(mut version) = lookup(tx, bucket, target)? {
        return match version.object.take() {
            Some(object) => Ok((version, object)),
            None => Err(marker_error(method, &version)),
        };
    }
    absence_may_be_told(tx, context, bucket, &target.key)?;
    match &target.version_id {
        Some(id) => Err(no_such_version(&target.key, id)),
        None => Err(hidden_error(tx, bucket, &target.key)?),
    }
}

fn marker_error(method: &str, marker: &Version) -> Error {
    method_not_allowed(method, "DeleteMarker")
        .header("x-amz-delete-marker", "true")
        .header("x-amz-version-id", marker.id_or_null())
        .header("allow", "DELETE")
        .header("last-modified", http_date(marker.modified))
}

fn hidden_error(tx: &Tx<'_>, bucket: &Bucket, key: &str) -> Result<Error> {
    let error = no_such_key(key);
    if bucket.versioning == Versioning::Never {
        return Ok(error);
    }
    Ok(match versions::newest(tx, &bucket.name, key)? {
        Some(marker) => error
            .header("x-amz-delete-marker", "true")
            .header("x-amz-version-id", marker.id_or_null()),
        None => error,
    })
}

/// Everything an answer says of an object, its length and range apart.
fn describe(
    tx: &Tx<'_>,
    bucket: &Bucket,
    key: &str,
    version: &Version,
    object: &Object,
) -> Result<ReadObjectOutput> {
    let attributes = &object.attributes;
    Ok(ReadObjectOutput {
        accept_ranges: Some("bytes"),
        expiration: lifecycle::expiration_of(tx, bucket, key, version.modified, object)?,
        last_modified: version.modified.seconds(),
        etag: quoted(&object.etag),
        version_id: super::tagging::shown_id(bucket, version),
        headers: attributes.headers.clone(),
        encryption: encryption::answer(&object.encryption),
        metadata: attributes.metadata.clone(),
        storage_class: attributes.storage_class.clone(),
        tag_count: tag_count(&attributes.tags),
        object_lock_mode: attributes.lock_mode.clone(),
        object_lock_retain_until_date: attributes.retain_until.map(seconds),
        object_lock_legal_hold_status: attributes.legal_hold.clone(),
        ..ReadObjectOutput::default()
    })
}

/// A point in time as the wire has it.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since the epoch fit a double exactly"
)]
pub(crate) fn seconds(time: cumulet_kernel::Timestamp) -> f64 {
    time.milliseconds() as f64 / 1000.0
}

/// Which bytes a call wants, and the status that says so.
fn select(
    tx: &Tx<'_>,
    object: &Object,
    input: &ReadObjectInput,
    output: &mut ReadObjectOutput,
) -> Result<(Range<u64>, Option<u16>)> {
    let size = object.size_bytes;
    let wanted = match (&input.range, input.part_number) {
        (Some(_), Some(_)) => {
            let message = "Cannot specify both Range header and partNumber query parameter";
            return Err(invalid_request(message));
        }
        (Some(range), None) => parse_range(range, size)?,
        (None, Some(number)) => {
            output.parts_count = object.parts_count;
            Some(part_range(tx, object, number)?)
        }
        (None, None) => None,
    };
    let Some(range) = wanted else {
        output.content_length = Some(size);
        return Ok((0..size, None));
    };
    output.content_length = Some(range.end - range.start);
    if !range.is_empty() {
        output.content_range = Some(format!("bytes {}-{}/{size}", range.start, range.end - 1));
    }
    Ok((range, Some(206)))
}

/// The bytes a Range header names; `None` where S3 ignores it and sends everything.
pub(crate) fn parse_range(header: &str, size: u64) -> Result<Option<Range<u64>>> {
    let Some(spec) = header
        .strip_prefix("bytes=")
        .filter(|spec| !spec.contains(','))
    else {
        return Ok(None);
    };
    let Some((first, last)) = spec.trim().split_once('-') else {
        return Ok(None);
    };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if last < first => return Ok(None),
        (Ok(first), Ok(last)) => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(last)) if first.is_empty() => size.saturating_sub(last)..size,
        _ => return Ok(None),
    };
    if range.start >= range.end {
        let message = "The requested range is not satisfiable";
        return Err(Error::new("InvalidRange", message)
            .status(416)
            .member("RangeRequested", header)
            .member("ActualObjectSize", size));
    }
    Ok(Some(range))
}

fn part_range(tx: &Tx<'_>, object: &Object, number: u32) -> Result<Range<u64>> {
    let missing = |count: usize| {
        Error::new(
            "InvalidPartNumber",
            "The requested partnumber is not satisfiable",
        )
        .status(416)
        .member("PartNumberRequested", number)
        .member("ActualPartCount", count)
    };
    let Content::Parts(list) = object.content else {
        return if number == 1 {
            Ok(0..object.size_bytes)
        } else {
            Err(missing(1))
        };
    };
    let parts = send::parts(tx, list)?;
    let mut start = 0;
    for part in &parts {
        if part.number == number {
            return Ok(start..start + part.size_bytes);
        }
        start += part.size_bytes;
    }
    Err(missing(parts.len()))
}

/// The object's checksum, or that of one of its parts.
fn checksum_of(
    tx: &Tx<'_>,
    object: &Object,
    part_number: Option<u32>,
) -> Result<super::api::Checksums> {
    if let (Some(number), Content::Parts(list)) = (part_number, &object.content) {
        let parts = send::parts(tx, *list)?;
        let part = parts.iter().find(|part| part.number == number);
        return Ok(checksum::members(
            part.and_then(|part| part.checksum.as_ref()),
        ));
    }
    Ok(checksum::members(object.checksum.as_ref()))
}

/// `response-content-type` and its like, which only a signed request may ask for.
fn override_headers(
    context: &Context,
    input: &ReadObjectInput,
    output: &mut ReadObjectOutput,
) -> Result<()> {
    let expires = input
        .response_expires
        .map(|seconds| http_date(super::attributes::timestamp(seconds)));
    let headers = &mut output.headers;
    let overrides = [
        (&input.response_cache_control, &mut headers.cache_control),
        (
            &input.response_content_disposition,
            &mut headers.content_disposition,
        ),
        (
            &input.response_content_encoding,
            &mut headers.content_encoding,
        ),
        (
            &input.response_content_language,
            &mut headers.content_language,
        ),
        (&input.response_content_type, &mut headers.content_type),
        (&expires, &mut headers.expires),
    ];
    let is_anonymous = context.principal.kind == cumulet_engine::PrincipalKind::Anonymous;
    for (wanted, header) in overrides {
        if wanted.is_none() {
            continue;
        }
        if is_anonymous {
            let message =
                "Request specific response headers cannot be used for anonymous GET requests.";
            return Err(invalid_request(message));
        }
        header.clone_from(wanted);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_s3_reads_them() {
        let range = |header: &str| parse_range(header, 10);
        assert_eq!(range("bytes=2-4"), Ok(Some(2..5)));
        assert_eq!(range("bytes=2-"), Ok(Some(2..10)));
        assert_eq!(range("bytes=-3"), Ok(Some(7..10)));
        assert_eq!(range("bytes=-30"), Ok(Some(0..10)));
        assert_eq!(range("bytes=5-100"), Ok(Some(5..10)));
        assert_eq!(range("bytes=5-2"), Ok(None));
        assert_eq!(range("bytes=1-2,4-5"), Ok(None));
        assert_eq!(range("lines=1-2"), Ok(None));
        for unsatisfiable in ["bytes=10-", "bytes=-0", "bytes=11-12"] {
            let error = range(unsatisfiable).map_err(|error| error.status);
            assert_eq!(error, Err(416), "{unsatisfiable}");
        }
    }
}
