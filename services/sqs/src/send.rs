//! Sending, one by one and in batches.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, PrincipalKind};
use cumulet_kernel::key::KeyReader;
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Key, Tx};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};

use super::api::{AttributeInput, BatchInput, BatchOutput, MessageInput, SendInput, SendOutput};
use super::error::{invalid_parameter, invalid_value, missing_parameter};
use super::state::{
    AttributeRecord, AttributeValue, ContentRecord, MessageRecord, QueueRecord, SENT_IDS,
    SENT_IDS_BY_AGE, SentIdRecord, time_key, under,
};
use super::{batch, md5, measure, message, queue, sealing};

const REQUEST_BYTES_MAX: usize = 1_048_576;
const ATTRIBUTES_MAX: usize = 10;
const DEDUPLICATION_S: i64 = 300;
/// How many forgotten deduplication ids one send removes.
const FORGOTTEN_MAX: usize = 8;
/// Sequence numbers have twenty digits.
const SEQUENCE_BASE: u128 = 18_000_000_000_000_000_000;

pub(super) fn send_message(
    tx: &mut Tx<'_>,
    context: &Context,
    input: SendInput,
) -> Result<SendOutput> {
    let queue = queue::by_url(tx, context, &input.queue_url)?;
    send(tx, context, &queue, input.message)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
pub(super) fn send_message_batch(
    tx: &mut Tx<'_>,
    context: &Context,
    input: BatchInput<MessageInput>,
) -> Result<BatchOutput<SendOutput>> {
    let queue = queue::by_url(tx, context, &input.queue_url)?;
    batch::check(&input.entries, "SendMessageBatchRequestEntry")?;
    let size_bytes: usize = input
        .entries
        .iter()
        .map(|entry| size_bytes(&entry.of))
        .sum();
    if size_bytes > REQUEST_BYTES_MAX {
        let message = format!(
            "Batch requests cannot be longer than {REQUEST_BYTES_MAX} bytes. You have sent {size_bytes} bytes."
        );
        return Err(Error::new("BatchRequestTooLong", message));
    }
    batch::each(input.entries, |message| send(tx, context, &queue, message))
}

fn size_bytes(message: &MessageInput) -> usize {
    let body = message.message_body.as_deref().map_or(0, str::len);
    let attribute = |(name, attribute): (&String, &AttributeInput)| {
        let text = attribute.string_value.as_deref().map_or(0, str::len);
        let bytes = attribute
            .binary_value
            .as_deref()
            .map_or(0, |bytes| bytes.len() / 4 * 3);
        name.len() + attribute.data_type.len() + text + bytes
    };
    body + message
        .message_attributes
        .iter()
        .map(attribute)
        .sum::<usize>()
}

/// Checks a message, and puts it into the queue unless it is a duplicate.
pub(super) fn send(
    tx: &mut Tx<'_>,
    context: &Context,
    queue: &QueueRecord,
    input: MessageInput,
) -> Result<SendOutput> {
    check_body(queue, &input)?;
    let bytes = size_bytes(&input);
    let attributes = attributes(&input.message_attributes)?;
    let system = attributes_of_system(&input.message_system_attributes)?;
    let delay_s = check_kind(queue, &input)?;
    let body = input.message_body.unwrap_or_default();
    let deduplication_id = deduplication_id(queue, input.message_deduplication_id, &body)?;
    let message_id = context.ids.uuid();
    let output = |message_id: String, sequence: u64| SendOutput {
        md5_of_message_body: md5::of_body(body.as_bytes()),
        md5_of_message_attributes: md5::of_attributes(&attributes),
        md5_of_message_system_attributes: md5::of_attributes(&system),
        message_id,
        sequence_number: queue.settings.fifo.then(|| sequence_number(sequence)),
    };
    let scope = scope(
        queue,
        input.message_group_id.as_deref(),
        deduplication_id.as_deref(),
    );
    if let Some(sent) = scope
        .as_ref()
        .map(|at| sent_before(tx, context, at))
        .transpose()?
        .flatten()
    {
        return Ok(output(sent.message_id, sent.sequence));
    }
    let (stored, sealed) = sealing::seal(tx, context, queue, &message_id, &body)?;
    let sequence = tx.next_sequence()?;
    if let Some(at) = &scope {
        remember(tx, context, queue, at, &message_id, sequence)?;
    }
    let content = ContentRecord {
        message_id: message_id.clone(),
        body: stored,
        sealed,
        attributes: attributes.clone(),
        trace_header: trace_header(&system),
        sender_id: sender_id(context),
        group: input.message_group_id.clone(),
        deduplication_id,
        dead_letter_source: None,
    };
    let record = MessageRecord {
        sent: context.now,
        visible_from: context.now.plus_s(delay_s),
        receives: 0,
        first_received: None,
        receipt: [0; 16],
        group: input.message_group_id.filter(|_| queue.settings.fifo),
    };
    message::insert(tx, queue, sequence, &content, &record)?;
    measure::sent(context, queue, bytes);
    Ok(output(message_id, sequence))
}

pub(super) fn sequence_number(sequence: u64) -> String {
    (SEQUENCE_BASE + u128::from(sequence)).to_string()
}

fn sender_id(context: &Context) -> String {
    match &context.principal.kind {
        PrincipalKind::Service { name } => name.clone(),
        _ => context.principal.user_id.clone(),
    }
}

fn trace_header(system: &BTreeMap<String, AttributeRecord>) -> Option<String> {
    match &system.get("AWSTraceHeader")?.value {
        AttributeValue::Text(text) => Some(text.clone()),
        AttributeValue::Bytes(_) => None,
    }
}

fn check_body(queue: &QueueRecord, input: &MessageInput) -> Result<()> {
    let body = input.message_body.as_deref().unwrap_or_default();
    if body.is_empty() {
        return Err(missing_parameter("MessageBody"));
    }
    let limit = queue.settings.maximum_message_bytes;
    if size_bytes(input) > usize::try_from(limit).unwrap_or(usize::MAX) {
        return Err(invalid_parameter(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
        )));
    }
    let is_valid = |character: char| matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    if body.chars().all(is_valid) {
        return Ok(());
    }
    Err(Error::new(
        "InvalidMessageContents",
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to \
         #xFFFD | #x10000 to #x10FFFF",
    ))
}

fn attributes(
    given: &BTreeMap<String, AttributeInput>,
) -> Result<BTreeMap<String, AttributeRecord>> {
    if given.len() > ATTRIBUTES_MAX {
        return Err(invalid_parameter(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{ATTRIBUTES_MAX}].",
            given.len()
        )));
    }
    let read =
        |(name, given): (&String, &AttributeInput)| Ok((name.clone(), attribute(name, given)?));
    given.iter().map(read).collect()
}

fn attribute(name: &str, given: &AttributeInput) -> Result<AttributeRecord> {
    let kind = given.data_type.split('.').next().unwrap_or_default();
    let empty = || {
        invalid_parameter(format!(
            "Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'."
        ))
    };
    let value = match kind {
        "String" | "Number" => {
            let text = given.string_value.clone().filter(|text| !text.is_empty());
            AttributeValue::Text(text.ok_or_else(empty)?)
        }
        "Binary" => {
            let bytes = given
                .binary_value
                .as_deref()
                .filter(|bytes| !bytes.is_empty());
            let bytes = BASE64_STANDARD.decode(bytes.ok_or_else(empty)?);
            AttributeValue::Bytes(ByteBuf::from(bytes.map_err(|_| empty())?))
        }
        _ => {
            return Err(invalid_parameter(format!(
                "The type of message (user) attribute '{name}' is invalid. You must use only the following \
                 supported type prefixes: Binary, Number, String."
            )));
        }
    };
    if let (AttributeValue::Text(text), "Number") = (&value, kind)
        && text.parse::<f64>().is_err()
    {
        return Err(invalid_parameter(format!(
            "Can't cast the value of message (user) attribute '{name}' to a number."
        )));
    }
    Ok(AttributeRecord {
        data_type: given.data_type.clone(),
        value,
    })
}

fn attributes_of_system(
    given: &BTreeMap<String, AttributeInput>,
) -> Result<BTreeMap<String, AttributeRecord>> {
    match given.keys().find(|name| *name != "AWSTraceHeader") {
        Some(name) => Err(invalid_parameter(format!(
            "Message system attribute name '{name}' is invalid."
        ))),
        None => attributes(given),
    }
}

/// The parameters that only one of the two kinds of queues takes; the delay in seconds.
fn check_kind(queue: &QueueRecord, input: &MessageInput) -> Result<i64> {
    const WRONG_KIND: &str = "The request include parameter that is not valid for this queue type.";
    if let Some(group) = &input.message_group_id {
        check_id("MessageGroupId", group)?;
    }
    if let Some(id) = &input.message_deduplication_id {
        if !queue.settings.fifo {
            return Err(invalid_value(id, "MessageDeduplicationId", WRONG_KIND));
        }
        check_id("MessageDeduplicationId", id)?;
    }
    let delay_s = match input.delay_seconds {
        Some(delay_s) if queue.settings.fifo && delay_s != 0 => {
            return Err(invalid_value(delay_s, "DelaySeconds", WRONG_KIND));
        }
        Some(delay_s) if !(0..=900).contains(&delay_s) => {
            let reason = "DelaySeconds must be >= 0 and <= 900.";
            return Err(invalid_value(delay_s, "DelaySeconds", reason));
        }
        Some(delay_s) if !queue.settings.fifo => delay_s,
        _ => i64::from(queue.settings.delay_s),
    };
    if queue.settings.fifo && input.message_group_id.is_none() {
        return Err(missing_parameter("MessageGroupId"));
    }
    Ok(delay_s)
}

fn check_id(name: &str, id: &str) -> Result<()> {
    if (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let reason = format!(
        "{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
    );
    Err(invalid_value(id, name, &reason))
}

fn deduplication_id(
    queue: &QueueRecord,
    given: Option<String>,
    body: &str,
) -> Result<Option<String>> {
    if !queue.settings.fifo || given.is_some() {
        return Ok(given);
    }
    if queue.settings.content_based_deduplication {
        return Ok(Some(hex::encode(Sha256::digest(body))));
    }
    Err(invalid_parameter(
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
         explicitly",
    ))
}

fn scope(queue: &QueueRecord, group: Option<&str>, id: Option<&str>) -> Option<Key> {
    let group = group.filter(|_| queue.settings.deduplicates_by_group);
    id.map(|id| under(queue.number).text(group.unwrap_or_default()).text(id))
}

fn sent_before(tx: &Tx<'_>, context: &Context, at: &Key) -> Result<Option<SentIdRecord>> {
    let sent: Option<SentIdRecord> = tx.load(SENT_IDS, at)?;
    Ok(sent.filter(|sent| context.now < sent.at.plus_s(DEDUPLICATION_S)))
}

fn remember(
    tx: &mut Tx<'_>,
    context: &Context,
    queue: &QueueRecord,
    at: &Key,
    message_id: &str,
    sequence: u64,
) -> Result<()> {
    forget_old(tx, context, queue)?;
    let record = SentIdRecord {
        at: context.now,
        message_id: message_id.to_owned(),
        sequence,
    };
    tx.save(SENT_IDS, at, &record)?;
    let by_age = time_key(queue.number, context.now, sequence);
    Ok(tx.put(SENT_IDS_BY_AGE, by_age, at.as_slice().to_vec())?)
}

/// Each send removes a few ids that no longer count, so that they never pile up.
fn forget_old(tx: &mut Tx<'_>, context: &Context, queue: &QueueRecord) -> Result<()> {
    let from = under(queue.number);
    let before = context.now.plus_s(-DEDUPLICATION_S);
    let end = time_key(queue.number, before.plus_ms(1), 0);
    let old = tx.range(
        SENT_IDS_BY_AGE,
        from.as_slice(),
        Some(end.as_slice()),
        Direction::Forward,
    )?;
    let old = old
        .take(FORGOTTEN_MAX)
        .map(|pair| Ok(pair?))
        .collect::<Result<Vec<_>>>()?;
    for (by_age, at) in old {
        let sequence = KeyReader::new(&by_age[16..]).number();
        let known: Option<SentIdRecord> = tx.load(SENT_IDS, &at)?;
        // The id may have been used again since.
        if known.is_some_and(|known| Some(known.sequence) == sequence) {
            tx.delete(SENT_IDS, &at)?;
        }
        tx.delete(SENT_IDS_BY_AGE, by_age)?;
    }
    Ok(())
}
