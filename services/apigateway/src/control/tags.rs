//! Tags of APIs, stages, usage plans and keys, by ARN.

use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::Result;
use cumulet_engine::operation::Operation;
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::super::api::{Nothing, TagResourceInput, Target};
use super::super::errors::{bad_request, no_stage};
use super::super::state::{self, Place, Texts};
use super::manage;

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "TagResource",
            |_, context, input: &TagResourceInput| on_arn(context, "PUT", &input.resource_arn),
            tag_resource,
        ),
        Operation::write(
            "UntagResource",
            |_, context, input: &TagResourceInput| on_arn(context, "DELETE", &input.resource_arn),
            untag_resource,
        ),
        Operation::read(
            "GetTags",
            |_, context, input: &Target| on_arn(context, "GET", &input.resource_arn),
            get_tags,
        ),
    ]
}

fn on_arn(context: &Context, method: &str, arn: &str) -> Result<Vec<cumulet_engine::Access>> {
    manage(
        context,
        method,
        &format!("/tags/{}", arn.replace(':', "%3A").replace('/', "%2F")),
    )
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_TagResource.html>
fn tag_resource(tx: &mut Tx<'_>, context: &Context, input: TagResourceInput) -> Result<Nothing> {
    edit_tags(tx, context, &input.resource_arn, |tags| {
        tags.extend(input.tags)
    })?;
    Ok(Nothing {})
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UntagResource.html>
fn untag_resource(tx: &mut Tx<'_>, context: &Context, input: TagResourceInput) -> Result<Nothing> {
    edit_tags(tx, context, &input.resource_arn, |tags| {
        tags.retain(|key, _| !input.tag_keys.contains(key))
    })?;
    Ok(Nothing {})
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetTags.html>
fn get_tags(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Value> {
    let place = Place::of(context);
    let tags = match parts(&input.resource_arn)?.as_slice() {
        ["restapis", id] => state::api(tx, place, id)?.settings.tags,
        ["restapis", id, "stages", name] => state::stage(tx, id, name)?.ok_or_else(no_stage)?.tags,
        ["usageplans", id] => state::usage_plan(tx, place, id)?.plan.tags,
        ["apikeys", id] => state::api_key(tx, place, id)?.tags,
        _ => return Err(malformed(&input.resource_arn)),
    };
    Ok(json!({ "tags": tags }))
}

fn edit_tags(
    tx: &mut Tx<'_>,
    context: &Context,
    arn: &str,
    edit: impl FnOnce(&mut Texts),
) -> Result<()> {
    let place = Place::of(context);
    match parts(arn)?.as_slice() {
        ["restapis", id] => {
            let mut api = state::api(tx, place, id)?;
            edit(&mut api.settings.tags);
            state::save_api(tx, place, &api)
        }
        ["restapis", id, "stages", name] => {
            state::api(tx, place, id)?;
            let mut stage = state::stage(tx, id, name)?.ok_or_else(no_stage)?;
            edit(&mut stage.tags);
            state::save_stage(tx, id, &stage)
        }
        ["usageplans", id] => {
            let mut stored = state::usage_plan(tx, place, id)?;
            edit(&mut stored.plan.tags);
            state::save_usage_plan(tx, place, &stored)
        }
        ["apikeys", id] => {
            let mut key = state::api_key(tx, place, id)?;
            edit(&mut key.tags);
            state::save_api_key(tx, place, &key)
        }
        _ => Err(malformed(arn)),
    }
}

/// `arn:aws:apigateway:region::/restapis/id` as its path's parts.
fn parts(arn: &str) -> Result<Vec<&str>> {
    let parsed = Arn::parse(arn)
        .filter(|parsed| parsed.service == "apigateway")
        .ok_or_else(|| malformed(arn))?;
    Ok(parsed.resource.trim_start_matches('/').split('/').collect())
}

fn malformed(arn: &str) -> cumulet_engine::Error {
    bad_request(format!("Invalid ARN. ARN is not well formed {arn}"))
}
