//! GetObjectAttributes.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::api::{
    AttributesChecksum, AttributesPart, AttributesParts, GetObjectAttributesInput,
    GetObjectAttributesOutput, OnObject,
};
use super::authorise::{existing_tags, on_object, open_for_object, with};
use super::get::find_object;
use super::scan::KEYS_MAX;
use super::state::{Content, Object};
use super::{checksum, encryption, send, tagging, versions};

/// Takes the right to read the object and the right to its attributes.
pub(crate) fn rule(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnObject<GetObjectAttributesInput>,
) -> Result<Vec<Access>> {
    let bucket = open_for_object(tx, input)?;
    let target = &input.target;
    let version_id = target.version_id.as_deref();
    let stored = match version_id {
        Some(id) => versions::find(tx, &bucket.name, &target.key, id)?,
        None => versions::current(tx, &bucket.name, &target.key)?,
    };
    let actions = match version_id {
        Some(_) => ["s3:GetObjectVersion", "s3:GetObjectVersionAttributes"],
        None => ["s3:GetObject", "s3:GetObjectAttributes"],
    };
    let tags = stored
        .and_then(|version| version.object)
        .map(|object| object.attributes.tags);
    let needed = actions.map(|action| {
        let access = with(
            on_object(context, &bucket, &target.key, action),
            "s3:VersionId",
            version_id,
        );
        existing_tags(access, tags.as_deref().unwrap_or_default())
    });
    Ok(needed.to_vec())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html>
pub(crate) fn get_object_attributes(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnObject<GetObjectAttributesInput>,
) -> Result<GetObjectAttributesOutput> {
    let bucket = open_for_object(tx, &input)?;
    let (version, object) = find_object(tx, context, &bucket, &input.target, "GET")?;
    let rest = &input.rest;
    encryption::check_customer(&object.encryption, &rest.customer)?;
    let asks = |name: &str| rest.object_attributes.iter().any(|asked| asked == name);
    let checksum = object.checksum.as_ref().map(|checksum| AttributesChecksum {
        checksums: without_count(checksum.members()),
        checksum_type: checksum.type_name(),
    });
    let storage_class = object.attributes.storage_class.clone();
    Ok(GetObjectAttributesOutput {
        last_modified: version.modified.seconds(),
        version_id: tagging::shown_id(&bucket, &version),
        etag: asks("ETag").then(|| object.etag.clone()),
        checksum: checksum.filter(|_| asks("Checksum")),
        object_parts: if asks("ObjectParts") {
            parts(tx, &object, rest)?
        } else {
            None
        },
        storage_class: asks("StorageClass")
            .then(|| storage_class.unwrap_or_else(|| "STANDARD".into())),
        object_size: asks("ObjectSize").then_some(object.size_bytes),
    })
}

/// Here a composite checksum stands without its number of parts.
fn without_count(mut members: super::api::Checksums) -> super::api::Checksums {
    for algorithm in checksum::ALGORITHMS {
        if let Some(value) = algorithm.slot(&mut members)
            && let Some((sum, _)) = value.split_once('-')
        {
            *value = sum.to_owned();
        }
    }
    members
}

/// The parts of an object that has some; S3 shows them one by one only where each has a checksum of its own.
fn parts(
    tx: &Tx<'_>,
    object: &Object,
    asked: &GetObjectAttributesInput,
) -> Result<Option<AttributesParts>> {
    let (Content::Parts(list), Some(count)) = (&object.content, object.parts_count) else {
        return Ok(None);
    };
    let is_default = object.checksum.as_ref().is_none_or(|checksum| {
        checksum.algorithm == checksum::Algorithm::Crc64Nvme && !checksum.composite
    });
    if is_default {
        return Ok(Some(AttributesParts {
            total_parts_count: count,
            ..AttributesParts::default()
        }));
    }
    let limit = usize::try_from(KEYS_MAX).unwrap_or_default();
    let limit = asked.max_parts.unwrap_or(limit).min(limit);
    let marker = asked.part_number_marker.unwrap_or_default();
    let mut parts: Vec<_> = send::parts(tx, *list)?
        .into_iter()
        .filter(|part| part.number > marker)
        .collect();
    let is_truncated = parts.len() > limit;
    parts.truncate(limit);
    Ok(Some(AttributesParts {
        total_parts_count: count,
        part_number_marker: Some(marker),
        next_part_number_marker: Some(parts.last().map_or(marker, |part| part.number)),
        max_parts: Some(limit),
        is_truncated: Some(is_truncated),
        parts: parts
            .into_iter()
            .map(|part| AttributesPart {
                part_number: part.number,
                size: part.size_bytes,
                checksums: checksum::members(part.checksum.as_ref()),
            })
            .collect(),
    }))
}
