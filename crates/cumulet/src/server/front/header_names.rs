//! Header names as the client wrote them.
//!
//! Functions behind an API see `Content-Type` where a client wrote it so. hyper keeps the spelling
//! beside the request, where only hyper can read it; so the head is written once more, by a client
//! connection to nowhere that keeps the spelling too, and read from there.

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING, UPGRADE};
use http::request;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, DuplexStream};

const HEAD_BYTES_MAX: usize = 128 * 1024;

/// The names in the order of the head's headers, but for those of framing; empty where they cannot be had.
pub(super) async fn as_sent(head: &request::Parts) -> Vec<String> {
    let written = rewritten(head).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&written);
    let lines = text.lines().skip(1).take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| Some(line.split_once(':')?.0.to_owned()))
        .collect()
}

async fn rewritten(head: &request::Parts) -> Option<Vec<u8>> {
    let mut request = http::Request::new(Empty::<bytes::Bytes>::new());
    *request.headers_mut() = head.headers.clone();
    // There is no body to frame, and nothing to switch to.
    for name in [
        CONTENT_LENGTH,
        TRANSFER_ENCODING,
        CONNECTION,
        UPGRADE,
        EXPECT,
    ] {
        request.headers_mut().remove(name);
    }
    *request.extensions_mut() = head.extensions.clone();
    let (near, mut far) = tokio::io::duplex(HEAD_BYTES_MAX);
    let (mut sender, connection) = http1::Builder::new()
        .preserve_header_case(true)
        .handshake(TokioIo::new(near))
        .await
        .ok()?;
    tokio::select! {
        written = read_head(&mut far) => written,
        _ = async { tokio::join!(connection, sender.send_request(request)) } => None,
    }
}

async fn read_head(far: &mut DuplexStream) -> Option<Vec<u8>> {
    let mut written = Vec::with_capacity(1024);
    while !written.windows(4).any(|end| end == b"\r\n\r\n") {
        if far.read_buf(&mut written).await.ok()? == 0 {
            return None;
        }
    }
    Some(written)
}
