//! Receiving: what can be seen is hidden for a while, and what was received too often goes to the
//! dead-letter queue instead.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::{Reply, Request};
use cumulet_identity::iam;
use cumulet_kernel::{Timestamp, Tx};
use futures_util::future::BoxFuture;

use super::api::{AttributeInput, MessageOutput, ReceiveInput, ReceiveOutput};
use super::error::invalid_value;
use super::sealing::OpenKeys;
use super::send::sequence_number;
use super::state::{
    AttributeRecord, AttributeValue, COUNTS, ContentRecord, CountRecord, MessageRecord,
    QueueRecord, under,
};
use super::{dead_letter, group, md5, measure, message, queue, receipt, waiting};

const IN_FLIGHT_MAX: u64 = 120_000;
/// So that one receive over many dead or expired messages does not hold the writer up for long.
const ROUNDS_MAX: usize = 100;

/// A receive with all defaults filled in.
#[derive(Debug)]
pub(super) struct Asked {
    input: ReceiveInput,
    limit: usize,
    timeout_s: i64,
    wait_s: u64,
}

/// The long poll: tries, and waits for a sender or for time to bring something.
pub(super) fn receive_message(
    engine: Engine,
    context: Context,
    mut request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let input: ReceiveInput = request.decode()?;
        let url = input.queue_url.clone();
        let (asked, arn) = engine.read(|tx| {
            iam::authorise(
                tx,
                &context,
                &queue::access(tx, &context, "ReceiveMessage", &url)?,
            )?;
            let queue = queue::by_url(tx, &context, &url)?;
            Ok::<_, Error>((std::sync::Arc::new(asked(&queue, input)?), queue.arn()))
        })?;
        let bell = waiting::bell(&arn);
        let deadline = tokio::time::sleep(Duration::from_secs(asked.wait_s));
        tokio::pin!(deadline);
        let mut last = asked.wait_s == 0;
        loop {
            let rung = bell.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            let now = engine.clock.now();
            let (context, asked) = (
                Context {
                    now,
                    ..context.clone()
                },
                asked.clone(),
            );
            let received = engine
                .write(move |tx| attempt(tx, &context, &asked, last))
                .await?;
            if last || !received.0.is_empty() {
                return Reply::of(&ReceiveOutput {
                    messages: received.0,
                });
            }
            let due = received.1.and_then(|due| engine.clock.wait_until(due));
            let due = tokio::time::sleep(due.unwrap_or(Duration::MAX));
            tokio::select! {
                () = rung => {}
                () = due => {}
                () = &mut deadline => last = true,
            }
        }
    })
}

/// One try, the last or not: what was received, else when the next message can be seen.
fn attempt(
    tx: &mut Tx<'_>,
    context: &Context,
    asked: &Asked,
    is_last: bool,
) -> Result<(Vec<MessageOutput>, Option<Timestamp>)> {
    let queue = queue::by_url(tx, context, &asked.input.queue_url)?;
    let received = receive(tx, context, &queue, asked)?;
    if received.is_empty() && is_last {
        let empty = measure::count("NumberOfEmptyReceives", 1);
        measure::publish(context, &queue, &[empty]);
    }
    let next = match received.is_empty() {
        true => message::next_visible(tx, queue.number, context.now)?,
        false => None,
    };
    Ok((received, next))
}

/// For pollers of other services, within their transaction: never waits.
pub(super) fn receive_now(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ReceiveInput,
) -> Result<ReceiveOutput> {
    iam::authorise(
        tx,
        context,
        &queue::access(tx, context, "ReceiveMessage", &input.queue_url)?,
    )?;
    let queue = queue::by_url(tx, context, &input.queue_url)?;
    let asked = asked(&queue, input)?;
    Ok(ReceiveOutput {
        messages: receive(tx, context, &queue, &asked)?,
    })
}

fn asked(queue: &QueueRecord, input: ReceiveInput) -> Result<Asked> {
    let limit = input.max_number_of_messages.unwrap_or(1);
    if !(1..=10).contains(&limit) {
        let reason = "Must be between 1 and 10, if provided.";
        return Err(invalid_value(limit, "MaxNumberOfMessages", reason));
    }
    let wait_s = input
        .wait_time_seconds
        .unwrap_or(i64::from(queue.settings.receive_wait_s));
    if !(0..=20).contains(&wait_s) {
        let reason = "Must be >= 0 and <= 20, if provided.";
        return Err(invalid_value(wait_s, "WaitTimeSeconds", reason));
    }
    let timeout_s = input.visibility_timeout;
    let timeout_s = timeout_s.unwrap_or(i64::from(queue.settings.visibility_timeout_s));
    receipt::check_timeout(timeout_s)?;
    if input.receive_request_attempt_id.is_some() {
        return Err(Error::not_implemented("sqs: ReceiveRequestAttemptId"));
    }
    Ok(Asked {
        limit: usize::try_from(limit).unwrap_or(1),
        timeout_s,
        wait_s: u64::try_from(wait_s).unwrap_or(0),
        input,
    })
}

fn receive(
    tx: &mut Tx<'_>,
    context: &Context,
    queue: &QueueRecord,
    asked: &Asked,
) -> Result<Vec<MessageOutput>> {
    refuse_over_limit(tx, context, queue)?;
    let mut taken = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let found = match queue.settings.fifo {
            true => round_of_groups(tx, context, queue, asked, &mut taken)?,
            false => round(tx, context, queue, asked, &mut taken)?,
        };
        if !found || taken.len() == asked.limit {
            break;
        }
    }
    if !taken.is_empty() {
        let received = u64::try_from(taken.len()).unwrap_or_default();
        let received = measure::count("NumberOfMessagesReceived", received);
        measure::publish(context, queue, &[received]);
    }
    let mut keys = OpenKeys::default();
    let mut show = |(sequence, record): (u64, MessageRecord)| {
        let content = message::content(tx, queue.number, sequence)?;
        let content = content.ok_or_else(|| Error::internal("a message has no content"))?;
        let body = keys.open(tx, context, &content)?;
        Ok(shown(queue, asked, sequence, &record, content, body))
    };
    taken.into_iter().map(&mut show).collect()
}

/// The count of all is at hand; only where it exceeds the limit is it worth counting those in flight.
fn refuse_over_limit(tx: &Tx<'_>, context: &Context, queue: &QueueRecord) -> Result<()> {
    let count: Option<CountRecord> = tx.load(COUNTS, under(queue.number))?;
    if count.is_none_or(|count| count.messages < IN_FLIGHT_MAX) {
        return Ok(());
    }
    if message::count(tx, queue.number, context.now)?.in_flight < IN_FLIGHT_MAX {
        return Ok(());
    }
    let message = format!("Too many messages in flight for queue {}.", queue.name);
    Err(Error::new("OverLimit", message).status(403))
}

/// Takes what can be seen; whether there was anything.
fn round(
    tx: &mut Tx<'_>,
    context: &Context,
    queue: &QueueRecord,
    asked: &Asked,
    taken: &mut Vec<(u64, MessageRecord)>,
) -> Result<bool> {
    // What was taken with a time-out of nothing can still be seen: look beyond it.
    let limit = asked.limit + taken.len();
    let mut sequences = message::visible(tx, queue.number, context.now, limit)?;
    sequences.retain(|sequence| !taken.iter().any(|(other, _)| other == sequence));
    for sequence in sequences.iter().take(asked.limit - taken.len()) {
        taken.extend(take(tx, context, queue, asked, *sequence)?);
    }
    Ok(!sequences.is_empty())
}

/// Takes as many as it can from the group that has waited longest.
fn round_of_groups(
    tx: &mut Tx<'_>,
    context: &Context,
    queue: &QueueRecord,
    asked: &Asked,
    taken: &mut Vec<(u64, MessageRecord)>,
) -> Result<bool> {
    let Some(group) = group::first_ready(tx, queue.number, context.now)? else {
        return Ok(false);
    };
    let mut locked = Vec::new();
    for sequence in group::sequences(tx, queue.number, &group, asked.limit - taken.len())? {
        let known = message::load(tx, queue.number, sequence)?;
        if known.is_none_or(|known| known.visible_from > context.now) {
            break;
        }
        if let Some(message) = take(tx, context, queue, asked, sequence)? {
            locked.push(sequence);
            taken.push(message);
        }
    }
    if locked.is_empty() {
        return Ok(true);
    }
    let until = context.now.plus_s(asked.timeout_s);
    group::lock(tx, queue.number, &group, &locked, until)?;
    // Without a time-out the group is receivable at once, but not by this call again.
    Ok(asked.timeout_s > 0)
}

/// Hides a message from others, unless its time or its chances are over.
fn take(
    tx: &mut Tx<'_>,
    context: &Context,
    queue: &QueueRecord,
    asked: &Asked,
    sequence: u64,
) -> Result<Option<(u64, MessageRecord)>> {
    let Some(mut record) = message::load(tx, queue.number, sequence)? else {
        return Ok(None);
    };
    let expires = record.sent.plus_s(i64::from(queue.settings.retention_s));
    if expires <= context.now {
        message::remove(tx, queue.number, sequence, &record)?;
        return Ok(None);
    }
    if dead_letter::took(tx, context, queue, sequence, &record)? {
        return Ok(None);
    }
    let receipt = context.ids.bytes();
    message::update(tx, queue.number, sequence, &mut record, |record| {
        record.visible_from = context.now.plus_s(asked.timeout_s);
        record.receives += 1;
        record.first_received.get_or_insert(context.now);
        record.receipt = receipt;
    })?;
    Ok(Some((sequence, record)))
}

fn shown(
    queue: &QueueRecord,
    asked: &Asked,
    sequence: u64,
    record: &MessageRecord,
    content: ContentRecord,
    body: String,
) -> MessageOutput {
    let attributes = content.attributes.iter().filter(|(name, _)| {
        asked
            .input
            .message_attribute_names
            .iter()
            .any(|pattern| names(pattern, name))
    });
    let chosen: BTreeMap<String, AttributeRecord> = attributes
        .map(|(name, attribute)| (name.clone(), attribute.clone()))
        .collect();
    MessageOutput {
        receipt_handle: receipt::handle(queue.number, sequence, &record.receipt),
        md5_of_body: md5::of_body(body.as_bytes()),
        body,
        attributes: system_attributes(queue, asked, sequence, record, &content),
        md5_of_message_attributes: md5::of_attributes(&chosen),
        message_attributes: chosen
            .into_iter()
            .map(|(name, value)| (name, output(value)))
            .collect(),
        message_id: content.message_id,
    }
}

/// `All`, `.*`, a name, or the beginning of names before `.*`.
fn names(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == "All" || pattern == name,
    }
}

fn output(attribute: AttributeRecord) -> AttributeInput {
    let (text, bytes) = match attribute.value {
        AttributeValue::Text(text) => (Some(text), None),
        AttributeValue::Bytes(bytes) => (None, Some(BASE64_STANDARD.encode(bytes))),
    };
    AttributeInput {
        string_value: text,
        binary_value: bytes,
        data_type: attribute.data_type,
    }
}

fn system_attributes(
    queue: &QueueRecord,
    asked: &Asked,
    sequence: u64,
    record: &MessageRecord,
    content: &ContentRecord,
) -> BTreeMap<&'static str, String> {
    let milliseconds = |time: Timestamp| time.milliseconds().to_string();
    let all = [
        ("SenderId", Some(content.sender_id.clone())),
        ("SentTimestamp", Some(milliseconds(record.sent))),
        ("ApproximateReceiveCount", Some(record.receives.to_string())),
        (
            "ApproximateFirstReceiveTimestamp",
            record.first_received.map(milliseconds),
        ),
        (
            "SequenceNumber",
            queue.settings.fifo.then(|| sequence_number(sequence)),
        ),
        ("MessageDeduplicationId", content.deduplication_id.clone()),
        ("MessageGroupId", content.group.clone()),
        ("AWSTraceHeader", content.trace_header.clone()),
        (
            "DeadLetterQueueSourceArn",
            content.dead_letter_source.clone(),
        ),
    ];
    let input = &asked.input;
    let wanted = |name: &str| {
        let mut names = input
            .attribute_names
            .iter()
            .chain(&input.message_system_attribute_names);
        names.any(|asked| asked == "All" || asked == name)
    };
    let chosen = all.into_iter().filter(|(name, _)| wanted(name));
    chosen
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}
