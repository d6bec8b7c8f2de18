//! ListParts and ListMultipartUploads.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kernel::store::Direction;

use super::super::api::{
    CommonPrefix, Initiator, ListPartsInput, ListPartsOutput, ListUploadsInput, ListUploadsOutput,
    OnBucket, OnObject, PartEntry, UploadEntry,
};
use super::super::authorise::{on_bucket, on_object, open, open_for_object, with};
use super::super::checksum;
use super::super::encoding::{canonical_id, quoted};
use super::super::errors::invalid_argument;
use super::super::list::owner_of;
use super::super::scan::{Query, after_prefix, delimiter, encodes, page_size, shown};
use super::super::state::{Bucket, UPLOADS, Upload, upload_key};
use super::super::versions::sequence_of;
use super::create::type_name;
use super::{find, get, or_by_initiator, parts_after, place_of};

pub(crate) fn list_parts_rule(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnObject<ListPartsInput>,
) -> Result<Vec<Access>> {
    let bucket = open_for_object(tx, input)?;
    let action = "s3:ListMultipartUploadParts";
    let access = on_object(context, &bucket, &input.target.key, action);
    let upload = find(tx, &bucket.name, &input.target.key, &input.rest.upload_id)?;
    Ok(vec![or_by_initiator(context, upload.as_ref(), access)])
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html>
pub(crate) fn list_parts(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnObject<ListPartsInput>,
) -> Result<ListPartsOutput> {
    let bucket = open_for_object(tx, &input)?;
    let (key, rest) = (input.target.key, input.rest);
    let upload = get(tx, &bucket.name, &key, &rest.upload_id)?;
    let (limit, _) = page_size(rest.max_parts, "max-parts")?;
    let marker = rest.part_number_marker.unwrap_or_default();
    let parts = parts_after(tx, &upload.id, marker, limit.saturating_add(1))?;
    let mut parts: Vec<_> = parts.into_iter().map(|(_, uploaded)| uploaded).collect();
    let is_truncated = parts.len() > limit;
    parts.truncate(limit);
    let shows_checksums = upload.checksum_algorithm.is_some();
    let parts: Vec<_> = parts
        .into_iter()
        .map(|uploaded| PartEntry {
            part_number: uploaded.part.number,
            last_modified: uploaded.modified.seconds(),
            etag: quoted(&uploaded.etag),
            size: uploaded.part.size_bytes,
            checksums: checksum::members(
                uploaded.part.checksum.as_ref().filter(|_| shows_checksums),
            ),
        })
        .collect();
    let storage_class = upload.attributes.storage_class.clone();
    Ok(ListPartsOutput {
        bucket: bucket.name.clone(),
        key,
        initiator: initiator(&upload),
        owner: owner_of(&bucket),
        storage_class: storage_class.unwrap_or_else(|| "STANDARD".into()),
        part_number_marker: marker,
        next_part_number_marker: parts.last().map_or(marker, |part| part.part_number),
        max_parts: limit,
        is_truncated,
        parts,
        checksum_algorithm: upload
            .checksum_algorithm
            .map(|algorithm| algorithm.name().to_owned()),
        checksum_type: upload
            .checksum_algorithm
            .map(|_| type_name(upload.is_composite).to_owned()),
        upload_id: upload.id,
    })
}

/// Account roots by canonical id, everybody else by ARN.
fn initiator(upload: &Upload) -> Initiator {
    let is_root = upload.initiator_arn.ends_with(":root") || upload.initiator_arn.is_empty();
    let id = if is_root {
        canonical_id(&upload.initiator_account)
    } else {
        upload.initiator_arn.clone()
    };
    Initiator { id }
}

pub(crate) fn list_uploads_rule(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnBucket<ListUploadsInput>,
) -> Result<Vec<Access>> {
    let bucket = open(tx, input)?;
    let access = on_bucket(context, &bucket, "s3:ListBucketMultipartUploads");
    Ok(vec![with(
        access,
        "s3:prefix",
        input.rest.prefix.as_deref(),
    )])
}

enum Line {
    Upload(String, Box<Upload>),
    CommonPrefix(String),
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html>
pub(crate) fn list_uploads(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<ListUploadsInput>,
) -> Result<ListUploadsOutput> {
    let bucket = open(tx, &input)?;
    let rest = input.rest;
    let (limit, _) = page_size(rest.max_uploads, "max-uploads")?;
    let encodes = encodes(rest.encoding_type.as_deref())?;
    let prefix = rest.prefix.unwrap_or_default();
    let key_marker = rest.key_marker.unwrap_or_default();
    // Without a key marker the other one means nothing.
    let id_marker = rest
        .upload_id_marker
        .filter(|_| !key_marker.is_empty())
        .unwrap_or_default();
    let query = Query {
        bucket: &bucket.name,
        prefix: &prefix,
        delimiter: delimiter(rest.delimiter.as_deref()),
        limit,
    };
    let from = start(&query, &key_marker, &id_marker)?;
    let mut lines = walk(tx, &query, from)?;
    let is_truncated = limit > 0 && lines.len() > limit;
    lines.truncate(limit);
    let (next_key, next_id) = match lines.last() {
        Some(Line::Upload(key, upload)) if is_truncated => {
            (Some(key.clone()), Some(upload.id.clone()))
        }
        Some(Line::CommonPrefix(prefix)) if is_truncated => {
            (Some(prefix.clone()), Some(String::new()))
        }
        _ => (None, None),
    };
    let output = ListUploadsOutput {
        bucket: bucket.name.clone(),
        key_marker: shown(&key_marker, encodes),
        upload_id_marker: id_marker,
        next_key_marker: Some(next_key.map(|key| shown(&key, encodes)).unwrap_or_default()),
        next_upload_id_marker: Some(next_id.unwrap_or_default()),
        prefix: shown(&prefix, encodes),
        delimiter: query.delimiter.map(|delimiter| shown(delimiter, encodes)),
        max_uploads: limit,
        is_truncated,
        encoding_type: encodes.then(|| "url".to_owned()),
        ..ListUploadsOutput::default()
    };
    Ok(fill(output, lines, &bucket, encodes))
}

fn start(query: &Query<'_>, key_marker: &str, id_marker: &str) -> Result<Vec<u8>> {
    if id_marker.is_empty() {
        return Ok(query.after(key_marker));
    }
    let sequence = sequence_of(id_marker).ok_or_else(|| {
        invalid_argument("Invalid uploadId marker", "upload-id-marker", id_marker)
    })?;
    let next = upload_key(query.bucket, key_marker, sequence.saturating_add(1));
    Ok(query.start().max(next.as_slice().to_vec()))
}

/// The lines of a page and one more, by which a page knows that it is not the last.
fn walk(tx: &Tx<'_>, query: &Query<'_>, mut from: Vec<u8>) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    let end = query.end();
    if query.limit == 0 {
        return Ok(lines);
    }
    'seek: loop {
        for pair in tx.range(UPLOADS, &from, end.as_deref(), Direction::Forward)? {
            let (stored, _) = pair?;
            if lines.len() > query.limit {
                return Ok(lines);
            }
            let (key, _) = place_of(&stored)?;
            if let Some(common) = query.common_prefix(&key) {
                lines.push(Line::CommonPrefix(common.to_owned()));
                from = after_prefix(query.bucket, common);
                continue 'seek;
            }
            let upload = tx.load(UPLOADS, &stored)?;
            let upload = upload.ok_or_else(|| Error::internal("a listed upload is gone"))?;
            lines.push(Line::Upload(key, Box::new(upload)));
        }
        return Ok(lines);
    }
}

fn fill(
    mut output: ListUploadsOutput,
    lines: Vec<Line>,
    bucket: &Bucket,
    encodes: bool,
) -> ListUploadsOutput {
    for line in lines {
        match line {
            Line::CommonPrefix(prefix) => {
                let prefix = shown(&prefix, encodes);
                output.common_prefixes.push(CommonPrefix { prefix });
            }
            Line::Upload(key, upload) => output.uploads.push(UploadEntry {
                key: shown(&key, encodes),
                initiated: upload.initiated.seconds(),
                storage_class: upload
                    .attributes
                    .storage_class
                    .clone()
                    .unwrap_or_else(|| "STANDARD".into()),
                owner: owner_of(bucket),
                initiator: initiator(&upload),
                checksum_algorithm: upload
                    .checksum_algorithm
                    .map(|algorithm| algorithm.name().to_owned()),
                checksum_type: upload
                    .checksum_algorithm
                    .map(|_| type_name(upload.is_composite).to_owned()),
                upload_id: upload.id,
            }),
        }
    }
    output
}
