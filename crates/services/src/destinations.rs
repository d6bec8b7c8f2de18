//! Whether a bucket may send its events to a destination.
//!
//! S3 must ask this when a notification configuration is put, and the services that know lie above it. So
//! the question is asked here, beside the services and not inside one, as [`crate::delivery`] is.

use cumulet_kernel::{Context, Tx};

use crate::arn::Arn;
use crate::error::{Error, Result};
use crate::lambda;

/// Whether the destination exists and lets S3 in for this bucket of this account.
pub(crate) fn accepts(
    tx: &Tx<'_>,
    context: &Context,
    destination_arn: &str,
    bucket_arn: &str,
    account: &str,
) -> Result<bool> {
    let Some(destination) = Arn::parse(destination_arn) else {
        return Ok(false);
    };
    match destination.service {
        "lambda" => {
            let asking = context
                .as_service("s3.amazonaws.com", bucket_arn, account)
                .located(destination.account, destination.region);
            lambda::lets_in(tx, &asking, destination_arn)
        }
        service => Err(Error::not_implemented(format!(
            "event notifications to {service}"
        ))),
    }
}
