//! The check of a whole template, before anything is written: every resource against CloudFormation's schema of its
//! type, every reference against the template.

use std::collections::BTreeSet;

use cumulet_schemas::resource_type;
use serde_json::{Map, Value};

use crate::stack::Stack;

/// Everything that is wrong with a stack whose resources are finished, in the order of the template.
pub(crate) fn problems(
    stack: &Stack,
    resources: &Map<String, Value>,
    handlers: &[&str],
) -> Vec<String> {
    let mut problems = stack.problems.clone();
    if resources.is_empty() {
        problems.push("a stack needs at least one resource".to_owned());
    }
    check_handlers(stack, handlers, &mut problems);
    for (id, resource) in resources {
        check_resource(id, resource, &mut problems);
    }
    for (place, reference) in references(resources, &stack.outputs) {
        problems
            .extend(unresolved(resources, &reference).map(|problem| format!("{place}: {problem}")));
    }
    problems.extend(circle(resources));
    problems
}

/// A function without its handler fails when it is first called, a handler without function never runs: both are
/// mistakes of the application that its own synthesis can see.
fn check_handlers(stack: &Stack, handlers: &[&str], problems: &mut Vec<String>) {
    for (id, handler) in &stack.functions {
        if !handlers.contains(&handler.as_str()) {
            problems.push(format!(
                "function {id} names the handler {handler:?}, which the application does not have"
            ));
        }
    }
    for handler in handlers {
        if !stack.functions.iter().any(|(_, used)| used == handler) {
            problems.push(format!(
                "handler {handler:?} is run by no function of the stack"
            ));
        }
    }
}

fn check_resource(id: &str, resource: &Value, problems: &mut Vec<String>) {
    let name = resource["Type"].as_str().unwrap_or_default();
    match resource_type(name) {
        None => problems.push(format!("resource {id}: type {name} is not known here")),
        Some(kind) => {
            let violations = kind.check(&resource["Properties"]);
            problems.extend(
                violations
                    .iter()
                    .map(|violation| format!("resource {id} ({name}): {violation}")),
            );
        }
    }
}

/// What one place of the template points at: a logical id, perhaps with an attribute.
#[derive(Debug)]
struct Reference {
    id: String,
    attribute: Option<String>,
}

fn references(
    resources: &Map<String, Value>,
    outputs: &Map<String, Value>,
) -> Vec<(String, Reference)> {
    let mut found = Vec::new();
    let resources = resources
        .iter()
        .map(|(id, resource)| (format!("resource {id}"), resource));
    let outputs = outputs
        .iter()
        .map(|(id, output)| (format!("output {id}"), output));
    for (place, value) in resources.chain(outputs) {
        let mut inner = Vec::new();
        collect(value, &mut inner);
        found.extend(
            inner
                .into_iter()
                .map(|reference| (place.clone(), reference)),
        );
    }
    found
}

fn collect(value: &Value, found: &mut Vec<Reference>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => {
            members
                .iter()
                .for_each(|(name, member)| match (name.as_str(), member) {
                    ("Ref", Value::String(name)) => found.push(placeholder(name)),
                    ("Fn::GetAtt", _) => found.extend(get_att(member)),
                    ("Fn::Sub", _) => collect_substitution(member, found),
                    ("DependsOn", Value::String(id)) => found.push(whole(id)),
                    ("DependsOn", Value::Array(ids)) => {
                        found.extend(ids.iter().filter_map(Value::as_str).map(whole))
                    }
                    _ => collect(member, found),
                })
        }
        _ => {}
    }
}

/// `Fn::Sub` is a text, or a text with a map of names that it does not take from the template.
fn collect_substitution(member: &Value, found: &mut Vec<Reference>) {
    match member.as_array().map(Vec::as_slice) {
        Some([Value::String(template), own]) => {
            let foreign =
                substitutions(template).filter(|reference| own.get(&reference.id).is_none());
            found.extend(foreign);
            collect(own, found);
        }
        _ => found.extend(member.as_str().into_iter().flat_map(substitutions)),
    }
}

fn whole(id: &str) -> Reference {
    Reference {
        id: id.to_owned(),
        attribute: None,
    }
}

fn placeholder(name: &str) -> Reference {
    match name.split_once('.') {
        Some((id, attribute)) => Reference {
            id: id.to_owned(),
            attribute: Some(attribute.to_owned()),
        },
        None => whole(name),
    }
}

fn get_att(member: &Value) -> Option<Reference> {
    match member.as_array().map(Vec::as_slice) {
        Some([id, attribute]) => Some(placeholder(&format!(
            "{}.{}",
            id.as_str()?,
            attribute.as_str()?
        ))),
        _ => member.as_str().map(placeholder),
    }
}

fn substitutions(template: &str) -> impl Iterator<Item = Reference> {
    let inner = template
        .split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'));
    inner
        .map(|(name, _)| name)
        .filter(|name| !name.starts_with('!'))
        .map(placeholder)
}

fn unresolved(resources: &Map<String, Value>, reference: &Reference) -> Option<String> {
    let Reference { id, attribute } = reference;
    if id.starts_with("AWS::") {
        return None;
    }
    let Some(resource) = resources.get(id) else {
        return Some(format!("refers to {id}, which is not in the stack"));
    };
    let name = resource["Type"].as_str().unwrap_or_default();
    let (Some(attribute), Some(kind)) = (attribute, resource_type(name)) else {
        return None;
    };
    let free = matches!(
        kind.name(),
        "AWS::CloudFormation::CustomResource" | "AWS::CloudFormation::Stack"
    );
    let known = free
        || kind.has_attribute(attribute)
        || kind.properties().any(|property| property == attribute);
    (!known).then(|| format!("attribute {attribute} does not exist in the schema of {name}"))
}

/// Resources that wait for each other could never be made.
fn circle(resources: &Map<String, Value>) -> Option<String> {
    let mut waiting: Vec<(&String, Vec<Reference>)> = resources
        .iter()
        .map(|(id, resource)| {
            let mut found = Vec::new();
            collect(resource, &mut found);
            (id, found)
        })
        .collect();
    let mut made = BTreeSet::new();
    loop {
        let before = waiting.len();
        waiting.retain(|(id, needs)| {
            let ready = needs
                .iter()
                .all(|need| !resources.contains_key(&need.id) || made.contains(&need.id));
            ready.then(|| made.insert((*id).clone())).is_none()
        });
        if waiting.len() == before {
            let ids: Vec<&str> = waiting.iter().map(|(id, _)| id.as_str()).collect();
            return (!ids.is_empty()).then(|| {
                format!(
                    "circular dependency between resources: [{}]",
                    ids.join(", ")
                )
            });
        }
    }
}
