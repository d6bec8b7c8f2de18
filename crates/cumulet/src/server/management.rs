//! `/_cumulet/*`: what the command line asks the engine. Not AWS, and not for web pages.

use bytes::Bytes;
use cumulet_kernel::trace;
use http::{Method, Response, StatusCode, request};
use serde_json::{Value, json};

use super::{Server, clock, prometheus};

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
        _ => reply(
            StatusCode::NOT_FOUND,
            &json!({ "message": "there is nothing here" }),
        ),
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

pub(super) fn reply(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}
