//! Metric filters: values taken out of events as they arrive, published as metrics of the user's own.
//!
//! An event counts in the minute of its own time. Where a minute brought events and none of them matched,
//! the default value is published, once for that minute.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cumulet_cloudwatch as cloudwatch;
use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::meter::Owner;
use cumulet_kernel::key::KeyReader;
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Key, Timestamp, Tx};

use super::api::{
    DescribeMetricFiltersInput, DescribeMetricFiltersOutput, FilterInput, MetricFilter, Nothing,
    PutMetricFilterInput,
};
use super::filter::Pattern;
use super::state::{
    GROUPS, GroupRecord, METRIC_FILTERS, MetricFilterRecord, MetricTransformation, filter_key,
    group_key, groups_prefix,
};
use super::{errors, group};

const FILTERS_MAX: u32 = 100;
const DIMENSIONS_MAX: usize = 3;
const DESCRIBED_MAX: usize = 50;
const MINUTE_MS: i64 = 60_000;

pub(super) fn put(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutMetricFilterInput,
) -> Result<Nothing> {
    refuse_unbuilt(&input)?;
    let mut group = group::existing(tx, context, &input.log_group_name)?;
    let pattern = Pattern::parse(&input.filter_pattern).ok_or_else(errors::bad_pattern)?;
    let transformation = input.metric_transformations.into_iter().next();
    let transformation = transformation
        .ok_or_else(|| errors::invalid("A metric filter has one metric transformation."))?;
    check(&pattern, &transformation)?;
    let key = filter_key(group.number, &input.filter_name);
    let before: Option<MetricFilterRecord> = tx.load(METRIC_FILTERS, &key)?;
    if before.is_none() {
        if group.metric_filters >= FILTERS_MAX {
            return Err(errors::limit_exceeded());
        }
        group.metric_filters += 1;
        tx.save(GROUPS, group_key(context, &input.log_group_name), &group)?;
    }
    let record = MetricFilterRecord {
        pattern: input.filter_pattern,
        transformation,
        created: before.map_or(context.now, |before| before.created),
        defaulted_minute: 0,
        matched_minute: 0,
    };
    tx.save(METRIC_FILTERS, key, &record)?;
    Ok(Nothing {})
}

fn refuse_unbuilt(input: &PutMetricFilterInput) -> Result<()> {
    let unbuilt = [
        (input.apply_on_transformed_logs, "log transformers"),
        (
            input.field_selection_criteria.is_some(),
            "field selection criteria",
        ),
        (
            !input.emit_system_field_dimensions.is_empty(),
            "system fields as dimensions",
        ),
    ];
    match unbuilt.into_iter().find(|(asked, _)| *asked) {
        Some((_, what)) => Err(Error::not_implemented(format!("logs: {what}"))),
        None => Ok(()),
    }
}

fn check(pattern: &Pattern, transformation: &MetricTransformation) -> Result<()> {
    let value = &transformation.metric_value;
    if !value.starts_with('$') && !value.parse::<f64>().is_ok_and(f64::is_finite) {
        return Err(errors::invalid(format!(
            "Invalid metric transformation: metric value '{value}' must be a number or a field."
        )));
    }
    let Some(dimensions) = transformation.dimensions.as_ref() else {
        return Ok(());
    };
    if transformation.default_value.is_some() {
        return Err(errors::invalid(
            "Invalid metric transformation: dimensions and default value are mutually exclusive properties.",
        ));
    }
    if dimensions.len() > DIMENSIONS_MAX {
        return Err(errors::invalid(format!(
            "Invalid metric transformation: a metric has at most {DIMENSIONS_MAX} dimensions."
        )));
    }
    if matches!(pattern, Pattern::Everything | Pattern::Terms(_)) {
        return Err(errors::invalid(
            "Invalid metric transformation: dimensions are only supported for JSON or space-delimited filter \
             patterns.",
        ));
    }
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_>, context: &Context, input: FilterInput) -> Result<Nothing> {
    let mut group = group::existing(tx, context, &input.log_group_name)?;
    let key = filter_key(group.number, &input.filter_name);
    if tx.get(METRIC_FILTERS, &key)?.is_none() {
        return Err(errors::metric_filter_missing());
    }
    tx.delete(METRIC_FILTERS, key)?;
    group.metric_filters = group.metric_filters.saturating_sub(1);
    tx.save(GROUPS, group_key(context, &input.log_group_name), &group)?;
    Ok(Nothing {})
}

/// A group that is deleted takes its filters along.
pub(super) fn remove_all(tx: &mut Tx<'_>, group: u64) -> Result<()> {
    for (name, _) in of_group(tx, group)? {
        tx.delete(METRIC_FILTERS, filter_key(group, &name))?;
    }
    Ok(())
}

fn of_group(tx: &Tx<'_>, group: u64) -> Result<Vec<(String, MetricFilterRecord)>> {
    let mut found = Vec::new();
    let prefix = Key::new().number(group);
    for pair in tx.prefix(METRIC_FILTERS, prefix, Direction::Forward)? {
        let (key, value) = pair?;
        let mut reader = KeyReader::new(&key);
        let _group = reader.number();
        if let Some(name) = reader.text() {
            found.push((name, cumulet_kernel::store::decode(&value)?));
        }
    }
    Ok(found)
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeMetricFilters.html>
pub(super) fn describe(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DescribeMetricFiltersInput,
) -> Result<DescribeMetricFiltersOutput> {
    if input.metric_name.is_some() != input.metric_namespace.is_some() {
        return Err(errors::invalid(
            "metricName and metricNamespace must be given together.",
        ));
    }
    let groups = match &input.log_group_name {
        Some(name) => vec![(name.clone(), group::existing(tx, context, name)?)],
        None => all_groups(tx, context)?,
    };
    let mut found = Vec::new();
    for (group_name, group) in groups {
        for (name, record) in of_group(tx, group.number)? {
            if wanted(&input, &name, &record.transformation) {
                found.push(told(&group_name, name, record));
            }
        }
    }
    let place =
        |filter: &MetricFilter| format!("{}\n{}", filter.log_group_name, filter.filter_name);
    if let Some(token) = &input.next_token {
        let last = BASE64_URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| errors::bad_token())?;
        found.retain(|filter| place(filter).as_bytes() > last.as_slice());
    }
    let limit = input.limit.unwrap_or(DESCRIBED_MAX).clamp(1, DESCRIBED_MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    Ok(DescribeMetricFiltersOutput {
        next_token: found
            .last()
            .filter(|_| more)
            .map(|last| BASE64_URL_SAFE_NO_PAD.encode(place(last))),
        metric_filters: found,
    })
}

fn all_groups(tx: &Tx<'_>, context: &Context) -> Result<Vec<(String, GroupRecord)>> {
    let prefix = groups_prefix(context);
    let mut found = Vec::new();
    for pair in tx.prefix(GROUPS, &prefix, Direction::Forward)? {
        let (key, value) = pair?;
        let name = KeyReader::new(&key[prefix.as_slice().len()..]).text();
        let record: GroupRecord = cumulet_kernel::store::decode(&value)?;
        if record.metric_filters > 0 {
            found.extend(name.map(|name| (name, record)));
        }
    }
    Ok(found)
}

fn wanted(
    input: &DescribeMetricFiltersInput,
    name: &str,
    transformation: &MetricTransformation,
) -> bool {
    let begins = input
        .filter_name_prefix
        .as_deref()
        .is_none_or(|prefix| name.starts_with(prefix));
    let is_metric = input
        .metric_name
        .as_ref()
        .is_none_or(|metric| *metric == transformation.metric_name);
    let is_namespace = input
        .metric_namespace
        .as_ref()
        .is_none_or(|namespace| *namespace == transformation.metric_namespace);
    begins && is_metric && is_namespace
}

fn told(group: &str, name: String, record: MetricFilterRecord) -> MetricFilter {
    MetricFilter {
        filter_name: name,
        filter_pattern: record.pattern,
        metric_transformations: vec![record.transformation],
        creation_time: record.created.0,
        log_group_name: group.to_owned(),
        apply_on_transformed_logs: false,
    }
}

/// Publishes what the group's filters find in events that have just been stored.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    context: &Context,
    group: &GroupRecord,
    events: &[(i64, &str)],
) -> Result<()> {
    for (name, mut record) in of_group(tx, group.number)? {
        let Some(pattern) = Pattern::parse(&record.pattern) else {
            continue;
        };
        let before = (record.defaulted_minute, record.matched_minute);
        let mut matched_minutes = Vec::new();
        for (time_ms, message) in events {
            if pattern.matches(message) {
                matched_minutes.push(time_ms.div_euclid(MINUTE_MS));
                publish(
                    tx,
                    context,
                    &record.transformation,
                    &pattern,
                    *time_ms,
                    message,
                )?;
            }
        }
        let newest = matched_minutes.iter().copied().max();
        record.matched_minute = record.matched_minute.max(newest.unwrap_or_default());
        publish_default(tx, context, &mut record, events, &matched_minutes)?;
        if before != (record.defaulted_minute, record.matched_minute) {
            tx.save(METRIC_FILTERS, filter_key(group.number, &name), &record)?;
        }
    }
    Ok(())
}

fn publish(
    tx: &mut Tx<'_>,
    context: &Context,
    transformation: &MetricTransformation,
    pattern: &Pattern,
    time_ms: i64,
    message: &str,
) -> Result<()> {
    let resolved = |text: &str| match text.starts_with('$') {
        true => pattern.value(message, text),
        false => Some(text.to_owned()),
    };
    let value = resolved(&transformation.metric_value).and_then(|text| text.parse::<f64>().ok());
    let Some(value) = value.filter(|value| value.is_finite()) else {
        return Ok(());
    };
    let wanted = transformation.dimensions.iter().flatten();
    let dimensions: Option<Vec<(&str, String)>> = wanted
        .map(|(name, text)| Some((name.as_str(), resolved(text)?)))
        .collect();
    // Without all its dimensions it would be another metric.
    let Some(dimensions) = dimensions else {
        return Ok(());
    };
    let dimensions: Vec<(&str, &str)> = dimensions
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    record_value(tx, context, transformation, &dimensions, time_ms, value)
}

fn publish_default(
    tx: &mut Tx<'_>,
    context: &Context,
    record: &mut MetricFilterRecord,
    events: &[(i64, &str)],
    matched_minutes: &[i64],
) -> Result<()> {
    let Some(default) = record.transformation.default_value else {
        return Ok(());
    };
    for (time_ms, _) in events {
        let minute = time_ms.div_euclid(MINUTE_MS);
        let is_matched = minute == record.matched_minute || matched_minutes.contains(&minute);
        if is_matched || minute <= record.defaulted_minute {
            continue;
        }
        record.defaulted_minute = minute;
        record_value(tx, context, &record.transformation, &[], *time_ms, default)?;
    }
    Ok(())
}

fn record_value(
    tx: &mut Tx<'_>,
    context: &Context,
    transformation: &MetricTransformation,
    dimensions: &[(&str, &str)],
    time_ms: i64,
    value: f64,
) -> Result<()> {
    let owner = Owner {
        account: &context.account,
        region: &context.region,
    };
    let datum = cloudwatch::Datum {
        namespace: &transformation.metric_namespace,
        metric: &transformation.metric_name,
        dimensions,
        at: Timestamp(time_ms),
        resolution_s: 60,
        unit: transformation.unit.as_deref().unwrap_or("None"),
        values: &[value],
    };
    cloudwatch::record_datum(tx, owner, context.now, &datum)
}
