//! What Parameter Store keeps on disk.

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_kernel::{Key, Table, Timestamp};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// (account, region, name) -> parameter
pub(crate) const PARAMETERS: Table = Table::new(500, "ssm.parameters");
/// (account, region, name, version) -> version
pub(crate) const VERSIONS: Table = Table::new(501, "ssm.versions");

pub(crate) const TABLES: &[Table] = &[PARAMETERS, VERSIONS];

/// What all versions of a parameter share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ParameterRecord {
    pub(crate) name: String,
    pub(crate) parameter_type: ParameterType,
    pub(crate) latest: u64,
    /// Label to version.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, u64>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ParameterType {
    String,
    StringList,
    SecureString,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tier {
    Standard,
    Advanced,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    pub(crate) number: u64,
    pub(crate) value: StoredValue,
    pub(crate) modified: Timestamp,
    pub(crate) modified_by: String,
    pub(crate) description: Option<String>,
    pub(crate) allowed_pattern: Option<String>,
    pub(crate) data_type: String,
    pub(crate) tier: Tier,
    /// As the caller named it: `alias/aws/ssm`.
    pub(crate) key_id: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum StoredValue {
    Plain(String),
    /// Encrypted by KMS itself, as standard parameters are.
    Encrypted {
        ciphertext: ByteBuf,
    },
    /// Sealed under a data key, as advanced parameters are: they may exceed what KMS encrypts.
    Enveloped {
        data_key: ByteBuf,
        sealed: ByteBuf,
    },
}

impl ParameterType {
    pub(crate) fn wire_name(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::StringList => "StringList",
            Self::SecureString => "SecureString",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        let all = [Self::String, Self::StringList, Self::SecureString];
        all.into_iter().find(|kind| kind.wire_name() == name)
    }
}

impl Tier {
    pub(crate) fn wire_name(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::Advanced => "Advanced",
        }
    }
}

pub(crate) fn parameters_of(context: &Context) -> Key {
    Key::new().text(&context.account).text(&context.region)
}

pub(crate) fn parameter_key(context: &Context, name: &str) -> Key {
    parameters_of(context).text(name)
}

pub(crate) fn version_key(context: &Context, name: &str, version: u64) -> Key {
    parameter_key(context, name).number(version)
}
