//! JSON documents along a shape: the bodies of json and rest-json.
//!
//! A wire document differs from the canonical value only in names (`locationName`) and timestamps, so reading checks and
//! adjusts the parsed document in place, and writing goes straight to bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::serialization;
use crate::dialect::JsonTypeTexts;
use crate::error::Error;
use crate::model::{Kind, Member, Shape};
use crate::timestamp::{self, Milliseconds, TimestampFormat};

/// Parses a body and brings it to canonical form; an empty body is an empty structure.
pub(super) fn parse(shape: &Shape, body: &[u8], texts: JsonTypeTexts) -> Result<Value, Error> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let mut document = parse_document(body)?;
    Reader { texts }.structure(shape, &mut document)?;
    Ok(document)
}

pub(super) fn parse_document(body: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(body).map_err(|_| serialization(""))
}

pub(super) struct Reader {
    pub(super) texts: JsonTypeTexts,
}

impl Reader {
    pub(super) fn member(&self, member: &Member, value: &mut Value) -> Result<(), Error> {
        let shape = member.shape();
        match (shape.kind, &mut *value) {
            (_, Value::Null) | (Kind::Document, _) => Ok(()),
            (Kind::Structure, _) => self.structure(shape, value),
            (Kind::List, Value::Array(items)) => self.list(shape, items),
            (Kind::Map, Value::Object(entries)) => self.map(shape, entries),
            (Kind::String, Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => Ok(()),
            (Kind::Integer | Kind::Long, Value::Number(_)) => truncate(value),
            (Kind::Float | Kind::Double, Value::Number(_)) => Ok(()),
            (Kind::Float | Kind::Double, Value::String(text)) if is_special(text) => Ok(()),
            (Kind::Blob, Value::String(text)) => check_base64(text),
            (Kind::Timestamp, _) => self.timestamp(shape.kind, value),
            (kind, value) => Err(self.mismatch(kind, value)),
        }
    }

    /// Keeps what the model knows, under the model's names.
    fn structure(&self, shape: &Shape, value: &mut Value) -> Result<(), Error> {
        let Value::Object(entries) = value else {
            return Err(self.mismatch(Kind::Structure, value));
        };
        let mut failure = None;
        let mut renamed = false;
        entries.retain(|name, value| match shape.wire_member(name) {
            Some(member) if !value.is_null() => {
                renamed |= member.name != name;
                failure = failure.take().or_else(|| self.member(member, value).err());
                true
            }
            _ => false,
        });
        if renamed {
            let wire = std::mem::take(entries);
            *entries = wire
                .into_iter()
                .map(|(name, value)| (canonical_name(shape, name), value))
                .collect();
        }
        failure.map_or(Ok(()), Err)
    }

    fn list(&self, shape: &Shape, items: &mut [Value]) -> Result<(), Error> {
        let Some(element) = &shape.element else {
            return Ok(());
        };
        items
            .iter_mut()
            .try_for_each(|item| self.member(element, item))
    }

    fn map(&self, shape: &Shape, entries: &mut Map<String, Value>) -> Result<(), Error> {
        let Some(member) = &shape.value else {
            return Ok(());
        };
        entries
            .iter_mut()
            .try_for_each(|(_, value)| self.member(member, value))
    }

    fn timestamp(&self, kind: Kind, value: &mut Value) -> Result<(), Error> {
        let moment = match &*value {
            Value::Number(_) => return Ok(()),
            Value::String(text) => timestamp::parse(text),
            _ => None,
        };
        let Some(moment) = moment else {
            return Err(self.mismatch(kind, value));
        };
        *value = timestamp::from_milliseconds(moment);
        Ok(())
    }

    fn mismatch(&self, expected: Kind, found: &Value) -> Error {
        serialization(match self.texts {
            JsonTypeTexts::JavaClass => java_class_text(expected, found),
            JsonTypeTexts::Token => token_text(expected, found),
        })
    }
}

fn canonical_name(shape: &Shape, wire_name: String) -> String {
    shape
        .wire_member(&wire_name)
        .map_or(wire_name, |member| member.name.to_owned())
}

/// AWS's reader truncates a number with a fraction where an integer is asked for.
#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, as the Java cast does"
)]
fn truncate(value: &mut Value) -> Result<(), Error> {
    if !value.is_i64() && !value.is_u64() {
        *value = Value::from(value.as_f64().unwrap_or_default() as i64);
    }
    Ok(())
}

fn is_special(text: &str) -> bool {
    matches!(text, "NaN" | "Infinity" | "-Infinity")
}

fn check_base64(text: &str) -> Result<(), Error> {
    let valid = STANDARD.decode(text).is_ok();
    if valid {
        Ok(())
    } else {
        Err(serialization("Invalid Base64 encoding"))
    }
}

fn token_text(expected: Kind, found: &Value) -> String {
    let token = match found {
        Value::Object(_) => {
            return "Start of structure or map found where not expected.".to_owned();
        }
        Value::Array(_) => return "Start of list found where not expected".to_owned(),
        Value::String(_) => "STRING_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::Null => "NULL_VALUE",
    };
    match expected {
        Kind::Structure | Kind::Map | Kind::List => "Unexpected field type".to_owned(),
        kind => format!("{token} cannot be converted to {}", java_type(kind)),
    }
}

fn java_class_text(expected: Kind, found: &Value) -> String {
    let class = match found {
        Value::Object(_) => {
            return "Start of structure or map found where not expected.".to_owned();
        }
        Value::Array(_) => return "Start of list found where not expected".to_owned(),
        Value::String(_) => "java.lang.String",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(_) => "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
        Value::Null => "null",
    };
    match expected {
        Kind::List | Kind::Map => format!("Unrecognized collection type class {class}"),
        Kind::Structure => "Expected null".to_owned(),
        kind => format!(
            "class {class} can not be converted to an {}",
            java_type(kind)
        ),
    }
}

fn java_type(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "String",
        Kind::Integer => "Integer",
        Kind::Long => "Long",
        Kind::Float => "Float",
        Kind::Double => "Double",
        Kind::Boolean => "Boolean",
        Kind::Blob => "Blob",
        Kind::Timestamp => "milliseconds since epoch",
        Kind::Structure | Kind::List | Kind::Map | Kind::Document => "Structure",
    }
}

/// Writes a structure's members that travel in the body.
pub(super) fn write_structure(shape: &Shape, value: &Value, out: &mut Vec<u8>) {
    out.push(b'{');
    let mut first = true;
    for (name, value) in value.as_object().into_iter().flatten() {
        let member = shape.member(name).filter(|member| member.is_in_answer());
        if let Some(member) = member.filter(|_| !value.is_null()) {
            separate(&mut first, out);
            write_string(member.wire(), out);
            out.push(b':');
            write_member(member, value, out);
        }
    }
    out.push(b'}');
}

fn separate(first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
}

pub(super) fn write_member(member: &Member, value: &Value, out: &mut Vec<u8>) {
    let shape = member.shape();
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(_)) => write_structure(shape, value, out),
        (Kind::List, Value::Array(items)) => write_list(shape, items, out),
        (Kind::Map, Value::Object(entries)) => write_map(shape, entries, out),
        (Kind::Timestamp, _) => write_timestamp(member, value, out),
        (_, Value::String(text)) => write_string(text, out),
        _ => write_value(value, out),
    }
}

fn write_list(shape: &Shape, items: &[Value], out: &mut Vec<u8>) {
    out.push(b'[');
    let mut first = true;
    for item in items {
        separate(&mut first, out);
        match &shape.element {
            Some(element) => write_member(element, item, out),
            None => write_value(item, out),
        }
    }
    out.push(b']');
}

fn write_map(shape: &Shape, entries: &Map<String, Value>, out: &mut Vec<u8>) {
    out.push(b'{');
    let mut first = true;
    for (name, value) in entries {
        separate(&mut first, out);
        write_string(name, out);
        out.push(b':');
        match &shape.value {
            Some(member) => write_member(member, value, out),
            None => write_value(value, out),
        }
    }
    out.push(b'}');
}

fn write_timestamp(member: &Member, value: &Value, out: &mut Vec<u8>) {
    let format = member
        .timestamp_format()
        .unwrap_or(TimestampFormat::EpochSeconds);
    match timestamp::milliseconds(value) {
        Some(moment) if format != TimestampFormat::EpochSeconds => {
            write_string(
                &timestamp::format(moment, format, Milliseconds::WhereNotZero),
                out,
            );
        }
        _ => write_value(value, out),
    }
}

pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    // Writing to memory cannot fail, and a string is always valid JSON.
    drop(serde_json::to_writer(out, text));
}

pub(super) fn write_value(value: &Value, out: &mut Vec<u8>) {
    // Writing to memory cannot fail, and a value's keys are strings.
    drop(serde_json::to_writer(out, value));
}
