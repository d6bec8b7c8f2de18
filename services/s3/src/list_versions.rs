//! Listing versions and delete markers in one order: by key, newest first.
//!
//! The versions of a key lie in two tables, the newest object in one and everything else in the other.
//! The walk goes from key to key over both; under a key it shows the current version, then the older.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use cumulet_kernel::store::Direction;

use super::api::{
    CommonPrefix, DeleteMarkerEntry, ListObjectVersionsInput, ListObjectVersionsOutput, OnBucket,
    VersionEntry,
};
use super::authorise::open;
use super::errors::invalid_argument;
use super::list::{entry, list_rule, owner_of};
use super::scan::{
    Query, after_key, after_prefix, delimiter, encodes, object_key_of, page_size, shown,
};
use super::state::{Bucket, CURRENT, OLDER, Version, object_key};
use super::versions::{self, sequence_of};

pub(crate) fn list_object_versions_rule(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnBucket<ListObjectVersionsInput>,
) -> Result<Vec<Access>> {
    let rest = &input.rest;
    let asked = (
        rest.prefix.as_deref(),
        rest.delimiter.as_deref(),
        rest.max_keys,
    );
    list_rule(tx, context, input, "s3:ListBucketVersions", asked)
}

/// A version found by the walk.
struct Found {
    key: String,
    version: Version,
    is_latest: bool,
}

enum Line {
    Version(Found),
    CommonPrefix(String),
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>
pub(crate) fn list_object_versions(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<ListObjectVersionsInput>,
) -> Result<ListObjectVersionsOutput> {
    let bucket = open(tx, &input)?;
    let rest = input.rest;
    let (limit, max_keys) = page_size(rest.max_keys, "maxKeys")?;
    let encodes = encodes(rest.encoding_type.as_deref())?;
    let prefix = rest.prefix.unwrap_or_default();
    let key_marker = rest.key_marker.unwrap_or_default();
    let version_marker = rest.version_id_marker.unwrap_or_default();
    check_markers(&key_marker, &version_marker)?;
    let query = Query {
        bucket: &bucket.name,
        prefix: &prefix,
        delimiter: delimiter(rest.delimiter.as_deref()),
        limit,
    };
    let mut lines = walk(tx, &query, &key_marker, &version_marker)?;
    let is_truncated = limit > 0 && lines.len() > limit;
    lines.truncate(limit);
    let (next_key, next_version) = match lines.last() {
        Some(Line::Version(found)) if is_truncated => (
            Some(found.key.clone()),
            Some(found.version.id_or_null().to_owned()),
        ),
        Some(Line::CommonPrefix(prefix)) if is_truncated => (Some(prefix.clone()), None),
        _ => (None, None),
    };
    let output = ListObjectVersionsOutput {
        name: bucket.name.clone(),
        prefix: shown(&prefix, encodes),
        key_marker: shown(&key_marker, encodes),
        version_id_marker: version_marker,
        next_key_marker: next_key.map(|key| shown(&key, encodes)),
        next_version_id_marker: next_version,
        max_keys,
        delimiter: query.delimiter.map(|delimiter| shown(delimiter, encodes)),
        encoding_type: encodes.then(|| "url".to_owned()),
        is_truncated,
        ..ListObjectVersionsOutput::default()
    };
    Ok(fill(output, lines, &bucket, encodes))
}

fn check_markers(key_marker: &str, version_marker: &str) -> Result<()> {
    if version_marker.is_empty() {
        return Ok(());
    }
    if key_marker.is_empty() {
        let message = "A version-id marker cannot be specified without a key marker.";
        return Err(invalid_argument(
            message,
            "version-id-marker",
            version_marker,
        ));
    }
    if version_marker != "null" && sequence_of(version_marker).is_none() {
        let message = "Invalid version id specified";
        return Err(invalid_argument(
            message,
            "version-id-marker",
            version_marker,
        ));
    }
    Ok(())
}

/// The lines of a page and one more, by which a page knows that it is not the last.
fn walk(
    tx: &Tx<'_>,
    query: &Query<'_>,
    key_marker: &str,
    version_marker: &str,
) -> Result<Vec<Line>> {
    let enough = query.limit + 1;
    let mut lines = Vec::new();
    if query.limit == 0 {
        return Ok(lines);
    }
    if !version_marker.is_empty() && key_marker.starts_with(query.prefix) {
        let below = marker_sequence(tx, query.bucket, key_marker, version_marker)?;
        versions_of(
            tx,
            query.bucket,
            key_marker,
            Some(below),
            enough,
            &mut lines,
        )?;
    }
    let mut from = query.after(key_marker);
    while lines.len() < enough {
        let Some(key) = next_key(tx, query, &from)? else {
            break;
        };
        if let Some(common) = query.common_prefix(&key) {
            lines.push(Line::CommonPrefix(common.to_owned()));
            from = after_prefix(query.bucket, common);
            continue;
        }
        versions_of(tx, query.bucket, &key, None, enough, &mut lines)?;
        from = after_key(query.bucket, &key);
    }
    Ok(lines)
}

/// Where the marker stands. An id holds its place, so the version may be gone; the null version's place is
/// looked up, and if that is gone the rest of its key is passed over.
fn marker_sequence(tx: &Tx<'_>, bucket: &str, key: &str, marker: &str) -> Result<u64> {
    match sequence_of(marker) {
        Some(sequence) => Ok(sequence),
        None => Ok(versions::find(tx, bucket, key, "null")?.map_or(0, |version| version.sequence)),
    }
}

/// The first key at or behind `from` in either table.
fn next_key(tx: &Tx<'_>, query: &Query<'_>, from: &[u8]) -> Result<Option<String>> {
    let end = query.end();
    let mut first: Option<String> = None;
    for table in [CURRENT, OLDER] {
        let mut range = tx.range(table, from, end.as_deref(), Direction::Forward)?;
        if let Some((stored, _)) = range.next().transpose()? {
            let key = object_key_of(&stored)?;
            if first
                .as_ref()
                .is_none_or(|first| key.as_bytes() < first.as_bytes())
            {
                first = Some(key);
            }
        }
    }
    Ok(first)
}

/// Adds the versions of a key that are older than `below`, until there are enough lines.
fn versions_of(
    tx: &Tx<'_>,
    bucket: &str,
    key: &str,
    below: Option<u64>,
    enough: usize,
    lines: &mut Vec<Line>,
) -> Result<()> {
    let current = versions::current(tx, bucket, key)?;
    let has_current = current.is_some();
    let mut add = |version: Version, is_latest: bool| {
        if below.is_none_or(|below| version.sequence < below) {
            let key = key.to_owned();
            lines.push(Line::Version(Found {
                key,
                version,
                is_latest,
            }));
        }
        lines.len() < enough
    };
    if let Some(version) = current
        && !add(version, true)
    {
        return Ok(());
    }
    let prefix = object_key(bucket, key);
    let from = match below {
        Some(below) if below > 0 => prefix.clone().number_descending(below - 1),
        Some(_) => return Ok(()),
        None => prefix.clone(),
    };
    let end = cumulet_kernel::key::end_of_prefix(prefix.as_slice());
    let mut is_first = below.is_none() || is_newest(tx, bucket, key, below)?;
    for pair in tx.range(OLDER, from.as_slice(), end.as_deref(), Direction::Forward)? {
        let version: Option<Version> = tx.load(OLDER, pair?.0)?;
        let is_latest = is_first && !has_current;
        is_first = false;
        if let Some(version) = version
            && !add(version, is_latest)
        {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether nothing of the key is newer than `below`: then the first version shown is the latest.
fn is_newest(tx: &Tx<'_>, bucket: &str, key: &str, below: Option<u64>) -> Result<bool> {
    let newest = versions::newest(tx, bucket, key)?;
    Ok(newest.is_none_or(|newest| below.is_none_or(|below| newest.sequence < below)))
}

fn fill(
    mut output: ListObjectVersionsOutput,
    lines: Vec<Line>,
    bucket: &Bucket,
    encodes: bool,
) -> ListObjectVersionsOutput {
    let owner = owner_of(bucket);
    for line in lines {
        let found = match line {
            Line::CommonPrefix(prefix) => {
                let prefix = shown(&prefix, encodes);
                output.common_prefixes.push(CommonPrefix { prefix });
                continue;
            }
            Line::Version(found) => found,
        };
        let key = shown(&found.key, encodes);
        let version_id = found.version.id_or_null().to_owned();
        match &found.version.object {
            Some(object) => output.versions.push(VersionEntry {
                object: entry(key, &found.version, object, Some(owner.clone())),
                version_id,
                is_latest: found.is_latest,
            }),
            None => output.delete_markers.push(DeleteMarkerEntry {
                owner: owner.clone(),
                key,
                version_id,
                is_latest: found.is_latest,
                last_modified: found.version.modified.seconds(),
            }),
        }
    }
    output
}
