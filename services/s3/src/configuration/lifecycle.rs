//! Lifecycle configurations: what is refused, and what is kept.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use serde_json::Value;

use super::super::api::{
    LifecycleConfiguration, LifecycleExpiration, LifecycleFilter, LifecycleRule, Nothing, OnBucket,
    PutLifecycle, RuleSet,
};
use super::super::errors::{invalid_argument, invalid_request, malformed_xml, not_found};
use super::super::lifecycle::{KIND, configuration};
use super::super::{lifecycle_run, tagging};

const RULES_MAX: usize = 1000;
const MINIMUM_SIZES: [&str; 2] = ["all_storage_classes_128K", "varies_by_storage_class"];

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html>
pub(crate) fn get(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<LifecycleConfiguration> {
    configuration(tx, &input.target.bucket)?.ok_or_else(|| {
        let message = "The lifecycle configuration does not exist";
        not_found("NoSuchLifecycleConfiguration", message).member("BucketName", input.target.bucket)
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html>
pub(crate) fn put(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnBucket<PutLifecycle>,
) -> Result<RuleSet> {
    let minimum = input.rest.transition_default_minimum_object_size;
    let minimum = minimum.unwrap_or_else(|| MINIMUM_SIZES[0].to_owned());
    if !MINIMUM_SIZES.contains(&minimum.as_str()) {
        let message = format!("Invalid TransitionDefaultMinimumObjectSize found: {minimum}");
        return Err(invalid_request(message));
    }
    let mut configuration = input
        .rest
        .lifecycle_configuration
        .ok_or_else(malformed_xml)?;
    if configuration.rules.is_empty() || configuration.rules.len() > RULES_MAX {
        return Err(malformed_xml());
    }
    for index in 0..configuration.rules.len() {
        let (earlier, rest) = configuration.rules.split_at_mut(index);
        if let Some(rule) = rest.first_mut() {
            name(context, rule, earlier)?;
            check(rule)?;
        }
    }
    configuration.transition_default_minimum_object_size = Some(minimum.clone());
    super::save(tx, &input.target.bucket, KIND, &configuration)?;
    lifecycle_run::schedule(tx, context, &input.target.bucket)?;
    Ok(RuleSet {
        transition_default_minimum_object_size: minimum,
    })
}

/// A rule without an id gets one; two of the same are refused.
fn name(context: &Context, rule: &mut LifecycleRule, earlier: &[LifecycleRule]) -> Result<()> {
    let id = rule.id.take().filter(|id| !id.is_empty());
    let id = id.unwrap_or_else(|| context.ids.uuid());
    if id.chars().count() > 255 {
        return Err(invalid_argument(
            "ID length should not exceed allowed limit of 255",
            "ID",
            id,
        ));
    }
    if earlier.iter().any(|other| other.id.as_deref() == Some(&id)) {
        let message = "Rule ID must be unique. Found same ID for more than one rule";
        return Err(invalid_argument(message, "ID", id));
    }
    rule.id = Some(id);
    Ok(())
}

fn check(rule: &LifecycleRule) -> Result<()> {
    if !["Enabled", "Disabled"].contains(&rule.status.as_str()) {
        return Err(malformed_xml());
    }
    if rule.filter.is_some() == rule.prefix.is_some() {
        return Err(malformed_xml());
    }
    rule.filter.as_ref().map_or(Ok(()), check_filter)?;
    let acts = rule.expiration.is_some()
        || !rule.transitions.is_empty()
        || !rule.noncurrent_version_transitions.is_empty()
        || rule.noncurrent_version_expiration.is_some()
        || rule.abort_incomplete_multipart_upload.is_some();
    if !acts {
        return Err(invalid_request(
            "At least one action needs to be specified in a rule",
        ));
    }
    rule.expiration.as_ref().map_or(Ok(()), check_expiration)?;
    for transition in &rule.transitions {
        check_date(transition.get("Date").and_then(Value::as_f64))?;
    }
    check_days(rule)
}

fn check_filter(filter: &LifecycleFilter) -> Result<()> {
    let given = [
        filter.prefix.is_some(),
        filter.tag.is_some(),
        filter.object_size_greater_than.is_some(),
        filter.object_size_less_than.is_some(),
        filter.and.is_some(),
    ];
    if given.into_iter().filter(|given| *given).count() > 1 {
        return Err(malformed_xml());
    }
    let Some(and) = &filter.and else {
        return Ok(());
    };
    tagging::check_tags(&and.tags)?;
    let predicates = usize::from(and.prefix.is_some())
        + and.tags.len()
        + usize::from(and.object_size_greater_than.is_some())
        + usize::from(and.object_size_less_than.is_some());
    if predicates < 2 {
        return Err(malformed_xml());
    }
    Ok(())
}

fn check_expiration(expiration: &LifecycleExpiration) -> Result<()> {
    let given = [
        expiration.days.is_some(),
        expiration.date.is_some(),
        expiration.expired_object_delete_marker.is_some(),
    ];
    if given.into_iter().filter(|given| *given).count() != 1 {
        return Err(malformed_xml());
    }
    if let Some(days) = expiration.days.filter(|days| *days < 1) {
        let message = "'Days' for Expiration action must be a positive integer";
        return Err(invalid_argument(message, "Days", days.to_string()));
    }
    check_date(expiration.date)
}

fn check_date(date: Option<f64>) -> Result<()> {
    match date.filter(|date| date.rem_euclid(86_400.0) != 0.0) {
        Some(date) => {
            let message = "'Date' must be at midnight GMT";
            Err(invalid_argument(message, "Date", date.to_string()))
        }
        None => Ok(()),
    }
}

fn check_days(rule: &LifecycleRule) -> Result<()> {
    if let Some(noncurrent) = &rule.noncurrent_version_expiration {
        let days = noncurrent.noncurrent_days.ok_or_else(malformed_xml)?;
        if days < 1 {
            let message = "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer";
            return Err(invalid_argument(
                message,
                "NoncurrentDays",
                days.to_string(),
            ));
        }
    }
    if let Some(abort) = &rule.abort_incomplete_multipart_upload {
        let days = abort.days_after_initiation.ok_or_else(malformed_xml)?;
        if days < 1 {
            let message = "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive \
                           integer";
            return Err(invalid_argument(
                message,
                "DaysAfterInitiation",
                days.to_string(),
            ));
        }
    }
    Ok(())
}
