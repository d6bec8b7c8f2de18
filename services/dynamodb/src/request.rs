//! What the item operations have in common before the store is touched: which parameters go together,
//! and the trees they become.

use cumulet_engine::error::{Error, Result};
use serde_json::Value;

use super::api::{Names, WriteItemInput};
use super::errors::{condition_failed, validation};
use super::expression::{self, Condition, Kind, Placeholders, Projection};
use super::legacy;
use super::value::Item;

/// A parameter's name and whether it was given.
pub(super) type Given = (&'static str, bool);

/// Refuses older parameters beside expressions, and placeholders without expressions.
pub(super) fn check_combination(
    older: &[Given],
    expressions: &[Given],
    names_given: bool,
    values_given: Option<bool>,
) -> Result<()> {
    let given = |parameters: &[Given]| -> Vec<&'static str> {
        parameters
            .iter()
            .filter(|(_, given)| *given)
            .map(|(name, _)| *name)
            .collect()
    };
    let (older, used) = (given(older), given(expressions));
    if !older.is_empty() && !used.is_empty() {
        return Err(validation(format!(
            "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {{{}}} Expression parameters: {{{}}}",
            older.join(", "),
            used.join(", ")
        )));
    }
    if names_given && used.is_empty() {
        return Err(validation(
            "ExpressionAttributeNames can only be specified when using expressions",
        ));
    }
    let taking: Vec<&Given> = expressions
        .iter()
        .filter(|(name, _)| *name != "ProjectionExpression")
        .collect();
    if values_given == Some(true) && taking.iter().all(|(_, given)| !given) {
        let names: Vec<&str> = taking.iter().map(|(name, _)| *name).collect();
        let verb = if names.len() > 1 { "are" } else { "is" };
        return Err(validation(format!(
            "ExpressionAttributeValues can only be specified when using expressions: {} {verb} null",
            names.join(" and ")
        )));
    }
    Ok(())
}

/// What a read answers of an item.
pub(super) fn projection(
    expression: Option<&str>,
    attributes_to_get: Option<&Vec<String>>,
    names: Option<Names>,
) -> Result<Option<Projection>> {
    check_combination(
        &[("AttributesToGet", attributes_to_get.is_some())],
        &[("ProjectionExpression", expression.is_some())],
        names.is_some(),
        None,
    )?;
    if let Some(wanted) = attributes_to_get {
        check_distinct(wanted)?;
        return Ok(Some(Projection::attributes(wanted)));
    }
    let mut placeholders = Placeholders::new(names, None)?;
    let parsed = expression
        .map(|text| expression::projection(text, &mut placeholders))
        .transpose()?;
    placeholders.refuse_unused()?;
    Ok(parsed)
}

pub(super) fn check_distinct(names: &[String]) -> Result<()> {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(super::errors::invalid_parameter(format!(
            "Duplicate value in attribute name: {}",
            pair[0]
        ))),
        None => Ok(()),
    }
}

/// The condition of a write, from whichever parameters gave one.
pub(super) fn write_condition(
    input: &mut WriteItemInput,
    placeholders: &mut Placeholders,
) -> Result<Option<Condition>> {
    if input.conditional_operator.is_some()
        && input
            .expected
            .as_ref()
            .is_none_or(|expected| expected.is_empty())
    {
        return Err(validation(
            "ConditionalOperator cannot be used without Filter or Expected",
        ));
    }
    if let Some(expected) = input.expected.take() {
        if input.conditional_operator.is_some() && expected.len() == 1 {
            return Err(validation(
                "ConditionalOperator can only be used when two or more conditions are specified",
            ));
        }
        return legacy::expected(expected, input.conditional_operator.as_deref()).map(Some);
    }
    let text = input.condition_expression.as_deref();
    text.map(|text| expression::condition(Kind::Condition, text, placeholders))
        .transpose()
}

/// Refuses unless the condition holds of the item that is there.
pub(super) fn check_condition(
    condition: Option<&Condition>,
    old: Option<&Item>,
    return_old: Option<&str>,
) -> Result<()> {
    let empty = Item::new();
    if condition.is_none_or(|condition| condition.holds(old.unwrap_or(&empty))) {
        return Ok(());
    }
    let shown = old.filter(|_| return_old == Some("ALL_OLD"));
    Err(condition_failed(shown.map(item_value).transpose()?))
}

pub(super) fn item_value(item: &Item) -> Result<Value> {
    serde_json::to_value(item).map_err(|error| Error::internal(error.to_string()))
}
