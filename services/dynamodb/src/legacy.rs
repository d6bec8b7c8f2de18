//! The older parameters (Expected, KeyConditions, filters, AttributeUpdates) as the trees of expressions.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.html>

use std::collections::BTreeMap;

use cumulet_engine::error::Result;
use serde_json::{Map, Value};

use super::api::{AttributeUpdate, ExpectedAttribute, LegacyCondition};
use super::errors::{invalid_parameter, validation};
use super::expression::{Comparator, Condition, Operand, Path, Update};
use super::value::{AttributeValue, read_item};

fn read(value: Value) -> Result<AttributeValue> {
    let item = read_item(Map::from_iter([(String::new(), value)]))?;
    item.into_values().next().ok_or_else(|| {
        validation(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        )
    })
}

fn join(conditions: Vec<Condition>, operator: Option<&str>) -> Condition {
    if operator == Some("OR") {
        Condition::Any(conditions)
    } else {
        Condition::All(conditions)
    }
}

/// `Expected` as a condition.
pub(super) fn expected(
    expected: BTreeMap<String, ExpectedAttribute>,
    operator: Option<&str>,
) -> Result<Condition> {
    let conditions: Result<Vec<_>> = expected
        .into_iter()
        .map(|(name, attribute)| expected_attribute(&name, attribute))
        .collect();
    Ok(join(conditions?, operator))
}

fn expected_attribute(name: &str, expected: ExpectedAttribute) -> Result<Condition> {
    let path = Path::attribute(name);
    if let Some(operator) = expected.comparison_operator {
        if expected.exists.is_some() {
            return Err(invalid_parameter(format!(
                "Exists and ComparisonOperator cannot be used together for Attribute: {name}"
            )));
        }
        if expected.value.is_some() && expected.attribute_value_list.is_some() {
            return Err(invalid_parameter(format!(
                "Value and AttributeValueList cannot be used together for Attribute: {name}"
            )));
        }
        let values = expected
            .attribute_value_list
            .unwrap_or_else(|| expected.value.into_iter().collect());
        return comparison(name, &operator, values);
    }
    if expected.attribute_value_list.is_some() {
        return Err(invalid_parameter(format!(
            "AttributeValueList can only be used with a ComparisonOperator for Attribute: {name}"
        )));
    }
    match (expected.exists, expected.value) {
        (Some(false), Some(_)) => Err(invalid_parameter(format!(
            "Value cannot be used when Exists is false for Attribute: {name}"
        ))),
        (Some(false), None) => Ok(Condition::NotExists(path)),
        (_, Some(value)) => {
            let value = Operand::Value(read(value)?);
            Ok(Condition::Compare(
                Comparator::Equal,
                Operand::Path(path),
                value,
            ))
        }
        (Some(true), None) => Err(invalid_parameter(format!(
            "Value must be provided when Exists is true for Attribute: {name}"
        ))),
        (None, None) => Err(invalid_parameter(format!(
            "Value must be provided when Exists is null for Attribute: {name}"
        ))),
    }
}

/// KeyConditions or a filter as a condition.
pub(super) fn conditions(
    conditions: BTreeMap<String, LegacyCondition>,
    operator: Option<&str>,
) -> Result<Condition> {
    let conditions: Result<Vec<_>> = conditions
        .into_iter()
        .map(|(name, condition)| {
            let values = condition.attribute_value_list.unwrap_or_default();
            comparison(&name, &condition.comparison_operator, values)
        })
        .collect();
    Ok(join(conditions?, operator))
}

fn comparison(name: &str, operator: &str, values: Vec<Value>) -> Result<Condition> {
    let values: Vec<AttributeValue> = values.into_iter().map(read).collect::<Result<_>>()?;
    check_count(operator, values.len())?;
    check_types(operator, &values)?;
    let path = Path::attribute(name);
    let attribute = Operand::Path(path.clone());
    let mut values = values.into_iter().map(Operand::Value);
    let mut value = || {
        values
            .next()
            .unwrap_or(Operand::Value(AttributeValue::Null))
    };
    let compare = |comparator, value| Condition::Compare(comparator, attribute.clone(), value);
    Ok(match operator {
        "EQ" => compare(Comparator::Equal, value()),
        "NE" => compare(Comparator::NotEqual, value()),
        "LT" => compare(Comparator::Less, value()),
        "LE" => compare(Comparator::LessOrEqual, value()),
        "GT" => compare(Comparator::Greater, value()),
        "GE" => compare(Comparator::GreaterOrEqual, value()),
        "NULL" => Condition::NotExists(path),
        "NOT_NULL" => Condition::Exists(path),
        "CONTAINS" => Condition::Contains(attribute, value()),
        "NOT_CONTAINS" => Condition::All(vec![
            Condition::Exists(path),
            Condition::Not(Box::new(Condition::Contains(attribute, value()))),
        ]),
        "BEGINS_WITH" => Condition::BeginsWith(attribute, value()),
        "IN" => Condition::In(attribute, values.collect()),
        _ => {
            let (low, high) = (value(), value());
            Condition::Between(attribute, low, high)
        }
    })
}

fn check_count(operator: &str, count: usize) -> Result<()> {
    let right = match operator {
        "NULL" | "NOT_NULL" => count == 0,
        "BETWEEN" => count == 2,
        "IN" => count > 0,
        _ => count == 1,
    };
    if right {
        return Ok(());
    }
    Err(invalid_parameter(format!(
        "Invalid number of argument(s) for the {operator} ComparisonOperator"
    )))
}

fn check_types(operator: &str, values: &[AttributeValue]) -> Result<()> {
    let fits = |value: &AttributeValue| match operator {
        "LT" | "LE" | "GT" | "GE" | "BETWEEN" | "CONTAINS" | "NOT_CONTAINS" | "IN" => {
            value.is_ordered()
                || operator.ends_with("CONTAINS")
                    && matches!(value, AttributeValue::Bool(_) | AttributeValue::Null)
        }
        "BEGINS_WITH" => matches!(value, AttributeValue::S(_) | AttributeValue::B(_)),
        _ => true,
    };
    if let Some(value) = values.iter().find(|value| !fits(value)) {
        return Err(invalid_parameter(format!(
            "ComparisonOperator {operator} is not valid for {} AttributeValue type",
            value.type_name()
        )));
    }
    let mixed = values
        .windows(2)
        .any(|pair| pair[0].type_name() != pair[1].type_name());
    if mixed {
        return Err(invalid_parameter(
            "AttributeValues inside AttributeValueList must all be of the same type",
        ));
    }
    let reversed = match values {
        [low, high] if operator == "BETWEEN" => {
            !super::expression::compare(Comparator::LessOrEqual, low, high)
        }
        _ => false,
    };
    if reversed {
        return Err(validation(
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
        ));
    }
    Ok(())
}

/// `AttributeUpdates` as an update.
pub(super) fn updates(updates: BTreeMap<String, AttributeUpdate>) -> Result<Update> {
    let mut update = Update::default();
    for (name, change) in updates {
        let path = Path::attribute(&name);
        let value = change.value.map(read).transpose()?;
        match (change.action.as_deref().unwrap_or("PUT"), value) {
            ("PUT", Some(value)) => update.sets.push((path, Operand::Value(value))),
            ("DELETE", None) => update.removes.push(path),
            ("DELETE", Some(value)) => {
                require_type("DELETE", &value, is_set(&value))?;
                update.deletes.push((path, value));
            }
            ("ADD", Some(AttributeValue::L(items))) => {
                update.sets.push((path.clone(), appended(path, items)))
            }
            ("ADD", Some(value)) => {
                require_type(
                    "ADD",
                    &value,
                    is_set(&value) || matches!(value, AttributeValue::N(_)),
                )?;
                update.adds.push((path, value));
            }
            (_, None) => {
                return Err(invalid_parameter(
                    "Only DELETE action is allowed when no attribute value is specified",
                ));
            }
            (action, Some(_)) => return Err(invalid_parameter(format!("Unknown action {action}"))),
        }
    }
    Ok(update)
}

/// The older ADD also appends to lists.
fn appended(path: Path, items: Vec<AttributeValue>) -> Operand {
    let present = Operand::IfNotExists(
        path,
        Box::new(Operand::Value(AttributeValue::L(Vec::new()))),
    );
    Operand::ListAppend(
        Box::new(present),
        Box::new(Operand::Value(AttributeValue::L(items))),
    )
}

fn is_set(value: &AttributeValue) -> bool {
    matches!(
        value,
        AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_)
    )
}

fn require_type(action: &str, value: &AttributeValue, fits: bool) -> Result<()> {
    if fits {
        return Ok(());
    }
    let kind = match value {
        AttributeValue::S(_) => "STRING",
        AttributeValue::N(_) => "NUMBER",
        AttributeValue::B(_) => "BINARY",
        AttributeValue::Bool(_) => "BOOLEAN",
        AttributeValue::L(_) => "LIST",
        AttributeValue::M(_) => "MAP",
        _ => "NULL",
    };
    Err(invalid_parameter(format!(
        "{action} action is not supported for the type {kind}"
    )))
}
