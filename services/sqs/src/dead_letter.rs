//! Dead letters: a message that was received too often goes to another queue.
//!
//! A body stays sealed under the key it was sent under, as on AWS: moving it opens nothing.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::state::{ContentRecord, MessageRecord, QueueRecord};
use super::{message, queue};

/// Whether the message had its last chance and is in the dead-letter queue now.
pub(super) fn took(
    tx: &mut Tx<'_>,
    context: &Context,
    from: &QueueRecord,
    sequence: u64,
    record: &MessageRecord,
) -> Result<bool> {
    let Some(policy) = from.settings.redrive.as_ref() else {
        return Ok(false);
    };
    if record.receives < policy.receives_max {
        return Ok(false);
    }
    // Where the dead-letter queue is gone, the message stays and is received on.
    let Some(to) = queue::by_arn(tx, &policy.target_arn)? else {
        return Ok(false);
    };
    let Some(content) = message::content(tx, from.number, sequence)? else {
        return Ok(false);
    };
    message::remove(tx, from.number, sequence, record)?;
    let content = ContentRecord {
        dead_letter_source: Some(from.arn()),
        ..content
    };
    let record = MessageRecord {
        // Only ordered queues count a dead letter's age anew.
        sent: if to.settings.fifo {
            context.now
        } else {
            record.sent
        },
        visible_from: context.now,
        receipt: [0; 16],
        group: content.group.clone().filter(|_| to.settings.fifo),
        ..record.clone()
    };
    let sequence = tx.next_sequence()?;
    message::insert(tx, &to, sequence, &content, &record)?;
    Ok(true)
}
