//! `cumulet clock`: what time it is for the engine, and moving it.

use serde_json::{Value, json};

use super::Failure;
use crate::cli::{Clock, ClockAction};
use crate::client::{Client, Credentials};
use crate::console::{Colour, paint, print};

const PATH: &str = "/_cumulet/clock";

pub(crate) async fn run(arguments: &Clock) -> Result<(), Failure> {
    let change = match &arguments.action {
        ClockAction::Show => None,
        ClockAction::Advance { by } => Some(json!({ "action": "advance", "byMs": by.0 })),
        ClockAction::Set { to } => Some(json!({ "action": "set", "toMs": to.0 })),
        ClockAction::Freeze => Some(json!({ "action": "freeze" })),
        ClockAction::Resume => Some(json!({ "action": "resume" })),
    };
    let endpoint = &arguments.endpoint.endpoint;
    let answer = match change {
        None => Client::anonymous(endpoint).get(PATH).await?,
        Some(change) => {
            let client = Client::new(endpoint, Credentials::from_environment(), &arguments.region);
            client.post("cumulet", PATH, &change).await?
        }
    };
    if arguments.json {
        print(&serde_json::to_string_pretty(&answer).unwrap_or_default());
    } else {
        show(&answer);
    }
    Ok(())
}

fn show(answer: &Value) {
    for fired in answer["fired"].as_array().into_iter().flatten() {
        let text = |name: &str| fired[name].as_str().unwrap_or_default();
        let error = fired["error"]
            .as_str()
            .map(|code| format!("  {}", paint(code, Colour::Red)));
        let when = date(fired["dueMs"].as_i64().unwrap_or_default());
        print(&format!(
            "{when}  {}  {}{}",
            text("event"),
            text("subject"),
            error.unwrap_or_default()
        ));
    }
    let now = date(answer["nowMs"].as_i64().unwrap_or_default());
    let ahead_s = answer["aheadMs"].as_i64().unwrap_or_default() / 1000;
    let ahead = match ahead_s {
        -1..=1 => "wall time".to_owned(),
        ..-1 => format!("{} behind wall time", spelled(-ahead_s)),
        _ => format!("{} ahead of wall time", spelled(ahead_s)),
    };
    let frozen = if answer["frozen"] == json!(true) {
        ", frozen"
    } else {
        ""
    };
    print(&format!("{}  {ahead}{frozen}", paint(&now, Colour::Bold)));
}

/// `31d 4h 0m 10s`, without what is zero.
fn spelled(seconds: i64) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    parts
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// `2026-11-21 08:40:34` in UTC, by the civil calendar.
fn date(milliseconds: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%SZ")
        .to_string()
}
