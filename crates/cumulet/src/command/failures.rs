//! Why a deployment failed, in the order a person needs it: the resource, its reason, what its function said last,
//! and the next command.

use serde_json::{Value, json};

use super::Failure;
use crate::client::Client;

const LINES_SHOWN: usize = 8;

/// The failure of a stack that ended in `status`.
pub(super) async fn explain(
    client: &Client,
    stack: &str,
    status: &str,
) -> Result<Failure, Failure> {
    let input = json!({ "StackName": stack });
    let answer = client
        .call("cloudformation", "DescribeStackEvents", input)
        .await?;
    let events = answer["StackEvents"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let Some(event) = first_failure(&events) else {
        return Ok(Failure::Failed(format!(
            "{stack} ended in {status}\nsee what happened with: cumulet events {stack}"
        )));
    };
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let mut told = format!(
        "{stack} ended in {status}\n  {} ({}): {}",
        text("LogicalResourceId"),
        text("ResourceType"),
        text("ResourceStatusReason")
    );
    for line in last_lines(client, event).await {
        told.push_str("\n    | ");
        told.push_str(&line);
    }
    if text("ResourceStatusReason").contains("is not authorized to perform") {
        told.push_str("\nwhat was denied, and by which statement: cumulet trace --last");
    }
    told.push_str(&format!("\nall that happened: cumulet events {stack}"));
    Ok(Failure::Failed(told))
}

/// Newest first: the first failure is the last one here that is not a consequence of another.
fn first_failure(events: &[Value]) -> Option<&Value> {
    let operation = events.first()?.get("OperationId");
    events.iter().rev().find(|event| {
        let failed = event["ResourceStatus"]
            .as_str()
            .is_some_and(|status| status.ends_with("_FAILED"));
        let reason = event["ResourceStatusReason"].as_str().unwrap_or_default();
        failed && event.get("OperationId") == operation && !reason.ends_with(" cancelled")
    })
}

/// The last lines of the function that a custom resource is made by.
async fn last_lines(client: &Client, event: &Value) -> Vec<String> {
    let properties = event["ResourceProperties"].as_str().unwrap_or_default();
    let properties: Value = serde_json::from_str(properties).unwrap_or_default();
    let Some(function) = properties["ServiceToken"].as_str() else {
        return Vec::new();
    };
    let input = json!({ "FunctionName": function });
    let configuration = client
        .call("lambda", "GetFunctionConfiguration", input)
        .await;
    let group = configuration.ok().and_then(|configuration| {
        Some(
            configuration
                .pointer("/LoggingConfig/LogGroup")?
                .as_str()?
                .to_owned(),
        )
    });
    let Some(group) = group else {
        return Vec::new();
    };
    let input = json!({ "logGroupName": group });
    let found = client.call("logs", "FilterLogEvents", input).await;
    let events = found.map_or(Value::Null, |answer| answer["events"].clone());
    let lines = events.as_array().into_iter().flatten();
    let mut lines: Vec<String> = lines
        .filter_map(|event| event["message"].as_str())
        .map(|message| message.trim_end().to_owned())
        .collect();
    lines.split_off(lines.len().saturating_sub(LINES_SHOWN))
}
