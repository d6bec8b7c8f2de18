//! REST APIs.

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::Operation;
use cumulet_kernel::Tx;
use cumulet_wire::Timestamp;
use serde_json::{Value, json};

use super::super::api::{CreateRestApiInput, Items, Nothing, Patch, Target};
use super::super::errors::bad_request;
use super::super::state::{
    self, Api, Definition, EndpointConfiguration, Model, Place, Resource, RestApi,
};
use super::patch::{self, Change, Op};
use super::{api_id, edit_api, manage, page, with_tags};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreateRestApi",
            |_, context, _| manage(context, "POST", "/restapis"),
            create_rest_api,
        ),
        Operation::read(
            "GetRestApi",
            |_, context, input| on_api(context, "GET", input),
            get_rest_api,
        ),
        Operation::read(
            "GetRestApis",
            |_, context, _| manage(context, "GET", "/restapis"),
            get_rest_apis,
        ),
        Operation::write(
            "UpdateRestApi",
            |_, context, input: &Patch| on_api(context, "PATCH", &input.target),
            update_rest_api,
        ),
        Operation::write(
            "DeleteRestApi",
            |_, context, input| on_api(context, "DELETE", input),
            delete_rest_api,
        ),
    ]
}

fn on_api(context: &Context, method: &str, target: &Target) -> Result<Vec<cumulet_engine::Access>> {
    manage(
        context,
        method,
        &format!("/restapis/{}", target.rest_api_id),
    )
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateRestApi.html>
fn create_rest_api(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateRestApiInput,
) -> Result<RestApi> {
    if input.clone_from.is_some() {
        return Err(Error::not_implemented(
            "apigateway:CreateRestApi with cloneFrom",
        ));
    }
    let settings = settings_of(context, input)?;
    let root = Resource {
        id: settings.root_resource_id.clone(),
        path: "/".to_owned(),
        ..Resource::default()
    };
    let definition = Definition {
        resources: BTreeMap::from([(root.id.clone(), root)]),
        models: predefined_models(context),
        ..Definition::default()
    };
    let api = Api {
        settings,
        definition,
    };
    state::save_api(tx, Place::of(context), &api)?;
    Ok(shown(api.settings))
}

/// An API as it is answered: AWS escapes the quotes of its policy.
pub(super) fn shown(mut api: RestApi) -> RestApi {
    let escaped = |policy: String| policy.replace('\\', "\\\\").replace('"', "\\\"");
    api.policy = api.policy.map(escaped);
    api
}

/// A policy must be one that IAM understands; `execute-api:/stage/*` is short for an ARN.
pub(super) fn check_policy(policy: Option<&str>) -> Result<()> {
    let Some(policy) = policy.filter(|policy| !policy.is_empty()) else {
        return Ok(());
    };
    let whole = policy.replace(
        "\"execute-api:/",
        "\"arn:aws:execute-api:us-east-1:000000000000:id/",
    );
    let valid =
        cumulet_identity::iam::validate_policy(&whole, cumulet_identity::iam::PolicyUse::Resource);
    valid.map(drop).map_err(|_| {
        bad_request("Invalid policy document. Please check the policy syntax and ensure that Principals are valid.")
    })
}

fn settings_of(context: &Context, input: CreateRestApiInput) -> Result<RestApi> {
    if input.name.is_empty() {
        return Err(bad_request("Name cannot be empty"));
    }
    if input.description.as_deref() == Some("") {
        return Err(bad_request("Description cannot be an empty string"));
    }
    let mut endpoints = input.endpoint_configuration.unwrap_or_default();
    if endpoints.types.is_empty() {
        endpoints.types.push("EDGE".to_owned());
    }
    check_endpoints(&mut endpoints)?;
    check_compression(input.minimum_compression_size)?;
    check_policy(input.policy.as_deref())?;
    Ok(RestApi {
        id: api_id(&context.ids),
        name: input.name,
        description: input.description,
        created_date: Timestamp::from_seconds(context.now.seconds()),
        version: input.version,
        binary_media_types: input.binary_media_types,
        minimum_compression_size: input.minimum_compression_size,
        api_key_source: input.api_key_source.unwrap_or_else(|| "HEADER".to_owned()),
        endpoint_configuration: endpoints,
        policy: input.policy,
        tags: input.tags,
        disable_execute_api_endpoint: input.disable_execute_api_endpoint,
        root_resource_id: api_id(&context.ids),
    })
}

pub(super) fn check_endpoints(endpoints: &mut EndpointConfiguration) -> Result<()> {
    if endpoints.types.len() > 1 {
        return Err(bad_request(
            "Cannot create an api with multiple Endpoint Types.",
        ));
    }
    if !endpoints
        .types
        .iter()
        .all(|kind| matches!(kind.as_str(), "REGIONAL" | "EDGE" | "PRIVATE"))
    {
        return Err(bad_request(
            "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE",
        ));
    }
    let is_private = endpoints.types.iter().any(|kind| kind == "PRIVATE");
    let stack = endpoints
        .ip_address_type
        .get_or_insert_with(|| if is_private { "dualstack" } else { "ipv4" }.to_owned());
    if is_private && stack != "dualstack" {
        return Err(bad_request(
            "Only dualstack ipAddressType is supported for Private APIs.",
        ));
    }
    Ok(())
}

fn check_compression(size: Option<i64>) -> Result<()> {
    match size {
        Some(size) if !(0..=10_485_760).contains(&size) => Err(bad_request(
            "Invalid minimum compression size, must be between 0 and 10485760",
        )),
        _ => Ok(()),
    }
}

/// Every new API has the models `Empty` and `Error`.
fn predefined_models(context: &Context) -> BTreeMap<String, Model> {
    let model = |name: &str, description: &str, schema: &str| Model {
        id: super::part_id(&context.ids),
        name: name.to_owned(),
        description: Some(description.to_owned()),
        schema: Some(schema.to_owned()),
        content_type: "application/json".to_owned(),
    };
    let empty = "{\n  \"$schema\": \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"Empty Schema\",\n  \"type\" : \"object\"\n}";
    let error = "{\n  \"$schema\" : \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"Error Schema\",\n  \"type\" : \"object\",\n  \"properties\" : {\n    \"message\" : { \"type\" : \"string\" }\n  }\n}";
    BTreeMap::from([
        (
            "Empty".to_owned(),
            model("Empty", "This is a default empty schema model", empty),
        ),
        (
            "Error".to_owned(),
            model("Error", "This is a default error schema model", error),
        ),
    ])
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetRestApi.html>
fn get_rest_api(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Value> {
    let api = state::api(tx, Place::of(context), &input.rest_api_id)?;
    Ok(with_tags(json!(shown(api.settings))))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetRestApis.html>
fn get_rest_apis(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Items<RestApi>> {
    let apis = state::apis(tx, Place::of(context))?;
    let apis = apis.into_iter().map(|api| api.settings).collect();
    let listed = page(apis, |api: &RestApi| &api.id, &input);
    Ok(Items {
        items: listed.items.into_iter().map(shown).collect(),
        position: listed.position,
    })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteRestApi.html>
fn delete_rest_api(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Nothing> {
    let place = Place::of(context);
    state::api(tx, place, &input.rest_api_id)?;
    state::delete_api(tx, place, &input.rest_api_id)?;
    Ok(Nothing {})
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateRestApi.html>
fn update_rest_api(tx: &mut Tx<'_>, context: &Context, input: Patch) -> Result<Value> {
    edit_api(tx, context, &input.target.rest_api_id, |api| {
        patch::each(&input.patch_operations, |change| {
            patch_api(&mut api.settings, change)
        })?;
        Ok(with_tags(json!(shown(api.settings.clone()))))
    })
}

fn patch_api(api: &mut RestApi, change: &Change<'_>) -> Result<()> {
    let segments = change.segments();
    match segments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["name"] => match change.text().filter(|name| !name.is_empty()) {
            Some(name) => api.name = name,
            None => return Err(bad_request("Name cannot be empty")),
        },
        ["description"] => api.description = change.text().filter(|text| !text.is_empty()),
        ["version"] => api.version = change.text(),
        ["policy"] => {
            check_policy(change.text().as_deref())?;
            api.policy = change.text().filter(|policy| !policy.is_empty());
        }
        ["apiKeySource"] => {
            api.api_key_source = change.text().unwrap_or_else(|| "HEADER".to_owned())
        }
        ["disableExecuteApiEndpoint"] => api.disable_execute_api_endpoint = change.flag()?,
        ["minimumCompressionSize"] => {
            change.only_replaces()?;
            let size = change.text().filter(|text| !text.is_empty());
            // Whatever is no number is as bad as one below zero.
            let size = size.map(|size| size.parse().unwrap_or(-1));
            check_compression(size)?;
            api.minimum_compression_size = size;
        }
        ["binaryMediaTypes", kind] => patch_binary_type(api, change, kind),
        ["endpointConfiguration", "types", _] => {
            let mut changed = EndpointConfiguration {
                types: change.text().into_iter().collect(),
                ip_address_type: None,
                ..api.endpoint_configuration.clone()
            };
            if change.op != Op::Replace {
                return Err(bad_request(
                    "Invalid patch operation specified. Must be 'add'|'remove'|'replace'",
                ));
            }
            check_endpoints(&mut changed)?;
            api.endpoint_configuration = changed;
        }
        ["endpointConfiguration", "ipAddressType"] => {
            change.only_replaces()?;
            if !matches!(change.value, Some("ipv4" | "dualstack")) {
                return Err(bad_request(
                    "ipAddressType must be either ipv4 or dualstack.",
                ));
            }
            api.endpoint_configuration.ip_address_type = change.text();
            check_endpoints(&mut api.endpoint_configuration)?;
        }
        _ => return Err(change.invalid_path()),
    }
    Ok(())
}

fn patch_binary_type(api: &mut RestApi, change: &Change<'_>, kind: &str) {
    api.binary_media_types.retain(|known| known != kind);
    match change.op {
        Op::Add => api.binary_media_types.push(kind.to_owned()),
        Op::Replace => api.binary_media_types.extend(change.text()),
        Op::Remove | Op::Copy => {}
    }
}
