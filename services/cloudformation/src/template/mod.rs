//! A template: what a stack is to become, in CloudFormation's own language.
//!
//! Everything in this folder is a pure function of the template, its parameters and what is known of
//! the stack's resources; it reads no store and calls no service. The texts of its refusals are AWS's.

pub(super) mod conditions;
pub(super) mod dynamic;
pub(super) mod functions;
pub(super) mod parameters;
pub(super) mod references;
pub(super) mod transform;
mod validate;
mod yaml;

#[cfg(test)]
mod tests;

use cumulet_engine::error::{Error, Result};
use serde_json::{Map, Value};

/// A template by URL may be this large; inline it is 51,200 bytes.
pub(super) const SIZE_BYTES_MAX: usize = 1_000_000;
pub(super) const INLINE_SIZE_BYTES_MAX: usize = 51_200;

pub(super) const NO_VALUE: &str = "AWS::NoValue";

/// A parsed template that has the form of one.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    document: Map<String, Value>,
}

/// A member of the Resources section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition<'a> {
    pub(crate) logical_id: &'a str,
    pub(crate) kind: &'a str,
    members: &'a Map<String, Value>,
}

pub(super) fn refusal(message: impl Into<String>) -> Error {
    Error::new("ValidationError", message)
}

impl Template {
    /// Parses JSON or YAML and checks the form, not yet the types and references.
    pub(crate) fn parse(body: &str) -> Result<Self> {
        let template = Self::read(body)?;
        template.check_form()?;
        Ok(template)
    }

    pub(crate) fn check_form(&self) -> Result<()> {
        validate::form(self)
    }

    /// The text that [`Self::parse`] reads as this template.
    pub(crate) fn written(&self) -> String {
        Value::Object(self.document.clone()).to_string()
    }

    /// Parses JSON or YAML: a template that may need to be transformed first.
    pub(crate) fn read(body: &str) -> Result<Self> {
        let document = if body.trim_start().starts_with('{') {
            serde_json::from_str(body).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                refusal(format!(
                    "Template format error: JSON not well-formed. (line {line}, column {column})"
                ))
            })?
        } else {
            yaml::parse(body)?
        };
        let Value::Object(document) = document else {
            return Err(refusal("Template format error: unsupported structure."));
        };
        Ok(Self { document })
    }

    /// Checks functions, references and cycles: what needs no parameter to be judged.
    pub(crate) fn check(&self) -> Result<()> {
        transform::built(self)?;
        validate::policies(self)?;
        validate::functions(self)?;
        references::check(self)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.document.get(name)?.as_str()
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Value> {
        self.document.get(name)
    }

    /// The members of a section, in the template's order.
    pub(crate) fn section(&self, name: &str) -> impl Iterator<Item = (&String, &Value)> {
        let section = self.document.get(name).and_then(Value::as_object);
        section.into_iter().flatten()
    }

    pub(crate) fn section_member(&self, section: &str, name: &str) -> Option<&Value> {
        self.document.get(section)?.get(name)
    }

    pub(crate) fn resources(&self) -> impl Iterator<Item = Definition<'_>> {
        self.section("Resources")
            .filter_map(|(logical_id, definition)| Definition::of(logical_id, definition))
    }

    pub(crate) fn resource(&self, logical_id: &str) -> Option<Definition<'_>> {
        let (key, definition) = self
            .document
            .get("Resources")?
            .as_object()?
            .get_key_value(logical_id)?;
        Definition::of(key, definition)
    }

    /// The capabilities that a person must acknowledge, and why.
    pub(crate) fn capabilities(&self) -> (Vec<&'static str>, Vec<String>) {
        let iam: Vec<Definition<'_>> = self
            .resources()
            .filter(|each| IAM_TYPES.contains(&each.kind))
            .collect();
        let named = iam.iter().any(|each| each.names_itself());
        let capability = if named {
            "CAPABILITY_NAMED_IAM"
        } else {
            "CAPABILITY_IAM"
        };
        let mut kinds: Vec<String> = iam.iter().map(|each| each.kind.to_owned()).collect();
        kinds.sort();
        kinds.dedup();
        let needed = if kinds.is_empty() {
            vec![]
        } else {
            vec![capability]
        };
        (needed, kinds)
    }
}

const IAM_TYPES: [&str; 8] = [
    "AWS::IAM::AccessKey",
    "AWS::IAM::Group",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::User",
    "AWS::IAM::UserToGroupAddition",
];

impl<'a> Definition<'a> {
    fn of(logical_id: &'a str, definition: &'a Value) -> Option<Self> {
        let members = definition.as_object()?;
        let kind = members.get("Type")?.as_str()?;
        Some(Self {
            logical_id,
            kind,
            members,
        })
    }

    pub(crate) fn properties(self) -> Option<&'a Value> {
        self.members.get("Properties")
    }

    pub(crate) fn condition(self) -> Option<&'a str> {
        self.members.get("Condition")?.as_str()
    }

    pub(crate) fn member(self, name: &str) -> Option<&'a Value> {
        self.members.get(name)
    }

    /// The logical ids under DependsOn, a text or a list.
    pub(crate) fn depends_on(self) -> impl Iterator<Item = &'a str> {
        let listed = match self.members.get("DependsOn") {
            Some(Value::Array(items)) => items.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        listed.iter().filter_map(Value::as_str)
    }

    fn names_itself(self) -> bool {
        let name = match self.kind {
            "AWS::IAM::Role" => "RoleName",
            "AWS::IAM::ManagedPolicy" => "ManagedPolicyName",
            "AWS::IAM::User" => "UserName",
            "AWS::IAM::Group" => "GroupName",
            "AWS::IAM::InstanceProfile" => "InstanceProfileName",
            _ => return false,
        };
        self.properties()
            .is_some_and(|properties| properties.get(name).is_some())
    }
}

/// The name and argument, where the value is a call of an intrinsic function.
pub(super) fn function_call(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let (name, argument) = members.iter().next()?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name.as_str(), argument))
}

/// The two parts of a GetAtt's argument, in its list or dotted form.
pub(super) fn attribute_reference(argument: &Value) -> Option<(&str, &Value)> {
    let parts = argument.as_array()?;
    match parts.as_slice() {
        [Value::String(resource), attribute] if !resource.is_empty() => Some((resource, attribute)),
        _ => None,
    }
}

/// A GetAtt's argument as its list form.
pub(super) fn attribute_parts(argument: &Value) -> Value {
    let dotted = argument.as_str().and_then(|text| text.split_once('.'));
    dotted.map_or_else(
        || argument.clone(),
        |(resource, attribute)| serde_json::json!([resource, attribute]),
    )
}
