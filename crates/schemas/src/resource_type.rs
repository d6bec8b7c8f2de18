//! One resource type, and the questions a deployment asks about it.

use serde_json::Value;

use crate::check::{self, Violation};

/// A resource type of the CloudFormation registry.
#[derive(Debug)]
pub struct ResourceType {
    name: String,
    schema: Value,
}

/// Whether an update of a property makes CloudFormation create a new resource in place of the old one.
///
/// The words that a change set uses for it (`RequiresRecreation`) are `Never`, `Conditionally` and `Always`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Replacement {
    Never,
    Conditionally,
    Always,
}

impl ResourceType {
    pub(crate) fn new(name: String, schema: Value) -> Self {
        Self { name, schema }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The stripped registry schema, for callers with a question that has no method here.
    #[must_use]
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// Every way in which these properties break the schema; none when they are valid.
    ///
    /// `properties` may hold unresolved intrinsic functions (see the crate's documentation).
    #[must_use]
    pub fn check(&self, properties: &Value) -> Vec<Violation> {
        check::check(&self.schema, properties)
    }

    /// The attributes that `Fn::GetAtt` answers, nested ones with dots (`SnapStartResponse.ApplyOn`).
    pub fn attributes(&self) -> impl Iterator<Item = String> {
        self.pointers("readOnlyProperties")
            .map(|pointer| pointer.join("."))
    }

    #[must_use]
    pub fn has_attribute(&self, name: &str) -> bool {
        self.attributes().any(|attribute| attribute == name)
    }

    /// The properties that identify a resource: a physical id is made of them, and `Ref` mostly returns it.
    pub fn primary_identifier(&self) -> impl Iterator<Item = &str> {
        self.pointers("primaryIdentifier")
            .filter_map(|pointer| pointer.last().copied())
    }

    /// Properties that a read never returns, with dots (`Code.ZipFile`).
    pub fn write_only(&self) -> impl Iterator<Item = String> {
        self.pointers("writeOnlyProperties")
            .map(|pointer| pointer.join("."))
    }

    /// The names of all top-level properties, read-only ones included.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
    }

    /// The property that carries tags, when the type can be tagged.
    #[must_use]
    pub fn tag_property(&self) -> Option<&str> {
        let tagging = &self.schema["tagging"];
        if tagging["taggable"] == Value::Bool(false) {
            return None;
        }
        let named = tagging["tagProperty"]
            .as_str()
            .and_then(|pointer| pointer.strip_prefix("/properties/"));
        named.or_else(|| self.properties().find(|name| *name == "Tags"))
    }

    /// A replacement deletes the old resource before it makes the new one, because both cannot stand together.
    #[must_use]
    pub fn deletes_before_create(&self) -> bool {
        self.schema["replacementStrategy"] == "delete_then_create"
    }

    /// What an update of this top-level property asks for.
    ///
    /// `Conditionally` when only a part of the property replaces; compare two models with [`Self::replacement`].
    #[must_use]
    pub fn requires_recreation(&self, property: &str) -> Replacement {
        let mut answer = Replacement::Never;
        for pointer in self.pointers("createOnlyProperties") {
            match pointer.as_slice() {
                [only] if *only == property => return Replacement::Always,
                [first, ..] if *first == property => answer = Replacement::Conditionally,
                _ => {}
            }
        }
        let conditional = |pointer: Vec<&str>| pointer.first() == Some(&property);
        if self
            .pointers("conditionalCreateOnlyProperties")
            .any(conditional)
        {
            return answer.max(Replacement::Conditionally);
        }
        answer
    }

    /// What the step from one resolved model to another asks for.
    #[must_use]
    pub fn replacement(&self, old: &Value, new: &Value) -> Replacement {
        let differs = |pointer: Vec<&str>| select(old, &pointer) != select(new, &pointer);
        if self.pointers("createOnlyProperties").any(differs) {
            Replacement::Always
        } else if self
            .pointers("conditionalCreateOnlyProperties")
            .any(differs)
        {
            Replacement::Conditionally
        } else {
            Replacement::Never
        }
    }

    /// The property pointers listed under a keyword, as segments below `properties`.
    fn pointers(&self, keyword: &str) -> impl Iterator<Item = Vec<&str>> {
        let listed = self.schema[keyword].as_array().into_iter().flatten();
        listed.filter_map(Value::as_str).map(segments)
    }
}

/// `/properties/Code/properties/ZipFile` and `/properties/Code/ZipFile` are the same place: the registry writes both.
fn segments(pointer: &str) -> Vec<&str> {
    pointer
        .split('/')
        .filter(|segment| !segment.is_empty() && *segment != "properties")
        .collect()
}

/// The values at a pointer, several where it passes through a list (`*`).
fn select<'a>(model: &'a Value, pointer: &[&str]) -> Vec<&'a Value> {
    let Some((first, rest)) = pointer.split_first() else {
        return vec![model];
    };
    if *first == "*" {
        let items = model.as_array().into_iter().flatten();
        return items.flat_map(|item| select(item, rest)).collect();
    }
    model
        .get(first)
        .map_or_else(Vec::new, |member| select(member, rest))
}
