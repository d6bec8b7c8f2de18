//! The control plane: editing APIs, and freezing them into deployments.

pub(super) mod api_keys;
pub(super) mod authorizers;
mod canary;
pub(super) mod deployments;
pub(super) mod gateway_responses;
pub(super) mod integrations;
pub(super) mod methods;
pub(super) mod models;
pub(super) mod openapi;
pub(super) mod patch;
pub(super) mod resources;
pub(super) mod rest_apis;
pub(super) mod stages;
pub(super) mod tags;
pub(super) mod usage;
pub(super) mod usage_plans;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::{Ids, Tx};
pub(super) use deployments::frozen;
use serde_json::{Value, json};

use super::api::{Items, Target};
use super::errors;
use super::state::{self, Api, Integration, Method, Place, Resource};

const ID_ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const PAGE_DEFAULT: usize = 25;
const PAGE_MAX: usize = 500;

/// An API id: ten characters.
fn api_id(ids: &Ids) -> String {
    ids.text(10, ID_ALPHABET)
}

/// An id of something inside an API: six characters.
fn part_id(ids: &Ids) -> String {
    ids.text(6, ID_ALPHABET)
}

/// The permission for an HTTP method on a path of API Gateway's own API:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-iam-policy-examples.html>
fn manage(context: &Context, method: &str, path: &str) -> Result<Vec<Access>> {
    let resource = format!("arn:aws:apigateway:{}::{path}", context.region);
    Ok(vec![Access::new(&format!("apigateway:{method}"), resource)])
}

/// An API; where it is missing AWS often speaks of the part that was asked for.
fn api_or(
    tx: &Tx<'_>,
    context: &Context,
    id: &str,
    missing: impl FnOnce() -> Error,
) -> Result<Api> {
    let found = state::api(tx, Place::of(context), id);
    found.map_err(|error| match error.status {
        404 => missing(),
        _ => error,
    })
}

/// Loads an API, lets `edit` change it, and saves it.
fn edit_api<T>(
    tx: &mut Tx<'_>,
    context: &Context,
    id: &str,
    edit: impl FnOnce(&mut Api) -> Result<T>,
) -> Result<T> {
    let missing = || errors::no_api(&context.account, id);
    edit_api_or(tx, context, id, missing, edit)
}

fn edit_api_or<T>(
    tx: &mut Tx<'_>,
    context: &Context,
    id: &str,
    missing: impl FnOnce() -> Error,
    edit: impl FnOnce(&mut Api) -> Result<T>,
) -> Result<T> {
    let place = Place::of(context);
    let mut api = api_or(tx, context, id, missing)?;
    let edited = edit(&mut api)?;
    state::save_api(tx, place, &api)?;
    Ok(edited)
}

fn resource<'a>(api: &'a Api, id: &str) -> Result<&'a Resource> {
    api.definition
        .resources
        .get(id)
        .ok_or_else(errors::no_resource)
}

fn resource_mut<'a>(api: &'a mut Api, id: &str) -> Result<&'a mut Resource> {
    api.definition
        .resources
        .get_mut(id)
        .ok_or_else(errors::no_resource)
}

fn method<'a>(api: &'a Api, resource_id: &str, http_method: &str) -> Result<&'a Method> {
    resource(api, resource_id)?
        .resource_methods
        .get(http_method)
        .ok_or_else(errors::no_method)
}

fn method_mut<'a>(
    api: &'a mut Api,
    resource_id: &str,
    http_method: &str,
) -> Result<&'a mut Method> {
    resource_mut(api, resource_id)?
        .resource_methods
        .get_mut(http_method)
        .ok_or_else(errors::no_method)
}

fn integration_mut<'a>(
    api: &'a mut Api,
    resource_id: &str,
    http_method: &str,
) -> Result<&'a mut Integration> {
    let method = method_mut(api, resource_id, http_method)?;
    method
        .method_integration
        .as_mut()
        .ok_or_else(errors::no_integration)
}

/// An answer that shows its tags even where there are none, as all but creations and lists do.
fn with_tags(mut answer: Value) -> Value {
    if answer.get("tags").is_none() {
        answer["tags"] = json!({});
    }
    answer
}

/// A page of `all`, which is sorted by `key`. The position is the last key shown, so that what comes and
/// goes meanwhile moves nothing.
fn page<T>(all: Vec<T>, key: impl Fn(&T) -> &String, target: &Target) -> Items<T> {
    let limit = target.limit.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.filter(|limit| *limit > 0).unwrap_or(PAGE_DEFAULT);
    let limit = limit.min(PAGE_MAX);
    let after = target.position.as_deref().and_then(|position| {
        let bytes = STANDARD.decode(position).ok()?;
        String::from_utf8(bytes).ok()
    });
    let is_new = |item: &T| after.as_ref().is_none_or(|after| key(item) > after);
    let mut items: Vec<T> = all.into_iter().filter(is_new).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more);
    let position = last.map(|item| STANDARD.encode(key(item)));
    Items { items, position }
}
