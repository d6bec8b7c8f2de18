//! Versions and their staging labels.
//!
//! A label is at one version at a time; whichever version loses AWSCURRENT becomes AWSPREVIOUS. A
//! version without labels is deprecated and may be dropped.
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html>

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use cumulet_kernel::store::{Direction, decode};

use super::error::{exists, invalid_parameter};
use super::sealing::{self, Value};
use super::secret;
use super::state::{SecretRecord, VERSIONS, VersionRecord};

pub(super) const CURRENT: &str = "AWSCURRENT";
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";
pub(super) const PENDING: &str = "AWSPENDING";
const VERSIONS_MAX: usize = 100;
const STAGES_MAX: usize = 20;

/// Puts `stage` on `version`, taking it from wherever it was.
pub(super) fn attach(secret: &mut SecretRecord, stage: &str, version: &str) {
    let before = secret.stages.insert(stage.to_owned(), version.to_owned());
    if let Some(before) = before.filter(|before| stage == CURRENT && before != version) {
        secret.stages.insert(PREVIOUS.to_owned(), before);
    }
}

/// Adds a version with these labels. The token is its id: the same token with the same value changes
/// nothing, with another value it is refused.
pub(super) fn add(
    tx: &mut Tx<'_>,
    context: &Context,
    secret: &mut SecretRecord,
    token: &str,
    value: &Value,
    stages: &[String],
) -> Result<()> {
    let known: Option<VersionRecord> = tx.load(VERSIONS, secret.version_key(token))?;
    if let Some(sealed) = known.as_ref().and_then(|known| known.value.as_ref()) {
        if sealing::open(tx, context, secret, token, sealed)? == *value {
            return Ok(());
        }
        return Err(exists(format!(
            "You can't use ClientRequestToken {token} because that value is already in use for a version of \
             secret {}.",
            secret.arn()
        )));
    }
    let version = VersionRecord {
        id: token.to_owned(),
        created: context.now,
        accessed_day: None,
        kms_key_id: secret.kms_key_id.clone(),
        value: Some(sealing::seal(tx, context, secret, token, value)?),
    };
    tx.save(VERSIONS, secret.version_key(token), &version)?;
    label(secret, token, stages)?;
    secret.changed = context.now;
    secret::save(tx, secret)?;
    drop_deprecated(tx, secret)
}

fn label(secret: &mut SecretRecord, version: &str, stages: &[String]) -> Result<()> {
    let is_first = !secret.stages.contains_key(CURRENT);
    for stage in stages {
        attach(secret, stage, version);
    }
    if is_first {
        attach(secret, CURRENT, version);
    }
    if secret.stages_of(version).len() > STAGES_MAX {
        return Err(invalid_parameter(
            "A version can have at most 20 staging labels.",
        ));
    }
    Ok(())
}

pub(super) fn all(tx: &Tx<'_>, secret: &SecretRecord) -> Result<Vec<VersionRecord>> {
    let pairs = tx.prefix(VERSIONS, secret.key(), Direction::Forward)?;
    pairs.map(|pair| Ok(decode(&pair?.1)?)).collect()
}

/// The oldest versions without a label go when there are too many.
fn drop_deprecated(tx: &mut Tx<'_>, secret: &SecretRecord) -> Result<()> {
    let versions = all(tx, secret)?;
    let surplus = versions.len().saturating_sub(VERSIONS_MAX);
    let is_deprecated = |version: &VersionRecord| secret.stages_of(&version.id).is_empty();
    let mut deprecated: Vec<_> = versions.into_iter().filter(is_deprecated).collect();
    deprecated.sort_by_key(|version| version.created);
    for version in deprecated.iter().take(surplus) {
        tx.delete(VERSIONS, secret.version_key(&version.id))?;
    }
    Ok(())
}
