//! Identity and Access Management: users, roles, policies, and the evaluation of every call.
//!
//! There is one evaluator and no other door: calls from outside, presigned URLs, functions and service
//! to service calls all come through [`authorise`].

use cumulet_kernel::{Context, Principal, Table, Tx};

use crate::access::Access;
use crate::error::{Error, Result};
use crate::operation::Operation;

pub(crate) const TABLES: &[Table] = &[];

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    Vec::new()
}

/// Refuses unless every access in `needed` is allowed to the context's principal; notes each decision
/// on the trace, with the statements that made it.
pub fn authorise(_tx: &Tx<'_>, _context: &Context, _needed: &[Access]) -> Result<()> {
    Err(Error::not_implemented("authorisation"))
}

/// The principal that `role_arn`'s session `session_name` is, for work done in process as that role.
pub fn role_session(_tx: &Tx<'_>, _role_arn: &str, _session_name: &str) -> Result<Principal> {
    Err(Error::not_implemented("role sessions"))
}

/// Whether the role exists and its trust policy lets `service` (`lambda.amazonaws.com`) assume it.
pub fn service_may_assume(
    _tx: &Tx<'_>,
    _context: &Context,
    _role_arn: &str,
    _service: &str,
) -> Result<bool> {
    Err(Error::not_implemented("role trust"))
}

/// Refuses unless the caller may pass the role to `service` (iam:PassRole with iam:PassedToService).
pub fn authorise_pass_role(
    _tx: &Tx<'_>,
    _context: &Context,
    _role_arn: &str,
    _service: &str,
) -> Result<()> {
    Err(Error::not_implemented("iam:PassRole"))
}

/// A principal with AdministratorAccess and a fixed key, made at start-up: the person at the machine.
#[derive(Clone, Debug)]
pub struct Operator {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub account: String,
    /// Refused from any address but loopback.
    pub loopback_only: bool,
}

/// Makes (or keeps) an operator.
pub fn seed_operator(_tx: &mut Tx<'_>, _context: &Context, _operator: &Operator) -> Result<()> {
    Err(Error::not_implemented("operators"))
}
