//! A page: rows of one range, examined up to a count or a size, filtered and cut.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use cumulet_kernel::store::{Direction, Scan};

use super::api::{JsonItem, ReadPageInput, ReadPageOutput};
use super::capacity::{Shown, Usage, read_units};
use super::errors::{invalid_parameter, validation};
use super::expression::{Condition, Projection};
use super::items::base_key;
use super::key::{index_key, is_of_type, item_key, key_of};
use super::key_condition::Rows;
use super::state::{INDEX_ROWS, ITEMS, IndexProjection, IndexRecord, KeySchema, Status};
use super::table::OpenTable;
use super::throttle::{self, Kind};
use super::value::{Item, item_size, read_item};

/// Stored bytes of a page, before filter and projection.
const PAGE_MAX_BYTES: u64 = 1 << 20;

/// Where rows come from: a table, or one of its indexes.
#[derive(Debug)]
pub(super) struct Source<'a> {
    table: &'a OpenTable,
    index: Option<&'a IndexRecord>,
}

impl<'a> Source<'a> {
    pub(super) fn new(table: &'a OpenTable, index: Option<&str>) -> Result<Self> {
        let Some(name) = index else {
            return Ok(Self { table, index: None });
        };
        let index = table
            .record
            .index(name)
            .filter(|index| index.status != Status::Deleting)
            .ok_or_else(|| {
                validation(format!(
                    "The table does not have the specified index: {name}"
                ))
            })?;
        if index.status == Status::Creating {
            return Err(validation(format!(
                "Cannot read from backfilling global secondary index: {name}"
            )));
        }
        Ok(Self {
            table,
            index: Some(index),
        })
    }

    pub(super) fn keys(&self) -> &KeySchema {
        self.index
            .map_or(&self.table.record.keys, |index| &index.keys)
    }

    pub(super) fn number(&self) -> u32 {
        self.index.map_or(0, |index| index.number)
    }

    pub(super) fn is_global(&self) -> bool {
        self.index.is_some_and(|index| !index.local)
    }

    /// Refuses what this source cannot give.
    pub(super) fn check_read(
        &self,
        input: &ReadPageInput,
        projection: Option<&Projection>,
    ) -> Result<()> {
        if self.is_global() && input.consistent_read == Some(true) {
            return Err(validation(
                "Consistent reads are not supported on global secondary indexes",
            ));
        }
        let Some(index) = self.index.filter(|index| !index.local) else {
            return Ok(());
        };
        if input.select.as_deref() == Some("ALL_ATTRIBUTES")
            && index.projection != IndexProjection::All
        {
            return Err(invalid_parameter(format!(
                "Select type ALL_ATTRIBUTES is not supported for global secondary index {} because its projection type is not ALL",
                index.name
            )));
        }
        let foreign: Vec<&str> = projection.map_or(Vec::new(), |projection| {
            projection
                .roots()
                .filter(|name| !self.projects(index, name))
                .map(String::as_str)
                .collect()
        });
        if !foreign.is_empty() {
            return Err(invalid_parameter(format!(
                "Global secondary index {} does not project [{}]",
                index.name,
                foreign.join(", ")
            )));
        }
        Ok(())
    }

    fn projects(&self, index: &IndexRecord, name: &str) -> bool {
        let included = match &index.projection {
            IndexProjection::All => true,
            IndexProjection::KeysOnly => false,
            IndexProjection::Include(names) => names.iter().any(|included| included == name),
        };
        included || index.keys.contains(name) || self.table.record.keys.contains(name)
    }

    /// Whether answers need attributes that only the table has: local indexes fetch them.
    fn fetches(&self, input: &ReadPageInput, projection: Option<&Projection>) -> bool {
        let Some(index) = self.index.filter(|index| index.local) else {
            return false;
        };
        let foreign =
            |projection: &Projection| projection.roots().any(|name| !self.projects(index, name));
        match projection {
            Some(projection) => foreign(projection),
            None => {
                input.select.as_deref() == Some("ALL_ATTRIBUTES")
                    && index.projection != IndexProjection::All
            }
        }
    }

    /// The key attributes that say where a page ended.
    fn position(&self, row: &Item) -> Item {
        let mut position = key_of(&self.table.record.keys, row);
        position.extend(key_of(self.keys(), row));
        position
    }

    /// The store key of the row at which the page before ended.
    pub(super) fn start(&self, key: JsonItem, mismatch: &str) -> Result<Vec<u8>> {
        let key = read_item(key)?;
        let table = &self.table.record;
        let mut expected: Vec<&String> = table.keys.names().chain(self.keys().names()).collect();
        expected.sort();
        expected.dedup();
        let fits = |name: &String| {
            let value = key.get(name)?;
            table
                .attribute_type(name)
                .filter(|kind| is_of_type(value, *kind))
        };
        if key.len() != expected.len() || expected.iter().any(|name| fits(name).is_none()) {
            return Err(validation(mismatch));
        }
        match self.index {
            Some(index) => index_key(table, index.number, &index.keys, &key),
            None => item_key(table, &key),
        }
    }

    fn rows<'tx>(&self, tx: &'tx Tx<'_>, page: &Page) -> Result<Scan<'tx>> {
        let table = if self.index.is_some() {
            INDEX_ROWS
        } else {
            ITEMS
        };
        let (mut from, mut to) = (page.rows.from.clone(), page.rows.to.clone());
        match (&page.start, page.direction) {
            // Nothing lies between a key and the same key with a zero behind it.
            (Some(start), Direction::Forward) => from = [start.as_slice(), &[0]].concat(),
            (Some(start), Direction::Backward) => to = Some(start.clone()),
            (None, _) => {}
        }
        Ok(tx.range(table, &from, to.as_deref(), page.direction)?)
    }
}

/// A page to be read.
pub(super) struct Page {
    pub(super) rows: Rows,
    pub(super) start: Option<Vec<u8>>,
    pub(super) direction: Direction,
    pub(super) filter: Option<Condition>,
    pub(super) projection: Option<Projection>,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    items: Vec<Item>,
    count: u64,
    examined: u64,
    size_bytes: u64,
    fetched_units: f64,
    last: Option<Item>,
}

impl Page {
    pub(super) fn read(
        self,
        tx: &Tx<'_>,
        context: &Context,
        source: &Source<'_>,
        input: &ReadPageInput,
    ) -> Result<ReadPageOutput> {
        let table = &source.table.record;
        throttle::admit(context, table, source.index, Kind::Read)?;
        let found = self.examine(tx, source, input)?;
        let consistent = input.consistent_read == Some(true);
        let mut usage = Usage::default();
        let units = read_units(found.size_bytes, consistent);
        match source.index {
            Some(index) => usage.add_index(&index.name, index.local, units),
            None => usage.add_table(units),
        }
        usage.add_table(found.fetched_units);
        throttle::spend(context, table, &usage, Kind::Read);
        let count_only = input.select.as_deref() == Some("COUNT");
        Ok(ReadPageOutput {
            items: (!count_only).then_some(found.items),
            count: found.count,
            scanned_count: found.examined,
            last_evaluated_key: found.last,
            consumed_capacity: usage.answer(
                input.return_consumed_capacity.as_deref(),
                table,
                Shown::Plain,
            ),
        })
    }

    fn examine(&self, tx: &Tx<'_>, source: &Source<'_>, input: &ReadPageInput) -> Result<Found> {
        let count_only = input.select.as_deref() == Some("COUNT");
        let fetches = source.fetches(input, self.projection.as_ref());
        let limit = input.limit.unwrap_or(u64::MAX);
        let mut found = Found::default();
        for pair in source.rows(tx, self)? {
            let (key, sealed) = pair?;
            let row = source.table.unseal(&key, &sealed)?;
            found.examined += 1;
            found.size_bytes += item_size(&row);
            let full = found.examined >= limit || found.size_bytes >= PAGE_MAX_BYTES;
            if full {
                found.last = Some(source.position(&row));
            }
            let item = if fetches {
                found.fetch(tx, source, row, input)?
            } else {
                row
            };
            if self
                .filter
                .as_ref()
                .is_none_or(|filter| filter.holds(&item))
            {
                found.count += 1;
                if !count_only {
                    let cut = self
                        .projection
                        .as_ref()
                        .map(|projection| projection.apply(&item));
                    found.items.push(cut.unwrap_or(item));
                }
            }
            if full {
                break;
            }
        }
        Ok(found)
    }
}

impl Found {
    /// The whole item behind a row of a local index, at the price of a read.
    fn fetch(
        &mut self,
        tx: &Tx<'_>,
        source: &Source<'_>,
        row: Item,
        input: &ReadPageInput,
    ) -> Result<Item> {
        let key = base_key(&source.table.record, &row)?;
        let item = source.table.get(tx, &key)?.unwrap_or(row);
        self.fetched_units += read_units(item_size(&item), input.consistent_read == Some(true));
        Ok(item)
    }
}
