//! The configurations of a bucket.
//!
//! What every call needs to know (versioning, encryption, policy, public access, ownership) is part of
//! the bucket's own record; the rest lies beside it, each kind by itself.

pub(crate) mod cors;
pub(crate) mod encryption;
pub(crate) mod lifecycle;
pub(crate) mod logging;
pub(crate) mod metrics;
pub(crate) mod notification;
pub(crate) mod ownership;
pub(crate) mod policy;
pub(crate) mod public_access;
pub(crate) mod recorded;
pub(crate) mod versioning;

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::api::{Nothing, OnBucket};
use super::state::{CONFIGURATIONS, configuration_key};

pub(crate) fn load<T: DeserializeOwned>(
    tx: &Tx<'_>,
    bucket: &str,
    kind: &str,
) -> Result<Option<T>> {
    Ok(tx.load(CONFIGURATIONS, configuration_key(bucket, kind))?)
}

pub(crate) fn save<T: Serialize>(
    tx: &mut Tx<'_>,
    bucket: &str,
    kind: &str,
    configuration: &T,
) -> Result<()> {
    Ok(tx.save(
        CONFIGURATIONS,
        configuration_key(bucket, kind),
        configuration,
    )?)
}

fn delete(tx: &mut Tx<'_>, input: &OnBucket<Nothing>, kind: &str) -> Result<Nothing> {
    tx.delete(
        CONFIGURATIONS,
        configuration_key(&input.target.bucket, kind),
    )?;
    Ok(Nothing {})
}

/// DeleteBucketCors.
pub(crate) fn delete_cors(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<Nothing> {
    delete(tx, &input, cors::KIND)
}

/// DeleteBucketLifecycle.
pub(crate) fn delete_lifecycle(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<Nothing> {
    delete(tx, &input, super::lifecycle::KIND)
}

/// DeleteBucketWebsite.
pub(crate) fn delete_website(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<Nothing> {
    delete(tx, &input, recorded::WEBSITE)
}
