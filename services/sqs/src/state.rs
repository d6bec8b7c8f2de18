//! What SQS keeps on disk.
//!
//! A queue's messages lie under its number, not its name: purging a queue gives it a new number, and what
//! lies under the old one is removed in batches later.
//!
//! ```text
//!   CONTENTS  what was sent, written once
//!   MESSAGES  what changes with each receive
//!   VISIBLE   messages by the time from which they can be seen: receiving reads from its beginning
//!   EXPIRY    messages by the time they were sent: retention reads from its beginning
//!   GROUPS, GROUP_ORDER, READY   the same for message groups, which are received as a whole
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use cumulet_engine::Context;
use cumulet_kernel::outbox::EntryId;
use cumulet_kernel::{Key, Table, Timestamp};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// (account, region, name) -> queue
pub(crate) const QUEUES: Table = Table::new(700, "sqs.queues");
/// (account, region, name) -> when a queue of this name was deleted
pub(crate) const DELETED: Table = Table::new(701, "sqs.deleted_queues");
/// (queue, sequence) -> content
pub(crate) const CONTENTS: Table = Table::new(702, "sqs.contents");
/// (queue, sequence) -> message
pub(crate) const MESSAGES: Table = Table::new(703, "sqs.messages");
/// (queue, visible from, sequence) -> whether it was received
pub(crate) const VISIBLE: Table = Table::new(704, "sqs.visible");
/// (queue, group) -> group
pub(crate) const GROUPS: Table = Table::new(705, "sqs.groups");
/// (queue, group, sequence) -> nothing
pub(crate) const GROUP_ORDER: Table = Table::new(706, "sqs.group_order");
/// (queue, available from, first sequence) -> group
pub(crate) const READY: Table = Table::new(707, "sqs.ready_groups");
/// (queue, group or nothing, deduplication id) -> what was sent under it
pub(crate) const SENT_IDS: Table = Table::new(708, "sqs.deduplication");
/// (queue, sent, sequence) -> key in SENT_IDS
pub(crate) const SENT_IDS_BY_AGE: Table = Table::new(709, "sqs.deduplication_by_age");
/// (queue) -> the data key that new bodies are sealed under
pub(crate) const DATA_KEYS: Table = Table::new(710, "sqs.data_keys");
/// (queue) -> count
pub(crate) const COUNTS: Table = Table::new(711, "sqs.counts");
/// (source queue's ARN, started, task id) -> task
pub(crate) const MOVE_TASKS: Table = Table::new(712, "sqs.move_tasks");
/// (queue, sent, sequence) -> nothing
pub(crate) const EXPIRY: Table = Table::new(713, "sqs.expiry");

pub(crate) const TABLES: &[Table] = &[
    QUEUES,
    DELETED,
    CONTENTS,
    MESSAGES,
    VISIBLE,
    GROUPS,
    GROUP_ORDER,
    READY,
    SENT_IDS,
    SENT_IDS_BY_AGE,
    DATA_KEYS,
    COUNTS,
    MOVE_TASKS,
    EXPIRY,
];

/// Everything that lies under a queue's number.
pub(crate) const UNDER_NUMBER: [Table; 11] = [
    CONTENTS,
    MESSAGES,
    VISIBLE,
    GROUPS,
    GROUP_ORDER,
    READY,
    SENT_IDS,
    SENT_IDS_BY_AGE,
    DATA_KEYS,
    COUNTS,
    EXPIRY,
];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct QueueRecord {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
    pub(crate) number: u64,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) purged: Option<Timestamp>,
    pub(crate) settings: Settings,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) visibility_timeout_s: u32,
    pub(crate) maximum_message_bytes: u32,
    pub(crate) retention_s: u32,
    pub(crate) delay_s: u32,
    pub(crate) receive_wait_s: u32,
    pub(crate) policy: Option<Arc<str>>,
    pub(crate) redrive: Option<RedrivePolicy>,
    /// As it was given: JSON.
    pub(crate) redrive_allow: Option<String>,
    pub(crate) fifo: bool,
    pub(crate) content_based_deduplication: bool,
    pub(crate) deduplicates_by_group: bool,
    pub(crate) throughput_by_group: bool,
    pub(crate) kms_key_id: Option<String>,
    pub(crate) data_key_reuse_s: u32,
    pub(crate) sqs_managed_sse: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RedrivePolicy {
    pub(crate) target_arn: String,
    pub(crate) receives_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            visibility_timeout_s: 30,
            maximum_message_bytes: 1_048_576,
            retention_s: 345_600,
            delay_s: 0,
            receive_wait_s: 0,
            policy: None,
            redrive: None,
            redrive_allow: None,
            fifo: false,
            content_based_deduplication: false,
            deduplicates_by_group: false,
            throughput_by_group: false,
            kms_key_id: None,
            data_key_reuse_s: 300,
            sqs_managed_sse: true,
        }
    }
}

/// What was sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ContentRecord {
    pub(crate) message_id: String,
    pub(crate) body: ByteBuf,
    pub(crate) sealed: Option<SealedUnder>,
    pub(crate) attributes: BTreeMap<String, AttributeRecord>,
    pub(crate) trace_header: Option<String>,
    pub(crate) sender_id: String,
    pub(crate) group: Option<String>,
    pub(crate) deduplication_id: Option<String>,
    pub(crate) dead_letter_source: Option<String>,
}

/// A body keeps the key it was sealed under also where it is moved to another queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SealedUnder {
    pub(crate) data_key: ByteBuf,
    pub(crate) queue_arn: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AttributeRecord {
    pub(crate) data_type: String,
    pub(crate) value: AttributeValue,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AttributeValue {
    Text(String),
    Bytes(ByteBuf),
}

/// What changes with each receive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MessageRecord {
    pub(crate) sent: Timestamp,
    pub(crate) visible_from: Timestamp,
    pub(crate) receives: u32,
    pub(crate) first_received: Option<Timestamp>,
    /// Drawn anew at each receive: tells the newest receipt handle from older ones.
    pub(crate) receipt: [u8; 16],
    /// Ordered queues only.
    pub(crate) group: Option<String>,
}

/// A message group of an ordered queue.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct GroupRecord {
    /// Messages in flight, and until when: none of the group can be received before.
    #[serde(default)]
    pub(crate) locks: BTreeMap<u64, Timestamp>,
    /// Where the group lies in READY.
    pub(crate) ready: Option<(Timestamp, u64)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SentIdRecord {
    pub(crate) at: Timestamp,
    pub(crate) message_id: String,
    pub(crate) sequence: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DataKeyRecord {
    pub(crate) ciphertext: ByteBuf,
    pub(crate) kms_key_id: String,
    pub(crate) created: Timestamp,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct CountRecord {
    pub(crate) messages: u64,
    /// The timer that removes what retention ends; there while there are messages.
    pub(crate) sweep: Option<EntryId>,
    /// Whether the timer that tells CloudWatch of it lies in the outbox.
    #[serde(default)]
    pub(crate) is_measured: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MoveTaskRecord {
    pub(crate) id: String,
    pub(crate) source_arn: String,
    pub(crate) destination_arn: Option<String>,
    pub(crate) per_second_max: Option<u32>,
    pub(crate) started: Timestamp,
    pub(crate) status: MoveStatus,
    pub(crate) to_move: u64,
    pub(crate) moved: u64,
    pub(crate) failure: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MoveStatus {
    Running,
    Completed,
    Cancelled,
    Failed,
}

impl QueueRecord {
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:sqs:{}:{}:{}", self.region, self.account, self.name)
    }

    pub(crate) fn url(&self, context: &Context) -> String {
        format!("{}/{}/{}", context.endpoint, self.account, self.name)
    }

    pub(crate) fn key(&self) -> Key {
        queue_key(&self.account, &self.region, &self.name)
    }
}

pub(crate) fn queues_of(account: &str, region: &str) -> Key {
    Key::new().text(account).text(region)
}

pub(crate) fn queue_key(account: &str, region: &str, name: &str) -> Key {
    queues_of(account, region).text(name)
}

pub(crate) fn under(queue: u64) -> Key {
    Key::new().number(queue)
}

pub(crate) fn message_key(queue: u64, sequence: u64) -> Key {
    under(queue).number(sequence)
}

pub(crate) fn time_key(queue: u64, time: Timestamp, sequence: u64) -> Key {
    under(queue)
        .number(time.0.max(0).unsigned_abs())
        .number(sequence)
}

pub(crate) fn group_key(queue: u64, group: &str) -> Key {
    under(queue).text(group)
}
