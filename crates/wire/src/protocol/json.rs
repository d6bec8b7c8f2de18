//! JSON 1.0 and 1.1: <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>.

use bytes::Bytes;
use http::Response;
use http::header::HeaderName;
use serde_json::{Map, Value};

use super::{Refusal, json_value, respond, set_header};
use crate::dialect;
use crate::error::Error;
use crate::model::{Metadata, Operation, Shape};

pub(super) fn decode(operation: &Operation, shape: &Shape, body: &[u8]) -> Result<Value, Error> {
    json_value::parse(
        shape,
        body,
        dialect::of(operation.service.name).json_type_texts,
    )
}

pub(super) fn encode(operation: &Operation, output: &Value, request_id: &str) -> Response<Bytes> {
    let mut body = Vec::with_capacity(512);
    if let Some(shape) = operation.output {
        json_value::write_structure(shape, output, &mut body);
    }
    finish(operation.service, operation.status, request_id, body)
}

fn finish(service: &Metadata, status: u16, request_id: &str, body: Vec<u8>) -> Response<Bytes> {
    let checksum = dialect::of(service.name)
        .crc32
        .then(|| crate::checksum::crc32(&body));
    let mut response = respond(status, Some(content_type(service)), request_id, body);
    if let Some(checksum) = checksum {
        set_header(
            &mut response,
            HeaderName::from_static("x-amz-crc32"),
            &checksum.to_string(),
        );
    }
    response
}

fn content_type(service: &Metadata) -> &'static str {
    match service.json_version.as_deref() {
        Some("1.0") => "application/x-amz-json-1.0",
        _ => "application/x-amz-json-1.1",
    }
}

pub(super) fn encode_error(refusal: &Refusal<'_>, request_id: &str) -> Response<Bytes> {
    let mut body = Vec::with_capacity(256);
    json_value::write_value(&error_document(refusal), &mut body);
    let mut response = finish(refusal.metadata, refusal.status(), request_id, body);
    if let Some(query_error) = refusal.query_error() {
        set_header(
            &mut response,
            HeaderName::from_static("x-amzn-query-error"),
            &query_error,
        );
    }
    response
}

/// `__type` first, then the members under their wire names.
fn error_document(refusal: &Refusal<'_>) -> Value {
    let mut document = Map::new();
    document.insert("__type".to_owned(), Value::String(type_name(refusal)));
    document.extend(error_members(refusal, &refusal.value()));
    Value::Object(document)
}

/// The body members of an error under their wire names; what the model does not know stays as it is.
pub(super) fn error_members(refusal: &Refusal<'_>, value: &Value) -> Map<String, Value> {
    let Some(shape) = refusal.shape else {
        return value.as_object().cloned().unwrap_or_default();
    };
    let mut body = Vec::new();
    json_value::write_structure(shape, value, &mut body);
    let mut document: Map<String, Value> = serde_json::from_slice(&body).unwrap_or_default();
    let entries = value.as_object().into_iter().flatten();
    let unknown = entries.filter(|(name, _)| shape.member(name).is_none());
    document.extend(unknown.map(|(name, value)| (name.clone(), value.clone())));
    document
}

/// The framework's own refusals have another namespace than the service's.
pub(super) fn type_name(refusal: &Refusal<'_>) -> String {
    let dialect = dialect::of(refusal.metadata.name);
    let code = refusal.shape_code();
    let namespace = match (refusal.shape, code) {
        (Some(_), _) => dialect.error_namespace,
        (None, "ValidationException") => dialect.framework_namespace,
        (None, _) if dialect.framework_namespace.is_empty() => "",
        (None, _) => "com.amazon.coral.service#",
    };
    format!("{namespace}{code}")
}
