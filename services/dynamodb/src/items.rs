//! Items in the store: reading one, and the one way of changing one.
//!
//! Everything that follows from an item (its rows in indexes, its expiry, the counts, its change record)
//! is written in the same transaction as the item, here and nowhere else.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kernel::store::{Direction, Scan};

use super::key::{index_key, item_key, key_of, rows_prefix};
use super::state::{
    EXPIRATIONS, INDEX_ROWS, ITEMS, IndexProjection, IndexRecord, Status, TALLIES, TableRecord,
};
use super::table::OpenTable;
use super::value::{AttributeValue, Item, item_size};
use super::{codec, journal, streams};

/// What a write cost: for capacity units.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct WriteCost {
    pub(super) table_units: u64,
    /// Index, whether local, units; untouched indexes are absent.
    pub(super) indexes: Vec<(String, bool, u64)>,
}

/// Who removes or writes an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    Caller,
    /// The service itself, sweeping what has expired.
    TimeToLive,
}

impl OpenTable {
    /// The item under a store key.
    pub(super) fn get(&self, tx: &Tx<'_>, key: &[u8]) -> Result<Option<Item>> {
        tx.get(ITEMS, key)?
            .map(|sealed| self.unseal(key, &sealed))
            .transpose()
    }

    /// Opens the bytes that lie under `key`.
    pub(super) fn unseal(&self, key: &[u8], sealed: &[u8]) -> Result<Item> {
        self.key
            .open(key, sealed)
            .ok()
            .and_then(|bytes| codec::decode(&bytes))
            .ok_or_else(|| Error::internal("a stored item cannot be read"))
    }

    fn seal(&self, context: &Context, key: &[u8], item: &Item) -> Vec<u8> {
        self.key.seal(&context.ids, key, &codec::encode(item))
    }

    /// Replaces the item under `key`: `old` is what is there, `new` what shall be there.
    pub(super) fn change(
        &self,
        tx: &mut Tx<'_>,
        context: &Context,
        key: &[u8],
        old: Option<&Item>,
        new: Option<&Item>,
        writer: Writer,
    ) -> Result<WriteCost> {
        let mut cost = WriteCost {
            table_units: write_units(size_of(old).max(size_of(new))),
            ..WriteCost::default()
        };
        if old == new {
            return Ok(cost);
        }
        journal::append(tx, context, &self.record, key)?;
        match new {
            Some(item) => tx.put(ITEMS, key, self.seal(context, key, item))?,
            None => tx.delete(ITEMS, key)?,
        }
        self.tally(tx, 0, size_if(old), size_if(new))?;
        for index in &self.record.indexes {
            let units = self.change_row(tx, context, index, old, new)?;
            if units > 0 {
                cost.indexes.push((index.name.clone(), index.local, units));
            }
        }
        self.change_expiry(tx, key, old, new)?;
        streams::append(tx, context, self, old, new, writer)?;
        Ok(cost)
    }

    /// Moves an item's row in an index; answers the write units that takes.
    fn change_row(
        &self,
        tx: &mut Tx<'_>,
        context: &Context,
        index: &IndexRecord,
        old: Option<&Item>,
        new: Option<&Item>,
    ) -> Result<u64> {
        if index.status == Status::Deleting {
            return Ok(0);
        }
        let old = old.map_or(Ok(None), |item| index_row(&self.record, index, item))?;
        let new = new.map_or(Ok(None), |item| index_row(&self.record, index, item))?;
        if old == new {
            return Ok(0);
        }
        let (old_size, new_size) = (row_size(old.as_ref()), row_size(new.as_ref()));
        let same_place = matches!((&old, &new), (Some((one, _)), Some((two, _))) if one == two);
        if let Some((key, _)) = old.as_ref().filter(|_| !same_place) {
            // Rows that the backfill has not made yet are not there to be removed.
            let present = tx.get(INDEX_ROWS, key)?.is_some();
            tx.delete(INDEX_ROWS, key)?;
            self.tally(tx, index.number, old_size.filter(|_| present), None)?;
        }
        if let Some((key, row)) = &new {
            let replaced = same_place && tx.get(INDEX_ROWS, key)?.is_some();
            tx.put(INDEX_ROWS, key, self.seal(context, key, row))?;
            self.tally(tx, index.number, old_size.filter(|_| replaced), new_size)?;
        }
        Ok(if same_place {
            write_units(old_size.max(new_size).unwrap_or(0))
        } else {
            old_size.map_or(0, write_units) + new_size.map_or(0, write_units)
        })
    }

    /// Makes an item's row in an index that is being filled.
    pub(super) fn backfill_row(
        &self,
        tx: &mut Tx<'_>,
        context: &Context,
        index: &IndexRecord,
        item: &Item,
    ) -> Result<()> {
        let Some((key, row)) = index_row(&self.record, index, item)? else {
            return Ok(());
        };
        if tx.get(INDEX_ROWS, &key)?.is_none() {
            tx.put(INDEX_ROWS, &key, self.seal(context, &key, &row))?;
            self.tally(tx, index.number, None, Some(item_size(&row)))?;
        }
        Ok(())
    }

    /// Keeps count of rows and bytes.
    fn tally(&self, tx: &mut Tx<'_>, index: u32, old: Option<u64>, new: Option<u64>) -> Result<()> {
        let key = tally_key(&self.record, index);
        let mut tally = read_tally(tx, &key)?;
        tally.items = tally
            .items
            .wrapping_add(u64::from(new.is_some()))
            .wrapping_sub(u64::from(old.is_some()));
        tally.size_bytes = tally
            .size_bytes
            .wrapping_add(new.unwrap_or(0))
            .wrapping_sub(old.unwrap_or(0));
        tx.put(
            TALLIES,
            key,
            [tally.items.to_be_bytes(), tally.size_bytes.to_be_bytes()].concat(),
        )?;
        Ok(())
    }

    fn change_expiry(
        &self,
        tx: &mut Tx<'_>,
        key: &[u8],
        old: Option<&Item>,
        new: Option<&Item>,
    ) -> Result<()> {
        let Some(time_to_live) = self
            .record
            .time_to_live
            .as_ref()
            .filter(|setting| setting.enabled)
        else {
            return Ok(());
        };
        let expiry =
            |item: Option<&Item>| item.and_then(|item| expiry_of(item, &time_to_live.attribute));
        let (old, new) = (expiry(old), expiry(new));
        if old == new {
            return Ok(());
        }
        if let Some(second) = old {
            tx.delete(EXPIRATIONS, expiration_key(&self.record, second, key))?;
        }
        if let Some(second) = new {
            tx.put(
                EXPIRATIONS,
                expiration_key(&self.record, second, key),
                Vec::new(),
            )?;
        }
        Ok(())
    }
}

/// The second at which an item expires; other types than numbers say nothing.
pub(super) fn expiry_of(item: &Item, attribute: &str) -> Option<u64> {
    match item.get(attribute)? {
        AttributeValue::N(number) => u64::try_from(number.to_i64()?).ok(),
        _ => None,
    }
}

pub(super) fn expiration_key(table: &TableRecord, second: u64, item_key: &[u8]) -> Vec<u8> {
    [
        &table.number.to_be_bytes()[..],
        &second.to_be_bytes(),
        item_key,
    ]
    .concat()
}

/// How many rows there are and what they weigh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) items: u64,
    pub(super) size_bytes: u64,
}

fn tally_key(table: &TableRecord, index: u32) -> Vec<u8> {
    [&table.number.to_be_bytes()[..], &index.to_be_bytes()].concat()
}

/// The rows of a table (index 0) or of one of its indexes, as of this transaction.
pub(super) fn tally(tx: &Tx<'_>, table: &TableRecord, index: u32) -> Result<Tally> {
    read_tally(tx, &tally_key(table, index))
}

fn read_tally(tx: &Tx<'_>, key: &[u8]) -> Result<Tally> {
    let bytes = tx.get(TALLIES, key)?.unwrap_or_default();
    let number = |part: &[u8]| part.try_into().map_or(0, u64::from_be_bytes);
    Ok(match bytes.split_at_checked(8) {
        Some((items, size_bytes)) => Tally {
            items: number(items),
            size_bytes: number(size_bytes),
        },
        None => Tally::default(),
    })
}

/// An item's row in an index: its key and what the index projects; `None` where a key attribute is
/// missing or of no use as one.
fn index_row(
    table: &TableRecord,
    index: &IndexRecord,
    item: &Item,
) -> Result<Option<(Vec<u8>, Item)>> {
    let fits = |name: &String| {
        let value = item.get(name)?;
        let kind = table.attribute_type(name)?;
        let empty = matches!(value, AttributeValue::S(text) if text.is_empty())
            || matches!(value, AttributeValue::B(bytes) if bytes.is_empty());
        (super::key::is_of_type(value, kind) && !empty).then_some(())
    };
    if index.keys.names().any(|name| fits(name).is_none()) {
        return Ok(None);
    }
    let key = index_key(table, index.number, &index.keys, item)?;
    Ok(Some((key, project(table, index, item))))
}

/// The part of an item that an index holds.
fn project(table: &TableRecord, index: &IndexRecord, item: &Item) -> Item {
    if index.projection == IndexProjection::All {
        return item.clone();
    }
    let mut row = key_of(&table.keys, item);
    row.extend(key_of(&index.keys, item));
    if let IndexProjection::Include(names) = &index.projection {
        let included = names
            .iter()
            .filter_map(|name| Some((name.clone(), item.get(name)?.clone())));
        row.extend(included);
    }
    row
}

fn row_size(row: Option<&(Vec<u8>, Item)>) -> Option<u64> {
    row.map(|(_, item)| item_size(item))
}

fn size_if(item: Option<&Item>) -> Option<u64> {
    item.map(item_size)
}

fn size_of(item: Option<&Item>) -> u64 {
    item.map_or(0, item_size)
}

/// 1 KB units, at least one.
pub(super) fn write_units(size_bytes: u64) -> u64 {
    size_bytes.div_ceil(1024).max(1)
}

/// What all items of one partition weigh, local indexes included.
pub(super) fn collection_size(tx: &Tx<'_>, table: &OpenTable, item: &Item) -> Result<u64> {
    let mut total = 0;
    let partition = |index: u32| -> Result<Vec<u8>> {
        let mut prefix = rows_prefix(&table.record, index);
        let values = table
            .record
            .keys
            .hash
            .iter()
            .filter_map(|name| item.get(name));
        super::key::push_partition(values, &mut prefix)?;
        Ok(prefix)
    };
    total += weigh(table, tx.prefix(ITEMS, partition(0)?, Direction::Forward)?)?;
    for index in table.record.indexes.iter().filter(|index| index.local) {
        total += weigh(
            table,
            tx.prefix(INDEX_ROWS, partition(index.number)?, Direction::Forward)?,
        )?;
    }
    Ok(total)
}

fn weigh(table: &OpenTable, rows: Scan<'_>) -> Result<u64> {
    let mut total = 0;
    for pair in rows {
        let (key, sealed) = pair?;
        total += item_size(&table.unseal(&key, &sealed)?);
    }
    Ok(total)
}

/// The store key of the item an index row belongs to.
pub(super) fn base_key(table: &TableRecord, row: &Item) -> Result<Vec<u8>> {
    item_key(table, row)
}
