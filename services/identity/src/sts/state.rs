//! What STS keeps on disk: the sessions that have not expired.

use cumulet_engine::Principal;
use cumulet_kernel::{Key, Table, Timestamp};
use serde::{Deserialize, Serialize};

use crate::iam::Secret;

/// access key id -> session
pub(crate) const SESSIONS: Table = Table::new(200, "sts.sessions");
/// (expiration, access key id) -> nothing: what the sweep goes through.
pub(crate) const EXPIRATIONS: Table = Table::new(201, "sts.expirations");

pub(crate) const TABLES: &[Table] = &[SESSIONS, EXPIRATIONS];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SessionRecord {
    pub(crate) secret: Secret,
    pub(crate) token: Secret,
    pub(crate) issued: Timestamp,
    pub(crate) expiration: Timestamp,
    pub(crate) principal: Principal,
    /// Who made a federated user's session: its policies are the upper bound.
    #[serde(default)]
    pub(crate) maker: Option<Principal>,
    /// When it ends by the world's clock, for sessions that a process of the engine's own holds: it cannot ask for new
    /// ones when somebody moves the installation's clock.
    #[serde(default)]
    pub(crate) wall_expiration: Option<Timestamp>,
    /// Keys of session tags that go on into sessions assumed from this one.
    #[serde(default)]
    pub(crate) transitive_tag_keys: Vec<String>,
}

pub(crate) fn session_key(access_key_id: &str) -> Key {
    Key::new().text(access_key_id)
}

pub(crate) fn expiration_key(expiration: Timestamp, access_key_id: &str) -> Key {
    let due = expiration.0.max(0).unsigned_abs();
    Key::new().number(due).text(access_key_id)
}
