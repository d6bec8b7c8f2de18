//! Calls of AWS's APIs, in any of their protocols, and the command line's own plain form of them.

use std::sync::Arc;

use bytes::Bytes;
use cumulet_engine::body::{Body, Trailers};
use cumulet_engine::operation::{Reply, Request};
use cumulet_engine::{Context, Principal};
use cumulet_s3::{self as s3, AccessRecord};
use cumulet_wire::model::{Operation, Service};
use cumulet_wire::route::Api;
use cumulet_wire::sigv4::{Payload, SignatureFault};
use cumulet_wire::{Error, Protocol, model};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::identity::{self, Caller, Unproven};
use super::{Inbound, Outbound, Unread, access, refused};
use crate::server::Server;
use crate::server::bodies::{self, ReplyBody};
use crate::server::chunked;

/// `/_cumulet/api/{service}/{operation}`: members as JSON under their names in the model.
pub(super) const CANONICAL: &str = "/_cumulet/api/";

const BODY_BYTES_MAX: usize = 17 << 20;
/// A function's code arrives as base64 of at most 50 MB.
const LAMBDA_BODY_BYTES_MAX: usize = 70_167_211;

/// Answers a call of an API operation.
pub(super) async fn answer(server: &Server, inbound: Inbound, api: &Api, body: Unread) -> Outbound {
    let what = format!("{}:{}", api.service.name(), api.operation.name);
    let mut caller = Principal::anonymous();
    let mut outbound = match serve(server, &inbound, api, body, &mut caller).await {
        Ok(response) => Outbound {
            response,
            what,
            principal: String::new(),
            error: None,
            access: None,
        },
        Err(error) => refused(&inbound, &what, Some(api.service), api.protocol, error),
    };
    outbound.principal.clone_from(&caller.arn);
    if let Some(bucket) = bucket_of(api) {
        add_cors(server, &inbound, bucket, outbound.response.headers_mut());
        let key = api.labels.get("Key");
        outbound.access = Some(AccessRecord {
            principal: caller,
            ..access::begin(server, &inbound, api.operation.name, bucket, key)
        });
    }
    outbound
}

fn bucket_of(api: &Api) -> Option<&str> {
    let bucket = api.labels.get("Bucket")?;
    (api.service.name() == "s3").then_some(bucket)
}

/// What a browser needs to see of an answer, refusals included, where the bucket's rules allow it.
pub(super) fn add_cors(server: &Server, inbound: &Inbound, bucket: &str, headers: &mut HeaderMap) {
    let origin = inbound.head.headers.get(http::header::ORIGIN);
    let Some(origin) = origin.and_then(|origin| origin.to_str().ok()) else {
        return;
    };
    let method = inbound.head.method.as_str();
    let allowed = server
        .engine
        .read(|tx| s3::cors_headers(tx, bucket, origin, method));
    for (name, value) in allowed.unwrap_or_default() {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    }
}

async fn serve(
    server: &Server,
    inbound: &Inbound,
    api: &Api,
    body: Unread,
    caller: &mut Principal,
) -> Result<Response<ReplyBody>, Error> {
    let received = receive(server, inbound, api, body).await?;
    caller.clone_from(&received.caller.principal);
    let head_body = received.collected.as_deref().unwrap_or_default();
    let input = cumulet_wire::decode(
        api.operation,
        api.protocol,
        &inbound.head,
        &api.labels,
        head_body,
    )?;
    if api.service.name() == "s3"
        && let Some(document) = received.collected.as_deref()
    {
        let headers = &inbound.head.headers;
        let trailer = |name: &str| received.trailers.get(name);
        cumulet_wire::check_document(api.operation.name, headers, trailer, document)?;
    }
    cumulet_wire::validate(api.operation, &input)?;
    let context = context(server, inbound, &received.caller);
    let request = Request {
        input,
        body: received.stream,
    };
    let reply = server
        .engine
        .call(context, api.service.name(), api.operation.name, request)
        .await?;
    Ok(respond(
        api.operation,
        api.protocol,
        reply,
        &inbound.request_id,
    ))
}

/// A request whose sender is proven and whose body is at hand, or proven on its way.
struct Received {
    caller: Caller,
    collected: Option<Bytes>,
    stream: Body,
    /// What came behind a body that was collected.
    trailers: Trailers,
}

async fn receive(
    server: &Server,
    inbound: &Inbound,
    api: &Api,
    body: Unread,
) -> Result<Received, Error> {
    let unproven = |error: Unproven| refusal(&error, api.service, api.protocol);
    let claim = match identity::claim(server, inbound).map_err(unproven) {
        Ok(claim) => claim,
        Err(error) => {
            super::drain(body).await;
            return Err(error);
        }
    };
    if claim.is_none() && !may_be_anonymous(api) {
        super::drain(body).await;
        return Err(refusal(
            &SignatureFault::Missing.into(),
            api.service,
            api.protocol,
        ));
    }
    let signing_name = &api.service.metadata.signing_name;
    let streams = api.operation.streaming_input().is_some();
    let chunked = claim
        .as_ref()
        .is_some_and(|claim| claim.payload().is_streaming());
    if streams || chunked {
        let caller = match claim {
            Some(claim) => claim
                .prove(server, inbound, signing_name, None)
                .map_err(unproven)?,
            None => Caller::anonymous(),
        };
        let stream = proven_stream(inbound, &caller, body)?;
        if streams && is_of_unknown_length(inbound) {
            let text = "You must provide the Content-Length HTTP header.";
            return Err(Error::sender("MissingContentLength", text).with_status(411));
        }
        return finish_streaming(caller, stream, streams).await;
    }
    let collected = collect(server, body, api.service).await?;
    inbound.arrival.note(collected.len());
    let hash = hex::encode(Sha256::digest(&collected));
    let caller = match claim {
        Some(claim) => claim
            .prove(server, inbound, signing_name, Some(&hash))
            .map_err(unproven)?,
        None => Caller::anonymous(),
    };
    Ok(Received {
        caller,
        collected: Some(collected),
        stream: Body::Empty,
        trailers: Trailers::default(),
    })
}

/// S3 must know how much is to come, of the body itself or of what travels inside its framing.
fn is_of_unknown_length(inbound: &Inbound) -> bool {
    let headers = &inbound.head.headers;
    !headers.contains_key(http::header::CONTENT_LENGTH)
        && !headers.contains_key("x-amz-decoded-content-length")
}

/// S3 leaves it to policies; elsewhere only the operations that hand out identities.
fn may_be_anonymous(api: &Api) -> bool {
    api.protocol == Protocol::RestXml || api.operation.anonymous
}

/// A body that ends in a refusal where it is not what was signed.
fn proven_stream(inbound: &Inbound, caller: &Caller, body: Unread) -> Result<Body, Error> {
    let length = declared_length(inbound);
    let chunks = match body {
        Unread::Stream(body) => bodies::chunks(body, inbound.arrival.clone()),
        Unread::Read(read) => Body::from(read).into_chunks(),
    };
    match &caller.payload {
        Payload::Sha256(signed) => Ok(Body::Stream {
            length,
            chunks: bodies::bound_to_hash(chunks, signed.clone()),
            trailers: None,
        }),
        payload if payload.is_streaming() => {
            chunked::decode(&inbound.head, payload, caller.verified.as_ref(), chunks)
        }
        _ => Ok(Body::Stream {
            length,
            chunks,
            trailers: None,
        }),
    }
}

fn declared_length(inbound: &Inbound) -> Option<u64> {
    inbound
        .head
        .headers
        .get(http::header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// An operation that takes no stream wants even a chunked body whole.
async fn finish_streaming(caller: Caller, stream: Body, streams: bool) -> Result<Received, Error> {
    if streams {
        return Ok(Received {
            caller,
            collected: None,
            stream,
            trailers: Trailers::default(),
        });
    }
    let trailers = stream.trailers();
    let collected = stream
        .collect(BODY_BYTES_MAX, || too_large(BODY_BYTES_MAX))
        .await?;
    Ok(Received {
        caller,
        collected: Some(collected),
        stream: Body::Empty,
        trailers,
    })
}

async fn collect(server: &Server, body: Unread, service: &Service) -> Result<Bytes, Error> {
    let limit = if service.name() == "lambda" {
        LAMBDA_BODY_BYTES_MAX
    } else {
        BODY_BYTES_MAX
    };
    match body {
        Unread::Read(read) => Ok(read),
        Unread::Stream(body) => bodies::collect(server, body, limit)
            .await?
            .ok_or_else(|| too_large(limit).into()),
    }
}

fn too_large(limit: usize) -> cumulet_engine::Error {
    let text = format!("Request must be smaller than {limit} bytes");
    cumulet_engine::Error::new("RequestEntityTooLargeException", text).status(413)
}

fn refusal(unproven: &Unproven, service: &Service, protocol: Protocol) -> Error {
    match unproven {
        Unproven::Fault(fault) => fault.to_error(service.name(), protocol),
        Unproven::Internal(error) => error.clone().into(),
    }
}

/// The context of a call by `caller`.
pub(in crate::server) fn context(server: &Server, inbound: &Inbound, caller: &Caller) -> Context {
    let principal = caller.principal.clone();
    let account = if principal.account.is_empty() {
        &server.settings.account
    } else {
        &principal.account
    };
    let region = caller.region.as_ref().unwrap_or(&server.settings.region);
    let base = server.context(
        principal.clone(),
        &inbound.request_id,
        inbound.trace.clone(),
    );
    let user_agent = inbound
        .head
        .headers
        .get(http::header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    Context {
        source_ip: Some(inbound.origin.address),
        user_agent: user_agent.map(Arc::from),
        secure_transport: inbound.origin.is_secure(server.settings.secure_transport),
        ..base.located(account, region)
    }
}

fn respond(
    operation: &Operation,
    protocol: Protocol,
    reply: Reply,
    request_id: &str,
) -> Response<ReplyBody> {
    let encoded = cumulet_wire::encode(operation, protocol, &reply.output, request_id);
    let (mut head, body) = encoded.into_parts();
    if let Some(status) = reply
        .status
        .and_then(|status| StatusCode::from_u16(status).ok())
    {
        head.status = status;
    }
    if operation.streaming_output().is_none() {
        return Response::from_parts(head, bodies::bytes(body));
    }
    Response::from_parts(head, bodies::reply(reply.body))
}

/// Answers a call in the plain form: signed like any other, members as JSON both ways.
pub(super) async fn answer_canonical(
    server: &Server,
    inbound: Inbound,
    body: Incoming,
) -> Outbound {
    let path = inbound
        .head
        .uri
        .path()
        .trim_start_matches(CANONICAL)
        .to_owned();
    let what = path.replacen('/', ":", 1);
    let mut principal = String::new();
    let (status, document, error) =
        match serve_canonical(server, &inbound, &path, body, &mut principal).await {
            Ok(output) => (StatusCode::OK, output, None),
            Err(error) => {
                let status =
                    StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut document = json!({ "code": error.code, "message": error.message });
                if let Value::Object(document) = &mut document {
                    document.extend(error.members);
                }
                (status, document, Some(error.code))
            }
        };
    let mut response = Response::new(bodies::bytes(document.to_string()));
    *response.status_mut() = status;
    Outbound {
        response,
        what,
        principal,
        error,
        access: None,
    }
}

async fn serve_canonical(
    server: &Server,
    inbound: &Inbound,
    path: &str,
    body: Incoming,
    caller_arn: &mut String,
) -> Result<Value, Error> {
    let (service, operation) = path.split_once('/').unwrap_or((path, ""));
    let not_found = || {
        Error::sender(
            "UnknownOperationException",
            format!("there is no operation {path}"),
        )
    };
    let service = model::service(service).ok_or_else(not_found)?;
    let operation = service.operation(operation).ok_or_else(not_found)?;
    let api = Api {
        service,
        operation,
        protocol: Protocol::RestJson,
        labels: Default::default(),
    };
    let received = receive(server, inbound, &api, Unread::Stream(body)).await?;
    caller_arn.clone_from(&received.caller.principal.arn);
    let body = received.collected.unwrap_or_default();
    let input: Value = serde_json::from_slice(&body)
        .map_err(|error| Error::sender("SerializationException", error.to_string()))?;
    cumulet_wire::validate(operation, &input)?;
    let context = context(server, inbound, &received.caller);
    let request = Request {
        input,
        body: received.stream,
    };
    let reply = server
        .engine
        .call(context, service.name(), operation.name, request)
        .await?;
    Ok(if reply.output.is_null() {
        json!({})
    } else {
        reply.output
    })
}
