//! The stack: resources under their logical ids, outputs, tags.

use serde_json::{Map, Value, json};

use crate::Expression;

/// What `Stack::add` takes: a struct that writes itself into the template and leaves a handle.
pub trait Resource {
    type Handle;

    fn add_to(self, stack: &mut Stack, id: &str) -> Self::Handle;
}

/// A stack of resources, deployed and destroyed as one.
#[derive(Debug, Default)]
pub struct Stack {
    name: String,
    pub description: String,
    /// A command to try the deployed stack with; `${OutputKey}` stands for an output's value. Shown by `cumulet up`,
    /// and nothing to AWS: it is template metadata.
    pub example: String,
    pub(crate) resources: Map<String, Value>,
    pub(crate) outputs: Map<String, Value>,
    pub(crate) tags: Vec<(String, String)>,
    /// Functions wait for their code: (logical id, handler).
    pub(crate) functions: Vec<(String, String)>,
    /// What was wrong with an `add`: it is told by the synthesis, all at once.
    pub(crate) problems: Vec<String>,
}

/// An output of the stack.
#[derive(Clone, Debug)]
pub struct Output {
    pub value: Expression,
    pub description: &'static str,
    /// The name other stacks import it by.
    pub export_name: Option<Expression>,
}

/// A resource written by hand.
#[derive(Clone, Debug)]
pub struct RawHandle {
    id: String,
}

impl Stack {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes a resource into the template.
    pub fn add<R: Resource>(&mut self, id: &str, resource: R) -> R::Handle {
        resource.add_to(self, id)
    }

    /// The escape hatch: any resource type with any properties, checked like all others.
    pub fn raw(&mut self, id: &str, kind: &str, properties: Value) -> RawHandle {
        self.insert(id, kind, properties);
        RawHandle { id: id.to_owned() }
    }

    /// The resource as the template has it (`Type`, `Properties`, `DependsOn`), to set what its struct has no field for.
    pub fn resource_mut(&mut self, id: &str) -> Option<&mut Value> {
        self.resources.get_mut(id)
    }

    pub fn output(&mut self, id: &str, output: impl Into<Output>) {
        let output = output.into();
        let mut entry = json!({ "Value": output.value });
        if !output.description.is_empty() {
            entry["Description"] = json!(output.description);
        }
        if let Some(name) = &output.export_name {
            entry["Export"] = json!({ "Name": name });
        }
        if self.outputs.insert(id.to_owned(), entry).is_some() {
            self.problems.push(format!("output {id} is given twice"));
        }
    }

    /// A tag for every resource that can carry tags.
    pub fn tag(&mut self, key: &str, value: &str) {
        self.tags.push((key.to_owned(), value.to_owned()));
    }

    /// Refuses the synthesis, with a reason: for settings that the application cannot build a stack from.
    pub fn refuse(&mut self, reason: &str) {
        self.problems.push(reason.to_owned());
    }

    pub(crate) fn insert(&mut self, id: &str, kind: &str, properties: impl Into<Value>) {
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            self.problems.push(format!(
                "logical id {id:?} is not made of letters and digits"
            ));
        }
        let resource = json!({ "Type": kind, "Properties": properties.into() });
        if self.resources.insert(id.to_owned(), resource).is_some() {
            self.problems.push(format!("resource {id} is added twice"));
        }
    }

    pub(crate) fn depends_on(&mut self, id: &str, others: &[String]) {
        let listed = &mut self.resources[id]["DependsOn"];
        if listed.is_null() {
            *listed = json!([]);
        }
        if let Some(listed) = listed.as_array_mut() {
            listed.extend(others.iter().map(|other| json!(other)));
        }
    }

    /// What stays when the stack goes: for things that others may lean on.
    pub(crate) fn retain(&mut self, id: &str) {
        self.resources[id]["DeletionPolicy"] = json!("Retain");
        self.resources[id]["UpdateReplacePolicy"] = json!("Retain");
    }

    /// What goes with the stack, said aloud: linters ask it of everything that holds data.
    pub(crate) fn delete(&mut self, id: &str) {
        self.resources[id]["DeletionPolicy"] = json!("Delete");
        self.resources[id]["UpdateReplacePolicy"] = json!("Delete");
    }
}

impl Output {
    #[must_use]
    pub fn new(description: &'static str, value: Expression) -> Self {
        Self {
            value,
            description,
            export_name: None,
        }
    }

    /// The same output, which other stacks of the account and region may import by that name.
    #[must_use]
    pub fn exported(self, name: impl Into<Expression>) -> Self {
        Self {
            export_name: Some(name.into()),
            ..self
        }
    }
}

impl From<Expression> for Output {
    fn from(value: Expression) -> Self {
        Self {
            value,
            description: "",
            export_name: None,
        }
    }
}

impl RawHandle {
    #[must_use]
    pub fn reference(&self) -> Expression {
        Expression::reference(&self.id)
    }

    #[must_use]
    pub fn attribute(&self, name: &str) -> Expression {
        Expression::attribute(&self.id, name)
    }
}
