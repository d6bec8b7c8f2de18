//! A request to a function URL as the event a function receives, and its answer as a reply.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use cumulet_engine::http::{HttpReply, HttpRequest};
use cumulet_engine::{Context, PrincipalKind};
use jiff::Timestamp as Moment;
use serde_json::{Map, Value, json};

use super::state::UrlRecord;

/// Payload format 2.0.
pub(super) fn event(context: &Context, url: &UrlRecord, request: &HttpRequest) -> Value {
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query.as_deref().unwrap_or_default(),
        "headers": headers(request),
        "requestContext": request_context(context, url, request),
        "isBase64Encoded": false,
    });
    let cookies = cookies(request);
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    let query = query(request);
    if !query.is_empty() {
        event["queryStringParameters"] = json!(query);
    }
    if !request.body.is_empty() {
        let text = std::str::from_utf8(&request.body)
            .ok()
            .filter(|_| is_text(request));
        event["isBase64Encoded"] = json!(text.is_none());
        event["body"] = match text {
            Some(text) => json!(text),
            None => json!(BASE64_STANDARD.encode(&request.body)),
        };
    }
    event
}

/// Names in lower case, values of one name joined; cookies go apart.
fn headers(request: &HttpRequest) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        if name == "cookie" {
            continue;
        }
        let joined = headers.entry(name).or_default();
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.push_str(value);
    }
    headers
}

fn cookies(request: &HttpRequest) -> Vec<&str> {
    let lines = request
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    lines
        .flat_map(|(_, line)| line.split(';'))
        .map(str::trim)
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

fn query(request: &HttpRequest) -> BTreeMap<String, String> {
    let mut query: BTreeMap<String, String> = BTreeMap::new();
    let pairs = request.query.as_deref().unwrap_or_default().split('&');
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        query
            .entry(decoded(name))
            .and_modify(|joined| {
                joined.push(',');
                joined.push_str(&value);
            })
            .or_insert(value);
    }
    query
}

/// Percent signs and plus signs undone; what is no escape stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let escaped = after
            .get(..2)
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, escaped) {
            (b'%', Some(escaped)) => {
                bytes.push(escaped);
                rest = &after[2..];
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_text(request: &HttpRequest) -> bool {
    const TEXTS: [&str; 4] = [
        "application/json",
        "application/xml",
        "application/javascript",
        "application/graphql",
    ];
    let kind = request
        .header("content-type")
        .unwrap_or("text/plain")
        .to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_owned();
    kind.starts_with("text/") || TEXTS.contains(&kind.as_str()) || kind.ends_with("+json")
}

fn request_context(context: &Context, url: &UrlRecord, request: &HttpRequest) -> Value {
    let principal = &context.principal;
    let anonymous = principal.kind == PrincipalKind::Anonymous;
    let account = if anonymous {
        "anonymous"
    } else {
        principal.account.as_str()
    };
    let domain = request.host.split(':').next().unwrap_or_default();
    let mut told = json!({
        "accountId": account,
        "apiId": url.id,
        "domainName": domain,
        "domainPrefix": url.id,
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": request.header("user-agent").unwrap_or_default(),
        },
        "requestId": &*context.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": common_log_time(context.now.0),
        "timeEpoch": context.now.0,
    });
    if !anonymous {
        told["authorizer"] = json!({ "iam": {
            "accessKey": principal.access_key_id,
            "accountId": principal.account,
            "callerId": principal.user_id,
            "cognitoIdentity": null,
            "principalOrgId": null,
            "userArn": principal.arn,
            "userId": principal.user_id,
        } });
    }
    told
}

fn common_log_time(milliseconds: i64) -> String {
    Moment::from_millisecond(milliseconds)
        .unwrap_or(Moment::UNIX_EPOCH)
        .strftime("%d/%b/%Y:%H:%M:%S +0000")
        .to_string()
}

/// What the function answered, as a reply. Anything but an object with a status is the body itself.
pub(super) fn reply(payload: &Bytes) -> HttpReply {
    match serde_json::from_slice::<Value>(payload) {
        Ok(Value::Object(answer)) if answer.contains_key("statusCode") => {
            structured(&answer).unwrap_or_else(bad_gateway)
        }
        Ok(_) => HttpReply::json(200, &String::from_utf8_lossy(payload)),
        Err(_) => bad_gateway(),
    }
}

fn structured(answer: &Map<String, Value>) -> Option<HttpReply> {
    let status = answer.get("statusCode")?;
    let status = status.as_u64().or_else(|| status.as_str()?.parse().ok())?;
    let status = u16::try_from(status)
        .ok()
        .filter(|status| (100..600).contains(status))?;
    let body = match answer.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(text)) if answer.get("isBase64Encoded") == Some(&Value::Bool(true)) => {
            BASE64_STANDARD.decode(text).ok()?.into()
        }
        Some(Value::String(text)) => Bytes::copy_from_slice(text.as_bytes()),
        Some(other) => other.to_string().into(),
    };
    let mut headers: Vec<(String, String)> = Vec::new();
    if let Some(Value::Object(given)) = answer.get("headers") {
        headers.extend(given.iter().filter_map(|(name, value)| {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => return None,
            };
            Some((name.to_ascii_lowercase(), value))
        }));
    }
    if !headers.iter().any(|(name, _)| name == "content-type") {
        headers.push(("content-type".into(), "application/json".into()));
    }
    if let Some(Value::Array(cookies)) = answer.get("cookies") {
        let cookies = cookies.iter().filter_map(Value::as_str);
        headers.extend(cookies.map(|cookie| ("set-cookie".to_owned(), cookie.to_owned())));
    }
    Some(HttpReply {
        status,
        headers,
        body,
    })
}

pub(super) fn bad_gateway() -> HttpReply {
    HttpReply {
        status: 502,
        headers: vec![("content-type".into(), "text/plain".into())],
        body: Bytes::from_static(b"Internal Server Error"),
    }
}
