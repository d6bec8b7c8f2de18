//! What a value is for CloudFormation, before and after its intrinsics are resolved.

use std::borrow::Cow;

use serde_json::Value;

/// The name of the function, when the value is an intrinsic function call.
fn intrinsic(value: &Value) -> Option<&str> {
    let members = value.as_object()?;
    if members.contains_key("Fn::Transform") {
        return Some("Fn::Transform");
    }
    let (name, _) = members.iter().next().filter(|_| members.len() == 1)?;
    (name == "Ref" || name.starts_with("Fn::")).then_some(name)
}

/// A value that cannot be judged before it is resolved.
pub(crate) fn is_opaque(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{resolve:"),
        other => intrinsic(other).is_some(),
    }
}

/// Whether anything in the value is still to be resolved.
pub(crate) fn holds_opaque(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_opaque),
        Value::Object(members) => is_opaque(value) || members.values().any(holds_opaque),
        other => is_opaque(other),
    }
}

/// `{"Ref": "AWS::NoValue"}` removes the property that it is given to.
pub(crate) fn is_absent(value: &Value) -> bool {
    value.get("Ref").is_some_and(|name| name == "AWS::NoValue")
}

/// What the value may turn out to be: the branches of an `Fn::If`, else itself.
pub(crate) fn branches(value: &Value) -> Vec<&Value> {
    if intrinsic(value) != Some("Fn::If") {
        return vec![value];
    }
    match value["Fn::If"].as_array().map(Vec::as_slice) {
        Some([_, yes, no]) => [branches(yes), branches(no)].concat(),
        _ => vec![value],
    }
}

/// The value as one of the types, converted where CloudFormation converts: a template may write a number or a boolean
/// as text and the other way round, because YAML and parameters do.
pub(crate) fn as_type<'a>(value: &'a Value, types: &[&str]) -> Option<Cow<'a, Value>> {
    if types.is_empty() || types.iter().any(|name| is_type(value, name)) {
        return Some(Cow::Borrowed(value));
    }
    types
        .iter()
        .find_map(|name| converted(value, name))
        .map(Cow::Owned)
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => {
            value.is_i64()
                || value.is_u64()
                || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}

fn converted(value: &Value, name: &str) -> Option<Value> {
    match (name, value) {
        ("string", Value::Number(number)) => Some(Value::String(number.to_string())),
        ("string", Value::Bool(flag)) => Some(Value::String(flag.to_string())),
        ("boolean", Value::String(text)) => match text.to_ascii_lowercase().as_str() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        ("integer", Value::String(text)) => text.parse::<i64>().ok().map(Value::from),
        ("number", Value::String(text)) => text
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map(Value::from),
        _ => None,
    }
}

/// What the validator behind CloudFormation calls a type of the schema.
pub(crate) fn type_title(name: &str) -> &'static str {
    match name {
        "string" => "String",
        "boolean" => "Boolean",
        "integer" => "Integer",
        "number" => "Number",
        "array" => "JSONArray",
        "object" => "JSONObject",
        _ => "Null",
    }
}

/// What it calls the type of a value.
pub(crate) fn value_title(value: &Value) -> &'static str {
    match value {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Number(number) if number.is_f64() => "BigDecimal",
        Value::Number(_) => "Integer",
        Value::String(_) => "String",
        Value::Array(_) => "JSONArray",
        Value::Object(_) => "JSONObject",
    }
}
