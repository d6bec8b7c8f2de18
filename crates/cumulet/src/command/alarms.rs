//! `cumulet alarms`: how they stand, and how one came to stand so.

use serde_json::{Value, json};

use super::Failure;
use super::time::shown;
use crate::cli::Alarms;
use crate::client::{Client, Credentials};
use crate::console::{Colour, paint, print, say};

pub(crate) async fn run(arguments: &Alarms) -> Result<(), Failure> {
    let endpoint = &arguments.endpoint.endpoint;
    let client = Client::new(endpoint, Credentials::from_environment(), &arguments.region);
    let mut input = json!({ "AlarmTypes": ["MetricAlarm", "CompositeAlarm"] });
    if let Some(name) = &arguments.name {
        input["AlarmNames"] = json!([name]);
    }
    if let Some(state) = &arguments.state {
        input["StateValue"] = state.as_str().into();
    }
    let mut alarms = Vec::new();
    loop {
        let page = client
            .call("cloudwatch", "DescribeAlarms", input.clone())
            .await?;
        for list in ["MetricAlarms", "CompositeAlarms"] {
            alarms.extend(page[list].as_array().cloned().unwrap_or_default());
        }
        match page["NextToken"].as_str() {
            Some(token) => input["NextToken"] = token.into(),
            None => break,
        }
    }
    let history = match &arguments.name {
        Some(name) if alarms.is_empty() => {
            return Err(Failure::Failed(format!("there is no alarm {name}")));
        }
        Some(name) => history(&client, name).await?,
        None => Vec::new(),
    };
    if arguments.json {
        let told = match &arguments.name {
            Some(_) => json!({ "alarm": alarms.first(), "history": history }),
            None => alarms.into(),
        };
        print(&serde_json::to_string_pretty(&told).unwrap_or_default());
        return Ok(());
    }
    if alarms.is_empty() {
        say("there are no alarms");
    }
    alarms.iter().for_each(show);
    history.iter().for_each(show_history);
    Ok(())
}

async fn history(client: &Client, name: &str) -> Result<Vec<Value>, Failure> {
    let input = json!({ "AlarmName": name, "ScanBy": "TimestampAscending", "MaxRecords": 100 });
    let answer = client
        .call("cloudwatch", "DescribeAlarmHistory", input)
        .await?;
    let items = answer["AlarmHistoryItems"].as_array();
    Ok(items.cloned().unwrap_or_default())
}

fn show(alarm: &Value) {
    let text = |name: &str| alarm[name].as_str().unwrap_or_default();
    let colour = match text("StateValue") {
        "OK" => Colour::Green,
        "ALARM" => Colour::Red,
        _ => Colour::Yellow,
    };
    let state = paint(&format!("{:<17}", text("StateValue")), colour);
    print(&format!(
        "{state}  {}",
        paint(text("AlarmName"), Colour::Bold)
    ));
    print(&format!(
        "  {}  {}",
        time(&alarm["StateUpdatedTimestamp"]),
        text("StateReason")
    ));
}

fn show_history(item: &Value) {
    let text = |name: &str| item[name].as_str().unwrap_or_default();
    print(&format!(
        "  {}  {:<19}  {}",
        time(&item["Timestamp"]),
        text("HistoryItemType"),
        text("HistorySummary")
    ));
}

fn time(seconds: &Value) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "a time of our era")]
    let time_ms = (seconds.as_f64().unwrap_or_default() * 1000.0) as i64;
    shown(time_ms)
}
