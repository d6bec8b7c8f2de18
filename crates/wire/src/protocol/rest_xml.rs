//! REST with XML bodies: <https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html>. Of AWS's services here only S3
//! speaks it, and S3 has habits: roots of its own, one unwrapped output, errors without an envelope.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Response, request};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::xml::{Node, Writer};
use super::xml_value::{self, Codec};
use super::{Refusal, http_binding, respond};
use crate::dialect;
use crate::error::Error;
use crate::model::{Kind, Location, Member, Operation, Shape, XmlNamespace};
use crate::route::Labels;

const XML: &str = "application/xml";
const S3_NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Roots of S3's answers where they are not the output's name. From the API reference's response syntax.
const S3_ROOTS: [(&str, &str); 29] = [
    ("CompleteMultipartUpload", "CompleteMultipartUploadResult"),
    ("CreateMultipartUpload", "InitiateMultipartUploadResult"),
    ("CreateSession", "CreateSessionResult"),
    ("DeleteObjects", "DeleteResult"),
    (
        "GetBucketAccelerateConfiguration",
        "AccelerateConfiguration",
    ),
    ("GetBucketAcl", "AccessControlPolicy"),
    ("GetBucketCors", "CORSConfiguration"),
    ("GetBucketLifecycle", "LifecycleConfiguration"),
    ("GetBucketLifecycleConfiguration", "LifecycleConfiguration"),
    ("GetBucketLocation", "LocationConstraint"),
    ("GetBucketLogging", "BucketLoggingStatus"),
    (
        "GetBucketNotificationConfiguration",
        "NotificationConfiguration",
    ),
    ("GetBucketRequestPayment", "RequestPaymentConfiguration"),
    ("GetBucketTagging", "Tagging"),
    ("GetBucketVersioning", "VersioningConfiguration"),
    ("GetBucketWebsite", "WebsiteConfiguration"),
    ("GetObjectAcl", "AccessControlPolicy"),
    ("GetObjectAttributes", "GetObjectAttributesResponse"),
    ("GetObjectTagging", "Tagging"),
    (
        "ListBucketAnalyticsConfigurations",
        "ListBucketAnalyticsConfigurationResult",
    ),
    (
        "ListBucketInventoryConfigurations",
        "ListInventoryConfigurationsResult",
    ),
    (
        "ListBucketMetricsConfigurations",
        "ListMetricsConfigurationsResult",
    ),
    ("ListBuckets", "ListAllMyBucketsResult"),
    ("ListDirectoryBuckets", "ListAllMyDirectoryBucketsResult"),
    ("ListMultipartUploads", "ListMultipartUploadsResult"),
    ("ListObjectVersions", "ListVersionsResult"),
    ("ListObjects", "ListBucketResult"),
    ("ListObjectsV2", "ListBucketResult"),
    ("ListParts", "ListPartsResult"),
];

pub(super) fn decode(
    operation: &Operation,
    shape: &Shape,
    head: &request::Parts,
    labels: &Labels,
    body: &[u8],
) -> Result<Value, Error> {
    refuse_encryption_of_reads(operation, head)?;
    let mut input =
        http_binding::decode(shape, head, labels).map_err(|error| s3_argument(operation, error))?;
    let codec = Codec::rest(dialect::of(operation.service.name).milliseconds);
    match shape.payload_member() {
        Some(payload) => {
            if let Some(value) = read_payload(&codec, payload, body)? {
                input.insert(payload.name.to_owned(), value);
            }
        }
        None if shape.body_members().next().is_some() && !body.is_empty() => {
            input.extend(codec.read_members(shape, &root(body)?).map_err(malformed)?);
        }
        None => {}
    }
    Ok(Value::Object(input))
}

/// How an object is encrypted was said when it was written; S3 will not hear it from a reader.
fn refuse_encryption_of_reads(operation: &Operation, head: &request::Parts) -> Result<(), Error> {
    const HEADER: &str = "x-amz-server-side-encryption";
    let reads = ["GetObject", "HeadObject"].contains(&operation.name);
    let Some(value) = head.headers.get(HEADER).filter(|_| reads) else {
        return Ok(());
    };
    let text = format!("{HEADER} header is not supported for this operation.");
    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
    Err(Error::sender("InvalidArgument", text)
        .with_member("ArgumentName", HEADER)
        .with_member("ArgumentValue", value))
}

fn read_payload(codec: &Codec, payload: &Member, body: &[u8]) -> Result<Option<Value>, Error> {
    match payload.shape().kind {
        Kind::Blob | Kind::String => http_binding::read_raw_payload(payload, body),
        _ if body.is_empty() || payload.is_streaming() => Ok(None),
        _ => codec
            .read_member(payload, &root(body)?)
            .map(Some)
            .map_err(malformed),
    }
}

fn root(body: &[u8]) -> Result<Node, Error> {
    let text =
        "The XML you provided was not well-formed or did not validate against our published schema";
    Node::parse(body).ok_or_else(|| Error::sender("MalformedXML", text))
}

fn malformed(_: Error) -> Error {
    Error::sender(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

/// A header or parameter of the wrong type, which in S3 is nearly always a number.
fn s3_argument(operation: &Operation, mut error: Error) -> Error {
    if operation.service.name != "s3" {
        return error;
    }
    if let Some(name) = error.members.get("ArgumentName").and_then(Value::as_str) {
        error.message = format!("Provided {name} not an integer or within integer range");
    }
    error.code = "InvalidArgument".to_owned();
    error
}

pub(super) fn encode(operation: &Operation, output: &Value, request_id: &str) -> Response<Bytes> {
    let Some(shape) = operation.output else {
        // The model says 200 of it, S3 itself does not.
        let status = match operation.name {
            "PutBucketPolicy" => 204,
            _ => operation.status,
        };
        let response = respond(status, None, request_id, Bytes::new());
        return finish(operation, response, request_id);
    };
    let (content_type, body) = match shape.payload_member() {
        Some(payload) => payload_body(operation, payload, output),
        None => members_body(operation, shape, output),
    };
    let mut response = respond(operation.status, content_type, request_id, body);
    http_binding::encode(shape, output, &mut response);
    finish(operation, response, request_id)
}

fn payload_body(
    operation: &Operation,
    payload: &Member,
    output: &Value,
) -> (Option<&'static str>, Vec<u8>) {
    let raw = matches!(payload.shape().kind, Kind::Blob | Kind::String);
    let Some(value) = output.get(payload.name).filter(|_| !payload.is_streaming()) else {
        return (None, Vec::new());
    };
    if raw {
        let default = if payload.shape().kind == Kind::Blob {
            "application/octet-stream"
        } else {
            "text/plain"
        };
        return (
            Some(default),
            http_binding::raw_payload(payload, value).unwrap_or_default(),
        );
    }
    let shape = payload.shape();
    let own = shape.location_name.as_deref().unwrap_or(shape.name);
    let name = payload
        .wire_name
        .unwrap_or(if operation.service.name == "s3" {
            payload.name
        } else {
            own
        });
    let namespace = payload
        .xml_namespace
        .as_ref()
        .or(shape.xml_namespace.as_ref());
    (
        Some(XML),
        document(operation, name, namespace, shape, value),
    )
}

fn members_body(
    operation: &Operation,
    shape: &Shape,
    output: &Value,
) -> (Option<&'static str>, Vec<u8>) {
    if !shape.members.iter().any(Member::is_in_answer) || operation.status == 204 {
        return (None, Vec::new());
    }
    if operation.name == "GetBucketLocation" && operation.service.name == "s3" {
        return (Some(XML), bucket_location(output));
    }
    let s3_root = S3_ROOTS
        .iter()
        .find(|(name, _)| *name == operation.name)
        .map(|(_, root)| *root);
    let own = shape.location_name.as_deref().unwrap_or(shape.name);
    let name = s3_root
        .filter(|_| operation.service.name == "s3")
        .unwrap_or(own);
    (
        Some(XML),
        document(operation, name, shape.xml_namespace.as_ref(), shape, output),
    )
}

fn document(
    operation: &Operation,
    root: &str,
    namespace: Option<&XmlNamespace>,
    shape: &Shape,
    value: &Value,
) -> Vec<u8> {
    let mut writer = Writer::new();
    let of_s3 = XmlNamespace {
        uri: S3_NAMESPACE.to_owned(),
        prefix: None,
    };
    let default = (operation.service.name == "s3").then_some(&of_s3);
    xml_value::open(
        root,
        namespace.or(default),
        &xml_value::attributes(shape, value),
        &mut writer,
    );
    Codec::rest(dialect::of(operation.service.name).milliseconds).write_members(
        shape,
        value,
        &mut writer,
    );
    writer.close(root);
    writer.finish().into_bytes()
}

/// The one output that is its own root: the region, or nothing for us-east-1.
fn bucket_location(output: &Value) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.open_with("LocationConstraint", &[("xmlns", S3_NAMESPACE)]);
    writer.text(
        output
            .get("LocationConstraint")
            .and_then(Value::as_str)
            .unwrap_or(""),
    );
    writer.close("LocationConstraint");
    writer.finish().into_bytes()
}

fn finish(
    operation: &Operation,
    mut response: Response<Bytes>,
    request_id: &str,
) -> Response<Bytes> {
    if operation.service.name == "s3" {
        s3_headers(&mut response, request_id);
    }
    response
}

fn s3_headers(response: &mut Response<Bytes>, request_id: &str) {
    add_s3_ids(response.headers_mut(), request_id);
}

/// S3 names the request twice, and not as the others do.
pub fn add_s3_ids(headers: &mut HeaderMap, request_id: &str) {
    headers.remove(super::REQUEST_ID);
    for (name, value) in [
        ("x-amz-request-id", request_id),
        ("x-amz-id-2", &host_id(request_id)),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// Opaque to clients; the same in the header and in the error's body.
fn host_id(request_id: &str) -> String {
    let digest = Sha256::digest(request_id);
    STANDARD.encode([&digest[..], &digest[..24]].concat())
}

pub(super) fn encode_error(refusal: &Refusal<'_>, request_id: &str) -> Response<Bytes> {
    if refusal.metadata.name == "s3" {
        encode_s3_error(refusal, request_id)
    } else {
        encode_wrapped(refusal, request_id)
    }
}

/// Without wrapper or namespace, extra elements between message and ids. The caller drops the body for HEAD.
fn encode_s3_error(refusal: &Refusal<'_>, request_id: &str) -> Response<Bytes> {
    let mut response = respond(refusal.status(), Some(XML), request_id, Bytes::new());
    let headers = header_members(refusal);
    let mut writer = Writer::new();
    writer.open("Error");
    // S3's own name for what the other services call an internal failure.
    let code = match refusal.wire_code() {
        "InternalFailure" => "InternalError",
        code => code,
    };
    writer.element("Code", code);
    writer.element("Message", &refusal.error.message);
    for (name, value) in refusal
        .error
        .members
        .iter()
        .filter(|(name, _)| !headers.contains_key(name.as_str()))
    {
        writer.element(name, value.as_str().unwrap_or(&value.to_string()));
    }
    writer.element("RequestId", request_id);
    writer.element("HostId", &host_id(request_id));
    writer.close("Error");
    if refusal.status() != 304 {
        *response.body_mut() = writer.finish().into();
    }
    apply_headers(refusal, &mut response);
    s3_headers(&mut response, request_id);
    response
}

fn encode_wrapped(refusal: &Refusal<'_>, request_id: &str) -> Response<Bytes> {
    let mut writer = Writer::new();
    let fault = if refusal.error.fault == crate::Fault::Sender {
        "Sender"
    } else {
        "Receiver"
    };
    writer.open_with(
        "ErrorResponse",
        &[(
            "xmlns",
            refusal.metadata.xml_namespace.as_deref().unwrap_or(""),
        )],
    );
    writer.open("Error");
    writer.element("Type", fault);
    writer.element("Code", refusal.wire_code());
    let value = refusal.value();
    match refusal.shape {
        Some(shape) => Codec::rest(dialect::of(refusal.metadata.name).milliseconds).write_members(
            shape,
            &value,
            &mut writer,
        ),
        None => writer.element("Message", &refusal.error.message),
    }
    writer.close("Error");
    writer.element("RequestId", request_id);
    writer.close("ErrorResponse");
    let mut response = respond(refusal.status(), Some(XML), request_id, writer.finish());
    apply_headers(refusal, &mut response);
    response
}

fn header_members(refusal: &Refusal<'_>) -> Map<String, Value> {
    let Some(shape) = refusal.shape else {
        return Map::new();
    };
    let members = refusal.error.members.iter();
    let bound = members.filter(|(name, _)| {
        shape
            .member(name)
            .is_some_and(|member| member.location != Location::Body)
    });
    bound
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn apply_headers(refusal: &Refusal<'_>, response: &mut Response<Bytes>) {
    if let Some(shape) = refusal.shape {
        http_binding::encode(shape, &Value::Object(header_members(refusal)), response);
    }
}
