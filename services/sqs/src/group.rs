//! Message groups of ordered queues: received from the front, and locked while any of it is in flight.
//!
//! A group lies in READY under the time from which it can be received: when its first message can be
//! seen and the last of its locks is over.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html>

use cumulet_engine::error::Result;
use cumulet_kernel::key::KeyReader;
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Timestamp, Tx};

use super::message;
use super::state::{GROUP_ORDER, GROUPS, GroupRecord, READY, group_key, time_key, under};

fn load(tx: &Tx<'_>, number: u64, group: &str) -> Result<GroupRecord> {
    Ok(tx
        .load(GROUPS, group_key(number, group))?
        .unwrap_or_default())
}

/// A message was added at the end: only a group that was empty changes its place.
pub(super) fn grown(tx: &mut Tx<'_>, number: u64, group: &str) -> Result<()> {
    let record = load(tx, number, group)?;
    if record.ready.is_some() {
        Ok(())
    } else {
        place(tx, number, group, record)
    }
}

pub(super) fn shrunk(tx: &mut Tx<'_>, number: u64, group: &str, sequence: u64) -> Result<()> {
    let mut record = load(tx, number, group)?;
    record.locks.remove(&sequence);
    place(tx, number, group, record)
}

/// These messages, and no others of the group, are in flight until `until`.
pub(super) fn lock(
    tx: &mut Tx<'_>,
    number: u64,
    group: &str,
    sequences: &[u64],
    until: Timestamp,
) -> Result<()> {
    let mut record = load(tx, number, group)?;
    record.locks = sequences
        .iter()
        .map(|&sequence| (sequence, until))
        .collect();
    place(tx, number, group, record)
}

/// One message in flight has another time-out.
pub(super) fn relock(
    tx: &mut Tx<'_>,
    number: u64,
    group: &str,
    sequence: u64,
    until: Timestamp,
) -> Result<()> {
    let mut record = load(tx, number, group)?;
    record.locks.insert(sequence, until);
    place(tx, number, group, record)
}

/// Puts the group where it belongs in READY, or takes it out where it is empty.
fn place(tx: &mut Tx<'_>, number: u64, group: &str, mut record: GroupRecord) -> Result<()> {
    if let Some((available, first)) = record.ready.take() {
        tx.delete(READY, time_key(number, available, first))?;
    }
    let first = sequences(tx, number, group, 1)?.first().copied();
    let message = match first {
        Some(first) => message::load(tx, number, first)?.map(|message| (first, message)),
        None => None,
    };
    let Some((first, message)) = message else {
        return Ok(tx.delete(GROUPS, group_key(number, group))?);
    };
    let locked = record.locks.values().max().copied();
    let available = locked.map_or(message.visible_from, |locked| {
        locked.max(message.visible_from)
    });
    tx.put(
        READY,
        time_key(number, available, first),
        group.as_bytes().to_vec(),
    )?;
    record.ready = Some((available, first));
    Ok(tx.save(GROUPS, group_key(number, group), &record)?)
}

/// The first messages of a group, in order.
pub(super) fn sequences(tx: &Tx<'_>, number: u64, group: &str, limit: usize) -> Result<Vec<u64>> {
    let prefix = group_key(number, group);
    let length = prefix.as_slice().len();
    let pairs = tx.prefix(GROUP_ORDER, prefix, Direction::Forward)?;
    let sequence = |key: &[u8]| KeyReader::new(&key[length..]).number().unwrap_or_default();
    pairs
        .take(limit)
        .map(|pair| Ok(sequence(&pair?.0)))
        .collect()
}

/// The group that has been receivable longest at `now`.
pub(super) fn first_ready(tx: &Tx<'_>, number: u64, now: Timestamp) -> Result<Option<String>> {
    let end = time_key(number, now.plus_ms(1), 0);
    let from = under(number);
    let mut pairs = tx.range(
        READY,
        from.as_slice(),
        Some(end.as_slice()),
        Direction::Forward,
    )?;
    let first = pairs.next().transpose()?;
    Ok(first.map(|(_, group)| String::from_utf8_lossy(&group).into_owned()))
}
