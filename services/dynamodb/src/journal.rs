//! The journal: what items were before they changed, for whoever wants a table as it was.
//!
//! A row says what lay under an item's key until a moment. So a table at any moment is the table of now,
//! but for the items that have a row after that moment, where the first such row counts. That serves
//! recovery to a point in time and backups alike, without a base copy and without stopping writes. Rows
//! hold the bytes that were stored, sealed as they were.
//!
//! ```text
//!   key   := item's store key, milliseconds:8, sequence:8
//!   value := 0 (there was no item) | 1, sealed item
//! ```

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::key::end_of_prefix;
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Timestamp, Tx};

use super::lifecycle::purge;
use super::state::{ITEMS, JOURNAL, JOURNAL_AGES, TableRecord};

const MOMENT_BYTES: usize = 16;
const ABSENT: u8 = 0;
const PRESENT: u8 = 1;
/// Overdue rows that one new row takes along; more than one, or the journal would only grow.
const TRIMMED_WITH_EACH: usize = 2;
const DAY_S: i64 = 86_400;

/// The changes that come after a state: those from this moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    time: Timestamp,
    sequence: u64,
}

impl Cut {
    /// The state at the end of a millisecond.
    pub(super) fn after_time(time: Timestamp) -> Self {
        Self {
            time: time.plus_ms(1),
            sequence: 0,
        }
    }

    /// The state that this transaction sees.
    pub(super) fn now(tx: &mut Tx<'_>, context: &Context) -> Result<Self> {
        Ok(Self {
            time: context.now,
            sequence: tx.next_sequence()?,
        })
    }

    pub(super) fn of_parts(time: Timestamp, sequence: u64) -> Self {
        Self { time, sequence }
    }

    pub(super) fn parts(self) -> (Timestamp, u64) {
        (self.time, self.sequence)
    }

    fn bytes(self) -> [u8; MOMENT_BYTES] {
        let time = self.time.milliseconds().max(0).unsigned_abs();
        let both = (u128::from(time) << 64) | u128::from(self.sequence);
        both.to_be_bytes()
    }
}

/// Whether changes of this table are written down.
pub(super) fn is_kept(record: &TableRecord) -> bool {
    let recoverable = record.recovery.as_ref().is_some_and(|it| it.enabled);
    recoverable || is_held(record)
}

/// Whether somebody is at work who needs the rows that are there.
fn is_held(record: &TableRecord) -> bool {
    !record.backups_under_way.is_empty() || !record.restores_under_way.is_empty()
}

/// Writes down what is under `key`, before it changes.
pub(super) fn append(
    tx: &mut Tx<'_>,
    context: &Context,
    record: &TableRecord,
    key: &[u8],
) -> Result<()> {
    if !is_kept(record) {
        return Ok(());
    }
    let row = match tx.get(ITEMS, key)? {
        Some(sealed) => [&[PRESENT], sealed.as_slice()].concat(),
        None => vec![ABSENT],
    };
    trim(tx, context, record)?;
    let moment = Cut::now(tx, context)?.bytes();
    tx.put(JOURNAL, [key, &moment].concat(), row)?;
    let age = [&record.number.to_be_bytes()[..], &moment].concat();
    tx.put(JOURNAL_AGES, age, key.to_vec())?;
    Ok(())
}

/// Takes out a few rows from before anything that can still be asked for.
fn trim(tx: &mut Tx<'_>, context: &Context, record: &TableRecord) -> Result<()> {
    let Some(recovery) = record.recovery.as_ref().filter(|_| !is_held(record)) else {
        return Ok(());
    };
    let number = record.number.to_be_bytes();
    let horizon = Cut::after_time(context.now.plus_s(-recovery.days * DAY_S));
    let end = [&number[..], &horizon.bytes()].concat();
    let overdue: std::result::Result<Vec<_>, _> = tx
        .range(JOURNAL_AGES, &number, Some(&end), Direction::Forward)?
        .take(TRIMMED_WITH_EACH)
        .collect();
    for (age, key) in overdue? {
        let moment = &age[number.len()..];
        tx.delete(JOURNAL, [key.as_slice(), moment].concat())?;
        tx.delete(JOURNAL_AGES, &age)?;
    }
    Ok(())
}

/// Removes a chunk of a journal that nobody needs any more; whether none is left.
pub(super) fn purge_left_over(tx: &mut Tx<'_>, record: &mut TableRecord) -> Result<bool> {
    if record.journal_left_over && !is_kept(record) {
        let prefix = record.number.to_be_bytes();
        if !purge(tx, JOURNAL, &prefix)? || !purge(tx, JOURNAL_AGES, &prefix)? {
            return Ok(false);
        }
        record.journal_left_over = false;
    }
    Ok(true)
}

/// An item's store key, and its sealed bytes or none.
type AsItWas = (Vec<u8>, Option<Vec<u8>>);

/// The next items after `after` as they were at the cut, at most `limit`; fewer only at the end. Those
/// that were not there are among them, with nothing.
pub(super) fn as_of(
    tx: &Tx<'_>,
    table_number: u64,
    after: &[u8],
    cut: Cut,
    limit: usize,
) -> Result<Vec<AsItWas>> {
    let prefix = table_number.to_be_bytes();
    let end = end_of_prefix(&prefix);
    let from = match after {
        [] => prefix.to_vec(),
        after => [after, &[0]].concat(),
    };
    let items = tx.range(ITEMS, &from, end.as_deref(), Direction::Forward)?;
    let mut items = items.peekable();
    let mut journaled = next_journaled(tx, &prefix, after)?;
    let mut found = Vec::new();
    while found.len() < limit {
        let stored = match items.peek() {
            Some(Ok((key, _))) => Some(key),
            Some(Err(error)) => return Err(error.clone().into()),
            None => None,
        };
        let in_items = match (stored, &journaled) {
            (None, None) => break,
            (Some(stored), Some(other)) => stored <= other,
            (stored, None) => stored.is_some(),
            (None, Some(_)) => false,
        };
        let (key, current) = match items.next_if(|_| in_items).transpose()? {
            Some((key, sealed)) => (key, Some(sealed)),
            None => (journaled.clone().unwrap_or_default(), None),
        };
        if journaled.as_ref() == Some(&key) {
            journaled = next_journaled(tx, &prefix, &key)?;
        }
        let value = before(tx, &key, cut)?.unwrap_or(current);
        found.push((key, value));
    }
    Ok(found)
}

/// The first item key beyond `after` that has rows. No item's key is the beginning of another's.
fn next_journaled(tx: &Tx<'_>, prefix: &[u8], after: &[u8]) -> Result<Option<Vec<u8>>> {
    let from = match after {
        [] => prefix.to_vec(),
        after => [after, &[u8::MAX; MOMENT_BYTES + 1]].concat(),
    };
    let end = end_of_prefix(prefix);
    let mut rows = tx.range(JOURNAL, &from, end.as_deref(), Direction::Forward)?;
    let Some((mut key, _)) = rows.next().transpose()? else {
        return Ok(None);
    };
    key.truncate(key.len().saturating_sub(MOMENT_BYTES));
    Ok(Some(key))
}

/// What was under `key` before the first change at or after the cut; `None` if there was no such change.
fn before(tx: &Tx<'_>, key: &[u8], cut: Cut) -> Result<Option<Option<Vec<u8>>>> {
    let from = [key, &cut.bytes()].concat();
    let end = [key, &[u8::MAX; MOMENT_BYTES + 1]].concat();
    let mut rows = tx.range(JOURNAL, &from, Some(&end), Direction::Forward)?;
    let Some((_, row)) = rows.next().transpose()? else {
        return Ok(None);
    };
    Ok(Some(match row.split_first() {
        Some((&PRESENT, sealed)) => Some(sealed.to_vec()),
        _ => None,
    }))
}
