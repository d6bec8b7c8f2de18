//! Methods and their responses.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::Operation;
use cumulet_kernel::Tx;

use super::super::api::{Nothing, Patch, PutMethodInput, PutMethodResponseInput, Target};
use super::super::errors::{
    bad_request, conflict, no_method, no_resource, no_status_code, not_found,
};
use super::super::state::{Api, Method, MethodResponse};
use super::patch::{self, Change, Op};
use super::{api_or, edit_api_or, manage, method, method_mut, resource_mut};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "PutMethod",
            |_, context, input: &PutMethodInput| {
                let (api, resource, method) =
                    (&input.rest_api_id, &input.resource_id, &input.http_method);
                manage(
                    context,
                    "PUT",
                    &format!("/restapis/{api}/resources/{resource}/methods/{method}"),
                )
            },
            put_method,
        ),
        Operation::read(
            "GetMethod",
            |_, context, input| on_method(context, "GET", input),
            get_method,
        ),
        Operation::write(
            "UpdateMethod",
            |_, context, input: &Patch| on_method(context, "PATCH", &input.target),
            update_method,
        ),
        Operation::write(
            "DeleteMethod",
            |_, context, input| on_method(context, "DELETE", input),
            delete_method,
        ),
        Operation::write(
            "PutMethodResponse",
            |_, context, input: &PutMethodResponseInput| on_response(context, "PUT", &input.target),
            put_method_response,
        ),
        Operation::read(
            "GetMethodResponse",
            |_, context, input| on_response(context, "GET", input),
            get_method_response,
        ),
        Operation::write(
            "UpdateMethodResponse",
            |_, context, input: &Patch| on_response(context, "PATCH", &input.target),
            update_method_response,
        ),
        Operation::write(
            "DeleteMethodResponse",
            |_, context, input| on_response(context, "DELETE", input),
            delete_method_response,
        ),
    ]
}

pub(super) fn method_path(target: &Target) -> String {
    let Target {
        rest_api_id,
        resource_id,
        http_method,
        ..
    } = target;
    format!("/restapis/{rest_api_id}/resources/{resource_id}/methods/{http_method}")
}

fn on_method(
    context: &Context,
    method: &str,
    target: &Target,
) -> Result<Vec<cumulet_engine::Access>> {
    manage(context, method, &method_path(target))
}

fn on_response(
    context: &Context,
    method: &str,
    target: &Target,
) -> Result<Vec<cumulet_engine::Access>> {
    manage(
        context,
        method,
        &format!("{}/responses/{}", method_path(target), target.status_code),
    )
}

const HTTP_METHODS: [&str; 8] = [
    "GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY",
];

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_PutMethod.html>
fn put_method(tx: &mut Tx<'_>, context: &Context, input: PutMethodInput) -> Result<Method> {
    let input = PutMethodInput {
        authorization_type: input.authorization_type.to_ascii_uppercase(),
        ..input
    };
    let api_id = input.rest_api_id.clone();
    edit_api_or(tx, context, &api_id, no_resource, |api| {
        resource_mut(api, &input.resource_id)?;
        check_http_method(&input.http_method)?;
        check_authorization(&input)?;
        check_references(api, &input)?;
        let resource = resource_mut(api, &input.resource_id)?;
        if resource.resource_methods.contains_key(&input.http_method) {
            return Err(conflict("Method already exists for this resource"));
        }
        let made = Method {
            http_method: input.http_method.clone(),
            authorization_type: input.authorization_type,
            authorizer_id: input.authorizer_id,
            api_key_required: input.api_key_required,
            request_validator_id: input.request_validator_id,
            operation_name: input.operation_name,
            request_parameters: input.request_parameters,
            request_models: input.request_models,
            authorization_scopes: input.authorization_scopes,
            ..Method::default()
        };
        resource
            .resource_methods
            .insert(input.http_method, made.clone());
        Ok(made)
    })
}

fn check_http_method(name: &str) -> Result<()> {
    if HTTP_METHODS.contains(&name) {
        return Ok(());
    }
    let known = HTTP_METHODS.join(",");
    Err(bad_request(format!(
        "Invalid HttpMethod specified. Valid options are {known}"
    )))
}

fn check_authorization(input: &PutMethodInput) -> Result<()> {
    match input.authorization_type.as_str() {
        "NONE" => Ok(()),
        "CUSTOM" | "COGNITO_USER_POOLS" if input.authorizer_id.is_none() => Err(bad_request(
            "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.",
        )),
        "AWS_IAM" | "CUSTOM" => Ok(()),
        "COGNITO_USER_POOLS" => Err(Error::not_implemented(
            "apigateway:PutMethod with authorizationType COGNITO_USER_POOLS",
        )),
        _ => Err(bad_request(
            "Invalid authorization type specified. Valid options are NONE, AWS_IAM, CUSTOM, COGNITO_USER_POOLS",
        )),
    }
}

fn check_authorizer(api: &Api, kind: &str, id: Option<&str>) -> Result<()> {
    let known = id.is_some_and(|id| api.definition.authorizers.contains_key(id));
    if kind == "CUSTOM" && !known {
        return Err(bad_request(
            "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.",
        ));
    }
    Ok(())
}

fn check_references(api: &Api, input: &PutMethodInput) -> Result<()> {
    check_authorizer(
        api,
        &input.authorization_type,
        input.authorizer_id.as_deref(),
    )?;
    let known = |id: &String| api.definition.validators.contains_key(id);
    if input
        .request_validator_id
        .as_ref()
        .is_some_and(|id| !id.is_empty() && !known(id))
    {
        return Err(bad_request(
            "Invalid Request Validator identifier specified",
        ));
    }
    let missing = input
        .request_models
        .values()
        .find(|name| !api.definition.models.contains_key(*name));
    match missing {
        Some(name) => Err(bad_request(format!(
            "Invalid model identifier specified: {name}"
        ))),
        None => check_parameters(input.request_parameters.keys()),
    }
}

fn check_parameters<'a>(names: impl Iterator<Item = &'a String>) -> Result<()> {
    let mut seen = Vec::new();
    for name in names {
        let mut parts = name.splitn(4, '.');
        let (method, request, place) = (parts.next(), parts.next(), parts.next());
        let known = matches!(
            place,
            Some("querystring" | "header" | "path" | "multivaluequerystring" | "multivalueheader")
        );
        let leaf = parts
            .next()
            .filter(|_| (method, request) == (Some("method"), Some("request")) && known);
        let Some(leaf) = leaf else {
            return Err(bad_request(format!(
                "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: {name}]"
            )));
        };
        if seen.contains(&leaf) {
            return Err(bad_request(
                "Parameter names must be unique across querystring, header and path",
            ));
        }
        seen.push(leaf);
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetMethod.html>
fn get_method(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Method> {
    let api = api_or(tx, context, &input.rest_api_id, no_resource)?;
    method(&api, &input.resource_id, &input.http_method).cloned()
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteMethod.html>
fn delete_method(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Nothing> {
    edit_api_or(tx, context, &input.rest_api_id, no_resource, |api| {
        let resource = resource_mut(api, &input.resource_id)?;
        resource
            .resource_methods
            .remove(&input.http_method)
            .map(|_| Nothing {})
            .ok_or_else(no_method)
    })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateMethod.html>
fn update_method(tx: &mut Tx<'_>, context: &Context, input: Patch) -> Result<Method> {
    let target = input.target;
    edit_api_or(tx, context, &target.rest_api_id, no_resource, |api| {
        patch::each(&input.patch_operations, |change| {
            patch_method(api, &target, change)
        })?;
        let patched = method_mut(api, &target.resource_id, &target.http_method)?;
        // Without an authorizer nobody asks for its id, and AWS forgets it.
        if patched.authorization_type != "CUSTOM" {
            patched.authorizer_id = None;
        }
        let patched = method(api, &target.resource_id, &target.http_method)?;
        let (kind, id) = (&patched.authorization_type, &patched.authorizer_id);
        check_authorizer(api, kind, id.as_deref())?;
        method(api, &target.resource_id, &target.http_method).cloned()
    })
}

/// What a patch names must be there.
fn check_patched(api: &Api, segments: &[&str], change: &Change<'_>) -> Result<()> {
    let Some(named) = change.text().filter(|named| !named.is_empty()) else {
        return Ok(());
    };
    match segments {
        ["requestModels", _] if !api.definition.models.contains_key(&named) => Err(bad_request(
            format!("Invalid model identifier specified: {named}"),
        )),
        ["requestValidatorId"] if !api.definition.validators.contains_key(&named) => Err(
            bad_request("Invalid Request Validator identifier specified"),
        ),
        _ => Ok(()),
    }
}

fn patch_method(api: &mut Api, target: &Target, change: &Change<'_>) -> Result<()> {
    let segments = change.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let ["operationName" | "requestValidatorId" | "apiKeyRequired" | "authorizationType"] =
        segments.as_slice()
    {
        change.only_replaces()?;
    }
    check_patched(api, &segments, change)?;
    let method = method_mut(api, &target.resource_id, &target.http_method)?;
    match segments.as_slice() {
        ["apiKeyRequired"] => method.api_key_required = change.is_true(),
        ["operationName"] => method.operation_name = change.text(),
        ["requestValidatorId"] => {
            method.request_validator_id = change.text().filter(|id| !id.is_empty())
        }
        ["authorizationType"] => match change.value {
            Some(kind @ ("NONE" | "AWS_IAM" | "CUSTOM")) => {
                method.authorization_type = kind.to_owned();
            }
            _ => {
                return Err(Error::not_implemented(
                    "apigateway:UpdateMethod to this authorizationType",
                ));
            }
        },
        ["authorizerId"] => method.authorizer_id = change.text().filter(|id| !id.is_empty()),
        ["authorizationScopes"] => {
            return Err(Error::not_implemented(
                "apigateway:UpdateMethod of authorizationScopes",
            ));
        }
        ["requestParameters", name] if change.op == Op::Remove => {
            let removed = method.request_parameters.remove(*name);
            removed.ok_or_else(|| not_found("Invalid parameter name specified"))?;
        }
        ["requestParameters", name] => {
            method
                .request_parameters
                .insert((*name).to_owned(), change.flag()?);
            check_parameters(method.request_parameters.keys())?;
        }
        ["requestModels", kind] => match change.text() {
            Some(name) => {
                method.request_models.insert((*kind).to_owned(), name);
            }
            None if method.request_models.remove(*kind).is_none() => {
                return Err(not_found("Content-Type specified was not found"));
            }
            None => {}
        },
        _ => return Err(change.invalid_path()),
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_PutMethodResponse.html>
fn put_method_response(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutMethodResponseInput,
) -> Result<MethodResponse> {
    let target = input.target;
    edit_api_or(tx, context, &target.rest_api_id, no_resource, |api| {
        if let Some(name) = input
            .response_models
            .iter()
            .flat_map(|models| models.values())
            .find(|name| !api.definition.models.contains_key(*name))
        {
            return Err(bad_request(format!(
                "Invalid model identifier specified: {name}"
            )));
        }
        let method = method_mut(api, &target.resource_id, &target.http_method)?;
        if method.method_responses.contains_key(&target.status_code) {
            return Err(conflict("Response already exists for this resource"));
        }
        let made = MethodResponse {
            status_code: target.status_code.clone(),
            response_parameters: input.response_parameters,
            response_models: input.response_models,
        };
        method
            .method_responses
            .insert(target.status_code, made.clone());
        Ok(made)
    })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetMethodResponse.html>
fn get_method_response(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Target,
) -> Result<MethodResponse> {
    let api = api_or(tx, context, &input.rest_api_id, no_resource)?;
    let method = method(&api, &input.resource_id, &input.http_method)?;
    method
        .method_responses
        .get(&input.status_code)
        .cloned()
        .ok_or_else(no_status_code)
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateMethodResponse.html>
fn update_method_response(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Patch,
) -> Result<MethodResponse> {
    let target = input.target;
    edit_api_or(tx, context, &target.rest_api_id, no_resource, |api| {
        let models = api.definition.models.clone();
        let method = method_mut(api, &target.resource_id, &target.http_method)?;
        let response = method.method_responses.get_mut(&target.status_code);
        let response = response.ok_or_else(no_status_code)?;
        patch::each(&input.patch_operations, |change| {
            let known = |name: &str| models.contains_key(name);
            patch_response(response, change, known)
        })?;
        Ok(response.clone())
    })
}

fn patch_response(
    response: &mut MethodResponse,
    change: &Change<'_>,
    is_model: impl Fn(&str) -> bool,
) -> Result<()> {
    let segments = change.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["responseParameters", name] => {
            let parameters = response.response_parameters.get_or_insert_default();
            if change.op != Op::Add && !parameters.contains_key(*name) {
                return Err(not_found("Invalid parameter name specified"));
            }
            match change.op {
                Op::Remove => parameters.remove(*name),
                _ => parameters.insert((*name).to_owned(), change.flag()?),
            };
        }
        ["responseModels", kind] => {
            let models = response.response_models.get_or_insert_default();
            if change.op != Op::Add && !models.contains_key(*kind) {
                return Err(not_found("Content-Type specified was not found"));
            }
            match change.text() {
                Some(name) if !is_model(&name) => {
                    return Err(bad_request(format!(
                        "Invalid model identifier specified: {name}"
                    )));
                }
                Some(name) => models.insert((*kind).to_owned(), name),
                None => models.remove(*kind),
            };
        }
        _ => return Err(change.invalid_path()),
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteMethodResponse.html>
fn delete_method_response(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Nothing> {
    edit_api_or(tx, context, &input.rest_api_id, no_resource, |api| {
        let method = method_mut(api, &input.resource_id, &input.http_method)?;
        method
            .method_responses
            .remove(&input.status_code)
            .map(|_| Nothing {})
            .ok_or_else(no_status_code)
    })
}
