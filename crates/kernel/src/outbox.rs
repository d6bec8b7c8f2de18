//! The transactional outbox: what one service leaves for another, in the same commit as its cause.
//!
//! An event lies in the store from the commit that made it until the commit that finished it, under its
//! due time; so a crash loses none, and a delivery that was cut off is made again: at least once.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::event::Event;
use crate::key::{Key, KeyReader};
use crate::store::{Direction, StoreError, Table, Tx};

const DUE: Table = Table::new(1, "kernel.outbox");

/// An event in the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub id: EntryId,
    pub event: Event,
    /// Deliveries tried before this one.
    pub attempts: u32,
}

/// Where an entry lies: by due time, then in order of emission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntryId {
    pub due: Timestamp,
    pub sequence: u64,
}

impl EntryId {
    fn key(self) -> Key {
        Key::new()
            .number(self.due.0.max(0).unsigned_abs())
            .number(self.sequence)
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    event: Event,
    attempts: u32,
}

/// Leaves `event` in the outbox, to be delivered at `due` or soon after.
pub fn emit(tx: &mut Tx<'_>, due: Timestamp, event: Event) -> Result<EntryId, StoreError> {
    store(tx, due, event, 0)
}

/// The first `limit` entries due at `now`, the earliest first.
pub fn due(tx: &Tx<'_>, now: Timestamp, limit: usize) -> Result<Vec<Entry>, StoreError> {
    let end = Key::new().number(now.plus_ms(1).0.max(0).unsigned_abs());
    tx.range(DUE, &[], Some(end.as_slice()), Direction::Forward)?
        .take(limit)
        .map(|pair| entry(pair?))
        .collect()
}

/// When the next entry falls due.
pub fn next_due(tx: &Tx<'_>) -> Result<Option<Timestamp>, StoreError> {
    let first = tx
        .range(DUE, &[], None, Direction::Forward)?
        .next()
        .transpose()?;
    Ok(first.map(entry).transpose()?.map(|entry| entry.id.due))
}

/// Takes a delivered or cancelled entry out. Taking out an absent one is no error.
pub fn finish(tx: &mut Tx<'_>, id: EntryId) -> Result<(), StoreError> {
    tx.delete(DUE, id.key())
}

/// Puts a failed delivery back, to be tried again at `due`.
pub fn retry(tx: &mut Tx<'_>, entry: Entry, due: Timestamp) -> Result<EntryId, StoreError> {
    finish(tx, entry.id)?;
    store(tx, due, entry.event, entry.attempts.saturating_add(1))
}

fn store(
    tx: &mut Tx<'_>,
    due: Timestamp,
    event: Event,
    attempts: u32,
) -> Result<EntryId, StoreError> {
    let id = EntryId {
        due,
        sequence: tx.next_sequence()?,
    };
    tx.save(DUE, id.key(), &Stored { event, attempts })?;
    tx.mark_emitted();
    Ok(id)
}

fn entry((key, value): (Vec<u8>, Vec<u8>)) -> Result<Entry, StoreError> {
    let mut reader = KeyReader::new(&key);
    let broken = || StoreError::Record("an outbox key is too short".into());
    let due_ms = reader.number().ok_or_else(broken)?;
    let sequence = reader.number().ok_or_else(broken)?;
    let stored: Stored = crate::store::decode(&value)?;
    let due = Timestamp(i64::try_from(due_ms).unwrap_or(i64::MAX));
    Ok(Entry {
        id: EntryId { due, sequence },
        event: stored.event,
        attempts: stored.attempts,
    })
}
