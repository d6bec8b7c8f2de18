//! Entities named in trust policies: they must exist when named, and once deleted only their id stays,
//! so that a new entity of the same name inherits nobody's trust.

use cumulet_engine::arn::Arn;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use cumulet_kernel::store::Direction;

use super::policy::parse;
use super::policy::principal::PrincipalName;
use super::state::{ROLES, RoleRecord, USERS, UserRecord, named};

/// The first user or role named in a trust policy that does not exist.
pub(super) fn missing_principal(tx: &Tx<'_>, document: &str) -> Result<Option<String>> {
    let Ok(policy) = parse::parse(document) else {
        return Ok(None);
    };
    let elements = policy
        .statements
        .into_iter()
        .filter_map(|statement| statement.principal);
    for name in elements.flat_map(|element| element.names) {
        if let PrincipalName::Arn(arn) = name
            && !exists(tx, &arn)?
        {
            return Ok(Some(arn));
        }
    }
    Ok(None)
}

fn exists(tx: &Tx<'_>, arn: &str) -> Result<bool> {
    let Some(parts) = Arn::parse(arn) else {
        return Ok(false);
    };
    let (kind, rest) = parts
        .resource
        .split_once('/')
        .unwrap_or((parts.resource, ""));
    let name = rest.rsplit('/').next().unwrap_or_default();
    let key = named(parts.account, name);
    match (parts.service, kind) {
        ("iam", "role") => {
            let role: Option<RoleRecord> = tx.load(ROLES, key)?;
            Ok(role.is_some_and(|role| role.arn() == arn))
        }
        ("iam", "user") => {
            let user: Option<UserRecord> = tx.load(USERS, key)?;
            Ok(user.is_some_and(|user| user.arn() == arn))
        }
        // Sessions come and go; only their shape can be checked.
        ("sts", "assumed-role") => Ok(rest.contains('/')),
        ("sts", "federated-user") => Ok(!rest.is_empty()),
        _ => Ok(false),
    }
}

/// Puts the id of a deleted entity in the place of its ARN, in every trust policy of the installation.
pub(super) fn forget(tx: &mut Tx<'_>, arn: &str, id: &str) -> Result<()> {
    let quoted = format!("\"{arn}\"");
    let mut trusting = Vec::new();
    for pair in tx.prefix(ROLES, [], Direction::Forward)? {
        let (key, bytes) = pair?;
        // Most policies name no entity at all: look before decoding.
        if bytes
            .windows(quoted.len())
            .any(|window| window == quoted.as_bytes())
        {
            trusting.push(key);
        }
    }
    for key in trusting {
        if let Some(mut role) = tx.load::<RoleRecord>(ROLES, &key)? {
            role.trust = role.trust.replace(&quoted, &format!("\"{id}\""));
            tx.save(ROLES, key, &role)?;
        }
    }
    Ok(())
}
