//! What IAM keeps on disk. Everything belongs to an account and to no region.
//!
//! Names are unique without regard to case, so keys hold them in lower case and records as given.

use std::collections::BTreeMap;

use cumulet_kernel::{Key, Table, Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) const USERS: Table = Table::new(100, "iam.users");
pub(crate) const ROLES: Table = Table::new(101, "iam.roles");
pub(crate) const GROUPS: Table = Table::new(102, "iam.groups");
pub(crate) const POLICIES: Table = Table::new(103, "iam.policies");
pub(crate) const INSTANCE_PROFILES: Table = Table::new(104, "iam.instance_profiles");
pub(crate) const ACCESS_KEYS: Table = Table::new(105, "iam.access_keys");
pub(crate) const ACCOUNTS: Table = Table::new(106, "iam.accounts");
/// (account, policy ARN, kind, name) -> nothing: who a managed policy is attached to.
pub(crate) const ATTACHMENTS: Table = Table::new(107, "iam.attachments");
/// (account, user, access key id) -> nothing
pub(crate) const ACCESS_KEYS_OF_USER: Table = Table::new(108, "iam.access_keys_of_user");

/// (principal ARN, action) -> what was seen of it
pub(crate) const OBSERVED: Table = Table::new(109, "iam.observed");
/// access key id or role ARN -> its last use
pub(crate) const LAST_USED: Table = Table::new(110, "iam.last_used");
/// (account, serial number) -> MFA device
pub(crate) const MFA_DEVICES: Table = Table::new(111, "iam.mfa_devices");
/// (account, ARN) -> OpenID Connect provider
pub(crate) const OIDC_PROVIDERS: Table = Table::new(112, "iam.oidc_providers");

pub(crate) const TABLES: &[Table] = &[
    USERS,
    ROLES,
    GROUPS,
    POLICIES,
    INSTANCE_PROFILES,
    ACCESS_KEYS,
    ACCOUNTS,
    ATTACHMENTS,
    ACCESS_KEYS_OF_USER,
    OBSERVED,
    LAST_USED,
    MFA_DEVICES,
    OIDC_PROVIDERS,
];

/// The key of what an account calls `name`.
pub(crate) fn named(account: &str, name: &str) -> Key {
    Key::new().text(account).text(&name.to_ascii_lowercase())
}

/// Tags by lower-case key, so `Team` and `team` are one; values as (key, value) were given.
pub(crate) type Tags = BTreeMap<String, (String, String)>;

/// Policies that a user, role or group holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Documents by name.
    pub(crate) inline: BTreeMap<String, String>,
    /// ARNs, in the order they were attached.
    pub(crate) attached: Vec<String>,
    /// The ARN of the permissions boundary.
    pub(crate) boundary: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UserRecord {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) created: Timestamp,
    #[serde(default)]
    pub(crate) tags: Tags,
    #[serde(default)]
    pub(crate) held: Held,
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    #[serde(default)]
    pub(crate) login: Option<LoginRecord>,
}

/// A password for the console, as a salted hash: it is checked and never told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LoginRecord {
    pub(crate) created: Timestamp,
    pub(crate) changed: Timestamp,
    pub(crate) reset_required: bool,
    #[serde(with = "serde_bytes")]
    pub(crate) salt: Vec<u8>,
    pub(crate) hash: Secret,
    /// Hashes of passwords before this one, the latest first, under the same salt.
    #[serde(default)]
    pub(crate) earlier: Vec<Secret>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RoleRecord {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) created: Timestamp,
    pub(crate) trust: String,
    pub(crate) description: Option<String>,
    pub(crate) max_session_duration_s: u32,
    #[serde(default)]
    pub(crate) tags: Tags,
    #[serde(default)]
    pub(crate) held: Held,
    /// The service that a service-linked role belongs to.
    #[serde(default)]
    pub(crate) linked_to: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GroupRecord {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) created: Timestamp,
    #[serde(default)]
    pub(crate) held: Held,
}

/// A customer managed policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PolicyRecord {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) tags: Tags,
    pub(crate) default_version: u32,
    /// The number of the next version; numbers are never used again.
    pub(crate) next_version: u32,
    pub(crate) versions: Vec<PolicyVersionRecord>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PolicyVersionRecord {
    pub(crate) number: u32,
    pub(crate) document: String,
    pub(crate) created: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct InstanceProfileRecord {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) created: Timestamp,
    pub(crate) role: Option<String>,
    #[serde(default)]
    pub(crate) tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccessKeyRecord {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) user: String,
    pub(crate) user_id: String,
    pub(crate) user_arn: String,
    pub(crate) secret: Secret,
    pub(crate) active: bool,
    pub(crate) created: Timestamp,
    #[serde(default)]
    pub(crate) loopback_only: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct AccountRecord {
    pub(crate) alias: Option<String>,
    #[serde(default)]
    pub(crate) password_policy: Option<PasswordPolicyRecord>,
    /// When a credential report was last made.
    #[serde(default)]
    pub(crate) credential_report: Option<CredentialReportRecord>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CredentialReportRecord {
    pub(crate) made: Timestamp,
    pub(crate) text: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PasswordPolicyRecord {
    pub(crate) minimum_length: u32,
    pub(crate) symbols: bool,
    pub(crate) numbers: bool,
    pub(crate) uppercase: bool,
    pub(crate) lowercase: bool,
    pub(crate) may_change: bool,
    pub(crate) maximum_age_days: Option<u32>,
    pub(crate) reuse_prevention: Option<u32>,
    pub(crate) hard_expiry: Option<bool>,
}

/// What was seen of one action of one principal.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ObservedRecord {
    pub(crate) last: Timestamp,
    pub(crate) resources: BTreeMap<String, SeenRecord>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SeenRecord {
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LastUsedRecord {
    pub(crate) at: Timestamp,
    pub(crate) region: String,
    pub(crate) service: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MfaDeviceRecord {
    pub(crate) serial_number: String,
    pub(crate) seed: Secret,
    /// Whose it is, and since when.
    pub(crate) user: Option<String>,
    pub(crate) enabled: Option<Timestamp>,
    /// The half minute of the last code taken: none is taken twice.
    #[serde(default)]
    pub(crate) last_step: i64,
    #[serde(default)]
    pub(crate) tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OidcProviderRecord {
    pub(crate) arn: String,
    /// Without the scheme.
    pub(crate) url: String,
    pub(crate) created: Timestamp,
    pub(crate) client_ids: Vec<String>,
    pub(crate) thumbprints: Vec<String>,
    #[serde(default)]
    pub(crate) tags: Tags,
}

/// Text that must not be shown: it is stored (under the store's encryption) and never printed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret")
    }
}

/// `arn:aws:iam::111122223333:role/path/name`.
pub(crate) fn arn(account: &str, kind: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:{kind}{path}{name}")
}

impl UserRecord {
    pub(crate) fn arn(&self) -> String {
        arn(&self.account, "user", &self.path, &self.name)
    }
}

impl RoleRecord {
    pub(crate) fn arn(&self) -> String {
        arn(&self.account, "role", &self.path, &self.name)
    }

    /// The ARN of one of its sessions: without the role's path.
    pub(crate) fn session_arn(&self, session_name: &str) -> String {
        format!(
            "arn:aws:sts::{}:assumed-role/{}/{session_name}",
            self.account, self.name
        )
    }
}

impl GroupRecord {
    pub(crate) fn arn(&self) -> String {
        arn(&self.account, "group", &self.path, &self.name)
    }
}

impl PolicyRecord {
    pub(crate) fn arn(&self) -> String {
        arn(&self.account, "policy", &self.path, &self.name)
    }

    pub(crate) fn version(&self, number: u32) -> Option<&PolicyVersionRecord> {
        self.versions
            .iter()
            .find(|version| version.number == number)
    }
}

impl InstanceProfileRecord {
    pub(crate) fn arn(&self) -> String {
        arn(&self.account, "instance-profile", &self.path, &self.name)
    }
}
