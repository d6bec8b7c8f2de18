//! Scalars as text: in headers, query strings, labels, forms and XML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

use super::serialization;
use crate::error::Error;
use crate::model::{Kind, Member};
use crate::timestamp::{self, Milliseconds, TimestampFormat};

/// Reads a scalar of the member's type.
pub(super) fn read(member: &Member, text: &str) -> Result<Value, Error> {
    let value = match member.shape().kind {
        Kind::String => return Ok(Value::String(text.to_owned())),
        Kind::Blob => STANDARD
            .decode(text.trim())
            .ok()
            .map(|_| Value::String(text.trim().to_owned())),
        Kind::Integer | Kind::Long => read_integer(text),
        Kind::Float | Kind::Double => read_float(text),
        Kind::Boolean => read_boolean(text),
        Kind::Timestamp => timestamp::parse(text).map(timestamp::from_milliseconds),
        Kind::Document => serde_json::from_str(text).ok(),
        Kind::Structure | Kind::List | Kind::Map => None,
    };
    value.ok_or_else(|| malformed(member, text))
}

/// The members are S3's; other services do not show them.
fn malformed(member: &Member, text: &str) -> Error {
    let (name, kind) = (member.wire(), member.shape().kind);
    serialization(format!(
        "Value '{text}' of {name} can not be converted to {kind:?}"
    ))
    .with_member("ArgumentName", name)
    .with_member("ArgumentValue", text)
}

fn read_integer(text: &str) -> Option<Value> {
    let text = text.trim();
    text.parse::<i64>().ok().map(Value::from)
}

fn read_boolean(text: &str) -> Option<Value> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        return Some(Value::Bool(true));
    }
    text.eq_ignore_ascii_case("false")
        .then_some(Value::Bool(false))
}

/// Numbers that JSON lacks stay strings in the canonical form.
fn read_float(text: &str) -> Option<Value> {
    let text = text.trim();
    if matches!(text, "NaN" | "Infinity" | "-Infinity") {
        return Some(Value::String(text.to_owned()));
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Some(Value::from(integer));
    }
    text.parse::<f64>()
        .ok()
        .and_then(Number::from_f64)
        .map(Value::Number)
}

/// Writes a scalar of the member's type; `None` for null and for what is no scalar.
pub(super) fn write(
    member: &Member,
    value: &Value,
    default_format: TimestampFormat,
    fraction: Milliseconds,
) -> Option<String> {
    match (member.shape().kind, value) {
        (_, Value::Null) => None,
        (Kind::Timestamp, value) => {
            let format = member.timestamp_format().unwrap_or(default_format);
            Some(timestamp::format(
                timestamp::milliseconds(value)?,
                format,
                fraction,
            ))
        }
        (_, Value::String(text)) => Some(text.clone()),
        (_, Value::Bool(flag)) => Some(flag.to_string()),
        (_, Value::Number(number)) => Some(number.to_string()),
        (_, Value::Array(_) | Value::Object(_)) => None,
    }
}
