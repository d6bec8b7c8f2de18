//! Parameters: what a deployment gives a template, checked against what the template declares.

use std::collections::BTreeMap;

use cumulet_engine::error::{Error, Result};
use serde_json::Value;

use super::functions::text;
use super::{Template, refusal};
use crate::state::StackParameter;

/// What a caller gives for one parameter.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    Value(String),
    Previous,
}

/// The parameters of a deployment: given, kept from before, or declared as default.
pub(crate) fn settle(
    template: &Template,
    given: &BTreeMap<String, Given>,
    previous: &[StackParameter],
) -> Result<Vec<StackParameter>> {
    undeclared(template, given)?;
    let mut missing = Vec::new();
    let mut settled = Vec::new();
    for (name, declaration) in template.section("Parameters") {
        let kept = || {
            let old = previous.iter().find(|old| old.key == *name);
            old.map(|old| old.value.clone())
        };
        let value = match given.get(name) {
            Some(Given::Value(value)) => Some(value.clone()),
            Some(Given::Previous) => kept(),
            None => None,
        };
        match value.or_else(|| declaration.get("Default").and_then(default)) {
            Some(value) => settled.push(parameter(name, declaration, value)?),
            None => missing.push(name.as_str()),
        }
    }
    if missing.is_empty() {
        return Ok(settled);
    }
    let missing = missing.join(", ");
    Err(refusal(format!("Parameters: [{missing}] must have values")))
}

fn undeclared(template: &Template, given: &BTreeMap<String, Given>) -> Result<()> {
    let unknown: Vec<&str> = given
        .keys()
        .map(String::as_str)
        .filter(|name| template.section_member("Parameters", name).is_none())
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let unknown = unknown.join(", ");
    Err(refusal(format!(
        "Parameters: [{unknown}] do not exist in the template"
    )))
}

/// A default may be written as a number or list.
fn default(value: &Value) -> Option<String> {
    match value {
        Value::Array(items) => {
            let texts: Option<Vec<String>> = items.iter().map(text).collect();
            texts.map(|texts| texts.join(","))
        }
        other => text(other),
    }
}

fn parameter(name: &str, declaration: &Value, value: String) -> Result<StackParameter> {
    let kind = declaration["Type"].as_str().unwrap_or_default().to_owned();
    check(name, &kind, declaration, &value)?;
    Ok(StackParameter {
        key: name.to_owned(),
        no_echo: text(&declaration["NoEcho"]).is_some_and(|flag| flag == "true"),
        kind,
        value,
        resolved_value: None,
    })
}

fn check(name: &str, kind: &str, declaration: &Value, value: &str) -> Result<()> {
    let described = declaration["ConstraintDescription"].as_str();
    let values: Vec<&str> = if is_list(kind) {
        value.split(',').map(str::trim).collect()
    } else {
        vec![value]
    };
    known_type(name, kind)?;
    for value in values {
        constraint(name, kind, declaration, value).map_err(|error| match described {
            Some(description) => refusal(format!(
                "Parameter '{name}' failed to satisfy constraint: {description}"
            )),
            None => error,
        })?;
    }
    Ok(())
}

fn known_type(name: &str, kind: &str) -> Result<()> {
    let known = matches!(
        kind,
        "String" | "Number" | "List<Number>" | "CommaDelimitedList" | "List<String>"
    ) || is_parameter_store(kind)
        || is_resource_name(kind);
    if known {
        return Ok(());
    }
    Err(refusal(format!(
        "Template format error: Unrecognized parameter type: {kind} for parameter {name}"
    )))
}

/// The name of a resource of EC2 or Route 53, taken as text.
fn is_resource_name(kind: &str) -> bool {
    let inner = kind
        .strip_prefix("List<")
        .and_then(|kind| kind.strip_suffix('>'))
        .unwrap_or(kind);
    inner.starts_with("AWS::EC2::") || inner.starts_with("AWS::Route53::")
}

pub(crate) fn is_parameter_store(kind: &str) -> bool {
    kind.starts_with("AWS::SSM::Parameter::")
}

fn is_list(kind: &str) -> bool {
    kind == "CommaDelimitedList"
        || kind.starts_with("List<")
        || kind.contains("Value<List<")
        || kind.contains("Value<CommaDelimitedList")
}

fn constraint(name: &str, kind: &str, declaration: &Value, value: &str) -> Result<()> {
    let refused = |what: String| Err(refusal(format!("Parameter '{name}' {what}")));
    if kind.contains("Number") {
        let Ok(number) = value.parse::<f64>() else {
            return refused("must be a number.".into());
        };
        range(name, declaration, number)?;
    }
    let allowed = declaration["AllowedValues"].as_array();
    if let Some(allowed) = allowed
        && !allowed
            .iter()
            .any(|one| text(one).as_deref() == Some(value))
    {
        return refused("must be one of AllowedValues".into());
    }
    length(name, declaration, value.chars().count())?;
    match declaration["AllowedPattern"].as_str() {
        Some(pattern) if !matches(name, pattern, value)? => {
            refused(format!("must match pattern {pattern}"))
        }
        _ => Ok(()),
    }
}

fn range(name: &str, declaration: &Value, number: f64) -> Result<()> {
    let bound = |keyword: &str| text(&declaration[keyword])?.parse::<f64>().ok();
    if let Some(least) = bound("MinValue").filter(|least| number < *least) {
        return Err(refusal(format!(
            "Parameter '{name}' must be a number not less than {least}"
        )));
    }
    if let Some(most) = bound("MaxValue").filter(|most| number > *most) {
        return Err(refusal(format!(
            "Parameter '{name}' must be a number not greater than {most}"
        )));
    }
    Ok(())
}

fn length(name: &str, declaration: &Value, length: usize) -> Result<()> {
    let bound = |keyword: &str| text(&declaration[keyword])?.parse::<usize>().ok();
    if let Some(least) = bound("MinLength").filter(|least| length < *least) {
        return Err(refusal(format!(
            "Parameter '{name}' must contain at least {least} characters"
        )));
    }
    if let Some(most) = bound("MaxLength").filter(|most| length > *most) {
        return Err(refusal(format!(
            "Parameter '{name}' must contain at most {most} characters"
        )));
    }
    Ok(())
}

/// The whole value must match, as Java's `matches` has it.
fn matches(name: &str, pattern: &str, value: &str) -> Result<bool> {
    let whole = regex::Regex::new(&format!("^(?:{pattern})$")).map_err(|_| {
        Error::not_implemented(format!(
            "The AllowedPattern {pattern} of parameter {name} (look-around or back references)"
        ))
    })?;
    Ok(whole.is_match(value))
}

/// The values that `Ref` answers: lists for the list types.
pub(crate) fn values(parameters: &[StackParameter]) -> BTreeMap<String, Value> {
    let value = |parameter: &StackParameter| {
        let text = parameter
            .resolved_value
            .as_ref()
            .unwrap_or(&parameter.value);
        if !is_list(&parameter.kind) {
            return Value::from(text.as_str());
        }
        if text.is_empty() && parameter.kind != "CommaDelimitedList" {
            return Value::Array(vec![]);
        }
        text.split(',').map(str::trim).collect()
    };
    parameters
        .iter()
        .map(|parameter| (parameter.key.clone(), value(parameter)))
        .collect()
}
