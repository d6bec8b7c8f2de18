//! What Lambda stores: the on-disk format.

use std::collections::BTreeMap;

use cumulet_engine::provider::StoredCode;
use cumulet_kernel::blob::BlobRef;
use cumulet_kernel::outbox::EntryId;
use cumulet_kernel::{Key, Table, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::name::FunctionName;

/// (account, region, name) -> [`FunctionRecord`].
pub(super) const FUNCTIONS: Table = Table::new(1200, "lambda.functions");
/// (account, region, name, number) -> [`VersionRecord`].
pub(super) const VERSIONS: Table = Table::new(1201, "lambda.versions");
/// (account, region, name, alias) -> [`AliasRecord`].
pub(super) const ALIASES: Table = Table::new(1202, "lambda.aliases");
/// (account, region, name, qualifier or nothing) -> [`PolicyRecord`].
pub(super) const POLICIES: Table = Table::new(1203, "lambda.policies");
/// (account, region, name, qualifier) -> [`InvokeConfigRecord`].
pub(super) const INVOKE_CONFIGS: Table = Table::new(1204, "lambda.event_invoke_configs");
/// (account, SHA-256 in hexadecimal) -> [`CodeRecord`].
pub(super) const CODE: Table = Table::new(1205, "lambda.code");
/// (account, region, name) -> reserved concurrency; apart, so that an invocation can add them up.
pub(super) const RESERVED: Table = Table::new(1206, "lambda.reserved_concurrency");
/// (account, region, layer, number) -> [`LayerRecord`].
pub(super) const LAYERS: Table = Table::new(1207, "lambda.layers");
/// (account, region, layer) -> the number of its last version; numbers are never used again.
pub(super) const LAYER_NUMBERS: Table = Table::new(1208, "lambda.layer_numbers");
/// (account, region, name, qualifier) -> [`UrlRecord`].
pub(super) const URLS: Table = Table::new(1209, "lambda.urls");
/// URL id -> [`UrlTarget`].
pub(super) const URL_TARGETS: Table = Table::new(1210, "lambda.url_targets");

/// (account, region, UUID) -> [`MappingRecord`].
pub(super) const MAPPINGS: Table = Table::new(1211, "lambda.event_source_mappings");
/// (account, region, UUID) -> [`PlaceRecord`].
pub(super) const MAPPING_PLACES: Table = Table::new(1212, "lambda.event_source_places");

pub(crate) const TABLES: &[Table] = &[
    FUNCTIONS,
    VERSIONS,
    ALIASES,
    POLICIES,
    INVOKE_CONFIGS,
    CODE,
    RESERVED,
    LAYERS,
    LAYER_NUMBERS,
    URLS,
    URL_TARGETS,
    MAPPINGS,
    MAPPING_PLACES,
];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FunctionRecord {
    pub(super) latest: VersionRecord,
    /// The number of the last version published; numbers are never used again.
    pub(super) last_version: u64,
    pub(super) tags: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    Pending,
    Active,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum UpdateStatus {
    InProgress,
    Successful,
    Failed,
}

/// The code and configuration of `$LATEST` or of a published version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct VersionRecord {
    /// `$LATEST` or a number.
    pub(super) version: String,
    pub(super) runtime: String,
    pub(super) handler: String,
    pub(super) role: String,
    pub(super) description: String,
    pub(super) timeout_s: u32,
    pub(super) memory_size_mb: u32,
    pub(super) ephemeral_storage_mb: u32,
    pub(super) architecture: String,
    /// Absent where the function was given none, which is told apart from an empty map.
    pub(super) environment: Option<BTreeMap<String, String>>,
    pub(super) dead_letter_target: Option<String>,
    pub(super) tracing_mode: String,
    pub(super) log_format: String,
    pub(super) log_group: String,
    pub(super) code: StoredCode,
    #[serde(default)]
    pub(super) layers: Vec<LayerUse>,
    pub(super) last_modified: Timestamp,
    pub(super) revision_id: String,
    /// Changes with code and configuration alone: execution environments are never shared across it.
    pub(super) environment_id: String,
    pub(super) state: State,
    pub(super) state_reason: Option<String>,
    /// Absent until the first update, or the end of the creation.
    pub(super) update_status: Option<UpdateStatus>,
    pub(super) update_reason: Option<String>,
    /// Levels, where the log format is JSON.
    #[serde(default)]
    pub(super) application_log_level: Option<String>,
    #[serde(default)]
    pub(super) system_log_level: Option<String>,
    /// What stands in for the runtime's own interpreter on this machine.
    #[serde(default)]
    pub(super) runtime_substitute: Option<String>,
}

/// A zip in the store, shared by all versions of all functions that use the same bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CodeRecord {
    /// Seals the blob; the record itself lies in encrypted pages.
    #[serde(with = "serde_bytes")]
    pub(super) key: Vec<u8>,
    pub(super) body: CodeBody,
    /// How many versions use it.
    pub(super) references: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum CodeBody {
    /// Small zips lie in the record.
    Inline(#[serde(with = "serde_bytes")] Vec<u8>),
    Blob(BlobRef),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AliasRecord {
    pub(super) name: String,
    pub(super) function_version: String,
    pub(super) description: String,
    /// Version to its share, 0 to 1; the rest goes to `function_version`.
    pub(super) weights: BTreeMap<String, f64>,
    pub(super) revision_id: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct PolicyRecord {
    pub(super) statements: Vec<Value>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct InvokeConfigRecord {
    pub(super) qualifier: String,
    pub(super) last_modified: Timestamp,
    pub(super) maximum_retry_attempts: Option<u32>,
    pub(super) maximum_event_age_s: Option<u32>,
    pub(super) on_success: Option<String>,
    pub(super) on_failure: Option<String>,
    /// Whether a `DestinationConfig` was given at all.
    pub(super) has_destinations: bool,
}

/// A layer as a function uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LayerUse {
    /// Of the version.
    pub(super) arn: String,
    /// The account that owns it.
    pub(super) account: String,
    pub(super) content: StoredCode,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LayerRecord {
    pub(super) version: u64,
    pub(super) description: String,
    pub(super) license: Option<String>,
    pub(super) runtimes: Option<Vec<String>>,
    pub(super) architectures: Option<Vec<String>>,
    pub(super) created: Timestamp,
    pub(super) content: StoredCode,
    pub(super) policy: PolicyRecord,
    pub(super) policy_revision_id: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct UrlRecord {
    pub(super) id: String,
    pub(super) qualifier: Option<String>,
    pub(super) auth_type: String,
    pub(super) invoke_mode: String,
    pub(super) cors: Option<Value>,
    pub(super) created: Timestamp,
    pub(super) last_modified: Timestamp,
}

/// The function behind a URL.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct UrlTarget {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) function: String,
    pub(super) qualifier: Option<String>,
}

/// The key of something that belongs to a function and has a name of its own.
pub(super) fn part_key(name: &FunctionName, part: &str) -> Key {
    name.key().text(part)
}

/// Versions sort by number.
pub(super) fn version_key(name: &FunctionName, version: &str) -> Key {
    name.key().number(version.parse().unwrap_or(u64::MAX))
}

/// Everything of an account in a region.
pub(super) fn region_prefix(account: &str, region: &str) -> Key {
    Key::new().text(account).text(region)
}

pub(super) fn code_key(account: &str, id: &str) -> Key {
    Key::new().text(account).text(id)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum MappingState {
    Creating,
    Enabled,
    Disabled,
    Updating,
    Deleting,
}

/// An event source mapping, as it was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MappingRecord {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) id: String,
    pub(super) source_arn: String,
    /// As it was asked for, with the qualifier if there was one.
    pub(super) function_arn: String,
    pub(super) state: MappingState,
    pub(super) enabled: bool,
    pub(super) batch_size: u32,
    pub(super) window_s: u32,
    /// Patterns, any of which a record must fit.
    pub(super) filters: Vec<String>,
    /// `ReportBatchItemFailures`.
    pub(super) reports_items: bool,
    /// Queues: how many batches may run at a time.
    pub(super) concurrency_max: Option<u32>,
    /// Streams: TRIM_HORIZON or LATEST.
    pub(super) starting_position: Option<String>,
    pub(super) bisects: bool,
    /// Absent: without end.
    pub(super) retries_max: Option<u32>,
    /// Absent: without end.
    pub(super) record_age_s_max: Option<u32>,
    pub(super) on_failure: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) last_modified: Timestamp,
}

/// How far a mapping is; apart, since it changes with every batch.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct PlaceRecord {
    pub(super) last_result: String,
    pub(super) last_result_at: Timestamp,
    /// Until when a batch that is not full waits for more.
    pub(super) window_until: Option<Timestamp>,
    /// Queues: a bit for each poller that is at work or has a poll waiting.
    pub(super) lanes: u32,
    /// Queues: the poll for the time when a message comes back into sight.
    pub(super) scheduled: Option<EntryId>,
    /// Streams: the sequence number of the last record that is done with.
    pub(super) after: Option<String>,
    /// Streams: what failed and is tried again, the next part last.
    pub(super) failed: Vec<FailedPart>,
}

/// A part of a stream that is tried again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FailedPart {
    /// The sequence number of its last record.
    pub(super) last: String,
    pub(super) failures: u32,
}

pub(super) fn mapping_key(account: &str, region: &str, id: &str) -> Key {
    region_prefix(account, region).text(id)
}
