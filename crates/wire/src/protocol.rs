//! The protocols, each one codec over the models, chosen by [`Protocol`].
//!
//! A codec knows where members go and what envelope surrounds them. It never asks which operation it carries: what differs
//! between services of one protocol is a fact of the model or a row of the dialect table.

pub(crate) mod cbor;
pub(crate) mod form;
mod http_binding;
mod json;
pub(crate) mod json_value;
mod query;
mod rest_json;
mod rest_xml;
pub(crate) mod scalar;
pub(crate) mod xml;
mod xml_value;

use std::borrow::Cow;
use std::io::Read as _;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode, request};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::model::{Metadata, Operation, Service, Shape};
use crate::route::Labels;

pub use rest_xml::add_s3_ids;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// JSON 1.0 and 1.1: the operation in `X-Amz-Target`.
    Json,
    RestJson,
    RestXml,
    /// Forms in, XML out.
    Query,
    /// Smithy RPC v2 with CBOR.
    Cbor,
}

impl Protocol {
    pub(crate) fn of_model(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "rest-json" => Some(Self::RestJson),
            "rest-xml" => Some(Self::RestXml),
            "query" => Some(Self::Query),
            "smithy-rpc-v2-cbor" => Some(Self::Cbor),
            _ => None,
        }
    }
}

/// The input of an operation in canonical form. A streaming payload is not read; pass an empty body.
pub fn decode(
    operation: &Operation,
    protocol: Protocol,
    head: &request::Parts,
    labels: &Labels,
    body: &[u8],
) -> Result<Value, Error> {
    let Some(shape) = operation.input else {
        return Ok(Value::Object(Map::new()));
    };
    let body = if operation.request_compression.is_empty() {
        body.into()
    } else {
        inflate(head, body)?
    };
    let body = body.as_ref();
    let decoded = match protocol {
        Protocol::Json => json::decode(operation, shape, body),
        Protocol::RestJson => rest_json::decode(operation, shape, head, labels, body),
        Protocol::RestXml => rest_xml::decode(operation, shape, head, labels, body),
        Protocol::Query => query::decode(operation, shape, head, labels, body),
        Protocol::Cbor => cbor::decode(operation, shape, body),
    };
    decoded.map_err(|mut error| {
        if protocol != Protocol::RestXml {
            error.members.clear();
        }
        error
    })
}

/// What a compressed body may grow to; metrics are at most 1 MB.
const INFLATED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Undoes `Content-Encoding: gzip`, which clients apply to large requests of some operations (`PutMetricData`).
pub(crate) fn inflate<'a>(head: &request::Parts, body: &'a [u8]) -> Result<Cow<'a, [u8]>, Error> {
    let encoding = head
        .headers
        .get(CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if encoding.rsplit(',').next().map(str::trim) != Some("gzip") {
        return Ok(Cow::Borrowed(body));
    }
    let mut inflated = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(body).take(INFLATED_BYTES_MAX + 1);
    let read = decoder.read_to_end(&mut inflated);
    if read.is_err() || inflated.len() as u64 > INFLATED_BYTES_MAX {
        return Err(serialization("The body can not be decompressed"));
    }
    Ok(Cow::Owned(inflated))
}

/// The response of an operation that succeeded. Where [`Operation::streaming_output`] names a member, the body is empty and
/// the caller supplies its own.
pub fn encode(
    operation: &Operation,
    protocol: Protocol,
    output: &Value,
    request_id: &str,
) -> Response<Bytes> {
    match protocol {
        Protocol::Json => json::encode(operation, output, request_id),
        Protocol::RestJson => rest_json::encode(operation, output, request_id),
        Protocol::RestXml => rest_xml::encode(operation, output, request_id),
        Protocol::Query => query::encode(operation, output, request_id),
        Protocol::Cbor => cbor::encode(operation, output, request_id),
    }
}

/// The response of an operation that was refused, or of a request that never became one.
pub fn encode_error(
    service: &Service,
    protocol: Protocol,
    error: &Error,
    request_id: &str,
) -> Response<Bytes> {
    let refusal = Refusal {
        metadata: service.metadata,
        shape: service.error(&error.code),
        error,
    };
    encode_for(&refusal, protocol, request_id)
}

fn encode_for(refusal: &Refusal<'_>, protocol: Protocol, request_id: &str) -> Response<Bytes> {
    let mut response = encode_body_for(refusal, protocol, request_id);
    for (name, value) in &refusal.error.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(*name, value);
        }
    }
    response
}

fn encode_body_for(refusal: &Refusal<'_>, protocol: Protocol, request_id: &str) -> Response<Bytes> {
    match protocol {
        Protocol::Json => json::encode_error(refusal, request_id),
        Protocol::RestJson => rest_json::encode_error(refusal, request_id),
        Protocol::RestXml => rest_xml::encode_error(refusal, request_id),
        Protocol::Query => query::encode_error(refusal, request_id),
        Protocol::Cbor => cbor::encode_error(refusal, request_id),
    }
}

/// The response to a request for a service that is not in the models.
pub fn encode_refusal(protocol: Protocol, error: &Error, request_id: &str) -> Response<Bytes> {
    let metadata = Metadata {
        message_member: "message",
        ..Metadata::default()
    };
    encode_for(
        &Refusal {
            metadata: &metadata,
            shape: None,
            error,
        },
        protocol,
        request_id,
    )
}

/// An error beside what the model knows of it.
struct Refusal<'a> {
    metadata: &'a Metadata,
    shape: Option<&'static Shape>,
    error: &'a Error,
}

impl Refusal<'_> {
    /// The code of protocols that go by the wire code (query).
    fn wire_code(&self) -> &str {
        let facts = self.shape.and_then(|shape| shape.error.as_ref());
        facts.map_or(self.error.code.as_str(), |facts| facts.code.as_str())
    }

    /// The code of protocols that go by the shape's name (json, cbor).
    fn shape_code(&self) -> &str {
        self.shape
            .map_or(self.error.code.as_str(), |shape| shape.name)
    }

    /// All members of the error in canonical form, its text among them.
    fn value(&self) -> Value {
        let mut members = Map::new();
        let shape_member = self.shape.and_then(|shape| {
            shape
                .members
                .iter()
                .find(|member| member.name.eq_ignore_ascii_case("message"))
        });
        let name = shape_member.map_or(self.metadata.message_member, |member| member.name);
        if !self.error.message.is_empty() {
            members.insert(name.to_owned(), Value::String(self.error.message.clone()));
        }
        members.extend(
            self.error
                .members
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        Value::Object(members)
    }

    /// `x-amzn-query-error`, for clients that grew up with the query protocol.
    fn query_error(&self) -> Option<String> {
        let fault = if self.error.fault == crate::Fault::Sender {
            "Sender"
        } else {
            "Receiver"
        };
        self.metadata
            .query_compatible
            .then(|| format!("{};{fault}", self.wire_code()))
    }

    fn status(&self) -> u16 {
        self.error.status
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

fn respond(
    status: u16,
    content_type: Option<&'static str>,
    request_id: &str,
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set_header(&mut response, REQUEST_ID, request_id);
    if let Some(content_type) = content_type {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}

/// Leaves a header out that cannot be one: a control character in it would end the response's head.
fn set_header(response: &mut Response<Bytes>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        response.headers_mut().insert(name, value);
    }
}

/// What a request that cannot be read is answered with.
fn serialization(message: impl Into<String>) -> Error {
    Error::sender("SerializationException", message)
}

#[cfg(test)]
mod tests;
