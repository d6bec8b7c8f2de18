//! `cumulet metrics`: which metrics there are, and what one of them was.

use serde_json::{Value, json};

use super::Failure;
use super::time::{engine_now_ms, shown};
use crate::cli::Metrics;
use crate::client::{Client, Credentials};
use crate::console::{Colour, paint, print, say};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub(crate) async fn run(arguments: &Metrics) -> Result<(), Failure> {
    let endpoint = &arguments.endpoint.endpoint;
    let client = Client::new(endpoint, Credentials::from_environment(), &arguments.region);
    let found = listed(&client, arguments).await?;
    if arguments.metric.is_none() {
        return show_list(&found, arguments.json);
    }
    let now_ms = engine_now_ms(endpoint).await?;
    let since_ms = i64::try_from(arguments.since.0).unwrap_or(i64::MAX);
    let window_s = ((now_ms - since_ms) as f64 / 1000.0, now_ms as f64 / 1000.0);
    let mut all = Vec::new();
    for metric in &found {
        let points = points(&client, arguments, metric, window_s).await?;
        if !points.is_empty() {
            all.push((metric, points));
        }
    }
    if arguments.json {
        let told = all.iter().map(|(metric, points)| {
            json!({ "metric": metric, "statistic": arguments.stat, "points": points })
        });
        print(&serde_json::to_string_pretty(&told.collect::<Vec<_>>()).unwrap_or_default());
        return Ok(());
    }
    if all.is_empty() {
        say("no values in that time; look further back with --since 1d");
    }
    for (metric, points) in &all {
        show_points(metric, arguments, points);
    }
    Ok(())
}

async fn listed(client: &Client, arguments: &Metrics) -> Result<Vec<Value>, Failure> {
    let mut input = json!({});
    if let Some(namespace) = &arguments.namespace {
        input["Namespace"] = namespace.as_str().into();
    }
    if let Some(metric) = &arguments.metric {
        input["MetricName"] = metric.as_str().into();
    }
    let dimensions = arguments.dimension.iter();
    let dimensions = dimensions.map(|(name, value)| json!({ "Name": name, "Value": value }));
    let dimensions: Vec<Value> = dimensions.collect();
    if !dimensions.is_empty() {
        input["Dimensions"] = dimensions.into();
    }
    let mut found = Vec::new();
    loop {
        let page = client
            .call("cloudwatch", "ListMetrics", input.clone())
            .await?;
        found.extend(page["Metrics"].as_array().cloned().unwrap_or_default());
        match page["NextToken"].as_str() {
            Some(token) => input["NextToken"] = token.into(),
            None => return Ok(found),
        }
    }
}

fn show_list(found: &[Value], as_json: bool) -> Result<(), Failure> {
    if as_json {
        print(&serde_json::to_string_pretty(found).unwrap_or_default());
        return Ok(());
    }
    if found.is_empty() {
        say("there are no metrics");
    }
    let mut lines: Vec<String> = found.iter().map(named).collect();
    lines.sort();
    lines.iter().for_each(|line| print(line));
    Ok(())
}

/// `AWS/Lambda  Errors  FunctionName=x`.
fn named(metric: &Value) -> String {
    let text = |name: &str| metric[name].as_str().unwrap_or_default();
    let dimension = |each: &Value| {
        let text = |name: &str| each[name].as_str().unwrap_or_default().to_owned();
        format!("{}={}", text("Name"), text("Value"))
    };
    let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
    let dimensions: Vec<String> = dimensions.map(dimension).collect();
    let line = format!(
        "{}  {}  {}",
        text("Namespace"),
        text("MetricName"),
        dimensions.join(" ")
    );
    line.trim_end().to_owned()
}

/// Time in seconds and value, the oldest first.
async fn points(
    client: &Client,
    arguments: &Metrics,
    metric: &Value,
    (start_s, end_s): (f64, f64),
) -> Result<Vec<(f64, f64)>, Failure> {
    let stat = json!({ "Metric": metric, "Period": arguments.period, "Stat": arguments.stat });
    let input = json!({
        "MetricDataQueries": [{ "Id": "m", "MetricStat": stat }],
        "StartTime": start_s,
        "EndTime": end_s,
        "ScanBy": "TimestampAscending",
    });
    let answer = client.call("cloudwatch", "GetMetricData", input).await?;
    let result = &answer["MetricDataResults"][0];
    let numbers = |name: &str| {
        let list = result[name].as_array().into_iter().flatten();
        list.filter_map(Value::as_f64).collect::<Vec<f64>>()
    };
    Ok(numbers("Timestamps")
        .into_iter()
        .zip(numbers("Values"))
        .collect())
}

fn show_points(metric: &Value, arguments: &Metrics, points: &[(f64, f64)]) {
    print(&format!(
        "{}  {}",
        paint(&named(metric), Colour::Bold),
        arguments.stat
    ));
    print(&format!("  {}", line(points)));
    for (at_s, value) in points {
        #[expect(clippy::cast_possible_truncation, reason = "a time of our era")]
        let time = shown((at_s * 1000.0) as i64);
        print(&format!("  {time}  {value}"));
    }
}

/// The values as a row of bars.
fn line(points: &[(f64, f64)]) -> String {
    let greatest = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let bar = |(_, value): &(f64, f64)| {
        let share = if greatest > 0.0 {
            value / greatest
        } else {
            0.0
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between zero and seven"
        )]
        let at = (share.clamp(0.0, 1.0) * 7.0).round() as usize;
        BARS.get(at).copied().unwrap_or('█')
    };
    points.iter().map(bar).collect()
}
