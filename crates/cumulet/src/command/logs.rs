//! `cumulet logs`: what functions and log groups say, then and now.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::Failure;
use super::time::{engine_now_ms, shown};
use crate::cli::Logs;
use crate::client::{Client, Credentials};
use crate::console::{Colour, paint, print, say};

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Events may arrive a little later than their own time says.
const LATE_MS: i64 = 10_000;

pub(crate) async fn run(arguments: &Logs) -> Result<(), Failure> {
    let endpoint = &arguments.endpoint.endpoint;
    let client = Client::new(endpoint, Credentials::from_environment(), &arguments.region);
    let Some(name) = &arguments.name else {
        return list(&client, arguments.json).await;
    };
    let group = group_of(&client, name).await?;
    let now_ms = engine_now_ms(endpoint).await?;
    let since_ms = i64::try_from(arguments.since.0).unwrap_or(i64::MAX);
    let mut tail = Tail {
        client,
        group,
        filter: arguments.filter.clone(),
        from_ms: now_ms.saturating_sub(since_ms).max(0),
        seen: HashSet::new(),
        json: arguments.json,
    };
    let shown = tail.show_new().await?;
    if !arguments.follow && shown == 0 {
        say("nothing was logged in that time; look further back with --since 1d");
    }
    while arguments.follow {
        tokio::time::sleep(LOOK_EVERY).await;
        tail.show_new().await?;
    }
    Ok(())
}

/// A log group by its own name, or that of a function.
async fn group_of(client: &Client, name: &str) -> Result<String, Failure> {
    if name.starts_with('/') {
        return Ok(name.to_owned());
    }
    let asked = json!({ "FunctionName": name });
    let known = client
        .call("lambda", "GetFunctionConfiguration", asked)
        .await;
    let group = known.ok().and_then(|function| {
        let group = function["LoggingConfig"]["LogGroup"].as_str();
        group.map(str::to_owned)
    });
    Ok(group.unwrap_or_else(|| name.to_owned()))
}

async fn list(client: &Client, as_json: bool) -> Result<(), Failure> {
    let mut groups = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut input = json!({});
        if token.is_string() {
            input["nextToken"] = token;
        }
        let page = client.call("logs", "DescribeLogGroups", input).await?;
        groups.extend(page["logGroups"].as_array().cloned().unwrap_or_default());
        token = page["nextToken"].clone();
        if !token.is_string() {
            break;
        }
    }
    if as_json {
        print(&serde_json::to_string_pretty(&groups).unwrap_or_default());
        return Ok(());
    }
    if groups.is_empty() {
        say("there are no log groups");
    }
    for group in groups {
        let retention = match group["retentionInDays"].as_u64() {
            Some(days) => format!("kept {days} days"),
            None => "kept for ever".to_owned(),
        };
        let bytes = group["storedBytes"].as_u64().unwrap_or_default();
        let name = group["logGroupName"].as_str().unwrap_or_default();
        print(&format!("{bytes:>12} bytes  {retention:<16}  {name}"));
    }
    Ok(())
}

/// A place in a log group from which to read on.
struct Tail {
    client: Client,
    group: String,
    filter: Option<String>,
    from_ms: i64,
    /// Events that were shown and lie behind `from_ms`.
    seen: HashSet<String>,
    json: bool,
}

impl Tail {
    /// Shows what came since the last look; how many events.
    async fn show_new(&mut self) -> Result<usize, Failure> {
        let mut token = Value::Null;
        let mut latest_ms = self.from_ms;
        let mut count = 0;
        loop {
            let mut input = json!({ "logGroupName": self.group, "startTime": self.from_ms });
            if let Some(filter) = &self.filter {
                input["filterPattern"] = filter.as_str().into();
            }
            if token.is_string() {
                input["nextToken"] = token;
            }
            let page = self.client.call("logs", "FilterLogEvents", input).await?;
            for event in page["events"].as_array().into_iter().flatten() {
                let id = event["eventId"].as_str().unwrap_or_default();
                if self.seen.insert(id.to_owned()) {
                    self.show(event);
                    count += 1;
                }
                latest_ms = latest_ms.max(event["timestamp"].as_i64().unwrap_or_default());
            }
            token = page["nextToken"].clone();
            if !token.is_string() {
                break;
            }
        }
        self.forget_before(latest_ms - LATE_MS);
        Ok(count)
    }

    /// An event's id begins with its time.
    fn forget_before(&mut self, time_ms: i64) {
        self.from_ms = self.from_ms.max(time_ms);
        let from = format!("{:028}", self.from_ms);
        self.seen.retain(|id| id.as_str() >= from.as_str());
    }

    fn show(&self, event: &Value) {
        if self.json {
            print(&event.to_string());
            return;
        }
        let message = event["message"].as_str().unwrap_or_default().trim_end();
        let time = shown(event["timestamp"].as_i64().unwrap_or_default());
        print(&format!(
            "{}  {}",
            paint(&time, Colour::Faint),
            coloured(message)
        ));
    }
}

/// Platform lines step back, failures stand out.
fn coloured(message: &str) -> String {
    let platform = [
        "START RequestId:",
        "END RequestId:",
        "REPORT RequestId:",
        "INIT_START ",
    ];
    let failures = ["ERROR", "Traceback", "Task timed out", "panicked at"];
    if platform.iter().any(|begin| message.starts_with(begin)) {
        return paint(message, Colour::Faint);
    }
    if failures.iter().any(|word| message.contains(word)) {
        return paint(message, Colour::Red);
    }
    message.to_owned()
}
