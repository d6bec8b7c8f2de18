//! Gateway responses: what API Gateway answers when a request never gets to an integration.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_engine::operation::Operation;
use cumulet_kernel::Tx;

use super::super::api::{Items, Nothing, Patch, PutGatewayResponseInput, Target};
use super::super::errors::{bad_request, not_found};
use super::super::execute::builtin_status;
use super::super::state::{self, Definition, GatewayResponse, Place, Texts};
use super::patch::{self, Change, Op};
use super::{edit_api, manage};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "PutGatewayResponse",
            |_, context, input: &PutGatewayResponseInput| {
                let PutGatewayResponseInput {
                    rest_api_id,
                    response_type,
                    ..
                } = input;
                manage(
                    context,
                    "PUT",
                    &format!("/restapis/{rest_api_id}/gatewayresponses/{response_type}"),
                )
            },
            put_gateway_response,
        ),
        Operation::read(
            "GetGatewayResponse",
            |_, context, input| on_response(context, "GET", input),
            get_gateway_response,
        ),
        Operation::read(
            "GetGatewayResponses",
            |_, context, input: &Target| {
                manage(
                    context,
                    "GET",
                    &format!("/restapis/{}/gatewayresponses", input.rest_api_id),
                )
            },
            get_gateway_responses,
        ),
        Operation::write(
            "UpdateGatewayResponse",
            |_, context, input: &Patch| on_response(context, "PATCH", &input.target),
            update_gateway_response,
        ),
        Operation::write(
            "DeleteGatewayResponse",
            |_, context, input| on_response(context, "DELETE", input),
            delete_gateway_response,
        ),
    ]
}

fn on_response(
    context: &Context,
    method: &str,
    target: &Target,
) -> Result<Vec<cumulet_engine::Access>> {
    let Target {
        rest_api_id,
        response_type,
        ..
    } = target;
    manage(
        context,
        method,
        &format!("/restapis/{rest_api_id}/gatewayresponses/{response_type}"),
    )
}

/// The types, in the order AWS lists them.
const TYPES: [&str; 21] = [
    "ACCESS_DENIED",
    "API_CONFIGURATION_ERROR",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE",
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "EXPIRED_TOKEN",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "INVALID_API_KEY",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "THROTTLED",
    "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE",
    "WAF_FILTERED",
];

fn default_response(kind: &str) -> GatewayResponse {
    GatewayResponse {
        response_type: kind.to_owned(),
        status_code: builtin_status(kind).map(|status| status.to_string()),
        response_parameters: Texts::new(),
        response_templates: Texts::from([(
            "application/json".to_owned(),
            "{\"message\":$context.error.messageString}".to_owned(),
        )]),
        default_response: true,
    }
}

/// A type as the API answers it: customised, or as its class is customised, or built in.
fn effective(definition: &Definition, kind: &str) -> GatewayResponse {
    let customised = &definition.gateway_responses;
    if let Some(own) = customised.get(kind) {
        return own.clone();
    }
    let mut response = default_response(kind);
    let class = match builtin_status(kind) {
        Some(500..) => "DEFAULT_5XX",
        Some(_) => "DEFAULT_4XX",
        None => return response,
    };
    if let Some(class) = customised.get(class).cloned() {
        response.status_code = class.status_code.or(response.status_code);
        response.response_parameters = class.response_parameters;
        response.response_templates = class.response_templates;
    }
    response
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_PutGatewayResponse.html>
fn put_gateway_response(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutGatewayResponseInput,
) -> Result<GatewayResponse> {
    let defaults = default_response(&input.response_type);
    edit_api(tx, context, &input.rest_api_id, |api| {
        let has_templates = !input.response_templates.is_empty();
        let made = GatewayResponse {
            response_type: input.response_type.clone(),
            status_code: input.status_code.or(defaults.status_code),
            response_parameters: input.response_parameters,
            response_templates: if has_templates {
                input.response_templates
            } else {
                defaults.response_templates
            },
            default_response: false,
        };
        api.definition
            .gateway_responses
            .insert(input.response_type, made.clone());
        Ok(made)
    })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetGatewayResponse.html>
fn get_gateway_response(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Target,
) -> Result<GatewayResponse> {
    let api = state::api(tx, Place::of(context), &input.rest_api_id)?;
    Ok(effective(&api.definition, &input.response_type))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetGatewayResponses.html>
fn get_gateway_responses(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Target,
) -> Result<Items<GatewayResponse>> {
    let api = state::api(tx, Place::of(context), &input.rest_api_id)?;
    let shown = |kind: &&str| effective(&api.definition, kind);
    Ok(Items {
        items: TYPES.iter().map(shown).collect(),
        position: None,
    })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateGatewayResponse.html>
fn update_gateway_response(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Patch,
) -> Result<GatewayResponse> {
    let kind = input.target.response_type;
    edit_api(tx, context, &input.target.rest_api_id, |api| {
        let responses = &mut api.definition.gateway_responses;
        let mut response = responses
            .get(&kind)
            .cloned()
            .unwrap_or_else(|| default_response(&kind));
        patch::each(&input.patch_operations, |change| {
            patch_response(&mut response, change)
        })?;
        response.default_response = false;
        responses.insert(kind.clone(), response.clone());
        Ok(response)
    })
}

fn patch_response(response: &mut GatewayResponse, change: &Change<'_>) -> Result<()> {
    let segments = change.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (texts, name, what) = match segments.as_slice() {
        ["statusCode"] if change.op == Op::Replace => {
            response.status_code = change.text();
            return Ok(());
        }
        ["responseParameters", name] => (
            &mut response.response_parameters,
            name,
            "responseParameters",
        ),
        ["responseTemplates", name] => {
            (&mut response.response_templates, name, "responseTemplates")
        }
        _ => return Err(change.invalid_path()),
    };
    match (change.op, change.text().filter(|value| !value.is_empty())) {
        (Op::Remove, _) => {
            let gone = texts.remove(*name);
            gone.map(drop)
                .ok_or_else(|| not_found("Invalid parameter name specified"))
        }
        (_, None) => Err(bad_request(format!(
            "Invalid null or empty value in {what}"
        ))),
        (Op::Replace, Some(_)) if !texts.contains_key(*name) => {
            Err(not_found("Invalid parameter name specified"))
        }
        (_, Some(value)) => {
            texts.insert((*name).to_owned(), value);
            Ok(())
        }
    }
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteGatewayResponse.html>
fn delete_gateway_response(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Nothing> {
    edit_api(tx, context, &input.rest_api_id, |api| {
        let gone = api
            .definition
            .gateway_responses
            .remove(&input.response_type);
        gone.map(|_| Nothing {})
            .ok_or_else(|| not_found("Gateway response type not defined on api"))
    })
}
