//! Series of points: where they lie, how long at which resolution, and how they are read.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention>

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_kernel::key::KeyReader;
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::store::{Direction, decode};
use cumulet_kernel::{Event, Timestamp, Tx};
use serde_json::json;

use super::alarm;
use super::api::Dimension;
use super::state::{
    Bucket, POINTS, REGIONS, SERIES, SeriesRecord, points_from, region_key, series_key,
};

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 86_400;
/// A resolution and until which age points of a finer one may be asked for.
const LADDER: [(u32, i64); 4] = [
    (1, 3 * HOUR_S),
    (60, 15 * DAY_S),
    (300, 63 * DAY_S),
    (3600, 455 * DAY_S),
];
const ACTIVE_STEP_S: i64 = 60;
/// Points that one transaction of the sweep moves at most, so that it does not hold up the writer.
const BATCH_POINTS: usize = 2000;

/// Whose metrics are meant, and which.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) namespace: &'a str,
    pub(super) metric: &'a str,
    /// Sorted by name.
    pub(super) dimensions: &'a [Dimension],
}

/// The number of a series, made where it is new.
pub(super) fn number(tx: &mut Tx<'_>, name: &Name<'_>, now: Timestamp) -> Result<u64> {
    let key = series_key(
        name.account,
        name.region,
        name.namespace,
        name.metric,
        name.dimensions,
    );
    if let Some(mut record) = tx.load::<SeriesRecord>(SERIES, &key)? {
        if now.seconds() - record.latest.seconds() >= ACTIVE_STEP_S {
            record.latest = now;
            tx.save(SERIES, &key, &record)?;
        }
        return Ok(record.number);
    }
    let record = SeriesRecord {
        number: tx.next_sequence()?,
        namespace: name.namespace.to_owned(),
        metric: name.metric.to_owned(),
        dimensions: name.dimensions.to_vec(),
        latest: now,
    };
    tx.save(SERIES, &key, &record)?;
    sweep_later(tx, name.account, name.region, now)?;
    Ok(record.number)
}

/// Folds what was measured at a time into its bucket.
pub(super) fn fold(
    tx: &mut Tx<'_>,
    series: u64,
    resolution_s: u32,
    at_s: i64,
    unit: &str,
    measured: &Bucket,
) -> Result<()> {
    let start_s = align(at_s, resolution_s);
    let key = points_from(series, resolution_s, start_s).text(unit);
    let bucket = match tx.load::<Bucket>(POINTS, &key)? {
        Some(mut known) => {
            known.merge(measured);
            known
        }
        None => measured.clone(),
    };
    Ok(tx.save(POINTS, key, &bucket)?)
}

pub(super) fn align(at_s: i64, period_s: u32) -> i64 {
    let period_s = i64::from(period_s.max(1));
    at_s.div_euclid(period_s) * period_s
}

/// Which points are asked for: `start_s <= start < end_s`, in periods counted from `origin_s`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) start_s: i64,
    pub(super) end_s: i64,
    pub(super) period_s: u32,
    pub(super) origin_s: i64,
}

/// A period's bucket in one unit.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) start_s: i64,
    pub(super) unit: String,
    pub(super) bucket: Bucket,
}

/// The points of a series by period and unit, in order of time; an absent unit matches all.
pub(super) fn read(
    tx: &Tx<'_>,
    name: &Name<'_>,
    range: Range,
    unit: Option<&str>,
    now: Timestamp,
) -> Result<Vec<Point>> {
    let key = series_key(
        name.account,
        name.region,
        name.namespace,
        name.metric,
        name.dimensions,
    );
    let Some(record) = tx.load::<SeriesRecord>(SERIES, key)? else {
        return Ok(Vec::new());
    };
    let mut points: Vec<Point> = Vec::new();
    for (resolution_s, _) in LADDER {
        if resolution_s > range.period_s {
            break;
        }
        let from = points_from(record.number, resolution_s, range.start_s);
        let to = points_from(record.number, resolution_s, range.end_s);
        for pair in tx.range(
            POINTS,
            from.as_slice(),
            Some(to.as_slice()),
            Direction::Forward,
        )? {
            let (key, value) = pair?;
            let Some((at_s, its_unit)) = place(&key) else {
                continue;
            };
            let is_wanted = unit.is_none_or(|unit| unit == its_unit);
            if is_wanted
                && finest_s(now.seconds() - at_s).is_some_and(|finest| range.period_s >= finest)
            {
                let start_s = range.origin_s + align(at_s - range.origin_s, range.period_s);
                points.push(Point {
                    start_s,
                    unit: its_unit,
                    bucket: decode(&value)?,
                });
            }
        }
    }
    Ok(gathered(points))
}

/// The finest period that data of such an age can be asked for in; `None`: it has gone.
fn finest_s(age_s: i64) -> Option<u32> {
    LADDER
        .iter()
        .find(|(_, until_s)| age_s < *until_s)
        .map(|(resolution_s, _)| *resolution_s)
}

fn gathered(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|one, other| (one.start_s, &one.unit).cmp(&(other.start_s, &other.unit)));
    let mut gathered: Vec<Point> = Vec::with_capacity(points.len());
    for point in points {
        match gathered.last_mut() {
            Some(last) if last.start_s == point.start_s && last.unit == point.unit => {
                last.bucket.merge(&point.bucket);
            }
            _ => gathered.push(point),
        }
    }
    gathered
}

/// Points by period, whatever their units.
pub(super) fn without_units(points: Vec<Point>) -> BTreeMap<i64, Bucket> {
    let mut buckets: BTreeMap<i64, Bucket> = BTreeMap::new();
    for point in points {
        match buckets.get_mut(&point.start_s) {
            Some(bucket) => bucket.merge(&point.bucket),
            None => _ = buckets.insert(point.start_s, point.bucket),
        }
    }
    buckets
}

/// Time and unit out of a point's key.
fn place(key: &[u8]) -> Option<(i64, String)> {
    let mut reader = KeyReader::new(key);
    let (_series, _resolution) = (reader.number()?, reader.number()?);
    Some((i64::try_from(reader.number()?).ok()?, reader.text()?))
}

/// Has old points rolled up once a day from now on, where that is not yet so.
fn sweep_later(tx: &mut Tx<'_>, account: &str, region: &str, now: Timestamp) -> Result<()> {
    let key = region_key(account, region);
    if tx.get(REGIONS, &key)?.is_none() {
        tx.save(REGIONS, &key, &true)?;
        emit_sweep(tx, account, region, now.plus_s(DAY_S))?;
    }
    Ok(())
}

fn emit_sweep(tx: &mut Tx<'_>, account: &str, region: &str, due: Timestamp) -> Result<()> {
    let event = Event::Timer {
        service: "cloudwatch".into(),
        kind: "roll-up".into(),
        subject: format!("{account} {region}"),
        detail: json!({ "account": account, "region": region }),
    };
    outbox::emit(tx, due, event)?;
    Ok(())
}

/// Rolls up and removes what has grown old, in batches.
pub(super) async fn deliver_sweep(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let now = engine.clock.now();
    let prefix = region_key(&context.account, &context.region);
    let keys: Vec<Vec<u8>> = engine.read(|tx| {
        let series = tx.prefix(SERIES, &prefix, Direction::Forward)?;
        series.map(|pair| Ok(pair?.0)).collect()
    })?;
    for key in keys {
        loop {
            let key = key.clone();
            if engine.write(move |tx| sweep_series(tx, &key, now)).await? == 0 {
                break;
            }
        }
    }
    loop {
        let context = context.clone();
        if engine
            .write(move |tx| alarm::sweep_history(tx, &context, now))
            .await?
            == 0
        {
            break;
        }
    }
    engine
        .write(move |tx| {
            outbox::finish(tx, entry.id)?;
            emit_sweep(tx, &context.account, &context.region, now.plus_s(DAY_S))
        })
        .await
}

/// One batch of a series: how many points were moved or removed.
pub(super) fn sweep_series(tx: &mut Tx<'_>, key: &[u8], now: Timestamp) -> Result<usize> {
    let Some(record) = tx.load::<SeriesRecord>(SERIES, key)? else {
        return Ok(0);
    };
    let mut moved = 0;
    for (step, (resolution_s, until_s)) in LADDER.iter().enumerate() {
        let coarser_s = LADDER.get(step + 1).map(|(coarser_s, _)| *coarser_s);
        // A coarser bucket is filled once, when the youngest of its points is old enough.
        let limit_s = align(now.seconds() - until_s, coarser_s.unwrap_or(1));
        moved += roll_up(tx, record.number, *resolution_s, limit_s, coarser_s)?;
        if moved >= BATCH_POINTS {
            return Ok(moved);
        }
    }
    let any = tx
        .prefix(
            POINTS,
            cumulet_kernel::Key::new().number(record.number),
            Direction::Forward,
        )?
        .next()
        .transpose()?;
    if any.is_none() {
        tx.delete(SERIES, key)?;
    }
    Ok(moved)
}

fn roll_up(
    tx: &mut Tx<'_>,
    series: u64,
    resolution_s: u32,
    before_s: i64,
    coarser_s: Option<u32>,
) -> Result<usize> {
    let from = points_from(series, resolution_s, 0);
    let to = points_from(series, resolution_s, before_s);
    let old: Vec<(Vec<u8>, Vec<u8>)> = tx
        .range(
            POINTS,
            from.as_slice(),
            Some(to.as_slice()),
            Direction::Forward,
        )?
        .take(BATCH_POINTS)
        .collect::<Result<_, _>>()?;
    for (key, value) in &old {
        tx.delete(POINTS, key)?;
        if let (Some(coarser_s), Some((at_s, unit))) = (coarser_s, place(key)) {
            fold(tx, series, coarser_s, at_s, &unit, &decode(value)?)?;
        }
    }
    Ok(old.len())
}
