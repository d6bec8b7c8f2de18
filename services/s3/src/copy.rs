//! CopyObject, and the source of a copy.
//!
//! A copy is a read as the caller and a write as the caller: the bytes are opened under the source's key
//! and sealed anew under the target's, streamed and never whole in memory.

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::{Reply, Request};
use cumulet_identity::iam;
use cumulet_kernel::Tx;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::api::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySourceConditions, CustomerKey,
    ObjectTarget,
};
use super::attributes::{self, Said};
use super::authorise::{on_object, open_bucket, with};
use super::checksum::{self, Algorithm, Expected};
use super::conditions::{WriteConditions, check_copy_source};
use super::encoding::{quoted, url_decode};
use super::errors::{invalid_argument, invalid_request};
use super::get::{authorise_read, find_object};
use super::put::{NewObject, store, write_access};
use super::receive::{BODY_BYTES_MAX, Claims};
use super::send::{self, Piece};
use super::state::{Attributes, Bucket, Object, Version, Versioning};
use super::{acl, encryption};

/// What a copy reads from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) bucket: Bucket,
    pub(crate) key: String,
    pub(crate) version: Version,
    pub(crate) object: Box<Object>,
}

/// Parses `bucket/key?versionId=id`, percent-encoded, with or without a leading slash.
pub(crate) fn parse_source(header: &str) -> Result<ObjectTarget> {
    let (path, version_id) = match header.split_once("?versionId=") {
        Some((path, id)) => (path, Some(id.to_owned())),
        None => (header, None),
    };
    let malformed = || {
        let message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
        invalid_argument(message, "x-amz-copy-source", header)
    };
    let path = url_decode(path, true).ok_or_else(malformed)?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    if path.starts_with("arn:") {
        return Err(Error::not_implemented("copying from access points"));
    }
    let (bucket, key) = path.split_once('/').ok_or_else(malformed)?;
    if bucket.is_empty() || key.is_empty() {
        return Err(malformed());
    }
    Ok(ObjectTarget {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version_id: version_id.filter(|id| !id.is_empty()),
        expected_bucket_owner: None,
    })
}

/// Finds the source and refuses whoever may not read it, or a source that is not as the conditions say.
pub(crate) fn open_source(
    tx: &Tx<'_>,
    context: &Context,
    target: ObjectTarget,
    conditions: &CopySourceConditions,
) -> Result<Source> {
    let bucket = open_bucket(tx, &target.bucket, target.expected_bucket_owner.as_deref())?;
    authorise_read(tx, context, &bucket, &target)?;
    let found = find_object(tx, context, &bucket, &target, "GET");
    let (version, object) = found.map_err(|error| match error.status {
        405 => invalid_request(
            "The source of a copy request may not specifically refer to a delete marker by version id.",
        ),
        _ => error,
    })?;
    check_copy_source(conditions, &object.etag, version.modified)?;
    Ok(Source {
        bucket,
        key: target.key,
        version,
        object,
    })
}

impl Source {
    /// The pieces of the source's bytes, opened as the caller.
    pub(crate) fn pieces(
        &self,
        tx: &Tx<'_>,
        context: &Context,
        customer: &CustomerKey,
        range: std::ops::Range<u64>,
    ) -> Result<Vec<Piece>> {
        let key = encryption::open_data_key(
            tx,
            context,
            &self.bucket,
            &self.object.encryption,
            customer,
        )?;
        send::pieces(tx, &self.object, &key, range)
    }

    pub(crate) fn shown_version_id(&self) -> Option<String> {
        let has_versions = self.bucket.versioning != Versioning::Never;
        has_versions.then(|| self.version.id_or_null().to_owned())
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
pub(crate) fn copy_object(
    engine: Engine,
    context: Context,
    request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    run(engine, context, request).boxed()
}

struct Prepared {
    new: NewObject,
    source_version_id: Option<String>,
    size_bytes: u64,
    pieces: Vec<Piece>,
    algorithm: Option<Algorithm>,
}

async fn run(engine: Engine, context: Context, mut request: Request) -> Result<Reply> {
    let input: CopyObjectInput = request.decode()?;
    let prepared = engine.read(|tx| prepare(tx, &context, input))?;
    let body = send::body(&engine, prepared.pieces, prepared.size_bytes);
    let claims = Claims {
        checksum: Expected {
            algorithm: prepared.algorithm,
            ..Expected::default()
        },
        etag_is_md5: prepared.new.choice.etag_is_md5(),
        ..Claims::default()
    };
    let (version, _, expiration) = store(&engine, &context, prepared.new, body, claims).await?;
    let object = version
        .object
        .ok_or_else(|| Error::internal("a copied object is none"))?;
    Reply::of(&CopyObjectOutput {
        copy_object_result: CopyObjectResult {
            etag: quoted(&object.etag),
            last_modified: version.modified.seconds(),
            checksums: checksum::members(object.checksum.as_ref()),
            checksum_type: object.checksum.as_ref().map(checksum::Checksum::type_name),
        },
        expiration,
        copy_source_version_id: prepared.source_version_id,
        version_id: version.id,
        encryption: encryption::answer(&object.encryption),
    })
}

fn prepare(tx: &Tx<'_>, context: &Context, mut input: CopyObjectInput) -> Result<Prepared> {
    let target = std::mem::take(&mut input.target);
    let bucket = open_bucket(tx, &target.bucket, target.expected_bucket_owner.as_deref())?;
    attributes::check_key(&target.key)?;
    let source = find_source(tx, context, &bucket, &target, &mut input)?;
    let conditions = WriteConditions {
        if_match: input.if_match.take(),
        if_none_match: input.if_none_match.take(),
    };
    let algorithm = input
        .checksum_algorithm
        .as_deref()
        .map(Algorithm::parse)
        .transpose()?;
    let customer: CustomerKey = std::mem::take(&mut input.source_customer).into();
    let choice = encryption::choose(&bucket, &input.encryption)?;
    let attributes = authorise_copy(tx, context, &bucket, &target.key, &source, input)?;
    conditions.check(tx, &bucket.name, &target.key)?;
    let pieces = source.pieces(tx, context, &customer, 0..source.object.size_bytes)?;
    let stored = source
        .object
        .checksum
        .as_ref()
        .map(|checksum| checksum.algorithm);
    Ok(Prepared {
        source_version_id: source.shown_version_id(),
        size_bytes: source.object.size_bytes,
        pieces,
        algorithm: algorithm.or(stored),
        new: NewObject {
            bucket: bucket.name,
            key: target.key,
            attributes,
            choice,
            conditions,
            event: "ObjectCreated:Copy",
        },
    })
}

/// The source, if the caller may read it and S3 would copy it here.
fn find_source(
    tx: &Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    target: &ObjectTarget,
    input: &mut CopyObjectInput,
) -> Result<Source> {
    let mut source_target = parse_source(&input.copy_source)?;
    source_target.expected_bucket_owner = input.expected_source_bucket_owner.take();
    let names_version = source_target.version_id.is_some();
    let source = open_source(tx, context, source_target, &input.source_conditions)?;
    if source.object.size_bytes > BODY_BYTES_MAX {
        return Err(invalid_request(format!(
            "The specified copy source is larger than the maximum allowable size for a copy source: \
             {BODY_BYTES_MAX}"
        )));
    }
    let is_itself = source.bucket.name == bucket.name && source.key == target.key;
    if is_itself && !names_version && changes_nothing(input) {
        return Err(invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing \
             the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    Ok(source)
}

/// Refuses whoever may not write the copy; the attributes it will have.
fn authorise_copy(
    tx: &Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    key: &str,
    source: &Source,
    input: CopyObjectInput,
) -> Result<Attributes> {
    let copy_source = input.copy_source.trim_start_matches('/').to_owned();
    let directive = input.metadata_directive.clone();
    let encryption = input.encryption.clone();
    let acl = input.acl.clone();
    let attributes = attributes_of_copy(context, bucket, source, input)?;
    let needed = write_access(context, bucket, key, &attributes, &encryption);
    let mut needed = acl::conditions(needed, &acl);
    if let Some(put) = needed.first_mut() {
        let access = with(put.clone(), "s3:x-amz-copy-source", Some(&copy_source));
        *put = with(access, "s3:x-amz-metadata-directive", directive.as_deref());
    }
    if !source.object.attributes.tags.is_empty() {
        let action = "s3:GetObjectTagging";
        needed.push(on_object(context, &source.bucket, &source.key, action));
    }
    iam::authorise(tx, context, &needed)?;
    Ok(attributes)
}

fn changes_nothing(input: &CopyObjectInput) -> bool {
    input.metadata_directive.as_deref() != Some("REPLACE")
        && input.storage_class.is_none()
        && input.headers.website_redirect_location.is_none()
        && input.encryption.server_side_encryption.is_none()
        && input.encryption.customer.algorithm.is_none()
        && input.encryption.bucket_key_enabled.is_none()
}

/// Metadata and tags come from the source unless a directive says otherwise; the rest never does.
fn attributes_of_copy(
    context: &Context,
    bucket: &Bucket,
    source: &Source,
    input: CopyObjectInput,
) -> Result<Attributes> {
    let replaces = |directive: &Option<String>| directive.as_deref() == Some("REPLACE");
    let replaces_tags = replaces(&input.tagging_directive);
    let replaces_metadata = replaces(&input.metadata_directive);
    let redirect = input.headers.website_redirect_location.clone();
    let from = &source.object.attributes;
    let said = Said {
        headers: if replaces_metadata {
            input.headers
        } else {
            from.headers.clone()
        },
        metadata: if replaces_metadata {
            input.metadata
        } else {
            from.metadata.clone()
        },
        tagging: input.tagging.filter(|_| replaces_tags),
        storage_class: input.storage_class,
        lock: input.lock,
        acl: input.acl,
    };
    let mut attributes = said.keep(context, bucket)?;
    attributes.headers.website_redirect_location = redirect;
    if !replaces_tags {
        attributes.tags.clone_from(&from.tags);
    }
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_source_is_decoded_after_it_is_split() {
        let target = parse_source("/b/a%2Fx%3FversionId%3D1?versionId=v").unwrap_or_default();
        assert_eq!(
            (target.bucket.as_str(), target.key.as_str()),
            ("b", "a/x?versionId=1")
        );
        assert_eq!(target.version_id.as_deref(), Some("v"));
        assert!(parse_source("only-a-bucket").is_err());
    }
}
