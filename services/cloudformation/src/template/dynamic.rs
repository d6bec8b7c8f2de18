//! Dynamic references: `{{resolve:ssm:name}}` and its siblings, looked up when a resource is made.
//!
//! The value goes to the service alone; what is stored of the resource keeps the reference.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::refusal;

const OPENING: &str = "{{resolve:";

pub(crate) fn resolve(tx: &mut Tx<'_>, context: &Context, value: &Value) -> Result<Value> {
    Ok(match value {
        Value::String(text) if text.contains(OPENING) => substitute(tx, context, text)?.into(),
        Value::Array(items) => {
            let resolved: Result<Vec<Value>> = items
                .iter()
                .map(|item| resolve(tx, context, item))
                .collect();
            Value::Array(resolved?)
        }
        Value::Object(members) => {
            let mut resolved = serde_json::Map::new();
            for (name, member) in members {
                resolved.insert(name.clone(), resolve(tx, context, member)?);
            }
            Value::Object(resolved)
        }
        other => other.clone(),
    })
}

fn substitute(tx: &mut Tx<'_>, context: &Context, text: &str) -> Result<String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(OPENING) {
        let after = &rest[start + OPENING.len()..];
        let Some(end) = after.find("}}") else { break };
        result.push_str(&rest[..start]);
        result.push_str(&lookup(tx, context, &after[..end])?);
        rest = &after[end + 2..];
    }
    result.push_str(rest);
    Ok(result)
}

fn lookup(tx: &mut Tx<'_>, context: &Context, reference: &str) -> Result<String> {
    match reference.split_once(':') {
        Some(("ssm" | "ssm-secure", name)) => parameter(tx, context, name),
        Some(("secretsmanager", secret)) => secret_value(tx, context, secret),
        _ => Err(refusal(format!(
            "Incorrect format is used in the following dynamic reference: [{OPENING}{reference}}}}}]"
        ))),
    }
}

/// `name` or `name:version`.
fn parameter(tx: &mut Tx<'_>, context: &Context, name: &str) -> Result<String> {
    let input = json!({ "Name": name, "WithDecryption": true });
    let answer = context.call_in(tx, "ssm", "GetParameter", input)?;
    let value = answer.pointer("/Parameter/Value").and_then(Value::as_str);
    Ok(value.unwrap_or_default().to_owned())
}

/// `id:SecretString:key:stage:version`, where the id may be an ARN and the end may be missing.
fn secret_value(tx: &mut Tx<'_>, context: &Context, reference: &str) -> Result<String> {
    let (id, rest) = match reference.split_once(":SecretString") {
        Some((id, rest)) => (id, rest.trim_start_matches(':')),
        None => (reference, ""),
    };
    let mut parts = rest
        .split(':')
        .map(|part| (!part.is_empty()).then_some(part));
    let key = parts.next().flatten();
    let mut input = json!({ "SecretId": id });
    for (member, part) in ["VersionStage", "VersionId"].into_iter().zip(parts) {
        if let Some(part) = part {
            input[member] = part.into();
        }
    }
    let answer = context.call_in(tx, "secretsmanager", "GetSecretValue", input)?;
    let text = answer["SecretString"].as_str().unwrap_or_default();
    let Some(key) = key else {
        return Ok(text.to_owned());
    };
    let document: Option<Value> = serde_json::from_str(text).ok();
    let value = document.as_ref().and_then(|document| document.get(key));
    value.and_then(super::functions::text).ok_or_else(|| {
        refusal(format!(
            "Could not find a value associated with JSONKey in SecretString: {key}"
        ))
    })
}
