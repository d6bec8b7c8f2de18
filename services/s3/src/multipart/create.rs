//! CreateMultipartUpload.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_kernel::{Timestamp, Tx};

use super::super::api::{CreateUploadInput, CreateUploadOutput};
use super::super::attributes::{self, Said};
use super::super::authorise::open_bucket;
use super::super::checksum::Algorithm;
use super::super::errors::invalid_request;
use super::super::lifecycle_run::abort_due;
use super::super::put::write_access;
use super::super::state::{Attributes, UPLOADS, Upload, upload_key};
use super::super::{acl, encryption, lifecycle, tagging, versions};

pub(crate) fn create_upload_rule(
    tx: &Tx<'_>,
    context: &Context,
    input: &CreateUploadInput,
) -> Result<Vec<Access>> {
    let target = &input.target;
    let bucket = open_bucket(tx, &target.bucket, target.expected_bucket_owner.as_deref())?;
    let attributes = Attributes {
        tags: tagging::parse_header(input.tagging.as_deref())?,
        storage_class: input.storage_class.clone(),
        lock_mode: input.lock.mode.clone(),
        legal_hold: input.lock.legal_hold.clone(),
        acl: acl::of_new_object(context, &bucket, &input.acl)?,
        ..Attributes::default()
    };
    let needed = write_access(
        context,
        &bucket,
        &target.key,
        &attributes,
        &input.encryption,
    );
    Ok(acl::conditions(needed, &input.acl))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html>
pub(crate) fn create_upload(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateUploadInput,
) -> Result<CreateUploadOutput> {
    let target = input.target;
    let bucket = open_bucket(tx, &target.bucket, target.expected_bucket_owner.as_deref())?;
    attributes::check_key(&target.key)?;
    let (algorithm, is_composite) = checksum_kind(
        input.checksum_algorithm.as_deref(),
        input.checksum_type.as_deref(),
    )?;
    let said = Said {
        headers: input.headers,
        metadata: input.metadata,
        tagging: input.tagging,
        storage_class: input.storage_class,
        lock: input.lock,
        acl: input.acl,
    };
    let attributes = said.keep(context, &bucket)?;
    let choice = encryption::choose(&bucket, &input.encryption)?;
    let data_key = encryption::new_data_key(tx, context, &bucket, &target.key, &choice)?;
    let sequence = tx.next_sequence()?;
    let upload = Upload {
        id: versions::new_id(&context.ids, sequence),
        initiated: Timestamp::from_seconds(context.now.seconds()),
        initiator_arn: context.principal.arn.clone(),
        initiator_account: context.principal.account.clone(),
        attributes,
        encryption: data_key.encryption,
        checksum_algorithm: algorithm,
        is_composite,
        replaces: versions::current(tx, &bucket.name, &target.key)?.is_some(),
    };
    tx.save(
        UPLOADS,
        upload_key(&bucket.name, &target.key, sequence),
        &upload,
    )?;
    let configuration = lifecycle::configuration(tx, &bucket.name)?;
    let abort = configuration
        .as_ref()
        .and_then(|configuration| abort_due(configuration, &target.key, upload.initiated));
    Ok(CreateUploadOutput {
        abort_date: abort.map(|(due, _)| due.seconds()),
        abort_rule_id: abort.and_then(|(_, rule)| rule.id.clone()),
        bucket: bucket.name,
        key: target.key,
        upload_id: upload.id,
        encryption: encryption::answer(&upload.encryption),
        checksum_algorithm: algorithm.map(|algorithm| algorithm.name().to_owned()),
        checksum_type: algorithm.map(|_| type_name(is_composite).to_owned()),
    })
}

pub(super) fn type_name(is_composite: bool) -> &'static str {
    if is_composite {
        "COMPOSITE"
    } else {
        "FULL_OBJECT"
    }
}

/// The algorithm and whether the object's checksum is one of its parts' checksums.
fn checksum_kind(algorithm: Option<&str>, kind: Option<&str>) -> Result<(Option<Algorithm>, bool)> {
    let Some(algorithm) = algorithm.map(Algorithm::parse).transpose()? else {
        return match kind {
            None => Ok((None, false)),
            Some(_) => Err(invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )),
        };
    };
    let is_composite = match kind {
        Some(kind) => kind == "COMPOSITE",
        None => algorithm != Algorithm::Crc64Nvme,
    };
    let is_impossible = if is_composite {
        algorithm == Algorithm::Crc64Nvme
    } else {
        !algorithm.is_crc()
    };
    if is_impossible {
        return Err(invalid_request(format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            type_name(is_composite),
            algorithm.name().to_ascii_lowercase()
        )));
    }
    Ok((Some(algorithm), is_composite))
}
