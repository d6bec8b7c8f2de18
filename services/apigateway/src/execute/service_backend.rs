//! AWS services behind an integration: S3, DynamoDB, SQS and every other that is built.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-request-basic-setup.html>
//!
//! The integration's URI says which request API Gateway would send. That request is made here, told
//! apart and decoded by the wire like one from outside, and carried out as the credentials' role; so a
//! service answers through an API exactly what it answers to an SDK.

use bytes::Bytes;
use cumulet_engine::body::Body;
use cumulet_engine::operation::Request;
use cumulet_engine::{Context, Error};
use cumulet_wire::model::{self, Service};
use cumulet_wire::route::{self, Api, Hosts, Labels, Route};
use cumulet_wire::{Protocol, decode, encode, encode_error, validate};
use http::{HeaderName, HeaderValue, Response, request};

use super::super::state::Integration;
use super::integrate::{Outgoing, mapping_header};
use super::lambda_backend::acting;
use super::log::ExecutionLog;
use super::mapping::Answered;
use super::{Call, Failure};

const ANSWER_BYTES_MAX: usize = 10 << 20;

/// `arn:aws:apigateway:{region}:{subdomain.service}:{path|action}/{rest}`
struct Target<'a> {
    region: &'a str,
    subdomain: Option<&'a str>,
    service: &'a str,
    /// An action's name.
    action: Option<&'a str>,
    /// A path without its first slash.
    path: &'a str,
}

impl<'a> Target<'a> {
    fn parse(uri: &'a str) -> Option<Self> {
        let mut parts = uri.strip_prefix("arn:aws:apigateway:")?.splitn(3, ':');
        let (region, host, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let (subdomain, service) = match host.rsplit_once('.') {
            Some((subdomain, service)) => (Some(subdomain), service),
            None => (None, host),
        };
        let (kind, rest) = rest.split_once('/')?;
        let (action, path) = match kind {
            "action" => (Some(rest), ""),
            _ => (None, rest),
        };
        Some(Self {
            region,
            subdomain,
            service,
            action,
            path,
        })
    }
}

pub(super) async fn send(
    call: &Call<'_>,
    integration: &Integration,
    uri: &str,
    outgoing: Outgoing,
    log: &mut ExecutionLog,
) -> Result<Answered, Failure> {
    let context = acting(call, integration.credentials.as_deref()).map_err(|error| {
        log.line(format!(
            "Execution failed due to configuration error: {error}"
        ));
        Failure::internal()
    })?;
    let context = context.unwrap_or_else(|| {
        call.context
            .acting_as(cumulet_engine::Principal::anonymous())
    });
    let uri = fill_path(uri, &outgoing.path);
    let target = Target::parse(&uri).ok_or_else(Failure::internal)?;
    let context = context.located(&context.account, target.region);
    log.sending(&uri, &String::from_utf8_lossy(&outgoing.body));
    let head = head(integration, &target, &outgoing).ok_or_else(Failure::internal)?;
    let form = route::needs_form(&head).then_some(outgoing.body.as_ref());
    let api = match route::route(&head, form, &Hosts::default()) {
        Route::Api(api) => api,
        _ => return Err(Failure::not_built(&format!("the integration {uri}"))),
    };
    let response = carry_out(call, context, &api, &head, outgoing.body).await?;
    let (parts, body) = response.into_parts();
    log.received(parts.status.as_u16(), &body, false);
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(Answered {
        status: parts.status.as_u16(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body,
        error_message: None,
    })
}

/// Puts the mapped path parameters into the URI.
fn fill_path(uri: &str, parameters: &[(String, String)]) -> String {
    parameters
        .iter()
        .fold(uri.to_owned(), |uri, (name, value)| {
            uri.replace(&format!("{{{name}}}"), value)
        })
}

/// The head of the request to the service. Its credential scope names the service, as a signature would.
fn head(
    integration: &Integration,
    target: &Target<'_>,
    outgoing: &Outgoing,
) -> Option<request::Parts> {
    let Target {
        region, service, ..
    } = target;
    let host = match target.subdomain {
        Some(subdomain) => format!("{subdomain}.{service}.{region}.amazonaws.com"),
        None => format!("{service}.{region}.amazonaws.com"),
    };
    let scope = format!("Credential=/20150709/{region}/{service}/aws4_request");
    let authorization = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=none");
    let method = integration.http_method.as_deref().unwrap_or("POST");
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("/{}{}", target.path, query(target, outgoing)))
        .header("host", host)
        .header("authorization", authorization);
    let mut described = false;
    for (name, value) in &outgoing.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        described |= name == http::header::CONTENT_TYPE;
        request = request.header(name, HeaderValue::from_str(value).ok()?);
    }
    let prefix = json_target(target);
    if let (Some(action), Some(prefix)) = (target.action, prefix)
        && mapping_header(&outgoing.headers, "x-amz-target").is_none()
        && outgoing.query.is_empty()
    {
        request = request.header("x-amz-target", format!("{prefix}.{action}"));
    }
    if !described && !outgoing.body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    Some(request.body(()).ok()?.into_parts().0)
}

/// What stands before the operation in `X-Amz-Target`, for services that speak JSON.
fn json_target(target: &Target<'_>) -> Option<&'static str> {
    let service: &'static Service = model::service(target.service)?;
    service.metadata.target_prefix.as_deref()
}

fn query(target: &Target<'_>, outgoing: &Outgoing) -> String {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    if let Some(action) = target.action
        && !(json_target(target).is_some() && outgoing.query.is_empty())
    {
        pairs.push(("Action", action));
    }
    let mapped = outgoing.query.iter();
    pairs.extend(mapped.map(|(name, value)| (name.as_str(), value.as_str())));
    if pairs.is_empty() {
        return String::new();
    }
    let encoded: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode_part(name), encode_part(value)))
        .collect();
    let joint = if target.path.contains('?') { '&' } else { '?' };
    format!("{joint}{}", encoded.join("&"))
}

pub(super) fn encode_part(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// Carries the request out; a refusal is an answer like any other.
async fn carry_out(
    call: &Call<'_>,
    context: Context,
    api: &Api,
    head: &request::Parts,
    body: Bytes,
) -> Result<Response<Bytes>, Failure> {
    let request_id = call.context.request_id.clone();
    let refused =
        |error: cumulet_wire::Error| encode_error(api.service, api.protocol, &error, &request_id);
    let (input, stream) = match read(api.protocol, &api.labels, api, head, body) {
        Ok(read) => read,
        Err(error) => return Ok(refused(error)),
    };
    let request = Request {
        input,
        body: stream,
    };
    let (service, operation) = (api.service.name(), api.operation.name);
    let reply = match call.engine.call(context, service, operation, request).await {
        Ok(reply) => reply,
        Err(error) if error.code == "NotImplemented" => {
            return Err(Failure::not_built(&format!("{service}:{operation}")));
        }
        Err(error) => return Ok(refused(error.into())),
    };
    let mut response = encode(api.operation, api.protocol, &reply.output, &request_id);
    if api.operation.streaming_output().is_some() {
        let too_large = || Error::internal("the integration's answer is over 10 MB");
        let body = reply.body.collect(ANSWER_BYTES_MAX, too_large).await;
        *response.body_mut() = body.map_err(|_| Failure::bad_gateway())?;
    }
    Ok(response)
}

fn read(
    protocol: Protocol,
    labels: &Labels,
    api: &Api,
    head: &request::Parts,
    body: Bytes,
) -> Result<(serde_json::Value, Body), cumulet_wire::Error> {
    let streams = api.operation.streaming_input().is_some();
    let (members, stream) = if streams {
        (Bytes::new(), Body::from(body))
    } else {
        (body, Body::Empty)
    };
    let input = decode(api.operation, protocol, head, labels, &members)?;
    validate(api.operation, &input)?;
    Ok((input, stream))
}
