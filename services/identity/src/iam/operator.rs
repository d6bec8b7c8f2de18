//! The person at the machine: a user with AdministratorAccess whose key is fixed beforehand.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::access_key::{self, key_of};
use super::keys;
use super::state::{ACCESS_KEYS, AccessKeyRecord, Secret, USERS, UserRecord, named};

const NAME: &str = "operator";
pub(crate) const ADMINISTRATOR_ACCESS: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// A principal with AdministratorAccess and a fixed key, made at start-up: the person at the machine.
#[derive(Clone)]
pub struct Operator {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub account: String,
    /// Refused from any address but loopback.
    pub loopback_only: bool,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Operator")
            .field("access_key_id", &self.access_key_id)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// Makes (or keeps) an operator. Several keys may belong to the one operator of an account.
pub fn seed_operator(tx: &mut Tx<'_>, context: &Context, operator: &Operator) -> Result<()> {
    let user = operator_user(tx, context, &operator.account)?;
    let kept: Option<AccessKeyRecord> = tx.load(ACCESS_KEYS, key_of(&operator.access_key_id))?;
    let record = AccessKeyRecord {
        id: operator.access_key_id.clone(),
        account: operator.account.clone(),
        user_arn: user.arn(),
        user: user.name,
        user_id: user.id,
        secret: Secret(operator.secret_access_key.clone()),
        active: true,
        created: kept.map_or(context.now, |kept| kept.created),
        loopback_only: operator.loopback_only,
    };
    access_key::save(tx, &record)
}

fn operator_user(tx: &mut Tx<'_>, context: &Context, account: &str) -> Result<UserRecord> {
    if let Some(user) = tx.load(USERS, named(account, NAME))? {
        return Ok(user);
    }
    let mut user = UserRecord {
        name: NAME.into(),
        path: "/".into(),
        id: keys::unique_id(&context.ids, "AIDA"),
        account: account.into(),
        created: context.now,
        tags: Default::default(),
        held: Default::default(),
        groups: Vec::new(),
        login: None,
    };
    super::attach::note_attachment(tx, account, ADMINISTRATOR_ACCESS, "user", NAME)?;
    user.held.attached.push(ADMINISTRATOR_ACCESS.into());
    tx.save(USERS, named(account, NAME), &user)?;
    Ok(user)
}
