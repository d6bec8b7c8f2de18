//! What the keys of a usage plan have used, and giving them more.

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_engine::operation::Operation;
use cumulet_kernel::Tx;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::super::api::{Patch, Target, Usage};
use super::super::errors::{bad_request, not_found};
use super::super::execute;
use super::super::state::{self, Place, StoredPlan};
use super::{manage, page, patch};

const DAYS_MAX: i64 = 90;

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::read(
            "GetUsage",
            |_, context, input: &Target| {
                let path = format!("/usageplans/{}/usage", input.usage_plan_id);
                manage(context, "GET", &path)
            },
            get_usage,
        ),
        Operation::write(
            "UpdateUsage",
            |_, context, input: &Patch| {
                let Target {
                    usage_plan_id,
                    key_id,
                    ..
                } = &input.target;
                let path = format!("/usageplans/{usage_plan_id}/keys/{key_id}/usage");
                manage(context, "PATCH", &path)
            },
            update_usage,
        ),
    ]
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetUsage.html>
fn get_usage(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Usage> {
    let stored = state::usage_plan(tx, Place::of(context), &input.usage_plan_id)?;
    let day = |text: &str| {
        let invalid = || bad_request(format!("Invalid date specified: {text}"));
        text.parse::<Date>().map_err(|_| invalid())
    };
    let days = (day(&input.start_date)?, day(&input.end_date)?);
    if days.1 < days.0 || days.0.saturating_add(DAYS_MAX.days()) < days.1 {
        return Err(bad_request(
            "Invalid date range: the end must come after the start, by 90 days at most",
        ));
    }
    let mut key_ids = stored.key_ids.clone();
    key_ids.sort();
    key_ids.retain(|id| input.key_id.is_empty() || *id == input.key_id);
    let keys = page(key_ids, |id| id, &input);
    let mut usage = usage_of(tx, context, &stored, &keys.items, days)?;
    usage.position = keys.position;
    Ok(usage)
}

fn usage_of(
    tx: &Tx<'_>,
    context: &Context,
    stored: &StoredPlan,
    key_ids: &[String],
    days: (Date, Date),
) -> Result<Usage> {
    let mut items = BTreeMap::new();
    for id in key_ids {
        let by_day = execute::usage_by_day(tx, Place::of(context), stored, id, days)?;
        let pair = |day: execute::Day| [day.used, day.remaining];
        items.insert(id.clone(), by_day.into_iter().map(pair).collect());
    }
    Ok(Usage {
        usage_plan_id: stored.plan.id.clone(),
        start_date: days.0.to_string(),
        end_date: days.1.to_string(),
        position: None,
        items,
    })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateUsage.html>
fn update_usage(tx: &mut Tx<'_>, context: &Context, input: Patch) -> Result<Usage> {
    let place = Place::of(context);
    let stored = state::usage_plan(tx, place, &input.target.usage_plan_id)?;
    let key_id = input.target.key_id;
    if !stored.key_ids.contains(&key_id) {
        return Err(not_found("Invalid API Key identifier specified"));
    }
    if stored.plan.quota.is_none() {
        return Err(bad_request("Usage Plan has no quota"));
    }
    patch::each(&input.patch_operations, |change| {
        match (change.op, change.path) {
            (patch::Op::Replace, "/remaining") => {
                let wanted = (context.now, change.number()?);
                execute::extend_usage(tx, place, &stored, &key_id, wanted)
            }
            _ => Err(change.unknown(&["/remaining"])),
        }
    })?;
    let time = jiff::Timestamp::from_millisecond(context.now.milliseconds()).unwrap_or_default();
    let today = time.to_zoned(TimeZone::UTC).date();
    usage_of(tx, context, &stored, &[key_id], (today, today))
}
