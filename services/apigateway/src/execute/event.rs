//! The event of a Lambda proxy integration, version 1.0.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cumulet_engine::http::HttpRequest;
use serde_json::{Map, Value, json};

use super::Call;

/// Headers between two machines on the way: they never reach a function.
const NOT_PASSED_ON: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) fn build(call: &Call<'_>) -> Value {
    let headers = headers(call);
    let query = query_pairs(&call.request);
    let (body, is_base64) = body(call);
    json!({
        "resource": call.resource.path,
        "path": single_leading_slash(&call.path),
        "httpMethod": call.request.method,
        "headers": last_values(&headers),
        "multiValueHeaders": all_values(&headers),
        "queryStringParameters": last_values(&query),
        "multiValueQueryStringParameters": all_values(&query),
        "pathParameters": last_values(&call.path_parameters),
        "stageVariables": stage_variables(call),
        "requestContext": request_context(call),
        "body": body,
        "isBase64Encoded": is_base64,
    })
}

fn single_leading_slash(path: &str) -> String {
    format!("/{}", path.trim_start_matches('/'))
}

/// The query's pairs in order, decoded.
pub(super) fn query_pairs(request: &HttpRequest) -> Vec<(String, String)> {
    let query = request.query.as_deref().unwrap_or_default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// Percent-decoding of a query, where `+` is a space.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let escaped = || u8::from_str_radix(std::str::from_utf8(after.get(..2)?).ok()?, 16).ok();
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => match escaped() {
                Some(decoded) => {
                    bytes.push(decoded);
                    rest = &after[2..];
                }
                None => bytes.push(b'%'),
            },
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) fn headers(call: &Call<'_>) -> Vec<(String, String)> {
    let request = &call.request;
    let mut headers: Vec<(String, String)> = request
        .headers
        .iter()
        .filter(|(name, _)| {
            !NOT_PASSED_ON
                .iter()
                .any(|dropped| name.eq_ignore_ascii_case(dropped))
        })
        .map(|(name, value)| (shown_name(name), value.clone()))
        .collect();
    let forwarded = request.header("x-forwarded-for");
    let forwarded = forwarded.map_or_else(
        || request.source_ip.clone(),
        |before| format!("{before}, {}", request.source_ip),
    );
    headers.retain(|(name, _)| name != "Host" && !is_ours(name));
    headers.push(("Host".to_owned(), domain_name(call)));
    headers.push(("X-Amzn-Trace-Id".to_owned(), trace_id(call)));
    for (name, value) in [
        ("X-Forwarded-For", forwarded.as_str()),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ] {
        headers.push((name.to_owned(), value.to_owned()));
    }
    headers
}

/// Headers that API Gateway sets, whatever the client sent.
fn is_ours(name: &str) -> bool {
    let names = [
        "x-amzn-trace-id",
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-proto",
    ];
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// API Gateway writes these three in its own way, and leaves all others as they came.
fn shown_name(name: &str) -> String {
    let fixed = ["Authorization", "Host", "User-Agent"];
    let found = fixed.iter().find(|known| known.eq_ignore_ascii_case(name));
    found.map_or_else(|| name.to_owned(), |known| (*known).to_owned())
}

fn domain_name(call: &Call<'_>) -> String {
    format!(
        "{}.execute-api.{}.amazonaws.com",
        call.api_id, call.context.region
    )
}

/// `Root=1-5f84c7a1-0123456789abcdef01234567`
pub(super) fn trace_id(call: &Call<'_>) -> String {
    let id = call.context.trace.trace_id();
    let (time, rest) = id.split_at_checked(8).unwrap_or((id, ""));
    format!("Root=1-{time}-{rest}")
}

/// Name and last value of each; null where there are none.
fn last_values(pairs: &[(String, String)]) -> Value {
    let map: Map<String, Value> = pairs
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    if map.is_empty() {
        Value::Null
    } else {
        Value::Object(map)
    }
}

/// Name and all values of each, in order; null where there are none.
fn all_values(pairs: &[(String, String)]) -> Value {
    let mut map: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in pairs {
        map.entry(name).or_default().push(value);
    }
    if map.is_empty() {
        Value::Null
    } else {
        json!(map)
    }
}

fn stage_variables(call: &Call<'_>) -> Value {
    if call.stage.variables.is_empty() {
        Value::Null
    } else {
        json!(call.stage.variables)
    }
}

fn body(call: &Call<'_>) -> (Value, bool) {
    let body = call.body();
    if body.is_empty() {
        return (Value::Null, false);
    }
    if super::content::is_binary(&call.definition.binary_media_types, call.content_type()) {
        return (STANDARD.encode(body).into(), true);
    }
    (String::from_utf8_lossy(body).into(), false)
}

pub(super) fn request_context(call: &Call<'_>) -> Value {
    let now_ms = call.now().milliseconds();
    let mut shown = json!({
        "resourceId": call.resource.id,
        "resourcePath": call.resource.path,
        "httpMethod": call.request.method,
        "extendedRequestId": call.extended_request_id,
        "requestTime": request_time(now_ms),
        "path": format!("/{}{}", call.stage.stage_name, call.path),
        "accountId": call.context.account.as_ref(),
        "protocol": call.request.protocol,
        "stage": call.stage.stage_name,
        "domainPrefix": call.api_id,
        "requestTimeEpoch": now_ms,
        "requestId": call.context.request_id.as_ref(),
        "identity": identity(call),
        "domainName": domain_name(call),
        "deploymentId": call.stage.deployment_id,
        "apiId": call.api_id,
    });
    if let Some(authorized) = &call.authorized {
        shown["authorizer"] = authorized.shown();
    }
    shown
}

fn identity(call: &Call<'_>) -> Value {
    let mut identity = json!({
        "cognitoIdentityPoolId": null,
        "accountId": null,
        "cognitoIdentityId": null,
        "caller": null,
        "sourceIp": call.request.source_ip,
        "principalOrgId": null,
        "accessKey": null,
        "cognitoAuthenticationType": null,
        "cognitoAuthenticationProvider": null,
        "userArn": null,
        "userAgent": call.request.header("user-agent"),
        "user": null,
    });
    if let Some(key) = &call.api_key {
        identity["apiKey"] = key.value().into();
        identity["apiKeyId"] = key.key_id().into();
    }
    if call.method.authorization_type == "AWS_IAM" {
        let caller = &call.context.principal;
        identity["accountId"] = caller.account.as_str().into();
        identity["caller"] = caller.user_id.as_str().into();
        identity["user"] = caller.user_id.as_str().into();
        identity["userArn"] = caller.arn.as_str().into();
        identity["accessKey"] = caller.access_key_id.as_deref().into();
    }
    identity
}

/// `21/Nov/2026:03:34:37 +0000`
pub(super) fn request_time(now_ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
    time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_time_reads_as_a_web_servers_log() {
        assert_eq!(
            request_time(1_795_232_077_000),
            "21/Nov/2026:03:34:37 +0000"
        );
        assert_eq!(request_time(951_782_400_000), "29/Feb/2000:00:00:00 +0000");
    }

    #[test]
    fn a_query_is_decoded_in_order() {
        let request = HttpRequest {
            query: Some("a=1&b=x+y%2F&a=2&c".into()),
            ..HttpRequest::default()
        };
        let pairs = query_pairs(&request);
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(pairs, [("a", "1"), ("b", "x y/"), ("a", "2"), ("c", "")]);
    }
}
