//! Sessions: temporary credentials with a stored record behind them.
//!
//! The token is opaque and random; what a session may do lies in its record, so nothing a client holds
//! can be altered to more. Expired records are swept a few at a time whenever a session is opened.

use cumulet_engine::error::Result;
use cumulet_engine::{Context, Principal};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Timestamp, Tx};

use super::state::{EXPIRATIONS, SESSIONS, SessionRecord, expiration_key, session_key};
use crate::iam::{self, Secret};

/// Temporary credentials.
#[derive(Clone)]
pub struct SessionCredentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    pub expiration: Timestamp,
    pub principal: Principal,
}

impl std::fmt::Debug for SessionCredentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SessionCredentials")
            .field("access_key_id", &self.access_key_id)
            .field("expiration", &self.expiration)
            .field("principal", &self.principal.arn)
            .finish_non_exhaustive()
    }
}

/// A session to be opened.
#[derive(Debug)]
pub(super) struct NewSession {
    pub(super) principal: Principal,
    pub(super) duration_s: u32,
    pub(super) maker: Option<Principal>,
    pub(super) transitive_tag_keys: Vec<String>,
    /// Whether a process of the engine's own will hold it.
    pub(super) held_by_engine: bool,
}

/// A sweep takes out this many at most, so that no call pays for all that others left.
const SWEPT_AT_ONCE: usize = 8;
const TOKEN: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Clients are told not to rely on a token's length; AWS's begin so.
const TOKEN_HEAD: &str = "IQoJb3JpZ2luX2Vj";

pub(super) fn open(
    tx: &mut Tx<'_>,
    context: &Context,
    new: NewSession,
) -> Result<SessionCredentials> {
    sweep(tx, context.now)?;
    let mut principal = new.principal;
    let id = iam::new_access_key_id(&context.ids, "ASIA", &principal.account);
    principal.access_key_id = Some(id.clone());
    principal.session.issued = Some(context.now);
    let expiration = context.now.plus_s(i64::from(new.duration_s));
    let wall_expiration = match new.held_by_engine {
        true => Some(in_wall_time(tx, expiration)?),
        false => None,
    };
    let record = SessionRecord {
        secret: Secret(iam::new_secret_access_key(&context.ids)),
        token: Secret(format!("{TOKEN_HEAD}{}", context.ids.text(224, TOKEN))),
        issued: context.now,
        expiration,
        wall_expiration,
        principal,
        maker: new.maker,
        transitive_tag_keys: new.transitive_tag_keys,
    };
    tx.save(SESSIONS, session_key(&id), &record)?;
    tx.put(
        EXPIRATIONS,
        expiration_key(record.expiration, &id),
        Vec::new(),
    )?;
    Ok(SessionCredentials {
        access_key_id: id,
        secret_access_key: record.secret.0,
        session_token: record.token.0,
        expiration: record.expiration,
        principal: record.principal,
    })
}

/// A day late, so that its holder still hears `ExpiredToken` for a while.
fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    let long_ago = expiration_key(now.plus_s(-86_400), "");
    let mut expired = Vec::new();
    for pair in tx
        .range(
            EXPIRATIONS,
            &[],
            Some(long_ago.as_slice()),
            Direction::Forward,
        )?
        .take(SWEPT_AT_ONCE)
    {
        expired.push(pair?.0);
    }
    for key in expired {
        let mut reader = cumulet_kernel::key::KeyReader::new(&key);
        if let (Some(_), Some(id)) = (reader.number(), reader.text()) {
            remove(tx, now, &id)?;
        }
        tx.delete(EXPIRATIONS, key)?;
    }
    Ok(())
}

/// A session that lives by the world's clock is looked at again when its time has come there.
fn remove(tx: &mut Tx<'_>, now: Timestamp, id: &str) -> Result<()> {
    let held_until = load(tx, id)?.and_then(|session| session.wall_expiration);
    let left_ms = match held_until {
        Some(held_until) => held_until.0 - in_wall_time(tx, now)?.0,
        None => 0,
    };
    if left_ms > 0 {
        let again = expiration_key(now.plus_ms(left_ms), id);
        return Ok(tx.put(EXPIRATIONS, again, Vec::new())?);
    }
    Ok(tx.delete(SESSIONS, session_key(id))?)
}

/// What the world's clock shows when the installation's shows `time`.
fn in_wall_time(tx: &Tx<'_>, time: Timestamp) -> Result<Timestamp> {
    Ok(time.plus_ms(-cumulet_kernel::clock::load(tx)?.offset_ms))
}

pub(super) fn load(tx: &Tx<'_>, access_key_id: &str) -> Result<Option<SessionRecord>> {
    Ok(tx.load(SESSIONS, session_key(access_key_id))?)
}
