//! Identity and Access Management: users, groups, roles, policies, and the evaluation of every call.
//!
//! There is one evaluator and no other door: calls from outside, presigned URLs, functions and service
//! to service calls all come through [`authorise`]. The policy language itself (`policy`) is pure; the
//! rest of this folder keeps entities and gathers what the evaluator needs to know about them.

mod access_key;
mod account;
mod api;
mod attach;
mod authorise;
mod error;
mod facts;
mod group;
mod holder;
mod instance_profile;
mod keys;
mod managed;
mod managed_policy;
mod mfa;
mod observed;
mod oidc;
mod operations;
mod operator;
mod page;
mod password;
mod policy;
mod remedy;
mod report;
mod resource;
mod service_linked;
mod simulate;

mod role;
mod standing;
mod state;
mod suggest;
mod tags;
#[cfg(test)]
mod tests;
mod trust;
mod user;

pub use authorise::{authorise, denial_of, is_allowed, is_denied_outright};
use cumulet_engine::access::Access;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::Result;
use cumulet_engine::{Context, Principal, PrincipalKind, SessionFacts};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Ids, Table, Tx};
pub(crate) use mfa::{check as check_mfa_code, redeem as redeem_mfa_code};
pub use observed::observe;
pub use operations::operations;
pub use operator::{Operator, seed_operator};
pub use policy::principal::canonical_user_id;
pub use policy::validate::{PolicyUse, validate as validate_policy};
pub(crate) use resource::resource_types;
pub(crate) use state::{RoleRecord, Secret};
pub use suggest::suggest;

pub const TABLES: &[Table] = state::TABLES;

/// A long-lived access key, for those who verify signatures.
#[derive(Clone)]
pub(crate) struct AccessKey {
    pub(crate) secret_access_key: String,
    pub(crate) principal: Principal,
    pub(crate) active: bool,
    pub(crate) loopback_only: bool,
}

/// The long-lived key of this id.
pub(crate) fn access_key(tx: &Tx<'_>, id: &str) -> Result<Option<AccessKey>> {
    let record: Option<state::AccessKeyRecord> =
        tx.load(state::ACCESS_KEYS, access_key::key_of(id))?;
    Ok(record.map(|record| AccessKey {
        secret_access_key: record.secret.0,
        principal: Principal {
            kind: PrincipalKind::User { name: record.user },
            arn: record.user_arn,
            account: record.account,
            user_id: record.user_id,
            access_key_id: Some(record.id),
            session_policies: Vec::new(),
            session_tags: Vec::new(),
            session: SessionFacts::default(),
        },
        active: record.active,
        loopback_only: record.loopback_only,
    }))
}

pub fn new_access_key_id(ids: &Ids, prefix: &str, account: &str) -> String {
    keys::access_key_id(ids, prefix, account)
}

pub fn new_secret_access_key(ids: &Ids) -> String {
    keys::secret_access_key(ids)
}

pub fn account_of_access_key(id: &str) -> Option<String> {
    keys::account_of_access_key(id)
}

/// The role that an ARN names, in whatever account.
pub(crate) fn find_role(tx: &Tx<'_>, role_arn: &str) -> Result<Option<RoleRecord>> {
    let parts = Arn::parse(role_arn).filter(|parts| parts.service == "iam");
    let Some((parts, path)) =
        parts.and_then(|parts| Some((parts, parts.resource.strip_prefix("role/")?)))
    else {
        return Ok(None);
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    let role: Option<RoleRecord> = tx.load(state::ROLES, state::named(parts.account, name))?;
    Ok(role.filter(|role| role.arn() == role_arn))
}

/// The default version of a managed policy as a document, for session policies.
pub fn managed_policy_document(tx: &Tx<'_>, account: &str, arn: &str) -> Result<Option<String>> {
    if let Some(policy) = managed::by_arn(arn) {
        return Ok(Some(policy.document.clone()));
    }
    let record = standing::customer_policy(tx, account, arn)?;
    Ok(record.and_then(|record| Some(record.version(record.default_version)?.document.clone())))
}

/// The tags of a user or role principal, its session tags left aside.
pub(crate) fn principal_of_session(role: &RoleRecord, session_name: &str) -> Principal {
    Principal {
        kind: PrincipalKind::Role {
            role_arn: role.arn(),
            session_name: session_name.into(),
        },
        arn: role.session_arn(session_name),
        account: role.account.clone(),
        user_id: format!("{}:{session_name}", role.id),
        access_key_id: None,
        session_policies: Vec::new(),
        session_tags: Vec::new(),
        session: SessionFacts::default(),
    }
}

/// The principal that `role_arn`'s session `session_name` is, for work done in process as that role.
pub fn role_session(tx: &Tx<'_>, role_arn: &str, session_name: &str) -> Result<Principal> {
    let role = find_role(tx, role_arn)?.ok_or_else(|| error::no_role(role_arn))?;
    Ok(principal_of_session(&role, session_name))
}

/// Whether the role exists and its trust policy lets `service` (`lambda.amazonaws.com`) assume it.
///
/// The trust policy sees the context's source ARN and account, where it has them, else the role's account.
pub fn service_may_assume(
    tx: &Tx<'_>,
    context: &Context,
    role_arn: &str,
    service: &str,
) -> Result<bool> {
    let Some(role) = find_role(tx, role_arn)? else {
        return Ok(false);
    };
    let mut asking = context.clone();
    asking.principal = Principal::service(service).into();
    asking.via = None;
    asking
        .source_account
        .get_or_insert_with(|| role.account.as_str().into());
    is_allowed(tx, &asking, &assume_access(&role, "sts:AssumeRole"))
}

/// The question whether the trust policy of `role` allows `action` (sts:AssumeRole, sts:TagSession).
pub(crate) fn assume_access(role: &RoleRecord, action: &str) -> Access {
    let mut access = Access::new(action, role.arn());
    access.resource_policy_decides = true;
    for (key, value) in role.tags.values() {
        access = access.condition(format!("aws:ResourceTag/{key}"), value.as_str());
        access = access.condition(format!("iam:ResourceTag/{key}"), value.as_str());
    }
    access.governed_by(Some(role.trust.as_str().into()), &role.account)
}

/// Refuses unless the caller may pass the role to `service` (iam:PassRole with iam:PassedToService).
pub fn authorise_pass_role(
    tx: &Tx<'_>,
    context: &Context,
    role_arn: &str,
    service: &str,
) -> Result<()> {
    let mut access =
        Access::new("iam:PassRole", role_arn).condition("iam:PassedToService", service);
    let account = Arn::parse(role_arn).map(|parts| parts.account.to_owned());
    access.resource_account = account.unwrap_or_default();
    if let Some(role) = find_role(tx, role_arn)? {
        for (key, value) in role.tags.values() {
            access = access.condition(format!("aws:ResourceTag/{key}"), value.as_str());
            access = access.condition(format!("iam:ResourceTag/{key}"), value.as_str());
        }
    }
    authorise(tx, context, &[access])
}

/// The records of a table whose keys begin with `prefix`, in key order.
fn records<T: serde::de::DeserializeOwned>(
    tx: &Tx<'_>,
    table: Table,
    prefix: impl AsRef<[u8]>,
) -> Result<Vec<T>> {
    let mut keys = Vec::new();
    for pair in tx.prefix(table, prefix, Direction::Forward)? {
        keys.push(pair?.0);
    }
    let mut records = Vec::with_capacity(keys.len());
    for key in keys {
        records.extend(tx.load(table, key)?);
    }
    Ok(records)
}
