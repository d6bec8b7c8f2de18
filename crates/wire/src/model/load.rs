//! From the stripped JSON to linked shapes.

use std::collections::HashMap;
use std::sync::OnceLock;

use indexmap::IndexMap;
use serde::Deserialize;

use super::{
    Checksum, Constraints, ErrorTrait, Kind, Location, Member, Metadata, Operation, Pattern,
    Service, Shape, XmlNamespace, sqs_query,
};
use crate::Protocol;
use crate::route::rest;
use crate::timestamp::TimestampFormat;

/// A model that does not parse: impossible for the embedded ones, possible for one given from outside.
#[derive(Debug)]
pub struct LoadError(String);

impl std::fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "service model: {}", self.0)
    }
}

impl std::error::Error for LoadError {}

/// Each name with the place its shape will have.
type Slots = HashMap<String, (&'static str, &'static OnceLock<Shape>)>;

impl Service {
    /// Parses a model in botocore's form. It lives as long as the process, so load each model once.
    pub fn load(name: &'static str, facts: &[u8]) -> Result<&'static Self, LoadError> {
        let raw: RawService =
            serde_json::from_slice(facts).map_err(|error| LoadError(error.to_string()))?;
        let shapes: &'static [OnceLock<Shape>] =
            Vec::leak(raw.shapes.iter().map(|_| OnceLock::new()).collect());
        let slots: Slots = raw
            .shapes
            .keys()
            .zip(shapes)
            .map(|(name, slot)| (name.clone(), (leak(name), slot)))
            .collect();
        for (shape_name, raw_shape) in &raw.shapes {
            let shape = link_shape(name, slots[shape_name].0, raw_shape, &slots)?;
            drop(slots[shape_name].1.set(shape));
        }
        let errors = index_errors(&raw.shapes, &slots);
        let metadata: &'static Metadata =
            Box::leak(Box::new(link_metadata(name, raw.metadata, &errors)));
        let operations = link_operations(metadata, raw.operations, &slots)?;
        let routes = operations
            .values()
            .map(|operation| rest::Pattern::new(operation))
            .collect();
        Ok(Box::leak(Box::new(Self {
            metadata,
            operations,
            errors,
            routes,
            shapes,
        })))
    }
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn target(slots: &Slots, name: &str) -> Result<&'static OnceLock<Shape>, LoadError> {
    slots
        .get(name)
        .map(|slot| slot.1)
        .ok_or_else(|| LoadError(format!("no shape {name}")))
}

fn shape(
    slots: &Slots,
    reference: Option<&RawReference>,
) -> Result<Option<&'static Shape>, LoadError> {
    Ok(match reference {
        Some(reference) => target(slots, &reference.shape)?.get(),
        None => None,
    })
}

fn link_shape(
    service: &str,
    name: &'static str,
    raw: &RawShape,
    slots: &Slots,
) -> Result<Shape, LoadError> {
    let mut members = Vec::with_capacity(raw.members.len());
    for (member_name, reference) in &raw.members {
        let mut member = link_member(leak(member_name), reference, slots)?;
        member.required = raw.required.iter().any(|required| required == member_name);
        if service == "sqs" {
            member.query_name = sqs_query::member_name(name, member_name);
        }
        members.push(member);
    }
    let mut key = optional_member("key", raw.key.as_ref(), slots)?;
    let mut value = optional_member("value", raw.value.as_ref(), slots)?;
    if let (Some(key), Some(value), "sqs") = (&mut key, &mut value, service) {
        let names = sqs_query::map_names(name);
        (key.query_name, value.query_name) = (Some(names.0), Some(names.1));
    }
    Ok(Shape {
        name,
        kind: raw.kind()?,
        by_name: members
            .iter()
            .enumerate()
            .map(|(index, member)| (member.name, index))
            .collect(),
        by_wire_name: members
            .iter()
            .enumerate()
            .map(|(index, member)| (member.wire(), index))
            .collect(),
        payload: raw
            .payload
            .as_ref()
            .and_then(|payload| members.iter().position(|member| member.name == payload)),
        members,
        element: optional_member("member", raw.member.as_ref(), slots)?,
        key,
        value,
        flattened: raw.flattened,
        sensitive: raw.sensitive,
        streaming: raw.streaming,
        event_stream: raw.eventstream,
        union: raw.union,
        constraints: raw.constraints(recorded_pattern(service, name)),
        timestamp_format: raw
            .timestamp_format
            .as_deref()
            .and_then(TimestampFormat::parse),
        location_name: raw.location_name.clone(),
        xml_namespace: raw.xml_namespace.clone().map(XmlNamespace::from),
        error: raw.error_trait(service, name),
    })
}

/// Patterns that AWS prints otherwise than its model gives them. Recorded.
fn recorded_pattern(service: &str, shape: &str) -> Option<&'static str> {
    match (service, shape) {
        ("cloudformation", "StackNameOrId") => Some("[a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*"),
        _ => None,
    }
}

fn optional_member(
    name: &'static str,
    reference: Option<&RawReference>,
    slots: &Slots,
) -> Result<Option<Member>, LoadError> {
    reference
        .map(|reference| link_member(name, reference, slots))
        .transpose()
}

fn link_member(name: &'static str, raw: &RawReference, slots: &Slots) -> Result<Member, LoadError> {
    Ok(Member {
        name,
        wire_name: raw.location_name.as_deref().map(leak),
        query_name: None,
        location: raw.location(),
        required: false,
        flattened: raw.flattened,
        xml_attribute: raw.xml_attribute,
        xml_namespace: raw.xml_namespace.clone().map(XmlNamespace::from),
        json_value: raw.jsonvalue,
        idempotency_token: raw.idempotency_token,
        sensitive: raw.sensitive,
        streaming: raw.streaming,
        host_label: raw.host_label,
        event_payload: raw.eventpayload,
        timestamp_format: raw
            .timestamp_format
            .as_deref()
            .and_then(TimestampFormat::parse),
        target: target(slots, &raw.shape)?,
    })
}

fn index_errors(
    shapes: &IndexMap<String, RawShape>,
    slots: &Slots,
) -> HashMap<&'static str, &'static Shape> {
    let mut errors = HashMap::new();
    for name in shapes.keys() {
        let Some(shape) = slots[name].1.get() else {
            continue;
        };
        if let Some(error) = &shape.error {
            errors.entry(error.code.as_str()).or_insert(shape);
            errors.insert(shape.name, shape);
        }
    }
    errors
}

fn link_metadata(
    name: &'static str,
    raw: RawMetadata,
    errors: &HashMap<&'static str, &'static Shape>,
) -> Metadata {
    let upper = errors
        .values()
        .filter(|shape| shape.member("Message").is_some())
        .count();
    let lower = errors
        .values()
        .filter(|shape| shape.member("message").is_some())
        .count();
    let mut protocols = raw.protocols;
    if name == "sqs" {
        protocols.push("query".to_owned());
    }
    Metadata {
        name,
        signing_name: raw.signing_name.or(raw.endpoint_prefix).unwrap_or_default(),
        api_version: raw.api_version,
        protocols: protocols
            .iter()
            .filter_map(|protocol| Protocol::of_model(protocol))
            .collect(),
        service_id: raw.service_id,
        target_prefix: raw.target_prefix,
        json_version: raw.json_version,
        xml_namespace: raw.xml_namespace,
        query_compatible: raw.aws_query_compatible.is_some(),
        message_member: if upper > lower { "Message" } else { "message" },
    }
}

fn link_operations(
    service: &'static Metadata,
    raw: IndexMap<String, RawOperation>,
    slots: &Slots,
) -> Result<IndexMap<&'static str, &'static Operation>, LoadError> {
    let mut operations = IndexMap::with_capacity(raw.len());
    for (name, raw) in raw {
        let name = leak(&name);
        let operation: &'static Operation =
            Box::leak(Box::new(link_operation(name, service, raw, slots)?));
        operations.insert(name, operation);
    }
    Ok(operations)
}

fn link_operation(
    name: &'static str,
    service: &'static Metadata,
    raw: RawOperation,
    slots: &Slots,
) -> Result<Operation, LoadError> {
    let mut errors = Vec::with_capacity(raw.errors.len());
    for reference in &raw.errors {
        errors.extend(shape(slots, Some(reference))?);
    }
    Ok(Operation {
        name,
        service,
        method: raw
            .http
            .method
            .parse()
            .map_err(|_| LoadError(format!("method of {name}")))?,
        uri: raw.http.request_uri,
        status: raw.http.response_code.unwrap_or(200),
        input: shape(slots, raw.input.as_ref())?,
        input_root: raw
            .input
            .as_ref()
            .and_then(|input| input.location_name.clone()),
        output: shape(slots, raw.output.as_ref())?,
        result_wrapper: raw
            .output
            .as_ref()
            .and_then(|output| output.result_wrapper.clone()),
        errors,
        idempotent: raw.idempotent,
        read_only: raw.readonly,
        deprecated: raw.deprecated,
        unsigned_payload: raw.unsigned_payload,
        anonymous: raw.authtype.as_deref() == Some("none")
            || raw.auth.iter().any(|auth| auth == "smithy.api#noAuth"),
        checksum: raw.http_checksum,
        request_compression: raw
            .requestcompression
            .map(|compression| compression.encodings)
            .unwrap_or_default(),
        host_prefix: raw.endpoint.and_then(|endpoint| endpoint.host_prefix),
    })
}

#[derive(Deserialize)]
struct RawService {
    metadata: RawMetadata,
    #[serde(default)]
    operations: IndexMap<String, RawOperation>,
    #[serde(default)]
    shapes: IndexMap<String, RawShape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMetadata {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    protocols: Vec<String>,
    #[serde(default)]
    service_id: String,
    signing_name: Option<String>,
    endpoint_prefix: Option<String>,
    target_prefix: Option<String>,
    json_version: Option<String>,
    xml_namespace: Option<String>,
    aws_query_compatible: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawOperation {
    http: RawHttp,
    input: Option<RawReference>,
    output: Option<RawReference>,
    #[serde(default)]
    errors: Vec<RawReference>,
    #[serde(default)]
    idempotent: bool,
    #[serde(default)]
    readonly: bool,
    #[serde(default)]
    deprecated: bool,
    #[serde(default)]
    unsigned_payload: bool,
    authtype: Option<String>,
    #[serde(default)]
    auth: Vec<String>,
    http_checksum: Option<Checksum>,
    requestcompression: Option<RawCompression>,
    endpoint: Option<RawEndpoint>,
}

#[derive(Deserialize)]
struct RawCompression {
    #[serde(default)]
    encodings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEndpoint {
    host_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawHttp {
    method: String,
    request_uri: String,
    response_code: Option<u16>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawReference {
    shape: String,
    location: Option<String>,
    location_name: Option<String>,
    result_wrapper: Option<String>,
    flattened: bool,
    xml_attribute: bool,
    xml_namespace: Option<RawNamespace>,
    jsonvalue: bool,
    idempotency_token: bool,
    sensitive: bool,
    streaming: bool,
    host_label: bool,
    eventpayload: bool,
    timestamp_format: Option<String>,
}

impl RawReference {
    fn location(&self) -> Location {
        match self.location.as_deref() {
            Some("uri") => Location::Uri,
            Some("querystring") => Location::QueryString,
            Some("header") => Location::Header,
            Some("headers") => Location::Headers,
            Some("statusCode") => Location::StatusCode,
            _ => Location::Body,
        }
    }
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum RawNamespace {
    Uri(String),
    Full { uri: String, prefix: Option<String> },
}

impl From<RawNamespace> for XmlNamespace {
    fn from(raw: RawNamespace) -> Self {
        match raw {
            RawNamespace::Uri(uri) => Self { uri, prefix: None },
            RawNamespace::Full { uri, prefix } => Self { uri, prefix },
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawShape {
    #[serde(rename = "type")]
    kind: String,
    members: IndexMap<String, RawReference>,
    required: Vec<String>,
    member: Option<RawReference>,
    key: Option<RawReference>,
    value: Option<RawReference>,
    min: Option<f64>,
    max: Option<f64>,
    pattern: Option<String>,
    #[serde(rename = "enum")]
    enumeration: Vec<String>,
    payload: Option<String>,
    flattened: bool,
    sensitive: bool,
    streaming: bool,
    eventstream: bool,
    document: bool,
    union: bool,
    exception: bool,
    fault: bool,
    error: Option<RawError>,
    timestamp_format: Option<String>,
    location_name: Option<String>,
    xml_namespace: Option<RawNamespace>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawError {
    code: Option<String>,
    http_status_code: Option<u16>,
    sender_fault: Option<bool>,
}

impl RawShape {
    fn kind(&self) -> Result<Kind, LoadError> {
        Ok(match self.kind.as_str() {
            "structure" if self.document => Kind::Document,
            "structure" => Kind::Structure,
            "list" => Kind::List,
            "map" => Kind::Map,
            "string" | "character" => Kind::String,
            "integer" | "byte" | "short" => Kind::Integer,
            "long" | "biginteger" => Kind::Long,
            "float" => Kind::Float,
            "double" | "bigdecimal" => Kind::Double,
            "boolean" => Kind::Boolean,
            "blob" => Kind::Blob,
            "timestamp" => Kind::Timestamp,
            other => return Err(LoadError(format!("unknown type {other}"))),
        })
    }

    fn constraints(&self, recorded: Option<&str>) -> Constraints {
        Constraints {
            minimum: self.min,
            maximum: self.max,
            pattern: recorded
                .map(str::to_owned)
                .or_else(|| self.pattern.clone())
                .map(Pattern::new),
            enumeration: self.enumeration.clone(),
        }
    }

    fn error_trait(&self, service: &str, name: &str) -> Option<ErrorTrait> {
        if !self.exception && self.error.is_none() {
            return None;
        }
        let error = self.error.as_ref();
        let restated = if service == "sqs" {
            sqs_query::error_code(name)
        } else {
            None
        };
        let code = restated
            .map(str::to_owned)
            .or_else(|| error.and_then(|error| error.code.clone()));
        Some(ErrorTrait {
            code: code.unwrap_or_else(|| name.to_owned()),
            status: error
                .and_then(|error| error.http_status_code)
                .unwrap_or(if self.fault { 500 } else { 400 }),
            sender_fault: error
                .and_then(|error| error.sender_fault)
                .unwrap_or(!self.fault),
        })
    }
}
