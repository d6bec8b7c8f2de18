//! `cumulet trace`: the spans of a request, as a tree.

use serde_json::Value;

use super::Failure;
use crate::cli::Trace;
use crate::client::Client;
use crate::console::{Colour, paint, print};

pub(crate) async fn run(arguments: &Trace) -> Result<(), Failure> {
    let id = arguments.id.as_deref().unwrap_or("last");
    let found = Client::anonymous(&arguments.endpoint.endpoint)
        .get(&format!("/_cumulet/traces/{id}"))
        .await?;
    if arguments.json {
        print(&serde_json::to_string_pretty(&found).unwrap_or_default());
        return Ok(());
    }
    let spans = found["spans"].as_array().cloned().unwrap_or_default();
    if let Some(first) = spans.first() {
        print(&format!("trace {}", text(first, "trace_id")));
    }
    let known = |id: &Value| spans.iter().any(|span| span["span_id"] == *id);
    for root in spans.iter().filter(|span| !known(&span["parent_span_id"])) {
        show(root, &spans, 0);
    }
    Ok(())
}

fn show(span: &Value, spans: &[Value], depth: usize) {
    let indent = "  ".repeat(depth);
    let duration_us = span["end_us"].as_i64().unwrap_or(0) - span["start_us"].as_i64().unwrap_or(0);
    let error = span["error"]
        .as_str()
        .map(|code| format!("  {}", paint(code, Colour::Red)))
        .unwrap_or_default();
    print(&format!(
        "{:>9}.{:03} ms  {indent}{}{error}",
        duration_us / 1000,
        duration_us % 1000,
        text(span, "name")
    ));
    for (key, value) in span["attributes"].as_object().into_iter().flatten() {
        notes(key, value)
            .iter()
            .for_each(|note| print(&format!("{:>16}  {indent}  {note}", "")));
    }
    for child in spans
        .iter()
        .filter(|child| child["parent_span_id"] == span["span_id"])
    {
        show(child, spans, depth + 1);
    }
}

/// Decisions get a line each, other facts one together.
fn notes(key: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) if key == "decisions" => list.iter().map(decision).collect(),
        Value::String(text) => vec![format!("{key}: {text}")],
        other => vec![format!("{key}: {other}")],
    }
}

fn decision(decision: &Value) -> String {
    let verdict = text(decision, "verdict");
    let colour = if verdict == "allow" {
        Colour::Green
    } else {
        Colour::Red
    };
    let reason = decision["reason"]
        .as_str()
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    format!(
        "{} {} on {}{reason}",
        paint(&verdict, colour),
        text(decision, "action"),
        text(decision, "resource")
    )
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
