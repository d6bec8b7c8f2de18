//! API keys, usage plans and their quotas.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html>

use cumulet_kernel::{Key, Timestamp};

use crate::error::Result;

use super::super::state::{self, Place, Quota, StoredPlan, Throttle, USAGE};
use super::log::ExecutionLog;
use super::{Call, Failure};

/// A key that a request brought, in the plan that admits it.
#[derive(Clone, Debug)]
pub(super) struct AcceptedKey {
    key: state::ApiKey,
    stored: StoredPlan,
}

impl AcceptedKey {
    pub(super) fn key_id(&self) -> &str {
        &self.key.id
    }

    pub(super) fn value(&self) -> Option<&str> {
        self.key.value.as_deref()
    }

    pub(super) fn plan_id(&self) -> &str {
        &self.stored.plan.id
    }

    pub(super) fn throttle(&self) -> Option<Throttle> {
        self.stored.plan.throttle
    }

    /// The plan's own limit for one method of a stage (`/path/METHOD`).
    pub(super) fn method_throttle(
        &self,
        (api_id, stage): &(String, String),
        method: &str,
    ) -> Option<Throttle> {
        let stages = &self.stored.plan.api_stages;
        let stage = stages
            .iter()
            .find(|known| known.api_id == *api_id && known.stage == *stage)?;
        stage.throttle.get(method).copied()
    }
}

/// Finds the key that a method requires, and counts the request against its quota. A method that
/// requires none is in no plan, whatever key the request brings.
pub(super) async fn check(
    call: &Call<'_>,
    log: &mut ExecutionLog,
) -> Result<Option<AcceptedKey>, Failure> {
    if !call.method.api_key_required {
        let method = format!("{} {}", call.method.http_method, call.resource.path);
        log.line(format!(
            "API Key authorized because method '{method}' does not require API Key. Request will not contribute to throttle or quota limits"
        ));
        return Ok(None);
    }
    let found = find(call).map_err(|_| Failure::internal())?;
    let Some(accepted) = found else {
        return Err(Failure::of("INVALID_API_KEY", "Forbidden"));
    };
    if let Some(quota) = accepted.stored.plan.quota.clone() {
        count(call, &accepted, quota).await?;
    }
    Ok(Some(accepted))
}

fn find(call: &Call<'_>) -> Result<Option<AcceptedKey>> {
    let Some(value) = call.request.header("x-api-key") else {
        return Ok(None);
    };
    call.engine.read(|tx| {
        let place = Place::of(&call.context);
        let mut keys = state::api_keys(tx, place)?.into_iter();
        let Some(key) = keys.find(|key| key.enabled && key.value.as_deref() == Some(value)) else {
            return Ok(None);
        };
        let in_stage = |stored: &StoredPlan| {
            let mut stages = stored.plan.api_stages.iter();
            stages.any(|stage| stage.api_id == call.api_id && stage.stage == call.stage.stage_name)
        };
        let mut plans = state::usage_plans(tx, place)?.into_iter();
        let plan = plans.find(|stored| stored.key_ids.contains(&key.id) && in_stage(stored));
        Ok(plan.map(|stored| AcceptedKey { key, stored }))
    })
}

/// Counts one more request in the quota's period; durable, so that a restart forgives nothing.
async fn count(call: &Call<'_>, accepted: &AcceptedKey, quota: Quota) -> Result<(), Failure> {
    let period = period(&quota.period, call.now());
    let place = Place::of(&call.context);
    let key = Key::new()
        .text(place.account)
        .text(place.region)
        .text(accepted.plan_id())
        .text(accepted.key_id());
    let key = key.number(period.unsigned_abs());
    let counted = call.engine.write(move |tx| {
        let used = tx
            .get(USAGE, &key)?
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, i64::from_be_bytes);
        let used = used.max(if used == 0 { quota.offset } else { used });
        if used >= quota.limit {
            return Ok(false);
        }
        tx.put(USAGE, &key, (used + 1).to_be_bytes().to_vec())?;
        Ok(true)
    });
    match counted.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::of("QUOTA_EXCEEDED", "Limit Exceeded")),
        Err(_) => Err(Failure::internal()),
    }
}

const DAY_S: i64 = 86_400;

/// The number of the day, week (from Sunday on) or month that a time lies in, in UTC.
fn period(kind: &str, now: Timestamp) -> i64 {
    let day = now.seconds().div_euclid(DAY_S);
    match kind {
        "WEEK" => (day + 4).div_euclid(7),
        "MONTH" => month(day),
        _ => day,
    }
}

/// Months since March of the year 0, from days since the epoch: the civil calendar in eras of 400 years.
fn month(day: i64) -> i64 {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    (era * 400 + year) * 12 + (5 * of_year + 2) / 153
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_change_at_midnight_on_sunday_and_on_the_first() {
        // 2026-02-28 is a Saturday, 2026-03-01 a Sunday and the first of its month.
        let last = Timestamp::from_seconds(1_772_323_199);
        let first = Timestamp::from_seconds(1_772_323_200);
        for kind in ["DAY", "WEEK", "MONTH"] {
            assert_eq!(period(kind, last) + 1, period(kind, first), "{kind}");
            assert_eq!(
                period(kind, first),
                period(kind, first.plus_s(DAY_S - 1)),
                "{kind}"
            );
        }
    }
}
