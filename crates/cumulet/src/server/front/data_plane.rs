//! What is neither an API call nor the engine's own: deployed APIs, function URLs, forms, preflights.

use cumulet_apigateway as apigateway;
use cumulet_cloudformation::custom;
use cumulet_engine::body::Body;
use cumulet_engine::http::{HttpReply, HttpRequest};
use cumulet_lambda as lambda;
use cumulet_s3 as s3;
use cumulet_wire::route::Route;
use cumulet_wire::{Error, Protocol, model, sigv4};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};

use super::identity::{self, Caller, Unproven};
use super::{Inbound, Outbound, Unread, access, api, header_names, refused, upload_form};
use crate::server::Server;
use crate::server::bodies::{self, ReplyBody};

/// API Gateway takes at most 10 MB.
const API_BODY_BYTES_MAX: usize = 10 << 20;
/// How far the clocks of a client and of a deployed API may differ.
const SKEW_MAX_S: i64 = 5 * 60;

pub(super) async fn answer(
    server: &Server,
    inbound: Inbound,
    route: Route,
    body: Unread,
) -> Outbound {
    match route {
        Route::ExecuteApi {
            api_id,
            stage,
            path,
        } => {
            let path = stage.map_or_else(|| path.clone(), |stage| format!("/{stage}{path}"));
            execute_api(server, inbound, &api_id, path, body).await
        }
        Route::FunctionUrl { url_id } => function_url(server, inbound, &url_id, body).await,
        Route::S3Preflight {
            bucket: Some(bucket),
            key,
        } => {
            super::drain(body).await;
            let record = access::begin(server, &inbound, "Preflight", &bucket, key.as_deref());
            Outbound {
                access: Some(record),
                ..preflight(server, &inbound, &bucket)
            }
        }
        Route::S3PostForm { bucket } => upload_form::answer(server, inbound, &bucket, body).await,
        other => {
            super::drain(body).await;
            not_built(&inbound, &other)
        }
    }
}

async fn execute_api(
    server: &Server,
    inbound: Inbound,
    api_id: &str,
    path: String,
    body: Unread,
) -> Outbound {
    let what = format!("{} {path}", inbound.head.method);
    let read = read(server, body).await;
    let body = read.as_ref().ok().and_then(Option::as_ref);
    let (caller, unproven) = match sender(server, &inbound, body) {
        Ok(caller) => (caller, None),
        Err(error) => (Caller::anonymous(), Some(error)),
    };
    let context = api::context(server, &inbound, &caller);
    let reply = match read {
        Ok(whole) => {
            let is_whole = whole.is_some();
            let body = whole.unwrap_or_default();
            let names = header_names::as_sent(&inbound.head).await;
            let request = HttpRequest {
                unproven,
                ..http_request(&inbound, path, body, names)
            };
            if is_whole {
                apigateway::execute(&server.engine, context, api_id, request).await
            } else {
                apigateway::too_large(&server.engine, context, api_id, request).await
            }
        }
        Err(error) => HttpReply::json(
            error.status,
            &serde_json::json!({ "message": error.message }).to_string(),
        ),
    };
    let error = (reply.status >= 400).then(|| error_type(&reply));
    Outbound {
        response: respond(reply, &inbound.request_id),
        what,
        principal: caller.principal.arn,
        error,
        access: None,
    }
}

/// The largest request that a function takes.
const FUNCTION_BODY_BYTES_MAX: usize = 6 << 20;

async fn function_url(server: &Server, inbound: Inbound, url_id: &str, body: Unread) -> Outbound {
    let path = inbound.head.uri.path().to_owned();
    let what = format!("{} function URL {path}", inbound.head.method);
    let whole = match read(server, body).await {
        Ok(whole) => whole.filter(|whole| whole.len() <= FUNCTION_BODY_BYTES_MAX),
        Err(error) => return refused_call(&inbound, &what, error),
    };
    let Some(body) = whole else {
        let message = "Request must be smaller than 6291456 bytes";
        let error = cumulet_engine::Error::new("RequestTooLargeException", message).status(413);
        return refused_call(&inbound, &what, error);
    };
    let caller = match signer_of(server, &inbound, "lambda", &body, sigv4::SKEW_MAX_S) {
        Ok(caller) => caller,
        Err(error) => return refused_call(&inbound, &what, error),
    };
    let context = api::context(server, &inbound, &caller);
    let names = header_names::as_sent(&inbound.head).await;
    let request = http_request(&inbound, path, body, names);
    let (reply, streamed) = lambda::answer_url(&server.engine, context, url_id, request).await;
    let mut answer = outbound(reply, &inbound, what, caller.principal.arn);
    if matches!(streamed, Body::Stream { .. }) {
        answer
            .response
            .headers_mut()
            .remove(http::header::CONTENT_LENGTH);
        *answer.response.body_mut() = bodies::reply(streamed);
    }
    answer
}

fn refused_call(inbound: &Inbound, what: &str, error: cumulet_engine::Error) -> Outbound {
    let service = model::service("lambda");
    refused(inbound, what, service, Protocol::RestJson, error.into())
}

/// A browser's question before it sends to a bucket.
fn preflight(server: &Server, inbound: &Inbound, bucket: &str) -> Outbound {
    let header = |name: &str| {
        inbound
            .head
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let allowed = s3::preflight(
        &server.engine,
        bucket,
        header("origin"),
        header("access-control-request-method"),
        header("access-control-request-headers"),
    );
    match allowed {
        Ok(headers) => {
            let reply = HttpReply {
                status: 200,
                headers,
                ..HttpReply::default()
            };
            outbound(reply, inbound, "s3 preflight".to_owned(), String::new())
        }
        Err(error) => {
            let service = model::service("s3");
            refused(
                inbound,
                "s3 preflight",
                service,
                Protocol::RestXml,
                error.into(),
            )
        }
    }
}

/// What a custom resource's function tells of its work.
pub(super) async fn custom_resource(server: &Server, inbound: Inbound, body: Incoming) -> Outbound {
    let path = inbound.head.uri.path();
    let token = path.trim_start_matches(custom::RESPONSE_PATH).to_owned();
    let what = "custom resource response".to_owned();
    let reply = match read(server, Unread::Stream(body)).await {
        Ok(Some(body)) if inbound.head.method == http::Method::PUT => {
            let context = api::context(server, &inbound, &Caller::anonymous());
            custom::response(&server.engine, context, &token, &body).await
        }
        _ => HttpReply::json(
            400,
            r#"{"message":"the answer is sent by PUT, in at most 4 KB"}"#,
        ),
    };
    outbound(reply, &inbound, what, String::new())
}

pub(super) fn outbound(
    reply: HttpReply,
    inbound: &Inbound,
    what: String,
    principal: String,
) -> Outbound {
    let error = (reply.status >= 400).then(|| error_type(&reply));
    Outbound {
        response: respond(reply, &inbound.request_id),
        what,
        principal,
        error,
        access: None,
    }
}

/// Who signed the request for a deployed API; whoever did not is anonymous. `Err` says why a signature
/// proves nobody: whether that matters is for the API to say.
fn sender(
    server: &Server,
    inbound: &Inbound,
    body: Option<&bytes::Bytes>,
) -> Result<Caller, cumulet_engine::Error> {
    let body = body.map_or(&[][..], |body| body.as_ref());
    signer_of(server, inbound, "execute-api", body, SKEW_MAX_S)
}

/// Who signed a request to `service`'s data plane; anonymous where nobody did.
fn signer_of(
    server: &Server,
    inbound: &Inbound,
    service: &str,
    body: &[u8],
    skew_max_s: i64,
) -> Result<Caller, cumulet_engine::Error> {
    let refused = |unproven: Unproven| match unproven {
        Unproven::Fault(fault) => fault.to_error(service, Protocol::RestJson).into(),
        Unproven::Internal(error) => error,
    };
    let Some(claim) = identity::claim(server, inbound).map_err(refused)? else {
        return Ok(Caller::anonymous());
    };
    let hash = hex::encode(Sha256::digest(body));
    let proven = claim.prove_within(server, inbound, service, Some(&hash), skew_max_s);
    proven.map_err(refused)
}

async fn read(
    server: &Server,
    body: Unread,
) -> Result<Option<bytes::Bytes>, cumulet_engine::Error> {
    match body {
        Unread::Read(read) => Ok(Some(read)),
        Unread::Stream(body) => bodies::collect(server, body, API_BODY_BYTES_MAX).await,
    }
}

fn http_request(
    inbound: &Inbound,
    path: String,
    body: bytes::Bytes,
    mut names: Vec<String>,
) -> HttpRequest {
    let head = &inbound.head;
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    HttpRequest {
        method: head.method.to_string(),
        path,
        query: head.uri.query().map(str::to_owned),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| {
                let mut sent = names.iter();
                let sent = sent.position(|sent| sent.eq_ignore_ascii_case(name.as_str()));
                let name = sent.map_or_else(|| name.to_string(), |at| names.remove(at));
                (name, text(value))
            })
            .collect(),
        body,
        source_ip: inbound.origin.address.to_string(),
        protocol: format!("{:?}", head.version),
        host: head
            .headers
            .get(http::header::HOST)
            .map(text)
            .unwrap_or_default(),
        unproven: None,
    }
}

/// Headers that say where an answer ends: the listener's own to write, whatever an integration maps to them.
fn is_framing(name: &str) -> bool {
    const FRAMING: [&str; 6] = [
        "connection",
        "content-length",
        "keep-alive",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    FRAMING.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn respond(reply: HttpReply, request_id: &str) -> Response<ReplyBody> {
    let mut response = Response::new(bodies::bytes(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let headers = reply.headers.iter();
    for (name, value) in headers.filter(|(name, _)| !is_framing(name)) {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response
            .headers_mut()
            .entry("x-amzn-requestid")
            .or_insert(id);
    }
    response
}

fn error_type(reply: &HttpReply) -> String {
    let named = reply
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("x-amzn-errortype"));
    named.map_or_else(|| reply.status.to_string(), |(_, value)| value.clone())
}

fn not_built(inbound: &Inbound, route: &Route) -> Outbound {
    let what = match route {
        Route::FunctionUrl { .. } => "function URLs",
        Route::CustomResourceResponse { .. } => "custom resource responses",
        Route::S3Preflight { .. } => "CORS preflights",
        Route::S3Website { .. } => "S3 websites",
        Route::Api(_)
        | Route::S3PostForm { .. }
        | Route::Refused { .. }
        | Route::ExecuteApi { .. }
        | Route::Management { .. } => "this address",
    };
    let message = format!("{what} is not implemented by Cumulet");
    let error = Error::sender("NotImplemented", message).with_status(501);
    refused(
        inbound,
        what,
        model::service("s3"),
        Protocol::RestXml,
        error,
    )
}
