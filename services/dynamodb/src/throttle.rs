//! Provisioned capacity as a bucket of tokens: what is not used within five minutes is lost.
//!
//! A bucket belongs to the running process. A read may not write, and a count that is a few minutes old is
//! worth no flush; after a restart buckets are full. As on AWS a call is let through while anything is left
//! in the bucket, and may leave it overdrawn.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html>

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Timestamp;

use super::capacity::Usage;
use super::state::{IndexRecord, TableRecord, Throughput};

const BURST_S: f64 = 300.0;
/// Buckets of tables that are gone are forgotten, with all others, when there are too many.
const BUCKETS_MAX: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Read,
    Write,
}

impl Kind {
    fn units_per_s(self, throughput: &Throughput) -> f64 {
        let units = match self {
            Self::Read => throughput.read,
            Self::Write => throughput.write,
        };
        super::capacity::units(units.max(0).unsigned_abs())
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    units: f64,
    filled: Timestamp,
}

impl Bucket {
    fn fill(&mut self, now: Timestamp, units_per_s: f64) {
        let passed_ms = (now.milliseconds() - self.filled.milliseconds()).max(0);
        let passed_s = super::capacity::units(passed_ms.unsigned_abs()) / 1000.0;
        self.units = (self.units + passed_s * units_per_s).min(BURST_S * units_per_s);
        self.filled = now;
    }
}

/// The table's UUID, the index's number or 0, and the kind.
type Name = (String, u32, Kind);

static BUCKETS: LazyLock<Mutex<HashMap<Name, Bucket>>> = LazyLock::new(Mutex::default);

/// Takes `units` out of a bucket; what is left.
fn draw(context: &Context, name: Name, units_per_s: f64, units: f64) -> f64 {
    let mut buckets = BUCKETS.lock().unwrap_or_else(PoisonError::into_inner);
    if buckets.len() >= BUCKETS_MAX {
        buckets.clear();
    }
    let full = Bucket {
        units: BURST_S * units_per_s,
        filled: context.now,
    };
    let bucket = buckets.entry(name).or_insert(full);
    bucket.fill(context.now, units_per_s);
    bucket.units -= units;
    bucket.units
}

fn refused(what: &str) -> Error {
    Error::new(
        "ProvisionedThroughputExceededException",
        format!("The level of configured provisioned throughput for {what}"),
    )
}

/// Refuses a call on a provisioned table, or one of its indexes, whose bucket is empty.
pub(super) fn admit(
    context: &Context,
    table: &TableRecord,
    index: Option<&IndexRecord>,
    kind: Kind,
) -> Result<()> {
    if table.on_demand {
        return Ok(());
    }
    let left = |number, throughput| {
        let name = (table.id.clone(), number, kind);
        draw(context, name, kind.units_per_s(throughput), 0.0)
    };
    match index.filter(|index| !index.local) {
        Some(index) if left(index.number, &index.throughput) <= 0.0 => Err(refused(
            "one or more global secondary indexes of the table was exceeded. Consider increasing your provisioning level for the under-provisioned global secondary indexes with the UpdateTable API",
        )),
        Some(_) => Ok(()),
        None if left(0, &table.throughput) <= 0.0 => Err(refused(
            "the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.",
        )),
        None if kind == Kind::Write => table
            .indexes
            .iter()
            .filter(|index| !index.local)
            .try_for_each(|index| admit(context, table, Some(index), kind)),
        None => Ok(()),
    }
}

/// Takes what a call cost out of the buckets of the table and its indexes.
pub(super) fn spend(context: &Context, table: &TableRecord, usage: &Usage, kind: Kind) {
    if table.on_demand {
        return;
    }
    let name = |number| (table.id.clone(), number, kind);
    let units_per_s = kind.units_per_s(&table.throughput);
    draw(context, name(0), units_per_s, usage.of_table());
    for (index, units) in usage.of_global_indexes() {
        if let Some(index) = table.index(index) {
            let units_per_s = kind.units_per_s(&index.throughput);
            draw(context, name(index.number), units_per_s, units);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_five_minutes_and_fills_by_the_second() {
        let mut bucket = Bucket {
            units: -2.0,
            filled: Timestamp(1000),
        };
        bucket.fill(Timestamp(1500), 5.0);
        assert!((bucket.units - 0.5).abs() < 1e-9);
        bucket.fill(Timestamp(10_000_000), 5.0);
        assert!((bucket.units - 1500.0).abs() < 1e-9);
    }
}
