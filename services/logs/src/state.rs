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

/// (group number, filter name) -> [`MetricFilterRecord`].
pub(super) const METRIC_FILTERS: Table = Table::new(403, "logs.metric_filters");
/// (group number, filter name) -> [`SubscriptionFilterRecord`].
pub(super) const SUBSCRIPTION_FILTERS: Table = Table::new(404, "logs.subscription_filters");
/// (account, region, query id) -> [`QueryRecord`].
pub(super) const QUERIES: Table = Table::new(405, "logs.queries");
/// (account, region, definition id) -> [`QueryDefinitionRecord`].
pub(super) const QUERY_DEFINITIONS: Table = Table::new(406, "logs.query_definitions");

pub(crate) const TABLES: &[Table] = &[
    GROUPS,
    STREAMS,
    EVENTS,
    METRIC_FILTERS,
    SUBSCRIPTION_FILTERS,
    QUERIES,
    QUERY_DEFINITIONS,
];

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
    /// How many filters of each kind there are, so that storing events looks for none where there are none.
    #[serde(default)]
    pub(super) metric_filters: u32,
    #[serde(default)]
    pub(super) subscription_filters: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MetricFilterRecord {
    pub(super) pattern: String,
    pub(super) transformation: MetricTransformation,
    pub(super) created: Timestamp,
    /// The minute for which the default value was last published.
    #[serde(default)]
    pub(super) defaulted_minute: i64,
    /// The latest minute in which an event matched.
    #[serde(default)]
    pub(super) matched_minute: i64,
}

/// What becomes of a matching event; told as it was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetricTransformation {
    pub(super) metric_name: String,
    pub(super) metric_namespace: String,
    pub(super) metric_value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) default_value: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dimensions: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SubscriptionFilterRecord {
    pub(super) pattern: String,
    pub(super) destination_arn: String,
    pub(super) distribution: String,
    pub(super) created: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct QueryRecord {
    pub(super) id: String,
    pub(super) groups: Vec<String>,
    pub(super) text: String,
    /// From and to, both inclusive.
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) limit: Option<usize>,
    pub(super) created: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct QueryDefinitionRecord {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) text: String,
    pub(super) groups: Vec<String>,
    pub(super) modified: Timestamp,
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

/// A filter of a group, or a definition or query of an account and region, goes by its name.
pub(super) fn filter_key(group: u64, name: &str) -> Key {
    Key::new().number(group).text(name)
}

pub(super) fn named_key(context: &Context, name: &str) -> Key {
    groups_prefix(context).text(name)
}
