//! Grants: single operations on one key, given to one principal, beside any policy.

use cumulet_engine::error::Result;
use cumulet_engine::{Context, PrincipalKind};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Key, Tx};

use super::EncryptionContext;
use super::state::{GRANTS, GrantRecord, KeyRecord};

/// A grant that lets the caller do `action` (`kms:Decrypt`) with this encryption context.
pub(super) fn allowing(
    tx: &Tx<'_>,
    context: &Context,
    key: &KeyRecord,
    action: &str,
    encryption_context: Option<&EncryptionContext>,
) -> Result<Option<GrantRecord>> {
    let operation = action.strip_prefix("kms:").unwrap_or(action);
    let fits = |grant: &GrantRecord| {
        is_grantee(context, &grant.grantee)
            && grant.operations.iter().any(|granted| granted == operation)
            && constraints_hold(grant, encryption_context)
    };
    Ok(of_key(tx, &key.id)?.into_iter().find(fits))
}

pub(super) fn of_key(tx: &Tx<'_>, key_id: &str) -> Result<Vec<GrantRecord>> {
    let ids = tx.prefix(GRANTS, Key::new().text(key_id), Direction::Forward)?;
    let keys: Vec<Vec<u8>> = ids.map(|pair| Ok(pair?.0)).collect::<Result<_>>()?;
    let load = |key: Vec<u8>| Ok(tx.load(GRANTS, key)?);
    keys.into_iter()
        .filter_map(|key| load(key).transpose())
        .collect()
}

/// Whether the caller is this principal: itself, its role, its account, or the service.
pub(super) fn is_grantee(context: &Context, grantee: &str) -> bool {
    let principal = &context.principal;
    match &principal.kind {
        PrincipalKind::Service { name } => name == grantee,
        PrincipalKind::Role { role_arn, .. } if role_arn == grantee => true,
        _ if principal.account.is_empty() => false,
        _ => {
            principal.arn == grantee
                || grantee == format!("arn:aws:iam::{}:root", principal.account)
        }
    }
}

fn constraints_hold(grant: &GrantRecord, given: Option<&EncryptionContext>) -> bool {
    let empty = EncryptionContext::new();
    let given = given.unwrap_or(&empty);
    let subset = grant.context_subset.as_ref().is_none_or(|required| {
        required
            .iter()
            .all(|(key, value)| given.get(key) == Some(value))
    });
    subset
        && grant
            .context_equals
            .as_ref()
            .is_none_or(|required| required == given)
}
