//! How the other services publish: points are folded in memory and written once a second.
//!
//! A measure costs its publisher a lock and a few additions, never a transaction: an invocation has
//! fifteen of them. What was measured in the last second before a crash is lost, and no more: metrics
//! are the one thing here that is acknowledged before it is durable. A clean stop writes everything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_engine::meter::{Measure, Meter, Owner, Total};
use cumulet_kernel::{Timestamp, Tx};
use futures_util::future::BoxFuture;

use super::api::Dimension;
use super::series::{self, Name};
use super::state::Bucket;

const RESOLUTION_S: u32 = 60;

/// What the services of an installation have measured and not written yet; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Mutex<Measured>>);

#[derive(Debug, Default)]
struct Measured {
    waiting: HashMap<Group, Vec<Folded>>,
    /// Number and sum of the values since the start, for those who scrape; the minute is always zero.
    totals: HashMap<Group, Vec<(&'static str, f64, f64)>>,
}

/// Whose metrics they are and what about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Group {
    account: String,
    region: String,
    namespace: &'static str,
    dimensions: Vec<Dimension>,
    minute_s: i64,
}

#[derive(Clone, Debug)]
struct Folded {
    metric: &'static str,
    unit: &'static str,
    bucket: Bucket,
}

impl Meter for Metrics {
    fn publish(
        &self,
        owner: Owner<'_>,
        at: Timestamp,
        namespace: &'static str,
        dimensions: &[(&str, &str)],
        measures: &[Measure],
    ) {
        let group = Group {
            account: owner.account.to_owned(),
            region: owner.region.to_owned(),
            namespace,
            dimensions: named(dimensions),
            minute_s: series::align(at.seconds(), RESOLUTION_S),
        };
        let mut measured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_ever = Group {
            minute_s: 0,
            ..group.clone()
        };
        let totals = measured.totals.entry(of_ever).or_default();
        for measure in measures {
            add(totals, measure);
        }
        let folded = measured.waiting.entry(group).or_default();
        for measure in measures {
            fold(folded, measure);
        }
    }

    fn totals(&self) -> Vec<Total> {
        let measured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_group = |(group, totals): (&Group, &Vec<(&'static str, f64, f64)>)| {
            let total =
                |(metric, count, sum): &(&'static str, f64, f64)| group.total(metric, *count, *sum);
            totals.iter().map(total).collect::<Vec<_>>()
        };
        let mut all: Vec<Total> = measured.totals.iter().flat_map(of_group).collect();
        all.sort_by(|one, other| {
            let key = |total: &Total| (total.namespace, total.metric, total.dimensions.clone());
            key(one).cmp(&key(other))
        });
        all
    }

    fn flush(&self, engine: Engine) -> BoxFuture<'static, Result<()>> {
        let metrics = self.clone();
        Box::pin(async move { flush(&engine, &metrics).await })
    }
}

impl Metrics {
    fn take(&self) -> HashMap<Group, Vec<Folded>> {
        let mut measured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut measured.waiting)
    }
}

impl Group {
    fn total(&self, metric: &'static str, count: f64, sum: f64) -> Total {
        let pair = |each: &Dimension| (each.name.clone(), each.value.clone());
        Total {
            account: self.account.clone(),
            region: self.region.clone(),
            namespace: self.namespace,
            metric,
            dimensions: self.dimensions.iter().map(pair).collect(),
            count,
            sum,
        }
    }
}

fn add(totals: &mut Vec<(&'static str, f64, f64)>, measure: &Measure) {
    match totals
        .iter_mut()
        .find(|(metric, ..)| *metric == measure.metric)
    {
        Some((_, count, sum)) => (*count, *sum) = (*count + 1.0, *sum + measure.value),
        None => totals.push((measure.metric, 1.0, measure.value)),
    }
}

fn named(dimensions: &[(&str, &str)]) -> Vec<Dimension> {
    let dimension = |(name, value): &(&str, &str)| Dimension {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    super::put::sorted(dimensions.iter().map(dimension).collect())
}

fn fold(folded: &mut Vec<Folded>, measure: &Measure) {
    let bucket = Bucket::of(measure.value, 1.0);
    let is_known =
        |known: &&mut Folded| known.metric == measure.metric && known.unit == measure.unit;
    match folded.iter_mut().find(is_known) {
        Some(known) => known.bucket.merge(&bucket),
        None => folded.push(Folded {
            metric: measure.metric,
            unit: measure.unit,
            bucket,
        }),
    }
}

/// Writes what was published so far, in one transaction; nothing is written where nothing waits.
async fn flush(engine: &Engine, metrics: &Metrics) -> Result<()> {
    let groups = metrics.take();
    if groups.is_empty() {
        return Ok(());
    }
    let now = engine.clock.now();
    engine
        .write(move |tx| {
            groups
                .into_iter()
                .try_for_each(|(group, folded)| write(tx, now, &group, &folded))
        })
        .await
}

fn write(tx: &mut Tx<'_>, now: Timestamp, group: &Group, folded: &[Folded]) -> Result<()> {
    for each in folded {
        let name = Name {
            account: &group.account,
            region: &group.region,
            namespace: group.namespace,
            metric: each.metric,
            dimensions: &group.dimensions,
        };
        let series = series::number(tx, &name, now)?;
        series::fold(
            tx,
            series,
            RESOLUTION_S,
            group.minute_s,
            each.unit,
            &each.bucket,
        )?;
    }
    Ok(())
}

/// Values of a metric that a user named: what log events held.
#[derive(Clone, Copy, Debug)]
pub struct Datum<'a> {
    pub namespace: &'a str,
    pub metric: &'a str,
    pub dimensions: &'a [(&'a str, &'a str)],
    pub at: Timestamp,
    /// 1 or 60.
    pub resolution_s: u32,
    pub unit: &'a str,
    pub values: &'a [f64],
}

/// Publishes a user's own metric in a transaction that is open anyway.
pub fn record_datum(
    tx: &mut Tx<'_>,
    owner: Owner<'_>,
    now: Timestamp,
    datum: &Datum<'_>,
) -> Result<()> {
    let dimensions = named(datum.dimensions);
    let name = Name {
        account: owner.account,
        region: owner.region,
        namespace: datum.namespace,
        metric: datum.metric,
        dimensions: &dimensions,
    };
    let mut values = datum.values.iter().map(|value| Bucket::of(*value, 1.0));
    let Some(mut bucket) = values.next() else {
        return Ok(());
    };
    values.for_each(|more| bucket.merge(&more));
    let series = series::number(tx, &name, now)?;
    let (resolution_s, at_s) = (datum.resolution_s, datum.at.seconds());
    series::fold(tx, series, resolution_s, at_s, datum.unit, &bucket)
}

/// Publishes in a transaction that is open anyway.
pub fn record(
    tx: &mut Tx<'_>,
    owner: Owner<'_>,
    at: Timestamp,
    namespace: &str,
    dimensions: &[(&str, &str)],
    measure: Measure,
) -> Result<()> {
    let datum = Datum {
        namespace,
        metric: measure.metric,
        dimensions,
        at,
        resolution_s: RESOLUTION_S,
        unit: measure.unit,
        values: &[measure.value],
    };
    record_datum(tx, owner, at, &datum)
}
