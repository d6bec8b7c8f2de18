//! Secrets Manager: values in versions, each sealed under a data key that KMS opens for the caller.
//!
//! It knows nothing of what a secret is for. Rotation invokes a function, which stands above: that happens
//! at the edge, by the function's name, and under the function's own policy.

mod api;
mod delete;
mod describe;
mod error;
mod get;
mod password;
mod policy;
mod put;
mod resource;
mod rotate;
mod sealing;
mod secret;
mod stage;
mod state;
mod tags;
#[cfg(test)]
mod tests;
mod version;

use api::{
    BatchInput, CreateInput, GetInput, ListInput, ListVersionsInput, PasswordInput, PolicyInput,
    PutInput, SecretInput, StageInput, TagsInput, UpdateInput,
};
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::arn::Arn;
use cumulet_engine::delivery::unhandled;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::{AccessRule, Operation};
use cumulet_engine::registry::{Denial, Service};
use cumulet_kernel::outbox::Entry;
use cumulet_kernel::{Event, Tx};
use state::TABLES;

/// The permission for an action on the secret that the input names.
macro_rules! on_secret {
    ($input:ty, $action:literal) => {{
        let rule: AccessRule<$input> = |tx, context, input| {
            Ok(vec![secret::access(
                tx,
                context,
                $action,
                &input.secret_id,
            )?])
        };
        rule
    }};
}

/// The same, for operations on a secret's policy.
macro_rules! on_policy {
    ($action:literal) => {{
        let rule: AccessRule<PolicyInput> =
            |tx, context, input| Ok(vec![secret::access(tx, context, $action, input.id())?]);
        rule
    }};
}

/// All that the rest of the house knows of this service.
pub fn service() -> Service {
    Service::new("secretsmanager", Denial::Json, operations())
        .with_tables(600, TABLES)
        .with_resource_types(resource::resource_types())
        .taking_events(|engine, context, entry| Box::pin(take(engine, context, entry)))
}

async fn take(engine: Engine, context: Context, entry: Entry) -> Result<()> {
    match &entry.event {
        Event::Timer { .. } => deliver_timer(&engine, context, entry).await,
        other => Err(unhandled(other)),
    }
}

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    let mut operations = value_operations();
    operations.extend(secret_operations());
    operations.extend(policy_and_tag_operations());
    operations
}

fn value_operations() -> Vec<Operation> {
    vec![
        Operation::write::<CreateInput, _>("CreateSecret", put::create_access, put::create_secret),
        Operation::write(
            "PutSecretValue",
            on_secret!(PutInput, "PutSecretValue"),
            put::put_secret_value,
        ),
        Operation::write(
            "UpdateSecret",
            on_secret!(UpdateInput, "UpdateSecret"),
            put::update_secret,
        ),
        // Both authorise each secret once they know which version is meant.
        Operation::write::<GetInput, _>(
            "GetSecretValue",
            |_, _, _| Ok(Vec::new()),
            get::get_secret_value,
        ),
        Operation::write::<BatchInput, _>(
            "BatchGetSecretValue",
            |_, _, _| Ok(vec![Access::new("secretsmanager:BatchGetSecretValue", "*")]),
            get::batch_get_secret_value,
        ),
        Operation::read::<PasswordInput, _>(
            "GetRandomPassword",
            |_, _, _| Ok(vec![Access::new("secretsmanager:GetRandomPassword", "*")]),
            password::get_random_password,
        ),
        Operation::write(
            "UpdateSecretVersionStage",
            on_secret!(StageInput, "UpdateSecretVersionStage"),
            stage::update_secret_version_stage,
        ),
    ]
}

fn secret_operations() -> Vec<Operation> {
    vec![
        Operation::read(
            "DescribeSecret",
            on_secret!(SecretInput, "DescribeSecret"),
            describe::describe_secret,
        ),
        Operation::read::<ListInput, _>(
            "ListSecrets",
            |_, _, _| Ok(vec![Access::new("secretsmanager:ListSecrets", "*")]),
            describe::list_secrets,
        ),
        Operation::read(
            "ListSecretVersionIds",
            on_secret!(ListVersionsInput, "ListSecretVersionIds"),
            describe::list_secret_version_ids,
        ),
        Operation::write("DeleteSecret", delete::access, delete::delete_secret),
        Operation::write(
            "RestoreSecret",
            on_secret!(SecretInput, "RestoreSecret"),
            delete::restore_secret,
        ),
        Operation::edge("RotateSecret", rotate::rotate_secret),
        Operation::write(
            "CancelRotateSecret",
            on_secret!(SecretInput, "CancelRotateSecret"),
            rotate::cancel_rotate_secret,
        ),
    ]
}

fn policy_and_tag_operations() -> Vec<Operation> {
    let tag: AccessRule<TagsInput> =
        |tx, context, input| tags::access(tx, context, "TagResource", input);
    let untag: AccessRule<TagsInput> =
        |tx, context, input| tags::access(tx, context, "UntagResource", input);
    vec![
        Operation::write(
            "PutResourcePolicy",
            on_policy!("PutResourcePolicy"),
            policy::put_resource_policy,
        ),
        Operation::read(
            "GetResourcePolicy",
            on_policy!("GetResourcePolicy"),
            policy::get_resource_policy,
        ),
        Operation::write(
            "DeleteResourcePolicy",
            on_policy!("DeleteResourcePolicy"),
            policy::delete_resource_policy,
        ),
        Operation::read::<PolicyInput, _>(
            "ValidateResourcePolicy",
            |tx, context, input| match &input.secret_id {
                Some(id) => Ok(vec![secret::access(
                    tx,
                    context,
                    "ValidateResourcePolicy",
                    id,
                )?]),
                None => Ok(vec![Access::new(
                    "secretsmanager:ValidateResourcePolicy",
                    "*",
                )]),
            },
            policy::validate_resource_policy,
        ),
        Operation::write("TagResource", tag, tags::tag_resource),
        Operation::write("UntagResource", untag, tags::untag_resource),
    ]
}

/// The text of a secret as a template's dynamic reference wants it, read by the context's principal:
/// needs secretsmanager:GetSecretValue, and kms:Decrypt for a customer's key. With `json_key` it is the
/// member of that name; `None` where the text has no such member.
pub fn resolve_secret(
    tx: &Tx<'_>,
    context: &Context,
    id: &str,
    json_key: Option<&str>,
    stage: Option<&str>,
    version: Option<&str>,
) -> Result<Option<String>> {
    let input = GetInput {
        secret_id: id.to_owned(),
        version_id: version.map(str::to_owned),
        version_stage: stage.map(str::to_owned),
    };
    let sealing::Value::Text(text) = get::read(tx, context, &input)?.value else {
        return Ok(None);
    };
    let Some(key) = json_key else {
        return Ok(Some(text));
    };
    let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    Ok(document.get(key).map(|value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }))
}

/// What time sets off: the end of deletion windows, and rotations.
pub async fn deliver_timer(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let Event::Timer {
        kind,
        subject,
        detail,
        ..
    } = entry.event.clone()
    else {
        return Err(Error::internal("not a timer"));
    };
    let context = match Arn::parse(&subject) {
        Some(arn) => context.located(arn.account, arn.region),
        None => context,
    };
    match kind.as_str() {
        "delete" => {
            engine
                .write(move |tx| delete::deliver(tx, &context, &entry, &subject))
                .await
        }
        "schedule" => {
            engine
                .write(move |tx| rotate::deliver_schedule(tx, &context, &entry, &subject))
                .await
        }
        "rotate" => rotate::deliver(engine, context, entry, subject, detail).await,
        other => Err(Error::internal(format!(
            "nobody handles the timer secretsmanager/{other}"
        ))),
    }
}
