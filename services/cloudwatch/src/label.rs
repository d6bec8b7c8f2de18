//! What a returned series is called.
//!
//! Without a label of its own a series is called by what tells it from the others: its metric, and
//! where several queries ask for the same metric, its statistic. Dynamic labels (`${LAST}`) are filled in.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html>

use cumulet_engine::error::{Error, Result};

use super::api::{Dimension, LabelOptions, MetricDataQuery, MetricStat};
use super::get_data::{Answered, Window};
use super::math::{Series, Value};

pub(super) fn refuse_foreign_timezone(options: Option<&LabelOptions>) -> Result<()> {
    match options.and_then(|options| options.timezone.as_deref()) {
        None | Some("+0000") => Ok(()),
        Some(_) => Err(Error::not_implemented(
            "cloudwatch: LabelOptions other than +0000",
        )),
    }
}

/// A query's answers: one for a series, one each for an array, one with its points for a number.
pub(super) fn answers(
    query: &MetricDataQuery,
    queries: &[MetricDataQuery],
    value: Value,
    period_s: u32,
    window: Window,
) -> Vec<Answered> {
    let answer = |label: Option<String>, series: Series| {
        let label = label.unwrap_or_else(|| label_of(query, queries));
        Answered {
            id: query.id.clone(),
            label: filled_in(&label, query.metric_stat.as_ref(), &series),
            series,
        }
    };
    match value {
        Value::Series(series) => vec![answer(None, series)],
        Value::Number(number) => {
            let series = Series::constant(number, period_s, window);
            vec![answer(None, series)]
        }
        Value::Array(all) => {
            let label = |name| Some(format!("{} {name}", label_of(query, queries)));
            all.into_iter()
                .map(|(name, series)| answer(label(name), series))
                .collect()
        }
        Value::Text(_) => Vec::new(),
    }
}

fn label_of(query: &MetricDataQuery, queries: &[MetricDataQuery]) -> String {
    if let Some(label) = &query.label {
        return label.clone();
    }
    let Some(stat) = &query.metric_stat else {
        return query.id.clone();
    };
    let metric = stat.metric.metric_name.clone().unwrap_or_default();
    let others: Vec<&MetricStat> = queries
        .iter()
        .filter(|other| other.id != query.id)
        .filter_map(|other| other.metric_stat.as_ref())
        .collect();
    let same_name = |other: &&&MetricStat| other.metric.metric_name == stat.metric.metric_name;
    let mut parts = Vec::new();
    let namesakes: Vec<&&MetricStat> = others.iter().filter(same_name).collect();
    if namesakes
        .iter()
        .any(|other| other.metric.dimensions != stat.metric.dimensions)
    {
        parts.extend(stat.metric.dimensions.iter().map(|each| each.value.clone()));
    }
    parts.push(metric);
    if namesakes
        .iter()
        .any(|other| other.metric == stat.metric && other.stat != stat.stat)
    {
        parts.push(stat.stat.clone());
    }
    parts.join(" ")
}

fn filled_in(label: &str, stat: Option<&MetricStat>, series: &Series) -> String {
    let mut text = String::new();
    let mut rest = label;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else {
            break;
        };
        text.push_str(before);
        match property(name, stat, series) {
            Some(value) => text.push_str(&value),
            None => text.extend(["${", name, "}"]),
        }
        rest = tail;
    }
    text.push_str(rest);
    text
}

fn property(name: &str, stat: Option<&MetricStat>, series: &Series) -> Option<String> {
    let values = || series.points.values().copied();
    let metric = stat.map(|stat| &stat.metric);
    match name {
        "LABEL" => metric?.metric_name.clone(),
        "PROP('MetricName')" => metric?.metric_name.clone(),
        "PROP('Namespace')" => metric?.namespace.clone(),
        "PROP('Stat')" => Some(stat?.stat.clone()),
        "PROP('Period')" => Some(series.period_s.to_string()),
        "LAST" => values().next_back().map(|value| value.to_string()),
        "FIRST" => values().next().map(|value| value.to_string()),
        "MAX" => values().reduce(f64::max).map(|value| value.to_string()),
        "MIN" => values().reduce(f64::min).map(|value| value.to_string()),
        "SUM" => Some(values().sum::<f64>().to_string()),
        "AVG" => {
            let count = series.points.len();
            (count > 0).then(|| (values().sum::<f64>() / count as f64).to_string())
        }
        "DATAPOINT_COUNT" => Some(series.points.len().to_string()),
        other => {
            let dimension = other.strip_prefix("PROP('Dim.")?.strip_suffix("')")?;
            let is_it = |each: &&Dimension| each.name == dimension;
            Some(metric?.dimensions.iter().find(is_it)?.value.clone())
        }
    }
}
