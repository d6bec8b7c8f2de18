//! Lambda proxy integrations: the event out, the function's answer back.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::http::HttpReply;
use crate::lambda;

use super::super::state::Integration;
use super::log::ExecutionLog;
use super::{Call, Failure, event};

pub(super) async fn answer(
    call: &Call<'_>,
    integration: &Integration,
    log: &mut ExecutionLog,
) -> Result<HttpReply, Failure> {
    let uri = with_stage_variables(call, integration.uri.as_deref().unwrap_or_default());
    let function = function_of(&uri).ok_or_else(Failure::internal)?.to_owned();
    let event = event::build(call).to_string();
    log.sending(&uri, &event);
    let payload = invoke(call, integration, function, event.into(), log).await?;
    let mut reply = reply(call, &payload).ok_or_else(|| {
        log.line(
            "Execution failed due to configuration error: Malformed Lambda proxy response"
                .to_owned(),
        );
        Failure::bad_gateway()
    })?;
    let traced = reply
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("x-amzn-trace-id"));
    if !traced {
        reply
            .headers
            .push(("X-Amzn-Trace-Id".to_owned(), event::trace_id(call)));
    }
    Ok(reply)
}

/// `arn:aws:apigateway:region:lambda:path/2015-03-31/functions/{function}/invocations`
fn function_of(uri: &str) -> Option<&str> {
    uri.split_once("/functions/")?
        .1
        .strip_suffix("/invocations")
}

fn with_stage_variables(call: &Call<'_>, uri: &str) -> String {
    let variables = call.stage.variables.iter();
    variables.fold(uri.to_owned(), |uri, (name, value)| {
        uri.replace(&format!("${{stageVariables.{name}}}"), value)
    })
}

/// Invokes the function and waits as long as the integration may take. The function is not stopped by
/// the client's impatience: it runs on, and what it writes still lands.
async fn invoke(
    call: &Call<'_>,
    integration: &Integration,
    function: String,
    event: Bytes,
    log: &mut ExecutionLog,
) -> Result<Bytes, Failure> {
    let source = call.method_arn();
    let context =
        call.context
            .as_service("apigateway.amazonaws.com", &source, &call.context.account);
    let engine = call.engine.clone();
    let running =
        tokio::spawn(async move { lambda::invoke(&engine, &context, &function, event).await });
    let patience = Duration::from_millis(integration.timeout_in_millis.max(0).unsigned_abs());
    let Ok(finished) = tokio::time::timeout(patience, running).await else {
        log.line("Execution failed due to a timeout error".to_owned());
        return Err(Failure::timed_out());
    };
    let invoked = finished.map_err(|_| Failure::internal())?.map_err(|error| {
        let why = if error.is_access_denied() {
            "Execution failed due to configuration error: Invalid permissions on Lambda function".to_owned()
        } else {
            format!("Execution failed due to an internal error: {error}")
        };
        log.line(why);
        Failure::not_invoked()
    })?;
    log.received(&invoked.payload, invoked.function_error.is_some());
    match invoked.function_error {
        Some(_) => Err(Failure::bad_gateway()),
        None => Ok(invoked.payload),
    }
}

const MEMBERS: [&str; 5] = [
    "statusCode",
    "headers",
    "multiValueHeaders",
    "body",
    "isBase64Encoded",
];

/// The HTTP response that a function's answer describes; `None` where it describes none.
fn reply(call: &Call<'_>, payload: &[u8]) -> Option<HttpReply> {
    let answer: Map<String, Value> = serde_json::from_slice(payload).ok()?;
    let has_only_known = answer.keys().all(|name| MEMBERS.contains(&name.as_str()));
    if answer.is_empty() || !has_only_known {
        return None;
    }
    let status = status(answer.get("statusCode"))?;
    let mut headers = multi_value_headers(answer.get("multiValueHeaders"))?;
    merge_headers(&mut headers, answer.get("headers"))?;
    let body = match answer.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(text)) => Bytes::from(text.clone()),
        Some(_) => return None,
    };
    let is_base64 = match answer.get("isBase64Encoded") {
        None | Some(Value::Null) => false,
        Some(flag) => flag.as_bool()?,
    };
    let body = if is_base64 && wants_binary(call) {
        STANDARD.decode(&body).ok()?.into()
    } else {
        body
    };
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    }
    Some(HttpReply {
        status,
        headers,
        body,
    })
}

/// A number or its text; 200 where it is missing.
fn status(value: Option<&Value>) -> Option<u16> {
    let status = match value {
        None | Some(Value::Null) => 200,
        Some(Value::Number(number)) => number.as_u64()?,
        Some(Value::String(text)) => text.parse().ok()?,
        Some(_) => return None,
    };
    u16::try_from(status)
        .ok()
        .filter(|status| (100..600).contains(status))
}

fn multi_value_headers(value: Option<&Value>) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    let Some(map) = object(value)? else {
        return Some(headers);
    };
    for (name, values) in map {
        for value in values.as_array()? {
            headers.push((name.clone(), header_value(value)?));
        }
    }
    Some(headers)
}

/// Single values come after the lists of the same name, unless a list has the value already.
fn merge_headers(headers: &mut Vec<(String, String)>, value: Option<&Value>) -> Option<()> {
    let Some(map) = object(value)? else {
        return Some(());
    };
    for (name, value) in map {
        let value = header_value(value)?;
        let there = headers
            .iter()
            .any(|(known, listed)| known.eq_ignore_ascii_case(name) && *listed == value);
        if !there {
            headers.push((name.clone(), value));
        }
    }
    Some(())
}

fn object(value: Option<&Value>) -> Option<Option<&Map<String, Value>>> {
    match value {
        None | Some(Value::Null) => Some(None),
        Some(Value::Object(map)) => Some(Some(map)),
        Some(_) => None,
    }
}

fn header_value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Whether the first media type that the client accepts is one the API calls binary.
fn wants_binary(call: &Call<'_>) -> bool {
    let accept = call.request.header("accept").unwrap_or_default();
    let first = accept
        .split(',')
        .next()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    is_binary(&call.definition.binary_media_types, first)
}

pub(super) fn is_binary(binary_types: &[String], media_type: &str) -> bool {
    binary_types.iter().any(|known| {
        let family = known.strip_suffix("/*");
        known == "*/*"
            || known == media_type
            || family.is_some_and(|family| media_type.split('/').next() == Some(family))
    })
}
