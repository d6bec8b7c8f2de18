//! What only time removes: events past their group's retention, and what deleted groups and streams left.
//!
//! Everything goes in batches, each in a transaction of its own, so that a large group neither fills one
//! transaction nor holds up the writer; the timer stays in the outbox until nothing is left.

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::key::KeyReader;
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Event, Timestamp, Tx};
use serde_json::{Value, json};

use super::api::{GroupInput, Nothing, RetentionInput};
use super::state::{
    EVENTS, GROUPS, GroupRecord, Place, STREAMS, StreamRecord, event_key, events_prefix, group_key,
    streams_prefix,
};
use super::{errors, group};

const BATCH_EVENTS: usize = 2000;
const DAY_S: i64 = 86_400;
const RETENTION_DAYS: &[u32] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
pub(super) fn put_retention(
    tx: &mut Tx<'_>,
    context: &Context,
    input: RetentionInput,
) -> Result<Nothing> {
    let days = input.retention_in_days;
    if !RETENTION_DAYS.contains(&days) {
        let valid: Vec<String> = RETENTION_DAYS.iter().map(u32::to_string).collect();
        return Err(errors::invalid(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: \
             Member must satisfy enum value set: [{}]",
            valid.join(", ")
        )));
    }
    let before = group::existing(tx, context, &input.log_group_name)?;
    group::change(tx, context, &input.log_group_name, |record| {
        record.retention_days = Some(days);
        record.sweeping = true;
    })?;
    // A timer from an earlier policy goes on; one is enough.
    if !before.sweeping {
        let detail = json!({
            "account": &*context.account,
            "region": &*context.region,
            "group": input.log_group_name,
            "number": before.number,
        });
        emit(tx, context.now, "retention", before.number, detail)?;
    }
    Ok(Nothing {})
}

/// The timer finds no policy when it next fires, and ends.
pub(super) fn delete_retention(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GroupInput,
) -> Result<Nothing> {
    group::change(tx, context, &input.log_group_name, |record| {
        record.retention_days = None
    })
}

/// Before which time the group's events count as gone, whether they are removed yet or not.
pub(super) fn expired_before_ms(record: &GroupRecord, now: Timestamp) -> i64 {
    record
        .retention_days
        .map_or(0, |days| now.plus_s(-DAY_S * i64::from(days)).0)
}

/// Has the remains of a deleted group removed.
pub(super) fn group_later(tx: &mut Tx<'_>, context: &Context, group: u64) -> Result<()> {
    emit(tx, context.now, "group", group, json!({ "number": group }))
}

/// Has the events of a deleted stream removed.
pub(super) fn stream_later(tx: &mut Tx<'_>, context: &Context, stream: u64) -> Result<()> {
    emit(
        tx,
        context.now,
        "stream",
        stream,
        json!({ "number": stream }),
    )
}

fn emit(tx: &mut Tx<'_>, due: Timestamp, kind: &str, number: u64, detail: Value) -> Result<()> {
    let event = Event::Timer {
        service: "logs".into(),
        kind: kind.into(),
        subject: number.to_string(),
        detail,
    };
    outbox::emit(tx, due, event)?;
    Ok(())
}

pub(super) async fn deliver(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let Event::Timer { kind, detail, .. } = entry.event.clone() else {
        return Err(Error::internal("not a timer"));
    };
    let number = detail["number"].as_u64().unwrap_or_default();
    loop {
        let (kind, detail, context, id) = (kind.clone(), detail.clone(), context.clone(), entry.id);
        let now = engine.clock.now();
        let finished = engine
            .write(move |tx| {
                let next = match kind.as_str() {
                    "retention" => retention(tx, &context, &detail, number, now)?,
                    "group" => group_remains(tx, number)?,
                    "stream" => Next::after(remove_events(tx, number, None)?),
                    other => {
                        return Err(Error::internal(format!(
                            "nobody handles the timer logs/{other}"
                        )));
                    }
                };
                match next {
                    Next::Batch => return Ok(false),
                    Next::Done => outbox::finish(tx, id)?,
                    Next::Tomorrow => {
                        outbox::finish(tx, id)?;
                        emit(tx, now.plus_s(DAY_S), &kind, number, detail)?;
                    }
                }
                Ok(true)
            })
            .await?;
        if finished {
            return Ok(());
        }
    }
}

enum Next {
    /// More is left.
    Batch,
    Done,
    /// Nothing is left today.
    Tomorrow,
}

impl Next {
    fn after(removed: usize) -> Self {
        if removed < BATCH_EVENTS {
            Self::Done
        } else {
            Self::Batch
        }
    }
}

fn retention(
    tx: &mut Tx<'_>,
    context: &Context,
    detail: &Value,
    number: u64,
    now: Timestamp,
) -> Result<Next> {
    let text = |name: &str| detail[name].as_str().unwrap_or_default();
    let context = context.located(text("account"), text("region"));
    let record: Option<GroupRecord> = tx.load(GROUPS, group_key(&context, text("group")))?;
    let Some(mut record) = record.filter(|record| record.number == number) else {
        return Ok(Next::Done);
    };
    if record.retention_days.is_none() {
        record.sweeping = false;
        tx.save(GROUPS, group_key(&context, text("group")), &record)?;
        return Ok(Next::Done);
    }
    let expired = expired_before_ms(&record, now);
    for stream in stream_numbers(tx, number)? {
        let (removed, bytes) = remove_before(tx, stream, Some(expired))?;
        if removed > 0 {
            record.stored_bytes = record.stored_bytes.saturating_sub(bytes);
            tx.save(GROUPS, group_key(&context, text("group")), &record)?;
            return Ok(Next::Batch);
        }
    }
    Ok(Next::Tomorrow)
}

/// One batch of a deleted group: the events of its first stream, then the stream itself.
fn group_remains(tx: &mut Tx<'_>, group: u64) -> Result<Next> {
    let first = tx
        .prefix(STREAMS, streams_prefix(group), Direction::Forward)?
        .next()
        .transpose()?;
    let Some((key, _)) = first else {
        return Ok(Next::Done);
    };
    if let Some(stream) = tx.load::<StreamRecord>(STREAMS, &key)?
        && remove_events(tx, stream.number, None)? == BATCH_EVENTS
    {
        return Ok(Next::Batch);
    }
    tx.delete(STREAMS, key)?;
    Ok(Next::Batch)
}

fn stream_numbers(tx: &Tx<'_>, group: u64) -> Result<Vec<u64>> {
    let mut keys = Vec::new();
    for pair in tx.prefix(STREAMS, streams_prefix(group), Direction::Forward)? {
        keys.push(pair?.0);
    }
    let mut numbers = Vec::new();
    for key in keys {
        numbers.extend(
            tx.load::<StreamRecord>(STREAMS, key)?
                .map(|stream| stream.number),
        );
    }
    Ok(numbers)
}

fn remove_events(tx: &mut Tx<'_>, stream: u64, before_ms: Option<i64>) -> Result<usize> {
    Ok(remove_before(tx, stream, before_ms)?.0)
}

/// Removes a batch of a stream's events, the oldest first; how many, and of how many bytes.
fn remove_before(tx: &mut Tx<'_>, stream: u64, before_ms: Option<i64>) -> Result<(usize, u64)> {
    let from = events_prefix(stream);
    let end = match before_ms {
        Some(time_ms) => event_key(
            stream,
            Place {
                time_ms,
                sequence: 0,
            },
        ),
        None => events_prefix(stream + 1),
    };
    let mut bytes = 0;
    let mut keys = Vec::new();
    let found = tx.range(
        EVENTS,
        from.as_slice(),
        Some(end.as_slice()),
        Direction::Forward,
    )?;
    for pair in found.take(BATCH_EVENTS) {
        let (key, value) = pair?;
        bytes += u64::try_from(value.len()).unwrap_or(0);
        keys.push(key);
    }
    for key in &keys {
        tx.delete(EVENTS, key)?;
    }
    Ok((keys.len(), bytes))
}

/// Reads the place of an event from its key.
pub(super) fn place_of(key: &[u8]) -> Option<Place> {
    let mut reader = KeyReader::new(key);
    let _stream = reader.number()?;
    Some(Place {
        time_ms: i64::try_from(reader.number()?).ok()?,
        sequence: reader.number()?,
    })
}
