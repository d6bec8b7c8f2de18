//! What is neither an API call nor the engine's own: deployed APIs, function URLs, forms, preflights.

use cumulet_services::apigateway;
use cumulet_services::http::{HttpReply, HttpRequest};
use cumulet_wire::route::Route;
use cumulet_wire::{Error, Protocol, model};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::identity::Caller;
use super::{Inbound, Outbound, Unread, api, refused};
use crate::server::Server;
use crate::server::bodies::{self, ReplyBody};

/// API Gateway takes at most 10 MB.
const API_BODY_BYTES_MAX: usize = 10 << 20;

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
    let reply = match read(body).await {
        Ok(Some(body)) => {
            let request = http_request(&inbound, path, body);
            let context = api::context(server, &inbound, &Caller::anonymous());
            apigateway::execute(&server.engine, context, api_id, request).await
        }
        Ok(None) => apigateway::too_large(),
        Err(error) => HttpReply::json(
            400,
            &serde_json::json!({ "message": error.message }).to_string(),
        ),
    };
    let error = (reply.status >= 400).then(|| error_type(&reply));
    Outbound {
        response: respond(reply, &inbound.request_id),
        what,
        principal: String::new(),
        error,
    }
}

async fn read(body: Unread) -> Result<Option<bytes::Bytes>, cumulet_services::Error> {
    match body {
        Unread::Read(read) => Ok(Some(read)),
        Unread::Stream(body) => bodies::collect(body, API_BODY_BYTES_MAX).await,
    }
}

fn http_request(inbound: &Inbound, path: String, body: bytes::Bytes) -> HttpRequest {
    let head = &inbound.head;
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    HttpRequest {
        method: head.method.to_string(),
        path,
        query: head.uri.query().map(str::to_owned),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body,
        source_ip: inbound.origin.address.to_string(),
        protocol: format!("{:?}", head.version),
        host: head
            .headers
            .get(http::header::HOST)
            .map(text)
            .unwrap_or_default(),
    }
}

fn respond(reply: HttpReply, request_id: &str) -> Response<ReplyBody> {
    let mut response = Response::new(bodies::bytes(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in &reply.headers {
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
        Route::S3PostForm { .. } => "s3:PostObject",
        Route::S3Preflight { .. } => "CORS preflights",
        Route::S3Website { .. } => "S3 websites",
        Route::Api(_)
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
