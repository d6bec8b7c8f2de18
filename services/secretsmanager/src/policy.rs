//! Resource policies on secrets.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html>

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_identity::iam::{self, PolicyUse};
use cumulet_kernel::Tx;
use serde_json::Value;

use super::api::{PolicyInput, SecretOutput, ValidationError, ValidationOutput};
use super::error::no_secret;
use super::put::named;
use super::secret;

fn refuse_named(input: &PolicyInput) -> Result<()> {
    match input.policy_name {
        Some(_) => Err(Error::not_implemented(
            "secretsmanager: named resource policies",
        )),
        None => Ok(()),
    }
}

pub(super) fn put_resource_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PolicyInput,
) -> Result<SecretOutput> {
    refuse_named(&input)?;
    let mut secret = secret::living(tx, context, input.id())?;
    let policy = input.resource_policy.unwrap_or_default();
    validate(&policy)?;
    if input.block_public_policy && is_public(&policy) {
        return Err(Error::new(
            "PublicPolicyException",
            "You can't use this resource policy because it allows broad access to the secret.",
        ));
    }
    secret.policy = Some(policy.into());
    secret::save(tx, &secret)?;
    Ok(named(&secret))
}

fn validate(policy: &str) -> Result<()> {
    iam::validate_policy(policy, PolicyUse::Resource).map_err(|error| {
        let message = format!(
            "This resource policy contains a syntax error: {}",
            error.message
        );
        Error::new("MalformedPolicyDocumentException", message)
    })
}

/// Whether a statement allows everyone without any condition.
fn is_public(policy: &str) -> bool {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.clone(),
        statement => vec![statement.clone()],
    };
    let everyone = |value: &Value| match value {
        Value::Array(list) => list.iter().any(|name| name == "*"),
        name => name == "*",
    };
    statements.iter().any(|statement| {
        let principal = &statement["Principal"];
        statement["Effect"] == "Allow"
            && statement.get("Condition").is_none()
            && (everyone(principal) || everyone(&principal["AWS"]))
    })
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetResourcePolicy.html>
pub(super) fn get_resource_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PolicyInput,
) -> Result<SecretOutput> {
    refuse_named(&input)?;
    let secret = secret::any(tx, context, input.id())?;
    let policy = secret.policy.as_deref().map(str::to_owned);
    Ok(SecretOutput {
        resource_policy: policy,
        ..named(&secret)
    })
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteResourcePolicy.html>
pub(super) fn delete_resource_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PolicyInput,
) -> Result<SecretOutput> {
    refuse_named(&input)?;
    let mut secret = secret::living(tx, context, input.id())?;
    secret.policy = None;
    secret::save(tx, &secret)?;
    Ok(named(&secret))
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ValidateResourcePolicy.html>
pub(super) fn validate_resource_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PolicyInput,
) -> Result<ValidationOutput> {
    if let Some(id) = &input.secret_id {
        secret::lookup(tx, context, id)?.ok_or_else(no_secret)?;
    }
    let policy = input.resource_policy.unwrap_or_default();
    let mut errors = Vec::new();
    if let Err(error) = validate(&policy) {
        errors.push(ValidationError {
            check_name: "POLICY_SYNTAX",
            error_message: error.message,
        });
    } else if is_public(&policy) {
        let error_message = "The resource policy grants broad access to the secret.".to_owned();
        errors.push(ValidationError {
            check_name: "PUBLIC_ACCESS",
            error_message,
        });
    }
    Ok(ValidationOutput {
        policy_validation_passed: errors.is_empty(),
        validation_errors: errors,
    })
}
