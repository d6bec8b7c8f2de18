//! Who refers to whom: undefined names, cycles, and the order that resources are made in.

use std::collections::{BTreeMap, BTreeSet};

use cumulet_engine::error::Result;
use serde_json::Value;

use super::{Definition, Template, attribute_parts, function_call, refusal};

const PSEUDO_PARAMETERS: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// How a name is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// `Ref`, or `${Name}`.
    Name,
    /// `Fn::GetAtt`.
    Attribute,
    /// `${Name.Attribute}`.
    SubstitutedAttribute,
}

/// A name used in a template, and the attribute asked of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) attribute: Option<String>,
    pub(crate) how: Use,
}

/// All that `value` refers to. With `conditions`, only in the branches that they choose.
pub(crate) fn references(
    value: &Value,
    conditions: Option<&BTreeMap<String, bool>>,
) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(value, conditions, &mut found);
    found
}

fn collect(value: &Value, conditions: Option<&BTreeMap<String, bool>>, found: &mut Vec<Reference>) {
    match function_call(value) {
        Some(("Ref", Value::String(name))) => found.push(reference(name, None, Use::Name)),
        Some(("Fn::GetAtt", argument)) => attribute(argument, found),
        Some(("Fn::Sub", argument)) => substitution(argument, conditions, found),
        Some(("Fn::If", Value::Array(branches))) if conditions.is_some() => {
            let chosen = branches
                .first()
                .and_then(Value::as_str)
                .and_then(|name| conditions?.get(name));
            let branch = branches.get(if chosen == Some(&true) { 1 } else { 2 });
            collect(branch.unwrap_or(&Value::Null), conditions, found);
        }
        _ => inside(value, conditions, found),
    }
}

fn inside(value: &Value, conditions: Option<&BTreeMap<String, bool>>, found: &mut Vec<Reference>) {
    match value {
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect(item, conditions, found)),
        Value::Object(members) => members
            .values()
            .for_each(|member| collect(member, conditions, found)),
        _ => {}
    }
}

fn reference(name: &str, attribute: Option<&str>, how: Use) -> Reference {
    Reference {
        name: name.to_owned(),
        attribute: attribute.map(str::to_owned),
        how,
    }
}

fn attribute(argument: &Value, found: &mut Vec<Reference>) {
    let parts = attribute_parts(argument);
    if let Some([Value::String(name), attribute]) = parts.as_array().map(Vec::as_slice) {
        found.push(reference(name, attribute.as_str(), Use::Attribute));
        if !attribute.is_string() {
            collect(attribute, None, found);
        }
    }
}

fn substitution(
    argument: &Value,
    conditions: Option<&BTreeMap<String, bool>>,
    found: &mut Vec<Reference>,
) {
    let (text, local) = match argument {
        Value::Array(parts) => (parts.first(), parts.get(1)),
        one => (Some(one), None),
    };
    for name in placeholders(text.and_then(Value::as_str).unwrap_or_default()) {
        if local.is_some_and(|local| local.get(name).is_some()) {
            continue;
        }
        found.push(match name.split_once('.') {
            Some((resource, attribute)) => {
                reference(resource, Some(attribute), Use::SubstitutedAttribute)
            }
            None => reference(name, None, Use::Name),
        });
    }
    inside(local.unwrap_or(&Value::Null), conditions, found);
}

/// The names in `${...}`; `${!Literal}` is none.
pub(super) fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("${").filter_map(|(start, _)| {
        let rest = &text[start + 2..];
        let name = &rest[..rest.find('}')?];
        (!name.starts_with('!')).then_some(name.trim())
    })
}

/// Refuses names that nothing bears, then cycles.
pub(super) fn check(template: &Template) -> Result<()> {
    for definition in template.resources() {
        condition_exists(template, definition)?;
    }
    undefined(template, "Resources")?;
    undefined(template, "Outputs")?;
    acyclic(template)
}

fn condition_exists(template: &Template, definition: Definition<'_>) -> Result<()> {
    let missing = definition
        .condition()
        .filter(|name| template.section_member("Conditions", name).is_none());
    missing.map_or(Ok(()), |name| {
        Err(refusal(format!(
            "Template format error: Unresolved condition dependency {name} in the Resources block of the template"
        )))
    })
}

fn undefined(template: &Template, section: &str) -> Result<()> {
    let mut unresolved = BTreeSet::new();
    for (_, member) in template.section(section) {
        for used in references(member, None) {
            if !is_defined(template, &used.name) {
                undefined_attribute(&used)?;
                unresolved.insert(used.name);
            }
        }
    }
    if section == "Resources" {
        let dependencies = template.resources().flat_map(|each| each.depends_on());
        unresolved.extend(
            dependencies
                .filter(|name| template.resource(name).is_none())
                .map(str::to_owned),
        );
    }
    unresolved_dependencies(section, &unresolved)
}

fn undefined_attribute(used: &Reference) -> Result<()> {
    let Reference {
        name, attribute, ..
    } = used;
    match (used.how, attribute) {
        (Use::Name, _) => Ok(()),
        (Use::SubstitutedAttribute, Some(attribute)) => Err(refusal(format!(
            "Template error: instance of Fn::Sub references invalid resource attribute {name}.{attribute}"
        ))),
        _ => Err(refusal(format!(
            "Template error: instance of Fn::GetAtt references undefined resource {name}"
        ))),
    }
}

pub(super) fn unresolved_dependencies(section: &str, names: &BTreeSet<String>) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let prefix = if section == "Resources" {
        "Template format error: "
    } else {
        ""
    };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let names = names.join(", ");
    Err(refusal(format!(
        "{prefix}Unresolved resource dependencies [{names}] in the {section} block of the template"
    )))
}

fn is_defined(template: &Template, name: &str) -> bool {
    PSEUDO_PARAMETERS.contains(&name)
        || template.section_member("Parameters", name).is_some()
        || template.resource(name).is_some()
}

/// The resources that a resource waits for, in their order in the template.
pub(crate) fn dependencies(
    template: &Template,
    definition: Definition<'_>,
    conditions: Option<&BTreeMap<String, bool>>,
) -> Vec<String> {
    let properties = definition.properties().unwrap_or(&Value::Null);
    let mut names: Vec<String> = references(properties, conditions)
        .into_iter()
        .map(|used| used.name)
        .chain(definition.depends_on().map(str::to_owned))
        .filter(|name| template.resource(name).is_some())
        .collect();
    names.sort();
    names.dedup();
    names
}

fn acyclic(template: &Template) -> Result<()> {
    let mut waiting: BTreeMap<&str, Vec<String>> = template
        .resources()
        .map(|each| (each.logical_id, dependencies(template, each, None)))
        .collect();
    loop {
        let free: Vec<&str> = waiting
            .iter()
            .filter(|(_, needed)| {
                !needed
                    .iter()
                    .any(|name| waiting.contains_key(name.as_str()))
            })
            .map(|(name, _)| *name)
            .collect();
        if free.is_empty() {
            break;
        }
        free.iter().for_each(|name| {
            waiting.remove(name);
        });
    }
    keep_cycles(&mut waiting);
    if waiting.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = template
        .resources()
        .map(|each| each.logical_id)
        .filter(|name| waiting.contains_key(name))
        .collect();
    let names = names.join(", ");
    Err(refusal(format!(
        "Circular dependency between resources: [{names}]"
    )))
}

/// Drops what only waits for a cycle and is not part of one.
fn keep_cycles(waiting: &mut BTreeMap<&str, Vec<String>>) {
    loop {
        let needed: BTreeSet<String> = waiting.values().flatten().cloned().collect();
        let before = waiting.len();
        waiting.retain(|name, _| needed.contains(*name));
        if waiting.len() == before {
            return;
        }
    }
}
