//! API keys, and the account's settings.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_engine::operation::Operation;
use cumulet_kernel::Tx;
use cumulet_wire::Timestamp;
use serde_json::{Value, json};

use super::super::api::{CreateApiKeyInput, Items, Nothing, Patch, Target};
use super::super::errors::{bad_request, conflict};
use super::super::state::{self, ApiKey, Place};
use super::patch::{self, Change, Op};
use super::{api_id, manage, page, with_tags};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreateApiKey",
            |_, context, _| manage(context, "POST", "/apikeys"),
            create_api_key,
        ),
        Operation::read(
            "GetApiKey",
            |_, context, input| on_key(context, "GET", input),
            get_api_key,
        ),
        Operation::read(
            "GetApiKeys",
            |_, context, _| manage(context, "GET", "/apikeys"),
            get_api_keys,
        ),
        Operation::write(
            "UpdateApiKey",
            |_, context, input: &Patch| on_key(context, "PATCH", &input.target),
            update_api_key,
        ),
        Operation::write(
            "DeleteApiKey",
            |_, context, input| on_key(context, "DELETE", input),
            delete_api_key,
        ),
        Operation::read(
            "GetAccount",
            |_, context, _: &Target| manage(context, "GET", "/account"),
            get_account,
        ),
        Operation::write(
            "UpdateAccount",
            |_, context, _| manage(context, "PATCH", "/account"),
            update_account,
        ),
    ]
}

fn on_key(context: &Context, method: &str, target: &Target) -> Result<Vec<cumulet_engine::Access>> {
    manage(context, method, &format!("/apikeys/{}", target.api_key))
}

const VALUE_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const VALUE_LENGTH: usize = 40;

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateApiKey.html>
fn create_api_key(tx: &mut Tx<'_>, context: &Context, input: CreateApiKeyInput) -> Result<ApiKey> {
    let place = Place::of(context);
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let input = CreateApiKeyInput {
        name: filled(input.name),
        value: filled(input.value),
        ..input
    };
    check_value(input.value.as_deref())?;
    check_description(input.description.as_deref())?;
    if input.name.as_ref().is_some_and(|name| name.len() > 1024) {
        return Err(bad_request(
            "Invalid API Key name, can be at most 1024 characters.",
        ));
    }
    let value = input
        .value
        .unwrap_or_else(|| context.ids.text(VALUE_LENGTH, VALUE_ALPHABET));
    if state::api_keys(tx, place)?
        .iter()
        .any(|key| key.value.as_deref() == Some(value.as_str()))
    {
        return Err(conflict("API Key already exists"));
    }
    let now = Timestamp::from_seconds(context.now.seconds());
    let key = ApiKey {
        id: api_id(&context.ids),
        value: Some(value),
        name: input.name,
        customer_id: input.customer_id,
        description: input.description,
        enabled: input.enabled,
        created_date: now,
        last_updated_date: now,
        stage_keys: Vec::new(),
        tags: input.tags,
    };
    state::save_api_key(tx, place, &key)?;
    Ok(key)
}

fn check_description(description: Option<&str>) -> Result<()> {
    const LENGTH_MAX: usize = 125_000;
    match description.map(str::len) {
        Some(length) if length > LENGTH_MAX => {
            Err(bad_request("Invalid API Key description specified."))
        }
        _ => Ok(()),
    }
}

fn check_value(value: Option<&str>) -> Result<()> {
    match value.map(str::len) {
        Some(..20) => Err(bad_request(
            "API Key value should be at least 20 characters",
        )),
        Some(129..) => Err(bad_request(
            "API Key value exceeds maximum size of 128 characters",
        )),
        _ => Ok(()),
    }
}

/// The key as it is shown: with its value only where asked for.
fn shown(mut key: ApiKey, with_value: Option<bool>) -> ApiKey {
    key.value = key.value.filter(|_| with_value == Some(true));
    key
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetApiKey.html>
fn get_api_key(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Value> {
    let key = state::api_key(tx, Place::of(context), &input.api_key)?;
    Ok(with_tags(json!(shown(key, input.include_value))))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetApiKeys.html>
fn get_api_keys(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Items<ApiKey>> {
    let keys = state::api_keys(tx, Place::of(context))?;
    let named = |key: &ApiKey| {
        let query = input.name_query.as_deref().unwrap_or_default();
        key.name.as_deref().unwrap_or_default().starts_with(query)
    };
    let of_customer =
        |key: &ApiKey| input.customer_id.is_none() || key.customer_id == input.customer_id;
    let keys = keys
        .into_iter()
        .filter(|key| named(key) && of_customer(key))
        .map(|key| shown(key, input.include_values))
        .collect();
    Ok(page(keys, |key: &ApiKey| &key.id, &input))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteApiKey.html>
fn delete_api_key(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Nothing> {
    let place = Place::of(context);
    state::api_key(tx, place, &input.api_key)?;
    state::delete_api_key(tx, place, &input.api_key)?;
    for mut stored in state::usage_plans(tx, place)? {
        stored.key_ids.retain(|id| *id != input.api_key);
        state::save_usage_plan(tx, place, &stored)?;
    }
    Ok(Nothing {})
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateApiKey.html>
fn update_api_key(tx: &mut Tx<'_>, context: &Context, input: Patch) -> Result<Value> {
    let place = Place::of(context);
    let mut key = state::api_key(tx, place, &input.target.api_key)?;
    patch::each(&input.patch_operations, |change| {
        patch_key(&mut key, change)
    })?;
    key.last_updated_date = Timestamp::from_seconds(context.now.seconds());
    state::save_api_key(tx, place, &key)?;
    Ok(with_tags(json!(shown(key, None))))
}

fn patch_key(key: &mut ApiKey, change: &Change<'_>) -> Result<()> {
    match (change.op, change.path) {
        (Op::Replace, "/description") => {
            check_description(change.value)?;
            key.description = change.text();
        }
        (Op::Replace, "/enabled") => key.enabled = change.is_true(),
        (Op::Replace, "/name") => key.name = change.text(),
        (Op::Replace, "/customerId") => key.customer_id = change.text(),
        _ => return Err(change.unknown(&["/description", "/enabled", "/name", "/customerId"])),
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetAccount.html>
fn get_account(tx: &mut Tx<'_>, context: &Context, _input: Target) -> Result<Value> {
    let account = state::account(tx, Place::of(context))?;
    let mut shown = json!({
        "throttleSettings": { "burstLimit": 5000, "rateLimit": 10000.0 },
        "features": ["UsagePlans"],
        "apiKeyVersion": "4",
    });
    if let Some(role) = account.cloudwatch_role_arn {
        shown["cloudwatchRoleArn"] = role.into();
    }
    Ok(shown)
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateAccount.html>
fn update_account(tx: &mut Tx<'_>, context: &Context, input: Patch) -> Result<Value> {
    let place = Place::of(context);
    let mut account = state::account(tx, place)?;
    patch::each(&input.patch_operations, |change| match change.path {
        "/cloudwatchRoleArn" => {
            account.cloudwatch_role_arn = change.text().filter(|role| !role.is_empty());
            Ok(())
        }
        _ => Err(change.unknown(&["/cloudwatchRoleArn"])),
    })?;
    if let Some(role) = &account.cloudwatch_role_arn
        && !cumulet_identity::iam::service_may_assume(
            tx,
            context,
            role,
            "apigateway.amazonaws.com",
        )?
    {
        return Err(bad_request(
            "The role ARN does not have required permissions configured. Please grant trust permission for API Gateway and add the required role policy.",
        ));
    }
    state::save_account(tx, place, &account)?;
    get_account(tx, context, Target::default())
}
