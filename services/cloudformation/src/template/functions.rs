//! The intrinsic functions, evaluated.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::provider::StackIdentity;
use serde_json::{Map, Value};

use super::{NO_VALUE, Template, attribute_parts, attribute_reference, function_call, refusal};

pub(super) const SPLIT_ARGUMENTS: &str = "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.";
pub(super) const JOIN_ARGUMENTS: &str = "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.";
const SELECT_ARGUMENTS: &str = "Template error: Fn::Select requires a list argument with two elements: an integer index and a list";

/// What a change set says where a value is known only after the resource stands.
pub(crate) const KNOWN_AFTER_APPLY: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

/// What the functions may ask of a resource of the stack.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownResource {
    pub(crate) kind: String,
    pub(crate) physical_id: String,
    pub(crate) attributes: Map<String, Value>,
    /// It is yet to be made, or made anew: what it answers is not known.
    pub(crate) pending: bool,
}

/// Everything that the value of an expression depends on.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) template: &'a Template,
    pub(crate) stack: &'a StackIdentity,
    /// A text, or a list for the list types.
    pub(crate) parameters: &'a BTreeMap<String, Value>,
    pub(crate) conditions: BTreeMap<String, bool>,
    pub(crate) resources: BTreeMap<String, KnownResource>,
    pub(crate) exports: BTreeMap<String, String>,
    /// The exports that were asked for.
    pub(crate) imported: RefCell<BTreeSet<String>>,
}

impl Scope<'_> {
    /// The value with every function evaluated; absent where it is `AWS::NoValue`.
    pub(crate) fn resolve(&self, value: &Value) -> Result<Option<Value>> {
        if let Some((name, argument)) = function_call(value) {
            return self.call(name, argument);
        }
        Ok(Some(match value {
            Value::Array(items) => Value::Array(self.items(items)?),
            Value::Object(members) => Value::Object(self.members(members)?),
            other => other.clone(),
        }))
    }

    fn items(&self, items: &[Value]) -> Result<Vec<Value>> {
        let resolved = items.iter().map(|item| self.resolve(item).transpose());
        resolved.flatten().collect()
    }

    fn members(&self, members: &Map<String, Value>) -> Result<Map<String, Value>> {
        let resolved = members.iter().map(|(name, member)| {
            let value = self.resolve(member)?;
            Ok(value.map(|value| (name.clone(), value)))
        });
        resolved.filter_map(Result::transpose).collect()
    }

    fn call(&self, name: &str, argument: &Value) -> Result<Option<Value>> {
        let value = match name {
            "Ref" => return self.reference(argument.as_str().unwrap_or_default()),
            "Fn::If" => return self.branch(argument),
            "Fn::GetAtt" => self.attribute(argument)?,
            "Fn::Join" => self.join(argument)?,
            "Fn::Sub" => self.substitute(argument)?,
            "Fn::Select" => return self.select(argument).map(Some),
            "Fn::Split" => self.split(argument)?,
            "Fn::FindInMap" => self.find_in_map(argument)?,
            "Fn::Base64" => self.base64(argument)?,
            "Fn::GetAZs" => self.zones(argument)?,
            "Fn::ImportValue" => self.import(argument)?,
            "Fn::Cidr" => self.cidr(argument)?,
            "Fn::Length" => self.length(argument)?,
            "Fn::ToJsonString" => unknown_whole(self.argument(argument)?.to_string()),
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => Value::Bool(
                super::conditions::evaluate(self, &serde_json::json!({ name: argument }))?,
            ),
            _ => return Err(refusal(format!("{name} is not implemented by Cumulet"))),
        };
        Ok(Some(value))
    }

    /// The value of an argument, which must have one.
    pub(super) fn argument(&self, value: &Value) -> Result<Value> {
        Ok(self.resolve(value)?.unwrap_or(Value::Null))
    }

    pub(super) fn reference(&self, name: &str) -> Result<Option<Value>> {
        let stack = self.stack;
        let text = match name {
            NO_VALUE => return Ok(None),
            "AWS::AccountId" => stack.account.clone(),
            "AWS::Region" => stack.region.clone(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackName" => stack.name.clone(),
            "AWS::StackId" => stack.id.clone(),
            "AWS::NotificationARNs" => {
                return Ok(Some(stack.notification_arns.clone().into()));
            }
            _ => return self.named(name).map(Some),
        };
        Ok(Some(text.into()))
    }

    fn named(&self, name: &str) -> Result<Value> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        let resource = self.known(name)?;
        if resource.pending {
            return Ok(KNOWN_AFTER_APPLY.into());
        }
        Ok(resource.physical_id.as_str().into())
    }

    fn known(&self, name: &str) -> Result<&KnownResource> {
        self.resources.get(name).ok_or_else(|| {
            refusal(format!(
                "Template format error: Unresolved resource dependencies [{name}] in the Resources block of the template"
            ))
        })
    }

    fn attribute(&self, argument: &Value) -> Result<Value> {
        let parts = attribute_parts(argument);
        let (name, attribute) = attribute_reference(&parts).ok_or_else(|| {
            refusal("Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute")
        })?;
        let attribute = self.argument(attribute)?;
        self.attribute_of(name, attribute.as_str().unwrap_or_default())
    }

    fn attribute_of(&self, name: &str, attribute: &str) -> Result<Value> {
        let resource = self.known(name)?;
        if resource.pending {
            known_attribute(resource, attribute)?;
            return Ok(KNOWN_AFTER_APPLY.into());
        }
        if let Some(value) = resource.attributes.get(attribute) {
            return Ok(value.clone());
        }
        known_attribute(resource, attribute)?;
        Err(refusal(format!(
            "Attribute {attribute} of {} has no value in {name}",
            resource.kind
        )))
    }

    fn branch(&self, argument: &Value) -> Result<Option<Value>> {
        let [condition, yes, no] = arguments(argument, 3).ok_or_else(|| {
            refusal("Template error: Fn::If requires a list argument with three elements")
        })?
        else {
            return Ok(None);
        };
        let name = condition.as_str().unwrap_or_default();
        let chosen = self.conditions.get(name).ok_or_else(|| {
            refusal(format!(
                "Template error: unresolved condition dependency {name} in Fn::If"
            ))
        })?;
        self.resolve(if *chosen { yes } else { no })
    }

    fn join(&self, argument: &Value) -> Result<Value> {
        let refused = || refusal(JOIN_ARGUMENTS);
        let [delimiter, items] = arguments(argument, 2).ok_or_else(refused)? else {
            return Err(refused());
        };
        let delimiter = delimiter.as_str().ok_or_else(refused)?;
        let items = self.argument(items)?;
        if items == KNOWN_AFTER_APPLY {
            return Ok(items);
        }
        let texts: Option<Vec<String>> = items
            .as_array()
            .map(|items| items.iter().map(text).collect())
            .ok_or_else(refused)?;
        Ok(unknown_whole(texts.ok_or_else(refused)?.join(delimiter)))
    }

    fn substitute(&self, argument: &Value) -> Result<Value> {
        let (template, local) = match argument {
            Value::Array(parts) => (parts.first(), parts.get(1)),
            one => (Some(one), None),
        };
        let template = template.and_then(Value::as_str).unwrap_or_default();
        let mut result = String::with_capacity(template.len());
        let mut rest = template;
        while let Some(start) = rest.find("${") {
            let after = &rest[start + 2..];
            let Some(end) = after.find('}') else { break };
            result.push_str(&rest[..start]);
            match after[..end].strip_prefix('!') {
                Some(literal) => {
                    result.push_str("${");
                    result.push_str(literal);
                    result.push('}');
                }
                None => result.push_str(&self.placeholder(after[..end].trim(), local)?),
            }
            rest = &after[end + 1..];
        }
        result.push_str(rest);
        Ok(unknown_whole(result))
    }

    fn placeholder(&self, name: &str, local: Option<&Value>) -> Result<String> {
        let value = if let Some(value) = local.and_then(|local| local.get(name)) {
            self.resolve(value)?
        } else if let Some((resource, attribute)) = name.split_once('.') {
            Some(self.attribute_of(resource, attribute)?)
        } else {
            self.reference(name)?
        };
        let value = value.unwrap_or(Value::Null);
        let listed = value.as_array().map(|items| {
            let texts: Option<Vec<String>> = items.iter().map(text).collect();
            texts.map(|texts| texts.join(","))
        });
        listed.unwrap_or_else(|| text(&value)).ok_or_else(|| {
            refusal(format!(
                "Template error: variable {name} in Fn::Sub expression does not resolve to a string"
            ))
        })
    }

    fn select(&self, argument: &Value) -> Result<Value> {
        let refused = || refusal(SELECT_ARGUMENTS);
        let [index, items] = arguments(argument, 2).ok_or_else(refused)? else {
            return Err(refused());
        };
        let index = self.argument(index)?;
        let index: usize = text(&index)
            .and_then(|text| text.parse().ok())
            .ok_or_else(refused)?;
        let items = self.argument(items)?;
        if items == KNOWN_AFTER_APPLY {
            return Ok(items);
        }
        let items = items.as_array().ok_or_else(refused)?;
        items.get(index).cloned().ok_or_else(|| {
            refusal(format!(
                "Template error: Fn::Select cannot select nonexistent value at index {index}"
            ))
        })
    }

    fn split(&self, argument: &Value) -> Result<Value> {
        let refused = || refusal(SPLIT_ARGUMENTS);
        let [delimiter, source] = arguments(argument, 2).ok_or_else(refused)? else {
            return Err(refused());
        };
        let delimiter = delimiter
            .as_str()
            .filter(|delimiter| !delimiter.is_empty())
            .ok_or_else(refused)?;
        let source = self.argument(source)?;
        if source == KNOWN_AFTER_APPLY {
            return Ok(source);
        }
        let source = source.as_str().ok_or_else(refused)?;
        Ok(source.split(delimiter).collect())
    }

    fn find_in_map(&self, argument: &Value) -> Result<Value> {
        let parts = argument.as_array().map_or(&[][..], Vec::as_slice);
        let [map, key, attribute, ..] = parts else {
            return Err(refusal(
                "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value",
            ));
        };
        let name = |value: &Value| Ok::<_, Error>(text(&self.argument(value)?).unwrap_or_default());
        let (map, key, attribute) = (name(map)?, name(key)?, name(attribute)?);
        let found = self
            .template
            .section_member("Mappings", &map)
            .and_then(|mapping| mapping.get(&key)?.get(&attribute));
        match (
            found,
            parts.get(3).and_then(|extra| extra.get("DefaultValue")),
        ) {
            (Some(value), _) => Ok(value.clone()),
            (None, Some(default)) => self.argument(default),
            (None, None) => Err(refusal(format!(
                "Template error: Unable to get mapping for {map}::{key}::{attribute}"
            ))),
        }
    }

    fn length(&self, argument: &Value) -> Result<Value> {
        match self.argument(argument)? {
            Value::Array(items) => Ok(items.len().into()),
            unknown if unknown == KNOWN_AFTER_APPLY => Ok(unknown),
            _ => Err(refusal(
                "Transform AWS::LanguageExtensions failed with: Fn::Length layout is incorrect",
            )),
        }
    }

    fn base64(&self, argument: &Value) -> Result<Value> {
        let value = self.argument(argument)?;
        if value == KNOWN_AFTER_APPLY {
            return Ok(value);
        }
        let plain = text(&value).ok_or_else(|| {
            refusal("Template error: every Fn::Base64 object must have a String-typed value.")
        })?;
        Ok(base64::prelude::BASE64_STANDARD.encode(plain).into())
    }

    fn zones(&self, argument: &Value) -> Result<Value> {
        let region = self.argument(argument)?;
        let region = region
            .as_str()
            .filter(|region| !region.is_empty())
            .unwrap_or(&self.stack.region);
        Ok(["a", "b", "c"]
            .iter()
            .map(|zone| format!("{region}{zone}"))
            .collect())
    }

    fn import(&self, argument: &Value) -> Result<Value> {
        let name = self.argument(argument)?;
        let name = text(&name).ok_or_else(|| {
            refusal("Template error: the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs")
        })?;
        let value = self
            .exports
            .get(&name)
            .ok_or_else(|| refusal(format!("No export named {name} found.")))?;
        self.imported.borrow_mut().insert(name);
        Ok(value.as_str().into())
    }

    /// `count` blocks of `bits` host bits out of an IPv4 block.
    fn cidr(&self, argument: &Value) -> Result<Value> {
        let refused = || {
            refusal(
                "Template error: Fn::Cidr requires an IPv4 block, a count and the subnet's bits",
            )
        };
        let parts = self.argument(argument)?;
        let parts = parts.as_array().ok_or_else(refused)?;
        let number = |index: usize| parts.get(index).and_then(text)?.parse::<u32>().ok();
        let block = parts.first().and_then(text).ok_or_else(refused)?;
        let (address, _) = block.split_once('/').ok_or_else(refused)?;
        let base: std::net::Ipv4Addr = address.parse().map_err(|_| refused())?;
        let count = number(1)
            .filter(|count| (1..=256).contains(count))
            .ok_or_else(refused)?;
        let bits = number(2).unwrap_or(8).min(31);
        let blocks = (0..count).map(|index| {
            let start = u32::from(base).wrapping_add(index << bits);
            format!("{}/{}", std::net::Ipv4Addr::from(start), 32 - bits)
        });
        Ok(blocks.collect())
    }
}

fn arguments(argument: &Value, count: usize) -> Option<&[Value]> {
    argument
        .as_array()
        .map(Vec::as_slice)
        .filter(|parts| parts.len() == count)
}

/// An attribute that the type does not have is an error in AWS's words.
fn known_attribute(resource: &KnownResource, attribute: &str) -> Result<()> {
    let kind = resource.kind.as_str();
    let custom = kind.starts_with("Custom::") || kind == "AWS::CloudFormation::CustomResource";
    let nested = kind == "AWS::CloudFormation::Stack" && attribute.starts_with("Outputs.");
    let exists = cumulet_schemas::resource_type(kind)
        .is_none_or(|schema| custom || nested || schema.has_attribute(attribute));
    if exists {
        return Ok(());
    }
    Err(refusal(format!(
        "Requested attribute {attribute} does not exist in schema for {kind}"
    )))
}

/// A scalar as text, the way CloudFormation writes it.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A text with an unknown part is unknown.
fn unknown_whole(text: String) -> Value {
    if text.contains(KNOWN_AFTER_APPLY) {
        KNOWN_AFTER_APPLY.into()
    } else {
        text.into()
    }
}
