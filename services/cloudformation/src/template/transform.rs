//! Transforms: what turns a template into the one that is deployed, before its form is judged.
//!
//! Built are `AWS::Include`, whose snippets the caller has fetched, and `AWS::LanguageExtensions`, of which only the
//! loops are unrolled here: `Fn::Length` and `Fn::ToJsonString` are functions like others. Macros of one's own and SAM's
//! transform are refused by name.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-reference.html>

use std::collections::BTreeMap;

use cumulet_engine::error::{Error, Result};
use serde_json::{Map, Value};

use super::functions::{Scope, text};
use super::{Template, refusal};

const LANGUAGE_EXTENSIONS: &str = "AWS::LanguageExtensions";
const INCLUDE: &str = "AWS::Include";
const TRANSFORM: &str = "Fn::Transform";
const LOOP: &str = "Fn::ForEach::";
/// So many loops lie within each other at most.
const LOOPS_DEEP_MAX: usize = 5;

/// Whether the template must be transformed before it is a template.
pub(crate) fn is_needed(template: &Template) -> bool {
    template.member("Transform").is_some() || contains_transform(template)
}

fn contains_transform(template: &Template) -> bool {
    let mut found = Vec::new();
    let values = template.document.values();
    values.for_each(|value| includes(value, &mut found));
    !found.is_empty()
}

/// The transforms that the template declares, by name.
pub(crate) fn declared(template: &Template) -> Result<Vec<&str>> {
    let listed = match template.member("Transform") {
        None => &[],
        Some(Value::Array(several)) => several.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    listed.iter().map(name).collect()
}

fn name(transform: &Value) -> Result<&str> {
    let name = transform.as_str().or_else(|| transform["Name"].as_str());
    name.ok_or_else(nameless)
}

fn nameless() -> Error {
    refusal("Key Name of transform definition must be a string.")
}

pub(super) fn extends_language(template: &Template) -> bool {
    declared(template).is_ok_and(|names| names.contains(&LANGUAGE_EXTENSIONS))
}

/// Refuses by name the transforms that are not built.
pub(super) fn built(template: &Template) -> Result<()> {
    let names = declared(template)?;
    let other = names
        .iter()
        .find(|name| ![LANGUAGE_EXTENSIONS, INCLUDE].contains(*name));
    other.map_or(Ok(()), |name| {
        Err(refusal(format!(
            "Transform {name} is not implemented by Cumulet"
        )))
    })
}

/// The places that snippets are to be fetched from before [`transformed`].
pub(crate) fn locations(template: &Template) -> Result<Vec<String>> {
    built(template)?;
    let mut found = Vec::new();
    for (name, value) in &template.document {
        if name == "Transform" {
            top_level_includes(value, &mut found);
        } else {
            includes(value, &mut found);
        }
    }
    found.iter().map(|call| location(call)).collect()
}

fn top_level_includes<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(several) => several
            .iter()
            .for_each(|one| top_level_includes(one, found)),
        Value::Object(_) if value["Name"] == INCLUDE => found.push(value),
        _ => {}
    }
}

/// The arguments of every `Fn::Transform` in a value.
fn includes<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| includes(item, found)),
        Value::Object(members) => {
            found.extend(members.get(TRANSFORM));
            members.values().for_each(|member| includes(member, found));
        }
        _ => {}
    }
}

fn location(call: &Value) -> Result<String> {
    if call["Name"] != INCLUDE {
        let name = call["Name"].as_str().unwrap_or_default();
        return Err(refusal(format!(
            "Transform {name} is not implemented by Cumulet"
        )));
    }
    let location = &call["Parameters"]["Location"];
    location.as_str().map(str::to_owned).ok_or_else(|| {
        Error::not_implemented("AWS::Include with a Location that is not a literal text")
    })
}

/// The template with its snippets in place: known by their locations.
pub(crate) fn with_snippets(
    template: &Template,
    snippets: &BTreeMap<String, String>,
) -> Result<Template> {
    let mut document = Map::new();
    for (name, value) in &template.document {
        if name == "Transform" {
            let mut found = Vec::new();
            top_level_includes(value, &mut found);
            for call in found {
                document.extend(snippet(call, snippets)?);
            }
            document.insert(name.clone(), value.clone());
        } else {
            document.insert(name.clone(), included(value, snippets)?);
        }
    }
    Ok(Template { document })
}

fn snippet(call: &Value, snippets: &BTreeMap<String, String>) -> Result<Map<String, Value>> {
    let location = location(call)?;
    let text = snippets.get(&location).ok_or_else(|| {
        refusal(format!(
            "Transform AWS::Include failed with: The specified S3 object's content should be valid Yaml/JSON ({location})"
        ))
    })?;
    Ok(Template::read(text)?.document)
}

/// The value with each `Fn::Transform` replaced by the members of its snippet.
fn included(value: &Value, snippets: &BTreeMap<String, String>) -> Result<Value> {
    Ok(match value {
        Value::Array(items) => {
            let items = items.iter().map(|item| included(item, snippets));
            Value::Array(items.collect::<Result<_>>()?)
        }
        Value::Object(members) => {
            let mut whole = Map::new();
            for (name, member) in members {
                if name == TRANSFORM {
                    whole.extend(snippet(member, snippets)?);
                } else {
                    whole.insert(name.clone(), included(member, snippets)?);
                }
            }
            Value::Object(whole)
        }
        other => other.clone(),
    })
}

/// The template with its loops unrolled; `scope` knows parameters and mappings.
pub(crate) fn unrolled(template: &Template, scope: &Scope<'_>) -> Result<Template> {
    if !extends_language(template) {
        return Ok(template.clone());
    }
    let mut document = Map::new();
    for (name, value) in &template.document {
        document.insert(name.clone(), unroll(value, scope, 0)?);
    }
    Ok(Template { document })
}

fn unroll(value: &Value, scope: &Scope<'_>, depth: usize) -> Result<Value> {
    Ok(match value {
        Value::Array(items) => {
            let items = items.iter().map(|item| unroll(item, scope, depth));
            Value::Array(items.collect::<Result<_>>()?)
        }
        Value::Object(members) => {
            let mut whole = Map::new();
            for (name, member) in members {
                match name.strip_prefix(LOOP) {
                    Some(_) => turns(name, member, scope, depth, &mut whole)?,
                    None => {
                        whole.insert(name.clone(), unroll(member, scope, depth)?);
                    }
                }
            }
            Value::Object(whole)
        }
        other => other.clone(),
    })
}

/// Adds what each turn of a loop makes.
fn turns(
    name: &str,
    arguments: &Value,
    scope: &Scope<'_>,
    depth: usize,
    whole: &mut Map<String, Value>,
) -> Result<()> {
    let malformed = || {
        refusal(format!(
            "Transform AWS::LanguageExtensions failed with: {name} layout is incorrect"
        ))
    };
    if depth >= LOOPS_DEEP_MAX {
        return Err(malformed());
    }
    let [
        Value::String(identifier),
        collection,
        body @ Value::Object(_),
    ] = arguments.as_array().map_or(&[][..], Vec::as_slice)
    else {
        return Err(malformed());
    };
    let collection = scope.resolve(collection)?.unwrap_or_default();
    for item in collection.as_array().ok_or_else(malformed)? {
        let item = text(item).ok_or_else(malformed)?;
        let turn = unroll(&substituted(body, identifier, &item), scope, depth + 1)?;
        for (key, value) in turn.as_object().into_iter().flatten() {
            if whole.insert(key.clone(), value.clone()).is_some() {
                return Err(refusal(format!(
                    "Transform AWS::LanguageExtensions failed with: Fn::ForEach could not merge {key}: it is there already"
                )));
            }
        }
    }
    Ok(())
}

/// The body of a loop with `${Identifier}`, `&{Identifier}` and `Ref` of it replaced.
fn substituted(value: &Value, identifier: &str, item: &str) -> Value {
    let alphanumeric: String = item.chars().filter(char::is_ascii_alphanumeric).collect();
    let in_text = |text: &str| {
        text.replace(&format!("${{{identifier}}}"), item)
            .replace(&format!("&{{{identifier}}}"), &alphanumeric)
    };
    match value {
        Value::String(text) => in_text(text).into(),
        Value::Array(items) => items
            .iter()
            .map(|one| substituted(one, identifier, item))
            .collect(),
        Value::Object(members) if members.len() == 1 && value["Ref"] == identifier => item.into(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, member)| (in_text(name), substituted(member, identifier, item)))
                .collect(),
        ),
        other => other.clone(),
    }
}
