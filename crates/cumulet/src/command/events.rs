//! `cumulet events`: what happened to a stack, the newest last, as a person reads it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::deploy::paint_status;
use super::{Failure, Target};
use crate::cli::Events;
use crate::console::print;

pub(crate) async fn run(arguments: &Events) -> Result<(), Failure> {
    let target = Target::of(&arguments.target).await?;
    let mut input = json!({ "StackName": arguments.stack });
    let mut events = Vec::new();
    loop {
        let page = target
            .client
            .call("cloudformation", "DescribeStackEvents", input.clone())
            .await?;
        events.extend(page["StackEvents"].as_array().cloned().unwrap_or_default());
        match page.get("NextToken") {
            Some(token) => input["NextToken"] = token.clone(),
            None => break,
        }
    }
    events.reverse();
    if arguments.failed {
        let failed = |event: &Value| {
            let status = event["ResourceStatus"].as_str();
            status.is_some_and(|status| status.ends_with("_FAILED"))
        };
        events.retain(failed);
    }
    if arguments.json {
        print(&Value::Array(events).to_string());
    } else {
        events.iter().for_each(|event| print(&line(event)));
    }
    Ok(())
}

fn line(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let seconds = event["Timestamp"].as_f64().unwrap_or_default();
    let time = Timestamp::from_duration(jiff::SignedDuration::from_secs_f64(seconds));
    let time = time.map_or_else(|_| String::new(), |time| format!("{time:.3}"));
    let reason = text("ResourceStatusReason");
    let reason = if reason.is_empty() {
        String::new()
    } else {
        format!("\n      {reason}")
    };
    format!(
        "{time}  {:<32} {:<34} {}{reason}",
        text("LogicalResourceId"),
        text("ResourceType"),
        paint_status(text("ResourceStatus"))
    )
}
