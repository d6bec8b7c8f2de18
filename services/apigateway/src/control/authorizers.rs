//! Authorizers: functions that say who a caller is.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::Operation;
use cumulet_kernel::Tx;

use super::super::api::{CreateAuthorizerInput, Items, Nothing, Patch, Target};
use super::super::errors::{bad_request, conflict, no_authorizer, no_stage};
use super::super::execute;
use super::super::state::{self, Authorizer, Place};
use super::patch::{self, Change};
use super::{edit_api, edit_api_or, manage, page, part_id};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreateAuthorizer",
            |_, context, input: &CreateAuthorizerInput| on_all(context, "POST", &input.rest_api_id),
            create_authorizer,
        ),
        Operation::read(
            "GetAuthorizer",
            |_, context, input| on_one(context, "GET", input),
            get_authorizer,
        ),
        Operation::read(
            "GetAuthorizers",
            |_, context, input: &Target| on_all(context, "GET", &input.rest_api_id),
            get_authorizers,
        ),
        Operation::write(
            "UpdateAuthorizer",
            |_, context, input: &Patch| on_one(context, "PATCH", &input.target),
            update_authorizer,
        ),
        Operation::write(
            "DeleteAuthorizer",
            |_, context, input| on_one(context, "DELETE", input),
            delete_authorizer,
        ),
        Operation::write(
            "FlushStageAuthorizersCache",
            |_, context, input: &Target| {
                let Target {
                    rest_api_id,
                    stage_name,
                    ..
                } = input;
                let path = format!("/restapis/{rest_api_id}/stages/{stage_name}/cache/authorizers");
                manage(context, "DELETE", &path)
            },
            flush_stage_authorizers_cache,
        ),
        Operation::edge("TestInvokeAuthorizer", execute::test_invoke_authorizer),
        Operation::edge("TestInvokeMethod", execute::test_invoke_method),
    ]
}

fn on_all(context: &Context, method: &str, api_id: &str) -> Result<Vec<cumulet_engine::Access>> {
    manage(context, method, &format!("/restapis/{api_id}/authorizers"))
}

fn on_one(context: &Context, method: &str, target: &Target) -> Result<Vec<cumulet_engine::Access>> {
    let Target {
        rest_api_id,
        authorizer_id,
        ..
    } = target;
    let path = format!("/restapis/{rest_api_id}/authorizers/{authorizer_id}");
    manage(context, method, &path)
}

const TTL_S_DEFAULT: i64 = 300;
const TTL_S_MAX: i64 = 3600;

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html>
fn create_authorizer(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateAuthorizerInput,
) -> Result<Authorizer> {
    if input.kind != "TOKEN" && input.kind != "REQUEST" {
        let what = format!("apigateway:CreateAuthorizer of type {}", input.kind);
        return Err(Error::not_implemented(what));
    }
    let made = Authorizer {
        id: part_id(&context.ids),
        name: input.name,
        kind: input.kind,
        auth_type: Some(input.auth_type.unwrap_or_else(|| "custom".to_owned())),
        authorizer_uri: input.authorizer_uri,
        authorizer_credentials: input.authorizer_credentials,
        identity_source: input.identity_source,
        identity_validation_expression: input.identity_validation_expression,
        authorizer_result_ttl_in_seconds: Some(
            input
                .authorizer_result_ttl_in_seconds
                .unwrap_or(TTL_S_DEFAULT),
        ),
    };
    check(&made)?;
    // As recorded: AWS takes an API that is not there for one that somebody else is changing.
    let missing = || {
        conflict(
            "Unable to complete operation due to concurrent modification. Please try again later.",
        )
    };
    edit_api_or(tx, context, &input.rest_api_id, missing, |api| {
        let mut others = api.definition.authorizers.values();
        if others.any(|other| other.name == made.name) {
            return Err(conflict("Authorizer name must be unique"));
        }
        let authorizers = &mut api.definition.authorizers;
        authorizers.insert(made.id.clone(), made.clone());
        Ok(made)
    })
}

pub(super) fn check(authorizer: &Authorizer) -> Result<()> {
    let uri = authorizer.authorizer_uri.as_deref().unwrap_or_default();
    if !uri.starts_with("arn:aws:apigateway:") || !uri.contains(":lambda:path/") {
        return Err(bad_request(format!(
            "Invalid Authorizer URI: {uri}. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation."
        )));
    }
    let ttl_s = authorizer.ttl_s();
    if !(0..=TTL_S_MAX).contains(&ttl_s) {
        return Err(bad_request(format!(
            "Invalid Authorizer TTL {ttl_s}. Valid range is 0 to 3600"
        )));
    }
    let sources = authorizer.identity_source.as_deref().unwrap_or_default();
    if sources.is_empty() && (authorizer.kind == "TOKEN" || ttl_s > 0) {
        return Err(bad_request(
            "Identity source cannot be empty when caching is enabled or the authorizer type is TOKEN",
        ));
    }
    let known = [
        "method.request.header.",
        "method.request.querystring.",
        "stageVariables.",
        "context.",
    ];
    let sources = sources
        .split(',')
        .map(str::trim)
        .filter(|source| !source.is_empty());
    for source in sources {
        let is_header = source.starts_with(known[0]);
        if !is_header
            && (authorizer.kind == "TOKEN" || !known.iter().any(|known| source.starts_with(known)))
        {
            return Err(bad_request(format!(
                "Invalid identity source specified: {source}"
            )));
        }
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetAuthorizer.html>
fn get_authorizer(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Authorizer> {
    let api = state::api(tx, Place::of(context), &input.rest_api_id)?;
    let found = api.definition.authorizers.get(&input.authorizer_id);
    found.cloned().ok_or_else(no_authorizer)
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetAuthorizers.html>
fn get_authorizers(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Items<Authorizer>> {
    let api = state::api(tx, Place::of(context), &input.rest_api_id)?;
    let authorizers = api.definition.authorizers.into_values().collect();
    Ok(page(authorizers, |authorizer| &authorizer.id, &input))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateAuthorizer.html>
fn update_authorizer(tx: &mut Tx<'_>, context: &Context, input: Patch) -> Result<Authorizer> {
    let id = input.target.authorizer_id;
    edit_api(tx, context, &input.target.rest_api_id, |api| {
        let authorizer = api.definition.authorizers.get_mut(&id);
        let authorizer = authorizer.ok_or_else(no_authorizer)?;
        patch::each(&input.patch_operations, |change| {
            patch_authorizer(authorizer, change)
        })?;
        check(authorizer)?;
        Ok(authorizer.clone())
    })
}

fn patch_authorizer(authorizer: &mut Authorizer, change: &Change<'_>) -> Result<()> {
    match change.path {
        "/name" => authorizer.name = change.text().unwrap_or_default(),
        "/type" => match change.value {
            Some(kind @ ("TOKEN" | "REQUEST")) => authorizer.kind = kind.to_owned(),
            _ => {
                return Err(Error::not_implemented(
                    "apigateway:UpdateAuthorizer of this type",
                ));
            }
        },
        "/authType" => authorizer.auth_type = change.text(),
        "/authorizerUri" => authorizer.authorizer_uri = change.text(),
        "/authorizerCredentials" => authorizer.authorizer_credentials = change.text(),
        "/identitySource" => authorizer.identity_source = change.text(),
        "/identityValidationExpression" => {
            authorizer.identity_validation_expression = change.text();
        }
        "/authorizerResultTtlInSeconds" => {
            authorizer.authorizer_result_ttl_in_seconds = Some(change.number()?);
        }
        _ => return Err(change.invalid_path()),
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteAuthorizer.html>
fn delete_authorizer(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Nothing> {
    let id = input.authorizer_id;
    edit_api(tx, context, &input.rest_api_id, |api| {
        let mut resources = api.definition.resources.values();
        let uses = |resource: &state::Resource| {
            let mut methods = resource.resource_methods.values();
            methods.any(|method| method.authorizer_id.as_deref() == Some(id.as_str()))
        };
        if resources.any(uses) {
            return Err(conflict(format!(
                "Cannot delete authorizer '{id}', is referenced in method"
            )));
        }
        let gone = api.definition.authorizers.remove(&id);
        gone.map(|_| Nothing {}).ok_or_else(no_authorizer)
    })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_FlushStageAuthorizersCache.html>
fn flush_stage_authorizers_cache(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Target,
) -> Result<Nothing> {
    state::api(tx, Place::of(context), &input.rest_api_id)?;
    state::stage(tx, &input.rest_api_id, &input.stage_name)?.ok_or_else(no_stage)?;
    state::count_authorizer_flush(tx, &input.rest_api_id, &input.stage_name)?;
    Ok(Nothing {})
}
