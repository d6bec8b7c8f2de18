//! Listing objects: versions 1 and 2 of the operation over the same walk.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::api::{
    CommonPrefix, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
    ObjectEntry, OnBucket, Owner,
};
use super::authorise::{on_bucket, open, with};
use super::encoding::{canonical_id, quoted};
use super::errors::invalid_argument;
use super::scan::{Line, Page, Query, delimiter, encodes, page, page_size, shown};
use super::state::{Bucket, CURRENT, Object, Version};

/// The access rule of a listing: policies may look at what is listed.
pub(crate) fn list_rule<I>(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnBucket<I>,
    action: &str,
    asked: (Option<&str>, Option<&str>, Option<i64>),
) -> Result<Vec<Access>> {
    let bucket = open(tx, input)?;
    let (prefix, delimiter, max_keys) = asked;
    let access = on_bucket(context, &bucket, action);
    let access = with(access, "s3:prefix", prefix);
    let access = with(access, "s3:delimiter", delimiter);
    let max_keys = max_keys.map(|max_keys| max_keys.to_string());
    Ok(vec![with(access, "s3:max-keys", max_keys.as_deref())])
}

pub(crate) fn list_objects_rule(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnBucket<ListObjectsInput>,
) -> Result<Vec<Access>> {
    let rest = &input.rest;
    let asked = (
        rest.prefix.as_deref(),
        rest.delimiter.as_deref(),
        rest.max_keys,
    );
    list_rule(tx, context, input, "s3:ListBucket", asked)
}

pub(crate) fn list_objects_v2_rule(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnBucket<ListObjectsV2Input>,
) -> Result<Vec<Access>> {
    let rest = &input.rest;
    let asked = (
        rest.prefix.as_deref(),
        rest.delimiter.as_deref(),
        rest.max_keys,
    );
    list_rule(tx, context, input, "s3:ListBucket", asked)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html>
pub(crate) fn list_objects(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<ListObjectsInput>,
) -> Result<ListObjectsOutput> {
    let bucket = open(tx, &input)?;
    let rest = input.rest;
    let (limit, max_keys) = page_size(rest.max_keys, "maxKeys")?;
    let encodes = encodes(rest.encoding_type.as_deref())?;
    let prefix = rest.prefix.unwrap_or_default();
    let marker = rest.marker.unwrap_or_default();
    let query = Query {
        bucket: &bucket.name,
        prefix: &prefix,
        delimiter: delimiter(rest.delimiter.as_deref()),
        limit,
    };
    let page: Page<Version> = page(tx, CURRENT, &query, &marker)?;
    let next_marker = page
        .last()
        .filter(|_| page.is_truncated && query.delimiter.is_some())
        .map(|last| shown(last, encodes));
    let is_truncated = page.is_truncated;
    let (contents, common_prefixes) = split(page, encodes, Some(&bucket))?;
    Ok(ListObjectsOutput {
        name: bucket.name.clone(),
        prefix: shown(&prefix, encodes),
        marker: shown(&marker, encodes),
        next_marker,
        max_keys,
        delimiter: query.delimiter.map(|delimiter| shown(delimiter, encodes)),
        encoding_type: encodes.then(|| "url".to_owned()),
        is_truncated,
        contents,
        common_prefixes,
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
pub(crate) fn list_objects_v2(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<ListObjectsV2Input>,
) -> Result<ListObjectsV2Output> {
    let bucket = open(tx, &input)?;
    let rest = input.rest;
    let (limit, max_keys) = page_size(rest.max_keys, "maxKeys")?;
    let encodes = encodes(rest.encoding_type.as_deref())?;
    let prefix = rest.prefix.unwrap_or_default();
    let marker = match &rest.continuation_token {
        Some(token) => read_token(token)?,
        None => rest.start_after.clone().unwrap_or_default(),
    };
    let query = Query {
        bucket: &bucket.name,
        prefix: &prefix,
        delimiter: delimiter(rest.delimiter.as_deref()),
        limit,
    };
    let page: Page<Version> = page(tx, CURRENT, &query, &marker)?;
    let next = page
        .last()
        .filter(|_| page.is_truncated)
        .map(|last| BASE64.encode(last));
    let is_truncated = page.is_truncated;
    let key_count = page.lines.len();
    let owner = rest.fetch_owner.then_some(&bucket);
    let (contents, common_prefixes) = split(page, encodes, owner)?;
    Ok(ListObjectsV2Output {
        name: bucket.name.clone(),
        prefix: shown(&prefix, encodes),
        continuation_token: rest.continuation_token,
        next_continuation_token: next,
        start_after: rest.start_after.map(|after| shown(&after, encodes)),
        key_count,
        max_keys,
        delimiter: query.delimiter.map(|delimiter| shown(delimiter, encodes)),
        encoding_type: encodes.then(|| "url".to_owned()),
        is_truncated,
        contents,
        common_prefixes,
    })
}

fn read_token(token: &str) -> Result<String> {
    let key = BASE64
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    key.filter(|key| !key.is_empty()).ok_or_else(|| {
        let message = "The continuation token provided is incorrect";
        invalid_argument(message, "continuation-token", token)
    })
}

fn split(
    page: Page<Version>,
    encodes: bool,
    owner: Option<&Bucket>,
) -> Result<(Vec<ObjectEntry>, Vec<CommonPrefix>)> {
    let (mut contents, mut common_prefixes) = (Vec::new(), Vec::new());
    let owner = owner.map(owner_of);
    for line in page.lines {
        match line {
            Line::CommonPrefix(prefix) => common_prefixes.push(CommonPrefix {
                prefix: shown(&prefix, encodes),
            }),
            Line::Entry(key, version) => {
                let object = version.object.as_deref();
                let object =
                    object.ok_or_else(|| Error::internal("a current version is a marker"))?;
                contents.push(entry(shown(&key, encodes), &version, object, owner.clone()));
            }
        }
    }
    Ok((contents, common_prefixes))
}

pub(crate) fn owner_of(bucket: &Bucket) -> Owner {
    Owner {
        id: Some(canonical_id(&bucket.account)),
    }
}

/// An object as listings show it.
pub(crate) fn entry(
    key: String,
    version: &Version,
    object: &Object,
    owner: Option<Owner>,
) -> ObjectEntry {
    let checksum = object.checksum.as_ref();
    let storage_class = object.attributes.storage_class.as_deref();
    ObjectEntry {
        key,
        last_modified: version.modified.seconds(),
        etag: quoted(&object.etag),
        checksum_algorithm: checksum
            .map(|checksum| checksum.algorithm.name())
            .into_iter()
            .collect(),
        checksum_type: checksum.map(super::checksum::Checksum::type_name),
        size: object.size_bytes,
        storage_class: storage_class.unwrap_or("STANDARD").to_owned(),
        owner,
    }
}
