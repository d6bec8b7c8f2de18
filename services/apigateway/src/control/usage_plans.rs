//! Usage plans: throttle and quota for those who bring a key.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::Operation;
use cumulet_kernel::Tx;
use cumulet_wire::Timestamp;
use serde_json::{Value, json};

use super::super::api::{
    CreateUsagePlanInput, CreateUsagePlanKeyInput, Items, Nothing, Patch, Target, UsagePlanKey,
};
use super::super::errors::{bad_request, conflict, not_found};
use super::super::state::{self, ApiKey, ApiStage, Place, Quota, StoredPlan, UsagePlan};
use super::patch::{self, Change, Op};
use super::{manage, page, part_id, with_tags};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreateUsagePlan",
            |_, context, _| manage(context, "POST", "/usageplans"),
            create_usage_plan,
        ),
        Operation::read(
            "GetUsagePlan",
            |_, context, input| on_plan(context, "GET", input),
            get_usage_plan,
        ),
        Operation::read(
            "GetUsagePlans",
            |_, context, _| manage(context, "GET", "/usageplans"),
            get_usage_plans,
        ),
        Operation::write(
            "UpdateUsagePlan",
            |_, context, input: &Patch| on_plan(context, "PATCH", &input.target),
            update_usage_plan,
        ),
        Operation::write(
            "DeleteUsagePlan",
            |_, context, input| on_plan(context, "DELETE", input),
            delete_usage_plan,
        ),
        Operation::write(
            "CreateUsagePlanKey",
            |_, context, input: &CreateUsagePlanKeyInput| {
                manage(
                    context,
                    "POST",
                    &format!("/usageplans/{}/keys", input.usage_plan_id),
                )
            },
            create_usage_plan_key,
        ),
        Operation::read(
            "GetUsagePlanKey",
            |_, context, input| on_key(context, "GET", input),
            get_usage_plan_key,
        ),
        Operation::read(
            "GetUsagePlanKeys",
            |_, context, input: &Target| {
                manage(
                    context,
                    "GET",
                    &format!("/usageplans/{}/keys", input.usage_plan_id),
                )
            },
            get_usage_plan_keys,
        ),
        Operation::write(
            "DeleteUsagePlanKey",
            |_, context, input| on_key(context, "DELETE", input),
            delete_usage_plan_key,
        ),
    ]
}

fn on_plan(
    context: &Context,
    method: &str,
    target: &Target,
) -> Result<Vec<cumulet_engine::Access>> {
    manage(
        context,
        method,
        &format!("/usageplans/{}", target.usage_plan_id),
    )
}

fn on_key(context: &Context, method: &str, target: &Target) -> Result<Vec<cumulet_engine::Access>> {
    manage(
        context,
        method,
        &format!(
            "/usageplans/{}/keys/{}",
            target.usage_plan_id, target.key_id
        ),
    )
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateUsagePlan.html>
fn create_usage_plan(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateUsagePlanInput,
) -> Result<UsagePlan> {
    let plan = UsagePlan {
        id: part_id(&context.ids),
        name: input.name,
        description: input.description,
        api_stages: input.api_stages,
        throttle: input.throttle,
        quota: input.quota,
        tags: input.tags,
    };
    check(tx, context, &plan)?;
    let stored = StoredPlan {
        plan,
        key_ids: Vec::new(),
        quota_since: Some(Timestamp::from_seconds(context.now.seconds())),
    };
    state::save_usage_plan(tx, Place::of(context), &stored)?;
    Ok(stored.plan)
}

fn check(tx: &Tx<'_>, context: &Context, plan: &UsagePlan) -> Result<()> {
    if plan.name.is_empty() {
        return Err(bad_request("Usage Plan name cannot be blank"));
    }
    let in_quota =
        |limit: i64, period: &str| limit >= 0 && matches!(period, "DAY" | "WEEK" | "MONTH");
    if plan
        .quota
        .as_ref()
        .is_some_and(|quota| !in_quota(quota.limit, &quota.period))
    {
        return Err(bad_request(
            "Usage Plan quota limit and period must be specified",
        ));
    }
    plan.quota.as_ref().map_or(Ok(()), check_offset)?;
    plan.api_stages
        .iter()
        .try_for_each(|stage| check_stage(tx, context, &plan.id, stage))
}

fn check_offset(quota: &Quota) -> Result<()> {
    let (range, words) = match quota.period.as_str() {
        "WEEK" => (0..=6, "between zero and six inclusive in the WEEK period"),
        "MONTH" => (0..=27, "between zero and 27 inclusive in the MONTH period"),
        _ => (0..=0, "zero in the DAY period"),
    };
    match range.contains(&quota.offset) {
        true => Ok(()),
        false => Err(bad_request(format!(
            "Usage Plan quota offset must be {words}"
        ))),
    }
}

fn check_stage(tx: &Tx<'_>, context: &Context, plan_id: &str, stage: &ApiStage) -> Result<()> {
    let known = state::api(tx, Place::of(context), &stage.api_id).is_ok()
        && state::stage(tx, &stage.api_id, &stage.stage)?.is_some();
    let ApiStage { api_id, stage, .. } = stage;
    if known {
        return Ok(());
    }
    Err(no_stage_of_plan(plan_id, api_id, stage))
}

fn no_stage_of_plan(plan_id: &str, api_id: &str, stage: &str) -> Error {
    not_found(format!(
        "Invalid API Stage {{api: {api_id}, stage: {stage}}} specified for usageplan {plan_id}"
    ))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetUsagePlan.html>
fn get_usage_plan(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Value> {
    let stored = state::usage_plan(tx, Place::of(context), &input.usage_plan_id)?;
    Ok(with_tags(json!(stored.plan)))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetUsagePlans.html>
fn get_usage_plans(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Items<UsagePlan>> {
    let mut plans = state::usage_plans(tx, Place::of(context))?;
    plans.retain(|stored| input.key_id.is_empty() || stored.key_ids.contains(&input.key_id));
    let plans = plans.into_iter().map(|stored| stored.plan).collect();
    Ok(page(plans, |plan: &UsagePlan| &plan.id, &input))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteUsagePlan.html>
fn delete_usage_plan(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Nothing> {
    let place = Place::of(context);
    let stored = state::usage_plan(tx, place, &input.usage_plan_id)?;
    if !stored.plan.api_stages.is_empty() {
        let id = &input.usage_plan_id;
        return Err(bad_request(format!(
            "Cannot delete usage plan {id} because it has associated API stages"
        )));
    }
    state::delete_usage_plan(tx, place, &input.usage_plan_id)?;
    Ok(Nothing {})
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateUsagePlan.html>
fn update_usage_plan(tx: &mut Tx<'_>, context: &Context, input: Patch) -> Result<Value> {
    let place = Place::of(context);
    let mut stored = state::usage_plan(tx, place, &input.target.usage_plan_id)?;
    let old_quota = stored.plan.quota.clone();
    patch::each(&input.patch_operations, |change| {
        patch_plan(&mut stored.plan, change)
    })?;
    check(tx, context, &stored.plan)?;
    if stored.plan.quota != old_quota {
        stored.quota_since = Some(Timestamp::from_seconds(context.now.seconds()));
    }
    state::save_usage_plan(tx, place, &stored)?;
    Ok(with_tags(json!(stored.plan)))
}

fn patch_plan(plan: &mut UsagePlan, change: &Change<'_>) -> Result<()> {
    let segments = change.segments();
    match segments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["name"] => plan.name = change.text().unwrap_or_default(),
        ["description"] => plan.description = change.text(),
        ["throttle"] if change.op == Op::Remove => plan.throttle = None,
        ["throttle", "rateLimit"] => {
            plan.throttle.get_or_insert_default().rate_limit = change.number()?
        }
        ["throttle", "burstLimit"] => {
            plan.throttle.get_or_insert_default().burst_limit = change.number()?
        }
        ["quota"] if change.op == Op::Remove => plan.quota = None,
        ["quota", "limit"] => plan.quota.get_or_insert_default().limit = change.number()?,
        ["quota", "offset"] => plan.quota.get_or_insert_default().offset = change.number()?,
        ["quota", "period"] => {
            plan.quota.get_or_insert_default().period = change.text().unwrap_or_default()
        }
        ["apiStages"] => patch_stages(plan, change)?,
        ["apiStages", stage, "throttle", method, limit] => {
            let (api_id, stage) = stage
                .split_once(':')
                .ok_or_else(|| bad_request("Invalid API Stage specified"))?;
            let found = plan
                .api_stages
                .iter_mut()
                .find(|known| known.api_id == api_id && known.stage == stage);
            let found = found.ok_or_else(|| bad_request("Invalid API Stage specified"))?;
            let throttle = found.throttle.entry((*method).to_owned()).or_default();
            match *limit {
                "rateLimit" => throttle.rate_limit = change.number()?,
                "burstLimit" => throttle.burst_limit = change.number()?,
                _ => return Err(change.invalid_path()),
            }
        }
        _ => return Err(change.invalid_path()),
    }
    Ok(())
}

/// `add` and `remove` name a stage as `api-id:stage`.
fn patch_stages(plan: &mut UsagePlan, change: &Change<'_>) -> Result<()> {
    let named = change.value.and_then(|value| value.split_once(':'));
    let (api_id, stage) = named.ok_or_else(|| bad_request("Invalid API Stage specified"))?;
    let same = |known: &ApiStage| known.api_id == api_id && known.stage == stage;
    let is_known = plan.api_stages.iter().any(same);
    match change.op {
        Op::Add if is_known => {}
        Op::Add => {
            plan.api_stages.push(ApiStage {
                api_id: api_id.to_owned(),
                stage: stage.to_owned(),
                ..ApiStage::default()
            });
        }
        Op::Remove if !is_known => return Err(no_stage_of_plan(&plan.id, api_id, stage)),
        Op::Remove => plan.api_stages.retain(|known| !same(known)),
        Op::Replace | Op::Copy => return Err(change.invalid_path()),
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateUsagePlanKey.html>
fn create_usage_plan_key(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateUsagePlanKeyInput,
) -> Result<UsagePlanKey> {
    let place = Place::of(context);
    if input.key_type != "API_KEY" {
        return Err(bad_request("Usage Plan Key type must be API_KEY"));
    }
    let mut stored = state::usage_plan(tx, place, &input.usage_plan_id)?;
    let key = state::api_key(tx, place, &input.key_id)?;
    if stored.key_ids.contains(&key.id) {
        return Err(conflict(format!(
            "Usage Plan {} already has the key {}",
            input.usage_plan_id, key.id
        )));
    }
    stored.key_ids.push(key.id.clone());
    state::save_usage_plan(tx, place, &stored)?;
    Ok(plan_key(key))
}

fn plan_key(key: ApiKey) -> UsagePlanKey {
    UsagePlanKey {
        id: key.id,
        kind: "API_KEY".to_owned(),
        value: key.value,
        name: key.name,
    }
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetUsagePlanKey.html>
fn get_usage_plan_key(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<UsagePlanKey> {
    let place = Place::of(context);
    let stored = state::usage_plan(tx, place, &input.usage_plan_id)?;
    if !stored.key_ids.contains(&input.key_id) {
        return Err(not_found("Invalid API Key identifier specified"));
    }
    Ok(plan_key(state::api_key(tx, place, &input.key_id)?))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetUsagePlanKeys.html>
fn get_usage_plan_keys(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Target,
) -> Result<Items<UsagePlanKey>> {
    let place = Place::of(context);
    // As recorded: a plan that is not there has no keys either.
    let stored = state::usage_plan(tx, place, &input.usage_plan_id);
    let key_ids = stored.map(|stored| stored.key_ids).unwrap_or_default();
    let mut keys = Vec::new();
    for id in &key_ids {
        keys.push(plan_key(state::api_key(tx, place, id)?));
    }
    let query = input.name_query.as_deref().unwrap_or_default();
    keys.retain(|key| key.name.as_deref().unwrap_or_default().starts_with(query));
    keys.sort_by(|left, right| left.id.cmp(&right.id));
    Ok(page(keys, |key| &key.id, &input))
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteUsagePlanKey.html>
fn delete_usage_plan_key(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Nothing> {
    let place = Place::of(context);
    let mut stored = state::usage_plan(tx, place, &input.usage_plan_id)?;
    if !stored.key_ids.contains(&input.key_id) {
        return Err(not_found("Invalid API Key identifier specified"));
    }
    stored.key_ids.retain(|id| *id != input.key_id);
    state::save_usage_plan(tx, place, &stored)?;
    Ok(Nothing {})
}
