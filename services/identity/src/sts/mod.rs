//! Security Token Service: temporary credentials, and who an access key belongs to.

mod api;
mod assume;
mod identity;
mod mfa;
mod session;
mod state;
mod token;

#[cfg(test)]
mod tests;

use api::{
    GetAccessKeyInfoInput, GetAccessKeyInfoOutput, GetCallerIdentityInput, GetCallerIdentityOutput,
    GetFederationTokenInput,
};
pub use assume::assume_role_as_service;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::Operation;
use cumulet_engine::{Context, Principal};
use cumulet_kernel::{Table, Tx};
pub use identity::{Identity, Times, UnknownIdentity, identify};
pub use session::SessionCredentials;

use crate::iam;

pub const TABLES: &[Table] = state::TABLES;

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::write("AssumeRole", assume::access, assume::assume_role),
        Operation::read(
            "GetAccessKeyInfo",
            |_, _, _| on_all("sts:GetAccessKeyInfo"),
            get_access_key_info,
        ),
        // Never denied, so nothing is asked.
        Operation::read(
            "GetCallerIdentity",
            |_, _, _| Ok(Vec::new()),
            get_caller_identity,
        ),
        Operation::write(
            "GetFederationToken",
            federation_access,
            token::get_federation_token,
        ),
        // AWS lets every user have one of these.
        Operation::write(
            "GetSessionToken",
            |_, _, _| Ok(Vec::new()),
            token::get_session_token,
        ),
    ]
}

/// Who made a federated user's session.
pub fn federating_user(tx: &Tx<'_>, access_key_id: &str) -> Result<Option<Principal>> {
    Ok(session::load(tx, access_key_id)?.and_then(|session| session.maker))
}

fn on_all(action: &str) -> Result<Vec<Access>> {
    Ok(vec![Access::new(action, "*")])
}

fn federation_access(
    _tx: &Tx<'_>,
    context: &Context,
    input: &GetFederationTokenInput,
) -> Result<Vec<Access>> {
    let account = &context.principal.account;
    let resource = format!("arn:aws:sts::{account}:federated-user/{}", input.name);
    let access = Access::new("sts:GetFederationToken", resource);
    Ok(vec![assume::with_tags(access, &input.tags)])
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
fn get_caller_identity(
    _tx: &mut Tx<'_>,
    context: &Context,
    _input: GetCallerIdentityInput,
) -> Result<GetCallerIdentityOutput> {
    let principal = &context.principal;
    if principal.account.is_empty() {
        let message = "Request is missing Authentication Token";
        return Err(Error::new("MissingAuthenticationToken", message).status(403));
    }
    Ok(GetCallerIdentityOutput {
        user_id: principal.user_id.clone(),
        account: principal.account.clone(),
        arn: principal.arn.clone(),
    })
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html>
fn get_access_key_info(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: GetAccessKeyInfoInput,
) -> Result<GetAccessKeyInfoOutput> {
    let id = &input.access_key_id;
    let known = iam::access_key(tx, id)?.map(|key| key.principal.account);
    let account = known.or_else(|| iam::account_of_access_key(id));
    let account = account
        .ok_or_else(|| Error::new("ValidationError", format!("Invalid access key id: {id}")))?;
    Ok(GetAccessKeyInfoOutput { account })
}
