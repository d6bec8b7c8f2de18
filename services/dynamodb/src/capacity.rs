//! Consumed capacity: what a call cost, told only when asked.

use std::collections::BTreeMap;

use serde::Serialize;

use super::items::WriteCost;
use super::state::TableRecord;

/// `CapacityUnits`, and for transactions which of them were read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Units {
    #[serde(skip_serializing_if = "Option::is_none")]
    read_capacity_units: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_capacity_units: Option<f64>,
    capacity_units: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ConsumedCapacity {
    table_name: String,
    #[serde(flatten)]
    total: Units,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<Units>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    local_secondary_indexes: BTreeMap<String, Units>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    global_secondary_indexes: BTreeMap<String, Units>,
}

/// Whether units were read or written, where the answer says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Plain,
    Read,
    Write,
}

/// Adds up what one call costs one table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Usage {
    table: f64,
    local: BTreeMap<String, f64>,
    global: BTreeMap<String, f64>,
}

impl Usage {
    pub(super) fn add_table(&mut self, units: f64) {
        self.table += units;
    }

    pub(super) fn add_index(&mut self, name: &str, local: bool, units: f64) {
        let indexes = if local {
            &mut self.local
        } else {
            &mut self.global
        };
        *indexes.entry(name.to_owned()).or_default() += units;
    }

    pub(super) fn add_write(&mut self, cost: &WriteCost, factor: f64) {
        self.table += units(cost.table_units) * factor;
        for (name, local, index_units) in &cost.indexes {
            self.add_index(name, *local, units(*index_units) * factor);
        }
    }

    /// What the table's own capacity bears: local indexes draw on it too.
    pub(super) fn of_table(&self) -> f64 {
        self.table + self.local.values().sum::<f64>()
    }

    pub(super) fn of_global_indexes(&self) -> impl Iterator<Item = (&str, f64)> {
        let each = self.global.iter();
        each.map(|(name, units)| (name.as_str(), *units))
    }

    /// The answer's member: nothing unless `wanted` is TOTAL or INDEXES.
    pub(super) fn answer(
        &self,
        wanted: Option<&str>,
        table: &TableRecord,
        shown: Shown,
    ) -> Option<ConsumedCapacity> {
        let with_indexes = match wanted? {
            "TOTAL" => false,
            "INDEXES" => true,
            _ => return None,
        };
        let total =
            self.table + self.local.values().sum::<f64>() + self.global.values().sum::<f64>();
        let each = |indexes: &BTreeMap<String, f64>| -> BTreeMap<String, Units> {
            let shown = indexes
                .iter()
                .map(|(name, units)| (name.clone(), shown.units(*units)));
            shown.filter(|_| with_indexes).collect()
        };
        Some(ConsumedCapacity {
            table_name: table.name.clone(),
            total: shown.units(total),
            table: with_indexes.then(|| shown.units(self.table)),
            local_secondary_indexes: each(&self.local),
            global_secondary_indexes: each(&self.global),
        })
    }
}

impl Shown {
    fn units(self, units: f64) -> Units {
        Units {
            read_capacity_units: (self == Self::Read).then_some(units),
            write_capacity_units: (self == Self::Write).then_some(units),
            capacity_units: units,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "units stay far below 2^52")]
pub(super) fn units(count: u64) -> f64 {
    count as f64
}

/// 4 KB units, half for an eventually consistent read, at least one of them.
pub(super) fn read_units(size_bytes: u64, consistent: bool) -> f64 {
    let whole = units(size_bytes.div_ceil(4096).max(1));
    if consistent { whole } else { whole / 2.0 }
}
