//! Where a bucket's access log goes.

use cumulet_engine::Context;
use cumulet_kernel::Tx;
use serde_json::Value;

use super::super::access_log::{KIND, configuration};
use super::super::acl;
use super::super::api::{GetBucketLoggingOutput, LoggingEnabled, Nothing, OnBucket, PutLogging};
use super::super::authorise::open;
use super::super::errors::malformed_xml;
use super::super::state::{BUCKETS, Bucket, bucket_key};
use cumulet_engine::error::{Error, Result};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLogging.html>
pub(crate) fn get(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<GetBucketLoggingOutput> {
    Ok(GetBucketLoggingOutput {
        logging_enabled: configuration(tx, &input.target.bucket)?,
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLogging.html>
pub(crate) fn put(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<PutLogging>,
) -> Result<Nothing> {
    let bucket = open(tx, &input)?;
    let Some(mut enabled) = input.rest.bucket_logging_status.logging_enabled else {
        let off = OnBucket {
            target: input.target,
            rest: Nothing {},
        };
        return super::delete(tx, &off, KIND);
    };
    check_target(tx, &bucket, &enabled)?;
    check_format(&mut enabled)?;
    super::save(tx, &bucket.name, KIND, &enabled)?;
    Ok(Nothing {})
}

fn check_target(tx: &Tx<'_>, bucket: &Bucket, enabled: &LoggingEnabled) -> Result<()> {
    let invalid = |message: &str| {
        Error::new("InvalidTargetBucketForLogging", message)
            .member("TargetBucket", enabled.target_bucket.as_str())
    };
    let target: Option<Bucket> = tx.load(BUCKETS, bucket_key(&enabled.target_bucket))?;
    let missing = || invalid("The target bucket for logging does not exist");
    let target = target.ok_or_else(missing)?;
    if target.account != bucket.account {
        let message =
            "The owner for the bucket to be logged and the target bucket must be the same.";
        return Err(invalid(message));
    }
    if target.region != bucket.region {
        let message = "Cross S3 location logging not allowed. ";
        return Err(Error::new("CrossLocationLoggingProhibitted", message)
            .status(403)
            .member("SourceBucketLocation", bucket.region.as_str())
            .member("TargetBucketLocation", target.region));
    }
    acl::of_log(&target, &enabled.target_grants).map(drop)
}

/// One of two formats; the simple one where none is named is not told back.
fn check_format(enabled: &mut LoggingEnabled) -> Result<()> {
    let Some(format) = &enabled.target_object_key_format else {
        return Ok(());
    };
    let partitioned = format.get("PartitionedPrefix");
    let source = partitioned.and_then(|prefix| prefix.get("PartitionDateSource"));
    let is_known = source
        .and_then(Value::as_str)
        .is_none_or(|source| ["EventTime", "DeliveryTime"].contains(&source));
    if !is_known || (partitioned.is_some() && format.get("SimplePrefix").is_some()) {
        return Err(malformed_xml());
    }
    Ok(())
}
