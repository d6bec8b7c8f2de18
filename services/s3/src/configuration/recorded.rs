//! Configurations that are kept and given back, and have no effect of their own here: transfer
//! acceleration, who pays. Each says so where it would otherwise pretend.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use serde_json::Value;

use super::super::api::{
    AccelerateConfiguration, Nothing, OnBucket, PutAccelerate, PutRequestPayment,
    RequestPaymentConfiguration,
};
use super::super::errors::{invalid_request, malformed_xml, not_found};

const ACCELERATE: &str = "accelerate";
const PAYMENT: &str = "request-payment";
pub(crate) const WEBSITE: &str = "website";

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAccelerateConfiguration.html>
pub(crate) fn get_accelerate(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<AccelerateConfiguration> {
    Ok(super::load(tx, &input.target.bucket, ACCELERATE)?.unwrap_or_default())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAccelerateConfiguration.html>
pub(crate) fn put_accelerate(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<PutAccelerate>,
) -> Result<Nothing> {
    let configuration = input.rest.accelerate_configuration;
    if input.target.bucket.contains('.') {
        let message =
            "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names";
        return Err(invalid_request(message));
    }
    if !matches!(
        configuration.status.as_deref(),
        Some("Enabled" | "Suspended")
    ) {
        return Err(malformed_xml());
    }
    super::save(tx, &input.target.bucket, ACCELERATE, &configuration)?;
    Ok(Nothing {})
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketRequestPayment.html>
pub(crate) fn get_payment(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<RequestPaymentConfiguration> {
    let stored = super::load(tx, &input.target.bucket, PAYMENT)?;
    Ok(stored.unwrap_or_else(|| RequestPaymentConfiguration {
        payer: "BucketOwner".to_owned(),
    }))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketRequestPayment.html>
pub(crate) fn put_payment(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<PutRequestPayment>,
) -> Result<Nothing> {
    let configuration = input.rest.request_payment_configuration;
    match configuration.payer.as_str() {
        "BucketOwner" => {}
        "Requester" => return Err(Error::not_implemented("buckets whose requesters pay")),
        _ => return Err(malformed_xml()),
    }
    super::save(tx, &input.target.bucket, PAYMENT, &configuration)?;
    Ok(Nothing {})
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketWebsite.html>
pub(crate) fn get_website(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<Value> {
    super::load(tx, &input.target.bucket, WEBSITE)?.ok_or_else(|| {
        let message = "The specified bucket does not have a website configuration";
        not_found("NoSuchWebsiteConfiguration", message).member("BucketName", input.target.bucket)
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketWebsite.html>
pub(crate) fn put_website(
    _tx: &mut Tx<'_>,
    _context: &Context,
    _input: OnBucket<Nothing>,
) -> Result<Nothing> {
    // Nobody serves it: who turned it on must not believe that somebody does.
    Err(Error::not_implemented(
        "s3:PutBucketWebsite, websites of buckets,",
    ))
}
