//! GetMetricData: several metrics and expressions over them, in pages.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::api::{
    GetMetricDataInput, GetMetricDataOutput, MetricDataQuery, MetricDataResult, MetricStat,
};
use super::errors::{invalid_value, validation};
use super::get_statistics::{check_period, whole_s};
use super::math::{self, Series, Value};
use super::put::sorted;
use super::series::{self, Name, Range};
use super::statistic::Statistic;
use super::{label, token};

const QUERIES_MAX: usize = 500;
const DATAPOINTS_MAX: usize = 100_800;

pub(super) fn get(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GetMetricDataInput,
) -> Result<GetMetricDataOutput> {
    if input.start_time >= input.end_time {
        return Err(validation(
            "The parameter StartTime must be less than the parameter EndTime.",
        ));
    }
    let limit = input.max_datapoints.unwrap_or(DATAPOINTS_MAX);
    if limit == 0 || limit > DATAPOINTS_MAX {
        return Err(validation(format!(
            "The value {limit} for parameter MaxDatapoints is invalid."
        )));
    }
    label::refuse_foreign_timezone(input.label_options.as_ref())?;
    let window = Window {
        start_s: whole_s(input.start_time),
        end_s: whole_s(input.end_time.ceil()),
        origin_s: 0,
    };
    let results = evaluate(tx, context, &input.metric_data_queries, window)?;
    let ascending = input.scan_by.as_deref() == Some("TimestampAscending");
    let results = results
        .into_iter()
        .map(|result| result.into_answer(ascending))
        .collect();
    page(results, input.next_token.as_deref(), limit)
}

/// The time that is asked about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) start_s: i64,
    pub(super) end_s: i64,
    /// From where periods are counted.
    pub(super) origin_s: i64,
}

impl Window {
    /// The begin of the period that a time lies in.
    pub(super) fn align(&self, at_s: i64, period_s: u32) -> i64 {
        self.origin_s + series::align(at_s - self.origin_s, period_s)
    }
}

/// A series that a query returns.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) series: Series,
}

impl Answered {
    fn into_answer(self, ascending: bool) -> MetricDataResult {
        let points = self.series.points.into_iter();
        let (timestamps, values) = if ascending {
            points.unzip()
        } else {
            points.rev().unzip()
        };
        MetricDataResult {
            id: self.id,
            label: self.label,
            timestamps,
            values,
            status_code: "Complete",
        }
    }
}

/// The series of all queries whose data is to be returned.
pub(super) fn evaluate(
    tx: &Tx<'_>,
    context: &Context,
    queries: &[MetricDataQuery],
    window: Window,
) -> Result<Vec<Answered>> {
    check(queries)?;
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    for query in queries {
        if let Some(stat) = &query.metric_stat {
            let series = read(tx, context, stat, window)?;
            known.insert(query.id.clone(), Value::Series(series));
        }
    }
    resolve(queries, &mut known, window)?;
    let wanted = queries
        .iter()
        .filter(|query| query.return_data != Some(false));
    let mut answered = Vec::new();
    for query in wanted {
        let Some(value) = known.remove(&query.id) else {
            continue;
        };
        answered.extend(label::answers(
            query,
            queries,
            value,
            period(queries),
            window,
        ));
    }
    Ok(answered)
}

/// Expressions may name each other in any order; what is left when none can go on names itself.
fn resolve(
    queries: &[MetricDataQuery],
    known: &mut BTreeMap<String, Value>,
    window: Window,
) -> Result<()> {
    let metric_ids: Vec<&str> = queries
        .iter()
        .filter(|query| query.metric_stat.is_some())
        .map(|query| query.id.as_str())
        .collect();
    let mut waiting: Vec<(&MetricDataQuery, math::Expression)> = Vec::new();
    for query in queries {
        if let Some(text) = &query.expression {
            let expression =
                math::parse(text).map_err(|error| wrong_expression(&query.id, error))?;
            waiting.push((query, expression));
        }
    }
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|(_, expression)| {
            expression
                .names()
                .iter()
                .all(|name| known.contains_key(*name))
        });
        let Some(at) = ready else {
            let (query, expression) = &waiting[0];
            let name = expression
                .names()
                .into_iter()
                .find(|name| !known.contains_key(*name));
            return Err(validation(format!(
                "Error in expression '{}': Undefined variable '{}'.",
                query.id,
                name.unwrap_or_default()
            )));
        };
        let (query, expression) = waiting.remove(at);
        let scope = math::Scope {
            known,
            metric_ids: &metric_ids,
            period_s: query.period.unwrap_or_else(|| period(queries)),
            window,
        };
        let value = expression
            .evaluate(&scope)
            .map_err(|error| wrong_expression(&query.id, error))?;
        known.insert(query.id.clone(), value);
    }
    Ok(())
}

fn wrong_expression(id: &str, error: math::Fault) -> Error {
    match error {
        math::Fault::NotBuilt(what) => {
            Error::not_implemented(format!("cloudwatch: {what} in metric math"))
        }
        math::Fault::Wrong(why) => validation(format!("Error in expression '{id}': {why}")),
    }
}

/// The longest period among the metrics: expressions work on it.
fn period(queries: &[MetricDataQuery]) -> u32 {
    let periods = queries
        .iter()
        .filter_map(|query| query.metric_stat.as_ref());
    periods.map(|stat| stat.period).max().unwrap_or(60)
}

pub(super) fn check(queries: &[MetricDataQuery]) -> Result<()> {
    if queries.is_empty() || queries.len() > QUERIES_MAX {
        return Err(validation(format!(
            "The collection MetricDataQueries must have a size between 1 and {QUERIES_MAX}."
        )));
    }
    for (at, query) in queries.iter().enumerate() {
        let place = format!("MetricDataQueries.member.{}", at + 1);
        check_id(&place, &query.id)?;
        if queries[..at].iter().any(|other| other.id == query.id) {
            return Err(validation(format!(
                "The values for parameter id in MetricDataQueries are not unique: {}.",
                query.id
            )));
        }
        match (&query.metric_stat, &query.expression) {
            (Some(stat), None) => check_stat(&place, stat)?,
            (None, Some(_)) => {}
            (Some(_), Some(_)) => {
                return Err(validation(format!(
                    "The parameters {place}.Expression and {place}.MetricStat are mutually exclusive and you have specified both."
                )));
            }
            (None, None) => {
                return Err(validation(format!(
                    "Either {place}.Expression or {place}.MetricStat must be specified."
                )));
            }
        }
        if query.account_id.is_some() {
            return Err(Error::not_implemented(
                "cloudwatch: metrics of other accounts",
            ));
        }
    }
    Ok(())
}

fn check_id(place: &str, id: &str) -> Result<()> {
    let is_word = id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_word && id.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Ok(());
    }
    Err(validation(format!(
        "The value {id} for parameter {place}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
    )))
}

fn check_stat(place: &str, stat: &MetricStat) -> Result<()> {
    check_period(&format!("{place}.MetricStat.Period"), stat.period)?;
    if Statistic::parse(&stat.stat).is_none() {
        return Err(invalid_value(format!(
            "The value {} for parameter {place}.MetricStat.Stat is not supported.",
            stat.stat
        )));
    }
    if stat.metric.namespace.is_none() || stat.metric.metric_name.is_none() {
        return Err(validation(format!(
            "The parameters {place}.MetricStat.Metric.Namespace and {place}.MetricStat.Metric.MetricName are required."
        )));
    }
    Ok(())
}

/// A metric's statistic by period; units fall together where none was asked for.
fn read(tx: &Tx<'_>, context: &Context, stat: &MetricStat, window: Window) -> Result<Series> {
    let dimensions = sorted(stat.metric.dimensions.clone());
    let name = Name {
        account: &context.account,
        region: &context.region,
        namespace: stat.metric.namespace.as_deref().unwrap_or_default(),
        metric: stat.metric.metric_name.as_deref().unwrap_or_default(),
        dimensions: &dimensions,
    };
    let range = Range {
        start_s: window.align(window.start_s, stat.period),
        end_s: window.end_s,
        period_s: stat.period,
        origin_s: window.origin_s,
    };
    let points = series::read(tx, &name, range, stat.unit.as_deref(), context.now)?;
    let buckets = series::without_units(points);
    let statistic = Statistic::parse(&stat.stat);
    let points = buckets.into_iter().filter_map(|(start_s, bucket)| {
        Some((
            start_s,
            statistic.and_then(|statistic| statistic.of(&bucket))?,
        ))
    });
    Ok(Series {
        period_s: stat.period,
        points: points.collect(),
    })
}

/// One page: as many datapoints as may be, from where the last one ended.
fn page(
    results: Vec<MetricDataResult>,
    next_token: Option<&str>,
    limit: usize,
) -> Result<GetMetricDataOutput> {
    let [from, offset] = next_token.map_or(Ok([0, 0]), token::read_numbers)?;
    let mut left = limit;
    let mut output = GetMetricDataOutput {
        metric_data_results: Vec::new(),
        next_token: None,
        messages: Vec::new(),
    };
    for (at, mut result) in results.into_iter().enumerate().skip(from) {
        let begin = if at == from {
            offset.min(result.values.len())
        } else {
            0
        };
        let end = result.values.len().min(begin + left);
        let is_cut = end < result.values.len();
        result.values = result.values.drain(begin..end).collect();
        result.timestamps = result.timestamps.drain(begin..end).collect();
        left -= end - begin;
        if is_cut {
            result.status_code = "PartialData";
            output.next_token = Some(token::write(format!("{at}:{end}")));
        }
        output.metric_data_results.push(result);
        if is_cut {
            break;
        }
    }
    Ok(output)
}
