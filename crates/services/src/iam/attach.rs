//! Policies held by users, groups and roles: inline ones and attached ones, the same for all three.

use cumulet_kernel::{Key, Tx};

use super::state::ATTACHMENTS;
use crate::error::Result;

fn attachment(account: &str, policy_arn: &str, kind: &str, name: &str) -> Key {
    attachments_of(account, policy_arn, kind).text(&name.to_ascii_lowercase())
}

fn attachments_of(account: &str, policy_arn: &str, kind: &str) -> Key {
    Key::new().text(account).text(policy_arn).text(kind)
}

/// Remembers that the `user`, `group` or `role` of this name holds a managed policy.
pub(super) fn note_attachment(
    tx: &mut Tx<'_>,
    account: &str,
    policy_arn: &str,
    kind: &str,
    name: &str,
) -> Result<()> {
    let key = attachment(account, policy_arn, kind, name);
    Ok(tx.put(ATTACHMENTS, key, name.as_bytes().to_vec())?)
}
