//! The front door: what a request is, who sends it, and which door it goes through.
//!
//! ```text
//!   route ─► identify (signature against IAM's secret, hash of the body) ─► decode, validate ─► call ─► encode
//! ```
//!
//! The front knows protocols and identities, and no service's behaviour.

mod access;
mod api;
mod data_plane;
mod header_names;
mod identity;
mod upload_form;

use std::sync::Arc;

use bytes::Bytes;
use cumulet_cloudformation::custom;
use cumulet_engine::Context;
use cumulet_engine::Error;
use cumulet_kernel::trace::{SpanGuard, Trace};
use cumulet_s3::AccessRecord;
use cumulet_wire::model::{self, Service};
use cumulet_wire::route::{self, Hosts, Route};
use cumulet_wire::{Protocol, encode_error};
use http::{HeaderMap, Response, request};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};

pub(super) use access::Arrival;
use identity::Unproven;

use super::bodies::{self, ReplyBody};
use super::listener::Origin;
use super::request_log::RequestLine;
use super::{Server, management, tunnel};

/// A form is read before its operation is known: CloudFormation's templates are the largest.
const FORM_BYTES_MAX: usize = 2 << 20;

/// A request on its way: the head, who sent it, and where it is in the trace.
pub(super) struct Inbound {
    head: request::Parts,
    origin: Origin,
    request_id: String,
    trace: Trace,
    arrival: Arc<Arrival>,
}

/// A body still to be read, or one that routing had to read.
enum Unread {
    Stream(Incoming),
    Read(Bytes),
}

/// An answer, with what the request log says of it.
struct Outbound {
    response: Response<ReplyBody>,
    what: String,
    principal: String,
    error: Option<String>,
    /// What S3's logs are told, where the request was about a bucket.
    access: Option<AccessRecord>,
}

/// Answers one request, whatever it is.
pub(super) async fn answer(
    server: Server,
    origin: Origin,
    request: http::Request<Incoming>,
) -> Response<ReplyBody> {
    if request.method() == http::Method::CONNECT {
        return tunnel::answer(server, origin, request);
    }
    let (head, body) = request.into_parts();
    if let Some(action) = signed_management(&origin, &head) {
        return manage(&server, origin, head, action, body).await;
    }
    if is_management(&head) {
        return management_answer(&server, &origin, &head);
    }
    let started_us = cumulet_kernel::clock::wall_micros();
    let request_id = server.ids.uuid();
    let (trace, span) = begin_trace(&server, &head, &origin, &request_id);
    let from_function = origin.function_arn.is_some();
    let inbound = Inbound {
        head,
        origin,
        request_id: request_id.clone(),
        trace: trace.clone(),
        arrival: Arc::default(),
    };
    let arrival = inbound.arrival.clone();
    let mut outbound = go_through(&server, inbound, body).await;
    access::attach(&server, &mut outbound, &arrival, started_us);
    note_outcome(&trace, &outbound);
    drop(span);
    let would_deny = server.traces.keep(&trace);
    server.requests.write(RequestLine {
        request_id,
        timestamp_ms: started_us / 1000,
        what: outbound.what,
        principal: outbound.principal,
        status: outbound.response.status().as_u16(),
        error: outbound.error,
        would_deny,
        duration_us: cumulet_kernel::clock::wall_micros() - started_us,
        from_function,
    });
    outbound.response
}

/// Reading the engine's own state is neither traced nor logged: it would hide what it looks at.
fn is_management(head: &request::Parts) -> bool {
    let path = head.uri.path();
    let is_call = path.starts_with(api::CANONICAL) || path.starts_with(custom::RESPONSE_PATH);
    path.starts_with("/_cumulet/") && !is_call
}

/// The action of a management request that must be signed, from this machine.
fn signed_management(origin: &Origin, head: &request::Parts) -> Option<&'static str> {
    let is_ours = origin.is_local() && management::is_addressed_to_this_machine(head);
    management::action(head).filter(|_| is_ours)
}

async fn manage(
    server: &Server,
    origin: Origin,
    head: request::Parts,
    action: &str,
    body: Incoming,
) -> Response<ReplyBody> {
    let request_id = server.ids.uuid();
    let (trace, span) = begin_trace(server, &head, &origin, &request_id);
    let inbound = Inbound {
        head,
        origin,
        request_id,
        trace: trace.clone(),
        arrival: Arc::default(),
    };
    let answer = management::answer_signed(server, &inbound, action, body).await;
    drop(span);
    server.traces.keep(&trace);
    answer.map(bodies::bytes)
}

/// Who signed a management request, for `service`; its body is at hand.
pub(super) fn signer(
    server: &Server,
    inbound: &Inbound,
    service: &str,
    body: &[u8],
) -> Result<Context, Error> {
    let denied = |unproven: Unproven| match unproven {
        Unproven::Internal(error) => error,
        Unproven::Fault(fault) => fault.to_error(service, Protocol::RestJson).into(),
    };
    let claim = identity::claim(server, inbound).map_err(denied)?;
    let claim = claim.ok_or_else(|| Error::access_denied("this needs a signed request"))?;
    let hash = hex::encode(Sha256::digest(body));
    let caller = claim
        .prove(server, inbound, service, Some(&hash))
        .map_err(denied)?;
    Ok(api::context(server, inbound, &caller))
}

fn management_answer(
    server: &Server,
    origin: &Origin,
    head: &request::Parts,
) -> Response<ReplyBody> {
    if !origin.is_local() {
        return bodies::status(403);
    }
    management::answer(server, head).map(bodies::bytes)
}

async fn go_through(server: &Server, inbound: Inbound, body: Incoming) -> Outbound {
    if inbound.head.uri.path().starts_with(api::CANONICAL) {
        return api::answer_canonical(server, inbound, body).await;
    }
    if inbound.head.uri.path().starts_with(custom::RESPONSE_PATH) {
        return data_plane::custom_resource(server, inbound, body).await;
    }
    let body = match read_form(server, &inbound.head, body).await {
        Ok(body) => body,
        Err(error) => return refused(&inbound, "form", None, Protocol::Query, error.into()),
    };
    let form = match &body {
        Unread::Read(form) => Some(form.as_ref()),
        Unread::Stream(_) => None,
    };
    match route::route(&inbound.head, form, &Hosts::default()) {
        Route::Api(api) => api::answer(server, inbound, &api, body).await,
        Route::Refused {
            service,
            protocol,
            error,
        } => {
            drain(body).await;
            refused(&inbound, "unknown operation", service, protocol, error)
        }
        other => data_plane::answer(server, inbound, other, body).await,
    }
}

async fn read_form(
    server: &Server,
    head: &request::Parts,
    body: Incoming,
) -> Result<Unread, Error> {
    if !route::needs_form(head) {
        return Ok(Unread::Stream(body));
    }
    let read = bodies::collect(server, body, FORM_BYTES_MAX).await?;
    let too_large = || {
        Error::new(
            "RequestEntityTooLarge",
            "Request size exceeded 2097152 bytes",
        )
        .status(413)
    };
    read.map(Unread::Read).ok_or_else(too_large)
}

async fn drain(body: Unread) {
    if let Unread::Stream(body) = body {
        bodies::drain(body).await;
    }
}

/// A refusal in the words and envelope of the protocol.
fn refused(
    inbound: &Inbound,
    what: &str,
    service: Option<&'static Service>,
    protocol: Protocol,
    error: cumulet_wire::Error,
) -> Outbound {
    let code = error.code.clone();
    let response = match service.or_else(|| model::service("s3")) {
        Some(service) => {
            encode_error(service, protocol, &error, &inbound.request_id).map(bodies::bytes)
        }
        None => Response::new(bodies::bytes(error.message)),
    };
    Outbound {
        response,
        what: what.to_owned(),
        principal: String::new(),
        error: Some(code),
        access: None,
    }
}

/// Opens the request's span; a function's calls go on with the trace of its invocation.
fn begin_trace(
    server: &Server,
    head: &request::Parts,
    origin: &Origin,
    request_id: &str,
) -> (Trace, SpanGuard) {
    let continued = trace_header(&head.headers);
    let name = format!("{} {}", head.method, head.uri.path());
    let continued = continued
        .as_ref()
        .map(|(trace_id, parent)| (trace_id.as_str(), parent.as_str()));
    let (trace, span) = Trace::begin(&name, request_id, &server.ids, continued);
    if let Some(function) = &origin.function_arn {
        trace.note("caller", function.as_ref());
    }
    (trace, span)
}

/// `Root=1-5f84c7a1-...;Parent=53995c3f42cd8ad8`, as 32 and 16 hexadecimal digits.
fn trace_header(headers: &HeaderMap) -> Option<(String, String)> {
    let header = headers.get("x-amzn-trace-id")?.to_str().ok()?;
    let field = |name: &str| {
        header
            .split(';')
            .filter_map(|field| field.split_once('='))
            .find(|(key, _)| key.trim() == name)
    };
    let trace_id = field("Root")?.1.strip_prefix("1-")?.replace('-', "");
    let parent = field("Parent").map_or_else(String::new, |(_, parent)| parent.to_owned());
    let is_hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let is_parent = parent.is_empty() || is_hex(&parent, 16);
    (is_hex(&trace_id, 32) && is_parent).then_some((trace_id, parent))
}

fn note_outcome(trace: &Trace, outbound: &Outbound) {
    trace.note("operation", outbound.what.as_str());
    trace.note("status", outbound.response.status().as_u16());
    if !outbound.principal.is_empty() {
        trace.note("principal", outbound.principal.as_str());
    }
    if let Some(error) = &outbound.error {
        trace.fail(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_header_is_followed_only_when_it_names_a_trace() {
        let read = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-amzn-trace-id", http::HeaderValue::from_static(text));
            trace_header(&headers)
        };
        let whole =
            read("Root=1-5f84c7a1-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=1");
        assert_eq!(
            whole,
            Some((
                "5f84c7a10123456789abcdef01234567".into(),
                "53995c3f42cd8ad8".into()
            ))
        );
        let root = read("Root=1-5f84c7a1-0123456789abcdef01234567");
        assert_eq!(root.map(|(_, parent)| parent), Some(String::new()));
        assert_eq!(read("Parent=53995c3f42cd8ad8"), None);
        assert_eq!(read("Root=1-xyz-0123;Parent=1"), None);
    }
}
