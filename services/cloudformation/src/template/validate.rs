//! The form of a template: what CloudFormation refuses before it looks at a parameter.

use cumulet_engine::error::{Error, Result};
use serde_json::Value;

use super::{Template, attribute_parts, function_call, refusal};

const SECTIONS: [&str; 11] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

const RESOURCE_MEMBERS: [&str; 10] = [
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Description",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];

pub(super) fn form(template: &Template) -> Result<()> {
    top_level(template)?;
    nulls(template)?;
    resources(template)?;
    mappings(template)?;
    outputs(template)?;
    names(template, "Parameters", "Parameter")
}

fn format_error(message: impl std::fmt::Display) -> Error {
    refusal(format!("Template format error: {message}"))
}

fn top_level(template: &Template) -> Result<()> {
    let unknown: Vec<&str> = template
        .document
        .keys()
        .map(String::as_str)
        .filter(|name| !SECTIONS.contains(name))
        .collect();
    if !unknown.is_empty() {
        let unknown = unknown.join(", ");
        return Err(refusal(format!(
            "Invalid template property or properties [{unknown}]"
        )));
    }
    let version = template.member("AWSTemplateFormatVersion");
    if version.is_some_and(|version| version != "2010-09-09") {
        return Err(format_error(
            "Invalid template version. Version must be 2010-09-09",
        ));
    }
    Ok(())
}

/// `null` stands nowhere in a template but in metadata.
fn nulls(template: &Template) -> Result<()> {
    for section in ["Parameters", "Conditions", "Resources", "Outputs"] {
        if let Some(value) = template.member(section) {
            no_null(value, &format!("/{section}"))?;
        }
    }
    Ok(())
}

fn no_null(value: &Value, path: &str) -> Result<()> {
    match value {
        Value::Null => Err(refusal(format!(
            "[{path}] 'null' values are not allowed in templates"
        ))),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| no_null(item, &format!("{path}/{index}"))),
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != "Metadata")
            .try_for_each(|(name, member)| no_null(member, &format!("{path}/{name}"))),
        _ => Ok(()),
    }
}

fn resources(template: &Template) -> Result<()> {
    if template.section("Resources").next().is_none() {
        return Err(format_error(
            "At least one Resources member must be defined.",
        ));
    }
    names(template, "Resources", "Resource")?;
    for (logical_id, definition) in template.section("Resources") {
        if logical_id.starts_with("Fn::") {
            return Err(format_error(format!("{logical_id} needs a transform")));
        }
        let Some(members) = definition.as_object() else {
            return Err(format_error("Any Resources member must be an object."));
        };
        if !members.get("Type").is_some_and(Value::is_string) {
            return Err(format_error(format!(
                "[/Resources/{logical_id}] Every Resources object must contain a Type member."
            )));
        }
        let unknown = members
            .keys()
            .find(|name| !RESOURCE_MEMBERS.contains(&name.as_str()));
        if let Some(unknown) = unknown {
            return Err(refusal(format!(
                "Invalid template resource property '{unknown}'"
            )));
        }
    }
    Ok(())
}

fn names(template: &Template, section: &str, what: &str) -> Result<()> {
    let alphanumeric = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let odd = template
        .section(section)
        .find(|(name, _)| !alphanumeric(name) && !name.starts_with("Fn::"));
    odd.map_or(Ok(()), |(name, _)| {
        Err(format_error(format!(
            "{what} name {name} is non alphanumeric."
        )))
    })
}

fn mappings(template: &Template) -> Result<()> {
    for (name, mapping) in template.section("Mappings") {
        let Some(keys) = mapping.as_object() else {
            return Err(format_error(format!(
                "Every Mappings member {name} must be a map"
            )));
        };
        for (key, values) in keys {
            let Some(values) = values.as_object() else {
                return Err(format_error(format!(
                    "Every Mappings member {key} must be a map"
                )));
            };
            if values.values().any(Value::is_object) {
                return Err(format_error(
                    "Every Mappings attribute must be a String or a List.",
                ));
            }
        }
    }
    Ok(())
}

fn outputs(template: &Template) -> Result<()> {
    let incomplete = template
        .section("Outputs")
        .any(|(_, output)| output.get("Value").is_none());
    if incomplete {
        return Err(format_error(
            "Every Outputs member must contain a Value object",
        ));
    }
    Ok(())
}

/// Waiting for signals and special ways of updating belong to types that are not built.
pub(super) fn policies(template: &Template) -> Result<()> {
    for definition in template.resources() {
        for name in ["CreationPolicy", "UpdatePolicy"] {
            if definition.member(name).is_some() {
                let (id, kind) = (definition.logical_id, definition.kind);
                return Err(Error::not_implemented(format!("{name} of {id} ({kind})")));
            }
        }
    }
    Ok(())
}

/// Every call of a function has the arguments that the function takes.
pub(super) fn functions(template: &Template) -> Result<()> {
    for section in ["Conditions", "Resources", "Outputs"] {
        if let Some(value) = template.member(section) {
            calls(template, value)?;
        }
    }
    Ok(())
}

fn calls(template: &Template, value: &Value) -> Result<()> {
    if let Some((name, argument)) = function_call(value) {
        call(template, name, argument)?;
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| calls(template, item)),
        Value::Object(members) => members
            .values()
            .try_for_each(|member| calls(template, member)),
        _ => Ok(()),
    }
}

fn call(template: &Template, name: &str, argument: &Value) -> Result<()> {
    let count = argument.as_array().map(Vec::len);
    let message = match name {
        "Ref" if !argument.is_string() => {
            "Template error: every Ref object must have a single String value."
        }
        "Fn::GetAtt" if !is_attribute(argument) => {
            "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
        }
        "Fn::Equals" if count != Some(2) => {
            "Template error: every Fn::Equals object requires a list of 2 string parameters."
        }
        "Fn::Select" if count != Some(2) => {
            "Template error: Fn::Select requires a list argument with two elements: an integer index and a list"
        }
        "Fn::Split" if count != Some(2) => super::functions::SPLIT_ARGUMENTS,
        "Fn::Join" if count != Some(2) => super::functions::JOIN_ARGUMENTS,
        "Fn::Sub" if !(argument.is_string() || count == Some(2)) => {
            "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string"
        }
        "Fn::If" => return condition_of_if(template, argument),
        "Fn::FindInMap" if !matches!(count, Some(3 | 4)) => {
            "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"
        }
        "Fn::Not" if count != Some(1) => {
            "Template error: every Fn::Not object requires one boolean parameter."
        }
        "Fn::And" | "Fn::Or" if !matches!(count, Some(2..=10)) => {
            return Err(refusal(format!(
                "Template error: every {name} object requires a list of at least 2 and at most 10 boolean parameters."
            )));
        }
        "Fn::Length" | "Fn::ToJsonString" if super::transform::extends_language(template) => {
            return Ok(());
        }
        _ => return known(name),
    };
    Err(refusal(message))
}

fn known(name: &str) -> Result<()> {
    const KNOWN: [&str; 21] = [
        "Ref",
        "Fn::And",
        "Fn::Base64",
        "Fn::Cidr",
        "Fn::Contains",
        "Fn::EachMemberEquals",
        "Fn::EachMemberIn",
        "Fn::Equals",
        "Fn::FindInMap",
        "Fn::GetAZs",
        "Fn::GetAtt",
        "Fn::If",
        "Fn::ImportValue",
        "Fn::Join",
        "Fn::Not",
        "Fn::Or",
        "Fn::Select",
        "Fn::Split",
        "Fn::Sub",
        "Fn::RefAll",
        "Fn::ValueOf",
    ];
    if KNOWN.contains(&name) {
        return Ok(());
    }
    Err(refusal(format!(
        "Template error: Encountered unsupported function: {name} Supported functions are: [Fn::Base64, Fn::GetAtt, Fn::GetAZs, Fn::ImportValue, Fn::Join, Fn::Split, Fn::FindInMap, Fn::Select, Ref, Fn::Equals, Fn::If, Fn::Not, Condition, Fn::And, Fn::Or, Fn::Contains, Fn::EachMemberEquals, Fn::EachMemberIn, Fn::ValueOf, Fn::ValueOfAll, Fn::RefAll, Fn::Sub, Fn::Cidr]"
    )))
}

fn is_attribute(argument: &Value) -> bool {
    let parts = attribute_parts(argument);
    let Some([resource, attribute]) = parts.as_array().map(Vec::as_slice) else {
        return false;
    };
    let given = |part: &Value| part.as_str().is_some_and(|text| !text.is_empty());
    given(resource) && (given(attribute) || attribute.is_object())
}

fn condition_of_if(template: &Template, argument: &Value) -> Result<()> {
    let Some([condition, _, _]) = argument.as_array().map(Vec::as_slice) else {
        return Err(refusal(
            "Template error: Fn::If requires a list argument with three elements",
        ));
    };
    let Some(name) = condition.as_str() else {
        return Err(refusal(
            "Template error: Fn::If requires a list argument with the first element being a condition",
        ));
    };
    if template.section_member("Conditions", name).is_none() {
        return Err(refusal(format!(
            "Template error: unresolved condition dependency {name} in Fn::If"
        )));
    }
    Ok(())
}
