//! Bodies on their way in and out: bounded, hashed, and bound to what was signed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use cumulet_engine::Error;
use cumulet_engine::body::Body;
use futures_util::stream::{BoxStream, StreamExt};
use futures_util::{Stream, TryStreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyDataStream, BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use sha2::{Digest, Sha256};

use super::front::Arrival;

/// What the listener sends: bytes at once, or a stream.
pub(super) type ReplyBody = UnsyncBoxBody<Bytes, Error>;

/// What is read of a refused request's body before its connection is given up.
const DRAIN_BYTES_MAX: usize = 1 << 20;
const DRAIN_TIME_MAX: Duration = Duration::from_secs(2);

/// Reads a body whole; `None` where it is larger than allowed.
pub(super) async fn collect(body: Incoming, limit_bytes: usize) -> Result<Option<Bytes>, Error> {
    match Limited::new(body, limit_bytes).collect().await {
        Ok(collected) => Ok(Some(collected.to_bytes())),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Ok(None),
        Err(_) => Err(incomplete()),
    }
}

/// Reads and forgets what a client still sends, so that it gets to read why it was refused.
pub(super) async fn drain(body: Incoming) {
    let reading = Limited::new(body, DRAIN_BYTES_MAX).collect();
    // Whatever comes of it, the answer is sent.
    drop(tokio::time::timeout(DRAIN_TIME_MAX, reading).await);
}

/// A body as the services take it: chunks as they arrive, each of them noted.
pub(super) fn chunks(
    body: Incoming,
    arrival: Arc<Arrival>,
) -> BoxStream<'static, Result<Bytes, Error>> {
    BodyDataStream::new(body)
        .inspect_ok(move |chunk| arrival.note(chunk.len()))
        .map_err(|_| incomplete())
        .boxed()
}

pub(super) fn bytes(body: impl Into<Bytes>) -> ReplyBody {
    Full::new(body.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub(super) fn reply(body: Body) -> ReplyBody {
    match body {
        Body::Empty => bytes(Bytes::new()),
        Body::Bytes(whole) => bytes(whole),
        // A stream that fails breaks the connection off: the client sees a cut body, never a wrong one.
        stream @ Body::Stream { .. } => {
            StreamBody::new(stream.into_chunks().map_ok(Frame::data)).boxed_unsync()
        }
    }
}

/// Ends a body with a refusal where its hash is not the one that was signed.
pub(super) fn bound_to_hash(
    chunks: BoxStream<'static, Result<Bytes, Error>>,
    signed_sha256_hex: String,
) -> BoxStream<'static, Result<Bytes, Error>> {
    HashBound {
        chunks,
        hash: Some(Sha256::new()),
        signed_sha256_hex,
    }
    .boxed()
}

struct HashBound {
    chunks: BoxStream<'static, Result<Bytes, Error>>,
    hash: Option<Sha256>,
    signed_sha256_hex: String,
}

impl Stream for HashBound {
    type Item = Result<Bytes, Error>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        let next = ready!(self.chunks.poll_next_unpin(context));
        if let (Some(Ok(chunk)), Some(hash)) = (&next, &mut self.hash) {
            hash.update(chunk);
        }
        if next.is_none()
            && let Some(hash) = self.hash.take()
        {
            let computed = hex::encode(hash.finalize());
            if computed != self.signed_sha256_hex {
                return Poll::Ready(Some(Err(hash_mismatch(&self.signed_sha256_hex, &computed))));
            }
        }
        Poll::Ready(next)
    }
}

/// S3's answer to a body that is not the one the client signed.
pub(super) fn hash_mismatch(signed: &str, computed: &str) -> Error {
    let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
    Error::new("XAmzContentSHA256Mismatch", message)
        .member("ClientComputedContentSHA256", signed)
        .member("S3ComputedContentSHA256", computed)
}

fn incomplete() -> Error {
    Error::new("IncompleteBody", "The request body terminated unexpectedly")
}

/// A reply without a body.
pub(super) fn status(status: u16) -> http::Response<ReplyBody> {
    let mut response = http::Response::new(bytes(Bytes::new()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
}
