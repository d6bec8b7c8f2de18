//! What an order would change: the body of a change set, and whether an update has anything to do.
//!
//! The pair of *resolved* templates decides, as at the deployment itself. What is known only after a
//! resource stands counts as changed.

use std::collections::BTreeMap;

use cumulet_engine::error::Result;
use cumulet_engine::provider::StackIdentity;
use cumulet_kernel::Tx;
use cumulet_schemas::Replacement;
use serde_json::{Map, Value, json};

use super::answer::present;
use super::coerce::coerce;
use super::deployment::way;
use super::settings::{self, Order};
use super::state::{self, Deployed, Resource, Stack, Work};
use super::template::functions::{KNOWN_AFTER_APPLY, KnownResource, Scope, text};
use super::template::references::{Use, references};
use super::template::{Definition, conditions, parameters, references as names};

/// What an order changes.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Members of a change set's `Changes`, with property values.
    pub(super) changes: Vec<Value>,
    /// Something beside the resources differs: outputs, tags.
    pub(super) otherwise: bool,
}

impl Plan {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && !self.otherwise
    }
}

struct Planner<'a> {
    order: &'a Order,
    scope: Scope<'a>,
    rows: BTreeMap<String, Resource>,
    changes: BTreeMap<String, Value>,
}

pub(super) fn plan(
    tx: &Tx<'_>,
    order: &Order,
    identity: &StackIdentity,
    stack: &Stack,
) -> Result<Plan> {
    let values = parameters::values(&order.settings.parameters);
    let mut scope = settings::scope(&order.template, identity, &values);
    conditions::decide(&mut scope)?;
    scope.exports = state::export_values(tx, &identity.account, &identity.region)?;
    let rows = state::resources(tx, &stack.id)?.into_iter();
    let rows = rows.filter(|row| row.now.is_some());
    let mut planner = Planner {
        order,
        scope,
        rows: rows.map(|row| (row.logical_id.clone(), row)).collect(),
        changes: BTreeMap::new(),
    };
    planner.live()?;
    let removed = planner.removed();
    let otherwise = planner.differs_otherwise(stack)?;
    let mut changes: Vec<Value> = planner.changes.into_values().collect();
    changes.extend(removed);
    Ok(Plan { changes, otherwise })
}

impl<'a> Planner<'a> {
    fn lives(&self, definition: &Definition<'_>) -> bool {
        let condition = definition.condition();
        condition.is_none_or(|name| self.scope.conditions.get(name) == Some(&true))
    }

    /// Judges the resources of the template, each after what it refers to.
    fn live(&mut self) -> Result<()> {
        let template = &self.order.template;
        let mut open: Vec<Definition<'a>> =
            template.resources().filter(|one| self.lives(one)).collect();
        while !open.is_empty() {
            let waits = |one: &Definition<'_>, open: &[Definition<'_>]| {
                let needed = names::dependencies(template, *one, Some(&self.scope.conditions));
                open.iter()
                    .any(|other| needed.iter().any(|name| name == other.logical_id))
            };
            let (waiting, ready): (Vec<_>, Vec<_>) =
                open.iter().copied().partition(|one| waits(one, &open));
            if ready.is_empty() {
                break;
            }
            for definition in ready {
                self.judge(definition)?;
            }
            open = waiting;
        }
        Ok(())
    }

    fn judge(&mut self, definition: Definition<'_>) -> Result<()> {
        let wanted = self.wanted(definition)?;
        let id = definition.logical_id;
        let now = self.rows.get(id).and_then(|row| row.now.clone());
        let work = now.as_ref().map_or(Work::Create, |now| way(now, &wanted));
        let known = KnownResource {
            kind: wanted.kind.clone(),
            physical_id: now
                .as_ref()
                .map(|now| now.physical_id.clone())
                .unwrap_or_default(),
            attributes: now
                .as_ref()
                .map(|now| now.attributes.clone())
                .unwrap_or_default(),
            pending: matches!(work, Work::Create | Work::Replace),
        };
        self.scope.resources.insert(id.to_owned(), known);
        let change = match now {
            None => Some(added(id, &wanted)),
            Some(now) => self.modified(definition, &now, &wanted, work),
        };
        if let Some(change) = change {
            self.changes.insert(id.to_owned(), change);
        }
        Ok(())
    }

    fn wanted(&self, definition: Definition<'_>) -> Result<Deployed> {
        let nothing = Value::Object(Map::new());
        let properties = definition.properties().unwrap_or(&nothing);
        let properties = self.scope.resolve(properties)?.unwrap_or(nothing.clone());
        let member = |name: &str| -> Result<Option<Value>> {
            let value = definition
                .member(name)
                .map(|value| self.scope.resolve(value));
            Ok(value.transpose()?.flatten())
        };
        Ok(Deployed {
            kind: definition.kind.to_owned(),
            properties: coerce(definition.kind, properties),
            stack_tags: self.order.settings.tags.clone(),
            metadata: member("Metadata")?,
            deletion_policy: member("DeletionPolicy")?.as_ref().and_then(text),
            update_replace_policy: member("UpdateReplacePolicy")?.as_ref().and_then(text),
            ..Deployed::default()
        })
    }

    fn modified(
        &self,
        definition: Definition<'_>,
        now: &Deployed,
        wanted: &Deployed,
        work: Work,
    ) -> Option<Value> {
        let details = self.details(definition, now, wanted);
        let scope = scope_of(now, wanted);
        if work == Work::Keep && scope.is_empty() {
            return None;
        }
        let unsure = |detail: &Value| {
            detail.pointer("/Target/AfterValue") == Some(&KNOWN_AFTER_APPLY.into())
        };
        let only_unsure = details
            .iter()
            .filter(|detail| detail["Target"]["RequiresRecreation"] == "Always")
            .all(unsure);
        let (replacement, policy) = match work {
            Work::Replace if only_unsure && now.kind == wanted.kind => ("Conditional", None),
            Work::Replace => ("True", Some(replace_policy(wanted))),
            _ => ("False", None),
        };
        Some(
            json!({ "Type": "Resource", "ResourceChange": present(json!({
            "PolicyAction": policy,
            "Action": "Modify",
            "LogicalResourceId": definition.logical_id,
            "PhysicalResourceId": now.physical_id,
            "ResourceType": wanted.kind,
            "Replacement": replacement,
            "Scope": scope,
            "Details": details,
            "BeforeContext": context(now),
            "AfterContext": context(wanted),
        })) }),
        )
    }

    fn details(&self, definition: Definition<'_>, now: &Deployed, wanted: &Deployed) -> Vec<Value> {
        let schema = cumulet_schemas::resource_type(&wanted.kind);
        let mut names: Vec<&String> = keys(&wanted.properties)
            .chain(keys(&now.properties))
            .collect();
        names.sort();
        names.dedup();
        let changed = names
            .into_iter()
            .filter(|name| now.properties.get(*name) != wanted.properties.get(*name));
        changed
            .map(|name| {
                let recreation = schema.map_or(Replacement::Never, |schema| {
                    schema.requires_recreation(name)
                });
                self.detail(definition, name, recreation, now, wanted)
            })
            .collect()
    }

    fn detail(
        &self,
        definition: Definition<'_>,
        name: &str,
        recreation: Replacement,
        now: &Deployed,
        wanted: &Deployed,
    ) -> Value {
        let (before, after) = (now.properties.get(name), wanted.properties.get(name));
        let kind = match (before, after) {
            (None, _) => "Add",
            (_, None) => "Remove",
            _ => "Modify",
        };
        let (source, cause, evaluation) = self.cause(definition, name, after);
        let attribute = if name == "Tags" { "Tags" } else { "Properties" };
        present(json!({
            "Target": present(json!({
                "Attribute": attribute,
                "Name": name,
                "RequiresRecreation": format!("{recreation:?}"),
                "Path": format!("/Properties/{name}"),
                "BeforeValue": before.map(shown),
                "AfterValue": after.map(shown),
                "AttributeChangeType": kind,
            })),
            "Evaluation": evaluation,
            "ChangeSource": source,
            "CausingEntity": cause,
        }))
    }

    /// Why a property changes: a resource that is made anew, a parameter, or the template itself.
    fn cause(
        &self,
        definition: Definition<'_>,
        name: &str,
        after: Option<&Value>,
    ) -> (&'static str, Option<String>, &'static str) {
        let expression = definition.properties().and_then(|all| all.get(name));
        let used =
            expression.map(|expression| references(expression, Some(&self.scope.conditions)));
        let used = used.unwrap_or_default();
        let unknown = after.is_some_and(|after| after.to_string().contains(KNOWN_AFTER_APPLY));
        if unknown {
            let pending = |name: &str| {
                self.scope
                    .resources
                    .get(name)
                    .is_some_and(|one| one.pending)
            };
            if let Some(cause) = used.iter().find(|one| pending(&one.name)) {
                return match (&cause.how, &cause.attribute) {
                    (Use::Name, _) | (_, None) => {
                        ("ResourceReference", Some(cause.name.clone()), "Dynamic")
                    }
                    (_, Some(attribute)) => (
                        "ResourceAttribute",
                        Some(format!("{}.{attribute}", cause.name)),
                        "Dynamic",
                    ),
                };
            }
        }
        let parameter = used
            .iter()
            .find(|one| self.scope.parameters.contains_key(&one.name));
        match parameter {
            Some(parameter) => ("ParameterReference", Some(parameter.name.clone()), "Static"),
            None => ("DirectModification", None, "Static"),
        }
    }

    fn removed(&self) -> Vec<Value> {
        let gone = self
            .rows
            .values()
            .filter(|row| !self.scope.resources.contains_key(&row.logical_id));
        gone.filter_map(|row| Some((row, row.now.as_ref()?)))
            .map(|(row, now)| {
                let retained = matches!(
                    now.deletion_policy.as_deref(),
                    Some("Retain" | "RetainExceptOnCreate")
                );
                json!({ "Type": "Resource", "ResourceChange": {
                    "PolicyAction": if retained { "Retain" } else { "Delete" },
                    "Action": "Remove",
                    "LogicalResourceId": row.logical_id,
                    "PhysicalResourceId": now.physical_id,
                    "ResourceType": now.kind,
                    "Scope": [],
                    "Details": [],
                    "BeforeContext": context(now),
                } })
            })
            .collect()
    }

    fn differs_otherwise(&self, stack: &Stack) -> Result<bool> {
        let mut wanted = Vec::new();
        for (key, output) in self.scope.template.section("Outputs") {
            let condition = output.get("Condition").and_then(Value::as_str);
            if condition.is_some_and(|name| self.scope.conditions.get(name) != Some(&true)) {
                continue;
            }
            let value = self.scope.resolve(&output["Value"])?;
            let export = output.pointer("/Export/Name");
            let export = export
                .map(|name| self.scope.resolve(name))
                .transpose()?
                .flatten();
            wanted.push((
                key.clone(),
                value.as_ref().and_then(text).unwrap_or_default(),
                export.as_ref().and_then(text),
            ));
        }
        let present: Vec<(String, String, Option<String>)> = stack
            .outputs
            .iter()
            .map(|one| (one.key.clone(), one.value.clone(), one.export_name.clone()))
            .collect();
        Ok(wanted != present || self.order.settings.tags != stack.settings.tags)
    }
}

fn keys(properties: &Value) -> impl Iterator<Item = &String> {
    properties.as_object().into_iter().flat_map(Map::keys)
}

fn added(logical_id: &str, wanted: &Deployed) -> Value {
    json!({ "Type": "Resource", "ResourceChange": {
        "Action": "Add",
        "LogicalResourceId": logical_id,
        "ResourceType": wanted.kind,
        "Scope": [],
        "Details": [],
        "AfterContext": context(wanted),
    } })
}

/// A context is itself a JSON text.
fn context(deployed: &Deployed) -> String {
    present(json!({
        "Properties": deployed.properties,
        "Metadata": deployed.metadata,
        "DeletionPolicy": deployed.deletion_policy,
        "UpdateReplacePolicy": deployed.update_replace_policy,
    }))
    .to_string()
}

fn shown(value: &Value) -> String {
    text(value).unwrap_or_else(|| value.to_string())
}

fn replace_policy(wanted: &Deployed) -> &'static str {
    match wanted.update_replace_policy.as_deref() {
        Some("Retain" | "RetainExceptOnCreate") => "ReplaceAndRetain",
        Some("Snapshot") => "ReplaceAndSnapshot",
        _ => "ReplaceAndDelete",
    }
}

fn scope_of(now: &Deployed, wanted: &Deployed) -> Vec<&'static str> {
    let own_properties = |deployed: &Deployed| {
        let mut properties = deployed.properties.clone();
        if let Some(members) = properties.as_object_mut() {
            members.remove("Tags");
        }
        properties
    };
    let mut scope = Vec::new();
    if own_properties(now) != own_properties(wanted) {
        scope.push("Properties");
    }
    let tagged = cumulet_schemas::resource_type(&wanted.kind)
        .is_some_and(|schema| schema.tag_property().is_some());
    let stack_tags = tagged && now.stack_tags != wanted.stack_tags;
    if now.properties.get("Tags") != wanted.properties.get("Tags") || stack_tags {
        scope.push("Tags");
    }
    if now.metadata != wanted.metadata {
        scope.push("Metadata");
    }
    if now.deletion_policy != wanted.deletion_policy {
        scope.push("DeletionPolicy");
    }
    if now.update_replace_policy != wanted.update_replace_policy {
        scope.push("UpdateReplacePolicy");
    }
    scope
}
