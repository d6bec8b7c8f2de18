//! Signed requests over connections that stay open.
//!
//! Requests are signed before the clock starts and sent again and again: a signature is valid for minutes, and signing
//! while measuring would measure ourselves.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use cumulet_wire::sigv4::{Credentials, Signer};
use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;

use crate::Outcome;

pub(crate) const REGION: &str = "us-east-1";

/// A request that is ready to be sent, any number of times.
pub(crate) type Prepared = Request<Full<Bytes>>;

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Refusals end the run: a fast error is no result.
    pub(crate) fn ok(self) -> Outcome<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(format!("{}: {}", self.status, String::from_utf8_lossy(&self.body)).into())
    }

    pub(crate) fn json(&self) -> Outcome<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// A connection that is opened again only after a server that closes (moto does, after every answer).
pub(crate) struct Connection {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    closing: bool,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let closing = false;
        Ok(Self {
            address,
            sender,
            closing,
        })
    }

    pub(crate) async fn send(&mut self, request: &Prepared) -> Outcome<Answer> {
        if self.closing || self.sender.ready().await.is_err() {
            *self = Self::open(self.address).await?;
        }
        let response = self.sender.send_request(request.clone()).await?;
        let close = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"close");
        let old = response.version() < Version::HTTP_11;
        self.closing = old || response.headers().get(CONNECTION).is_some_and(close);
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

/// Sends one request over a connection of its own.
pub(crate) async fn once(address: SocketAddr, request: &Prepared) -> Outcome<Answer> {
    Connection::open(address).await?.send(request).await
}

/// What a request says beside its body.
pub(crate) struct Call<'a> {
    pub(crate) service: &'a str,
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'static str, &'a str)],
}

/// Signs as the operator `test`, who stands in every fresh installation, and whom no peer checks.
pub(crate) fn signed(address: SocketAddr, call: &Call<'_>, body: Bytes) -> Outcome<Prepared> {
    let credentials = Credentials {
        access_key: "test".to_owned(),
        secret_key: "test".to_owned(),
        session_token: None,
    };
    let signer = Signer {
        credentials: &credentials,
        region: REGION,
        service: call.service,
        now_s: i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?,
    };
    let mut request = unsigned(address, call)?;
    signer
        .sign(&mut request, &hex::encode(Sha256::digest(&body)))
        .map_err(|fault| format!("cannot be signed: {fault:?}"))?;
    Ok(Request::from_parts(request, Full::new(body)))
}

fn unsigned(address: SocketAddr, call: &Call<'_>) -> Outcome<http::request::Parts> {
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(call.path)
        .header(HOST, address.to_string());
    for (name, value) in call.headers {
        request = request.header(*name, *value);
    }
    Ok(request.body(())?.into_parts().0)
}

/// For what takes no signature: health, and an API without authorizer.
pub(crate) fn anonymous(address: SocketAddr, call: &Call<'_>, body: Bytes) -> Outcome<Prepared> {
    Ok(Request::from_parts(
        unsigned(address, call)?,
        Full::new(body),
    ))
}

/// An operation of DynamoDB.
pub(crate) fn dynamodb(address: SocketAddr, operation: &str, input: &Value) -> Outcome<Prepared> {
    let target = format!("DynamoDB_20120810.{operation}");
    let call = Call {
        service: "dynamodb",
        method: Method::POST,
        path: "/",
        headers: &[
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", &target),
        ],
    };
    signed(address, &call, input.to_string().into())
}

/// An operation of S3 on a bucket or an object.
pub(crate) fn s3(
    address: SocketAddr,
    method: Method,
    path: &str,
    body: Bytes,
) -> Outcome<Prepared> {
    let call = Call {
        service: "s3",
        method,
        path,
        headers: &[],
    };
    signed(address, &call, body)
}
