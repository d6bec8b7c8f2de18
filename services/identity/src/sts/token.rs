//! Temporary credentials for users: GetSessionToken and GetFederationToken.

use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, Principal, PrincipalKind, SessionFacts};
use cumulet_kernel::Tx;

use super::api::{
    FederatedUser, GetFederationTokenInput, GetFederationTokenOutput, GetSessionTokenInput,
    GetSessionTokenOutput,
};
use super::assume::{packed_size, session_policies, unique_tags};
use super::mfa;
use super::session::{self, NewSession};

const DEFAULT_DURATION_S: u32 = 43_200;
/// The root user's sessions last no longer.
const ROOT_LIMIT_S: u32 = 3600;

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html>
pub(super) fn get_session_token(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GetSessionTokenInput,
) -> Result<GetSessionTokenOutput> {
    refuse_sessions(context, "GetSessionToken")?;
    let mut principal = (*context.principal).clone();
    principal.session.mfa_at = mfa::redeem(tx, context, &input.serial_number, &input.token_code)?;
    let new = NewSession {
        principal,
        duration_s: duration(context, input.duration_seconds),
        maker: None,
        transitive_tag_keys: Vec::new(),
        held_by_engine: false,
    };
    let credentials = session::open(tx, context, new)?.into();
    Ok(GetSessionTokenOutput { credentials })
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html>
pub(super) fn get_federation_token(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GetFederationTokenInput,
) -> Result<GetFederationTokenOutput> {
    refuse_sessions(context, "GetFederationToken")?;
    let account = &context.principal.account;
    let (name, policy) = (input.name, input.policy.as_deref());
    let principal = Principal {
        arn: format!("arn:aws:sts::{account}:federated-user/{name}"),
        account: account.clone(),
        user_id: format!("{account}:{name}"),
        access_key_id: None,
        session_policies: session_policies(tx, account, policy, &input.policy_arns)?,
        session_tags: unique_tags(&input.tags)?,
        session: SessionFacts::default(),
        kind: PrincipalKind::FederatedUser { name },
    };
    let packed_policy_size = packed_size(&principal)?;
    let new = NewSession {
        principal,
        duration_s: duration(context, input.duration_seconds),
        maker: Some((*context.principal).clone()),
        transitive_tag_keys: Vec::new(),
        held_by_engine: false,
    };
    let credentials = session::open(tx, context, new)?;
    Ok(GetFederationTokenOutput {
        federated_user: FederatedUser {
            federated_user_id: credentials.principal.user_id.clone(),
            arn: credentials.principal.arn.clone(),
        },
        credentials: credentials.into(),
        packed_policy_size,
    })
}

fn duration(context: &Context, asked_s: Option<u32>) -> u32 {
    let duration_s = asked_s.unwrap_or(DEFAULT_DURATION_S);
    match context.principal.kind {
        PrincipalKind::Root => duration_s.min(ROOT_LIMIT_S),
        _ => duration_s,
    }
}

/// Only long-lived credentials make these tokens.
fn refuse_sessions(context: &Context, operation: &str) -> Result<()> {
    let key = context
        .principal
        .access_key_id
        .as_deref()
        .unwrap_or_default();
    let long_lived = matches!(
        context.principal.kind,
        PrincipalKind::User { .. } | PrincipalKind::Root
    );
    if long_lived && !key.starts_with("ASIA") {
        return Ok(());
    }
    Err(Error::access_denied(format!(
        "Cannot call {operation} with session credentials"
    )))
}
