//! Reading a policy document: its grammar, and nothing about what its words mean.
//!
//! Errors are AWS's `MalformedPolicyDocument` texts.

use serde_json::{Map, Value};

use super::condition::Condition;
use super::principal::{PrincipalElement, PrincipalName};
use super::template::{Syntax, Template};
use super::{Effect, Element, Policy, Statement};

type Parsed<T> = Result<T, String>;

pub(super) const INVALID_JSON: &str = "This policy contains invalid Json";
const SYNTAX: &str = "Syntax errors in policy.";
const OLD_VERSION: &str = "Policy document must be version 2012-10-17 or greater.";
const STATEMENT_MEMBERS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

pub(crate) fn parse(document: &str) -> Parsed<Policy> {
    let Ok(Value::Object(members)) = serde_json::from_str(document) else {
        return Err(INVALID_JSON.into());
    };
    let known = ["Version", "Id", "Statement"];
    if let Some(unknown) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("Syntax errors in policy. Unknown field {unknown}"));
    }
    let variables = match members.get("Version").map(Value::as_str) {
        Some(Some("2012-10-17")) => true,
        Some(Some("2008-10-17")) | None => false,
        _ => return Err(OLD_VERSION.into()),
    };
    let statements = match members.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement @ Value::Object(_)) => vec![statement],
        _ => return Err(SYNTAX.into()),
    };
    let statements = statements
        .into_iter()
        .map(|value| statement(value, variables));
    Ok(Policy {
        statements: statements.collect::<Parsed<_>>()?,
    })
}

/// What stands in for a document that cannot be read.
pub(crate) fn deny_all() -> Policy {
    let everything = || Element {
        negated: false,
        patterns: vec![Template::new(
            "*",
            Syntax {
                wildcards: true,
                variables: false,
            },
        )],
    };
    Policy {
        statements: vec![Statement {
            sid: Some("UnreadablePolicy".into()),
            effect: Effect::Deny,
            principal: None,
            action: everything(),
            resource: None,
            conditions: Vec::new(),
        }],
    }
}

fn statement(value: &Value, variables: bool) -> Parsed<Statement> {
    let Value::Object(members) = value else {
        return Err(SYNTAX.into());
    };
    if let Some(unknown) = members
        .keys()
        .find(|name| !STATEMENT_MEMBERS.contains(&name.as_str()))
    {
        return Err(format!("Syntax errors in policy. Unknown field {unknown}"));
    }
    let syntax = Syntax {
        wildcards: true,
        variables,
    };
    let action_syntax = Syntax {
        variables: false,
        ..syntax
    };
    let action = element(members, "Action", |text| {
        Template::lower_case(text, action_syntax)
    })?;
    Ok(Statement {
        sid: sid(members)?,
        effect: effect(members)?,
        principal: principal(members)?,
        action: action.ok_or("Policy statement must contain actions.")?,
        resource: element(members, "Resource", |text| Template::new(text, syntax))?,
        conditions: conditions(members, variables)?,
    })
}

fn sid(members: &Map<String, Value>) -> Parsed<Option<String>> {
    match members.get("Sid") {
        None => Ok(None),
        Some(Value::String(sid)) => Ok(Some(sid.clone())),
        Some(_) => Err(SYNTAX.into()),
    }
}

fn effect(members: &Map<String, Value>) -> Parsed<Effect> {
    match members.get("Effect").map(Value::as_str) {
        Some(Some("Allow")) => Ok(Effect::Allow),
        Some(Some("Deny")) => Ok(Effect::Deny),
        None => Err("Missing required field Effect".into()),
        Some(_) => Err(SYNTAX.into()),
    }
}

/// `Name` or `NotName`, never both.
fn either<'a>(members: &'a Map<String, Value>, name: &str) -> Parsed<Option<(bool, &'a Value)>> {
    let negated = format!("Not{name}");
    match (members.get(name), members.get(&negated)) {
        (Some(_), Some(_)) => Err(SYNTAX.into()),
        (Some(value), None) => Ok(Some((false, value))),
        (None, Some(value)) => Ok(Some((true, value))),
        (None, None) => Ok(None),
    }
}

fn element(
    members: &Map<String, Value>,
    name: &str,
    template: impl Fn(&str) -> Template,
) -> Parsed<Option<Element>> {
    let Some((negated, value)) = either(members, name)? else {
        return Ok(None);
    };
    let texts = strings(value)?;
    if texts.is_empty() {
        let what = name.to_ascii_lowercase();
        return Err(format!("Policy statement must contain {what}s."));
    }
    let patterns = texts.iter().map(|text| template(text)).collect();
    Ok(Some(Element { negated, patterns }))
}

/// A string or a list of strings.
fn strings(value: &Value) -> Parsed<Vec<&str>> {
    let text = |value: &'_ Value| -> Option<()> { value.as_str().map(drop) };
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Array(values) if values.iter().all(|value| text(value).is_some()) => {
            Ok(values.iter().filter_map(Value::as_str).collect())
        }
        _ => Err(SYNTAX.into()),
    }
}

fn principal(members: &Map<String, Value>) -> Parsed<Option<PrincipalElement>> {
    let Some((negated, value)) = either(members, "Principal")? else {
        return Ok(None);
    };
    let names = match value {
        Value::String(text) if text == "*" => vec![PrincipalName::Anyone],
        Value::Object(kinds) if !kinds.is_empty() => {
            let mut names = Vec::new();
            for (kind, values) in kinds {
                for value in strings(values)? {
                    names.push(principal_name(kind, value)?);
                }
            }
            names
        }
        Value::String(text) => return Err(invalid_principal("AWS", text)),
        _ => return Err(SYNTAX.into()),
    };
    Ok(Some(PrincipalElement { negated, names }))
}

fn principal_name(kind: &str, value: &str) -> Parsed<PrincipalName> {
    PrincipalName::read(kind, value).ok_or_else(|| invalid_principal(kind, value))
}

pub(crate) fn invalid_principal(kind: &str, value: &str) -> String {
    format!("Invalid principal in policy: \"{kind}\":\"{value}\"")
}

fn conditions(members: &Map<String, Value>, variables: bool) -> Parsed<Vec<Condition>> {
    let operators = match members.get("Condition") {
        None => return Ok(Vec::new()),
        Some(Value::Object(operators)) => operators,
        Some(_) => return Err(SYNTAX.into()),
    };
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let Value::Object(keys) = keys else {
            return Err(SYNTAX.into());
        };
        for (key, values) in keys {
            let values = scalars(values)?;
            let condition = Condition::new(operator, key, &values, variables);
            conditions
                .push(condition.ok_or_else(|| format!("Invalid Condition type : {operator}."))?);
        }
    }
    Ok(conditions)
}

/// Condition values: strings, numbers or booleans, alone or in a list.
fn scalars(value: &Value) -> Parsed<Vec<String>> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err(SYNTAX.to_owned()),
    };
    match value {
        Value::Array(values) => values.iter().map(scalar).collect(),
        value => Ok(vec![scalar(value)?]),
    }
}
