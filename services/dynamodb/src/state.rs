//! Stored records: the on-disk format.

use std::collections::BTreeMap;

use cumulet_kernel::{Table, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// account, region, name -> [`TableRecord`]
pub(super) const TABLE_RECORDS: Table = Table::new(1100, "dynamodb.tables");
/// table number, hash, partition key, sort key -> sealed item
pub(super) const ITEMS: Table = Table::new(1101, "dynamodb.items");
/// table number, index number, hash, index key, base key -> sealed projected item
pub(super) const INDEX_ROWS: Table = Table::new(1102, "dynamodb.index_rows");
/// table number, second of expiry, item key -> nothing
pub(super) const EXPIRATIONS: Table = Table::new(1103, "dynamodb.expirations");
/// account, region, client token -> [`CompletedTransaction`]
pub(super) const TRANSACTION_TOKENS: Table = Table::new(1104, "dynamodb.transaction_tokens");
/// table number, index number (0: the table) -> item count and bytes, two big-endian numbers
pub(super) const TALLIES: Table = Table::new(1105, "dynamodb.tallies");
/// account, region, stream ARN -> [`StreamRecord`]
pub(super) const STREAMS: Table = Table::new(1106, "dynamodb.streams");
/// stream number, sequence number -> sealed change
pub(super) const CHANGES: Table = Table::new(1107, "dynamodb.changes");
/// second of completion, account, region, token -> nothing
pub(super) const TRANSACTION_TOKEN_AGES: Table =
    Table::new(1108, "dynamodb.transaction_token_ages");

/// account, region, backup ARN -> [`BackupRecord`]
pub(super) const BACKUPS: Table = Table::new(1109, "dynamodb.backups");
/// backup number, item's store key -> sealed item
pub(super) const BACKUP_ITEMS: Table = Table::new(1110, "dynamodb.backup_items");
/// item's store key, milliseconds, sequence -> what was there before, see [`super::journal`]
pub(super) const JOURNAL: Table = Table::new(1111, "dynamodb.journal");
/// table number, milliseconds, sequence -> item's store key
pub(super) const JOURNAL_AGES: Table = Table::new(1112, "dynamodb.journal_ages");

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ScalarType {
    S,
    N,
    B,
}

impl ScalarType {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::N => "N",
            Self::B => "B",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::S, Self::N, Self::B]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// The attributes that make a key: one partition attribute, or up to four for a global index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeySchema {
    pub(super) hash: Vec<String>,
    pub(super) range: Vec<String>,
}

impl KeySchema {
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.hash.iter().chain(&self.range)
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.names().any(|key| key == name)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Status {
    Creating,
    Updating,
    Deleting,
    Active,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Updating => "UPDATING",
            Self::Deleting => "DELETING",
            Self::Active => "ACTIVE",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum IndexProjection {
    All,
    KeysOnly,
    Include(Vec<String>),
}

/// What a table or index was asked to bear at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct WarmThroughput {
    pub(super) read_units_per_second: Option<i64>,
    pub(super) write_units_per_second: Option<i64>,
}

/// Provisioned capacity and when it last changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Throughput {
    pub(super) read: i64,
    pub(super) write: i64,
    pub(super) last_increase: Option<Timestamp>,
    pub(super) last_decrease: Option<Timestamp>,
    pub(super) decreases_today: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IndexRecord {
    pub(super) name: String,
    /// Never 0, never used again within the table.
    pub(super) number: u32,
    pub(super) local: bool,
    pub(super) keys: KeySchema,
    pub(super) projection: IndexProjection,
    pub(super) status: Status,
    /// Set while rows are being made out of the items that were there before the index.
    pub(super) backfill: Option<Backfill>,
    pub(super) throughput: Throughput,
    /// `MaxReadRequestUnits` and `MaxWriteRequestUnits`, as given.
    pub(super) on_demand: Option<Value>,
    pub(super) warm_throughput: Option<WarmThroughput>,
}

/// How far a backfill or a removal has come: the key after which it goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Backfill {
    #[serde(with = "serde_bytes")]
    pub(super) after: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Encryption {
    /// By the service itself.
    Owned {
        #[serde(with = "serde_bytes")]
        key: Vec<u8>,
    },
    /// Under a data key that only KMS opens.
    Kms {
        key_arn: String,
        #[serde(with = "serde_bytes")]
        data_key: Vec<u8>,
        /// The table's key, sealed under the data key.
        #[serde(with = "serde_bytes")]
        table_key: Vec<u8>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TimeToLive {
    pub(super) attribute: String,
    pub(super) enabled: bool,
    pub(super) changed: Timestamp,
    /// Items below this store key are in the index of expirations.
    pub(super) indexed_through: Option<Backfill>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recovery {
    pub(super) enabled: bool,
    pub(super) enabled_at: Option<Timestamp>,
    pub(super) days: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableStream {
    pub(super) enabled: bool,
    pub(super) view_type: String,
    pub(super) label: String,
    pub(super) number: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableRecord {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) name: String,
    /// A UUID, new for every creation.
    pub(super) id: String,
    /// Names the table in the keys of its rows.
    pub(super) number: u64,
    pub(super) status: Status,
    pub(super) created: Timestamp,
    pub(super) attributes: Vec<(String, ScalarType)>,
    pub(super) keys: KeySchema,
    pub(super) indexes: Vec<IndexRecord>,
    pub(super) next_index_number: u32,
    pub(super) on_demand: bool,
    /// Present once the table was ever on demand.
    pub(super) last_to_on_demand: Option<Timestamp>,
    /// Whether BillingMode was ever named: only then is there a BillingModeSummary.
    pub(super) billing_named: bool,
    pub(super) throughput: Throughput,
    pub(super) on_demand_limits: Option<Value>,
    pub(super) warm_throughput: Option<WarmThroughput>,
    pub(super) class: Option<String>,
    pub(super) class_changed: Option<Timestamp>,
    pub(super) deletion_protected: bool,
    pub(super) encryption: Encryption,
    pub(super) stream: Option<TableStream>,
    pub(super) time_to_live: Option<TimeToLive>,
    pub(super) recovery: Option<Recovery>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) policy: Option<ResourcePolicy>,
    pub(super) contributor_insights: BTreeMap<String, String>,
    /// What the table was made from.
    #[serde(default)]
    pub(super) restore: Option<Restore>,
    /// ARNs of backups that are being made of the table.
    #[serde(default)]
    pub(super) backups_under_way: Vec<String>,
    /// ARNs of tables that are being made of this one.
    #[serde(default)]
    pub(super) restores_under_way: Vec<String>,
    /// The journal may hold rows though nobody needs them any more.
    #[serde(default)]
    pub(super) journal_left_over: bool,
}

/// A table's making out of what another was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Restore {
    pub(super) source: RestoreSource,
    pub(super) source_table: String,
    /// The moment that the table is of.
    pub(super) at: Timestamp,
    pub(super) after: Backfill,
    pub(super) in_progress: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum RestoreSource {
    Backup {
        arn: String,
    },
    Table {
        account: String,
        region: String,
        name: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum BackupStatus {
    Creating,
    Available,
    Deleted,
}

impl BackupStatus {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Available => "AVAILABLE",
            Self::Deleted => "DELETED",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BackupRecord {
    pub(super) arn: String,
    pub(super) name: String,
    /// Names the backup in the keys of its items.
    pub(super) number: u64,
    pub(super) created: Timestamp,
    pub(super) status: BackupStatus,
    /// Changes from here on are not in it.
    pub(super) cut: (Timestamp, u64),
    /// Up to where the items are copied.
    pub(super) after: Backfill,
    pub(super) items: u64,
    pub(super) size_bytes: u64,
    /// How many tables are being made of it.
    pub(super) restores: u64,
    /// The table as it was, its key included.
    pub(super) table: TableRecord,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ResourcePolicy {
    pub(super) document: String,
    pub(super) revision: String,
}

impl TableRecord {
    pub(super) fn arn(&self) -> String {
        format!(
            "arn:aws:dynamodb:{}:{}:table/{}",
            self.region, self.account, self.name
        )
    }

    pub(super) fn attribute_type(&self, name: &str) -> Option<ScalarType> {
        self.attributes
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, kind)| *kind)
    }

    pub(super) fn index(&self, name: &str) -> Option<&IndexRecord> {
        self.indexes.iter().find(|index| index.name == name)
    }

    pub(super) fn has_local_index(&self) -> bool {
        self.indexes.iter().any(|index| index.local)
    }
}

/// A transaction that succeeded under a client token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CompletedTransaction {
    #[serde(with = "serde_bytes")]
    pub(super) content_hash: Vec<u8>,
    pub(super) completed: Timestamp,
}

/// A stream; outlives its being switched off by a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StreamRecord {
    pub(super) arn: String,
    pub(super) label: String,
    pub(super) number: u64,
    pub(super) table: String,
    pub(super) view_type: String,
    pub(super) keys: KeySchema,
    pub(super) created: Timestamp,
    pub(super) closed: Option<Timestamp>,
    /// The first sequence number that may be in it, and the last, once closed.
    pub(super) first_sequence: u64,
    pub(super) last_sequence: Option<u64>,
    pub(super) encryption: Encryption,
    #[serde(default)]
    pub(super) policy: Option<ResourcePolicy>,
}

/// One change of one item. Items are in their binary form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredChange {
    pub(super) event_id: String,
    pub(super) event_name: String,
    pub(super) keys: Vec<u8>,
    pub(super) old: Option<Vec<u8>>,
    pub(super) new: Option<Vec<u8>>,
    pub(super) created: Timestamp,
    pub(super) size_bytes: u64,
    /// Removed by the service, because its time had come.
    pub(super) expired: bool,
}
