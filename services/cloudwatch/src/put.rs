//! PutMetricData: checked as a whole, then folded into buckets.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::api::{Dimension, Double, MetricDatum, Nothing, PutMetricDataInput, StatisticSet};
use super::errors::{exclusive, invalid_value, missing};
use super::series::{self, Name};
use super::state::Bucket;

const DATA_MAX: usize = 1000;
const VALUES_MAX: usize = 150;
const PAST_S: f64 = 14.0 * 86_400.0;
const FUTURE_S: f64 = 2.0 * 3600.0;
/// 2^360: values beyond it are refused.
const MAGNITUDE_MAX: f64 = 2.348_542_582_773_833_4e108;

/// A datum that has been found good.
struct Measured {
    metric: String,
    dimensions: Vec<Dimension>,
    at_s: i64,
    resolution_s: u32,
    unit: String,
    bucket: Bucket,
}

pub(super) fn put(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutMetricDataInput,
) -> Result<Nothing> {
    if input.entity_metric_data.is_some() {
        return Err(Error::not_implemented("cloudwatch: EntityMetricData"));
    }
    if input.namespace.starts_with("AWS/") {
        return Err(invalid_value(
            "The value AWS/ for parameter Namespace is invalid.",
        ));
    }
    let data = input
        .metric_data
        .ok_or_else(|| missing("The parameter MetricData is required."))?;
    if data.len() > DATA_MAX {
        return Err(invalid_value(format!(
            "The collection MetricData must not have a size greater than {DATA_MAX}."
        )));
    }
    let mut measured = Vec::with_capacity(data.len());
    for (at, datum) in data.into_iter().enumerate() {
        let place = format!("MetricData.member.{}", at + 1);
        measured.extend(check(&place, context, datum)?);
    }
    for each in measured {
        let name = Name {
            account: &context.account,
            region: &context.region,
            namespace: &input.namespace,
            metric: &each.metric,
            dimensions: &each.dimensions,
        };
        let series = series::number(tx, &name, context.now)?;
        series::fold(
            tx,
            series,
            each.resolution_s,
            each.at_s,
            &each.unit,
            &each.bucket,
        )?;
    }
    Ok(Nothing {})
}

/// The datum as a bucket; `None` where it holds no value at all (only counts of zero).
fn check(place: &str, context: &Context, datum: MetricDatum) -> Result<Option<Measured>> {
    let resolution_s = match datum.storage_resolution {
        None => 60,
        Some(resolution_s @ (1 | 60)) => resolution_s,
        Some(other) => {
            return Err(invalid_value(format!(
                "The value {other} for parameter {place}.StorageResolution is invalid. Valid values are 1 and 60."
            )));
        }
    };
    let bucket = bucket(place, &datum)?;
    let at_s = time(place, context, datum.timestamp)?;
    Ok(bucket.map(|bucket| Measured {
        at_s,
        resolution_s,
        unit: datum.unit.unwrap_or_else(|| "None".to_owned()),
        dimensions: sorted(datum.dimensions),
        metric: datum.metric_name,
        bucket,
    }))
}

/// Dimensions are a set: their order does not make another metric.
pub(super) fn sorted(mut dimensions: Vec<Dimension>) -> Vec<Dimension> {
    dimensions.sort();
    dimensions
}

#[expect(clippy::cast_possible_truncation, reason = "checked to lie near now")]
fn time(place: &str, context: &Context, timestamp: Option<f64>) -> Result<i64> {
    let now_s = context.now.seconds() as f64;
    let at_s = timestamp.unwrap_or(now_s);
    if at_s < now_s - PAST_S {
        return Err(invalid_value(format!(
            "The parameter {place}.Timestamp must specify a time within the past two weeks."
        )));
    }
    if at_s > now_s + FUTURE_S {
        return Err(invalid_value(format!(
            "The parameter {place}.Timestamp must specify a time no more than two hours in the future."
        )));
    }
    Ok(at_s.floor() as i64)
}

fn bucket(place: &str, datum: &MetricDatum) -> Result<Option<Bucket>> {
    let name = |member: &str| format!("{place}.{member}");
    match (&datum.value, &datum.values, &datum.statistic_values) {
        (Some(_), Some(_), _) => Err(exclusive(&name("Value"), &name("Values"))),
        (Some(_), _, Some(_)) => Err(exclusive(&name("Value"), &name("StatisticValues"))),
        (_, Some(_), Some(_)) => Err(exclusive(&name("Values"), &name("StatisticValues"))),
        (Some(value), ..) => Ok(Some(Bucket::of(finite(&name("Value"), value)?, 1.0))),
        (_, Some(values), _) => listed(place, values, datum.counts.as_deref()),
        (.., Some(set)) => statistic_set(&name("StatisticValues"), set),
        (None, None, None) => Err(missing(format!("The parameter {place}.Value is required."))),
    }
}

fn listed(place: &str, values: &[Double], counts: Option<&[Double]>) -> Result<Option<Bucket>> {
    if counts.is_some_and(|counts| counts.len() != values.len()) {
        return Err(invalid_value(format!(
            "The parameters {place}.Values and {place}.Counts must be of the same size."
        )));
    }
    if values.len() > VALUES_MAX {
        return Err(invalid_value(format!(
            "The collection {place}.Values must not have a size greater than {VALUES_MAX}."
        )));
    }
    let mut whole: Option<Bucket> = None;
    for (at, value) in values.iter().enumerate() {
        let value = finite(&format!("{place}.Values.member.{}", at + 1), value)?;
        let count = match counts.and_then(|counts| counts.get(at)) {
            Some(count) => {
                let name = format!("{place}.Counts.member.{}", at + 1);
                not_negative(&name, finite(&name, count)?)?
            }
            None => 1.0,
        };
        if count == 0.0 {
            continue;
        }
        let one = Bucket::of(value, count);
        match &mut whole {
            Some(whole) => whole.merge(&one),
            None => whole = Some(one),
        }
    }
    Ok(whole)
}

fn statistic_set(place: &str, set: &StatisticSet) -> Result<Option<Bucket>> {
    let member = |name: &str, value| finite(&format!("{place}.{name}"), value);
    let count = member("SampleCount", &set.sample_count)?;
    let count = not_negative(&format!("{place}.SampleCount"), count)?;
    let sum = member("Sum", &set.sum)?;
    let (minimum, maximum) = (
        member("Minimum", &set.minimum)?,
        member("Maximum", &set.maximum)?,
    );
    if minimum > maximum {
        return Err(invalid_value(format!(
            "The parameter {place}.Maximum must be greater than or equal to {place}.Minimum."
        )));
    }
    Ok((count > 0.0).then(|| Bucket::of_set(count, sum, minimum, maximum)))
}

fn finite(name: &str, value: &Double) -> Result<f64> {
    match value {
        Double::Number(value) if value.abs() <= MAGNITUDE_MAX => Ok(*value),
        Double::Number(value) => Err(invalid_value(format!(
            "The value {value} for parameter {name} is invalid."
        ))),
        Double::Text(text) => Err(invalid_value(format!(
            "The value {text} for parameter {name} is invalid."
        ))),
    }
}

fn not_negative(name: &str, value: f64) -> Result<f64> {
    if value < 0.0 {
        return Err(invalid_value(format!(
            "The value {value} for parameter {name} is invalid."
        )));
    }
    Ok(value)
}
