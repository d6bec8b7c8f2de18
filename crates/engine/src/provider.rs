//! The seam between the engine and the resource types.
//!
//! A provider says how one resource type is created, updated and deleted by the operations that users
//! call. It runs inside the transaction that journals the step, in the deployment's name, so it needs no
//! idempotency of its own: either the resource and its entry in the journal are there, or neither.

use cumulet_kernel::Tx;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Context;
use crate::error::{Error, Result};

/// How far a provider got.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Done,
    /// The service has begun; ask again in so many milliseconds.
    AskAgain {
        after_ms: i64,
    },
}

/// The stack that a resource belongs to.
#[derive(Clone, Debug)]
pub struct StackIdentity {
    pub account: String,
    pub region: String,
    pub name: String,
    pub id: String,
    pub notification_arns: Vec<String>,
}

/// Function code that has been fetched, checked and stored. The zip itself lies in the store from the
/// moment this exists; so it may be kept in a journal and used after a crash, for an hour, and for as
/// long as a function uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCode {
    pub sha256_base64: String,
    pub size_bytes: u64,
    /// Of all its files.
    #[serde(default)]
    pub unpacked_bytes: u64,
    /// Its name in the store: SHA-256 in hexadecimal.
    pub id: String,
}

/// What becomes of a resource; the first error undoes all that this call wrote.
pub type Handler = fn(&mut ResourceCall<'_, '_>) -> Result<Outcome>;
/// The `Code` to fetch before the transaction, from the new properties and the old.
pub type CodeRule = fn(&Value, Option<&Value>) -> Option<Value>;

/// How one resource type is carried out.
#[derive(Clone, Copy, Debug)]
pub struct Provider {
    /// `AWS::S3::Bucket`.
    pub name: &'static str,
    pub create: Handler,
    pub update: Handler,
    pub delete: Handler,
    /// Whether what was begun is finished.
    pub stabilise: Option<Handler>,
    pub code: Option<CodeRule>,
    /// The properties that have an effect here; others are reported.
    pub acts_on: &'static [&'static str],
}

impl Provider {
    pub const fn new(
        name: &'static str,
        acts_on: &'static [&'static str],
        create: Handler,
        update: Handler,
        delete: Handler,
    ) -> Self {
        Self {
            name,
            create,
            update,
            delete,
            stabilise: None,
            code: None,
            acts_on,
        }
    }

    pub const fn stabilised_by(mut self, stabilise: Handler) -> Self {
        self.stabilise = Some(stabilise);
        self
    }

    pub const fn with_code(mut self, code: CodeRule) -> Self {
        self.code = Some(code);
        self
    }

    /// Properties given that have no effect in Cumulet.
    pub fn ignored<'a>(&self, properties: &'a Value) -> Vec<&'a str> {
        // A custom resource's function sees everything.
        let judged = properties.as_object().filter(|_| !self.acts_on.is_empty());
        judged
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .filter(|name| !self.acts_on.contains(name))
            .collect()
    }
}

/// One resource in the hands of its provider.
#[derive(Debug)]
pub struct ResourceCall<'a, 'tx> {
    pub tx: &'a mut Tx<'tx>,
    /// Acts as the deployment's principal.
    pub context: &'a Context,
    pub stack: &'a StackIdentity,
    pub logical_id: &'a str,
    /// The type as the template names it: a custom one has a name of its own.
    pub kind: &'a str,
    pub properties: &'a Value,
    /// `null` at creation.
    pub old_properties: &'a Value,
    pub stack_tags: &'a [(String, String)],
    pub old_stack_tags: &'a [(String, String)],
    pub code: Option<&'a StoredCode>,
    /// What `Ref` answers; empty until [`ResourceCall::identify`].
    pub physical_id: String,
    /// What `Fn::GetAtt` answers.
    pub attributes: Map<String, Value>,
    /// What a waiting resource remembers from one question to the next.
    pub journal: Value,
}

impl ResourceCall<'_, '_> {
    /// Calls an operation in the deployment's name, within this transaction.
    pub fn call(&mut self, service: &str, operation: &str, input: Value) -> Result<Value> {
        self.context.call_in(self.tx, service, operation, input)
    }

    /// Deletes: absence is what is wanted.
    pub fn call_unless_absent(
        &mut self,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<()> {
        match self.call(service, operation, input) {
            Err(error) if !is_absence(&error) => Err(error),
            _ => Ok(()),
        }
    }

    pub fn property(&self, name: &str) -> Option<&Value> {
        self.properties.get(name)
    }

    /// A property that the schema requires.
    pub fn text(&self, name: &str) -> &str {
        self.property(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub fn old_text(&self, name: &str) -> &str {
        self.old_properties
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub fn changed(&self, name: &str) -> bool {
        self.properties.get(name) != self.old_properties.get(name)
    }

    pub fn any_changed(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.changed(name))
    }

    /// The properties of these names, as members of the same names.
    pub fn pick(&self, names: &[&str]) -> Map<String, Value> {
        let given = |name: &&str| Some(((*name).to_owned(), self.property(name)?.clone()));
        names.iter().filter_map(given).collect()
    }

    pub fn identify(&mut self, physical_id: impl Into<String>) {
        self.physical_id = physical_id.into();
    }

    pub fn attribute(&mut self, name: &str, value: impl Into<Value>) {
        self.attributes.insert(name.to_owned(), value.into());
    }

    /// The name that the template gives, or one made of stack, logical id and chance.
    pub fn name(&self, property: &str, length_max: usize) -> String {
        match self.property(property).and_then(Value::as_str) {
            Some(name) => name.to_owned(),
            None => self.generated_name(length_max),
        }
    }

    pub fn generated_name(&self, length_max: usize) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let unique = self.context.ids.text(12, ALPHABET);
        physical_name(&self.stack.name, self.logical_id, &unique, length_max)
    }

    /// A policy document as the text that operations take.
    pub fn document(&self, name: &str) -> Option<String> {
        self.property(name).map(document)
    }

    /// The tags of the resource over those of the stack.
    pub fn own_tags(&self) -> Vec<(String, String)> {
        merged(self.stack_tags, self.properties.get("Tags"))
    }

    /// The same with the system's, for services that take tags beginning with `aws:` from here.
    pub fn tags(&self) -> Vec<(String, String)> {
        let mut tags = self.own_tags();
        tags.extend(self.system_tags());
        tags
    }

    pub fn tag_map(&self) -> Value {
        let tags = self.tags().into_iter();
        Value::Object(tags.map(|(key, value)| (key, value.into())).collect())
    }

    /// What an update sets and takes away: tags and keys.
    pub fn tag_changes(&self) -> (Vec<(String, String)>, Vec<String>) {
        let new = merged(self.stack_tags, self.properties.get("Tags"));
        let old = merged(self.old_stack_tags, self.old_properties.get("Tags"));
        let set: Vec<(String, String)> = new
            .iter()
            .filter(|tag| !old.contains(tag))
            .cloned()
            .collect();
        let gone = old
            .into_iter()
            .map(|(key, _)| key)
            .filter(|key| !new.iter().any(|(other, _)| other == key))
            .collect();
        (set, gone)
    }

    fn system_tags(&self) -> [(String, String); 3] {
        let tag = |key: &str, value: &str| (format!("aws:cloudformation:{key}"), value.to_owned());
        [
            tag("stack-name", &self.stack.name),
            tag("logical-id", self.logical_id),
            tag("stack-id", &self.stack.id),
        ]
    }
}

/// A document given as an object or already as text.
pub fn document(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub fn pairs(key: &str, value: &str, tags: &[(String, String)]) -> Value {
    tags.iter()
        .map(|(name, text)| json!({ key: name, value: text }))
        .collect()
}

/// The stack's tags under the resource's own, which are a list of pairs or a map.
fn merged(stack_tags: &[(String, String)], own: Option<&Value>) -> Vec<(String, String)> {
    let mut tags: Vec<(String, String)> = Vec::new();
    let own: Vec<(String, String)> = match own {
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(|tag| Some((string(&tag["Key"])?, string(&tag["Value"])?)))
            .collect(),
        Some(Value::Object(map)) => map
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), string(value)?)))
            .collect(),
        _ => vec![],
    };
    for (key, value) in stack_tags.iter().cloned().chain(own) {
        tags.retain(|(other, _)| *other != key);
        tags.push((key, value));
    }
    tags
}

fn string(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// `{stack}-{logicalId}-{unique}`, the first two cut evenly where the type's limit is short.
fn physical_name(stack: &str, logical_id: &str, unique: &str, length_max: usize) -> String {
    let room = length_max.saturating_sub(unique.len() + 2);
    let stack_length = stack
        .len()
        .min(room.saturating_sub(logical_id.len()).max(room / 2));
    let logical_length = logical_id.len().min(room.saturating_sub(stack_length));
    let (stack, logical_id) = (&stack[..stack_length], &logical_id[..logical_length]);
    format!("{stack}-{logical_id}-{unique}")
}

/// Whether an error says that the thing is not there.
pub fn is_absence(error: &Error) -> bool {
    let code = error.code.as_ref();
    error.status == 404
        || code.starts_with("NoSuch")
        || code.ends_with("NotFound")
        || code.ends_with("NotFoundException")
        || code == "AWS.SimpleQueueService.NonExistentQueue"
}

#[cfg(test)]
mod tests {
    use super::{merged, physical_name};

    #[test]
    fn physical_names_keep_within_the_limit_of_their_type() {
        assert_eq!(physical_name("app", "Files", "abc", 64), "app-Files-abc");
        let long = physical_name(&"s".repeat(60), &"l".repeat(60), "abcdefghijkl", 64);
        assert_eq!((long.len(), long.matches('s').count()), (64, 25));
        let short_stack = physical_name("app", &"l".repeat(60), "abcdefghijkl", 64);
        assert_eq!((short_stack.len(), &short_stack[..4]), (64, "app-"));
    }

    #[test]
    fn a_resources_own_tag_wins_over_the_stacks() {
        let stack = [
            ("a".to_owned(), "1".to_owned()),
            ("b".to_owned(), "2".to_owned()),
        ];
        let own = serde_json::json!([{ "Key": "a", "Value": "3" }]);
        let expected = [
            ("b".to_owned(), "2".to_owned()),
            ("a".to_owned(), "3".to_owned()),
        ];
        assert_eq!(merged(&stack, Some(&own)), expected);
    }
}
