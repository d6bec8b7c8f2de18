//! What only time removes: messages past their retention, and what purged and deleted queues left.

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Event, Tx};
use serde_json::Value;

use super::state::{COUNTS, CountRecord, UNDER_NUMBER, under};
use super::{measure, message, move_task, queue};

const BATCH: usize = 500;
/// Retention is swept a minute late, so that many messages go at once.
const SWEEP_S: i64 = 60;

pub(super) async fn deliver(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    loop {
        let now = engine.clock.now();
        let (context, entry) = (
            Context {
                now,
                ..context.clone()
            },
            entry.clone(),
        );
        if engine.write(move |tx| step(tx, &context, &entry)).await? {
            return Ok(());
        }
    }
}

/// One batch; whether it was the last.
fn step(tx: &mut Tx<'_>, context: &Context, entry: &Entry) -> Result<bool> {
    let Event::Timer {
        kind,
        subject,
        detail,
        ..
    } = &entry.event
    else {
        return Err(Error::internal("not a timer"));
    };
    match kind.as_str() {
        "retention" => retention(tx, context, entry, subject, detail),
        "remains" => remains(tx, entry, detail),
        "measure" => {
            let idle = detail["idle"].as_u64().unwrap_or_default();
            measure::deliver(tx, context, entry, (subject, number(detail), idle)).map(|()| true)
        }
        "move" => move_task::deliver(tx, context, entry, subject, detail).map(|()| true),
        other => Err(Error::internal(format!(
            "nobody handles the timer sqs/{other}"
        ))),
    }
}

fn number(detail: &Value) -> u64 {
    detail["number"].as_u64().unwrap_or_default()
}

fn retention(
    tx: &mut Tx<'_>,
    context: &Context,
    entry: &Entry,
    arn: &str,
    detail: &Value,
) -> Result<bool> {
    let number = number(detail);
    let count: Option<CountRecord> = tx.load(COUNTS, under(number))?;
    let queue = queue::by_arn(tx, arn)?.filter(|queue| queue.number == number);
    let meant = count.filter(|count| count.sweep == Some(entry.id));
    let (Some(queue), Some(_)) = (queue, meant) else {
        outbox::finish(tx, entry.id)?;
        return Ok(true);
    };
    let expired = message::expired(tx, context, &queue, BATCH)?;
    for sequence in &expired {
        if let Some(record) = message::load(tx, number, *sequence)? {
            message::remove(tx, number, *sequence, &record)?;
        }
    }
    if expired.len() == BATCH {
        return Ok(false);
    }
    outbox::finish(tx, entry.id)?;
    let mut count: CountRecord = tx.load(COUNTS, under(number))?.unwrap_or_default();
    count.sweep = match message::oldest(tx, number)? {
        Some(oldest) => {
            let due = oldest.plus_s(i64::from(queue.settings.retention_s) + SWEEP_S);
            Some(message::emit_sweep(tx, &queue, due)?)
        }
        None => None,
    };
    tx.save(COUNTS, under(number), &count)?;
    Ok(true)
}

fn remains(tx: &mut Tx<'_>, entry: &Entry, detail: &Value) -> Result<bool> {
    let prefix = under(number(detail));
    if let Some(count) = tx.load::<CountRecord>(COUNTS, &prefix)?
        && let Some(sweep) = count.sweep
    {
        outbox::finish(tx, sweep)?;
    }
    let mut left = BATCH;
    for table in UNDER_NUMBER {
        let pairs = tx.prefix(table, &prefix, Direction::Forward)?;
        let keys = pairs
            .take(left)
            .map(|pair| Ok(pair?.0))
            .collect::<Result<Vec<_>>>()?;
        left -= keys.len();
        for key in keys {
            tx.delete(table, key)?;
        }
    }
    if left == 0 {
        return Ok(false);
    }
    outbox::finish(tx, entry.id)?;
    Ok(true)
}
