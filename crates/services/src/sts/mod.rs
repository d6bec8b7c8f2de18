//! Security Token Service: temporary credentials, and who an access key belongs to.

use cumulet_kernel::{Context, Principal, Table, Timestamp, Tx};

use crate::error::{Error, Result};
use crate::operation::Operation;

pub(crate) const TABLES: &[Table] = &[];

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    Vec::new()
}

/// Whose key signed a request, and the secret to verify the signature with.
#[derive(Clone, Debug)]
pub struct Identity {
    pub secret_access_key: String,
    pub principal: Principal,
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

/// Finds the holder of an access key. `now` is wall time; `loopback` says where the caller sits.
pub fn identify(
    _tx: &Tx<'_>,
    _now: Timestamp,
    _access_key_id: &str,
    _session_token: Option<&str>,
    _loopback: bool,
) -> Result<std::result::Result<Identity, UnknownIdentity>> {
    Err(Error::not_implemented("identities"))
}

/// Temporary credentials of a role.
#[derive(Clone, Debug)]
pub struct SessionCredentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    pub expiration: Timestamp,
    pub principal: Principal,
}

/// Credentials that a service (`lambda.amazonaws.com`) obtains for the role it was given; the role's
/// trust policy must let it.
pub fn assume_role_as_service(
    _tx: &mut Tx<'_>,
    _context: &Context,
    _role_arn: &str,
    _service: &str,
    _session_name: &str,
    _duration_s: u32,
) -> Result<SessionCredentials> {
    Err(Error::not_implemented("sts:AssumeRole by a service"))
}
