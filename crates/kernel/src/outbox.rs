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

/// The first `limit` entries due at `now`, the earliest first. An entry stays listed until it is
/// finished or put back: whoever delivers several at a time remembers which are under way.
pub fn due(tx: &Tx<'_>, now: Timestamp, limit: usize) -> Result<Vec<Entry>, StoreError> {
    let end = Key::new().number(now.plus_ms(1).0.max(0).unsigned_abs());
    tx.range(DUE, &[], Some(end.as_slice()), Direction::Forward)?
        .take(limit)
        .map(|pair| entry(pair?))
        .collect()
}

/// When the next entry falls due; a time past while due entries are still being delivered.
pub fn next_due(tx: &Tx<'_>) -> Result<Option<Timestamp>, StoreError> {
    next_due_at(tx, &[])
}

/// When the first entry falls due that is not due at `now` yet: how long to sleep while everything due
/// is under way.
pub fn next_due_after(tx: &Tx<'_>, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let from = Key::new().number(now.plus_ms(1).0.max(0).unsigned_abs());
    next_due_at(tx, from.as_slice())
}

fn next_due_at(tx: &Tx<'_>, from: &[u8]) -> Result<Option<Timestamp>, StoreError> {
    let first = tx
        .range(DUE, from, None, Direction::Forward)?
        .next()
        .transpose()?;
    Ok(first.map(entry).transpose()?.map(|entry| entry.id.due))
}

/// Whether an entry still waits for a delivery that succeeds.
pub fn holds(tx: &Tx<'_>, id: EntryId) -> Result<bool, StoreError> {
    Ok(tx.get(DUE, id.key())?.is_some())
}

/// Takes a delivered or cancelled entry out. Taking out an absent one is no error.
pub fn finish(tx: &mut Tx<'_>, id: EntryId) -> Result<(), StoreError> {
    tx.delete(DUE, id.key())
}

/// Puts a failed delivery back, to be tried again at `due`. One that was cancelled meanwhile comes
/// back as well: who cancels what is under way must be ready for it.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{PageKey, Store};

    fn open(directory: &tempfile::TempDir) -> Store {
        Store::open(directory.path(), &PageKey::new([7; 64])).expect("the store opens")
    }

    fn event(key_arn: &str) -> Event {
        Event::KeyDeletion {
            key_arn: key_arn.into(),
        }
    }

    fn names(store: &Store, now_ms: i64) -> Vec<String> {
        let entries = store
            .read(|tx| due(tx, Timestamp(now_ms), 10))
            .expect("read");
        let name = |entry: Entry| format!("{}:{}", entry.event.order_key(), entry.attempts);
        entries.into_iter().map(name).collect()
    }

    async fn emit_all(store: &Store, events: &'static [(i64, &'static str)]) {
        let emit_all = move |tx: &mut Tx<'_>| {
            for (due_ms, name) in events {
                emit(tx, Timestamp(*due_ms), event(name))?;
            }
            Ok::<_, StoreError>(())
        };
        store.write(emit_all).await.expect("written");
    }

    #[tokio::test]
    async fn events_come_by_due_time_and_then_in_order_of_emission() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = open(&directory);
        emit_all(&store, &[(20, "c"), (10, "a"), (10, "b"), (30, "d")]).await;
        store.outbox_filled().await;
        assert_eq!(names(&store, 9), Vec::<String>::new());
        assert_eq!(names(&store, 20), ["key a:0", "key b:0", "key c:0"]);
        let next = store
            .read(|tx| Ok::<_, StoreError>((next_due(tx)?, next_due_after(tx, Timestamp(20))?)));
        assert_eq!(
            next.expect("read"),
            (Some(Timestamp(10)), Some(Timestamp(30)))
        );
    }

    #[tokio::test]
    async fn a_delivery_cut_off_is_made_again_after_reopening_and_a_retry_counts() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = open(&directory);
        emit_all(&store, &[(10, "a"), (10, "b"), (10, "c")]).await;
        let entries = store.read(|tx| due(tx, Timestamp(10), 10)).expect("read");
        let [a, b, _] = <[Entry; 3]>::try_from(entries).expect("three entries");
        let settle = move |tx: &mut Tx<'_>| {
            finish(tx, a.id)?;
            retry(tx, b, Timestamp(15)).map(drop)
        };
        store.write(settle).await.expect("written");
        // "c" was under way when the process ended.
        drop(store);
        let store = open(&directory);
        assert_eq!(names(&store, 20), ["key c:0", "key b:1"]);
        emit_all(&store, &[(15, "late")]).await;
        assert_eq!(names(&store, 20), ["key c:0", "key b:1", "key late:0"]);
    }
}
