//! GetMetricStatistics.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html>

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use serde_json::{Map, Value, json};

use super::api::{GetMetricStatisticsInput, GetMetricStatisticsOutput};
use super::errors::{invalid_combination, invalid_value};
use super::put::sorted;
use super::series::{self, Name, Point, Range};
use super::statistic::Statistic;

const DATAPOINTS_MAX: i64 = 1440;

pub(super) fn get(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GetMetricStatisticsInput,
) -> Result<GetMetricStatisticsOutput> {
    let range = range(&input)?;
    let statistics = named("Statistics", input.statistics.as_deref(), Statistic::parse)?;
    let extended = named(
        "ExtendedStatistics",
        input.extended_statistics.as_deref(),
        Statistic::parse_extended,
    )?;
    if statistics.is_empty() && extended.is_empty() {
        return Err(invalid_combination(
            "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        ));
    }
    let dimensions = sorted(input.dimensions);
    let name = Name {
        account: &context.account,
        region: &context.region,
        namespace: &input.namespace,
        metric: &input.metric_name,
        dimensions: &dimensions,
    };
    let points = series::read(tx, &name, range, input.unit.as_deref(), context.now)?;
    let datapoints = points
        .iter()
        .filter_map(|point| datapoint(point, &statistics, &extended));
    Ok(GetMetricStatisticsOutput {
        datapoints: datapoints.collect(),
        label: input.metric_name,
    })
}

type Named = Vec<(String, Statistic)>;

fn named(
    parameter: &str,
    texts: Option<&[String]>,
    parse: fn(&str) -> Option<Statistic>,
) -> Result<Named> {
    let texts = texts.unwrap_or_default().iter().enumerate();
    texts
        .map(|(at, text)| {
            let statistic = parse(text).ok_or_else(|| {
                invalid_value(format!(
                    "The value {text} for parameter {parameter}.member.{} is invalid.",
                    at + 1
                ))
            })?;
            Ok((text.clone(), statistic))
        })
        .collect()
}

fn range(input: &GetMetricStatisticsInput) -> Result<Range> {
    if input.start_time >= input.end_time {
        return Err(invalid_value(
            "The parameter StartTime must be less than the parameter EndTime.",
        ));
    }
    check_period("Period", input.period)?;
    let (start_s, end_s) = (whole_s(input.start_time), whole_s(input.end_time.ceil()));
    let asked = (end_s - start_s) / i64::from(input.period);
    if asked > DATAPOINTS_MAX {
        return Err(invalid_combination(format!(
            "You have requested up to {asked} datapoints, which exceeds the limit of {DATAPOINTS_MAX}. \
             You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )));
    }
    // Periods are counted from the start, which is rounded down: below a minute to the period.
    let start_s = series::align(start_s, input.period.min(60));
    Ok(Range {
        start_s,
        end_s,
        period_s: input.period,
        origin_s: start_s,
    })
}

pub(super) fn check_period(parameter: &str, period_s: u32) -> Result<()> {
    if matches!(period_s, 1 | 5 | 10 | 20 | 30) || (period_s > 0 && period_s.is_multiple_of(60)) {
        return Ok(());
    }
    Err(invalid_value(format!(
        "The parameter {parameter} must be a value in the set [ 1, 5, 10, 20, 30 ], or a multiple of 60."
    )))
}

/// Seconds since the epoch out of a timestamp; times beyond all reason end at the ends.
#[expect(clippy::cast_possible_truncation, reason = "held to a range first")]
pub(super) fn whole_s(timestamp: f64) -> i64 {
    timestamp.clamp(0.0, 1e11).floor() as i64
}

/// `None` where no statistic that was asked for is known.
fn datapoint(point: &Point, statistics: &Named, extended: &Named) -> Option<Map<String, Value>> {
    let values = |named: &Named| -> Map<String, Value> {
        let known = named.iter().filter_map(|(name, statistic)| {
            Some((name.clone(), json!(statistic.of(&point.bucket)?)))
        });
        known.collect()
    };
    let (mut datapoint, extended) = (values(statistics), values(extended));
    if datapoint.is_empty() && extended.is_empty() {
        return None;
    }
    datapoint.insert("Timestamp".into(), point.start_s.into());
    datapoint.insert("Unit".into(), point.unit.clone().into());
    if !extended.is_empty() {
        datapoint.insert("ExtendedStatistics".into(), extended.into());
    }
    Some(datapoint)
}
