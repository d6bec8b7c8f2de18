//! The end of a secret: after a window in which it can be restored, or at once.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html>

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::{Event, Tx};
use serde_json::json;

use super::api::{DeleteInput, SecretInput, SecretOutput, seconds};
use super::error::invalid_parameter;
use super::put::named;
use super::state::{Deletion, SECRETS, SecretRecord, VERSIONS};
use super::{rotate, secret, version};

const DAY_S: i64 = 86_400;

pub(super) fn access(tx: &Tx<'_>, context: &Context, input: &DeleteInput) -> Result<Vec<Access>> {
    let mut access = secret::access(tx, context, "DeleteSecret", &input.secret_id)?;
    let force = input.force_delete_without_recovery.to_string();
    access = access.condition("secretsmanager:ForceDeleteWithoutRecovery", force);
    if let Some(days) = input.recovery_window_in_days {
        access = access.condition("secretsmanager:RecoveryWindowInDays", days.to_string());
    }
    Ok(vec![access])
}

pub(super) fn delete_secret(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DeleteInput,
) -> Result<SecretOutput> {
    let window = input.recovery_window_in_days;
    if input.force_delete_without_recovery && window.is_some() {
        return Err(invalid_parameter(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        ));
    }
    let window = window.unwrap_or(30);
    if !(7..=30).contains(&window) {
        return Err(invalid_parameter(
            "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
        ));
    }
    if input.force_delete_without_recovery {
        return at_once(tx, context, &input.secret_id);
    }
    let mut secret = secret::living(tx, context, &input.secret_id)?;
    let due = context.now.plus_s(window * DAY_S);
    let event = Event::Timer {
        service: "secretsmanager".into(),
        kind: "delete".into(),
        subject: secret.arn(),
        detail: json!({ "account": secret.account, "region": secret.region }),
    };
    let entry = outbox::emit(tx, due, event)?;
    secret.deleted = Some(Deletion {
        asked: context.now,
        entry,
    });
    secret::save(tx, &secret)?;
    Ok(SecretOutput {
        deletion_date: Some(seconds(due)),
        ..named(&secret)
    })
}

/// A secret that is not there counts as deleted, so that a retry succeeds.
fn at_once(tx: &mut Tx<'_>, context: &Context, id: &str) -> Result<SecretOutput> {
    let output = match secret::lookup(tx, context, id)? {
        Some(secret) => {
            remove(tx, &secret)?;
            named(&secret)
        }
        None => SecretOutput {
            arn: id.to_owned(),
            name: id.to_owned(),
            ..SecretOutput::default()
        },
    };
    Ok(SecretOutput {
        deletion_date: Some(seconds(context.now)),
        ..output
    })
}

fn remove(tx: &mut Tx<'_>, secret: &SecretRecord) -> Result<()> {
    for version in version::all(tx, secret)? {
        tx.delete(VERSIONS, secret.version_key(&version.id))?;
    }
    if let Some(deletion) = secret.deleted {
        outbox::finish(tx, deletion.entry)?;
    }
    rotate::cancel_next(tx, secret.rotation.as_ref())?;
    Ok(tx.delete(SECRETS, secret.key())?)
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RestoreSecret.html>
pub(super) fn restore_secret(
    tx: &mut Tx<'_>,
    context: &Context,
    input: SecretInput,
) -> Result<SecretOutput> {
    let mut secret = secret::any(tx, context, &input.secret_id)?;
    if let Some(deletion) = secret.deleted.take() {
        outbox::finish(tx, deletion.entry)?;
        secret::save(tx, &secret)?;
    }
    Ok(named(&secret))
}

/// Removes a secret whose window has passed and that was not restored.
pub(super) fn deliver(
    tx: &mut Tx<'_>,
    context: &Context,
    entry: &Entry,
    subject: &str,
) -> Result<()> {
    outbox::finish(tx, entry.id)?;
    match secret::lookup(tx, context, subject)? {
        Some(secret)
            if secret
                .deleted
                .is_some_and(|deletion| deletion.entry == entry.id) =>
        {
            remove(tx, &secret)
        }
        _ => Ok(()),
    }
}
