//! Making secrets and giving them values.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>

use std::collections::BTreeMap;

use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, arn};
use cumulet_kernel::Tx;

use super::api::{CreateInput, PutInput, SecretOutput, UpdateInput};
use super::error::{exists, invalid_request};
use super::state::{SecretRecord, VERSIONS};
use super::version::{self, CURRENT, PENDING, PREVIOUS};
use super::{sealing, secret, tags};

const NAME_SYMBOLS: &[u8] = b"-/_+=.@!";
const SUFFIX: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

pub(super) fn create_access(
    _: &Tx<'_>,
    context: &Context,
    input: &CreateInput,
) -> Result<Vec<Access>> {
    let arn = arn::regional(
        context,
        "secretsmanager",
        format_args!("secret:{}", input.name),
    );
    let mut access = Access::new("secretsmanager:CreateSecret", arn)
        .condition("secretsmanager:Name", &input.name);
    if let Some(key) = &input.kms_key_id {
        access = access.condition("secretsmanager:KmsKeyId", key);
    }
    Ok(vec![tags::asked(access, &input.tags, &[])])
}

pub(super) fn create_secret(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateInput,
) -> Result<SecretOutput> {
    check(&input)?;
    let token = input
        .client_request_token
        .unwrap_or_else(|| context.ids.uuid());
    let value = input.value.value()?;
    if let Some(mut existing) = secret::lookup(tx, context, &input.name)? {
        return match value {
            Some(value) => again(tx, context, &mut existing, &token, &value),
            None => Err(refused(&existing)),
        };
    }
    let mut made = SecretRecord {
        account: context.account.to_string(),
        region: context.region.to_string(),
        suffix: context.ids.text(6, SUFFIX),
        description: input.description,
        kms_key_id: input.kms_key_id.and_then(own_key),
        created: context.now,
        changed: context.now,
        accessed_day: None,
        deleted: None,
        stages: BTreeMap::new(),
        tags: tags::added(context, BTreeMap::new(), &input.tags)?,
        policy: None,
        rotation: None,
        rotated: None,
        name: input.name,
    };
    secret::save(tx, &made)?;
    let Some(value) = value else {
        return Ok(named(&made));
    };
    version::add(
        tx,
        context,
        &mut made,
        &token,
        &value,
        &[CURRENT.to_owned()],
    )?;
    Ok(SecretOutput {
        version_id: Some(token),
        ..named(&made)
    })
}

fn check(input: &CreateInput) -> Result<()> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || NAME_SYMBOLS.contains(&byte);
    if !input.name.bytes().all(is_valid) {
        return Err(Error::validation(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: \
             -/_+=.@!",
        ));
    }
    if !input.add_replica_regions.is_empty() || input.cross_account_primary_arn.is_some() {
        return Err(Error::not_implemented("secretsmanager: replication"));
    }
    refuse_type(input.secret_type.as_deref())
}

fn refuse_type(secret_type: Option<&str>) -> Result<()> {
    match secret_type {
        None | Some("") => Ok(()),
        Some(_) => Err(Error::not_implemented(
            "secretsmanager: managed external secrets",
        )),
    }
}

/// The AWS managed key is what a secret has that names none.
fn own_key(key: String) -> Option<String> {
    (!key.is_empty() && key != DEFAULT_KEY).then_some(key)
}

/// The same call made twice, or another secret of the same name.
fn again(
    tx: &mut Tx<'_>,
    context: &Context,
    existing: &mut SecretRecord,
    token: &str,
    value: &sealing::Value,
) -> Result<SecretOutput> {
    let is_known = tx.get(VERSIONS, existing.version_key(token))?.is_some();
    if existing.deleted.is_some() || !is_known {
        return Err(refused(existing));
    }
    version::add(tx, context, existing, token, value, &[])?;
    Ok(SecretOutput {
        version_id: Some(token.to_owned()),
        ..named(existing)
    })
}

fn refused(existing: &SecretRecord) -> Error {
    if existing.deleted.is_some() {
        return invalid_request(
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
        );
    }
    exists(format!(
        "The operation failed because the secret {} already exists.",
        existing.name
    ))
}

pub(super) fn named(secret: &SecretRecord) -> SecretOutput {
    SecretOutput {
        arn: secret.arn(),
        name: secret.name.clone(),
        ..SecretOutput::default()
    }
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>
pub(super) fn put_secret_value(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutInput,
) -> Result<SecretOutput> {
    let value = input.value.value()?;
    let missing = || invalid_request("You must provide either SecretString or SecretBinary.");
    let value = value.ok_or_else(missing)?;
    let mut secret = secret::living(tx, context, &input.secret_id)?;
    let token = input
        .client_request_token
        .unwrap_or_else(|| context.ids.uuid());
    let stages = input
        .version_stages
        .unwrap_or_else(|| vec![CURRENT.to_owned()]);
    version::add(tx, context, &mut secret, &token, &value, &stages)?;
    Ok(SecretOutput {
        version_stages: Some(secret.stages_of(&token)),
        version_id: Some(token),
        ..named(&secret)
    })
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html>
pub(super) fn update_secret(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UpdateInput,
) -> Result<SecretOutput> {
    refuse_type(input.secret_type.as_deref())?;
    let value = input.value.value()?;
    let mut secret = secret::living(tx, context, &input.secret_id)?;
    if let Some(description) = input.description {
        secret.description = Some(description);
    }
    if let Some(key) = input.kms_key_id {
        change_key(tx, context, &mut secret, own_key(key))?;
    }
    secret.changed = context.now;
    secret::save(tx, &secret)?;
    let Some(value) = value else {
        return Ok(named(&secret));
    };
    let token = input
        .client_request_token
        .unwrap_or_else(|| context.ids.uuid());
    version::add(
        tx,
        context,
        &mut secret,
        &token,
        &value,
        &[CURRENT.to_owned()],
    )?;
    Ok(SecretOutput {
        version_id: Some(token),
        ..named(&secret)
    })
}

/// The versions in use are sealed anew under the new key; deprecated ones stay under theirs.
fn change_key(
    tx: &mut Tx<'_>,
    context: &Context,
    secret: &mut SecretRecord,
    key: Option<String>,
) -> Result<()> {
    if key == secret.kms_key_id {
        return Ok(());
    }
    secret.kms_key_id = key;
    for mut version in version::all(tx, secret)? {
        let stages = secret.stages_of(&version.id);
        let in_use = stages
            .iter()
            .any(|stage| [CURRENT, PENDING, PREVIOUS].contains(&stage.as_str()));
        let Some(sealed) = version.value.as_ref().filter(|_| in_use) else {
            continue;
        };
        let value = sealing::open(tx, context, secret, &version.id, sealed)?;
        version.value = Some(sealing::seal(tx, context, secret, &version.id, &value)?);
        version.kms_key_id.clone_from(&secret.kms_key_id);
        tx.save(VERSIONS, secret.version_key(&version.id), &version)?;
    }
    Ok(())
}
