//! Where a principal stands: the policies that speak for it and its tags, out of the store.

use std::sync::Arc;

use cumulet_engine::arn::Arn;
use cumulet_engine::error::Result;
use cumulet_engine::{Principal, PrincipalKind};
use cumulet_kernel::Tx;

use super::managed;
use super::policy::evaluate::Sourced;
use super::policy::parsed;
use super::state::{
    GROUPS, GroupRecord, Held, POLICIES, PolicyRecord, ROLES, RoleRecord, USERS, UserRecord, named,
};
use crate::sts;

/// What a principal brings to every decision.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) identity: Vec<Sourced>,
    pub(crate) boundary: Option<Sourced>,
    pub(crate) session: Vec<Sourced>,
    /// Session tags first: they override the entity's own.
    pub(crate) tags: Vec<(String, String)>,
}

/// An entity that was deleted, or made anew under the old name, has no policies left.
pub(crate) fn of(tx: &Tx<'_>, principal: &Principal) -> Result<Standing> {
    let mut standing = match &principal.kind {
        PrincipalKind::User { name } => user(tx, principal, name)?,
        PrincipalKind::Role { role_arn, .. } => role(tx, principal, role_arn)?,
        PrincipalKind::FederatedUser { .. } => federated_user(tx, principal)?,
        _ => Standing::default(),
    };
    let documents = principal.session_policies.iter();
    standing.session = documents
        .map(|document| sourced("session policy", document))
        .collect();
    let mut tags = principal.session_tags.clone();
    tags.append(&mut standing.tags);
    standing.tags = tags;
    Ok(standing)
}

fn user(tx: &Tx<'_>, principal: &Principal, name: &str) -> Result<Standing> {
    match tx.load::<UserRecord>(USERS, named(&principal.account, name))? {
        Some(user) if user.id == principal.user_id => of_user(tx, &user),
        _ => Ok(Standing::default()),
    }
}

pub(crate) fn of_user(tx: &Tx<'_>, user: &UserRecord) -> Result<Standing> {
    let mut standing = of_held(tx, &user.account, &user.held)?;
    for group in &user.groups {
        if let Some(group) = tx.load::<GroupRecord>(GROUPS, named(&user.account, group))? {
            standing
                .identity
                .append(&mut of_held(tx, &user.account, &group.held)?.identity);
        }
    }
    standing.tags = user.tags.values().cloned().collect();
    Ok(standing)
}

fn role(tx: &Tx<'_>, principal: &Principal, role_arn: &str) -> Result<Standing> {
    let name = role_arn.rsplit('/').next().unwrap_or_default();
    let id = principal.user_id.split(':').next();
    match tx.load::<RoleRecord>(ROLES, named(&principal.account, name))? {
        Some(role) if Some(role.id.as_str()) == id => of_role(tx, &role),
        _ => Ok(Standing::default()),
    }
}

pub(crate) fn of_role(tx: &Tx<'_>, role: &RoleRecord) -> Result<Standing> {
    let mut standing = of_held(tx, &role.account, &role.held)?;
    standing.tags = role.tags.values().cloned().collect();
    Ok(standing)
}

/// A federated user has what its maker has, as far as the session's policies give it; without any it
/// has nothing.
fn federated_user(tx: &Tx<'_>, principal: &Principal) -> Result<Standing> {
    let key = principal.access_key_id.as_deref().unwrap_or_default();
    match sts::federating_user(tx, key)? {
        Some(maker) if !principal.session_policies.is_empty() => of(tx, &maker),
        _ => Ok(Standing::default()),
    }
}

pub(crate) fn of_held(tx: &Tx<'_>, account: &str, held: &Held) -> Result<Standing> {
    let mut identity = Vec::with_capacity(held.attached.len() + held.inline.len());
    for arn in &held.attached {
        identity.extend(managed_policy(tx, account, arn)?);
    }
    identity.extend(
        held.inline
            .iter()
            .map(|(name, document)| sourced(name, document)),
    );
    let boundary = match &held.boundary {
        Some(arn) => managed_policy(tx, account, arn)?,
        None => None,
    };
    Ok(Standing {
        identity,
        boundary,
        ..Standing::default()
    })
}

pub(crate) fn sourced(name: &str, document: &str) -> Sourced {
    Sourced {
        name: name.into(),
        policy: parsed(document),
    }
}

/// The default version of a managed policy, AWS's or the account's own.
pub(crate) fn managed_policy(tx: &Tx<'_>, account: &str, arn: &str) -> Result<Option<Sourced>> {
    if let Some(policy) = managed::by_arn(arn) {
        return Ok(Some(Sourced {
            name: policy.arn.clone(),
            policy: policy.parsed(),
        }));
    }
    let record = customer_policy(tx, account, arn)?;
    Ok(record.and_then(|record| {
        let version = record.version(record.default_version)?;
        Some(Sourced {
            name: Arc::from(arn),
            policy: parsed(&version.document),
        })
    }))
}

pub(crate) fn customer_policy(
    tx: &Tx<'_>,
    account: &str,
    arn: &str,
) -> Result<Option<PolicyRecord>> {
    let own = Arn::parse(arn).filter(|parts| parts.service == "iam" && parts.account == account);
    let Some(name) = own.and_then(|parts| parts.resource.strip_prefix("policy/")) else {
        return Ok(None);
    };
    let name = name.rsplit('/').next().unwrap_or_default();
    let record: Option<PolicyRecord> = tx.load(POLICIES, named(account, name))?;
    Ok(record.filter(|record| record.arn() == arn))
}
