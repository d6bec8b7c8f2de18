//! Lifecycle rules: which one an object falls under, and when it expires.

use cumulet_engine::error::Result;
use cumulet_kernel::{Timestamp, Tx};

use super::api::{LifecycleAnd, LifecycleConfiguration, LifecycleRule, Tag};
use super::attributes::timestamp;
use super::encoding::http_date;
use super::state::{Bucket, CONFIGURATIONS, Object, Version, configuration_key};

pub(crate) const KIND: &str = "lifecycle";
const DAY_MS: i64 = 86_400_000;

pub(crate) fn configuration(tx: &Tx<'_>, bucket: &str) -> Result<Option<LifecycleConfiguration>> {
    Ok(tx.load(CONFIGURATIONS, configuration_key(bucket, KIND))?)
}

/// The `x-amz-expiration` of a version that was just written.
pub(crate) fn expiration_header(
    tx: &Tx<'_>,
    bucket: &Bucket,
    key: &str,
    version: &Version,
) -> Result<Option<String>> {
    match &version.object {
        Some(object) => expiration_of(tx, bucket, key, version.modified, object),
        None => Ok(None),
    }
}

/// The `x-amz-expiration` of an object: when its soonest rule removes it, and which rule that is.
pub(crate) fn expiration_of(
    tx: &Tx<'_>,
    bucket: &Bucket,
    key: &str,
    modified: Timestamp,
    object: &Object,
) -> Result<Option<String>> {
    let Some(configuration) = configuration(tx, &bucket.name)? else {
        return Ok(None);
    };
    let due = configuration
        .rules
        .iter()
        .filter(|rule| applies(rule, key, object))
        .filter_map(|rule| Some((expires(rule, modified)?, rule)))
        .min_by_key(|(due, _)| *due);
    Ok(due.map(|(due, rule)| {
        let id = super::encoding::url_encode(rule.id.as_deref().unwrap_or_default());
        format!("expiry-date=\"{}\", rule-id=\"{id}\"", http_date(due))
    }))
}

/// When a rule removes an object that was written at `modified`; `None` where it does not.
pub(crate) fn expires(rule: &LifecycleRule, modified: Timestamp) -> Option<Timestamp> {
    let expiration = rule.expiration.as_ref()?;
    match (expiration.days, expiration.date) {
        (Some(days), _) => Some(next_midnight(modified.plus_ms(days.saturating_mul(DAY_MS)))),
        (None, Some(date)) => Some(timestamp(date)),
        (None, None) => None,
    }
}

/// S3 counts whole days and rounds up to midnight UTC.
pub(crate) fn next_midnight(time: Timestamp) -> Timestamp {
    let ms = time.milliseconds();
    Timestamp(
        ms.div_euclid(DAY_MS)
            .saturating_add(i64::from(ms.rem_euclid(DAY_MS) > 0))
            .saturating_mul(DAY_MS),
    )
}

/// Whether a rule is enabled and its filter takes in the object.
pub(crate) fn applies(rule: &LifecycleRule, key: &str, object: &Object) -> bool {
    rule.status == "Enabled"
        && matches(
            &filter_of(rule),
            key,
            object.size_bytes,
            &object.attributes.tags,
        )
}

/// The three ways to write a filter, as the one that says most.
pub(crate) fn filter_of(rule: &LifecycleRule) -> LifecycleAnd {
    let Some(filter) = &rule.filter else {
        return LifecycleAnd {
            prefix: rule.prefix.clone(),
            ..LifecycleAnd::default()
        };
    };
    filter.and.clone().unwrap_or_else(|| LifecycleAnd {
        prefix: filter.prefix.clone(),
        tags: filter.tag.clone().into_iter().collect(),
        object_size_greater_than: filter.object_size_greater_than,
        object_size_less_than: filter.object_size_less_than,
    })
}

fn matches(filter: &LifecycleAnd, key: &str, size_bytes: u64, tags: &[Tag]) -> bool {
    filter
        .prefix
        .as_deref()
        .is_none_or(|prefix| key.starts_with(prefix))
        && filter.tags.iter().all(|tag| tags.contains(tag))
        && filter
            .object_size_greater_than
            .is_none_or(|bound| size_bytes > bound)
        && filter
            .object_size_less_than
            .is_none_or(|bound| size_bytes < bound)
}
