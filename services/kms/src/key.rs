//! Finding keys, and asking whether the caller may use them.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::Result;
use cumulet_identity::iam;
use cumulet_kernel::Tx;

use super::error::{disabled, no_key, not_found, pending_deletion, pending_import};
use super::state::{ALIASES, AliasRecord, KEYS, KeyRecord, KeyState, alias_of, key_of};
use super::{EncryptionContext, grant};

/// A key, and the alias by which it was asked for.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: KeyRecord,
    pub(super) alias: Option<String>,
}

/// The key that an id, an ARN, an alias or an alias' ARN names.
pub(super) fn find(tx: &Tx<'_>, context: &Context, named: &str) -> Result<Found> {
    if named.starts_with("alias/") {
        return by_alias(tx, &context.account, &context.region, named);
    }
    if !named.starts_with("arn:") {
        return by_id(tx, &context.account, &context.region, named);
    }
    let invalid = || not_found(format!("Invalid arn {named}"));
    let parts = Arn::parse(named)
        .filter(|parts| parts.service == "kms")
        .ok_or_else(invalid)?;
    if parts.region != &*context.region {
        return Err(not_found(format!("Invalid arn {}", parts.region)));
    }
    if parts.resource.starts_with("alias/") {
        return by_alias(tx, parts.account, parts.region, parts.resource);
    }
    let id = parts.resource.strip_prefix("key/").ok_or_else(invalid)?;
    by_id(tx, parts.account, parts.region, id)
}

/// As [`find`], for operations that take no alias.
pub(super) fn find_without_alias(tx: &Tx<'_>, context: &Context, named: &str) -> Result<Found> {
    if named.starts_with("alias/") {
        return Err(not_found(format!("Invalid keyId '{named}'")));
    }
    let found = find(tx, context, named)?;
    match found.alias {
        None => Ok(found),
        Some(_) => Err(not_found(format!("Invalid keyId '{named}'"))),
    }
}

fn by_id(tx: &Tx<'_>, account: &str, region: &str, id: &str) -> Result<Found> {
    if !is_key_id(id) {
        return Err(not_found(format!("Invalid keyId '{id}'")));
    }
    let key: Option<KeyRecord> = tx.load(KEYS, key_of(region, id))?;
    let key = key.filter(|key| key.account == account);
    let key = key.ok_or_else(|| no_key(&format!("arn:aws:kms:{region}:{account}:key/{id}")))?;
    Ok(Found { key, alias: None })
}

fn by_alias(tx: &Tx<'_>, account: &str, region: &str, name: &str) -> Result<Found> {
    let missing = || {
        not_found(format!(
            "Alias arn:aws:kms:{region}:{account}:{name} is not found."
        ))
    };
    let alias: AliasRecord = tx
        .load(ALIASES, alias_of(account, region, name))?
        .ok_or_else(missing)?;
    let key: KeyRecord = tx
        .load(KEYS, key_of(region, &alias.key_id))?
        .ok_or_else(missing)?;
    Ok(Found {
        key,
        alias: Some(alias.name),
    })
}

/// A UUID, or `mrk-` and 32 digits.
fn is_key_id(id: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(digits) = id.strip_prefix("mrk-") {
        return digits.len() == 32 && is_hex(digits);
    }
    let lengths = id.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && id.split('-').all(is_hex)
}

/// What is asked of a key besides the action.
#[derive(Debug, Default)]
pub(super) struct Asked<'a> {
    pub(super) alias: Option<&'a str>,
    pub(super) encryption_context: Option<&'a EncryptionContext>,
    /// Further condition keys: `kms:GrantOperations`.
    pub(super) conditions: Vec<(String, Vec<String>)>,
}

/// The question whether the caller may do `action` (`kms:Encrypt`) with the key.
pub(super) fn access(
    context: &Context,
    key: &KeyRecord,
    action: &str,
    asked: &Asked<'_>,
) -> Access {
    let mut access =
        Access::new(action, key.arn()).governed_by(Some(key.policy.clone()), &key.account);
    access.resource_policy_decides = true;
    access.conditions.clone_from(&asked.conditions);
    let caller = &context.principal.account;
    if !caller.is_empty() {
        access = access.condition("kms:CallerAccount", caller.as_str());
    }
    if let Some(via) = &context.via {
        let service = format!("{via}.{}.amazonaws.com", context.region);
        access = access.condition("kms:ViaService", service);
    }
    if let Some(alias) = asked.alias {
        access = access.condition("kms:RequestAlias", alias);
    }
    for (key, value) in &key.tags {
        access = access.condition(format!("aws:ResourceTag/{key}"), value.as_str());
    }
    with_encryption_context(access, asked.encryption_context)
        .condition("kms:KeySpec", key.spec.as_str())
        .condition("kms:KeyUsage", key.usage.as_str())
        .condition("kms:KeyOrigin", key.origin.as_str())
}

fn with_encryption_context(mut access: Access, given: Option<&EncryptionContext>) -> Access {
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        return access;
    };
    for (key, value) in given {
        access = access.condition(format!("kms:EncryptionContext:{key}"), value.as_str());
    }
    access.condition_values("kms:EncryptionContextKeys", given.keys().cloned().collect())
}

/// Refuses unless the key's policy, with what it delegates to, or a grant lets the caller do `action`.
pub(super) fn authorise(
    tx: &Tx<'_>,
    context: &Context,
    key: &KeyRecord,
    action: &str,
    asked: &Asked<'_>,
) -> Result<()> {
    let access = access(context, key, action, asked);
    if key.grant_count > 0
        && let Some(grant) = grant::allowing(tx, context, key, action, asked.encryption_context)?
        && !iam::is_denied_outright(tx, context, &access)?
    {
        context.trace.note_one_more("grants", grant.id.into());
        return Ok(());
    }
    iam::authorise(tx, context, &[access])
}

/// Refuses a key that is disabled, without material or about to be deleted.
pub(super) fn usable(key: &KeyRecord) -> Result<()> {
    match key.state {
        KeyState::Enabled => Ok(()),
        KeyState::Disabled => Err(disabled(&key.arn())),
        KeyState::PendingImport => Err(pending_import(&key.arn())),
        KeyState::PendingDeletion { .. } => Err(pending_deletion(&key.arn())),
    }
}
