//! Tags of objects and buckets.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::api::{
    GetObjectTaggingOutput, Nothing, OnBucket, OnObject, PutObjectTaggingOutput, PutTagging, Tag,
    TagSet,
};
use super::authorise::{existing_tags, on_object, open, open_for_object, requested_tags};
use super::encoding::url_decode;
use super::errors::{invalid_argument, not_found};
use super::get::find_object;
use super::state::{CONFIGURATIONS, Version, configuration_key};
use super::{notify, versions};

pub(crate) const KIND: &str = "tagging";
const OBJECT_TAGS_MAX: usize = 10;
const BUCKET_TAGS_MAX: usize = 50;

/// The tags of an `x-amz-tagging` header.
pub(crate) fn parse_header(header: Option<&str>) -> Result<Vec<Tag>> {
    let Some(header) = header.filter(|header| !header.is_empty()) else {
        return Ok(Vec::new());
    };
    let malformed = || {
        let message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query \
                       parameters without tag name duplicates.";
        invalid_argument(message, "x-amz-tagging", header)
    };
    let mut tags: Vec<Tag> = Vec::new();
    for pair in header.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = url_decode(key, true).ok_or_else(malformed)?;
        let value = url_decode(value, true).ok_or_else(malformed)?;
        if tags.iter().any(|tag| tag.key == key) {
            return Err(malformed());
        }
        tags.push(Tag { key, value });
    }
    check_object_tags(&tags)?;
    Ok(tags)
}

pub(crate) fn check_object_tags(tags: &[Tag]) -> Result<()> {
    if tags.len() > OBJECT_TAGS_MAX {
        return Err(Error::new(
            "BadRequest",
            "Object tags cannot be greater than 10",
        ));
    }
    check_tags(tags)?;
    match tags.iter().find(|tag| tag.key.starts_with("aws:")) {
        Some(_) => Err(invalid_tag("Your TagKey cannot be prefixed with aws:")),
        None => Ok(()),
    }
}

fn check_bucket_tags(tags: &[Tag], kept: &[Tag]) -> Result<()> {
    if tags.len() > BUCKET_TAGS_MAX {
        return Err(Error::new(
            "BadRequest",
            "Bucket tag count cannot be greater than 50",
        ));
    }
    check_tags(tags)?;
    // System tags come back with a round of get and put; only new ones are refused.
    let foreign = |tag: &&Tag| tag.key.starts_with("aws:") && !kept.contains(tag);
    match tags.iter().find(foreign) {
        Some(_) => Err(invalid_tag(
            "System tags cannot be added/updated by requester",
        )),
        None => Ok(()),
    }
}

pub(crate) fn check_tags(tags: &[Tag]) -> Result<()> {
    for (index, tag) in tags.iter().enumerate() {
        if tag.key.is_empty() || tag.key.chars().count() > 128 || !tag.key.chars().all(is_allowed) {
            return Err(invalid_tag("The TagKey you have provided is invalid")
                .member("TagKey", tag.key.as_str()));
        }
        if tag.value.chars().count() > 256 || !tag.value.chars().all(is_allowed) {
            return Err(invalid_tag("The TagValue you have provided is invalid")
                .member("TagValue", tag.value.as_str()));
        }
        if tags[..index].iter().any(|earlier| earlier.key == tag.key) {
            return Err(
                invalid_tag("Cannot provide multiple Tags with the same key")
                    .member("TagKey", tag.key.as_str()),
            );
        }
    }
    Ok(())
}

fn is_allowed(character: char) -> bool {
    character.is_alphanumeric() || character.is_whitespace() || "_.:/=+-@".contains(character)
}

fn invalid_tag(message: &str) -> Error {
    Error::new("InvalidTag", message)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketTagging.html>
pub(crate) fn get_bucket_tagging(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<TagSet> {
    bucket_tags(tx, &input.target.bucket)?.ok_or_else(|| {
        not_found("NoSuchTagSet", "The TagSet does not exist")
            .member("BucketName", input.target.bucket)
    })
}

pub(crate) fn bucket_tags(tx: &Tx<'_>, bucket: &str) -> Result<Option<TagSet>> {
    Ok(tx.load(CONFIGURATIONS, configuration_key(bucket, KIND))?)
}

/// Stores the tags a bucket is made with.
pub(crate) fn tag_new_bucket(tx: &mut Tx<'_>, bucket: &str, tags: Vec<Tag>) -> Result<()> {
    if tags.is_empty() {
        return Ok(());
    }
    check_bucket_tags(&tags, &tags)?;
    Ok(tx.save(
        CONFIGURATIONS,
        configuration_key(bucket, KIND),
        &TagSet { tag_set: tags },
    )?)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html>
pub(crate) fn put_bucket_tagging(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnBucket<PutTagging>,
) -> Result<Nothing> {
    let bucket = open(tx, &input)?;
    let kept = bucket_tags(tx, &bucket.name)?.unwrap_or_default();
    let tags = input.rest.tagging;
    let is_cloudformation = context.via.as_deref() == Some("cloudformation");
    let system: &[Tag] = if is_cloudformation {
        &tags.tag_set
    } else {
        &kept.tag_set
    };
    check_bucket_tags(&tags.tag_set, system)?;
    tx.save(CONFIGURATIONS, configuration_key(&bucket.name, KIND), &tags)?;
    Ok(Nothing {})
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketTagging.html>
pub(crate) fn delete_bucket_tagging(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<Nothing> {
    tx.delete(
        CONFIGURATIONS,
        configuration_key(&input.target.bucket, KIND),
    )?;
    Ok(Nothing {})
}

/// The access rule of the operations on an object's tags.
pub(crate) fn object_tagging_rule<I>(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnObject<I>,
    actions: (&str, &str),
    tags: &[Tag],
) -> Result<Vec<Access>> {
    let bucket = open_for_object(tx, input)?;
    let target = &input.target;
    let version = match &target.version_id {
        Some(id) => versions::find(tx, &bucket.name, &target.key, id)?,
        None => versions::current(tx, &bucket.name, &target.key)?,
    };
    let action = if target.version_id.is_some() {
        actions.1
    } else {
        actions.0
    };
    let access = on_object(context, &bucket, &target.key, action);
    let access = super::authorise::with(access, "s3:VersionId", target.version_id.as_deref());
    let existing = version.and_then(|version| version.object);
    let access = match existing {
        Some(object) => existing_tags(access, &object.attributes.tags),
        None => access,
    };
    Ok(vec![requested_tags(access, tags)])
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html>
pub(crate) fn get_object_tagging(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnObject<Nothing>,
) -> Result<GetObjectTaggingOutput> {
    let bucket = open_for_object(tx, &input)?;
    let (version, object) = find_object(tx, context, &bucket, &input.target, "GET")?;
    Ok(GetObjectTaggingOutput {
        version_id: shown_id(&bucket, &version),
        tag_set: object.attributes.tags,
    })
}

/// The version id of an answer: none from a bucket that never had versions.
pub(crate) fn shown_id(bucket: &super::state::Bucket, version: &Version) -> Option<String> {
    let has_versions = bucket.versioning != super::state::Versioning::Never;
    has_versions.then(|| version.id_or_null().to_owned())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html>
pub(crate) fn put_object_tagging(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnObject<PutTagging>,
) -> Result<PutObjectTaggingOutput> {
    let bucket = open_for_object(tx, &input)?;
    let tags = input.rest.tagging.tag_set;
    check_object_tags(&tags)?;
    let (mut version, mut object) = find_object(tx, context, &bucket, &input.target, "PUT")?;
    object.attributes.tags = tags;
    version.object = Some(object);
    versions::update(tx, &bucket.name, &input.target.key, &version)?;
    notify::object_event(
        tx,
        context,
        &bucket,
        &input.target.key,
        &version,
        "ObjectTagging:Put",
    )?;
    Ok(PutObjectTaggingOutput {
        version_id: shown_id(&bucket, &version),
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjectTagging.html>
pub(crate) fn delete_object_tagging(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnObject<Nothing>,
) -> Result<PutObjectTaggingOutput> {
    let bucket = open_for_object(tx, &input)?;
    let (mut version, mut object) = find_object(tx, context, &bucket, &input.target, "DELETE")?;
    object.attributes.tags.clear();
    version.object = Some(object);
    versions::update(tx, &bucket.name, &input.target.key, &version)?;
    notify::object_event(
        tx,
        context,
        &bucket,
        &input.target.key,
        &version,
        "ObjectTagging:Delete",
    )?;
    Ok(PutObjectTaggingOutput {
        version_id: shown_id(&bucket, &version),
    })
}
