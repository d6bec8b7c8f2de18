//! REST with JSON bodies: <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html>.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, request};
use serde_json::{Map, Value};

use super::json_value::Reader;
use super::{Refusal, http_binding, json, json_value, respond, set_header};
use crate::dialect;
use crate::error::{Error, Fault};
use crate::model::{Kind, Location, Member, Operation, Shape};
use crate::route::Labels;

const JSON: &str = "application/json";

pub(super) fn decode(
    operation: &Operation,
    shape: &Shape,
    head: &request::Parts,
    labels: &Labels,
    body: &[u8],
) -> Result<Value, Error> {
    let mut input = http_binding::decode(shape, head, labels)?;
    let reader = Reader {
        texts: dialect::of(operation.service.name).json_type_texts,
    };
    match shape.payload_member() {
        Some(payload) => {
            if let Some(value) = read_payload(payload, body, &reader)? {
                input.insert(payload.name.to_owned(), value);
            }
        }
        None => input.extend(read_body(shape, body, &reader)?),
    }
    Ok(Value::Object(input))
}

fn read_payload(payload: &Member, body: &[u8], reader: &Reader) -> Result<Option<Value>, Error> {
    match payload.shape().kind {
        Kind::Blob | Kind::String => http_binding::read_raw_payload(payload, body),
        _ if body.is_empty() || payload.is_streaming() => Ok(None),
        _ => {
            let mut value = json_value::parse_document(body)?;
            reader.member(payload, &mut value)?;
            Ok(Some(value).filter(|value| !value.is_null()))
        }
    }
}

/// A member of another location that is also named in the body does not count.
fn read_body(shape: &Shape, body: &[u8], reader: &Reader) -> Result<Map<String, Value>, Error> {
    if body.is_empty() || shape.body_members().next().is_none() {
        return Ok(Map::new());
    }
    let value = json_value::parse(shape, body, reader.texts)?;
    let Value::Object(mut members) = value else {
        return Ok(Map::new());
    };
    members.retain(|name, _| {
        shape
            .member(name)
            .is_some_and(|member| member.location == Location::Body)
    });
    Ok(members)
}

pub(super) fn encode(operation: &Operation, output: &Value, request_id: &str) -> Response<Bytes> {
    let Some(shape) = operation.output else {
        return respond(operation.status, None, request_id, Bytes::new());
    };
    let mut response = match shape.payload_member() {
        Some(payload) => encode_payload(operation, payload, output, request_id),
        None => encode_body(operation, shape, output, request_id),
    };
    http_binding::encode(shape, output, &mut response);
    response
}

fn encode_payload(
    operation: &Operation,
    payload: &Member,
    output: &Value,
    request_id: &str,
) -> Response<Bytes> {
    let value = output.get(payload.name);
    let raw = matches!(payload.shape().kind, Kind::Blob | Kind::String);
    let (content_type, body) = match value {
        _ if payload.is_streaming() => (None, Vec::new()),
        Some(value) if raw => (
            None,
            http_binding::raw_payload(payload, value).unwrap_or_default(),
        ),
        Some(value) => (
            Some(JSON),
            written(|out| json_value::write_member(payload, value, out)),
        ),
        None if payload.shape().kind == Kind::Structure && !payload.shape().union => {
            (Some(JSON), b"{}".to_vec())
        }
        None => (None, Vec::new()),
    };
    let default = match (payload.shape().kind, value) {
        (Kind::Blob, Some(_)) => Some("application/octet-stream"),
        (Kind::String, Some(_)) => Some("text/plain"),
        _ => content_type,
    };
    respond(operation.status, default, request_id, body)
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write(&mut out);
    out
}

/// An output whose members all travel in headers has no body; one without members has an empty structure.
fn encode_body(
    operation: &Operation,
    shape: &Shape,
    output: &Value,
    request_id: &str,
) -> Response<Bytes> {
    let outside = !shape.members.is_empty() && !shape.members.iter().any(Member::is_in_answer);
    let bodiless = outside || operation.status == 204 || operation.method == http::Method::HEAD;
    if bodiless {
        return respond(operation.status, None, request_id, Bytes::new());
    }
    let body = written(|out| json_value::write_structure(shape, output, out));
    respond(operation.status, Some(JSON), request_id, body)
}

pub(super) fn encode_error(refusal: &Refusal<'_>, request_id: &str) -> Response<Bytes> {
    let value = refusal.value();
    let mut document = json::error_members(refusal, &value);
    add_type(refusal, &mut document);
    let mut response = respond(
        refusal.status(),
        Some(JSON),
        request_id,
        Value::Object(document).to_string(),
    );
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    set_header(
        &mut response,
        HeaderName::from_static("x-amzn-errortype"),
        refusal.shape_code(),
    );
    if let Some(shape) = refusal.shape {
        http_binding::encode(shape, &value, &mut response);
    }
    response
}

/// Lambda's error shapes say whose fault it was, in a member of their own.
fn add_type(refusal: &Refusal<'_>, document: &mut Map<String, Value>) {
    let typed = refusal
        .shape
        .is_some_and(|shape| shape.member("Type").is_some());
    if typed && !document.contains_key("Type") {
        let fault = if refusal.error.fault == Fault::Sender {
            "User"
        } else {
            "Service"
        };
        document.insert("Type".to_owned(), Value::from(fault));
    }
}
