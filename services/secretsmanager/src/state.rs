//! What Secrets Manager keeps on disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use cumulet_kernel::outbox::EntryId;
use cumulet_kernel::{Key, Table, Timestamp};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// (account, region, name) -> secret
pub(crate) const SECRETS: Table = Table::new(600, "secretsmanager.secrets");
/// (account, region, name, version id) -> version
pub(crate) const VERSIONS: Table = Table::new(601, "secretsmanager.versions");

pub(crate) const TABLES: &[Table] = &[SECRETS, VERSIONS];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SecretRecord {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
    /// The six characters that end the ARN: a secret made again is another secret.
    pub(crate) suffix: String,
    pub(crate) description: Option<String>,
    /// As the caller named it; absent: the AWS managed key.
    pub(crate) kms_key_id: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) changed: Timestamp,
    pub(crate) accessed_day: Option<Timestamp>,
    pub(crate) deleted: Option<Deletion>,
    /// Staging label to version: a label is at one version at a time.
    #[serde(default)]
    pub(crate) stages: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) policy: Option<Arc<str>>,
    pub(crate) rotation: Option<Rotation>,
    pub(crate) rotated: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Deletion {
    pub(crate) asked: Timestamp,
    pub(crate) entry: EntryId,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Rotation {
    pub(crate) enabled: bool,
    pub(crate) function_arn: String,
    pub(crate) automatically_after_days: Option<u32>,
    pub(crate) schedule_expression: Option<String>,
    pub(crate) duration: Option<String>,
    /// The next one that time sets off.
    pub(crate) next: Option<EntryId>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) accessed_day: Option<Timestamp>,
    /// The key as ListSecretVersionIds names it.
    pub(crate) kms_key_id: Option<String>,
    /// Absent while a rotation has not put it yet.
    pub(crate) value: Option<SealedValue>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SealedValue {
    pub(crate) data_key: ByteBuf,
    pub(crate) sealed: ByteBuf,
    pub(crate) binary: bool,
}

impl SecretRecord {
    pub(crate) fn arn(&self) -> String {
        format!(
            "arn:aws:secretsmanager:{}:{}:secret:{}-{}",
            self.region, self.account, self.name, self.suffix
        )
    }

    pub(crate) fn key(&self) -> Key {
        secret_key(&self.account, &self.region, &self.name)
    }

    pub(crate) fn version_key(&self, version: &str) -> Key {
        self.key().text(version)
    }

    pub(crate) fn stages_of(&self, version: &str) -> Vec<String> {
        let stages = self.stages.iter().filter(|(_, at)| *at == version);
        stages.map(|(stage, _)| stage.clone()).collect()
    }
}

pub(crate) fn secrets_of(account: &str, region: &str) -> Key {
    Key::new().text(account).text(region)
}

pub(crate) fn secret_key(account: &str, region: &str, name: &str) -> Key {
    secrets_of(account, region).text(name)
}
