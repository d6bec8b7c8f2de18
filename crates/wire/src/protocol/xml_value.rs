//! XML along a shape: the bodies of rest-xml, and the answers of query.

use serde_json::{Map, Value};

use super::scalar;
use super::xml::{Node, Writer};
use crate::error::Error;
use crate::model::{Kind, Member, Shape, XmlNamespace};
use crate::timestamp::{Milliseconds, TimestampFormat};

pub(super) struct Codec {
    /// Names of the query protocol differ from all others in SQS.
    query: bool,
    milliseconds: Milliseconds,
}

impl Codec {
    pub(super) fn query(milliseconds: Milliseconds) -> Self {
        Self {
            query: true,
            milliseconds,
        }
    }

    pub(super) fn rest(milliseconds: Milliseconds) -> Self {
        Self {
            query: false,
            milliseconds,
        }
    }

    fn name(&self, member: &Member) -> &'static str {
        if self.query {
            member.query()
        } else {
            member.wire()
        }
    }

    /// Writes a structure's body members, in the value's order.
    pub(super) fn write_members(&self, shape: &Shape, value: &Value, writer: &mut Writer) {
        for (name, value) in value.as_object().into_iter().flatten() {
            let member = shape
                .member(name)
                .filter(|member| member.is_in_answer() && !member.xml_attribute);
            if let Some(member) = member.filter(|_| !value.is_null()) {
                self.write_member(self.name(member), member, value, writer);
            }
        }
    }

    pub(super) fn write_member(
        &self,
        name: &str,
        member: &Member,
        value: &Value,
        writer: &mut Writer,
    ) {
        let shape = member.shape();
        match (shape.kind, value) {
            (Kind::Structure, Value::Object(_)) => {
                self.write_structure(name, member, value, writer)
            }
            (Kind::List, Value::Array(items)) => self.write_list(name, member, items, writer),
            (Kind::Map, Value::Object(entries)) => self.write_map(name, member, entries, writer),
            _ => self.write_scalar(name, member, value, writer),
        }
    }

    fn write_scalar(&self, name: &str, member: &Member, value: &Value, writer: &mut Writer) {
        let text = scalar::write(member, value, TimestampFormat::Iso8601, self.milliseconds);
        open(name, member.xml_namespace.as_ref(), &[], writer);
        writer.text(text.as_deref().unwrap_or(""));
        writer.close(name);
    }

    fn write_structure(&self, name: &str, member: &Member, value: &Value, writer: &mut Writer) {
        let shape = member.shape();
        let namespace = member
            .xml_namespace
            .as_ref()
            .or(shape.xml_namespace.as_ref());
        open(name, namespace, &attributes(shape, value), writer);
        self.write_members(shape, value, writer);
        writer.close(name);
    }

    fn write_list(&self, name: &str, member: &Member, items: &[Value], writer: &mut Writer) {
        let Some(element) = &member.shape().element else {
            return;
        };
        if member.is_flattened() {
            items
                .iter()
                .for_each(|item| self.write_member(name, element, item, writer));
            return;
        }
        open(name, member.xml_namespace.as_ref(), &[], writer);
        let element_name = element.wire_name.unwrap_or("member");
        items
            .iter()
            .for_each(|item| self.write_member(element_name, element, item, writer));
        writer.close(name);
    }

    fn write_map(
        &self,
        name: &str,
        member: &Member,
        entries: &Map<String, Value>,
        writer: &mut Writer,
    ) {
        let shape = member.shape();
        let (Some(key), Some(value)) = (&shape.key, &shape.value) else {
            return;
        };
        let flattened = member.is_flattened();
        let entry_name = if flattened { name } else { "entry" };
        if !flattened {
            open(name, member.xml_namespace.as_ref(), &[], writer);
        }
        for (entry_key, entry_value) in entries {
            let namespace = member.xml_namespace.as_ref().filter(|_| flattened);
            open(entry_name, namespace, &[], writer);
            self.write_scalar(
                self.name(key),
                key,
                &Value::String(entry_key.clone()),
                writer,
            );
            self.write_member(self.name(value), value, entry_value, writer);
            writer.close(entry_name);
        }
        if !flattened {
            writer.close(name);
        }
    }

    /// Reads a structure's body members from an element.
    pub(super) fn read_members(
        &self,
        shape: &Shape,
        node: &Node,
    ) -> Result<Map<String, Value>, Error> {
        let mut members = Map::new();
        for member in shape.body_members() {
            if let Some(value) = self.read_named(member, node)? {
                members.insert(member.name.to_owned(), value);
            }
        }
        Ok(members)
    }

    fn read_named(&self, member: &Member, node: &Node) -> Result<Option<Value>, Error> {
        if member.xml_attribute {
            return node
                .attribute(member.wire())
                .map(|text| scalar::read(member, text))
                .transpose();
        }
        let name = self.name(member);
        if !member.is_flattened() {
            return node
                .child(name)
                .map(|child| self.read_member(member, child))
                .transpose();
        }
        let children: Vec<&Node> = node.children_named(name).collect();
        if children.is_empty() {
            return Ok(None);
        }
        self.read_flattened(member, &children).map(Some)
    }

    fn read_flattened(&self, member: &Member, children: &[&Node]) -> Result<Value, Error> {
        let shape = member.shape();
        match (&shape.element, shape.kind) {
            (Some(element), Kind::List) => children
                .iter()
                .map(|child| self.read_member(element, child))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            _ => self.read_entries(shape, children.iter().copied()),
        }
    }

    pub(super) fn read_member(&self, member: &Member, node: &Node) -> Result<Value, Error> {
        let shape = member.shape();
        match shape.kind {
            Kind::Structure => self.read_members(shape, node).map(Value::Object),
            Kind::List => self.read_list(shape, node),
            Kind::Map => self.read_entries(shape, node.children_named("entry")),
            _ => scalar::read(member, &node.text),
        }
    }

    fn read_list(&self, shape: &Shape, node: &Node) -> Result<Value, Error> {
        let Some(element) = &shape.element else {
            return Ok(Value::Array(Vec::new()));
        };
        let items = node.children_named(element.wire_name.unwrap_or("member"));
        items
            .map(|item| self.read_member(element, item))
            .collect::<Result<_, _>>()
            .map(Value::Array)
    }

    fn read_entries<'a>(
        &self,
        shape: &Shape,
        nodes: impl Iterator<Item = &'a Node>,
    ) -> Result<Value, Error> {
        let (Some(key), Some(value)) = (&shape.key, &shape.value) else {
            return Ok(Value::Object(Map::new()));
        };
        let mut entries = Map::new();
        for node in nodes {
            if let (Some(name), Some(node)) =
                (node.child(self.name(key)), node.child(self.name(value)))
            {
                entries.insert(name.text.clone(), self.read_member(value, node)?);
            }
        }
        Ok(Value::Object(entries))
    }
}

/// Opens an element with its namespace declaration.
pub(super) fn open(
    name: &str,
    namespace: Option<&XmlNamespace>,
    attributes: &[(&str, &str)],
    writer: &mut Writer,
) {
    let declaration = namespace.map(|namespace| match &namespace.prefix {
        Some(prefix) => (format!("xmlns:{prefix}"), namespace.uri.as_str()),
        None => ("xmlns".to_owned(), namespace.uri.as_str()),
    });
    let mut all: Vec<(&str, &str)> = Vec::with_capacity(2);
    all.extend(
        declaration
            .as_ref()
            .map(|(name, uri)| (name.as_str(), *uri)),
    );
    all.extend_from_slice(attributes);
    writer.open_with(name, &all);
}

/// Members that are attributes of their structure's element.
pub(super) fn attributes<'a>(shape: &Shape, value: &'a Value) -> Vec<(&'static str, &'a str)> {
    let members = shape.members.iter().filter(|member| member.xml_attribute);
    members
        .filter_map(|member| Some((member.wire(), value.get(member.name)?.as_str()?)))
        .collect()
}
