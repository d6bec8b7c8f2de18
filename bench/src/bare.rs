//! The bare limit: what this machine does when a server is nothing but a server.
//!
//! The same hyper, the same JSON parser and the same disk, but no signature, no policy, no validation, no encryption, no
//! trace, and a map in memory where the engine has a durable store. Files alone are written as they must be.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use md5::Md5;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use crate::Outcome;

struct Bare {
    items: RwLock<HashMap<String, Value>>,
    directory: PathBuf,
}

pub(crate) async fn serve(listen: SocketAddr, directory: PathBuf) -> Outcome<()> {
    let listener = TcpListener::bind(listen).await?;
    let bare = Arc::new(Bare {
        items: RwLock::default(),
        directory,
    });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let bare = bare.clone();
        let service = service_fn(move |request| answer(bare.clone(), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    bare: Arc<Bare>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let answered = bare.respond(request).await;
    let (status, body) = answered.map_or_else(
        |error| {
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                Bytes::from(error.to_string()),
            )
        },
        |body| (StatusCode::OK, body),
    );
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    Ok(response)
}

impl Bare {
    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Outcome<Bytes> {
        let (head, body) = request.into_parts();
        let file = head
            .uri
            .path()
            .strip_prefix("/files/")
            .map(|name| self.directory.join(name));
        match (head.method, file) {
            (Method::PUT, Some(file)) => {
                let bytes = body.collect().await?.to_bytes();
                tokio::task::spawn_blocking(move || write_file(&file, &bytes)).await??;
                Ok(Bytes::new())
            }
            (Method::GET, Some(file)) => {
                Ok(tokio::task::spawn_blocking(move || std::fs::read(file))
                    .await??
                    .into())
            }
            (Method::POST, None) => self.item(&body.collect().await?.to_bytes()),
            _ => Ok(Bytes::from_static(b"{}")),
        }
    }

    /// A body with an `Item` puts it, one with a `Key` gets it.
    fn item(&self, body: &[u8]) -> Outcome<Bytes> {
        let mut input: Value = serde_json::from_slice(body)?;
        let poisoned = |_| "the map is poisoned";
        if input.get("Item").is_some() {
            let item = input["Item"].take();
            let key = item["pk"]["S"].as_str().unwrap_or_default().to_owned();
            self.items
                .write()
                .map_err(|_| poisoned(()))?
                .insert(key, item);
            return Ok(Bytes::from_static(b"{}"));
        }
        let key = input["Key"]["pk"]["S"].as_str().unwrap_or_default();
        let items = self.items.read().map_err(|_| poisoned(()))?;
        let found = items.get(key).map(|item| json!({ "Item": item }));
        Ok(found.unwrap_or_else(|| json!({})).to_string().into())
    }
}

/// The least that storing an object takes: both hashes of it, and its bytes on the disk.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::hint::black_box((Sha256::digest(bytes), Md5::digest(bytes)));
    let mut file = std::fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}
