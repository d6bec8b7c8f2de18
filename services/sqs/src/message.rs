//! Messages where they lie: the one place that keeps their indexes true.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::key::KeyReader;
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Event, Timestamp, Tx, bell, outbox};
use serde_json::json;

use super::state::{
    CONTENTS, COUNTS, ContentRecord, CountRecord, EXPIRY, GROUP_ORDER, MESSAGES, MessageRecord,
    QueueRecord, VISIBLE, group_key, message_key, time_key, under,
};
use super::{group, measure, waiting};

const RECEIVED: u8 = 1;
const SWEEP_S: i64 = 60;

/// Puts a message into a queue, at the end of its group where the queue is ordered.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    queue: &QueueRecord,
    sequence: u64,
    content: &ContentRecord,
    message: &MessageRecord,
) -> Result<()> {
    let number = queue.number;
    tx.save(CONTENTS, message_key(number, sequence), content)?;
    tx.save(MESSAGES, message_key(number, sequence), message)?;
    show(tx, number, sequence, message)?;
    tx.put(EXPIRY, time_key(number, message.sent, sequence), Vec::new())?;
    if let Some(group) = &message.group {
        tx.put(
            GROUP_ORDER,
            group_key(number, group).number(sequence),
            Vec::new(),
        )?;
        group::grown(tx, number, group)?;
    }
    count_one_more(tx, queue, message.sent)?;
    ring(tx, queue, message.visible_from, message.sent)?;
    Ok(())
}

/// Tells those who wait for messages of the queue that one can be seen from `visible_from` on.
pub(super) fn ring(
    tx: &mut Tx<'_>,
    queue: &QueueRecord,
    visible_from: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let arn = queue.arn();
    waiting::wake(&arn);
    Ok(bell::ring(tx, &arn, visible_from, now)?)
}

fn show(tx: &mut Tx<'_>, number: u64, sequence: u64, message: &MessageRecord) -> Result<()> {
    let mark = if message.receives > 0 {
        vec![RECEIVED]
    } else {
        Vec::new()
    };
    Ok(tx.put(
        VISIBLE,
        time_key(number, message.visible_from, sequence),
        mark,
    )?)
}

fn count_one_more(tx: &mut Tx<'_>, queue: &QueueRecord, sent: Timestamp) -> Result<()> {
    let mut count: CountRecord = tx.load(COUNTS, under(queue.number))?.unwrap_or_default();
    count.messages += 1;
    if count.sweep.is_none() {
        let due = sent.plus_s(i64::from(queue.settings.retention_s) + SWEEP_S);
        count.sweep = Some(emit_sweep(tx, queue, due)?);
    }
    if !count.is_measured {
        measure::emit(tx, queue, sent, 0)?;
        count.is_measured = true;
    }
    Ok(tx.save(COUNTS, under(queue.number), &count)?)
}

pub(super) fn emit_sweep(
    tx: &mut Tx<'_>,
    queue: &QueueRecord,
    due: Timestamp,
) -> Result<outbox::EntryId> {
    let event = Event::Timer {
        service: "sqs".into(),
        kind: "retention".into(),
        subject: queue.arn(),
        detail: json!({ "number": queue.number }),
    };
    Ok(outbox::emit(tx, due, event)?)
}

pub(super) fn load(tx: &Tx<'_>, number: u64, sequence: u64) -> Result<Option<MessageRecord>> {
    Ok(tx.load(MESSAGES, message_key(number, sequence))?)
}

pub(super) fn content(tx: &Tx<'_>, number: u64, sequence: u64) -> Result<Option<ContentRecord>> {
    Ok(tx.load(CONTENTS, message_key(number, sequence))?)
}

/// Changes a message; `change` may move the time from which it can be seen.
pub(super) fn update(
    tx: &mut Tx<'_>,
    number: u64,
    sequence: u64,
    message: &mut MessageRecord,
    change: impl FnOnce(&mut MessageRecord),
) -> Result<()> {
    tx.delete(VISIBLE, time_key(number, message.visible_from, sequence))?;
    change(message);
    show(tx, number, sequence, message)?;
    Ok(tx.save(MESSAGES, message_key(number, sequence), message)?)
}

pub(super) fn remove(
    tx: &mut Tx<'_>,
    number: u64,
    sequence: u64,
    message: &MessageRecord,
) -> Result<()> {
    tx.delete(CONTENTS, message_key(number, sequence))?;
    tx.delete(MESSAGES, message_key(number, sequence))?;
    tx.delete(VISIBLE, time_key(number, message.visible_from, sequence))?;
    tx.delete(EXPIRY, time_key(number, message.sent, sequence))?;
    if let Some(group) = &message.group {
        tx.delete(GROUP_ORDER, group_key(number, group).number(sequence))?;
        group::shrunk(tx, number, group, sequence)?;
    }
    let mut count: CountRecord = tx.load(COUNTS, under(number))?.unwrap_or_default();
    count.messages = count.messages.saturating_sub(1);
    Ok(tx.save(COUNTS, under(number), &count)?)
}

/// Sequences of the first messages that can be seen at `now`, those seen longest first.
pub(super) fn visible(tx: &Tx<'_>, number: u64, now: Timestamp, limit: usize) -> Result<Vec<u64>> {
    let end = time_key(number, now.plus_ms(1), 0);
    let pairs = tx.range(
        VISIBLE,
        under(number).as_slice(),
        Some(end.as_slice()),
        Direction::Forward,
    )?;
    pairs
        .take(limit)
        .map(|pair| Ok(sequence_of(&pair?.0)))
        .collect()
}

fn sequence_of(key: &[u8]) -> u64 {
    let mut reader = KeyReader::new(key);
    let (_queue, _time) = (reader.number(), reader.number());
    reader.number().unwrap_or_default()
}

/// Messages by what can be done with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) visible: u64,
    pub(super) in_flight: u64,
    pub(super) delayed: u64,
}

/// Only what cannot be seen is counted one by one: there is a limit to how much of that there is.
pub(super) fn count(tx: &Tx<'_>, number: u64, now: Timestamp) -> Result<Counted> {
    let all = tx
        .load::<CountRecord>(COUNTS, under(number))?
        .unwrap_or_default()
        .messages;
    let from = time_key(number, now.plus_ms(1), 0);
    let end = under(number + 1);
    let mut counted = Counted::default();
    for pair in tx.range(
        VISIBLE,
        from.as_slice(),
        Some(end.as_slice()),
        Direction::Forward,
    )? {
        match pair?.1.first() {
            Some(_) => counted.in_flight += 1,
            None => counted.delayed += 1,
        }
    }
    counted.visible = all.saturating_sub(counted.in_flight + counted.delayed);
    Ok(counted)
}

/// When the next message can be seen that cannot be seen at `now`.
pub(super) fn next_visible(tx: &Tx<'_>, number: u64, now: Timestamp) -> Result<Option<Timestamp>> {
    let from = time_key(number, now.plus_ms(1), 0);
    let end = under(number + 1);
    let mut pairs = tx.range(
        VISIBLE,
        from.as_slice(),
        Some(end.as_slice()),
        Direction::Forward,
    )?;
    let Some(pair) = pairs.next() else {
        return Ok(None);
    };
    let key = pair?.0;
    let mut reader = KeyReader::new(&key);
    let _queue = reader.number();
    let time = reader.number().and_then(|time| i64::try_from(time).ok());
    Ok(time.map(Timestamp))
}

/// What is past its queue's retention at the context's time, the oldest first.
pub(super) fn expired(
    tx: &Tx<'_>,
    context: &Context,
    queue: &QueueRecord,
    limit: usize,
) -> Result<Vec<u64>> {
    let before = context.now.plus_s(-i64::from(queue.settings.retention_s));
    let from = under(queue.number);
    let end = time_key(queue.number, before.plus_ms(1), 0);
    let pairs = tx.range(
        EXPIRY,
        from.as_slice(),
        Some(end.as_slice()),
        Direction::Forward,
    )?;
    pairs
        .take(limit)
        .map(|pair| Ok(sequence_of(&pair?.0)))
        .collect()
}

/// When the oldest message was sent.
pub(super) fn oldest(tx: &Tx<'_>, number: u64) -> Result<Option<Timestamp>> {
    let Some(pair) = tx.prefix(EXPIRY, under(number), Direction::Forward)?.next() else {
        return Ok(None);
    };
    let key = pair?.0;
    let mut reader = KeyReader::new(&key);
    let _queue = reader.number();
    let time = reader.number().and_then(|time| i64::try_from(time).ok());
    Ok(time.map(Timestamp))
}
