//! CloudFormation's types of CloudWatch.

use cumulet_engine::arn;
use cumulet_engine::error::Result;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall};
use serde_json::{Map, Value, json};

const METRIC_PROPERTIES: [&str; 19] = [
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "InsufficientDataActions",
    "MetricName",
    "Metrics",
    "Namespace",
    "OKActions",
    "Period",
    "Statistic",
    "Threshold",
    "TreatMissingData",
    "Unit",
];
const COMPOSITE_PROPERTIES: [&str; 9] = [
    "ActionsEnabled",
    "ActionsSuppressor",
    "ActionsSuppressorExtensionPeriod",
    "ActionsSuppressorWaitPeriod",
    "AlarmActions",
    "AlarmDescription",
    "AlarmRule",
    "InsufficientDataActions",
    "OKActions",
];

pub(crate) fn resource_types() -> Vec<Provider> {
    vec![
        Provider::new(
            "AWS::CloudWatch::Dashboard",
            &["DashboardBody", "DashboardName"],
            create_dashboard,
            put_dashboard,
            delete_dashboard,
        ),
        Provider::new(
            "AWS::CloudWatch::Alarm",
            &[
                "ActionsEnabled",
                "AlarmActions",
                "AlarmDescription",
                "AlarmName",
                "ComparisonOperator",
                "DatapointsToAlarm",
                "Dimensions",
                "EvaluateLowSampleCountPercentile",
                "EvaluationPeriods",
                "ExtendedStatistic",
                "InsufficientDataActions",
                "MetricName",
                "Metrics",
                "Namespace",
                "OKActions",
                "Period",
                "Statistic",
                "Tags",
                "Threshold",
                "ThresholdMetricId",
                "TreatMissingData",
                "Unit",
            ],
            |call| create(call, "PutMetricAlarm"),
            |call| update(call, "PutMetricAlarm"),
            delete,
        ),
        Provider::new(
            "AWS::CloudWatch::CompositeAlarm",
            &[
                "ActionsEnabled",
                "ActionsSuppressor",
                "ActionsSuppressorExtensionPeriod",
                "ActionsSuppressorWaitPeriod",
                "AlarmActions",
                "AlarmDescription",
                "AlarmName",
                "AlarmRule",
                "InsufficientDataActions",
                "OKActions",
                "Tags",
            ],
            |call| create(call, "PutCompositeAlarm"),
            |call| update(call, "PutCompositeAlarm"),
            delete,
        ),
    ]
}

fn create(call: &mut ResourceCall<'_, '_>, operation: &str) -> Result<Outcome> {
    let name = call.name("AlarmName", 255);
    let tags = tags(call.tags());
    put(call, operation, &name, Some(tags))?;
    call.attribute(
        "Arn",
        arn::regional(call.context, "cloudwatch", format!("alarm:{name}")),
    );
    call.identify(name);
    Ok(Outcome::Done)
}

fn put(
    call: &mut ResourceCall<'_, '_>,
    operation: &str,
    name: &str,
    tags: Option<Value>,
) -> Result<()> {
    let properties: &[&str] = if operation == "PutMetricAlarm" {
        &METRIC_PROPERTIES
    } else {
        &COMPOSITE_PROPERTIES
    };
    let mut input = call.pick(properties);
    if let Some(metric_id) = call.property("ThresholdMetricId") {
        input.insert("ThresholdMetricId".into(), metric_id.clone());
    }
    typed(&mut input);
    input.insert("AlarmName".into(), name.into());
    if let Some(tags) = tags {
        input.insert("Tags".into(), tags);
    }
    call.call("cloudwatch", operation, Value::Object(input))
        .map(drop)
}

/// Templates may write numbers and truths as text.
fn typed(members: &mut Map<String, Value>) {
    for (name, value) in members.iter_mut() {
        match (name.as_str(), &mut *value) {
            ("Metrics", Value::Array(queries)) => queries.iter_mut().for_each(typed_in),
            ("MetricStat", stat) => typed_in(stat),
            (
                "Period" | "EvaluationPeriods" | "DatapointsToAlarm" | "Threshold",
                Value::String(text),
            ) => {
                if let Ok(number) = serde_json::from_str::<serde_json::Number>(text.trim()) {
                    *value = Value::Number(number);
                }
            }
            ("ActionsEnabled" | "ReturnData", Value::String(text)) => {
                let truth = text.eq_ignore_ascii_case("true");
                *value = truth.into();
            }
            _ => {}
        }
    }
}

fn typed_in(value: &mut Value) {
    if let Value::Object(members) = value {
        typed(members);
    }
}

fn tags(tags: Vec<(String, String)>) -> Value {
    tags.into_iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect()
}

fn update(call: &mut ResourceCall<'_, '_>, operation: &str) -> Result<Outcome> {
    let name = call.physical_id.clone();
    put(call, operation, &name, None)?;
    let resource_arn = arn::regional(call.context, "cloudwatch", format!("alarm:{name}"));
    let (set, gone) = call.tag_changes();
    if !gone.is_empty() {
        let input = json!({ "ResourceARN": resource_arn, "TagKeys": gone });
        call.call("cloudwatch", "UntagResource", input)?;
    }
    if !set.is_empty() {
        let input = json!({ "ResourceARN": resource_arn, "Tags": tags(set) });
        call.call("cloudwatch", "TagResource", input)?;
    }
    call.attribute("Arn", resource_arn);
    Ok(Outcome::Done)
}

fn delete(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "AlarmNames": [call.physical_id] });
    call.call_unless_absent("cloudwatch", "DeleteAlarms", input)?;
    Ok(Outcome::Done)
}

fn create_dashboard(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("DashboardName", 255);
    call.identify(name);
    put_dashboard(call)
}

fn put_dashboard(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let body = call.text("DashboardBody");
    let input = json!({ "DashboardName": call.physical_id, "DashboardBody": body });
    call.call("cloudwatch", "PutDashboard", input)?;
    Ok(Outcome::Done)
}

fn delete_dashboard(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "DashboardNames": [call.physical_id] });
    call.call_unless_absent("cloudwatch", "DeleteDashboards", input)?;
    Ok(Outcome::Done)
}
