//! Members that travel outside the body: labels, query strings, headers, the status.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName};
use http::{Response, StatusCode, request};
use serde_json::{Map, Value};

use super::{form, scalar, serialization, set_header};
use crate::error::Error;
use crate::model::{Kind, Location, Member, Shape};
use crate::route::Labels;
use crate::timestamp::{Milliseconds, TimestampFormat};

/// All members of a request that are not in its body.
pub(super) fn decode(
    shape: &Shape,
    head: &request::Parts,
    labels: &Labels,
) -> Result<Map<String, Value>, Error> {
    let query = form::parse(head.uri.query().unwrap_or("").as_bytes());
    let mut members = Map::new();
    for member in &shape.members {
        let value = match member.location {
            Location::Uri => labels
                .get(member.wire())
                .map(|text| scalar::read(member, text))
                .transpose()?,
            Location::QueryString => read_query(shape, member, &query)?,
            Location::Header => read_header(member, &head.headers)?,
            Location::Headers => read_prefixed(member, &head.headers),
            Location::Body | Location::StatusCode => None,
        };
        if let Some(value) = value {
            members.insert(member.name.to_owned(), value);
        }
    }
    Ok(members)
}

fn read_query(
    shape: &Shape,
    member: &Member,
    query: &form::Pairs<'_>,
) -> Result<Option<Value>, Error> {
    let mut named = query
        .iter()
        .filter(|(name, _)| name == member.wire())
        .map(|(_, value)| value.as_ref());
    match member.shape().kind {
        Kind::Map => Ok(Some(read_query_map(shape, member, query))),
        Kind::List => {
            let Some(element) = &member.shape().element else {
                return Ok(None);
            };
            let items = named
                .map(|text| scalar::read(element, text))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(Some(items)
                .filter(|items| !items.is_empty())
                .map(Value::Array))
        }
        _ => named
            .next()
            .map(|text| scalar::read(member, text))
            .transpose(),
    }
}

/// All parameters that are no other member's.
fn read_query_map(shape: &Shape, member: &Member, query: &form::Pairs<'_>) -> Value {
    let value = member.shape().value.as_ref();
    let lists = value.is_some_and(|value| value.shape().kind == Kind::List);
    let bound = |name: &str| {
        let mut others = shape
            .members
            .iter()
            .filter(|other| other.location == Location::QueryString);
        others.any(|other| other.shape().kind != Kind::Map && other.wire() == name)
    };
    let mut entries = Map::new();
    for (name, value) in query.iter().filter(|(name, _)| !bound(name)) {
        let value = Value::String(value.to_string());
        match entries.get_mut(name.as_ref()) {
            Some(Value::Array(values)) => values.push(value),
            Some(_) => {}
            None if lists => drop(entries.insert(name.to_string(), Value::Array(vec![value]))),
            None => drop(entries.insert(name.to_string(), value)),
        }
    }
    Value::Object(entries)
}

/// Header values are bytes; clients send UTF-8 in metadata.
fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let first = values.next()?.into_owned();
    Some(values.fold(first, |joined, value| format!("{joined}, {value}")))
}

fn read_header(member: &Member, headers: &HeaderMap) -> Result<Option<Value>, Error> {
    let Some(text) = header_text(headers, member.wire()) else {
        return Ok(None);
    };
    if member.json_value {
        let decoded = STANDARD
            .decode(&text)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let refusal = || serialization(format!("Invalid JSON in header {}", member.wire()));
        return decoded.map(Value::String).map(Some).ok_or_else(refusal);
    }
    match &member.shape().element {
        Some(element) => read_list(element, &text).map(Some),
        None => scalar::read(member, &text).map(Some),
    }
}

fn read_list(element: &Member, text: &str) -> Result<Value, Error> {
    let http_dates = element.shape().kind == Kind::Timestamp
        && element
            .timestamp_format()
            .is_none_or(|format| format == TimestampFormat::HttpDate);
    let items = if http_dates {
        split_dates(text)
    } else {
        split_list(text)
    };
    items
        .iter()
        .map(|item| scalar::read(element, item))
        .collect::<Result<_, _>>()
        .map(Value::Array)
}

/// Every HTTP date holds a comma of its own.
fn split_dates(text: &str) -> Vec<String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    parts.chunks(2).map(|date| date.join(", ")).collect()
}

/// Commas separate, except in quotes.
fn split_list(text: &str) -> Vec<String> {
    let (mut items, mut item, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for character in text.trim().chars() {
        match character {
            _ if std::mem::take(&mut escaped) => item.push(character),
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => items.push(std::mem::take(&mut item).trim().to_owned()),
            _ => item.push(character),
        }
    }
    items.push(item.trim().to_owned());
    if items == [""] { Vec::new() } else { items }
}

fn read_prefixed(member: &Member, headers: &HeaderMap) -> Option<Value> {
    let prefix = member.wire().to_ascii_lowercase();
    let mut entries = Map::new();
    for name in headers.keys() {
        if let (Some(key), Some(text)) = (
            name.as_str().strip_prefix(&prefix),
            header_text(headers, name.as_str()),
        ) {
            entries.insert(key.to_owned(), Value::String(text));
        }
    }
    (!entries.is_empty()).then_some(Value::Object(entries))
}

/// Puts members of an output that are not in its body where they belong.
pub(super) fn encode(shape: &Shape, output: &Value, response: &mut Response<Bytes>) {
    for (name, value) in output.as_object().into_iter().flatten() {
        let Some(member) = shape.member(name) else {
            continue;
        };
        match member.location {
            Location::Header => write_header(member, value, response),
            Location::Headers => write_prefixed(member, value, response),
            Location::StatusCode => write_status(value, response),
            Location::Body | Location::Uri | Location::QueryString => {}
        }
    }
}

fn write_status(value: &Value, response: &mut Response<Bytes>) {
    let status = value.as_u64().and_then(|status| u16::try_from(status).ok());
    if let Some(status) = status.and_then(|status| StatusCode::from_u16(status).ok()) {
        *response.status_mut() = status;
    }
}

fn write_header(member: &Member, value: &Value, response: &mut Response<Bytes>) {
    let text = match (&member.shape().element, value) {
        (_, Value::String(text)) if member.json_value => Some(STANDARD.encode(text)),
        (Some(element), Value::Array(items)) => {
            Some(join_list(element, items)).filter(|joined| !joined.is_empty())
        }
        _ => header_scalar(member, value),
    };
    if let (Some(text), Ok(name)) = (text, HeaderName::from_bytes(member.wire().as_bytes())) {
        set_header(response, name, &text);
    }
}

fn header_scalar(member: &Member, value: &Value) -> Option<String> {
    scalar::write(
        member,
        value,
        TimestampFormat::HttpDate,
        Milliseconds::WhereNotZero,
    )
}

fn join_list(element: &Member, items: &[Value]) -> String {
    let quote = element.shape().kind == Kind::String;
    let texts = items.iter().filter_map(|item| header_scalar(element, item));
    let quoted = texts.map(|text| {
        if quote && text.contains([',', '"']) {
            quoted(&text)
        } else {
            text
        }
    });
    quoted.collect::<Vec<_>>().join(", ")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn write_prefixed(member: &Member, value: &Value, response: &mut Response<Bytes>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        let name = HeaderName::from_bytes(format!("{}{key}", member.wire()).as_bytes());
        if let (Ok(name), Some(text)) = (name, value.as_str()) {
            set_header(response, name, text);
        }
    }
}

/// A payload of bytes or text: the body itself, where it does not stream.
pub(super) fn read_raw_payload(member: &Member, body: &[u8]) -> Result<Option<Value>, Error> {
    if body.is_empty() || member.is_streaming() {
        return Ok(None);
    }
    if member.shape().kind == Kind::Blob {
        return Ok(Some(Value::String(STANDARD.encode(body))));
    }
    let text = std::str::from_utf8(body).map_err(|_| serialization("The body is not UTF-8"))?;
    Ok(Some(Value::String(text.to_owned())))
}

pub(super) fn raw_payload(member: &Member, value: &Value) -> Option<Vec<u8>> {
    let text = value.as_str()?;
    match member.shape().kind {
        Kind::Blob => STANDARD.decode(text).ok(),
        _ => Some(text.as_bytes().to_vec()),
    }
}
