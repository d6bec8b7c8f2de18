//! Polling a queue: messages are taken out of sight, and removed when the function has done with them.
//!
//! What fails comes back into sight by the queue's own clock. Several pollers ("lanes") work side by side while there is
//! more than one batch; the last one to find nothing goes away, and the first waits on the queue's bell.

use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::{Timestamp, Tx, bell, outbox};
use serde_json::{Map, Value, json};

use super::super::run::{Prepared, as_role};
use super::super::state::{MappingRecord, PlaceRecord};
use super::{CALL_FAILED, OK, Poll, Verdict, filter, invoke_with, verdict, write_logs};

/// Batches that run side by side where the mapping sets no maximum; AWS begins with five.
const LANES_DEFAULT: u32 = 5;
/// One receive answers at most this many.
const RECEIVE_MAX: usize = 10;
const DELETE_MAX: usize = 10;
/// A payload holds 6 MB and a message 1 MiB: as many as surely fit are received at a time.
const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;
const MESSAGE_BYTES_MAX: usize = 1024 * 1024 + 64 * 1024;
const THROTTLED_WAIT_S: i64 = 1;

/// Messages in hand.
struct Batch {
    /// As SQS answers them.
    messages: Vec<Value>,
    /// As the function gets them.
    records: Vec<Value>,
}

pub(super) async fn poll(
    engine: &Engine,
    context: &Context,
    poll: &Poll,
    mapping: &MappingRecord,
    prepared: Prepared,
) -> Result<()> {
    let taken = {
        let (poll, context, mapping) = (poll.clone(), context.clone(), mapping.clone());
        let prepared = prepared.clone();
        engine
            .write(move |tx| take(tx, &context, &poll, &mapping, &prepared))
            .await?
    };
    let Some(batch) = taken else { return Ok(()) };
    let invoked = invoke_with(engine, context, &prepared, &batch.records).await;
    let context = Context {
        now: engine.clock.now(),
        ..context.clone()
    };
    let (poll, mapping) = (poll.clone(), mapping.clone());
    engine
        .write(move |tx| match invoked {
            Ok((_, outcome)) => {
                write_logs(tx, &context, &prepared, &outcome);
                let known = |id: &str| batch.messages.iter().any(|each| each["MessageId"] == id);
                let verdict = verdict(&outcome, mapping.reports_items, known);
                settle(tx, &context, &poll, &mapping, &prepared, &batch, &verdict)
            }
            // Throttled, or it could not be run: the messages come back by themselves.
            Err(error) => {
                context.trace.note("back_off", error.to_string());
                poll.again(tx, context.now.plus_s(THROTTLED_WAIT_S))
                    .map(drop)
            }
        })
        .await
}

/// The next batch, taken out of sight; or nothing, and the next poll is arranged.
fn take(
    tx: &mut Tx<'_>,
    context: &Context,
    poll: &Poll,
    mapping: &MappingRecord,
    prepared: &Prepared,
) -> Result<Option<Batch>> {
    let mut place = poll.place(tx)?;
    if poll.lane == 0
        && let Some(scheduled) = place.scheduled.take()
    {
        outbox::finish(tx, scheduled)?;
    }
    place.lanes |= 1 << poll.lane;
    let batch_size = usize::try_from(mapping.batch_size).unwrap_or(1);
    let expected = cumulet_sqs::expected(tx, &mapping.source_arn, context.now, batch_size)?;
    let expected = expected.ok_or_else(|| {
        Error::new("NonExistentQueue", "The specified queue does not exist.").status(400)
    })?;
    if poll.lane == 0 && waits_for_more(context.now, mapping, &mut place, expected.visible) {
        return idle(tx, context, poll, mapping, place);
    }
    let role = as_role(tx, context, &prepared.name, &prepared.version)?.through("lambda");
    let messages = receive(tx, &role, mapping, batch_size)?;
    if messages.is_empty() {
        return idle(tx, context, poll, mapping, place);
    }
    place.window_until = None;
    share(tx, context, poll, mapping, &mut place)?;
    poll.save_place(tx, &place)?;
    let (fitting, others): (Vec<Value>, Vec<Value>) = messages
        .into_iter()
        .partition(|message| fits(mapping, message));
    // What no filter wants is done with.
    remove(tx, &role, mapping, &others)?;
    if fitting.is_empty() {
        poll.again(tx, context.now)?;
        return Ok(None);
    }
    Ok(Some(Batch {
        records: fitting.iter().map(|each| record(mapping, each)).collect(),
        messages: fitting,
    }))
}

/// Whether a batch that is not full still has time to become so.
fn waits_for_more(
    now: Timestamp,
    mapping: &MappingRecord,
    place: &mut PlaceRecord,
    visible: usize,
) -> bool {
    let full = visible >= usize::try_from(mapping.batch_size).unwrap_or(usize::MAX);
    if visible == 0 || full || mapping.window_s == 0 {
        return false;
    }
    let until = now.plus_s(i64::from(mapping.window_s));
    now < *place.window_until.get_or_insert(until)
}

/// Nothing to do now: the first poller waits on the bell, and for what comes back into sight; the others end.
fn idle(
    tx: &mut Tx<'_>,
    context: &Context,
    poll: &Poll,
    mapping: &MappingRecord,
    mut place: PlaceRecord,
) -> Result<Option<Batch>> {
    outbox::finish(tx, poll.entry.id)?;
    if poll.lane > 0 {
        place.lanes &= !(1 << poll.lane);
        poll.save_place(tx, &place)?;
        return Ok(None);
    }
    let event = poll.event(0);
    bell::hang(tx, &mapping.source_arn, &event)?;
    let next = cumulet_sqs::expected(tx, &mapping.source_arn, context.now, 0)?;
    let next = [next.and_then(|expected| expected.next), place.window_until];
    place.scheduled = match next.into_iter().flatten().min() {
        Some(due) => Some(outbox::emit(tx, due, event)?),
        None => None,
    };
    poll.save_place(tx, &place)?;
    Ok(None)
}

fn receive(
    tx: &mut Tx<'_>,
    role: &Context,
    mapping: &MappingRecord,
    batch_size: usize,
) -> Result<Vec<Value>> {
    let mut messages: Vec<Value> = Vec::new();
    let mut size_bytes = 0;
    while messages.len() < batch_size {
        let sure = PAYLOAD_BYTES_MAX.saturating_sub(size_bytes) / MESSAGE_BYTES_MAX;
        let wanted = sure.min(RECEIVE_MAX).min(batch_size - messages.len());
        if wanted == 0 {
            break;
        }
        let input = json!({
            "QueueUrl": queue_url(role, &mapping.source_arn),
            "MaxNumberOfMessages": wanted,
            "WaitTimeSeconds": 0,
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        let answer = cumulet_sqs::receive_messages(tx, role, input)?;
        let received = answer["Messages"].as_array().cloned().unwrap_or_default();
        if received.is_empty() {
            break;
        }
        size_bytes += received
            .iter()
            .map(|each| each.to_string().len())
            .sum::<usize>();
        messages.extend(received);
    }
    Ok(messages)
}

fn queue_url(context: &Context, arn: &str) -> String {
    let (account, name) = Arn::parse(arn).map_or(("", ""), |arn| (arn.account, arn.resource));
    format!("{}/{account}/{name}", context.endpoint)
}

/// Wakes one more poller where there is more to read.
fn share(
    tx: &mut Tx<'_>,
    context: &Context,
    poll: &Poll,
    mapping: &MappingRecord,
    place: &mut PlaceRecord,
) -> Result<()> {
    let left = cumulet_sqs::expected(tx, &mapping.source_arn, context.now, 1)?;
    let lanes_max = mapping.concurrency_max.unwrap_or(LANES_DEFAULT).min(31);
    let free = (0..lanes_max).find(|lane| place.lanes & (1 << lane) == 0);
    if let (Some(lane), true) = (free, left.is_some_and(|left| left.visible > 0)) {
        place.lanes |= 1 << lane;
        outbox::emit(tx, context.now, poll.event(lane))?;
    }
    Ok(())
}

/// A body is read as JSON where a pattern looks into it.
fn fits(mapping: &MappingRecord, message: &Value) -> bool {
    mapping.filters.is_empty()
        || mapping.filters.iter().any(|pattern| {
            let mut record = record(mapping, message);
            if filter::looks_into(pattern, "body") {
                let body = record["body"].as_str().unwrap_or_default();
                match serde_json::from_str(body) {
                    Ok(parsed) => record["body"] = parsed,
                    Err(_) => return false,
                }
            }
            filter::accepts(std::slice::from_ref(pattern), &record)
        })
}

/// A message as the function gets it.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
fn record(mapping: &MappingRecord, message: &Value) -> Value {
    let text = |name: &str| message[name].clone();
    let mut record = json!({
        "messageId": text("MessageId"),
        "receiptHandle": text("ReceiptHandle"),
        "body": text("Body"),
        "attributes": message.get("Attributes").cloned().unwrap_or_else(|| json!({})),
        "messageAttributes": attributes(message),
        "md5OfBody": text("MD5OfBody"),
    });
    if let Some(digest) = message.get("MD5OfMessageAttributes") {
        record["md5OfMessageAttributes"] = digest.clone();
    }
    record["eventSource"] = "aws:sqs".into();
    record["eventSourceARN"] = mapping.source_arn.as_str().into();
    record["awsRegion"] = mapping.region.as_str().into();
    record
}

fn attributes(message: &Value) -> Map<String, Value> {
    let given = message["MessageAttributes"]
        .as_object()
        .into_iter()
        .flatten();
    given
        .map(|(name, attribute)| {
            let mut shown = Map::new();
            for (from, to) in [
                ("StringValue", "stringValue"),
                ("BinaryValue", "binaryValue"),
            ] {
                if let Some(value) = attribute.get(from) {
                    shown.insert(to.into(), value.clone());
                }
            }
            shown.insert("stringListValues".into(), json!([]));
            shown.insert("binaryListValues".into(), json!([]));
            shown.insert("dataType".into(), attribute["DataType"].clone());
            (name.clone(), shown.into())
        })
        .collect()
}

/// Removes what succeeded and polls again.
fn settle(
    tx: &mut Tx<'_>,
    context: &Context,
    poll: &Poll,
    mapping: &MappingRecord,
    prepared: &Prepared,
    batch: &Batch,
    verdict: &Verdict,
) -> Result<()> {
    let role = as_role(tx, context, &prepared.name, &prepared.version)?.through("lambda");
    let done = |message: &&Value| match verdict {
        Verdict::AllDone => true,
        Verdict::AllFailed => false,
        Verdict::SomeFailed(failed) => !failed.iter().any(|id| message["MessageId"] == **id),
    };
    let done: Vec<Value> = batch.messages.iter().filter(done).cloned().collect();
    remove(tx, &role, mapping, &done)?;
    let mut place = poll.place(tx)?;
    let result = if *verdict == Verdict::AllFailed {
        CALL_FAILED
    } else {
        OK
    };
    place.note(context.now, result);
    poll.save_place(tx, &place)?;
    poll.again(tx, context.now).map(drop)
}

fn remove(
    tx: &mut Tx<'_>,
    role: &Context,
    mapping: &MappingRecord,
    messages: &[Value],
) -> Result<()> {
    for part in messages.chunks(DELETE_MAX) {
        let entries: Vec<Value> = part
            .iter()
            .enumerate()
            .map(|(index, message)| {
                json!({ "Id": index.to_string(), "ReceiptHandle": message["ReceiptHandle"] })
            })
            .collect();
        let url = queue_url(role, &mapping.source_arn);
        let input = json!({ "QueueUrl": url, "Entries": entries });
        role.call_in(tx, "sqs", "DeleteMessageBatch", input)?;
    }
    Ok(())
}
