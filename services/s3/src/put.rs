//! Writing an object: PutObject, and the commit that copies and form uploads share with it.

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

use super::api::{PutObjectInput, PutObjectOutput};
use super::attributes::{self, Said};
use super::authorise::{on_object, open_bucket, requested_tags, with};
use super::checksum::{self, Expected};
use super::conditions::WriteConditions;
use super::encoding::quoted;
use super::encryption::{self, Choice};
use super::receive::{Claims, Received, receive};
use super::state::{Attributes, Bucket, Object, Version};
use super::{acl, lifecycle, lock, notify, versions};

/// An object about to be written, when everything but its body is settled.
#[derive(Clone, Debug)]
pub(crate) struct NewObject {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) attributes: Attributes,
    pub(crate) choice: Choice,
    pub(crate) conditions: WriteConditions,
    /// `ObjectCreated:Put`.
    pub(crate) event: &'static str,
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
pub(crate) fn put_object(
    engine: Engine,
    context: Context,
    request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    run(engine, context, request).boxed()
}

async fn run(engine: Engine, context: Context, mut request: Request) -> Result<Reply> {
    let input: PutObjectInput = request.decode()?;
    let body = std::mem::take(&mut request.body);
    let claims_input = (input.content_md5.clone(), input.checksum_algorithm.clone());
    let expected = Expected::read(
        &input.checksums,
        claims_input.1.as_deref(),
        &body.trailers(),
    )?;
    let new = engine.read(|tx| prepare(tx, &context, input))?;
    let claims = Claims {
        content_md5: claims_input.0,
        checksum: expected,
        trailers: body.trailers(),
        etag_is_md5: new.choice.etag_is_md5(),
        also: None,
    };
    let (version, _, expiration) = store(&engine, &context, new, body, claims).await?;
    Reply::of(&answer(version, expiration)?)
}

/// Everything that can be refused before the body is read.
pub(super) fn prepare(tx: &Tx<'_>, context: &Context, input: PutObjectInput) -> Result<NewObject> {
    let target = &input.target;
    let bucket = open_bucket(tx, &target.bucket, target.expected_bucket_owner.as_deref())?;
    attributes::check_key(&target.key)?;
    if input.write_offset_bytes.is_some() {
        return Err(Error::not_implemented("appending to objects"));
    }
    let conditions = WriteConditions {
        if_match: input.if_match.clone(),
        if_none_match: input.if_none_match.clone(),
    };
    let said = Said {
        headers: input.headers,
        metadata: input.metadata,
        tagging: input.tagging,
        storage_class: input.storage_class,
        lock: input.lock,
        acl: input.acl,
    };
    let acl = said.acl.clone();
    let attributes = said.keep(context, &bucket)?;
    let access = write_access(
        context,
        &bucket,
        &target.key,
        &attributes,
        &input.encryption,
    );
    let access = acl::conditions(access, &acl).into_iter().map(|access| {
        let access = with(access, "s3:if-match", conditions.if_match.as_deref());
        with(
            access,
            "s3:if-none-match",
            conditions.if_none_match.as_deref(),
        )
    });
    iam::authorise(tx, context, &access.collect::<Vec<_>>())?;
    let choice = encryption::choose(&bucket, &input.encryption)?;
    conditions.check(tx, &bucket.name, &target.key)?;
    Ok(NewObject {
        bucket: bucket.name,
        key: input.target.key,
        attributes,
        choice,
        conditions,
        event: "ObjectCreated:Put",
    })
}

/// What writing an object with these attributes takes.
pub(crate) fn write_access(
    context: &Context,
    bucket: &Bucket,
    key: &str,
    attributes: &Attributes,
    encryption: &super::api::EncryptionRequest,
) -> Vec<Access> {
    const SSE: &str = "s3:x-amz-server-side-encryption";
    let put = on_object(context, bucket, key, "s3:PutObject");
    let put = with(put, SSE, encryption.server_side_encryption.as_deref());
    let put = with(
        put,
        &format!("{SSE}-aws-kms-key-id"),
        encryption.kms_key_id.as_deref(),
    );
    let put = with(
        put,
        &format!("{SSE}-customer-algorithm"),
        encryption.customer.algorithm.as_deref(),
    );
    let put = with(
        put,
        "s3:x-amz-storage-class",
        attributes.storage_class.as_deref(),
    );
    let put = requested_tags(put, &attributes.tags);
    let mut needed = vec![put];
    let mut also = |action: &str, is_needed: bool| {
        if is_needed {
            needed.push(on_object(context, bucket, key, action));
        }
    };
    also("s3:PutObjectTagging", !attributes.tags.is_empty());
    also("s3:PutObjectAcl", !attributes.acl.is_empty());
    also("s3:PutObjectRetention", attributes.lock_mode.is_some());
    also("s3:PutObjectLegalHold", attributes.legal_hold.is_some());
    needed
}

/// Takes the body in and commits the object: record, body and events at once.
pub(crate) async fn store(
    engine: &Engine,
    context: &Context,
    new: NewObject,
    body: Body,
    claims: Claims,
) -> Result<(Version, Bucket, Option<String>)> {
    let received = receive(engine, body, &claims, || {
        let (context, new) = (context.clone(), new.clone());
        engine.write(move |tx| {
            let bucket = open_bucket(tx, &new.bucket, None)?;
            encryption::new_data_key(tx, &context, &bucket, &new.key, &new.choice)
        })
    })
    .await?;
    let context = context.clone();
    engine
        .write(move |tx| commit(tx, &context, new, &received))
        .await
}

pub(crate) fn commit(
    tx: &mut Tx<'_>,
    context: &Context,
    new: NewObject,
    received: &Received,
) -> Result<(Version, Bucket, Option<String>)> {
    let bucket = open_bucket(tx, &new.bucket, None)?;
    new.conditions.check(tx, &bucket.name, &new.key)?;
    let (content, encryption) = received.keep(tx, context, |tx| {
        encryption::new_data_key(tx, context, &bucket, &new.key, &new.choice)
    })?;
    let object = Object {
        size_bytes: received.size_bytes,
        etag: received.etag(context, new.choice.etag_is_md5()),
        content,
        encryption,
        checksum: Some(received.checksum.clone()),
        parts_count: None,
        attributes: new.attributes,
    };
    insert(tx, context, bucket, &new.key, object, new.event)
}

/// Makes an object the newest version of its key and tells who wants to know.
pub(crate) fn insert(
    tx: &mut Tx<'_>,
    context: &Context,
    bucket: Bucket,
    key: &str,
    mut object: Object,
    event: &str,
) -> Result<(Version, Bucket, Option<String>)> {
    lock::retain_by_default(tx, context, &bucket, &mut object.attributes)?;
    let version = versions::insert(tx, context, &bucket, key, object)?;
    notify::object_event(tx, context, &bucket, key, &version, event)?;
    let expiration = lifecycle::expiration_header(tx, &bucket, key, &version)?;
    Ok((version, bucket, expiration))
}

pub(crate) fn answer(version: Version, expiration: Option<String>) -> Result<PutObjectOutput> {
    let object = version
        .object
        .ok_or_else(|| Error::internal("a written object is none"))?;
    Ok(PutObjectOutput {
        etag: quoted(&object.etag),
        expiration,
        checksums: checksum::members(object.checksum.as_ref()),
        checksum_type: object.checksum.as_ref().map(checksum::Checksum::type_name),
        encryption: encryption::answer(&object.encryption),
        version_id: version.id,
    })
}
