//! Rotation: a function makes, sets, tests and finishes a new version, now and by the clock.
//!
//! The function stands above this service, so it is invoked at the edge, by name, as Secrets Manager
//! itself and under the function's own policy. A rotation that fails is tried again.
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets.html>

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::{Reply, Request};
use cumulet_identity::iam;
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::{Event, Timestamp, Tx};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::api::{RotateInput, RotationRules, SecretInput, SecretOutput};
use super::error::{invalid_parameter, invalid_request};
use super::put::named;
use super::secret;
use super::state::{Rotation, SecretRecord, VERSIONS, VersionRecord};
use super::version::{self, CURRENT, PENDING};

const SERVICE: &str = "secretsmanager.amazonaws.com";
const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];
const TEST_ONLY: [&str; 1] = ["testSecret"];
const ATTEMPTS_MAX: u32 = 5;
const RETRY_S: i64 = 60;
const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html>
pub(super) fn rotate_secret(
    engine: Engine,
    context: Context,
    mut request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let input: RotateInput = request.decode()?;
        let (secret, function) = engine.read(|tx| asked(tx, &context, &input))?;
        let dry = json!({ "FunctionName": function, "InvocationType": "DryRun" });
        let allowed = engine.call(
            as_service(&context, &secret),
            "lambda",
            "Invoke",
            Request::new(dry),
        );
        allowed.await.map_err(|_| not_invocable())?;
        let begun = engine
            .write(move |tx| Ok(begin(tx, &context, &input, function)))
            .await?;
        Reply::of(&begun?)
    })
}

fn asked(tx: &Tx<'_>, context: &Context, input: &RotateInput) -> Result<(SecretRecord, String)> {
    let access = secret::access(tx, context, "RotateSecret", &input.secret_id)?;
    let access = match &input.rotation_lambda_arn {
        Some(arn) => access.condition("secretsmanager:RotationLambdaARN", arn),
        None => access,
    };
    iam::authorise(tx, context, &[access])?;
    if input.external_secret_rotation_role_arn.is_some() {
        return Err(Error::not_implemented(
            "secretsmanager: managed external secrets",
        ));
    }
    let secret = secret::living(tx, context, &input.secret_id)?;
    let known = secret
        .rotation
        .as_ref()
        .map(|rotation| rotation.function_arn.clone());
    let function = input.rotation_lambda_arn.clone().or(known);
    let missing =
        || invalid_request("No Lambda rotation function ARN is associated with this secret.");
    Ok((secret, function.ok_or_else(missing)?))
}

fn not_invocable() -> Error {
    Error::access_denied(
        "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants \
         access to the principal secretsmanager.amazonaws.com.",
    )
}

fn as_service(context: &Context, secret: &SecretRecord) -> Context {
    let context = context.as_service(SERVICE, &secret.arn(), &secret.account);
    context.located(&secret.account, &secret.region)
}

fn begin(
    tx: &mut Tx<'_>,
    context: &Context,
    input: &RotateInput,
    function: String,
) -> Result<SecretOutput> {
    let mut secret = secret::living(tx, context, &input.secret_id)?;
    if let Some(pending) = unfinished(&secret) {
        emit_rotation(tx, context.now, &secret, &pending, false)?;
        let message = "A previous rotation isn't complete. That rotation will be reattempted.";
        return Err(invalid_request(message));
    }
    let rules = input
        .rotation_rules
        .clone()
        .unwrap_or_else(|| rules_of(secret.rotation.as_ref()));
    let interval_s = interval_s(&rules)?;
    cancel_next(tx, secret.rotation.as_ref())?;
    let next =
        interval_s.map(|interval_s| emit_schedule(tx, context.now.plus_s(interval_s), &secret));
    secret.rotation = Some(Rotation {
        enabled: true,
        function_arn: function,
        automatically_after_days: rules.automatically_after_days,
        schedule_expression: rules.schedule_expression,
        duration: rules.duration,
        next: next.transpose()?,
    });
    let token = input
        .client_request_token
        .clone()
        .unwrap_or_else(|| context.ids.uuid());
    let test_only = input.rotate_immediately == Some(false);
    start(tx, context, &mut secret, &token, test_only)?;
    Ok(SecretOutput {
        version_id: Some(token),
        ..named(&secret)
    })
}

/// The version of a rotation that has begun and not ended.
fn unfinished(secret: &SecretRecord) -> Option<String> {
    let pending = secret.stages.get(PENDING)?;
    (secret.stages.get(CURRENT) != Some(pending)).then(|| pending.clone())
}

fn rules_of(rotation: Option<&Rotation>) -> RotationRules {
    rotation.map_or_else(RotationRules::default, |rotation| RotationRules {
        automatically_after_days: rotation.automatically_after_days,
        duration: rotation.duration.clone(),
        schedule_expression: rotation.schedule_expression.clone(),
    })
}

/// An empty version under AWSPENDING, and the event that has the function fill it.
fn start(
    tx: &mut Tx<'_>,
    context: &Context,
    secret: &mut SecretRecord,
    token: &str,
    test_only: bool,
) -> Result<()> {
    if tx.get(VERSIONS, secret.version_key(token))?.is_none() {
        let empty = VersionRecord {
            id: token.to_owned(),
            created: context.now,
            accessed_day: None,
            kms_key_id: secret.kms_key_id.clone(),
            value: None,
        };
        tx.save(VERSIONS, secret.version_key(token), &empty)?;
    }
    version::attach(secret, PENDING, token);
    secret::save(tx, secret)?;
    emit_rotation(tx, context.now, secret, token, test_only)
}

fn interval_s(rules: &RotationRules) -> Result<Option<i64>> {
    match (rules.automatically_after_days, &rules.schedule_expression) {
        (Some(_), Some(_)) => Err(invalid_parameter(
            "You can specify AutomaticallyAfterDays or ScheduleExpression, but not both.",
        )),
        (Some(days), None) => Ok(Some(i64::from(days) * DAY_S)),
        (None, Some(expression)) => rate_s(expression).map(Some),
        (None, None) => Ok(None),
    }
}

/// `rate(10 days)` in seconds.
fn rate_s(expression: &str) -> Result<i64> {
    if expression.starts_with("cron(") {
        return Err(Error::not_implemented("secretsmanager: cron expressions"));
    }
    let invalid = || invalid_parameter("The schedule expression is not valid.");
    let rate = expression
        .strip_prefix("rate(")
        .and_then(|rate| rate.strip_suffix(')'));
    let (count, unit) = rate
        .and_then(|rate| rate.split_once(' '))
        .ok_or_else(invalid)?;
    let count: u32 = count.parse().map_err(|_| invalid())?;
    match unit.trim() {
        "hour" | "hours" if count >= 4 => Ok(i64::from(count) * HOUR_S),
        "day" | "days" if (1..=1000).contains(&count) => Ok(i64::from(count) * DAY_S),
        _ => Err(invalid()),
    }
}

fn timer(secret: &SecretRecord, kind: &str, detail: Value) -> Event {
    Event::Timer {
        service: "secretsmanager".into(),
        kind: kind.into(),
        subject: secret.arn(),
        detail,
    }
}

fn emit_rotation(
    tx: &mut Tx<'_>,
    due: Timestamp,
    secret: &SecretRecord,
    token: &str,
    test_only: bool,
) -> Result<()> {
    let detail = json!({ "token": token, "test_only": test_only });
    outbox::emit(tx, due, timer(secret, "rotate", detail))?;
    Ok(())
}

fn emit_schedule(
    tx: &mut Tx<'_>,
    due: Timestamp,
    secret: &SecretRecord,
) -> Result<outbox::EntryId> {
    Ok(outbox::emit(
        tx,
        due,
        timer(secret, "schedule", Value::Null),
    )?)
}

pub(super) fn cancel_next(tx: &mut Tx<'_>, rotation: Option<&Rotation>) -> Result<()> {
    match rotation.and_then(|rotation| rotation.next) {
        Some(entry) => Ok(outbox::finish(tx, entry)?),
        None => Ok(()),
    }
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CancelRotateSecret.html>
pub(super) fn cancel_rotate_secret(
    tx: &mut Tx<'_>,
    context: &Context,
    input: SecretInput,
) -> Result<SecretOutput> {
    let mut secret = secret::living(tx, context, &input.secret_id)?;
    cancel_next(tx, secret.rotation.as_ref())?;
    if let Some(rotation) = &mut secret.rotation {
        rotation.enabled = false;
        rotation.next = None;
    }
    secret::save(tx, &secret)?;
    let pending = secret.stages.get(PENDING).cloned();
    Ok(SecretOutput {
        version_id: pending,
        ..named(&secret)
    })
}

/// The interval has passed: the next rotation begins, and the one after it is set.
pub(super) fn deliver_schedule(
    tx: &mut Tx<'_>,
    context: &Context,
    entry: &Entry,
    subject: &str,
) -> Result<()> {
    outbox::finish(tx, entry.id)?;
    let Some(mut secret) = secret::lookup(tx, context, subject)? else {
        return Ok(());
    };
    let rules = rules_of(secret.rotation.as_ref());
    let Some(rotation) = secret
        .rotation
        .as_mut()
        .filter(|rotation| rotation.next == Some(entry.id))
    else {
        return Ok(());
    };
    rotation.next = None;
    if let Some(interval_s) = interval_s(&rules)? {
        let next = emit_schedule(tx, entry.id.due.plus_s(interval_s), &secret)?;
        secret.rotation = secret.rotation.map(|rotation| Rotation {
            next: Some(next),
            ..rotation
        });
    }
    let token = unfinished(&secret).unwrap_or_else(|| context.ids.uuid());
    start(tx, context, &mut secret, &token, false)
}

/// Runs the function through its steps.
pub(super) async fn deliver(
    engine: &Engine,
    context: Context,
    entry: Entry,
    subject: String,
    detail: Value,
) -> Result<()> {
    let token = detail["token"].as_str().unwrap_or_default().to_owned();
    let test_only = detail["test_only"] == true;
    let found = engine.read(|tx| secret::lookup(tx, &context, &subject))?;
    let meant = found.filter(|secret| {
        secret.deleted.is_none() && secret.stages.get(PENDING).is_some_and(|at| *at == token)
    });
    let Some(secret) = meant else {
        return engine
            .write(move |tx| Ok(outbox::finish(tx, entry.id)?))
            .await;
    };
    let steps: &[&str] = if test_only { &TEST_ONLY } else { &STEPS };
    let succeeded = run_steps(engine, &context, &secret, &token, steps).await;
    let now = engine.clock.now();
    engine
        .write(move |tx| {
            settle(
                tx, &context, entry, &subject, &token, test_only, now, succeeded,
            )
        })
        .await
}

async fn run_steps(
    engine: &Engine,
    context: &Context,
    secret: &SecretRecord,
    token: &str,
    steps: &[&str],
) -> bool {
    let Some(rotation) = &secret.rotation else {
        return false;
    };
    for step in steps {
        let payload =
            json!({ "Step": step, "SecretId": secret.arn(), "ClientRequestToken": token });
        let invoke = json!({
            "FunctionName": rotation.function_arn,
            "Payload": BASE64_STANDARD.encode(payload.to_string()),
        });
        let context = as_service(context, secret);
        let invoked = engine
            .call(context.clone(), "lambda", "Invoke", Request::new(invoke))
            .await;
        let failure = match invoked {
            Ok(reply) => reply.output.get("FunctionError").map(Value::to_string),
            Err(error) => Some(error.to_string()),
        };
        if let Some(failure) = failure {
            tracing::warn!(
                secret = secret.name,
                step,
                failure,
                "a rotation step failed"
            );
            context
                .trace
                .note("rotation.failed", format!("{step}: {failure}"));
            return false;
        }
    }
    true
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one delivery, put together once"
)]
fn settle(
    tx: &mut Tx<'_>,
    context: &Context,
    entry: Entry,
    subject: &str,
    token: &str,
    test_only: bool,
    now: Timestamp,
    succeeded: bool,
) -> Result<()> {
    let Some(mut secret) = secret::lookup(tx, context, subject)? else {
        return Ok(outbox::finish(tx, entry.id)?);
    };
    let is_current = secret.stages.get(CURRENT).is_some_and(|at| at == token);
    if test_only {
        secret.stages.remove(PENDING);
        tx.delete(VERSIONS, secret.version_key(token))?;
    } else if succeeded && is_current {
        secret.rotated = Some(now);
        secret
            .stages
            .retain(|stage, at| stage != PENDING || at != token);
    } else if entry.attempts < ATTEMPTS_MAX {
        let due = now.plus_s(RETRY_S << entry.attempts);
        outbox::retry(tx, entry, due)?;
        return Ok(());
    }
    secret::save(tx, &secret)?;
    Ok(outbox::finish(tx, entry.id)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read() {
        assert_eq!(rate_s("rate(10 days)"), Ok(10 * DAY_S));
        assert_eq!(rate_s("rate(4 hours)"), Ok(4 * HOUR_S));
        assert!(rate_s("rate(3 hours)").is_err());
        assert!(rate_s("rate(ten days)").is_err());
        assert_eq!(
            rate_s("cron(0 8 1 * ? *)").map_err(|error| error.status),
            Err(501)
        );
    }
}
