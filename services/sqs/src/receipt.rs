//! Receipts: deleting what was received, or hiding it for longer or shorter.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::api::{BatchInput, BatchOutput, Nothing, Receipt, ReceiptInput};
use super::error::{expired_handle, invalid_handle, invalid_value, missing_parameter};
use super::state::{MessageRecord, QueueRecord};
use super::{batch, group, measure, message, queue};

const TIMEOUT_S_MAX: i64 = 43_200;
const UNAVAILABLE: &str =
    "Message does not exist or is not available for visibility timeout change.";

/// What a receipt handle says: queue, message, and which receive of it.
struct Handle {
    number: u64,
    sequence: u64,
    receipt: [u8; 16],
}

pub(super) fn handle(number: u64, sequence: u64, receipt: &[u8; 16]) -> String {
    let parts: [&[u8]; 3] = [&number.to_be_bytes(), &sequence.to_be_bytes(), receipt];
    BASE64_STANDARD.encode(parts.concat())
}

fn read(text: &str) -> Result<Handle> {
    let invalid = || invalid_handle(text);
    let bytes = BASE64_STANDARD.decode(text).map_err(|_| invalid())?;
    let (number, rest) = bytes.split_first_chunk().ok_or_else(invalid)?;
    let (sequence, receipt) = rest.split_first_chunk().ok_or_else(invalid)?;
    Ok(Handle {
        number: u64::from_be_bytes(*number),
        sequence: u64::from_be_bytes(*sequence),
        receipt: receipt.try_into().map_err(|_| invalid())?,
    })
}

pub(super) fn check_timeout(timeout_s: i64) -> Result<()> {
    if (0..=TIMEOUT_S_MAX).contains(&timeout_s) {
        return Ok(());
    }
    let reason = "Must be >= 0 and <= 43200, if provided.";
    Err(invalid_value(timeout_s, "VisibilityTimeout", reason))
}

pub(super) fn delete_message(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ReceiptInput,
) -> Result<Nothing> {
    let queue = queue::by_url(tx, context, &input.queue_url)?;
    delete(tx, context, &queue, &input.receipt)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>
pub(super) fn delete_message_batch(
    tx: &mut Tx<'_>,
    context: &Context,
    input: BatchInput<Receipt>,
) -> Result<BatchOutput<Nothing>> {
    let queue = queue::by_url(tx, context, &input.queue_url)?;
    batch::check(&input.entries, "DeleteMessageBatchRequestEntry")?;
    batch::each(input.entries, |receipt| {
        delete(tx, context, &queue, &receipt)
    })
}

/// Deleting twice is no error. An older receipt than the last deletes nothing; an ordered queue says so.
fn delete(
    tx: &mut Tx<'_>,
    context: &Context,
    queue: &QueueRecord,
    receipt: &Receipt,
) -> Result<Nothing> {
    let handle = read(&receipt.receipt_handle)?;
    let Some(record) = found(tx, queue, &handle)? else {
        return Ok(Nothing {});
    };
    let is_last = record.receipt == handle.receipt;
    if queue.settings.fifo && (!is_last || record.visible_from <= context.now) {
        return Err(expired_handle(&receipt.receipt_handle));
    }
    if is_last {
        message::remove(tx, queue.number, handle.sequence, &record)?;
        let deleted = measure::count("NumberOfMessagesDeleted", 1);
        measure::publish(context, queue, &[deleted]);
    }
    if queue.settings.fifo {
        message::ring(tx, queue, context.now, context.now)?;
    }
    Ok(Nothing {})
}

fn found(tx: &Tx<'_>, queue: &QueueRecord, handle: &Handle) -> Result<Option<MessageRecord>> {
    if handle.number != queue.number {
        return Ok(None);
    }
    message::load(tx, queue.number, handle.sequence)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
pub(super) fn change_message_visibility(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ReceiptInput,
) -> Result<Nothing> {
    let queue = queue::by_url(tx, context, &input.queue_url)?;
    change(tx, context, &queue, &input.receipt)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html>
pub(super) fn change_message_visibility_batch(
    tx: &mut Tx<'_>,
    context: &Context,
    input: BatchInput<Receipt>,
) -> Result<BatchOutput<Nothing>> {
    let queue = queue::by_url(tx, context, &input.queue_url)?;
    batch::check(&input.entries, "ChangeMessageVisibilityBatchRequestEntry")?;
    batch::each(input.entries, |receipt| {
        change(tx, context, &queue, &receipt)
    })
}

fn change(
    tx: &mut Tx<'_>,
    context: &Context,
    queue: &QueueRecord,
    receipt: &Receipt,
) -> Result<Nothing> {
    let text = &receipt.receipt_handle;
    let handle = read(text)?;
    let timeout_s = receipt
        .visibility_timeout
        .ok_or_else(|| missing_parameter("VisibilityTimeout"))?;
    check_timeout(timeout_s)?;
    let unavailable = || invalid_value(text, "ReceiptHandle", UNAVAILABLE);
    let mut record = found(tx, queue, &handle)?.ok_or_else(unavailable)?;
    let in_flight = record.receipt == handle.receipt && record.visible_from > context.now;
    if !in_flight {
        return Err(if queue.settings.fifo {
            expired_handle(text)
        } else {
            unavailable()
        });
    }
    let until = context.now.plus_s(timeout_s);
    message::update(tx, queue.number, handle.sequence, &mut record, |record| {
        record.visible_from = until;
    })?;
    if let Some(group) = &record.group {
        group::relock(tx, queue.number, group, handle.sequence, until)?;
    }
    message::ring(tx, queue, until, context.now)?;
    Ok(Nothing {})
}
