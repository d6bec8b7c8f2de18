//! Moving staging labels by hand.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html>

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::api::{SecretOutput, StageInput};
use super::error::{invalid_parameter, no_value};
use super::put::named;
use super::secret;
use super::state::VERSIONS;
use super::version::{self, CURRENT};

pub(super) fn update_secret_version_stage(
    tx: &mut Tx<'_>,
    context: &Context,
    input: StageInput,
) -> Result<SecretOutput> {
    let mut secret = secret::living(tx, context, &input.secret_id)?;
    let stage = input.version_stage;
    for id in [&input.remove_from_version_id, &input.move_to_version_id]
        .into_iter()
        .flatten()
    {
        if tx.get(VERSIONS, secret.version_key(id))?.is_none() {
            return Err(no_value(format_args!("VersionId: {id}")));
        }
    }
    let present = secret.stages.get(&stage).cloned();
    check_removal(
        &stage,
        present.as_deref(),
        &input.remove_from_version_id,
        &input.move_to_version_id,
    )?;
    match input.move_to_version_id {
        Some(version) => version::attach(&mut secret, &stage, &version),
        None => drop(secret.stages.remove(&stage)),
    }
    secret.changed = context.now;
    secret::save(tx, &secret)?;
    Ok(named(&secret))
}

fn check_removal(
    stage: &str,
    present: Option<&str>,
    from: &Option<String>,
    to: &Option<String>,
) -> Result<()> {
    if stage == CURRENT && to.is_none() {
        return Err(invalid_parameter(
            "You can only move staging label AWSCURRENT to a different secret version. It can\u{2019}t be \
             completely removed.",
        ));
    }
    match (present, from.as_deref()) {
        (Some(present), None) if to.as_deref() != Some(present) => Err(invalid_parameter(format!(
            "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to \
             version {present}, so you must explicitly reference that version in RemoveFromVersionId."
        ))),
        (present, Some(from)) if present != Some(from) => Err(invalid_parameter(format!(
            "The staging label {stage} is currently not attached to version {from}."
        ))),
        _ => Ok(()),
    }
}
