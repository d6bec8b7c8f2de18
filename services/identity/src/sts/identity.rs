//! Whose key signed a request.

use cumulet_engine::error::Result;
use cumulet_engine::{Principal, PrincipalKind, SessionFacts};
use cumulet_kernel::{Timestamp, Tx};
use subtle::ConstantTimeEq;

use super::session;
use crate::iam::{self, AccessKey};

/// Whose key signed a request, and the secret to verify the signature with.
#[derive(Clone)]
pub struct Identity {
    pub secret_access_key: String,
    pub principal: Principal,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Identity")
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

/// Why an access key identifies nobody. The front words it as the protocol wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownIdentity {
    /// No such key, or it is inactive, or not allowed from this address.
    UnknownKey,
    /// The session token is missing, foreign or malformed.
    InvalidToken,
    ExpiredToken,
}

type Found = Result<Identity, UnknownIdentity>;

/// The alias that scripts written for emulators use; see [`identify`].
const SCRIPTS_KEY: &str = "test";

/// The two clocks that a session may end by.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The installation's.
    pub now: Timestamp,
    /// The world's.
    pub wall: Timestamp,
}

/// Finds the holder of an access key; `loopback` says where the caller sits.
///
/// A key id of 12 digits names an account and stands for its root user, where the operator's alias
/// `test` exists: it takes that alias's secret, from loopback only.
pub fn identify(
    tx: &Tx<'_>,
    times: Times,
    access_key_id: &str,
    session_token: Option<&str>,
    loopback: bool,
) -> Result<Found> {
    if let Some(key) = iam::access_key(tx, access_key_id)? {
        return Ok(long_lived(key, session_token, loopback));
    }
    if is_account_id(access_key_id) {
        let alias = iam::access_key(tx, SCRIPTS_KEY)?;
        return Ok(account_root(alias, access_key_id, loopback));
    }
    of_session(tx, times, access_key_id, session_token)
}

fn long_lived(key: AccessKey, session_token: Option<&str>, loopback: bool) -> Found {
    if !key.active || (key.loopback_only && !loopback) {
        return Err(UnknownIdentity::UnknownKey);
    }
    // Scripts often set a token beside `test`/`test`; that pair is no secret, so the token adds nothing.
    if session_token.is_some() && !key.loopback_only {
        return Err(UnknownIdentity::InvalidToken);
    }
    Ok(Identity {
        secret_access_key: key.secret_access_key,
        principal: key.principal,
    })
}

fn account_root(alias: Option<AccessKey>, account: &str, loopback: bool) -> Found {
    match alias {
        Some(alias) if alias.active && loopback => Ok(Identity {
            secret_access_key: alias.secret_access_key,
            principal: Principal {
                kind: PrincipalKind::Root,
                arn: format!("arn:aws:iam::{account}:root"),
                account: account.into(),
                user_id: account.into(),
                access_key_id: Some(account.into()),
                session_policies: Vec::new(),
                session_tags: Vec::new(),
                session: SessionFacts::default(),
            },
        }),
        _ => Err(UnknownIdentity::UnknownKey),
    }
}

fn of_session(
    tx: &Tx<'_>,
    times: Times,
    access_key_id: &str,
    session_token: Option<&str>,
) -> Result<Found> {
    // Without its token a session's key is as good as none.
    let Some(given) = session_token else {
        return Ok(Err(UnknownIdentity::UnknownKey));
    };
    let Some(session) = session::load(tx, access_key_id)? else {
        return Ok(Err(UnknownIdentity::InvalidToken));
    };
    if !bool::from(session.token.0.as_bytes().ct_eq(given.as_bytes())) {
        return Ok(Err(UnknownIdentity::InvalidToken));
    }
    let has_ended = match session.wall_expiration {
        Some(expiration) => times.wall >= expiration,
        None => times.now >= session.expiration,
    };
    if has_ended {
        return Ok(Err(UnknownIdentity::ExpiredToken));
    }
    Ok(Ok(Identity {
        secret_access_key: session.secret.0,
        principal: session.principal,
    }))
}

fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
