//! `cumulet why`: the decisions of one request, each with the policies that had a say.

use serde_json::Value;

use super::Failure;
use crate::cli::Why;
use crate::client::Client;
use crate::console::{Colour, paint, print};

pub(crate) async fn run(arguments: &Why) -> Result<(), Failure> {
    let id = arguments.id.as_deref().unwrap_or("last");
    let found = Client::anonymous(&arguments.endpoint.endpoint)
        .get(&format!("/_cumulet/traces/{id}"))
        .await?;
    let decisions = decisions(&found, arguments.id.as_deref());
    if arguments.json {
        print(&serde_json::to_string_pretty(&decisions).unwrap_or_default());
        return Ok(());
    }
    if decisions.is_empty() {
        print(
            "nothing was to be decided: the request needed no permission, or was refused before IAM was asked",
        );
    }
    for decision in &decisions {
        lines(decision).iter().for_each(|line| print(line));
    }
    Ok(())
}

/// The decisions of the request with this id; of the whole trace where a trace was asked for.
fn decisions(found: &Value, id: Option<&str>) -> Vec<Value> {
    let spans: Vec<&Value> = found["spans"].as_array().into_iter().flatten().collect();
    let of_request = |span: &&&Value| id.is_some_and(|id| span["request_id"] == *id);
    let chosen: Vec<&&Value> = match spans.iter().any(|span| of_request(&span)) {
        true => spans.iter().filter(of_request).collect(),
        false => spans.iter().collect(),
    };
    let noted = chosen
        .into_iter()
        .filter_map(|span| span["attributes"]["decisions"].as_array());
    noted.flatten().cloned().collect()
}

fn lines(decision: &Value) -> Vec<String> {
    let allowed = decision["verdict"] == "allow";
    let (word, colour) = match (allowed, decision["reported"] == true) {
        (true, _) => ("allowed", Colour::Green),
        (false, true) => ("would be denied", Colour::Yellow),
        (false, false) => ("denied", Colour::Red),
    };
    let mut lines = vec![
        format!("{} {}", paint(word, colour), text(decision, "action")),
        format!("  on        {}", text(decision, "resource")),
        format!("  to        {}", caller(decision)),
        format!("  because   {}", text(decision, "reason")),
    ];
    listed(&mut lines, "asked", &decision["looked_at"], plain);
    listed(&mut lines, "matched", &decision["matched"], statement);
    listed(&mut lines, "nearly", &decision["nearly_matched"], statement);
    for (key, values) in decision["conditions"].as_object().into_iter().flatten() {
        lines.push(format!("  with      {key} = {}", joined(values)));
    }
    if let Some(remedy) = decision["remedy"]["text"].as_str() {
        lines.push(paint(&format!("  to allow  {remedy}"), Colour::Bold));
        let statement = &decision["remedy"]["statement"];
        if !statement.is_null() {
            lines.push(format!("            {statement}"));
        }
    }
    lines
}

fn caller(decision: &Value) -> String {
    match decision["via"].as_str() {
        Some(via) => format!("{} through {via}", text(decision, "principal")),
        None => text(decision, "principal"),
    }
}

fn listed(lines: &mut Vec<String>, label: &str, list: &Value, shown: fn(&Value) -> String) {
    let mut label = label;
    for entry in list.as_array().into_iter().flatten() {
        lines.push(format!("  {label:<9} {}", shown(entry)));
        label = "";
    }
}

fn plain(entry: &Value) -> String {
    entry.as_str().unwrap_or_default().to_owned()
}

fn statement(finding: &Value) -> String {
    let place = finding["sid"].as_str().map_or_else(
        || {
            format!(
                "statement {}",
                finding["statement"].as_u64().unwrap_or(0) + 1
            )
        },
        |sid| format!("statement {sid}"),
    );
    let lacking = finding["lacking"]
        .as_str()
        .map(|lacking| format!(", but for its {lacking}"));
    format!(
        "{} by {place} of {} ({}){}",
        text(finding, "effect"),
        text(finding, "policy"),
        text(finding, "type"),
        lacking.unwrap_or_default()
    )
}

fn joined(values: &Value) -> String {
    let values = values.as_array().into_iter().flatten();
    values
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
