//! What CloudWatch Logs stores: the on-disk format.
//!
//! Groups and streams have numbers of their own, never used again; what hangs on them goes by number, so
//! a group that is deleted and made anew begins empty, while the remains of the old one are swept later.

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_kernel::{Key, Table, Timestamp};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// (account, region, name) -> [`GroupRecord`].
pub(super) const GROUPS: Table = Table::new(400, "logs.groups");
/// (group number, stream name) -> [`StreamRecord`].
pub(super) const STREAMS: Table = Table::new(401, "logs.streams");
/// (stream number, time, sequence) -> [`EventRecord`].
pub(super) const EVENTS: Table = Table::new(402, "logs.events");

pub(crate) const TABLES: &[Table] = &[GROUPS, STREAMS, EVENTS];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct GroupRecord {
    pub(super) number: u64,
    pub(super) created: Timestamp,
    pub(super) retention_days: Option<u32>,
    /// Whether a timer for it lies in the outbox.
    pub(super) sweeping: bool,
    pub(super) class: String,
    pub(super) deletion_protected: bool,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) stored_bytes: u64,
    /// The key that new events are sealed under; absent: none.
    pub(super) kms_key_arn: Option<String>,
    /// Data keys sealed under their KMS keys, the newest last; an event names its own by position.
    pub(super) data_keys: Vec<ByteBuf>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StreamRecord {
    pub(super) number: u64,
    pub(super) created: Timestamp,
    pub(super) first_event_ms: Option<i64>,
    pub(super) last_event_ms: Option<i64>,
    pub(super) last_ingestion_ms: Option<i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct EventRecord {
    pub(super) ingested_ms: i64,
    /// Text, or text sealed under a data key.
    #[serde(with = "serde_bytes")]
    pub(super) message: Vec<u8>,
    /// Position of its data key in the group's list.
    pub(super) data_key: Option<usize>,
}

pub(super) fn groups_prefix(context: &Context) -> Key {
    Key::new().text(&context.account).text(&context.region)
}

pub(super) fn group_key(context: &Context, name: &str) -> Key {
    groups_prefix(context).text(name)
}

pub(super) fn streams_prefix(group: u64) -> Key {
    Key::new().number(group)
}

pub(super) fn stream_key(group: u64, name: &str) -> Key {
    streams_prefix(group).text(name)
}

pub(super) fn events_prefix(stream: u64) -> Key {
    Key::new().number(stream)
}

pub(super) fn event_key(stream: u64, place: Place) -> Key {
    events_prefix(stream)
        .number(place.time_ms.max(0).unsigned_abs())
        .number(place.sequence)
}

/// Where an event lies among all events: by time, then in order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) time_ms: i64,
    pub(super) sequence: u64,
}
