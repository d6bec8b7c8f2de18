//! The embedded metric format: log events that say which of their members are metrics.
//!
//! An event whose `_aws` member is well formed publishes; one that is not is a log event and nothing
//! else, and is counted in AWS/Logs as a validation error.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use cumulet_cloudwatch as cloudwatch;
use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_engine::meter::Owner;
use cumulet_kernel::{Timestamp, Tx};
use serde_json::{Map, Value};

const METRICS_MAX: usize = 100;
const VALUES_MAX: usize = 100;
const DIMENSIONS_MAX: usize = 30;

/// Publishes the metrics that are embedded in events just stored; how many events were malformed.
pub(super) fn publish(tx: &mut Tx<'_>, context: &Context, events: &[(i64, &str)]) -> Result<usize> {
    let mut malformed = 0;
    for (_, message) in events {
        let Some(document) = embedded(message) else {
            continue;
        };
        match metrics(&document) {
            Some(metrics) => {
                for metric in &metrics {
                    record(tx, context, metric)?;
                }
            }
            None => malformed += 1,
        }
    }
    Ok(malformed)
}

/// The event as a document, where it claims to hold metrics.
fn embedded(message: &str) -> Option<Map<String, Value>> {
    let message = message.trim();
    if !message.starts_with('{') || !message.contains("\"_aws\"") {
        return None;
    }
    let document: Map<String, Value> = serde_json::from_str(message).ok()?;
    document
        .get("_aws")?
        .get("CloudWatchMetrics")
        .is_some()
        .then_some(document)
}

#[derive(Debug, PartialEq)]
struct Metric<'d> {
    namespace: &'d str,
    name: &'d str,
    unit: &'d str,
    resolution_s: u32,
    at: Timestamp,
    dimensions: Vec<(&'d str, &'d str)>,
    values: Vec<f64>,
}

/// All metrics of an event; `None` where any part of it is not as the specification says.
fn metrics(document: &Map<String, Value>) -> Option<Vec<Metric<'_>>> {
    let metadata = document.get("_aws")?;
    let at = Timestamp(metadata.get("Timestamp")?.as_i64()?);
    let mut found = Vec::new();
    for directive in metadata.get("CloudWatchMetrics")?.as_array()? {
        let namespace = directive.get("Namespace")?.as_str()?;
        let sets = dimension_sets(document, directive)?;
        let definitions = directive.get("Metrics")?.as_array()?;
        if definitions.len() > METRICS_MAX {
            return None;
        }
        for definition in definitions {
            let name = definition.get("Name")?.as_str()?;
            let text = |member: &str, default| match definition.get(member) {
                None => Some(default),
                Some(value) => value.as_str(),
            };
            let resolution_s = match definition.get("StorageResolution").map(Value::as_u64) {
                None | Some(Some(60)) => 60,
                Some(Some(1)) => 1,
                Some(_) => return None,
            };
            let values = values(document.get(name)?)?;
            let unit = text("Unit", "None")?;
            found.extend(sets.iter().map(|dimensions| Metric {
                namespace,
                name,
                unit,
                resolution_s,
                at,
                dimensions: dimensions.clone(),
                values: values.clone(),
            }));
        }
    }
    Some(found)
}

/// Each set of dimensions with the values that the event gives them.
fn dimension_sets<'d>(
    document: &'d Map<String, Value>,
    directive: &'d Value,
) -> Option<Vec<Vec<(&'d str, &'d str)>>> {
    let Some(sets) = directive.get("Dimensions") else {
        return Some(vec![Vec::new()]);
    };
    let set = |names: &'d Value| -> Option<Vec<(&'d str, &'d str)>> {
        let names = names
            .as_array()
            .filter(|names| names.len() <= DIMENSIONS_MAX)?;
        let pair =
            |name: &'d Value| Some((name.as_str()?, document.get(name.as_str()?)?.as_str()?));
        names.iter().map(pair).collect()
    };
    sets.as_array()?.iter().map(set).collect()
}

/// A number, or several.
fn values(value: &Value) -> Option<Vec<f64>> {
    match value {
        Value::Number(number) => Some(vec![number.as_f64()?]),
        Value::Array(numbers) if numbers.len() <= VALUES_MAX => {
            numbers.iter().map(Value::as_f64).collect()
        }
        _ => None,
    }
}

fn record(tx: &mut Tx<'_>, context: &Context, metric: &Metric<'_>) -> Result<()> {
    let owner = Owner {
        account: &context.account,
        region: &context.region,
    };
    let datum = cloudwatch::Datum {
        namespace: metric.namespace,
        metric: metric.name,
        dimensions: &metric.dimensions,
        at: metric.at,
        resolution_s: metric.resolution_s,
        unit: metric.unit,
        values: &metric.values,
    };
    cloudwatch::record_datum(tx, owner, context.now, &datum)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's specification.
    const EXAMPLE: &str = r#"{
        "_aws": { "Timestamp": 1574109732004, "CloudWatchMetrics": [ {
            "Namespace": "lambda-function-metrics",
            "Dimensions": [["functionVersion"]],
            "Metrics": [ { "Name": "time", "Unit": "Milliseconds", "StorageResolution": 60 } ] } ] },
        "functionVersion": "$LATEST", "time": 100, "requestId": "989ffbf8-9ace-4817-a57c-e4dd734019ee" }"#;

    #[test]
    fn the_specifications_example_is_one_metric() {
        let document = embedded(EXAMPLE).expect("it has metrics");
        let expected = Metric {
            namespace: "lambda-function-metrics",
            name: "time",
            unit: "Milliseconds",
            resolution_s: 60,
            at: Timestamp(1_574_109_732_004),
            dimensions: vec![("functionVersion", "$LATEST")],
            values: vec![100.0],
        };
        assert_eq!(metrics(&document), Some(vec![expected]));
    }

    #[test]
    fn what_is_not_as_specified_publishes_nothing() {
        let broken = [
            EXAMPLE.replace("1574109732004", "\"soon\""),
            EXAMPLE.replace("\"functionVersion\": \"$LATEST\",", ""),
            EXAMPLE.replace("\"time\": 100", "\"time\": \"100\""),
            EXAMPLE.replace("60 }", "5 }"),
        ];
        for text in broken {
            let document = embedded(&text).expect("it claims to have metrics");
            assert_eq!(metrics(&document), None, "{text}");
        }
        assert!(embedded("{\"_aws\": 1}").is_none());
        assert!(embedded("plain text with \"_aws\"").is_none());
    }

    #[test]
    fn every_set_of_dimensions_makes_a_metric_of_its_own() {
        let text = EXAMPLE
            .replace("[[\"functionVersion\"]]", "[[], [\"functionVersion\"]]")
            .replace("\"time\": 100", "\"time\": [1, 2.5]");
        let document = embedded(&text).expect("metrics");
        let metrics = metrics(&document).expect("well formed");
        assert_eq!(metrics.len(), 2);
        assert!(metrics.iter().all(|metric| metric.values == [1.0, 2.5]));
    }
}
