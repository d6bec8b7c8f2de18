//! Requests that leave the engine: HTTP integrations, to this machine and nowhere else. AWS's own names, of deployed APIs
//! and function URLs, are names of this engine, with `https` as with `http`.
//!
//! A name is resolved once and the connection goes to the very address that was checked, so no name can
//! mean this machine at first and another one afterwards.

use std::net::SocketAddr;

use bytes::Bytes;
use cumulet_engine::http::{HttpReply, HttpRequest};
use cumulet_engine::outbound::{FetchError, Outbound};
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const ANSWER_BYTES_MAX: usize = 10 << 20;

/// Lets requests go to this machine and nowhere else.
#[derive(Debug)]
pub(crate) struct ThisMachineOnly {
    /// Where the engine itself listens.
    pub(crate) own: SocketAddr,
}

impl Outbound for ThisMachineOnly {
    fn fetch(
        &self,
        url: String,
        request: HttpRequest,
    ) -> BoxFuture<'static, Result<HttpReply, FetchError>> {
        Box::pin(fetch(self.own, url, request))
    }
}

async fn fetch(
    own: SocketAddr,
    url: String,
    request: HttpRequest,
) -> Result<HttpReply, FetchError> {
    let uri: Uri = url.parse().map_err(|_| FetchError::Unreachable)?;
    let address = if is_own_name(uri.host().ok_or(FetchError::Unreachable)?) {
        loopback(own)
    } else if uri.scheme_str() == Some("http") {
        address(&uri, &url).await?
    } else {
        return Err(not_let_out(&url));
    };
    let outgoing = outgoing(&uri, request).ok_or(FetchError::Unreachable)?;
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|_| FetchError::Unreachable)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|_| FetchError::Unreachable)?;
    let connection = tokio::spawn(connection);
    let answered = sender.send_request(outgoing).await;
    let reply = match answered {
        Ok(response) => reply(response).await,
        Err(_) => Err(FetchError::Unreachable),
    };
    connection.abort();
    reply
}

/// Names under which AWS serves what this engine serves.
fn is_own_name(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let domains = [".amazonaws.com", ".on.aws", ".localhost"];
    domains.iter().any(|domain| host.ends_with(domain))
}

/// The way to a socket of this machine, whatever it listens on.
fn loopback(mut own: SocketAddr) -> SocketAddr {
    if own.ip().is_unspecified() {
        own.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    own
}

fn not_let_out(url: &str) -> FetchError {
    FetchError::NotLetOut(format!(
        "requests to {url}: only http endpoints on this machine are let out"
    ))
}

async fn address(uri: &Uri, url: &str) -> Result<SocketAddr, FetchError> {
    let host = uri.host().ok_or(FetchError::Unreachable)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(80);
    let found = tokio::net::lookup_host((host, port)).await;
    let mut found = found.map_err(|_| not_let_out(url))?;
    let local = found.find(|address| address.ip().is_loopback());
    local.ok_or_else(|| not_let_out(url))
}

fn outgoing(uri: &Uri, request: HttpRequest) -> Option<Request<Full<Bytes>>> {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut outgoing = Request::builder()
        .method(request.method.as_str())
        .uri(target)
        .header(http::header::HOST, uri.authority()?.as_str());
    for (name, value) in &request.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        if name != http::header::HOST && name != http::header::CONTENT_LENGTH {
            outgoing = outgoing.header(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
        }
    }
    outgoing.body(Full::new(request.body)).ok()
}

async fn reply(response: Response<Incoming>) -> Result<HttpReply, FetchError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter();
    Ok(HttpReply {
        status: head.status.as_u16(),
        headers: headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body: body.map_err(|_| FetchError::Unreachable)?.to_bytes(),
    })
}
