//! Lambda authorizers: a function says who a caller is and what they may do; its word is kept a while.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html>

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cumulet_kernel::Timestamp;
use cumulet_lambda as lambda;
use serde_json::{Map, Value, json};

use super::super::state::{self, Authorizer};
use super::lambda_backend::{acting, function_of};
use super::log::ExecutionLog;
use super::{Call, Failure, authorization, backend, event, mapping, variables};

/// What an authorizer said.
#[derive(Clone, Debug)]
pub(super) struct Authorized {
    pub(super) principal_id: String,
    pub(super) policy: Value,
    /// Its `context`, every value as text.
    pub(super) context: Map<String, Value>,
    pub(super) usage_identifier_key: Option<String>,
    pub(super) latency_ms: i64,
}

impl Authorized {
    /// `$context.authorizer` and `requestContext.authorizer`.
    pub(super) fn shown(&self) -> Value {
        let mut shown = self.context.clone();
        shown.insert("principalId".to_owned(), self.principal_id.as_str().into());
        shown.insert("integrationLatency".to_owned(), self.latency_ms.into());
        Value::Object(shown)
    }
}

/// Answers kept, by API, stage, authorizer and identity, until a time.
#[derive(Debug, Default)]
struct Kept(Mutex<HashMap<String, (Timestamp, Authorized)>>);

const KEPT_MAX: usize = 10_000;

pub(super) async fn check(
    call: &Call<'_>,
    resource_policy: Option<&str>,
    log: &mut ExecutionLog,
) -> Result<Authorized, Failure> {
    let id = call.method.authorizer_id.as_deref().unwrap_or_default();
    let authorizer = call.definition.authorizers.get(id);
    let authorizer = authorizer.ok_or_else(Failure::authorizer_broken)?;
    let authorized = identify(call, authorizer, log).await?;
    let decided = authorization::allowed_by(call, &authorized.policy, resource_policy);
    decided.map_err(|outright| {
        let message = "User is not authorized to access this resource";
        let message = match outright {
            true => format!("{message} with an explicit deny"),
            false => message.to_owned(),
        };
        authorization::denied(&message, &call.context.account)
    })?;
    Ok(authorized)
}

/// What the authorizer says of the caller, kept or asked anew.
pub(super) async fn identify(
    call: &Call<'_>,
    authorizer: &Authorizer,
    log: &mut ExecutionLog,
) -> Result<Authorized, Failure> {
    let identity = identity(call, authorizer)?;
    let ttl_s = authorizer.ttl_s();
    // Where nothing identifies a caller, nothing can be kept for the next one.
    if ttl_s <= 0 || identity.is_empty() || call.is_test {
        return ask(call, authorizer, &identity, log).await;
    }
    let key = format!(
        "{}/{}/{}/{}/{}/{}",
        call.api_id,
        call.stage.stage_name,
        call.stage.deployment_id,
        authorizer.id,
        flushes(call)?,
        json!(identity)
    );
    let kept = call.engine.memory.of::<Kept>();
    if let Some(known) = kept.find(&key, call.now()) {
        return Ok(known);
    }
    let authorized = ask(call, authorizer, &identity, log).await?;
    kept.keep(key, call.now().plus_s(ttl_s), authorized.clone());
    Ok(authorized)
}

/// How often the stage's answers have been flushed: what was kept before the last time is not found again.
fn flushes(call: &Call<'_>) -> Result<u64, Failure> {
    let read = call
        .engine
        .read(|tx| state::authorizer_flushes(tx, call.api_id, &call.stage.stage_name));
    read.map_err(|_| Failure::internal())
}

impl Kept {
    fn find(&self, key: &str, now: Timestamp) -> Option<Authorized> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, authorized) = kept.get(key)?;
        (*until > now).then(|| authorized.clone())
    }

    fn keep(&self, key: String, until: Timestamp, authorized: Authorized) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, (until, authorized));
    }
}

/// The values of the identity sources; a request that lacks one is not even brought before the function.
fn identity(call: &Call<'_>, authorizer: &Authorizer) -> Result<Vec<String>, Failure> {
    let unauthorized = || Failure::of("UNAUTHORIZED", "Unauthorized");
    let context = variables::of(call);
    let mut identity = Vec::new();
    let sources = authorizer.identity_source.as_deref().unwrap_or_default();
    for source in sources
        .split(',')
        .map(str::trim)
        .filter(|source| !source.is_empty())
    {
        let value = mapping::of_request(call, &context, source).pop();
        identity.push(
            value
                .filter(|value| !value.is_empty())
                .ok_or_else(unauthorized)?,
        );
    }
    let expression = authorizer.identity_validation_expression.as_deref();
    let expression = expression.filter(|expression| !expression.is_empty());
    if let (Some(expression), Some(token)) = (expression, identity.first()) {
        let matches = regex::Regex::new(&format!("^(?:{expression})$"));
        if !matches.is_ok_and(|matches| matches.is_match(token)) {
            return Err(unauthorized());
        }
    }
    Ok(identity)
}

async fn ask(
    call: &Call<'_>,
    authorizer: &Authorizer,
    identity: &[String],
    log: &mut ExecutionLog,
) -> Result<Authorized, Failure> {
    let uri = authorizer.authorizer_uri.as_deref().unwrap_or_default();
    let uri = backend::with_stage_variables(call, uri);
    let function = function_of(&uri).ok_or_else(Failure::authorizer_broken)?;
    let context = acting(call, authorizer.authorizer_credentials.as_deref());
    let context = context.map_err(|_| Failure::authorizer_broken())?;
    let source = format!(
        "arn:aws:execute-api:{}:{}:{}/authorizers/{}",
        call.context.region, call.context.account, call.api_id, authorizer.id
    );
    let context = context.unwrap_or_else(|| {
        call.context
            .as_service("apigateway.amazonaws.com", &source, &call.context.account)
    });
    let event = question(call, authorizer, identity);
    log.line(format!("Sending request to {uri}"));
    let started_us = cumulet_kernel::clock::wall_micros();
    let invoked = lambda::invoke(call.engine, &context, function, event.to_string().into()).await;
    let latency_ms = (cumulet_kernel::clock::wall_micros() - started_us) / 1000;
    let invoked = invoked.map_err(|error| {
        log.line(format!(
            "Execution failed due to configuration error: Authorizer error: {error}"
        ));
        Failure::authorizer_broken()
    })?;
    let answer: Value = serde_json::from_slice(&invoked.payload).unwrap_or_default();
    if invoked.function_error.is_some() {
        return Err(match answer["errorMessage"].as_str() {
            Some("Unauthorized") => Failure::of("UNAUTHORIZED", "Unauthorized"),
            _ => Failure::authorizer_failed(),
        });
    }
    understood(&answer, latency_ms).ok_or_else(|| {
        log.line("Execution failed due to configuration error: Invalid JSON in response: the authorizer's answer is no policy".to_owned());
        Failure::authorizer_broken()
    })
}

fn question(call: &Call<'_>, authorizer: &Authorizer, identity: &[String]) -> Value {
    if authorizer.kind == "TOKEN" {
        return json!({
            "type": "TOKEN",
            "authorizationToken": identity.first(),
            "methodArn": call.method_arn(),
        });
    }
    let mut event = event::build(call);
    if let Value::Object(event) = &mut event {
        event.remove("body");
        event.remove("isBase64Encoded");
        event.insert("type".to_owned(), "REQUEST".into());
        event.insert("methodArn".to_owned(), call.method_arn().into());
    }
    event
}

/// A principal and a policy, and a flat context; `None` where the answer is anything else.
fn understood(answer: &Value, latency_ms: i64) -> Option<Authorized> {
    let principal_id = answer.get("principalId")?.as_str()?.to_owned();
    let policy = answer
        .get("policyDocument")
        .filter(|policy| policy.is_object())?;
    let mut context = Map::new();
    for (name, value) in answer
        .get("context")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let text = match value {
            Value::Object(_) | Value::Array(_) => return None,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        context.insert(name.clone(), text.into());
    }
    let key = answer.get("usageIdentifierKey").and_then(Value::as_str);
    Some(Authorized {
        principal_id,
        policy: policy.clone(),
        context,
        usage_identifier_key: key.map(str::to_owned),
        latency_ms,
    })
}
