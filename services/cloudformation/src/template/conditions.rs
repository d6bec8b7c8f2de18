//! Conditions and rules: what is decided by the parameters alone, before any resource.

use std::collections::BTreeMap;

use cumulet_engine::error::Result;
use serde_json::Value;

use super::functions::{Scope, text};
use super::refusal;

/// Longer chains of conditions are cycles.
const ROUNDS_MAX: usize = 200;

/// Decides every condition of the template, those first that others name.
pub(crate) fn decide(scope: &mut Scope<'_>) -> Result<()> {
    let template = scope.template;
    let mut open: Vec<(&String, &Value)> = template.section("Conditions").collect();
    for _ in 0..ROUNDS_MAX {
        let known = |(_, value): &(&String, &Value), decided: &BTreeMap<String, bool>| {
            named(value).iter().all(|name| decided.contains_key(*name))
        };
        let (ready, waiting): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|one| known(one, &scope.conditions));
        open = waiting;
        if ready.is_empty() {
            break;
        }
        for (name, value) in ready {
            let holds = evaluate(scope, value)?;
            scope.conditions.insert(name.clone(), holds);
        }
    }
    open.first()
        .map_or(Ok(()), |(name, value)| Err(undecided(scope, name, value)))
}

fn undecided(scope: &Scope<'_>, name: &str, value: &Value) -> cumulet_engine::error::Error {
    let missing = named(value)
        .into_iter()
        .find(|used| scope.template.section_member("Conditions", used).is_none());
    match missing {
        Some(missing) => refusal(format!(
            "Template format error: Unresolved condition dependency {missing} in the Conditions block of the template"
        )),
        None => refusal(format!(
            "Template format error: Found circular condition dependency with {name}"
        )),
    }
}

/// The conditions that a condition names.
fn named(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().flat_map(named).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| match (name.as_str(), member) {
                ("Condition", Value::String(condition)) => vec![condition.as_str()],
                ("Fn::If", Value::Array(parts)) => {
                    let mut all = parts.iter().skip(1).flat_map(named).collect::<Vec<_>>();
                    all.extend(parts.first().and_then(Value::as_str));
                    all
                }
                _ => named(member),
            })
            .collect(),
        _ => vec![],
    }
}

/// Whether an expression of a condition or rule holds.
pub(super) fn evaluate(scope: &Scope<'_>, value: &Value) -> Result<bool> {
    let members = value.as_object().filter(|members| members.len() == 1);
    let Some((name, argument)) = members.and_then(|members| members.iter().next()) else {
        return as_bool(value);
    };
    let each = |argument: &Value| -> Result<Vec<bool>> {
        let parts = argument.as_array().map_or(&[][..], Vec::as_slice);
        parts.iter().map(|part| evaluate(scope, part)).collect()
    };
    match name.as_str() {
        "Condition" => condition(scope, argument.as_str().unwrap_or_default()),
        "Fn::And" => Ok(each(argument)?.into_iter().all(|holds| holds)),
        "Fn::Or" => Ok(each(argument)?.into_iter().any(|holds| holds)),
        "Fn::Not" => Ok(!each(argument)?.into_iter().any(|holds| holds)),
        "Fn::Equals" => equals(scope, argument),
        "Fn::Contains" => with_lists(scope, argument, |all, one| all.contains(&one[0])),
        "Fn::EachMemberIn" => with_lists(scope, argument, |some, all| {
            some.iter().all(|one| all.contains(one))
        }),
        "Fn::EachMemberEquals" => with_lists(scope, argument, |all, one| {
            all.iter().all(|each| *each == one[0])
        }),
        _ => as_bool(&scope.argument(value)?),
    }
}

fn as_bool(value: &Value) -> Result<bool> {
    match value {
        Value::Bool(holds) => Ok(*holds),
        Value::String(text) if text == "true" => Ok(true),
        Value::String(text) if text == "false" => Ok(false),
        _ => Err(refusal(
            "Template format error: Conditions can only be boolean operations on parameters and other conditions",
        )),
    }
}

fn condition(scope: &Scope<'_>, name: &str) -> Result<bool> {
    scope.conditions.get(name).copied().ok_or_else(|| {
        refusal(format!(
            "Template format error: Unresolved condition dependency {name} in the Conditions block of the template"
        ))
    })
}

fn equals(scope: &Scope<'_>, argument: &Value) -> Result<bool> {
    let Some([left, right]) = argument.as_array().map(Vec::as_slice) else {
        return Err(refusal(
            "Template error: every Fn::Equals object requires a list of 2 string parameters.",
        ));
    };
    let (left, right) = (scope.argument(left)?, scope.argument(right)?);
    Ok(match (text(&left), text(&right)) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    })
}

/// A rule function of two lists of text; a single text is a list of one.
fn with_lists(
    scope: &Scope<'_>,
    argument: &Value,
    holds: fn(&[String], &[String]) -> bool,
) -> Result<bool> {
    let list = |value: &Value| -> Result<Vec<String>> {
        let value = scope.argument(value)?;
        Ok(match &value {
            Value::Array(items) => items.iter().filter_map(text).collect(),
            one => text(one).into_iter().collect(),
        })
    };
    let Some([left, right]) = argument.as_array().map(Vec::as_slice) else {
        return Err(refusal(
            "Template error: every rule function of lists requires two parameters",
        ));
    };
    let (left, right) = (list(left)?, list(right)?);
    Ok(!right.is_empty() && holds(&left, &right))
}

/// Refuses where an assertion of a rule fails.
pub(crate) fn assert_rules(scope: &Scope<'_>) -> Result<()> {
    for (name, rule) in scope.template.section("Rules") {
        let applies = rule
            .get("RuleCondition")
            .map_or(Ok(true), |condition| evaluate(scope, condition))?;
        let assertions = rule.get("Assertions").and_then(Value::as_array);
        for assertion in assertions.into_iter().flatten().filter(|_| applies) {
            if !evaluate(scope, &assertion["Assert"])? {
                let description = assertion["AssertDescription"].as_str();
                let description =
                    description.map_or_else(|| format!("Rule {name} failed"), str::to_owned);
                return Err(refusal(format!(
                    "Template validation error: Rule {name} failed to satisfy assertion: {description}"
                )));
            }
        }
    }
    Ok(())
}
