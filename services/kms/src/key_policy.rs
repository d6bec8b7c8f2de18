//! Key policies.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_identity::iam::{self, PolicyUse};
use cumulet_kernel::Tx;

use super::api::{
    GetKeyPolicyInput, GetKeyPolicyOutput, KeyIdInput, ListKeyPoliciesOutput, NothingOutput,
    PutKeyPolicyInput,
};
use super::error::not_found;
use super::key::{Asked, access, authorise, find_without_alias};
use super::state::{KEYS, KeyRecord};

const ONLY_NAME: &str = "default";

/// Refuses a document that cannot be read, or that would lock its writer out.
pub(super) fn check(
    tx: &Tx<'_>,
    context: &Context,
    key: &KeyRecord,
    document: &str,
    bypass_lockout_check: bool,
) -> Result<()> {
    let malformed = |message: String| Error::new("MalformedPolicyDocumentException", message);
    iam::validate_policy(document, PolicyUse::Resource)
        .map_err(|error| malformed(error.message))?;
    if bypass_lockout_check {
        return Ok(());
    }
    let proposed = KeyRecord {
        policy: document.into(),
        ..key.clone()
    };
    let access = access(context, &proposed, "kms:PutKeyPolicy", &Asked::default());
    if iam::is_allowed(tx, context, &access)? {
        return Ok(());
    }
    Err(malformed(
        "The new key policy will not allow you to update the key policy in the future.".into(),
    ))
}

fn check_name(name: Option<&str>) -> Result<()> {
    match name {
        None | Some(ONLY_NAME) => Ok(()),
        Some(_) => Err(not_found("No such policy exists")),
    }
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyPolicy.html>
pub(super) fn get_key_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GetKeyPolicyInput,
) -> Result<GetKeyPolicyOutput> {
    let key = find_without_alias(tx, context, &input.key_id)?.key;
    authorise(tx, context, &key, "kms:GetKeyPolicy", &Asked::default())?;
    check_name(input.policy_name.as_deref())?;
    Ok(GetKeyPolicyOutput {
        policy: key.policy.to_string(),
        policy_name: ONLY_NAME,
    })
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html>
pub(super) fn put_key_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutKeyPolicyInput,
) -> Result<NothingOutput> {
    let mut key = find_without_alias(tx, context, &input.key_id)?.key;
    authorise(tx, context, &key, "kms:PutKeyPolicy", &Asked::default())?;
    check_name(input.policy_name.as_deref())?;
    check(
        tx,
        context,
        &key,
        &input.policy,
        input.bypass_policy_lockout_safety_check,
    )?;
    key.policy = input.policy.into();
    tx.save(KEYS, key.key(), &key)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ListKeyPolicies.html>
pub(super) fn list_key_policies(
    tx: &mut Tx<'_>,
    context: &Context,
    input: KeyIdInput,
) -> Result<ListKeyPoliciesOutput> {
    let key = find_without_alias(tx, context, &input.key_id)?.key;
    authorise(tx, context, &key, "kms:ListKeyPolicies", &Asked::default())?;
    Ok(ListKeyPoliciesOutput {
        policy_names: [ONLY_NAME],
        truncated: false,
    })
}
