//! Integrations: what stands behind a method, and its responses.

use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::Operation;
use cumulet_kernel::Tx;

use super::super::api::{Nothing, Patch, PutIntegrationInput, PutIntegrationResponseInput, Target};
use super::super::errors::{bad_request, no_integration, no_resource, no_status_code};
use super::super::state::{Integration, IntegrationResponse, Method, Texts};
use super::methods::method_path;
use super::patch::{self, Change};
use super::{api_or, edit_api_or, integration_mut, manage, method, method_mut};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "PutIntegration",
            |_, context, input: &PutIntegrationInput| on_integration(context, "PUT", &input.target),
            put_integration,
        ),
        Operation::read(
            "GetIntegration",
            |_, context, input| on_integration(context, "GET", input),
            get_integration,
        ),
        Operation::write(
            "UpdateIntegration",
            |_, context, input: &Patch| on_integration(context, "PATCH", &input.target),
            update_integration,
        ),
        Operation::write(
            "DeleteIntegration",
            |_, context, input| on_integration(context, "DELETE", input),
            delete_integration,
        ),
        Operation::write(
            "PutIntegrationResponse",
            |_, context, input: &PutIntegrationResponseInput| {
                on_response(context, "PUT", &input.target)
            },
            put_integration_response,
        ),
        Operation::read(
            "GetIntegrationResponse",
            |_, context, input| on_response(context, "GET", input),
            get_integration_response,
        ),
        Operation::write(
            "UpdateIntegrationResponse",
            |_, context, input: &Patch| on_response(context, "PATCH", &input.target),
            update_integration_response,
        ),
        Operation::write(
            "DeleteIntegrationResponse",
            |_, context, input| on_response(context, "DELETE", input),
            delete_integration_response,
        ),
    ]
}

fn on_integration(
    context: &Context,
    method: &str,
    target: &Target,
) -> Result<Vec<cumulet_engine::Access>> {
    manage(
        context,
        method,
        &format!("{}/integration", method_path(target)),
    )
}

fn on_response(
    context: &Context,
    method: &str,
    target: &Target,
) -> Result<Vec<cumulet_engine::Access>> {
    manage(
        context,
        method,
        &format!(
            "{}/integration/responses/{}",
            method_path(target),
            target.status_code
        ),
    )
}

pub(super) const TIMEOUT_MS_DEFAULT: i64 = 29_000;

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_PutIntegration.html>
fn put_integration(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutIntegrationInput,
) -> Result<Integration> {
    check_built(&input)?;
    let target = input.target;
    edit_api_or(tx, context, &target.rest_api_id, no_resource, |api| {
        let method = method_mut(api, &target.resource_id, &target.http_method)?;
        let is_mock = input.kind == "MOCK";
        let is_http = input.kind.starts_with("HTTP");
        let made = Integration {
            kind: input.kind,
            // Nothing stands behind MOCK, whatever is named.
            http_method: input.integration_http_method.filter(|_| !is_mock),
            uri: input.uri.filter(|_| !is_mock),
            connection_type: input
                .connection_type
                .or_else(|| is_http.then(|| "INTERNET".to_owned())),
            connection_id: input.connection_id,
            credentials: input.credentials,
            request_parameters: input.request_parameters,
            request_templates: input.request_templates,
            passthrough_behavior: input
                .passthrough_behavior
                .unwrap_or_else(|| "WHEN_NO_MATCH".to_owned()),
            content_handling: input.content_handling,
            timeout_in_millis: input.timeout_in_millis.unwrap_or(TIMEOUT_MS_DEFAULT),
            cache_namespace: input
                .cache_namespace
                .unwrap_or_else(|| target.resource_id.clone()),
            cache_key_parameters: input.cache_key_parameters,
            integration_responses: Default::default(),
        };
        check_whole(&made)?;
        method.method_integration = Some(made.clone());
        Ok(made)
    })
}

/// An integration with everything it has.
pub(super) fn check_whole(integration: &Integration) -> Result<()> {
    if integration.connection_type.as_deref() == Some("VPC_LINK") {
        return Err(Error::not_implemented(
            "apigateway:PutIntegration with VPC links",
        ));
    }
    if !integration.cache_key_parameters.is_empty() {
        return Err(Error::not_implemented(
            "apigateway:PutIntegration with cacheKeyParameters",
        ));
    }
    if !matches!(
        integration.passthrough_behavior.as_str(),
        "WHEN_NO_MATCH" | "WHEN_NO_TEMPLATES" | "NEVER"
    ) {
        return Err(bad_request(
            "Invalid passthrough behavior specified. Valid options are WHEN_NO_MATCH, WHEN_NO_TEMPLATES, NEVER",
        ));
    }
    if integration.kind == "MOCK" {
        return Ok(());
    }
    if integration.http_method.as_deref().is_none_or(str::is_empty) {
        return Err(bad_request(
            "Enumeration value for HttpMethod must be non-empty",
        ));
    }
    if !(50..=TIMEOUT_MS_DEFAULT).contains(&integration.timeout_in_millis) {
        return Err(bad_request("Timeout should be between 50 ms and 29000 ms"));
    }
    let uri = integration.uri.as_deref().unwrap_or_default();
    match integration.kind.as_str() {
        "AWS" | "AWS_PROXY" => check_arn(uri, integration.kind == "AWS_PROXY"),
        _ if uri.starts_with("http://") || uri.starts_with("https://") => Ok(()),
        _ => Err(bad_request("Invalid HTTP endpoint specified for URI")),
    }
}

/// What would change an answer and is not built is refused, not forgotten.
fn check_built(input: &PutIntegrationInput) -> Result<()> {
    let streamed = input.response_transfer_mode.as_deref() == Some("STREAM");
    let missing = [
        (input.integration_target.is_some(), "VPC links"),
        (streamed, "responseTransferMode STREAM"),
        (input.tls_config.is_some(), "tlsConfig"),
    ];
    match missing.iter().find(|(asked, _)| *asked) {
        Some((_, what)) => Err(Error::not_implemented(format!(
            "apigateway:PutIntegration with {what}"
        ))),
        None => Ok(()),
    }
}

/// `arn:aws:apigateway:region:lambda:path/2015-03-31/functions/{arn}/invocations`
fn check_arn(uri: &str, proxy: bool) -> Result<()> {
    let Some(arn) = Arn::parse(uri) else {
        return Err(bad_request("Invalid ARN specified in the request"));
    };
    let is_ours = arn.service == "apigateway";
    let names = |kind: &str| arn.resource.starts_with(kind);
    if !is_ours || !(names("path/") || names("action/")) {
        return Err(bad_request(
            "AWS ARN for integration must contain path or action",
        ));
    }
    if proxy && !matches!(arn.account, "lambda" | "firehose") {
        return Err(bad_request(
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
        ));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetIntegration.html>
fn get_integration(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Integration> {
    let api = api_or(tx, context, &input.rest_api_id, no_resource)?;
    let method = method(&api, &input.resource_id, &input.http_method)?;
    method.method_integration.clone().ok_or_else(no_integration)
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteIntegration.html>
fn delete_integration(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Nothing> {
    edit_api_or(tx, context, &input.rest_api_id, no_resource, |api| {
        let method = method_mut(api, &input.resource_id, &input.http_method)?;
        method
            .method_integration
            .take()
            .map(|_| Nothing {})
            .ok_or_else(no_integration)
    })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateIntegration.html>
fn update_integration(tx: &mut Tx<'_>, context: &Context, input: Patch) -> Result<Integration> {
    let target = input.target;
    edit_api_or(tx, context, &target.rest_api_id, no_resource, |api| {
        let integration = integration_mut(api, &target.resource_id, &target.http_method)?;
        patch::each(&input.patch_operations, |change| {
            patch_integration(integration, change)
        })?;
        Ok(integration.clone())
    })
}

fn patch_integration(integration: &mut Integration, change: &Change<'_>) -> Result<()> {
    let segments = change.segments();
    match segments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["uri"] => integration.uri = change.text(),
        ["httpMethod"] => integration.http_method = change.text(),
        ["credentials"] => integration.credentials = change.text(),
        ["passthroughBehavior"] => {
            integration.passthrough_behavior = change.text().unwrap_or_default()
        }
        ["contentHandling"] => integration.content_handling = change.text(),
        ["cacheNamespace"] => integration.cache_namespace = change.text().unwrap_or_default(),
        ["timeoutInMillis"] => integration.timeout_in_millis = change.number()?,
        ["requestTemplates", kind] => set(&mut integration.request_templates, kind, change),
        ["requestParameters", name] => set(&mut integration.request_parameters, name, change),
        _ => return Err(change.invalid_path()),
    }
    Ok(())
}

fn set(texts: &mut Texts, name: &str, change: &Change<'_>) {
    match change.text() {
        Some(value) => texts.insert(name.to_owned(), value),
        None => texts.remove(name),
    };
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_PutIntegrationResponse.html>
fn put_integration_response(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutIntegrationResponseInput,
) -> Result<IntegrationResponse> {
    let target = input.target;
    edit_api_or(tx, context, &target.rest_api_id, no_resource, |api| {
        let declared = method(api, &target.resource_id, &target.http_method)?;
        check_response(declared, &target.status_code, &input.response_parameters)?;
        let integration = integration_mut(api, &target.resource_id, &target.http_method)?;
        let made = IntegrationResponse {
            status_code: target.status_code.clone(),
            selection_pattern: input.selection_pattern,
            response_parameters: input.response_parameters,
            response_templates: input.response_templates,
            content_handling: input.content_handling,
        };
        integration
            .integration_responses
            .insert(target.status_code, made.clone());
        Ok(made)
    })
}

/// A response can only be mapped to what the method says it answers.
fn check_response(method: &Method, status_code: &str, parameters: &Texts) -> Result<()> {
    let declared = method.method_responses.get(status_code);
    let declares = |target: &String| {
        declared.is_some_and(|declared| declared.parameters().any(|name| name == target))
    };
    for (target, source) in parameters {
        let wrong = if !declares(target) {
            Some(target)
        } else if !is_response_source(source) {
            Some(source)
        } else {
            None
        };
        if let Some(wrong) = wrong {
            return Err(bad_request(format!(
                "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: {wrong}]"
            )));
        }
    }
    Ok(())
}

fn is_response_source(source: &str) -> bool {
    let is_literal = source.len() > 1 && source.starts_with('\'') && source.ends_with('\'');
    let known = [
        "integration.response.header.",
        "integration.response.multivalueheader.",
        "integration.response.body",
        "context.",
        "stageVariables.",
    ];
    is_literal || known.iter().any(|known| source.starts_with(known))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateIntegrationResponse.html>
fn update_integration_response(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Patch,
) -> Result<IntegrationResponse> {
    let target = input.target;
    edit_api_or(tx, context, &target.rest_api_id, no_resource, |api| {
        let declared = method(api, &target.resource_id, &target.http_method)?.clone();
        let integration = integration_mut(api, &target.resource_id, &target.http_method)?;
        let response = integration
            .integration_responses
            .get_mut(&target.status_code);
        let response = response.ok_or_else(no_status_code)?;
        patch::each(&input.patch_operations, |change| {
            patch_response(response, change)
        })?;
        check_response(
            &declared,
            &target.status_code,
            &response.response_parameters,
        )?;
        Ok(response.clone())
    })
}

fn patch_response(response: &mut IntegrationResponse, change: &Change<'_>) -> Result<()> {
    let segments = change.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["selectionPattern"] => response.selection_pattern = change.text(),
        ["contentHandling"] => response.content_handling = change.text(),
        ["responseTemplates", kind] => set(&mut response.response_templates, kind, change),
        ["responseParameters", name] => set(&mut response.response_parameters, name, change),
        _ => return Err(change.invalid_path()),
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetIntegrationResponse.html>
fn get_integration_response(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Target,
) -> Result<IntegrationResponse> {
    let api = api_or(tx, context, &input.rest_api_id, no_resource)?;
    let method = method(&api, &input.resource_id, &input.http_method)?;
    let integration = method
        .method_integration
        .as_ref()
        .ok_or_else(no_integration)?;
    integration
        .integration_responses
        .get(&input.status_code)
        .cloned()
        .ok_or_else(no_status_code)
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteIntegrationResponse.html>
fn delete_integration_response(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Target,
) -> Result<Nothing> {
    edit_api_or(tx, context, &input.rest_api_id, no_resource, |api| {
        let integration = integration_mut(api, &input.resource_id, &input.http_method)?;
        integration
            .integration_responses
            .remove(&input.status_code)
            .map(|_| Nothing {})
            .ok_or_else(no_status_code)
    })
}
