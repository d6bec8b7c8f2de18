//! What AWS says about its own operations: members, where they travel, their constraints, their errors.
//!
//! The facts come from botocore's service models, stripped of prose by `cargo xtask models`, and are embedded compressed.
//! A service is unpacked and parsed on its first use and then lives as long as the process, which is why everything here
//! is handed out as `&'static`: codecs hold a shape while walking a document, and nothing is ever counted or cloned.
//!
//! This module must not know any protocol or any behaviour: it answers what a thing is called and where it belongs.

mod embedded;
mod load;
mod sqs_query;

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use indexmap::IndexMap;

use crate::Protocol;
use crate::timestamp::TimestampFormat;

pub use embedded::{
    Listing, by_query_version, by_signing_name, by_target_prefix, service, services,
};
pub use load::LoadError;

/// One AWS service: its metadata and its operations.
#[derive(Debug)]
pub struct Service {
    pub metadata: &'static Metadata,
    operations: IndexMap<&'static str, &'static Operation>,
    errors: HashMap<&'static str, &'static Shape>,
    routes: Vec<crate::route::rest::Pattern>,
    shapes: &'static [OnceLock<Shape>],
}

impl Service {
    /// The name under which botocore keeps the service, such as `dynamodbstreams`.
    pub fn name(&self) -> &'static str {
        self.metadata.name
    }

    pub fn operation(&self, name: &str) -> Option<&'static Operation> {
        self.operations.get(name).copied()
    }

    /// All operations, in the model's order.
    pub fn operations(&self) -> impl Iterator<Item = &'static Operation> {
        self.operations.values().copied()
    }

    /// The error shape by its name or by the code it has on the wire (`QueueDoesNotExist` or its query code).
    pub fn error(&self, code: &str) -> Option<&'static Shape> {
        self.errors.get(code).copied()
    }

    /// Every type of the service.
    pub fn shapes(&self) -> impl Iterator<Item = &'static Shape> {
        self.shapes.iter().filter_map(OnceLock::get)
    }

    pub(crate) fn routes(&self) -> &[crate::route::rest::Pattern] {
        &self.routes
    }
}

/// What is true of a whole service.
#[derive(Debug, Default)]
pub struct Metadata {
    pub name: &'static str,
    pub api_version: String,
    pub protocols: Vec<Protocol>,
    pub signing_name: String,
    pub service_id: String,
    pub target_prefix: Option<String>,
    pub json_version: Option<String>,
    pub xml_namespace: Option<String>,
    /// Clients of older protocols expect the query error codes (`x-amzn-query-error`).
    pub query_compatible: bool,
    /// What most error shapes of the service call their text: `message` or `Message`.
    pub message_member: &'static str,
}

/// One operation of a service.
#[derive(Debug)]
pub struct Operation {
    pub name: &'static str,
    pub service: &'static Metadata,
    pub method: http::Method,
    pub uri: String,
    pub status: u16,
    pub input: Option<&'static Shape>,
    /// The root element and namespace of a request body, where the operation rather than the shape gives them.
    pub input_root: Option<String>,
    pub output: Option<&'static Shape>,
    pub result_wrapper: Option<String>,
    pub errors: Vec<&'static Shape>,
    pub idempotent: bool,
    pub read_only: bool,
    pub deprecated: bool,
    pub unsigned_payload: bool,
    /// Anonymous callers may call it (`AssumeRoleWithWebIdentity`).
    pub anonymous: bool,
    pub checksum: Option<Checksum>,
    pub request_compression: Vec<String>,
    pub host_prefix: Option<String>,
}

impl Operation {
    /// The input member whose bytes are the request body and are left out of the decoded value.
    pub fn streaming_input(&self) -> Option<&'static Member> {
        self.input.and_then(Shape::streaming_payload)
    }

    /// The output member whose bytes the caller supplies as the response body.
    pub fn streaming_output(&self) -> Option<&'static Member> {
        self.output.and_then(Shape::streaming_payload)
    }
}

/// The `httpChecksum` trait.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Checksum {
    pub request_algorithm_member: Option<String>,
    pub request_checksum_required: bool,
    pub request_validation_mode_member: Option<String>,
    pub response_algorithms: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Structure,
    List,
    Map,
    String,
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Blob,
    Timestamp,
    /// Any JSON value.
    Document,
}

/// A type of the model.
#[derive(Debug)]
pub struct Shape {
    pub name: &'static str,
    pub kind: Kind,
    pub members: Vec<Member>,
    by_name: HashMap<&'static str, usize>,
    by_wire_name: HashMap<&'static str, usize>,
    /// Element of a list.
    pub element: Option<Member>,
    pub key: Option<Member>,
    pub value: Option<Member>,
    pub payload: Option<usize>,
    pub flattened: bool,
    pub sensitive: bool,
    pub streaming: bool,
    pub event_stream: bool,
    pub union: bool,
    pub constraints: Constraints,
    pub timestamp_format: Option<TimestampFormat>,
    pub location_name: Option<String>,
    pub xml_namespace: Option<XmlNamespace>,
    pub error: Option<ErrorTrait>,
}

impl Shape {
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.by_name.get(name).map(|index| &self.members[*index])
    }

    /// The member by its name in a body (`locationName` where there is one).
    pub fn wire_member(&self, wire_name: &str) -> Option<&Member> {
        self.by_wire_name
            .get(wire_name)
            .map(|index| &self.members[*index])
    }

    pub fn payload_member(&self) -> Option<&Member> {
        self.payload.map(|index| &self.members[index])
    }

    fn streaming_payload(&'static self) -> Option<&'static Member> {
        self.payload_member().filter(|member| member.is_streaming())
    }

    /// Members that travel in the body rather than in headers, query string or path.
    pub fn body_members(&self) -> impl Iterator<Item = &Member> {
        self.members
            .iter()
            .filter(|member| member.location == Location::Body)
    }

    pub fn required_members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.required)
    }
}

/// What the framework checks before an operation runs.
#[derive(Debug, Default)]
pub struct Constraints {
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub pattern: Option<Pattern>,
    pub enumeration: Vec<String>,
}

/// A regular expression as AWS prints it, compiled on first use.
pub struct Pattern {
    pub source: String,
    compiled: OnceLock<Option<fancy_regex::Regex>>,
}

impl Pattern {
    pub fn new(source: String) -> Self {
        Self {
            source,
            compiled: OnceLock::new(),
        }
    }

    /// Whether the whole text matches; `None` if this engine cannot express the pattern.
    pub fn matches(&self, text: &str) -> Option<bool> {
        let regex = self
            .compiled
            .get_or_init(|| compile(&self.source))
            .as_ref()?;
        regex.is_match(text).ok()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.source)
    }
}

/// Brings Java's dialect to ours: `matches` is anchored, characters beyond the basic plane are surrogate pairs, word and digit
/// classes are ASCII, a hyphen after them stands for itself, and counts may be any number. (Lengths beyond what an automaton
/// can count are constraints of their own.)
fn compile(source: &str) -> Option<fancy_regex::Regex> {
    const DIALECT: [(&str, &str); 8] = [
        ("\\uD800\\uDC00-\\uDBFF\\uDFFF", "\\x{10000}-\\x{10FFFF}"),
        ("\\ud800\\udc00-\\udbff\\udfff", "\\x{10000}-\\x{10FFFF}"),
        ("\\w-", "\\w\\-"),
        ("\\d-", "\\d\\-"),
        ("\\w", "[a-zA-Z0-9_]"),
        ("\\d", "[0-9]"),
        ("\\s", "[ \\t\\n\\x0B\\f\\r]"),
        ("{1,100000}", "+"),
    ];
    let mut source = source.to_owned();
    for (java, ours) in DIALECT {
        source = source.replace(java, ours);
    }
    fancy_regex::Regex::new(&format!("^(?:{source})\\z")).ok()
}

/// How an error shape travels.
#[derive(Debug, Clone)]
pub struct ErrorTrait {
    /// The code on the wire; the shape's name unless the model says otherwise.
    pub code: String,
    pub status: u16,
    pub sender_fault: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    Body,
    /// Path label.
    Uri,
    QueryString,
    Header,
    /// A map whose entries are headers with a common prefix.
    Headers,
    StatusCode,
}

#[derive(Debug, Clone)]
pub struct XmlNamespace {
    pub uri: String,
    pub prefix: Option<String>,
}

/// A reference from a structure, list or map to a shape, with the traits of that reference.
pub struct Member {
    /// The name in the canonical value.
    pub name: &'static str,
    /// `locationName`: the name in the body, query string or header.
    pub wire_name: Option<&'static str>,
    /// The name in the query protocol, where it differs from all others (SQS).
    pub query_name: Option<&'static str>,
    pub location: Location,
    pub required: bool,
    pub flattened: bool,
    pub xml_attribute: bool,
    pub xml_namespace: Option<XmlNamespace>,
    pub json_value: bool,
    pub idempotency_token: bool,
    pub sensitive: bool,
    pub streaming: bool,
    pub host_label: bool,
    pub event_payload: bool,
    timestamp_format: Option<TimestampFormat>,
    /// Shapes refer to each other in circles, so a reference is a slot that is filled once all shapes exist.
    target: &'static OnceLock<Shape>,
}

impl Member {
    #[expect(
        clippy::expect_used,
        reason = "loading fills every slot before a model is handed out"
    )]
    pub fn shape(&self) -> &'static Shape {
        self.target.get().expect("the model is loaded")
    }

    /// The name on the wire.
    pub fn wire(&self) -> &'static str {
        self.wire_name.unwrap_or(self.name)
    }

    /// The name in the query protocol.
    pub fn query(&self) -> &'static str {
        self.query_name.unwrap_or_else(|| self.wire())
    }

    /// Whether it stands in an answer's body; labels and parameters are meant for requests only.
    pub fn is_in_answer(&self) -> bool {
        matches!(
            self.location,
            Location::Body | Location::Uri | Location::QueryString
        )
    }

    pub fn timestamp_format(&self) -> Option<TimestampFormat> {
        self.timestamp_format.or(self.shape().timestamp_format)
    }

    pub fn is_flattened(&self) -> bool {
        self.flattened || self.shape().flattened
    }

    pub fn is_streaming(&self) -> bool {
        self.streaming || self.shape().streaming || self.shape().event_stream
    }

    pub fn is_sensitive(&self) -> bool {
        self.sensitive || self.shape().sensitive
    }
}

impl fmt::Debug for Member {
    /// Names the target instead of printing it: shapes are recursive.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = self.target.get().map_or("?", |shape| shape.name);
        write!(formatter, "{}: {shape} in {:?}", self.name, self.location)
    }
}
