//! `cumulet policy suggest`: the least a principal needs, from what it was seen to do.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::Failure;
use crate::cli::{Policy, PolicyAction, Suggest};
use crate::client::Client;
use crate::console::{Colour, paint, print, say};

pub(crate) async fn run(arguments: &Policy) -> Result<(), Failure> {
    match &arguments.action {
        PolicyAction::Suggest(arguments) => suggest(arguments).await,
    }
}

async fn suggest(arguments: &Suggest) -> Result<(), Failure> {
    let who = utf8_percent_encode(&arguments.principal, NON_ALPHANUMERIC);
    let found = Client::anonymous(&arguments.endpoint.endpoint)
        .get(&format!("/_cumulet/policy/{who}"))
        .await?;
    if arguments.json {
        print(&serde_json::to_string_pretty(&found).unwrap_or_default());
        return Ok(());
    }
    let principal = found["principal"].as_str().unwrap_or_default();
    let statements = found["policy"]["Statement"].as_array();
    if statements.is_none_or(Vec::is_empty) {
        say(&format!("{principal} was not seen to use anything yet"));
    } else {
        print(&serde_json::to_string_pretty(&found["policy"]).unwrap_or_default());
    }
    list(&found["grants"])
        .iter()
        .for_each(|grant| say(&shown_grant(grant)));
    for denied in list(&found["denied"]) {
        let action = denied["action"].as_str().unwrap_or_default();
        let what = format!("{action} on {}", words(&denied["resources"]));
        say(&format!("{} {what}", paint("denied:", Colour::Red)));
    }
    Ok(())
}

fn shown_grant(grant: &Value) -> String {
    let verdict = grant["verdict"].as_str().unwrap_or_default();
    let colour = match verdict {
        "used" => Colour::Green,
        "unused" => Colour::Red,
        _ => Colour::Yellow,
    };
    let place = grant["sid"].as_str().map_or_else(
        || (grant["statement"].as_u64().unwrap_or(0) + 1).to_string(),
        str::to_owned,
    );
    let policy = grant["policy"].as_str().unwrap_or_default();
    let mut line = format!(
        "{} statement {place} of {policy}",
        paint(&format!("{verdict}:"), colour)
    );
    let unused = words(&grant["unused_actions"]);
    if !unused.is_empty() && verdict != "unused" {
        line.push_str(&format!("; never used: {unused}"));
    }
    if verdict == "too wide" {
        let (used, resources) = (
            words(&grant["used_actions"]),
            words(&grant["used_resources"]),
        );
        line.push_str(&format!("; used: {used} on {resources}"));
    }
    line
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn words(value: &Value) -> String {
    let words = list(value).iter().filter_map(Value::as_str);
    words.collect::<Vec<_>>().join(", ")
}
