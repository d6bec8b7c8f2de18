//! What X-Ray stores: the on-disk format.

use cumulet_engine::Context;
use cumulet_kernel::{Key, Table, Timestamp};
use serde::{Deserialize, Serialize};

use super::api::{EncryptionConfig, InsightsConfiguration, SamplingRule};

/// (account, region, trace id, segment id) -> [`SegmentRecord`].
pub(super) const SEGMENTS: Table = Table::new(900, "xray.segments");
/// (account, region, second of the trace id, trace id): traces by time.
pub(super) const TRACES: Table = Table::new(901, "xray.traces");
/// (account, region, name) -> [`RuleRecord`].
pub(super) const RULES: Table = Table::new(902, "xray.sampling_rules");
/// (account, region, name) -> [`GroupRecord`].
pub(super) const GROUPS: Table = Table::new(903, "xray.groups");
/// (account, region) -> [`EncryptionConfig`].
pub(super) const ENCRYPTION: Table = Table::new(904, "xray.encryption");
/// (account, region, rule, client) -> when the client last asked for its targets.
pub(super) const CLIENTS: Table = Table::new(905, "xray.sampling_clients");
/// (account, region) -> whether the retention timer lies in the outbox.
pub(super) const REGIONS: Table = Table::new(906, "xray.regions");

pub(crate) const TABLES: &[Table] = &[
    SEGMENTS, TRACES, RULES, GROUPS, ENCRYPTION, CLIENTS, REGIONS,
];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SegmentRecord {
    /// JSON, as it was sent.
    pub(super) document: String,
    pub(super) in_progress: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RuleRecord {
    pub(super) rule: SamplingRule,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct GroupRecord {
    pub(super) filter_expression: Option<String>,
    pub(super) insights: InsightsConfiguration,
    pub(super) unique: String,
}

pub(super) type EncryptionRecord = EncryptionConfig;

pub(super) fn region_key(context: &Context) -> Key {
    Key::new().text(&context.account).text(&context.region)
}
