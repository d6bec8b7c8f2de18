//! Whether a bucket may send its events to a destination.
//!
//! S3 must ask this when a notification configuration is put, and the services that know lie above it. So
//! the question is asked here, beside the services and not inside one, as [`crate::delivery`] is.

use cumulet_kernel::{Context, Tx};

use crate::arn::Arn;
use crate::error::{Error, Result};

/// Whether the destination exists and lets S3 in for this bucket of this account.
pub(crate) fn accepts(
    _tx: &Tx<'_>,
    _context: &Context,
    destination_arn: &str,
    _bucket_arn: &str,
    _account: &str,
) -> Result<bool> {
    match Arn::parse(destination_arn).map(|arn| arn.service) {
        // Functions answer for themselves once Lambda keeps their policies; until then delivery, which asks
        // the same question, is where a missing permission shows.
        Some("lambda") => Ok(true),
        Some(service) => Err(Error::not_implemented(format!(
            "event notifications to {service}"
        ))),
        None => Ok(false),
    }
}
