//! Lambda proxy integrations: the event out, the function's answer back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cumulet_engine::http::HttpReply;
use serde_json::{Map, Value};

use super::super::state::Integration;
use super::log::ExecutionLog;
use super::{Call, Failure, backend, content, event, lambda_backend};

pub(super) async fn answer(
    call: &Call<'_>,
    integration: &Integration,
    log: &mut ExecutionLog,
) -> Result<HttpReply, Failure> {
    let uri = backend::with_stage_variables(call, integration.uri.as_deref().unwrap_or_default());
    let event = event::build(call).to_string();
    log.sending(&uri, &event);
    let invoked = lambda_backend::invoke(call, integration, &uri, event.into(), log).await?;
    if invoked.function_error.is_some() {
        return Err(Failure::bad_gateway());
    }
    let mut reply = reply(call, &invoked.payload).ok_or_else(|| {
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
            .push(("X-Amzn-Trace-Id".to_owned(), answered_trace(call)));
    }
    Ok(reply)
}

/// The trace as the client may follow it: with the parent it named, or one of ours.
fn answered_trace(call: &Call<'_>) -> String {
    let given = call.request.header("x-amzn-trace-id").unwrap_or_default();
    let field = |name: &str| {
        let mut fields = given
            .split(';')
            .filter_map(|field| field.trim().split_once('='));
        fields
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.to_owned())
    };
    let parent = field("Parent").unwrap_or_else(|| call.context.ids.hex(16));
    let sampled =
        field("Sampled").unwrap_or_else(|| u8::from(call.stage.tracing_enabled).to_string());
    let root = event::trace_id(call);
    format!("{root};Parent={parent};Sampled={sampled}")
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
    if !has_only_known {
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
    let body = if is_base64 && content::wants_binary(call) {
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
            headers.push((shown_name(name), header_value(value)?));
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
            headers.push((shown_name(name), value));
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
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Headers that are API Gateway's own to set: a function's go under another name.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html>
const REMAPPED: [&str; 15] = [
    "authorization",
    "connection",
    "content-length",
    "date",
    "expect",
    "host",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "www-authenticate",
];

pub(super) fn shown_name(name: &str) -> String {
    let remapped = REMAPPED
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name));
    match remapped {
        true => format!("x-amzn-Remapped-{name}"),
        false => name.to_owned(),
    }
}
