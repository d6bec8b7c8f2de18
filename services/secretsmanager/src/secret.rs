//! Finding secrets, and what it takes to be allowed to use one.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::error::{marked_for_deletion, no_secret};
use super::state::{SECRETS, SecretRecord, secret_key};

const SUFFIX_BYTES: usize = 7;

/// The secret that a name, an ARN, or an ARN without its last six characters names.
pub(super) fn lookup(tx: &Tx<'_>, context: &Context, id: &str) -> Result<Option<SecretRecord>> {
    let Some(arn) = Arn::parse(id) else {
        return load(tx, &context.account, &context.region, id);
    };
    let Some(rest) = arn.resource.strip_prefix("secret:") else {
        return Ok(None);
    };
    if arn.service != "secretsmanager" || arn.region != &*context.region {
        return Ok(None);
    }
    if let Some((name, suffix)) = rest.split_at_checked(rest.len().saturating_sub(SUFFIX_BYTES)) {
        let found = load(tx, arn.account, arn.region, name)?;
        let suffix = suffix.strip_prefix('-');
        if let Some(found) = found.filter(|found| suffix == Some(found.suffix.as_str())) {
            return Ok(Some(found));
        }
    }
    load(tx, arn.account, arn.region, rest)
}

fn load(tx: &Tx<'_>, account: &str, region: &str, name: &str) -> Result<Option<SecretRecord>> {
    Ok(tx.load(SECRETS, secret_key(account, region, name))?)
}

/// A secret that may be on its way to deletion.
pub(super) fn any(tx: &Tx<'_>, context: &Context, id: &str) -> Result<SecretRecord> {
    lookup(tx, context, id)?.ok_or_else(no_secret)
}

/// A secret that is not on its way to deletion.
pub(super) fn living(tx: &Tx<'_>, context: &Context, id: &str) -> Result<SecretRecord> {
    let secret = any(tx, context, id)?;
    if secret.deleted.is_some() {
        Err(marked_for_deletion())
    } else {
        Ok(secret)
    }
}

pub(super) fn save(tx: &mut Tx<'_>, secret: &SecretRecord) -> Result<()> {
    Ok(tx.save(SECRETS, secret.key(), secret)?)
}

/// The permission for `action` on the secret; one that does not exist goes by the id given.
pub(super) fn access(tx: &Tx<'_>, context: &Context, action: &str, id: &str) -> Result<Access> {
    let action = format!("secretsmanager:{action}");
    let Some(secret) = lookup(tx, context, id)? else {
        return Ok(Access::new(&action, id).condition("secretsmanager:SecretId", id));
    };
    let mut access = Access::new(&action, secret.arn())
        .governed_by(secret.policy.clone(), &secret.account)
        .condition("secretsmanager:SecretId", secret.arn());
    for (key, value) in &secret.tags {
        access = access.condition(format!("aws:ResourceTag/{key}"), value);
        access = access.condition(format!("secretsmanager:ResourceTag/{key}"), value);
    }
    if let Some(rotation) = &secret.rotation {
        let key = "secretsmanager:resource/AllowRotationLambdaArn";
        access = access.condition(key, &rotation.function_arn);
    }
    Ok(access)
}
