//! API keys, usage plans and their quotas.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html>
//!
//! Requests are counted by day, so a quota's period is a sum over its days and a report needs no more.

use cumulet_engine::error::Result;
use cumulet_kernel::{Key, Timestamp, Tx};
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use super::super::state::{self, Place, Quota, StoredPlan, Throttle, USAGE, USAGE_EXTENSIONS};
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

/// Finds the key that a method requires. A method that requires none is in no plan, whatever key the
/// request brings.
pub(super) fn find(
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
    match find_in_plans(call).map_err(|_| Failure::internal())? {
        Some(accepted) => Ok(Some(accepted)),
        None => Err(Failure::of("INVALID_API_KEY", "Forbidden")),
    }
}

fn find_in_plans(call: &Call<'_>) -> Result<Option<AcceptedKey>> {
    let value = match call.definition.api_key_source.as_str() {
        "AUTHORIZER" => call
            .authorized
            .as_ref()
            .and_then(|authorized| authorized.usage_identifier_key.as_deref()),
        _ => call.request.header("x-api-key"),
    };
    let Some(value) = value else {
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

/// Counts the request against its key's quota; durable, so that a restart forgives nothing.
pub(super) async fn count(call: &Call<'_>) -> Result<(), Failure> {
    let Some(accepted) = &call.api_key else {
        return Ok(());
    };
    let quota = Limit::of(&accepted.stored);
    let today = date(call.now());
    let counter = counter(
        Place::of(&call.context),
        accepted.plan_id(),
        accepted.key_id(),
    );
    let counted = call.engine.write(move |tx| {
        if let Some(quota) = &quota
            && remaining(tx, &counter, quota, today)? <= 0
        {
            return Ok(false);
        }
        let of_today = counter.clone().text(&today.to_string());
        let used = number(tx, USAGE, &of_today)?;
        tx.put(USAGE, &of_today, (used + 1).to_be_bytes().to_vec())?;
        Ok(true)
    });
    match counted.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::of("QUOTA_EXCEEDED", "Limit Exceeded")),
        Err(_) => Err(Failure::internal()),
    }
}

fn counter(place: Place<'_>, plan_id: &str, key_id: &str) -> Key {
    Key::new()
        .text(place.account)
        .text(place.region)
        .text(plan_id)
        .text(key_id)
}

fn number(tx: &Tx<'_>, table: cumulet_kernel::Table, key: &Key) -> Result<i64> {
    let bytes = tx.get(table, key)?;
    Ok(bytes
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, i64::from_be_bytes))
}

/// A quota, and the first period it holds for.
#[derive(Clone, Debug)]
struct Limit {
    quota: Quota,
    first_period: Option<Date>,
}

impl Limit {
    fn of(stored: &StoredPlan) -> Option<Self> {
        let quota = stored.plan.quota.clone()?;
        let since = stored.quota_since.as_ref();
        let since = since.map(|since| date(Timestamp::from_seconds(since.seconds())));
        let first_period = since.map(|day| period_start(&quota.period, day));
        Some(Self {
            quota,
            first_period,
        })
    }

    /// The requests of the period that begins at `start`: in the first one fewer, by the offset.
    fn at(&self, start: Date) -> i64 {
        let is_first = self.first_period == Some(start);
        self.quota.limit - if is_first { self.quota.offset } else { 0 }
    }
}

/// What is left of a quota at the end of a day.
fn remaining(tx: &Tx<'_>, counter: &Key, limit: &Limit, day: Date) -> Result<i64> {
    let start = period_start(&limit.quota.period, day);
    let extension = number(
        tx,
        USAGE_EXTENSIONS,
        &counter.clone().text(&start.to_string()),
    )?;
    let mut used = 0;
    let mut at = start;
    while at <= day {
        used += number(tx, USAGE, &counter.clone().text(&at.to_string()))?;
        at = at.saturating_add(1.day());
    }
    Ok(limit.at(start) + extension - used)
}

/// A day's requests, and what they left of the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Day {
    pub(in super::super) used: i64,
    pub(in super::super) remaining: i64,
}

/// The days from `first` to `last`, both included.
pub(in super::super) fn usage_by_day(
    tx: &Tx<'_>,
    place: Place<'_>,
    stored: &StoredPlan,
    key_id: &str,
    (first, last): (Date, Date),
) -> Result<Vec<Day>> {
    let counter = counter(place, &stored.plan.id, key_id);
    let limit = Limit::of(stored);
    let mut days = Vec::new();
    let mut at = first;
    while at <= last {
        let used = number(tx, USAGE, &counter.clone().text(&at.to_string()))?;
        let left = limit.as_ref();
        let left = left.map(|limit| remaining(tx, &counter, limit, at));
        days.push(Day {
            used,
            remaining: left.transpose()?.unwrap_or_default().max(0),
        });
        at = at.saturating_add(1.day());
    }
    Ok(days)
}

/// Grants a key so many requests in what is left of the present period.
pub(in super::super) fn extend_usage(
    tx: &mut Tx<'_>,
    place: Place<'_>,
    stored: &StoredPlan,
    key_id: &str,
    (now, wanted): (Timestamp, i64),
) -> Result<()> {
    let Some(limit) = Limit::of(stored) else {
        return Ok(());
    };
    let counter = counter(place, &stored.plan.id, key_id);
    let today = date(now);
    let missing = wanted - remaining(tx, &counter, &limit, today)?;
    let key = counter.text(&period_start(&limit.quota.period, today).to_string());
    let extension = number(tx, USAGE_EXTENSIONS, &key)? + missing;
    Ok(tx.put(USAGE_EXTENSIONS, &key, extension.to_be_bytes().to_vec())?)
}

/// The day in UTC.
pub(super) fn date(now: Timestamp) -> Date {
    let time = jiff::Timestamp::from_millisecond(now.milliseconds()).unwrap_or_default();
    time.to_zoned(TimeZone::UTC).date()
}

/// The first day of the period: weeks begin on Sunday.
fn period_start(kind: &str, day: Date) -> Date {
    match kind {
        "WEEK" => {
            let since = day.weekday().since(Weekday::Sunday);
            day.saturating_sub(i64::from(since).days())
        }
        "MONTH" => day.first_of_month(),
        _ => day,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_at_midnight_on_sunday_and_on_the_first() {
        // 2026-02-28 is a Saturday, 2026-03-01 a Sunday and the first of its month.
        let last = date(Timestamp::from_seconds(1_772_323_199));
        let first = date(Timestamp::from_seconds(1_772_323_200));
        let starts = |day| ["DAY", "WEEK", "MONTH"].map(|kind| period_start(kind, day).to_string());
        assert_eq!(starts(last), ["2026-02-28", "2026-02-22", "2026-02-01"]);
        assert_eq!(starts(first), ["2026-03-01", "2026-03-01", "2026-03-01"]);
    }
}
