//! `/_cumulet/*`: what the command line asks the engine. Not AWS, and not for web pages.

use bytes::Bytes;
use cumulet_identity::iam;
use cumulet_engine::{Access, Error};
use cumulet_kernel::trace;
use http::{Method, Response, StatusCode, request};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::front::{self, Inbound};
use super::{Server, backup, bodies, clock, prometheus};

/// Answers a management request from this machine.
pub(super) fn answer(server: &Server, head: &request::Parts) -> Response<Bytes> {
    if !is_addressed_to_this_machine(head) {
        let text = "this address answers only programs on this machine, under its own name";
        return reply(StatusCode::FORBIDDEN, &json!({ "message": text }));
    }
    let path = head.uri.path().trim_start_matches("/_cumulet");
    match (&head.method, path) {
        (&Method::GET, "/health") => reply(StatusCode::OK, &health(server)),
        (&Method::GET, "/metrics") => {
            let mut response = reply(StatusCode::OK, &Value::Null);
            *response.body_mut() = prometheus::text(&server.engine.metrics.totals()).into();
            let kind = http::HeaderValue::from_static("text/plain; version=0.0.4");
            response
                .headers_mut()
                .insert(http::header::CONTENT_TYPE, kind);
            response
        }
        (&Method::GET, "/clock") => reply(StatusCode::OK, &clock::shown(server)),
        (&Method::GET, path) if path.starts_with("/traces/") => {
            traces(server, path.trim_start_matches("/traces/"))
        }
        (&Method::GET, path) if path.starts_with("/policy/") => {
            suggestion(server, path.trim_start_matches("/policy/"))
        }
        _ => reply(
            StatusCode::NOT_FOUND,
            &json!({ "message": "there is nothing here" }),
        ),
    }
}

/// What changes the installation or takes it away is for whoever signs and has the permission.
const SIGNED: [(&str, &str); 2] = [
    ("/_cumulet/clock", "cumulet:MoveClock"),
    ("/_cumulet/backup", "cumulet:Backup"),
];
const SIGNED_BODY_BYTES_MAX: usize = 4096;
const SIGNING_NAME: &str = "cumulet";

/// The action that this request needs, if it is one of those.
pub(super) fn action(head: &request::Parts) -> Option<&'static str> {
    let known = SIGNED.iter().find(|(path, _)| head.uri.path() == *path);
    known
        .filter(|_| head.method == Method::POST)
        .map(|(_, action)| *action)
}

/// Answers a signed request.
pub(super) async fn answer_signed(
    server: &Server,
    inbound: &Inbound,
    action: &str,
    body: Incoming,
) -> Response<Bytes> {
    match permitted(server, inbound, action, body).await {
        Ok(document) => reply(StatusCode::OK, &document),
        Err(error) => {
            let status =
                StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let text = json!({ "code": error.code, "message": error.message });
            reply(status, &text)
        }
    }
}

async fn permitted(
    server: &Server,
    inbound: &Inbound,
    action: &str,
    body: Incoming,
) -> Result<Value, Error> {
    let body = bodies::collect(server, body, SIGNED_BODY_BYTES_MAX).await?;
    let body = body.ok_or_else(|| Error::validation("the body is too large"))?;
    let context = front::signer(server, inbound, SIGNING_NAME, &body)?;
    server
        .engine
        .read(|tx| context.authorise(tx, &[Access::new(action, "*")]))?;
    match action {
        "cumulet:Backup" => backup::make(server, &body).await,
        _ => clock::change(server, &body).await,
    }
}

fn health(server: &Server) -> Value {
    json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "dataDirectory": server.settings.data_directory,
        "account": server.settings.account,
        "region": server.settings.region,
        "endpoint": server.endpoint(),
        "iam": server.iam_mode_name(),
        "isolation": server.engine.functions.isolation(),
    })
}

fn traces(server: &Server, id: &str) -> Response<Bytes> {
    let spans = server.engine.read(|tx| match id {
        "last" => Ok(trace::recent(tx, 1)?
            .first()
            .map_or_else(Vec::new, |span| vec![span.clone()])),
        id => Ok(trace::load(tx, id)?),
    });
    let spans = spans.and_then(|spans| match (id, spans.first()) {
        ("last", Some(root)) => server
            .engine
            .read(|tx| Ok(trace::load(tx, &root.trace_id)?)),
        _ => Ok(spans),
    });
    match spans {
        Ok(spans) if spans.is_empty() => reply(
            StatusCode::NOT_FOUND,
            &json!({ "message": format!("no trace of {id}") }),
        ),
        Ok(spans) => reply(StatusCode::OK, &json!({ "spans": spans })),
        Err(error) => reply(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({ "message": error.message }),
        ),
    }
}

/// What a role or user needs, from what it was seen to do.
fn suggestion(server: &Server, who: &str) -> Response<Bytes> {
    let who = percent_encoding::percent_decode_str(who).decode_utf8_lossy();
    let account = &server.settings.account;
    match server.engine.read(|tx| iam::suggest(tx, account, &who)) {
        Ok(suggestion) => reply(StatusCode::OK, &suggestion),
        Err(error) => reply(
            StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            &json!({ "code": error.code, "message": error.message }),
        ),
    }
}

/// A page in a browser can make its visitor's machine send requests here, under a name of its own that
/// resolves to 127.0.0.1. Such requests name that host, or an origin; a program's name neither.
pub(super) fn is_addressed_to_this_machine(head: &request::Parts) -> bool {
    let host = head
        .headers
        .get(http::header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) {
            name
        } else {
            host
        }
    });
    let is_address = name
        .trim_matches(['[', ']'])
        .parse::<std::net::IpAddr>()
        .is_ok();
    let is_web_page = head.headers.contains_key(http::header::ORIGIN);
    (is_address || name == "localhost") && !is_web_page
}

fn reply(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}
