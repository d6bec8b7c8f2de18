//! Deployments: an API's definition, frozen. Editing the API changes nothing until the next one.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::Operation;
use cumulet_kernel::Tx;
use cumulet_wire::Timestamp;
use serde_json::{Value, json};

use super::super::api::{CreateDeploymentInput, Items, Nothing, Patch, Target};
use super::super::errors::{bad_request, no_deployment};
use super::super::state::{self, Api, CanarySettings, Definition, Deployment, Place, Stage};
use super::patch::{self, Op};
use super::stages::new_stage;
use super::{canary, manage, page, part_id};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreateDeployment",
            |_, context, input: &CreateDeploymentInput| {
                manage(
                    context,
                    "POST",
                    &format!("/restapis/{}/deployments", input.rest_api_id),
                )
            },
            create_deployment,
        ),
        Operation::read(
            "GetDeployment",
            |_, context, input| on_deployment(context, "GET", input),
            get_deployment,
        ),
        Operation::read(
            "GetDeployments",
            |_, context, input: &Target| {
                manage(
                    context,
                    "GET",
                    &format!("/restapis/{}/deployments", input.rest_api_id),
                )
            },
            get_deployments,
        ),
        Operation::write(
            "UpdateDeployment",
            |_, context, input: &Patch| on_deployment(context, "PATCH", &input.target),
            update_deployment,
        ),
        Operation::write(
            "DeleteDeployment",
            |_, context, input| on_deployment(context, "DELETE", input),
            delete_deployment,
        ),
    ]
}

fn on_deployment(
    context: &Context,
    method: &str,
    target: &Target,
) -> Result<Vec<cumulet_engine::Access>> {
    manage(
        context,
        method,
        &format!(
            "/restapis/{}/deployments/{}",
            target.rest_api_id, target.deployment_id
        ),
    )
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateDeployment.html>
fn create_deployment(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateDeploymentInput,
) -> Result<Value> {
    if input.cache_cluster_enabled {
        return Err(Error::not_implemented(
            "apigateway:CreateDeployment with a cache",
        ));
    }
    let api = state::api(tx, Place::of(context), &input.rest_api_id)?;
    check_methods(&api)?;
    if input.canary_settings.is_some() {
        canary::stage(tx, &input.rest_api_id, input.stage_name.as_deref())?;
    }
    let deployment = Deployment {
        id: part_id(&context.ids),
        description: input.description,
        created_date: Timestamp::from_seconds(context.now.seconds()),
        definition: frozen(api),
    };
    state::save_deployment(tx, &input.rest_api_id, &deployment)?;
    if let Some(name) = input.stage_name.filter(|name| !name.is_empty()) {
        let mut stage = match state::stage(tx, &input.rest_api_id, &name)? {
            Some(stage) => stage,
            None => new_stage(context, &name, input.stage_description)?,
        };
        match input.canary_settings {
            Some(canary) => {
                stage.canary_settings = Some(CanarySettings {
                    deployment_id: deployment.id.clone(),
                    ..canary
                });
                canary::check(tx, &input.rest_api_id, &stage)?;
            }
            None => stage.deployment_id.clone_from(&deployment.id),
        }
        stage.last_updated_date = deployment.created_date;
        stage.variables.extend(input.variables);
        stage.tracing_enabled |= input.tracing_enabled;
        state::save_stage(tx, &input.rest_api_id, &stage)?;
    }
    Ok(describe(&deployment))
}

/// An API's definition with those of its settings that only a deployment puts into force.
pub(in super::super) fn frozen(api: Api) -> Definition {
    Definition {
        binary_media_types: api.settings.binary_media_types,
        api_key_source: api.settings.api_key_source,
        policy: api.settings.policy,
        name: api.settings.name,
        disable_execute_api_endpoint: api.settings.disable_execute_api_endpoint,
        ..api.definition
    }
}

fn check_methods(api: &Api) -> Result<()> {
    let mut methods = api
        .definition
        .resources
        .values()
        .flat_map(|resource| resource.resource_methods.values());
    if api
        .definition
        .resources
        .values()
        .all(|resource| resource.resource_methods.is_empty())
    {
        return Err(bad_request("The REST API doesn't contain any methods"));
    }
    if methods.any(|method| method.method_integration.is_none()) {
        return Err(bad_request("No integration defined for method"));
    }
    Ok(())
}

fn describe(deployment: &Deployment) -> Value {
    let mut shown = json!({ "id": deployment.id, "createdDate": deployment.created_date });
    if let Some(description) = &deployment.description {
        shown["description"] = description.as_str().into();
    }
    shown
}

/// Paths, their methods, and who may call them.
fn summary(definition: &Definition) -> Value {
    let mut paths = serde_json::Map::new();
    for resource in definition.resources.values() {
        let methods: serde_json::Map<String, Value> = resource
            .resource_methods
            .iter()
            .map(|(name, method)| {
                let shown = json!({
                    "authorizationType": method.authorization_type,
                    "apiKeyRequired": method.api_key_required,
                });
                (name.clone(), shown)
            })
            .collect();
        if !methods.is_empty() {
            paths.insert(resource.path.clone(), Value::Object(methods));
        }
    }
    Value::Object(paths)
}

fn load(tx: &Tx<'_>, context: &Context, target: &Target) -> Result<Deployment> {
    state::api(tx, Place::of(context), &target.rest_api_id)?;
    state::deployment(tx, &target.rest_api_id, &target.deployment_id)?.ok_or_else(no_deployment)
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetDeployment.html>
fn get_deployment(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Value> {
    let deployment = load(tx, context, &input)?;
    let mut shown = describe(&deployment);
    if input.embed.iter().any(|part| part == "apisummary") {
        shown["apiSummary"] = summary(&deployment.definition);
    }
    Ok(shown)
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetDeployments.html>
fn get_deployments(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Items<Value>> {
    state::api(tx, Place::of(context), &input.rest_api_id)?;
    let deployments = state::deployments(tx, &input.rest_api_id)?;
    let shown = page(deployments, |deployment| &deployment.id, &input);
    Ok(Items {
        items: shown.items.iter().map(describe).collect(),
        position: shown.position,
    })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateDeployment.html>
fn update_deployment(tx: &mut Tx<'_>, context: &Context, input: Patch) -> Result<Value> {
    let mut deployment = load(tx, context, &input.target)?;
    patch::each(&input.patch_operations, |change| {
        match (change.op, change.path) {
            (Op::Replace, "/description") => {
                deployment.description = change.text();
                Ok(())
            }
            _ => Err(change.unknown(&["/description"])),
        }
    })?;
    state::save_deployment(tx, &input.target.rest_api_id, &deployment)?;
    Ok(describe(&deployment))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteDeployment.html>
fn delete_deployment(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Nothing> {
    load(tx, context, &input)?;
    let used = |stage: &Stage| {
        let canary = stage.canary_settings.as_ref();
        stage.deployment_id == input.deployment_id
            || canary.is_some_and(|canary| canary.deployment_id == input.deployment_id)
    };
    if state::stages(tx, &input.rest_api_id)?.iter().any(used) {
        return Err(bad_request(
            "Active stages pointing to this deployment must be moved or deleted",
        ));
    }
    state::delete_deployment(tx, &input.rest_api_id, &input.deployment_id)?;
    Ok(Nothing {})
}
