//! A metric alarm is looked at: its datapoints are read, judged, and the verdict taken over.
//!
//! Periods end at the full minute (ten seconds for short periods) that has just passed and slide with
//! it, as AWS's do; what the services have measured until then is written first.

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::{Event, Timestamp, Tx};
use serde_json::json;

use super::state_data::{Seen, reason, reason_data};
use super::verdict::{FURTHER_PERIODS, Treatment, judge};
use super::{load, transition};
use crate::get_data::{self, Window};
use crate::series::{self, Name, Range};
use crate::state::{AlarmRecord, MetricWatch, Target, Watch};
use crate::statistic::Statistic;

/// Leaves the timer that looks at the alarm next.
pub(super) fn schedule(tx: &mut Tx<'_>, context: &Context, alarm: &AlarmRecord) -> Result<()> {
    let Watch::Metric(watch) = &alarm.watch else {
        return Ok(());
    };
    let tick_s = tick_s(watch);
    let due_s = series::align(context.now.seconds(), tick_s) + i64::from(tick_s);
    let event = Event::Timer {
        service: "cloudwatch".into(),
        kind: "alarm".into(),
        subject: alarm.name.clone(),
        detail: json!({
            "account": &*context.account,
            "region": &*context.region,
            "name": alarm.name,
            "number": alarm.number,
        }),
    };
    outbox::emit(tx, Timestamp::from_seconds(due_s), event)?;
    Ok(())
}

fn tick_s(watch: &MetricWatch) -> u32 {
    if watch.target.period_s() < 60 { 10 } else { 60 }
}

/// Looks at the alarm and leaves the next timer; one that was deleted meanwhile is left alone.
pub(crate) async fn deliver(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    engine.flush_metrics().await?;
    let Event::Timer { detail, .. } = &entry.event else {
        return Ok(());
    };
    let name = detail["name"].as_str().unwrap_or_default().to_owned();
    let number = detail["number"].as_u64();
    let context = Context {
        now: engine.clock.now(),
        ..context
    };
    engine
        .write(move |tx| {
            outbox::finish(tx, entry.id)?;
            let alarm = load(tx, &context, &name)?;
            let Some(alarm) = alarm.filter(|alarm| Some(alarm.number) == number) else {
                return Ok(());
            };
            schedule(tx, &context, &alarm)?;
            look_at(tx, &context, alarm)
        })
        .await
}

fn look_at(tx: &mut Tx<'_>, context: &Context, alarm: AlarmRecord) -> Result<()> {
    let Watch::Metric(watch) = &alarm.watch else {
        return Ok(());
    };
    let periods = usize::try_from(watch.evaluation_periods).unwrap_or(usize::MAX);
    let to_alarm = watch
        .datapoints_to_alarm
        .unwrap_or(watch.evaluation_periods);
    let seen = seen(tx, context, watch)?;
    let treatment = Treatment::of(
        watch.treat_missing_data.as_deref(),
        watch.target.namespace(),
    );
    let breaches: Vec<Option<bool>> = seen
        .iter()
        .map(|seen| seen.map(|seen| seen.breaches))
        .collect();
    let verdict = judge(
        &breaches,
        periods,
        usize::try_from(to_alarm).unwrap_or(usize::MAX),
        treatment,
    );
    let evaluated: Vec<Seen> = seen.into_iter().rev().flatten().take(periods).collect();
    let Some(state) = verdict.state.filter(|state| *state != alarm.state.value) else {
        return Ok(());
    };
    if has_too_few_samples(watch, &evaluated) {
        return Ok(());
    }
    let why = reason(
        watch,
        verdict,
        treatment,
        &evaluated,
        alarm.state.value,
        state,
    );
    let data = reason_data(watch, &evaluated, context.now);
    transition::enter(tx, context, alarm, state, why, Some(data))
}

/// With `ignore`, a percentile over too few samples to mean anything changes nothing.
fn has_too_few_samples(watch: &MetricWatch, evaluated: &[Seen]) -> bool {
    let Target::Single {
        extended_statistic: Some(text),
        ..
    } = &watch.target
    else {
        return false;
    };
    let Some(Statistic::Percentile(p)) = Statistic::parse_extended(text) else {
        return false;
    };
    let share = p / 100.0;
    let needed = if share >= 0.5 {
        10.0 / (1.0 - share)
    } else {
        10.0 / share
    };
    let samples: f64 = evaluated.iter().filter_map(|seen| seen.sample_count).sum();
    watch.evaluate_low_samples.as_deref() == Some("ignore")
        && !evaluated.is_empty()
        && samples < needed
}

/// The periods of the evaluation range, the oldest first; `None` where one has no datapoint.
fn seen(tx: &Tx<'_>, context: &Context, watch: &MetricWatch) -> Result<Vec<Option<Seen>>> {
    let period_s = watch.target.period_s();
    let periods = i64::from(watch.evaluation_periods + FURTHER_PERIODS);
    let end_s = series::align(context.now.seconds(), tick_s(watch));
    let start_s = end_s - periods * i64::from(period_s);
    let values = values(tx, context, &watch.target, start_s, end_s)?;
    let seen = |at: i64| {
        let start_s = start_s + at * i64::from(period_s);
        let (_, value, sample_count) = values.iter().find(|(at_s, ..)| *at_s == start_s)?;
        let breaches = watch.comparison.breaches(*value, watch.threshold);
        Some(Seen {
            start_s,
            value: *value,
            sample_count: *sample_count,
            breaches,
        })
    };
    Ok((0..periods).map(seen).collect())
}

/// Start, value and number of samples of each period that has a value.
fn values(
    tx: &Tx<'_>,
    context: &Context,
    target: &Target,
    start_s: i64,
    end_s: i64,
) -> Result<Vec<(i64, f64, Option<f64>)>> {
    let (namespace, metric, dimensions, text, period_s, unit) = match target {
        Target::Math(queries) => {
            let window = Window {
                start_s,
                end_s,
                origin_s: end_s,
            };
            let answered = get_data::evaluate(tx, context, queries, window)?;
            let points = answered
                .into_iter()
                .take(1)
                .flat_map(|answered| answered.series.points);
            return Ok(points.map(|(at_s, value)| (at_s, value, None)).collect());
        }
        Target::Single {
            namespace,
            metric,
            dimensions,
            statistic,
            extended_statistic,
            period_s,
            unit,
        } => {
            let text = statistic.as_ref().or(extended_statistic.as_ref());
            (namespace, metric, dimensions, text, *period_s, unit)
        }
    };
    let name = Name {
        account: &context.account,
        region: &context.region,
        namespace,
        metric,
        dimensions,
    };
    let range = Range {
        start_s,
        end_s,
        period_s,
        origin_s: end_s,
    };
    let statistic = text.and_then(|text| Statistic::parse(text));
    let points = series::read(tx, &name, range, unit.as_deref(), context.now)?;
    let buckets = series::without_units(points);
    let value = |(start_s, bucket): (i64, crate::state::Bucket)| {
        Some((start_s, statistic?.of(&bucket)?, Some(bucket.count)))
    };
    Ok(buckets.into_iter().filter_map(value).collect())
}

impl Target {
    fn namespace(&self) -> Option<&str> {
        match self {
            Self::Single { namespace, .. } => Some(namespace),
            Self::Math(_) => None,
        }
    }
}
