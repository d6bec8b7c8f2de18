//! What CloudWatch is told of queues: what went in and out as it happens, and once a minute how many
//! messages wait, for as long as a queue is in use.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_engine::meter::{Measure, Owner};
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::{Event, Timestamp, Tx};
use serde_json::json;

use super::message;
use super::queue;
use super::state::{COUNTS, CountRecord, QueueRecord, under};

const MINUTE_MS: i64 = 60_000;
/// Minutes that an empty queue is still told of.
pub(super) const IDLE_MINUTES_MAX: u64 = 15;

/// Tells of something that happened to a queue now.
pub(super) fn publish(context: &Context, queue: &QueueRecord, measures: &[Measure]) {
    let owner = Owner {
        account: &queue.account,
        region: &queue.region,
    };
    let dimensions = [("QueueName", queue.name.as_str())];
    context
        .meter
        .publish(owner, context.now, "AWS/SQS", &dimensions, measures);
}

pub(super) fn count(metric: &'static str, count: u64) -> Measure {
    Measure {
        metric,
        value: count as f64,
        unit: "Count",
    }
}

pub(super) fn sent(context: &Context, queue: &QueueRecord, bytes: usize) {
    let size = Measure {
        metric: "SentMessageSize",
        value: bytes as f64,
        unit: "Bytes",
    };
    publish(context, queue, &[count("NumberOfMessagesSent", 1), size]);
}

/// Leaves the timer that tells how many wait, `idle` minutes after the queue was last in use.
pub(super) fn emit(
    tx: &mut Tx<'_>,
    queue: &QueueRecord,
    after: Timestamp,
    idle: u64,
) -> Result<()> {
    let due = (after.0.div_euclid(MINUTE_MS) + 1) * MINUTE_MS;
    let event = Event::Timer {
        service: "sqs".into(),
        kind: "measure".into(),
        subject: queue.arn(),
        detail: json!({ "number": queue.number, "idle": idle }),
    };
    outbox::emit(tx, Timestamp(due), event)?;
    Ok(())
}

/// The minute's gauges; then the next minute's timer, unless the queue has been empty for long.
pub(super) fn deliver(
    tx: &mut Tx<'_>,
    context: &Context,
    entry: &Entry,
    (arn, number, idle): (&str, u64, u64),
) -> Result<()> {
    outbox::finish(tx, entry.id)?;
    let queue = queue::by_arn(tx, arn)?.filter(|queue| queue.number == number);
    let record: Option<CountRecord> = tx.load(COUNTS, under(number))?;
    let (Some(queue), Some(mut record)) = (queue, record) else {
        return Ok(());
    };
    let counted = message::count(tx, number, context.now)?;
    let oldest = message::oldest(tx, number)?;
    let age_ms = oldest.map_or(0, |oldest| (context.now.0 - oldest.0).max(0));
    let age = Measure {
        metric: "ApproximateAgeOfOldestMessage",
        value: (age_ms / 1000) as f64,
        unit: "Seconds",
    };
    let measures = [
        count("ApproximateNumberOfMessagesVisible", counted.visible),
        count("ApproximateNumberOfMessagesNotVisible", counted.in_flight),
        count("ApproximateNumberOfMessagesDelayed", counted.delayed),
        age,
        // A minute without any is a minute with none, not one without data.
        count("NumberOfMessagesSent", 0),
        count("NumberOfMessagesReceived", 0),
        count("NumberOfMessagesDeleted", 0),
        count("NumberOfEmptyReceives", 0),
    ];
    publish(context, &queue, &measures);
    let idle = if record.messages > 0 { 0 } else { idle + 1 };
    if idle <= IDLE_MINUTES_MAX {
        return emit(tx, &queue, context.now, idle);
    }
    record.is_measured = false;
    Ok(tx.save(COUNTS, under(number), &record)?)
}
