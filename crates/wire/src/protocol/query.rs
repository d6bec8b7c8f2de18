//! Query: a form with `Action` and `Version` in, XML out: <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Response, request};
use serde_json::{Map, Value};

use super::xml::Writer;
use super::{Refusal, form, respond, scalar, serialization, xml_value};
use crate::dialect;
use crate::error::{Error, Fault};
use crate::model::{Kind, Member, Metadata, Operation, Shape};
use crate::route::Labels;

const CONTENT_TYPE: &str = "text/xml";

/// Parameters as a tree: `Tags.member.1.Key` is a path, and numbers sort as numbers.
#[derive(Default)]
struct Node {
    text: Option<String>,
    children: BTreeMap<Step, Node>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Index(u32),
    Name(String),
}

/// Deeper nesting than any model has is an attack on the stack.
const DEPTH_MAX: usize = 64;

impl Node {
    fn insert(&mut self, path: &str, text: String) -> Result<(), Error> {
        let mut node = self;
        for (depth, step) in path.split('.').enumerate() {
            if depth >= DEPTH_MAX {
                return Err(serialization("The parameter name is nested too deep"));
            }
            node = node.children.entry(Step::of(step)).or_default();
        }
        node.text.get_or_insert(text);
        Ok(())
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.children.get(&Step::of(name))
    }

    fn indexed(&self) -> impl Iterator<Item = &Self> {
        self.children
            .iter()
            .filter(|(step, _)| matches!(step, Step::Index(_)))
            .map(|(_, node)| node)
    }
}

impl Step {
    fn of(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Self::Name(text.to_owned()), Self::Index)
    }
}

pub(super) fn decode(
    operation: &Operation,
    shape: &Shape,
    head: &request::Parts,
    labels: &Labels,
    body: &[u8],
) -> Result<Value, Error> {
    let _ = operation;
    let mut root = Node::default();
    for (name, value) in form::parse(body)
        .into_iter()
        .chain(form::parse(head.uri.query().unwrap_or("").as_bytes()))
    {
        root.insert(&name, value.into_owned())?;
    }
    let mut input = read_structure(shape, &root)?;
    for (name, text) in labels.iter() {
        input
            .entry(name)
            .or_insert_with(|| Value::String(text.to_owned()));
    }
    Ok(Value::Object(input))
}

fn read_structure(shape: &Shape, node: &Node) -> Result<Map<String, Value>, Error> {
    let mut members = Map::new();
    for member in &shape.members {
        if let Some(value) = read_named(member, node)? {
            members.insert(member.name.to_owned(), value);
        }
    }
    Ok(members)
}

/// A flattened list may be called by its own name or by that of its elements.
fn read_named(member: &Member, node: &Node) -> Result<Option<Value>, Error> {
    let element = member
        .shape()
        .element
        .as_ref()
        .and_then(|element| element.wire_name);
    let flattened = element.filter(|_| member.is_flattened());
    let names = [
        Some(member.query()),
        flattened,
        Some(member.wire()),
        Some(member.name),
    ];
    let found = names
        .into_iter()
        .flatten()
        .find_map(|name| node.child(name));
    found.map(|child| read_member(member, child)).transpose()
}

fn read_member(member: &Member, node: &Node) -> Result<Value, Error> {
    let shape = member.shape();
    match shape.kind {
        Kind::Structure => read_structure(shape, node).map(Value::Object),
        Kind::List => read_list(member, shape, node),
        Kind::Map => read_map(member, shape, node),
        _ => scalar::read(member, node.text.as_deref().unwrap_or("")),
    }
}

fn read_list(member: &Member, shape: &Shape, node: &Node) -> Result<Value, Error> {
    let Some(element) = &shape.element else {
        return Ok(Value::Array(Vec::new()));
    };
    let wrapper = if member.is_flattened() {
        Some(node)
    } else {
        inner(node, element.wire_name.unwrap_or("member"))
    };
    let items = wrapper.into_iter().flat_map(Node::indexed);
    items
        .map(|item| read_member(element, item))
        .collect::<Result<_, _>>()
        .map(Value::Array)
}

/// Clients of either convention are understood: the element's own name, or `member`; old ones flatten.
fn inner<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    node.child(name)
        .or_else(|| node.child("member"))
        .or(Some(node))
}

fn read_map(member: &Member, shape: &Shape, node: &Node) -> Result<Value, Error> {
    let (Some(key), Some(value)) = (&shape.key, &shape.value) else {
        return Ok(Value::Object(Map::new()));
    };
    let wrapper = if member.is_flattened() {
        node
    } else {
        node.child("entry").unwrap_or(node)
    };
    let mut entries = Map::new();
    for entry in wrapper.indexed() {
        let name = named(entry, key).and_then(|node| node.text.clone());
        if let (Some(name), Some(node)) = (name, named(entry, value)) {
            entries.insert(name, read_member(value, node)?);
        }
    }
    Ok(Value::Object(entries))
}

fn named<'a>(entry: &'a Node, member: &Member) -> Option<&'a Node> {
    entry
        .child(member.query())
        .or_else(|| entry.child(member.name))
}

pub(super) fn encode(operation: &Operation, output: &Value, request_id: &str) -> Response<Bytes> {
    let mut writer = Writer::new();
    let root = format!("{}Response", operation.name);
    writer.open_with(&root, &[("xmlns", namespace(operation.service))]);
    if let Some(shape) = operation.output {
        let wrapper = operation
            .result_wrapper
            .clone()
            .unwrap_or_else(|| format!("{}Result", operation.name));
        let codec = xml_value::Codec::query(dialect::of(operation.service.name).milliseconds);
        writer.open(&wrapper);
        codec.write_members(shape, output, &mut writer);
        writer.close(&wrapper);
    }
    writer.open("ResponseMetadata");
    writer.element("RequestId", request_id);
    writer.close("ResponseMetadata");
    writer.close(&root);
    respond(
        operation.status,
        Some(CONTENT_TYPE),
        request_id,
        writer.finish(),
    )
}

/// SQS's model lost its namespace with the query protocol.
fn namespace(service: &Metadata) -> &str {
    const SQS: &str = "http://queue.amazonaws.com/doc/2012-11-05/";
    service
        .xml_namespace
        .as_deref()
        .unwrap_or(if service.name == "sqs" { SQS } else { "" })
}

pub(super) fn encode_error(refusal: &Refusal<'_>, request_id: &str) -> Response<Bytes> {
    if refusal.error.code == "UnknownOperationException" {
        let body = "<UnknownOperationException/>\n";
        return respond(refusal.status(), Some(CONTENT_TYPE), request_id, body);
    }
    let mut writer = Writer::new();
    let error = refusal.error;
    writer.open_with("ErrorResponse", &[("xmlns", namespace(refusal.metadata))]);
    writer.open("Error");
    writer.element(
        "Type",
        if error.fault == Fault::Sender {
            "Sender"
        } else {
            "Receiver"
        },
    );
    writer.element("Code", refusal.wire_code());
    if !error.message.is_empty() {
        writer.element("Message", &error.message);
    }
    write_error_members(refusal, &mut writer);
    if refusal.metadata.name == "sqs" {
        writer.empty("Detail");
    }
    writer.close("Error");
    writer.element("RequestId", request_id);
    writer.close("ErrorResponse");
    respond(
        refusal.status(),
        Some(CONTENT_TYPE),
        request_id,
        writer.finish(),
    )
}

fn write_error_members(refusal: &Refusal<'_>, writer: &mut Writer) {
    let codec = xml_value::Codec::query(dialect::of(refusal.metadata.name).milliseconds);
    for (name, value) in refusal.error.members.iter() {
        match refusal.shape.and_then(|shape| shape.member(name)) {
            Some(member) => codec.write_member(member.wire(), member, value, writer),
            None => writer.element(name, value.as_str().unwrap_or(&value.to_string())),
        }
    }
}
