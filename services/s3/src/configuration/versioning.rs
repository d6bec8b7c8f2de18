//! Bucket versioning.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::super::api::{Nothing, OnBucket, PutVersioning, VersioningConfiguration};
use super::super::authorise::open;
use super::super::bucket;
use super::super::errors::malformed_xml;
use super::super::state::Versioning;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html>
pub(crate) fn get(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<VersioningConfiguration> {
    let status = match open(tx, &input)?.versioning {
        Versioning::Never => None,
        Versioning::Enabled => Some("Enabled".to_owned()),
        Versioning::Suspended => Some("Suspended".to_owned()),
    };
    Ok(VersioningConfiguration {
        status,
        mfa_delete: None,
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html>
pub(crate) fn put(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<PutVersioning>,
) -> Result<Nothing> {
    let mut bucket = open(tx, &input)?;
    let asked = input.rest.versioning_configuration;
    if asked.mfa_delete.as_deref() == Some("Enabled") {
        return Err(Error::not_implemented("MFA delete"));
    }
    bucket.versioning = match asked.status.as_deref() {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") if bucket.object_lock => {
            let message = "An Object Lock configuration is present on this bucket, so the versioning state \
                           cannot be changed.";
            return Err(Error::new("InvalidBucketState", message).status(409));
        }
        Some("Suspended") => Versioning::Suspended,
        Some(_) => return Err(malformed_xml()),
        None => {
            let code = "IllegalVersioningConfigurationException";
            return Err(Error::new(code, "The Versioning element must be specified"));
        }
    };
    bucket::save(tx, &bucket)?;
    Ok(Nothing {})
}
