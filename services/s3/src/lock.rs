//! Object lock: versions that nobody may remove before their time.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::{Timestamp, Tx};

use super::api::{
    DefaultRetention, LegalHold, Nothing, ObjectLockConfiguration, OnBucket, OnObject,
    PutLegalHold, PutObjectLock, PutRetention, Retention,
};
use super::attributes::timestamp;
use super::authorise::{on_object, open, open_for_object};
use super::errors::{invalid_argument, invalid_request, malformed_xml, not_found};
use super::get::{find_object, seconds};
use super::state::{Attributes, Bucket, CONFIGURATIONS, Version, Versioning, configuration_key};
use super::{bucket, versions};

const KIND: &str = "object-lock";
const DAY_S: i64 = 86_400;
const DAYS_MAX: i64 = 36_500;
const YEARS_MAX: i64 = 100;
const MODES: [&str; 2] = ["GOVERNANCE", "COMPLIANCE"];

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLockConfiguration.html>
pub(crate) fn get_configuration(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<PutObjectLock> {
    let bucket = open(tx, &input)?;
    if !bucket.object_lock {
        let message = "Object Lock configuration does not exist for this bucket";
        let error = not_found("ObjectLockConfigurationNotFoundError", message);
        return Err(error.member("BucketName", bucket.name));
    }
    let configuration = load(tx, &bucket)?;
    Ok(PutObjectLock {
        object_lock_configuration: Some(configuration),
    })
}

fn load(tx: &Tx<'_>, bucket: &Bucket) -> Result<ObjectLockConfiguration> {
    let stored = tx.load(CONFIGURATIONS, configuration_key(&bucket.name, KIND))?;
    Ok(stored.unwrap_or_else(|| ObjectLockConfiguration {
        object_lock_enabled: Some("Enabled".to_owned()),
        rule: None,
    }))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLockConfiguration.html>
pub(crate) fn put_configuration(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<PutObjectLock>,
) -> Result<Nothing> {
    let mut bucket = open(tx, &input)?;
    let configuration = input
        .rest
        .object_lock_configuration
        .ok_or_else(malformed_xml)?;
    if configuration.object_lock_enabled.as_deref() != Some("Enabled") {
        return Err(malformed_xml());
    }
    if let Some(rule) = &configuration.rule {
        check_default(rule.default_retention.as_ref().ok_or_else(malformed_xml)?)?;
    }
    if bucket.versioning != Versioning::Enabled {
        let message =
            "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration";
        return Err(Error::new("InvalidBucketState", message).status(409));
    }
    bucket.object_lock = true;
    bucket::save(tx, &bucket)?;
    tx.save(
        CONFIGURATIONS,
        configuration_key(&bucket.name, KIND),
        &configuration,
    )?;
    Ok(Nothing {})
}

fn check_default(default: &DefaultRetention) -> Result<()> {
    if !default
        .mode
        .as_deref()
        .is_some_and(|mode| MODES.contains(&mode))
    {
        return Err(malformed_xml());
    }
    let (period, limit) = match (default.days, default.years) {
        (Some(days), None) => (days, DAYS_MAX),
        (None, Some(years)) => (years, YEARS_MAX),
        _ => return Err(malformed_xml()),
    };
    if period < 1 {
        let message = "Default retention period must be a positive integer value.";
        return Err(Error::new("InvalidRetentionPeriod", message));
    }
    if period > limit {
        let message = "Default retention period too large.";
        return Err(Error::new("InvalidRetentionPeriod", message));
    }
    Ok(())
}

/// Gives a new object the bucket's default retention, where the writer said nothing of it.
pub(crate) fn retain_by_default(
    tx: &Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    attributes: &mut Attributes,
) -> Result<()> {
    if !bucket.object_lock || attributes.lock_mode.is_some() {
        return Ok(());
    }
    let Some(default) = load(tx, bucket)?
        .rule
        .and_then(|rule| rule.default_retention)
    else {
        return Ok(());
    };
    let days = default
        .days
        .or(default.years.map(|years| years.saturating_mul(365)));
    attributes.retain_until = days.map(|days| context.now.plus_s(days.saturating_mul(DAY_S)));
    attributes.lock_mode = default.mode;
    Ok(())
}

/// The access rule of an operation on an object's lock.
pub(crate) fn rule<I>(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnObject<I>,
    action: &str,
) -> Result<Vec<Access>> {
    let bucket = open_for_object(tx, input)?;
    Ok(vec![on_object(context, &bucket, &input.target.key, action)])
}

pub(crate) fn put_retention_rule(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnObject<PutRetention>,
) -> Result<Vec<Access>> {
    let mut needed = rule(tx, context, input, "s3:PutObjectRetention")?;
    if input.rest.bypass_governance_retention {
        needed.extend(rule(tx, context, input, "s3:BypassGovernanceRetention")?);
    }
    Ok(needed)
}

/// The version whose lock a call is about, with its object.
fn locked<I>(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnObject<I>,
    method: &str,
) -> Result<(Bucket, Version)> {
    let bucket = open_for_object(tx, input)?;
    if !bucket.object_lock {
        return Err(invalid_request(
            "Bucket is missing Object Lock Configuration",
        ));
    }
    let (mut version, object) = find_object(tx, context, &bucket, &input.target, method)?;
    version.object = Some(object);
    Ok((bucket, version))
}

fn attributes(version: &mut Version) -> Result<&mut Attributes> {
    let object = version.object.as_mut();
    object
        .map(|object| &mut object.attributes)
        .ok_or_else(|| Error::internal("a locked version has no object"))
}

fn none_here() -> Error {
    let message = "The specified object does not have a ObjectLock configuration";
    not_found("NoSuchObjectLockConfiguration", message)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectRetention.html>
pub(crate) fn get_retention(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnObject<Nothing>,
) -> Result<PutRetention> {
    let (_, mut version) = locked(tx, context, &input, "GET")?;
    let attributes = attributes(&mut version)?;
    if attributes.lock_mode.is_none() {
        return Err(none_here().member("Key", input.target.key));
    }
    Ok(PutRetention {
        retention: Some(Retention {
            mode: attributes.lock_mode.clone(),
            retain_until_date: attributes.retain_until.map(seconds),
        }),
        bypass_governance_retention: false,
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectRetention.html>
pub(crate) fn put_retention(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnObject<PutRetention>,
) -> Result<Nothing> {
    let (bucket, mut version) = locked(tx, context, &input, "PUT")?;
    let asked = input.rest.retention.clone().unwrap_or_default();
    let until = asked.retain_until_date.map(timestamp);
    check_retention(context, asked.mode.as_deref(), until)?;
    let attributes = attributes(&mut version)?;
    check_loosening(
        context,
        attributes,
        &asked,
        until,
        input.rest.bypass_governance_retention,
    )?;
    attributes.lock_mode = asked.mode;
    attributes.retain_until = until;
    versions::update(tx, &bucket.name, &input.target.key, &version)?;
    Ok(Nothing {})
}

fn check_retention(context: &Context, mode: Option<&str>, until: Option<Timestamp>) -> Result<()> {
    match (mode, until) {
        (None, None) => Ok(()),
        (Some(mode), Some(_)) if !MODES.contains(&mode) => Err(malformed_xml()),
        (Some(_), Some(until)) if until <= context.now => {
            let message = "The retain until date must be in the future!";
            Err(invalid_argument(message, "RetainUntilDate", ""))
        }
        (Some(_), Some(_)) => Ok(()),
        _ => Err(malformed_xml()),
    }
}

/// Retention may grow; to shrink it takes governance mode and the right to bypass it.
fn check_loosening(
    context: &Context,
    before: &Attributes,
    asked: &Retention,
    until: Option<Timestamp>,
    bypasses: bool,
) -> Result<()> {
    let in_force = before.retain_until.is_some_and(|until| until > context.now);
    let keeps = until >= before.retain_until && asked.mode == before.lock_mode;
    let is_governed = before.lock_mode.as_deref() == Some(MODES[0]);
    if !in_force || keeps || (is_governed && bypasses) {
        return Ok(());
    }
    let message = "Access Denied because object protected by object lock.";
    Err(Error::access_denied(message))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLegalHold.html>
pub(crate) fn get_legal_hold(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnObject<Nothing>,
) -> Result<PutLegalHold> {
    let (_, mut version) = locked(tx, context, &input, "GET")?;
    match attributes(&mut version)?.legal_hold.clone() {
        Some(status) => Ok(PutLegalHold {
            legal_hold: Some(LegalHold {
                status: Some(status),
            }),
        }),
        None => Err(none_here().member("Key", input.target.key)),
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLegalHold.html>
pub(crate) fn put_legal_hold(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnObject<PutLegalHold>,
) -> Result<Nothing> {
    let (bucket, mut version) = locked(tx, context, &input, "PUT")?;
    let status = input.rest.legal_hold.and_then(|hold| hold.status);
    let status = status.filter(|status| ["ON", "OFF"].contains(&status.as_str()));
    attributes(&mut version)?.legal_hold = Some(status.ok_or_else(malformed_xml)?);
    versions::update(tx, &bucket.name, &input.target.key, &version)?;
    Ok(Nothing {})
}
