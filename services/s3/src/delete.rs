//! Deleting objects: hiding them behind a marker, or removing a version for good.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_identity::iam;
use cumulet_kernel::Tx;

use super::api::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    DeletionError, ObjectIdentifier, OnBucket, OnObject,
};
use super::attributes::timestamp;
use super::authorise::{existing_tags, on_object, open, open_for_object, with};
use super::conditions::names;
use super::errors::{header_not_implemented, malformed_xml, no_such_key, precondition_failed};
use super::state::{Bucket, Version, Versioning};
use super::{access_log, notify, versions};

const DELETIONS_MAX: usize = 1000;

/// One deletion, by whichever operation.
struct Deletion<'a> {
    key: &'a str,
    version_id: Option<&'a str>,
    if_match: Option<&'a str>,
    bypasses_governance: bool,
}

/// What a deletion did.
enum Deleted {
    /// A version is gone for good; whether it was a marker.
    Version { id: String, was_marker: bool },
    /// A marker hides the key now.
    Hidden { marker_id: String },
    /// An unversioned object is gone, or there was nothing.
    Plainly,
}

pub(crate) fn delete_object_rule(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnObject<DeleteObjectInput>,
) -> Result<Vec<Access>> {
    let bucket = open_for_object(tx, input)?;
    let target = &input.target;
    let rest = &input.rest;
    access(
        tx,
        context,
        &bucket,
        &target.key,
        target.version_id.as_deref(),
        rest.bypass_governance_retention,
    )
}

fn access(
    tx: &Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    key: &str,
    version_id: Option<&str>,
    bypasses_governance: bool,
) -> Result<Vec<Access>> {
    let action = match version_id {
        Some(_) => "s3:DeleteObjectVersion",
        None => "s3:DeleteObject",
    };
    let delete = with(
        on_object(context, bucket, key, action),
        "s3:VersionId",
        version_id,
    );
    let stored = match version_id {
        // An id that is none is refused when it is looked up, after the caller was found allowed.
        Some(id) => versions::find(tx, &bucket.name, key, id).unwrap_or_default(),
        None => versions::current(tx, &bucket.name, key)?,
    };
    let delete = match stored.and_then(|version| version.object) {
        Some(object) => existing_tags(delete, &object.attributes.tags),
        None => delete,
    };
    let bypass = bypasses_governance && version_id.is_some() && bucket.object_lock;
    let bypass = bypass.then(|| on_object(context, bucket, key, "s3:BypassGovernanceRetention"));
    Ok([delete].into_iter().chain(bypass).collect())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html>
pub(crate) fn delete_object(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnObject<DeleteObjectInput>,
) -> Result<DeleteObjectOutput> {
    let bucket = open_for_object(tx, &input)?;
    refuse_directory_conditions(&input.rest)?;
    if input.rest.mfa.is_some() {
        return Err(Error::not_implemented("MFA delete"));
    }
    let deletion = Deletion {
        key: &input.target.key,
        version_id: input.target.version_id.as_deref(),
        if_match: input.rest.if_match.as_deref(),
        bypasses_governance: input.rest.bypass_governance_retention,
    };
    Ok(match delete(tx, context, &bucket, &deletion)? {
        Deleted::Version { id, was_marker } => DeleteObjectOutput {
            version_id: Some(id),
            delete_marker: was_marker.then_some(true),
        },
        Deleted::Hidden { marker_id } => DeleteObjectOutput {
            version_id: Some(marker_id),
            delete_marker: Some(true),
        },
        Deleted::Plainly => DeleteObjectOutput::default(),
    })
}

/// Size and time as conditions are for directory buckets.
fn refuse_directory_conditions(input: &DeleteObjectInput) -> Result<()> {
    let header = match (input.if_match_size, input.if_match_last_modified_time) {
        (Some(_), _) => "x-amz-if-match-size",
        (_, Some(_)) => "x-amz-if-match-last-modified-time",
        _ => return Ok(()),
    };
    let additional = format!("You must not use the {header} header with general purpose buckets");
    Err(header_not_implemented(header, &additional))
}

fn delete(
    tx: &mut Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    deletion: &Deletion<'_>,
) -> Result<Deleted> {
    check_condition(tx, bucket, deletion)?;
    if let Some(id) = deletion.version_id {
        return delete_version(tx, context, bucket, deletion, id);
    }
    if bucket.versioning != Versioning::Never {
        let marker = versions::insert_delete_marker(tx, context, bucket, deletion.key)?;
        let event = "ObjectRemoved:DeleteMarkerCreated";
        notify::object_event(tx, context, bucket, deletion.key, &marker, event)?;
        let marker_id = marker.id_or_null().to_owned();
        return Ok(Deleted::Hidden { marker_id });
    }
    if let Some(version) = versions::current(tx, &bucket.name, deletion.key)? {
        versions::remove(tx, &bucket.name, deletion.key, &version)?;
        notify::object_event(
            tx,
            context,
            bucket,
            deletion.key,
            &version,
            "ObjectRemoved:Delete",
        )?;
    }
    Ok(Deleted::Plainly)
}

fn check_condition(tx: &Tx<'_>, bucket: &Bucket, deletion: &Deletion<'_>) -> Result<()> {
    let Some(wanted) = deletion.if_match else {
        return Ok(());
    };
    let stored = match deletion.version_id {
        Some(id) => versions::find(tx, &bucket.name, deletion.key, id)?,
        None => versions::current(tx, &bucket.name, deletion.key)?,
    };
    match stored.and_then(|version| version.object) {
        None => Err(no_such_key(deletion.key)),
        Some(object) if !names(wanted, &object.etag) => Err(precondition_failed("If-Match")),
        Some(_) => Ok(()),
    }
}

fn delete_version(
    tx: &mut Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    deletion: &Deletion<'_>,
    id: &str,
) -> Result<Deleted> {
    let id = id.to_owned();
    let Some(version) = versions::find(tx, &bucket.name, deletion.key, &id)? else {
        return Ok(Deleted::Version {
            id,
            was_marker: false,
        });
    };
    check_lock(context, &version, deletion.bypasses_governance)?;
    versions::remove(tx, &bucket.name, deletion.key, &version)?;
    notify::object_event(
        tx,
        context,
        bucket,
        deletion.key,
        &version,
        "ObjectRemoved:Delete",
    )?;
    Ok(Deleted::Version {
        id,
        was_marker: version.is_delete_marker(),
    })
}

/// Refuses the removal of a version that retention or a legal hold protects.
pub(crate) fn check_lock(
    context: &Context,
    version: &Version,
    bypasses_governance: bool,
) -> Result<()> {
    let Some(object) = &version.object else {
        return Ok(());
    };
    let attributes = &object.attributes;
    let is_held = attributes.legal_hold.as_deref() == Some("ON");
    let is_retained = attributes
        .retain_until
        .is_some_and(|until| until > context.now);
    let may_bypass = bypasses_governance && attributes.lock_mode.as_deref() == Some("GOVERNANCE");
    if is_held || (is_retained && !may_bypass) {
        let message = "Access Denied because object protected by object lock.";
        return Err(Error::access_denied(message));
    }
    Ok(())
}

/// DeleteObjects asks for each key by itself; all it needs here is a bucket.
pub(crate) fn delete_objects_rule(
    tx: &Tx<'_>,
    _context: &Context,
    input: &OnBucket<DeleteObjectsInput>,
) -> Result<Vec<Access>> {
    open(tx, input).map(|_| Vec::new())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
pub(crate) fn delete_objects(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnBucket<DeleteObjectsInput>,
) -> Result<DeleteObjectsOutput> {
    let bucket = open(tx, &input)?;
    let request = &input.rest.delete;
    if request.objects.is_empty() || request.objects.len() > DELETIONS_MAX {
        return Err(malformed_xml());
    }
    if input.rest.mfa.is_some() {
        return Err(Error::not_implemented("MFA delete"));
    }
    let mut output = DeleteObjectsOutput::default();
    for object in &request.objects {
        let bypasses_governance = input.rest.bypass_governance_retention;
        let outcome = delete_one(tx, context, &bucket, object, bypasses_governance);
        let told = outcome.as_ref().map(|_| 204);
        let told = told.map_err(|error| error.code.as_ref());
        access_log::note_object(
            tx,
            context,
            &bucket,
            "BATCH.DELETE.OBJECT",
            &object.key,
            told,
        )?;
        match outcome {
            Ok(_) if request.quiet => {}
            Ok(deleted) => output.deleted.push(deleted),
            Err(error) if error.status >= 500 => return Err(error),
            Err(error) => output.errors.push(DeletionError {
                key: object.key.clone(),
                version_id: object.version_id.clone(),
                code: error.code.into_owned(),
                message: error.message,
            }),
        }
    }
    Ok(output)
}

fn delete_one(
    tx: &mut Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    object: &ObjectIdentifier,
    bypasses_governance: bool,
) -> Result<DeletedObject> {
    let version_id = object.version_id.as_deref();
    let needed = access(
        tx,
        context,
        bucket,
        &object.key,
        version_id,
        bypasses_governance,
    )?;
    iam::authorise(tx, context, &needed)?;
    if object.size.is_some() || object.last_modified_time.map(timestamp).is_some() {
        let additional = "Size and LastModifiedTime are conditions of directory buckets";
        return Err(header_not_implemented("x-amz-if-match-size", additional));
    }
    let deletion = Deletion {
        key: &object.key,
        version_id,
        if_match: object.etag.as_deref(),
        bypasses_governance,
    };
    let deleted = delete(tx, context, bucket, &deletion)?;
    let answer = DeletedObject {
        key: object.key.clone(),
        version_id: object.version_id.clone(),
        ..DeletedObject::default()
    };
    Ok(match deleted {
        Deleted::Version {
            id,
            was_marker: true,
        } => DeletedObject {
            delete_marker: Some(true),
            delete_marker_version_id: Some(id),
            ..answer
        },
        Deleted::Hidden { marker_id } => DeletedObject {
            delete_marker: Some(true),
            delete_marker_version_id: Some(marker_id),
            ..answer
        },
        Deleted::Version { .. } | Deleted::Plainly => answer,
    })
}
