//! Authorizers of an API.

use cumulet_engine::error::Result;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall};
use serde_json::{Value, json};

use super::{call_api, members, patch, plain_patches, remove};

const PROPERTIES: [&str; 10] = [
    "AuthType",
    "AuthorizerCredentials",
    "AuthorizerResultTtlInSeconds",
    "AuthorizerUri",
    "IdentitySource",
    "IdentityValidationExpression",
    "Name",
    "ProviderARNs",
    "RestApiId",
    "Type",
];

pub(super) fn authorizer_type() -> Provider {
    Provider::new(
        "AWS::ApiGateway::Authorizer",
        &PROPERTIES,
        create,
        update,
        delete,
    )
}

fn create(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = members(call.properties, &PROPERTIES);
    let answer = call_api(call, "CreateAuthorizer", input.into())?;
    let id = answer["id"].as_str().unwrap_or_default();
    call.attribute("AuthorizerId", id);
    call.identify(id);
    Ok(Outcome::Done)
}

fn target(call: &ResourceCall<'_, '_>) -> Value {
    json!({ "restApiId": call.text("RestApiId"), "authorizerId": call.physical_id })
}

fn update(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let patches = plain_patches(
        call,
        &[
            ("AuthType", "/authType"),
            ("AuthorizerCredentials", "/authorizerCredentials"),
            (
                "AuthorizerResultTtlInSeconds",
                "/authorizerResultTtlInSeconds",
            ),
            ("AuthorizerUri", "/authorizerUri"),
            ("IdentitySource", "/identitySource"),
            (
                "IdentityValidationExpression",
                "/identityValidationExpression",
            ),
            ("Name", "/name"),
            ("Type", "/type"),
        ],
    );
    let target = target(call);
    patch(call, "UpdateAuthorizer", target, patches)?;
    Ok(Outcome::Done)
}

fn delete(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let target = target(call);
    remove(call, "DeleteAuthorizer", target)
}
