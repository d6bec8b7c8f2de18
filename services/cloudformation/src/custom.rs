//! Custom resources: a function does the work and answers by a PUT to an address it is given.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>
//!
//! The invocation is queued in the transaction of the step, so it is made once. The address holds a
//! token that nobody can guess, that is good for one answer to one request, and that dies with it.

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::http::HttpReply;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall};
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::{Event, Timestamp, Tx};
use cumulet_lambda as lambda;
use serde_json::{Map, Value, json};

use super::state::{self, Answer, Work};
use super::template::functions::text;
use super::wait;
use super::waking::wake;

/// The path of the front door below which answers arrive; the token follows.
pub const RESPONSE_PATH: &str = "/_cumulet/custom-resource/";
const TIMEOUT_S: i64 = 3600;
const ANSWER_BYTES_MAX: usize = 4096;

pub(super) static PROVIDER: Provider = Provider::new(
    "AWS::CloudFormation::CustomResource",
    &[],
    create,
    update,
    delete,
)
.stabilised_by(answered);

/// Whether a type is carried out by a function.
pub(super) fn is_custom(kind: &str) -> bool {
    kind.starts_with("Custom::") || kind == PROVIDER.name
}

fn create(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    ask(call, "Create")
}

fn update(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    ask(call, "Update")
}

fn delete(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    if !call.journal.is_null() {
        return answered(call);
    }
    if call.physical_id.is_empty() {
        return Ok(Outcome::Done);
    }
    ask(call, "Delete")
}

/// Queues the request for the function.
fn ask(call: &mut ResourceCall<'_, '_>, request_type: &str) -> Result<Outcome> {
    let token = call.context.ids.hex(64);
    let request_id = call.context.ids.uuid();
    let mut request = json!({
        "RequestType": request_type,
        "ResponseURL": format!("{}{RESPONSE_PATH}{token}", call.context.endpoint),
        "StackId": call.stack.id,
        "RequestId": request_id,
        "ResourceType": call.kind,
        "LogicalResourceId": call.logical_id,
        "ResourceProperties": stringified(call.properties),
    });
    if request_type != "Create" {
        request["PhysicalResourceId"] = call.physical_id.as_str().into();
    }
    if request_type == "Update" {
        request["OldResourceProperties"] = stringified(call.old_properties);
    }
    let function = call.text("ServiceToken").to_owned();
    if function.starts_with("arn:aws:sns:") {
        return Err(Error::not_implemented("A custom resource behind SNS"));
    }
    let payload = request.to_string();
    lambda::invoke_watched(call.tx, call.context, &function, payload.as_bytes(), &token)?;
    let timeout_s = call.property("ServiceTimeout").and_then(text);
    let timeout_s = timeout_s.and_then(|seconds| seconds.parse().ok());
    let deadline = call.context.now.plus_s(timeout_s.unwrap_or(TIMEOUT_S));
    let answer = Answer {
        stack_id: call.stack.id.clone(),
        logical_id: call.logical_id.to_owned(),
        request_id: request_id.clone(),
        body: None,
    };
    state::save_answer(call.tx, &token, &answer)?;
    call.journal = json!({ "token": token, "request_id": request_id, "deadline_ms": deadline.0 });
    until_deadline(call)
}

/// Scalars reach the function as text.
fn stringified(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(stringified).collect(),
        Value::Object(members) => {
            let turned = members
                .iter()
                .map(|(name, member)| (name.clone(), stringified(member)));
            Value::Object(turned.collect())
        }
        scalar => text(scalar).map_or(Value::Null, Value::from),
    }
}

fn until_deadline(call: &ResourceCall<'_, '_>) -> Result<Outcome> {
    let deadline_ms = call.journal["deadline_ms"].as_i64().unwrap_or_default();
    let after_ms = deadline_ms - call.context.now.0;
    if after_ms > 0 {
        return Ok(Outcome::AskAgain { after_ms });
    }
    let request_id = call.journal["request_id"].as_str().unwrap_or_default();
    Err(Error::new(
        "NotStabilized",
        format!(
            "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId [{request_id}]. If you are using the Python cfn-response module, you may need to update your Lambda function code so that CloudFormation can attach the updated version."
        ),
    ))
}

/// Takes the answer, where it has come.
fn answered(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let token = call.journal["token"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let answer = state::answer(call.tx, &token)?;
    let Some(body) = answer.as_ref().and_then(|answer| answer.body.as_ref()) else {
        return until_deadline(call);
    };
    let body: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let request_id = call.journal["request_id"].as_str().unwrap_or_default();
    if body["Status"] != "SUCCESS" {
        let reason = body["Reason"].as_str().unwrap_or_default();
        return Err(Error::new(
            "GeneralServiceException",
            format!(
                "Received response status [FAILED] from custom resource. Message returned: {reason} (RequestId: {request_id})"
            ),
        ));
    }
    let Some(physical_id) = body["PhysicalResourceId"]
        .as_str()
        .filter(|id| !id.is_empty())
    else {
        return Err(Error::new("InvalidRequest", "Invalid PhysicalResourceId"));
    };
    call.identify(physical_id);
    call.attributes = data(&body);
    call.journal = Value::Null;
    state::forget_answer(call.tx, &token)?;
    Ok(Outcome::Done)
}

/// `Data` as attributes, nested ones with dots.
fn data(body: &Value) -> Map<String, Value> {
    let mut attributes = Map::new();
    flatten("", &body["Data"], &mut attributes);
    attributes
}

fn flatten(prefix: &str, value: &Value, attributes: &mut Map<String, Value>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        flatten(&path, member, attributes);
        attributes.insert(path, member.clone());
    }
}

/// Takes a function's answer to a custom resource's request at the front door: `token` is what follows
/// [`RESPONSE_PATH`]. Good once; a second answer, or one to a forgotten request, is refused.
pub async fn response(engine: &Engine, context: Context, token: &str, body: &[u8]) -> HttpReply {
    let (token, text) = (token.to_owned(), String::from_utf8_lossy(body).into_owned());
    if body.len() > ANSWER_BYTES_MAX {
        return refused(400, "EntityTooLarge", "Response object is too long.");
    }
    let taken = engine
        .write(move |tx| take(tx, &context, &token, text))
        .await;
    match taken {
        Ok(true) => HttpReply {
            status: 200,
            ..HttpReply::default()
        },
        Ok(false) => refused(403, "AccessDenied", "Access Denied"),
        Err(_) => refused(500, "InternalError", "An internal error occurred."),
    }
}

fn refused(status: u16, code: &str, message: &str) -> HttpReply {
    let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let headers = vec![("Content-Type".to_owned(), "application/xml".to_owned())];
    HttpReply {
        status,
        headers,
        body: body.into_bytes().into(),
    }
}

fn take(tx: &mut Tx<'_>, context: &Context, token: &str, body: String) -> Result<bool> {
    let Some(mut answer) = state::answer(tx, token)? else {
        return wait::take(tx, token, &body, context.now);
    };
    if answer.body.is_some() {
        return Ok(false);
    }
    note_identity(tx, &answer, &body)?;
    answer.body = Some(body);
    state::save_answer(tx, token, &answer)?;
    wake(tx, token, &answer.stack_id, context.now)?;
    Ok(true)
}

/// A creation that failed is undone under the id that its function answered.
fn note_identity(tx: &mut Tx<'_>, answer: &Answer, body: &str) -> Result<()> {
    let body: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let id = body["PhysicalResourceId"].as_str().unwrap_or_default();
    let row = state::resource(tx, &answer.stack_id, &answer.logical_id)?;
    let Some(mut row) = row.filter(|row| row.work == Work::Create && !id.is_empty()) else {
        return Ok(());
    };
    if let Some(now) = &mut row.now {
        now.physical_id = id.to_owned();
    }
    state::save_resource(tx, &answer.stack_id, &row)
}

/// The function that was to answer failed: its resource fails now, and not when the hour is over.
///
/// AWS tries the function twice more and waits; here the first failure counts, because a function that
/// raises once raises again, and who deploys is waiting.
pub(super) async fn deliver_failure(engine: &Engine, entry: Entry) -> Result<()> {
    let Event::InvocationFailed { watcher, message } = entry.event else {
        return Err(Error::internal("not a failed invocation"));
    };
    let now = engine.clock.now();
    engine
        .write(move |tx| {
            outbox::finish(tx, entry.id)?;
            invocation_failed(tx, now, &watcher, &message)
        })
        .await
}

fn invocation_failed(tx: &mut Tx<'_>, now: Timestamp, token: &str, message: &str) -> Result<()> {
    let Some(mut answer) = state::answer(tx, token)?.filter(|answer| answer.body.is_none()) else {
        return Ok(());
    };
    let reason = format!("The function failed before it answered: {message}");
    answer.body = Some(json!({ "Status": "FAILED", "Reason": reason }).to_string());
    state::save_answer(tx, token, &answer)?;
    wake(tx, token, &answer.stack_id, now)
}
