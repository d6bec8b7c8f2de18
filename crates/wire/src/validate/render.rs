//! The words of constraint violations.

use serde_json::Value;

use super::enum_order;
use crate::model::{Kind, Pattern, Shape};

pub(super) fn lower_camel(name: &str) -> String {
    let mut characters = name.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}

pub(super) fn pascal(name: &str) -> String {
    let mut characters = name.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

pub(super) fn enumeration(values: &[String]) -> String {
    format!(
        "Member must satisfy enum value set: [{}]",
        enum_order::ordered(values).join(", ")
    )
}

pub(super) fn pattern(pattern: &Pattern) -> String {
    format!(
        "Member must satisfy regular expression pattern: {}",
        pattern.source
    )
}

pub(super) fn maximum(measure: &str, maximum: f64, fraction: bool) -> String {
    format!(
        "Member must have {measure} less than or equal to {}",
        bound(maximum, fraction)
    )
}

pub(super) fn minimum(measure: &str, minimum: f64, fraction: bool) -> String {
    format!(
        "Member must have {measure} greater than or equal to {}",
        bound(minimum, fraction)
    )
}

/// Bounds of doubles are printed as doubles: `1.0`.
fn bound(bound: f64, fraction: bool) -> String {
    if fraction {
        format!("{bound:?}")
    } else {
        format!("{bound}")
    }
}

/// All constraints of a shape, as lists and maps enumerate them for their elements: length before pattern.
pub(super) fn all(shape: &Shape) -> Vec<String> {
    let constraints = &shape.constraints;
    let number = matches!(
        shape.kind,
        Kind::Integer | Kind::Long | Kind::Float | Kind::Double
    );
    let fraction = matches!(shape.kind, Kind::Float | Kind::Double);
    let measure = if number { "value" } else { "length" };
    let mut all = Vec::new();
    if !constraints.enumeration.is_empty() {
        all.push(enumeration(&constraints.enumeration));
    }
    all.extend(
        constraints
            .maximum
            .map(|bound| maximum(measure, bound, fraction)),
    );
    all.extend(
        constraints
            .minimum
            .map(|bound| minimum(measure, bound, fraction)),
    );
    all.extend(constraints.pattern.as_ref().map(pattern));
    all
}

/// A value as Java prints it: lists in brackets, maps as `{k=v}`, structures with all their members.
pub(super) fn value(shape: &Shape, value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let element = shape.element.as_ref();
            let texts = items.iter().map(|item| {
                element.map_or_else(|| item.to_string(), |e| self::value(e.shape(), item))
            });
            format!("[{}]", texts.collect::<Vec<_>>().join(", "))
        }
        Value::Object(_) if shape.kind == Kind::Structure => structure(shape, value),
        Value::Object(entries) => {
            let member = shape.value.as_ref();
            let text = |item: &Value| {
                member.map_or_else(|| item.to_string(), |m| self::value(m.shape(), item))
            };
            let texts = entries
                .iter()
                .map(|(name, item)| format!("{name}={}", text(item)));
            format!("{{{}}}", texts.collect::<Vec<_>>().join(", "))
        }
        Value::Number(number) if matches!(shape.kind, Kind::Float | Kind::Double) => number
            .as_f64()
            .map_or_else(|| number.to_string(), |number| format!("{number:?}")),
        other => other.to_string(),
    }
}

fn structure(shape: &Shape, whole: &Value) -> String {
    let texts = shape.members.iter().map(|member| {
        let text = whole
            .get(member.name)
            .map_or_else(|| "null".to_owned(), |item| value(member.shape(), item));
        format!("{}={text}", lower_camel(member.name))
    });
    format!("{}({})", shape.name, texts.collect::<Vec<_>>().join(", "))
}
