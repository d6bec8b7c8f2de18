//! Invoke, synchronous and asynchronous.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use cumulet_engine::Context;
use cumulet_engine::body::Body;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::{Reply, Request};
use cumulet_engine::runner::Outcome;
use cumulet_identity::iam;
use cumulet_kernel::Tx;
use futures_util::future::BoxFuture;
use serde::de::IgnoredAny;

use super::api::{InvokeInput, InvokeOutput};
use super::name::FunctionName;
use super::run::{self, Call, Prepared};
use super::{Invoked, asynchronous, concurrency, configuration, errors, resolve};

const SYNCHRONOUS_BYTES_MAX: usize = 6_291_456;
const ASYNCHRONOUS_BYTES_MAX: usize = 1_048_576;
const LOG_RESULT_BYTES: usize = 4096;

pub(super) fn operation(
    engine: Engine,
    context: Context,
    mut request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let mut input: InvokeInput = request.decode()?;
        if input.tenant_id.is_some() || input.durable_execution_name.is_some() {
            return Err(Error::not_implemented(
                "lambda: tenants and durable executions",
            ));
        }
        let name =
            FunctionName::qualified(&context, &input.function_name, input.qualifier.as_deref())?;
        let limit_bytes = match input.invocation_type.as_deref() {
            Some("Event") => ASYNCHRONOUS_BYTES_MAX,
            _ => SYNCHRONOUS_BYTES_MAX,
        };
        let payload = payload(request.body, input.payload.take(), limit_bytes).await?;
        match input.invocation_type.as_deref() {
            Some("Event") => accept(&engine, &context, name, payload, input).await,
            Some("DryRun") => {
                engine.read(|tx| prepare(tx, &context, name))?;
                status(204)
            }
            _ => answer(&engine, &context, name, payload, input).await,
        }
    })
}

async fn payload(body: Body, member: Option<String>, limit_bytes: usize) -> Result<Bytes> {
    let too_large = || errors::request_too_large(limit_bytes);
    let payload = match member {
        Some(text) => BASE64_STANDARD
            .decode(text)
            .map(Bytes::from)
            .map_err(errors::bad_payload)?,
        None => body.collect(limit_bytes, too_large).await?,
    };
    if payload.len() > limit_bytes {
        return Err(too_large());
    }
    Ok(payload)
}

fn status(status: u16) -> Result<Reply> {
    let mut reply = Reply::of(&InvokeOutput {
        status_code: status,
        function_error: None,
        log_result: None,
        executed_version: None,
        payload: None,
    })?;
    reply.status = Some(status);
    Ok(reply)
}

async fn accept(
    engine: &Engine,
    context: &Context,
    name: FunctionName,
    payload: Bytes,
    input: InvokeInput,
) -> Result<Reply> {
    let client_context = client_context(input.client_context)?;
    let context = context.clone();
    engine
        .write(move |tx| {
            let payload = checked(payload)?;
            let request_id = context.request_id.to_string();
            let order = asynchronous::Order {
                payload: &payload,
                request_id,
                client_context,
                watcher: None,
            };
            asynchronous::accept(tx, &context, &name, order)
        })
        .await?;
    status(202)
}

async fn answer(
    engine: &Engine,
    context: &Context,
    name: FunctionName,
    payload: Bytes,
    input: InvokeInput,
) -> Result<Reply> {
    let prepared = engine.read(|tx| prepare(tx, context, name))?;
    let executed_version = prepared.version.version.clone();
    let call = call(context, payload, input.client_context)?;
    let outcome = run::to_the_end(engine, context, prepared, call).await?;
    let tail = input.log_type.as_deref() == Some("Tail");
    Reply::of(&InvokeOutput {
        status_code: 200,
        log_result: tail.then(|| log_result(&outcome)),
        function_error: outcome.function_error,
        executed_version: Some(executed_version),
        payload: Some(BASE64_STANDARD.encode(&outcome.payload)),
    })
}

/// What the function is given, checked.
pub(super) fn call(context: &Context, payload: Bytes, client: Option<String>) -> Result<Call> {
    Ok(Call {
        request_id: context.request_id.to_string(),
        payload: checked(payload)?,
        client_context: client_context(client)?,
        stream: None,
    })
}

/// The payload of a synchronous invocation.
pub(super) async fn synchronous_payload(body: Body, member: Option<String>) -> Result<Bytes> {
    payload(body, member, SYNCHRONOUS_BYTES_MAX).await
}

/// For other services: the same path without the wire.
pub(super) async fn for_service(
    engine: &Engine,
    context: &Context,
    function: &str,
    payload: Bytes,
) -> Result<Invoked> {
    let (context, _span) = context.span("lambda:Invoke");
    let outcome = async {
        let name = FunctionName::parse(&context, function)?;
        if payload.len() > SYNCHRONOUS_BYTES_MAX {
            return Err(errors::request_too_large(SYNCHRONOUS_BYTES_MAX));
        }
        let prepared = engine.read(|tx| prepare(tx, &context, name))?;
        let executed_version = prepared.version.version.clone();
        let call = Call {
            request_id: context.ids.uuid(),
            payload: checked(payload)?,
            client_context: None,
            stream: None,
        };
        let outcome = run::to_the_end(engine, &context, prepared, call).await?;
        Ok(Invoked {
            payload: outcome.payload,
            function_error: outcome.function_error,
            executed_version,
        })
    };
    outcome
        .await
        .inspect_err(|error| context.trace.fail(&error.code))
}

/// Authorises the invocation and finds what it would run.
pub(super) fn prepare(tx: &Tx<'_>, context: &Context, name: FunctionName) -> Result<Prepared> {
    authorise(tx, context, &name)?;
    let prepared = find(tx, context, name)?;
    configuration::refuse_unless_active(&prepared.version)?;
    Ok(prepared)
}

pub(super) fn authorise(tx: &Tx<'_>, context: &Context, name: &FunctionName) -> Result<()> {
    let access = resolve::access_to(tx, "lambda:InvokeFunction", name)?;
    iam::authorise(tx, context, &[access])
}

pub(super) fn find(tx: &Tx<'_>, context: &Context, name: FunctionName) -> Result<Prepared> {
    let version = resolve::drawn(tx, context, &name)?;
    let limits = concurrency::limits(tx, &name)?;
    Ok(Prepared {
        name,
        version,
        limits,
    })
}

fn client_context(text: Option<String>) -> Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    let refused = || errors::bad_payload("the client context is no base64 of a JSON object");
    let decoded = BASE64_STANDARD.decode(text).map_err(|_| refused())?;
    let decoded = String::from_utf8(decoded).map_err(|_| refused())?;
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&decoded)
        .map_err(|_| refused())?;
    Ok(Some(decoded))
}

/// The payload, if it is JSON; no payload is an empty object.
fn checked(payload: Bytes) -> Result<Bytes> {
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<IgnoredAny>(&payload) {
        Ok(_) => Ok(payload),
        Err(error) => Err(errors::bad_payload(parse_failure(&payload, &error))),
    }
}

/// What AWS's JSON parser would say of it.
fn parse_failure(payload: &[u8], error: &serde_json::Error) -> String {
    const EXPECTED: &str =
        "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
    const SOURCE: &str =
        "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)";
    let (line, column) = (error.line(), error.column());
    let first = payload
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())
        .unwrap_or(0);
    let (reason, column) = match payload.get(first) {
        Some(&byte) if byte >= 0x80 => {
            (format!("Invalid UTF-8 start byte 0x{byte:02x}"), column + 1)
        }
        Some(byte) if byte.is_ascii_alphabetic() => {
            let word = payload[first..]
                .iter()
                .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_');
            let word: String = word.copied().map(char::from).collect();
            let end = first + word.len() + 1;
            (
                format!("Unrecognized token '{word}': was expecting {EXPECTED}"),
                end,
            )
        }
        _ if error.is_eof() => ("Unexpected end-of-input".to_owned(), column + 1),
        _ => {
            let byte = payload
                .get(column.saturating_sub(1))
                .copied()
                .unwrap_or_default();
            let found = char::from(byte);
            (
                format!(
                    "Unexpected character ('{found}' (code {byte})): expected a valid value {EXPECTED}"
                ),
                column,
            )
        }
    };
    format!("{reason}\n at {SOURCE}; line: {line}, column: {column}]")
}

/// The last 4 KB of what the run wrote.
pub(super) fn log_result(outcome: &Outcome) -> String {
    let mut text = String::new();
    for (_, line) in &outcome.log_lines {
        text.push_str(line);
        if !line.ends_with('\n') {
            text.push('\n');
        }
    }
    let mut from = text.len().saturating_sub(LOG_RESULT_BYTES);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    BASE64_STANDARD.encode(&text[from..])
}
