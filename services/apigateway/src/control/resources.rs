//! Resources: the tree of paths.

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_engine::operation::Operation;
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::super::api::{CreateResourceInput, Items, Nothing, Patch, Target};
use super::super::errors::{bad_request, conflict, no_resource};
use super::super::state::{self, Api, Place, Resource};
use super::patch::{self, Op};
use super::{edit_api, manage, page, part_id, resource, resource_mut};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreateResource",
            |_, context, input: &CreateResourceInput| {
                manage(
                    context,
                    "POST",
                    &format!(
                        "/restapis/{}/resources/{}",
                        input.rest_api_id, input.parent_id
                    ),
                )
            },
            create_resource,
        ),
        Operation::read(
            "GetResource",
            |_, context, input| on_resource(context, "GET", input),
            get_resource,
        ),
        Operation::read(
            "GetResources",
            |_, context, input: &Target| {
                manage(
                    context,
                    "GET",
                    &format!("/restapis/{}/resources", input.rest_api_id),
                )
            },
            get_resources,
        ),
        Operation::write(
            "UpdateResource",
            |_, context, input: &Patch| on_resource(context, "PATCH", &input.target),
            update_resource,
        ),
        Operation::write(
            "DeleteResource",
            |_, context, input| on_resource(context, "DELETE", input),
            delete_resource,
        ),
    ]
}

fn on_resource(
    context: &Context,
    method: &str,
    target: &Target,
) -> Result<Vec<cumulet_engine::Access>> {
    manage(
        context,
        method,
        &format!(
            "/restapis/{}/resources/{}",
            target.rest_api_id, target.resource_id
        ),
    )
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateResource.html>
fn create_resource(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateResourceInput,
) -> Result<Resource> {
    let id = part_id(&context.ids);
    edit_api(tx, context, &input.rest_api_id, |api| {
        let parent = resource(api, &input.parent_id)?.clone();
        check_place(api, &parent, &input.path_part, None)?;
        let made = Resource {
            id: id.clone(),
            parent_id: Some(parent.id),
            path: join(&parent.path, &input.path_part),
            path_part: Some(input.path_part),
            resource_methods: BTreeMap::new(),
        };
        api.definition.resources.insert(id, made.clone());
        Ok(made)
    })
}

fn join(parent: &str, part: &str) -> String {
    format!("{}/{part}", parent.trim_end_matches('/'))
}

/// Whether `part` may stand under `parent`, beside the siblings it has there.
pub(super) fn check_place(
    api: &Api,
    parent: &Resource,
    part: &str,
    moved: Option<&str>,
) -> Result<()> {
    check_part(part)?;
    if parent
        .path_part
        .as_deref()
        .is_some_and(|part| part.ends_with("+}"))
    {
        let greedy = parent.path_part.as_deref().unwrap_or_default();
        return Err(bad_request(format!(
            "Cannot create a child of a resource with a greedy path variable: {greedy}"
        )));
    }
    let siblings = api.definition.resources.values().filter(|sibling| {
        sibling.parent_id.as_deref() == Some(parent.id.as_str())
            && Some(sibling.id.as_str()) != moved
    });
    for sibling in siblings {
        let taken = sibling.path_part.as_deref().unwrap_or_default();
        if taken == part {
            return Err(conflict(format!(
                "Another resource with the same parent already has this name: {part}"
            )));
        }
        if taken.starts_with('{') && part.starts_with('{') {
            return Err(bad_request(format!(
                "A sibling ({taken}) of this resource already has a variable path part -- only one is allowed"
            )));
        }
    }
    Ok(())
}

fn check_part(part: &str) -> Result<()> {
    let inner = part
        .strip_prefix('{')
        .and_then(|part| part.strip_suffix('}'));
    let name = inner.map_or(part, |inner| inner.strip_suffix('+').unwrap_or(inner));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte);
    if !name.is_empty() && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(bad_request(
        "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the end.",
    ))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetResource.html>
fn get_resource(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Value> {
    let api = state::api(tx, Place::of(context), &input.rest_api_id)?;
    let found = resource(&api, &input.resource_id)?.clone();
    Ok(describe(found, &input))
}

/// A resource with the names of its methods; with the methods where `embed` asks for them.
fn describe(resource: Resource, target: &Target) -> Value {
    let names: Vec<String> = resource.resource_methods.keys().cloned().collect();
    let mut shown = json!(resource);
    if !names.is_empty() && !target.embed.iter().any(|part| part == "methods") {
        shown["resourceMethods"] = names.into_iter().map(|name| (name, json!({}))).collect();
    }
    shown
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetResources.html>
fn get_resources(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Items<Value>> {
    let api = state::api(tx, Place::of(context), &input.rest_api_id)?;
    let resources = api.definition.resources.into_values().collect();
    let shown = page(resources, |resource: &Resource| &resource.id, &input);
    Ok(Items {
        items: shown
            .items
            .into_iter()
            .map(|one| describe(one, &input))
            .collect(),
        position: shown.position,
    })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteResource.html>
fn delete_resource(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Nothing> {
    edit_api(tx, context, &input.rest_api_id, |api| {
        let doomed = resource(api, &input.resource_id)?;
        if doomed.parent_id.is_none() {
            return Err(bad_request("Root resource cannot be deleted."));
        }
        for id in descendants(api, &input.resource_id) {
            api.definition.resources.remove(&id);
        }
        Ok(Nothing {})
    })
}

/// A resource and everything below it.
fn descendants(api: &Api, id: &str) -> Vec<String> {
    let mut found = vec![id.to_owned()];
    let mut next = 0;
    while let Some(parent) = found.get(next).cloned() {
        let children = api.definition.resources.values();
        let children = children.filter(|child| child.parent_id.as_deref() == Some(parent.as_str()));
        found.extend(children.map(|child| child.id.clone()));
        next += 1;
    }
    found
}

const PATCHABLE: [&str; 2] = ["/parentId", "/pathPart"];

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateResource.html>
fn update_resource(tx: &mut Tx<'_>, context: &Context, input: Patch) -> Result<Resource> {
    let id = input.target.resource_id.clone();
    edit_api(tx, context, &input.target.rest_api_id, |api| {
        patch::each(&input.patch_operations, |change| {
            let current = resource(api, &id)?.clone();
            let value = change.text().unwrap_or_default();
            match (change.op, change.path) {
                (Op::Replace, "/parentId" | "/pathPart") if current.parent_id.is_none() => {
                    let member = change.path.trim_start_matches('/');
                    Err(bad_request(format!(
                        "Root resource cannot update its {member}."
                    )))
                }
                (Op::Replace, "/parentId") => {
                    move_to(api, &id, &value, current.path_part.as_deref())
                }
                (Op::Replace, "/pathPart") => move_to(
                    api,
                    &id,
                    current.parent_id.as_deref().unwrap_or_default(),
                    Some(&value),
                ),
                _ => Err(change.unknown(&PATCHABLE)),
            }
        })?;
        resource(api, &id).cloned()
    })
}

fn move_to(api: &mut Api, id: &str, parent_id: &str, part: Option<&str>) -> Result<()> {
    if descendants(api, id).iter().any(|below| below == parent_id) {
        return Err(bad_request("Resources cannot be cyclical."));
    }
    let part = part.unwrap_or_default();
    let parent = api
        .definition
        .resources
        .get(parent_id)
        .cloned()
        .ok_or_else(no_resource)?;
    check_place(api, &parent, part, Some(id))?;
    let moved = resource_mut(api, id)?;
    moved.parent_id = Some(parent.id);
    moved.path_part = Some(part.to_owned());
    for below in descendants(api, id) {
        let parent_id = resource(api, &below)?.parent_id.clone().unwrap_or_default();
        let parent_path = resource(api, &parent_id)?.path.clone();
        let below = resource_mut(api, &below)?;
        below.path = join(&parent_path, below.path_part.as_deref().unwrap_or_default());
    }
    Ok(())
}
