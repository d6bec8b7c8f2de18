//! CloudFormation's types of CloudWatch Logs.

use cumulet_engine::arn;
use cumulet_engine::error::Result;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall};
use serde_json::{Value, json};

pub(crate) fn resource_types() -> Vec<Provider> {
    vec![
        Provider::new(
            "AWS::Logs::LogGroup",
            &[
                "DeletionProtectionEnabled",
                "KmsKeyId",
                "LogGroupClass",
                "LogGroupName",
                "RetentionInDays",
                "Tags",
            ],
            create,
            update,
            delete,
        ),
        Provider::new(
            "AWS::Logs::LogStream",
            &["LogGroupName", "LogStreamName"],
            create_stream,
            unchanging,
            delete_stream,
        ),
        Provider::new(
            "AWS::Logs::MetricFilter",
            &[
                "FilterName",
                "FilterPattern",
                "LogGroupName",
                "MetricTransformations",
            ],
            create_metric_filter,
            put_metric_filter,
            delete_metric_filter,
        ),
        Provider::new(
            "AWS::Logs::SubscriptionFilter",
            &[
                "DestinationArn",
                "Distribution",
                "FilterName",
                "FilterPattern",
                "LogGroupName",
                "RoleArn",
            ],
            create_subscription_filter,
            put_subscription_filter,
            delete_subscription_filter,
        ),
        Provider::new(
            "AWS::Logs::QueryDefinition",
            &["LogGroupNames", "Name", "QueryString"],
            create_query_definition,
            put_query_definition,
            delete_query_definition,
        ),
    ]
}

fn create(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("LogGroupName", 512);
    let mut input = json!({ "logGroupName": name, "tags": call.tag_map() });
    for (property, member) in [
        ("KmsKeyId", "kmsKeyId"),
        ("LogGroupClass", "logGroupClass"),
        ("DeletionProtectionEnabled", "deletionProtectionEnabled"),
    ] {
        if let Some(value) = call.property(property) {
            input[member] = value.clone();
        }
    }
    call.call("logs", "CreateLogGroup", input)?;
    call.attribute("Arn", format!("{}:*", group_arn(call, &name)));
    call.identify(name);
    retain(call)?;
    Ok(Outcome::Done)
}

fn group_arn(call: &ResourceCall<'_, '_>, name: &str) -> String {
    arn::regional(call.context, "logs", format!("log-group:{name}"))
}

fn on_group(call: &mut ResourceCall<'_, '_>, operation: &str, mut input: Value) -> Result<()> {
    input["logGroupName"] = call.physical_id.as_str().into();
    call.call("logs", operation, input).map(drop)
}

fn retain(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    match call.property("RetentionInDays").cloned() {
        Some(days) => on_group(
            call,
            "PutRetentionPolicy",
            json!({ "retentionInDays": days }),
        ),
        None if call.old_properties.get("RetentionInDays").is_some() => {
            on_group(call, "DeleteRetentionPolicy", json!({}))
        }
        None => Ok(()),
    }
}

fn update(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    if call.changed("RetentionInDays") {
        retain(call)?;
    }
    if call.changed("KmsKeyId") {
        match call.property("KmsKeyId").cloned() {
            Some(key) => on_group(call, "AssociateKmsKey", json!({ "kmsKeyId": key }))?,
            None => on_group(call, "DisassociateKmsKey", json!({}))?,
        }
    }
    if call.changed("DeletionProtectionEnabled") {
        let wanted = call.property("DeletionProtectionEnabled") == Some(&true.into());
        let input = json!({
            "logGroupIdentifier": call.physical_id,
            "deletionProtectionEnabled": wanted,
        });
        call.call("logs", "PutLogGroupDeletionProtection", input)?;
    }
    retag(call)?;
    Ok(Outcome::Done)
}

fn retag(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    let (set, gone) = call.tag_changes();
    let resource_arn = group_arn(call, &call.physical_id);
    if !gone.is_empty() {
        let input = json!({ "resourceArn": resource_arn, "tagKeys": gone });
        call.call("logs", "UntagResource", input)?;
    }
    if !set.is_empty() {
        let tags: serde_json::Map<String, Value> = set
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect();
        let input = json!({ "resourceArn": resource_arn, "tags": tags });
        call.call("logs", "TagResource", input)?;
    }
    Ok(())
}

fn delete(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "logGroupName": call.physical_id });
    call.call_unless_absent("logs", "DeleteLogGroup", input)?;
    Ok(Outcome::Done)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one signature for all handlers of a provider"
)]
fn unchanging(_call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    Ok(Outcome::Done)
}

fn create_stream(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("LogStreamName", 512);
    let input = json!({ "logGroupName": call.text("LogGroupName"), "logStreamName": name });
    call.call("logs", "CreateLogStream", input)?;
    call.identify(name);
    Ok(Outcome::Done)
}

fn delete_stream(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let group = call.text("LogGroupName");
    let input = json!({ "logGroupName": group, "logStreamName": call.physical_id });
    call.call_unless_absent("logs", "DeleteLogStream", input)?;
    Ok(Outcome::Done)
}

fn create_metric_filter(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("FilterName", 512);
    call.identify(name);
    put_metric_filter(call)
}

fn put_metric_filter(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let transformations = call.property("MetricTransformations").cloned();
    let transformations = transformations.unwrap_or_default();
    let listed = transformations.as_array().into_iter().flatten();
    let input = json!({
        "logGroupName": call.text("LogGroupName"),
        "filterName": call.physical_id,
        "filterPattern": call.text("FilterPattern"),
        "metricTransformations": listed.map(transformation).collect::<Vec<_>>(),
    });
    call.call("logs", "PutMetricFilter", input)?;
    Ok(Outcome::Done)
}

/// The template lists dimensions; the operation takes a map.
fn transformation(given: &Value) -> Value {
    let mut shown = json!({});
    for (property, member) in [
        ("MetricName", "metricName"),
        ("MetricNamespace", "metricNamespace"),
        ("MetricValue", "metricValue"),
        ("DefaultValue", "defaultValue"),
        ("Unit", "unit"),
    ] {
        if let Some(value) = given.get(property) {
            shown[member] = value.clone();
        }
    }
    if let Some(dimensions) = given.get("Dimensions").and_then(Value::as_array) {
        let pair = |dimension: &Value| {
            let key = dimension["Key"].as_str().unwrap_or_default().to_owned();
            (key, dimension["Value"].clone())
        };
        shown["dimensions"] = Value::Object(dimensions.iter().map(pair).collect());
    }
    shown
}

fn delete_metric_filter(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    delete_filter(call, "DeleteMetricFilter")
}

fn delete_filter(call: &mut ResourceCall<'_, '_>, operation: &str) -> Result<Outcome> {
    let group = call.text("LogGroupName");
    let input = json!({ "logGroupName": group, "filterName": call.physical_id });
    call.call_unless_absent("logs", operation, input)?;
    Ok(Outcome::Done)
}

fn create_subscription_filter(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("FilterName", 512);
    call.identify(name);
    put_subscription_filter(call)
}

fn put_subscription_filter(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = json!({
        "logGroupName": call.text("LogGroupName"),
        "filterName": call.physical_id,
        "filterPattern": call.text("FilterPattern"),
        "destinationArn": call.text("DestinationArn"),
    });
    for (property, member) in [("RoleArn", "roleArn"), ("Distribution", "distribution")] {
        if let Some(value) = call.property(property) {
            input[member] = value.clone();
        }
    }
    call.call("logs", "PutSubscriptionFilter", input)?;
    Ok(Outcome::Done)
}

fn delete_subscription_filter(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    delete_filter(call, "DeleteSubscriptionFilter")
}

fn create_query_definition(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let answer = call.call("logs", "PutQueryDefinition", definition(call))?;
    let id = answer["queryDefinitionId"].as_str().unwrap_or_default();
    call.identify(id);
    call.attribute("QueryDefinitionId", id);
    Ok(Outcome::Done)
}

fn definition(call: &ResourceCall<'_, '_>) -> Value {
    let mut input = json!({ "name": call.text("Name"), "queryString": call.text("QueryString") });
    if let Some(groups) = call.property("LogGroupNames") {
        input["logGroupNames"] = groups.clone();
    }
    input
}

fn put_query_definition(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = definition(call);
    input["queryDefinitionId"] = call.physical_id.as_str().into();
    call.call("logs", "PutQueryDefinition", input)?;
    Ok(Outcome::Done)
}

fn delete_query_definition(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "queryDefinitionId": call.physical_id });
    call.call_unless_absent("logs", "DeleteQueryDefinition", input)?;
    Ok(Outcome::Done)
}
