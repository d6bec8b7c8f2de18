//! What KMS keeps on disk.
//!
//! Key material lies in the key's record. The store encrypts every page under the installation's root
//! key, so the material is sealed at rest; deleting the record is what shreds everything under the key.

use std::collections::BTreeMap;
use std::sync::Arc;

use cumulet_kernel::outbox::EntryId;
use cumulet_kernel::seal::SealKey;
use cumulet_kernel::{Ids, Key, Table, Timestamp};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// (region, key id) -> key
pub(crate) const KEYS: Table = Table::new(300, "kms.keys");
/// (account, region, key id) -> nothing
pub(crate) const KEYS_OF_ACCOUNT: Table = Table::new(301, "kms.keys_of_account");
/// (account, region, alias) -> alias
pub(crate) const ALIASES: Table = Table::new(302, "kms.aliases");
/// (key id, account, region, alias) -> nothing
pub(crate) const ALIASES_OF_KEY: Table = Table::new(303, "kms.aliases_of_key");
/// (key id, grant id) -> grant
pub(crate) const GRANTS: Table = Table::new(304, "kms.grants");

/// (region, key id) -> the wrapping key that material is to be brought under
pub(crate) const IMPORTS: Table = Table::new(305, "kms.imports");

pub(crate) const TABLES: &[Table] = &[
    KEYS,
    KEYS_OF_ACCOUNT,
    ALIASES,
    ALIASES_OF_KEY,
    GRANTS,
    IMPORTS,
];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) created: Timestamp,
    pub(crate) description: String,
    pub(crate) state: KeyState,
    /// Made and ruled by AWS for one of its services.
    pub(crate) aws_managed: bool,
    pub(crate) policy: Arc<str>,
    /// `SYMMETRIC_DEFAULT`, `RSA_2048`, `HMAC_256`, ...
    #[serde(default = "symmetric")]
    pub(crate) spec: String,
    /// `ENCRYPT_DECRYPT`, `SIGN_VERIFY`, ...
    #[serde(default = "encrypt")]
    pub(crate) usage: String,
    /// `AWS_KMS`, or `EXTERNAL` where the customer brings the material.
    #[serde(default = "of_kms")]
    pub(crate) origin: String,
    #[serde(default)]
    pub(crate) imported: Option<Imported>,
    /// All that ever encrypted under this key; the last one encrypts now.
    pub(crate) materials: Vec<Material>,
    #[serde(default)]
    pub(crate) rotation: Option<Rotation>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Lets the way of every decryption skip the grants of keys that have none.
    #[serde(default)]
    pub(crate) grant_count: u32,
}

fn symmetric() -> String {
    "SYMMETRIC_DEFAULT".into()
}

fn encrypt() -> String {
    "ENCRYPT_DECRYPT".into()
}

fn of_kms() -> String {
    "AWS_KMS".into()
}

/// Material that the customer brought, or had brought: only the same may come again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Imported {
    pub(crate) material_id: String,
    pub(crate) description: Option<String>,
    /// When it goes; absent: never.
    pub(crate) until: Option<Timestamp>,
    pub(crate) entry: Option<EntryId>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ImportRecord {
    pub(crate) token: ByteBuf,
    pub(crate) algorithm: String,
    pub(crate) spec: String,
    /// PKCS #8.
    pub(crate) private_key: ByteBuf,
    pub(crate) until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KeyState {
    /// Its material is to be brought, or has gone.
    PendingImport,
    Enabled,
    Disabled,
    PendingDeletion {
        at: Timestamp,
        entry: EntryId,
    },
}

/// One generation of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Material {
    pub(crate) version: u32,
    /// 64 hexadecimal digits.
    pub(crate) id: String,
    pub(crate) secret: MaterialSecret,
    pub(crate) created: Timestamp,
    /// Whether `RotateKeyOnDemand` made it.
    #[serde(default)]
    pub(crate) on_demand: bool,
    /// The private half of an asymmetric key as PKCS #8, or the secret of an HMAC key.
    #[serde(default)]
    pub(crate) long_secret: Option<LongSecret>,
}

/// A secret of any length that never leaves and is never printed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LongSecret(ByteBuf);

impl std::fmt::Debug for LongSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("LongSecret")
    }
}

impl LongSecret {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(ByteBuf::from(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// 256 bits that never leave and are never printed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct MaterialSecret([u8; 32]);

impl std::fmt::Debug for MaterialSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MaterialSecret")
    }
}

impl MaterialSecret {
    pub(crate) fn generate(ids: &Ids) -> Self {
        Self(ids.bytes())
    }

    pub(crate) fn given(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn seal_key(&self) -> SealKey {
        SealKey::new(self.0)
    }
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Rotation {
    pub(crate) period_days: u32,
    pub(crate) next: Timestamp,
    pub(crate) entry: EntryId,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AliasRecord {
    /// With its prefix: `alias/x`.
    pub(crate) name: String,
    pub(crate) key_id: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GrantRecord {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) name: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) grantee: String,
    pub(crate) retiring: Option<String>,
    pub(crate) issuing_account: String,
    pub(crate) operations: Vec<String>,
    /// The encryption context must contain these.
    #[serde(default)]
    pub(crate) context_subset: Option<BTreeMap<String, String>>,
    /// The encryption context must be exactly this.
    #[serde(default)]
    pub(crate) context_equals: Option<BTreeMap<String, String>>,
}

impl KeyRecord {
    pub(crate) fn arn(&self) -> String {
        format!(
            "arn:aws:kms:{}:{}:key/{}",
            self.region, self.account, self.id
        )
    }

    pub(crate) fn key(&self) -> Key {
        key_of(&self.region, &self.id)
    }

    pub(crate) fn current(&self) -> Option<&Material> {
        self.materials.last()
    }

    pub(crate) fn material(&self, version: u32) -> Option<&Material> {
        self.materials
            .iter()
            .find(|material| material.version == version)
    }
}

pub(crate) fn key_of(region: &str, id: &str) -> Key {
    Key::new().text(region).text(id)
}

pub(crate) fn alias_of(account: &str, region: &str, name: &str) -> Key {
    Key::new().text(account).text(region).text(name)
}

pub(crate) fn alias_of_key(key: &KeyRecord, name: &str) -> Key {
    Key::new()
        .text(&key.id)
        .text(&key.account)
        .text(&key.region)
        .text(name)
}

pub(crate) fn grant_of(key_id: &str, grant_id: &str) -> Key {
    Key::new().text(key_id).text(grant_id)
}
