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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::Server;

use super::front::Arrival;

/// What the listener sends: bytes at once, or a stream.
pub(super) type ReplyBody = UnsyncBoxBody<Bytes, Error>;

/// What is read of a refused request's body before its connection is given up.
const DRAIN_BYTES_MAX: usize = 1 << 20;
const DRAIN_TIME_MAX: Duration = Duration::from_secs(2);

/// Memory for bodies that are read whole, shared by all connections: whoever finds none left waits.
#[derive(Debug)]
pub(super) struct Room(Arc<Semaphore>);

const ROOM_KB: usize = 512 * 1024;
/// Smaller bodies are let in at once: as many as there may be connections fit beside the rest.
const SMALL_BYTES_MAX: usize = 16 * 1024;
/// How long a body waits for room before it is refused.
const ROOM_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long a client may send nothing.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// What a client must send on average once that time is over.
const BYTES_PER_S_MIN: usize = 16 * 1024;

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM_KB)))
    }
}

impl Room {
    /// Takes room for what has come since `taken_bytes` were taken.
    async fn take(&self, kept: &mut Kept, size_bytes: usize) -> Result<(), Error> {
        let wanted_kb = size_bytes.saturating_sub(SMALL_BYTES_MAX).div_ceil(1024);
        let missing_kb = u32::try_from(wanted_kb.saturating_sub(kept.taken_kb)).unwrap_or(u32::MAX);
        if missing_kb == 0 {
            return Ok(());
        }
        let taken = self.0.clone().acquire_many_owned(missing_kb);
        let taken = tokio::time::timeout(ROOM_WAIT_MAX, taken).await;
        kept.room
            .push(taken.map_err(|_| slow_down())?.map_err(|_| slow_down())?);
        kept.taken_kb = wanted_kb;
        Ok(())
    }
}

/// A body and the room it takes, given back when nobody reads it any more.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    taken_kb: usize,
    room: Vec<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a body whole; `None` where it is larger than allowed.
pub(super) async fn collect(
    server: &Server,
    body: Incoming,
    limit_bytes: usize,
) -> Result<Option<Bytes>, Error> {
    let room = server.engine.memory.of::<Room>();
    let begun = Instant::now();
    let mut kept = Kept::default();
    let mut chunks = std::pin::pin!(BodyDataStream::new(body));
    loop {
        let next = tokio::time::timeout(IDLE_MAX, chunks.next()).await;
        let chunk = match next.map_err(|_| too_slow())? {
            None => break,
            Some(chunk) => chunk.map_err(|_| incomplete())?,
        };
        let size_bytes = kept.bytes.len() + chunk.len();
        if size_bytes > limit_bytes {
            return Ok(None);
        }
        if lags_behind(begun.elapsed(), size_bytes) {
            return Err(too_slow());
        }
        room.take(&mut kept, size_bytes).await?;
        kept.bytes.extend_from_slice(&chunk);
    }
    Ok(Some(Bytes::from_owner(kept)))
}

/// Whether a body comes so slowly that its sender only means to hold the connection.
fn lags_behind(elapsed: Duration, size_bytes: usize) -> bool {
    let earned_s = u64::try_from(size_bytes / BYTES_PER_S_MIN).unwrap_or(u64::MAX);
    elapsed > IDLE_MAX.saturating_add(Duration::from_secs(earned_s))
}

fn too_slow() -> Error {
    let message = "Your socket connection to the server was not read from or written to within the timeout period.";
    Error::new("RequestTimeout", message).status(400)
}

fn slow_down() -> Error {
    Error::new("ServiceUnavailable", "Please reduce your request rate.").status(503)
}

/// Reads and forgets what a client still sends, so that it gets to read why it was refused.
pub(super) async fn drain(body: Incoming) {
    let reading = Limited::new(body, DRAIN_BYTES_MAX).collect();
    // Whatever comes of it, the answer is sent.
    drop(tokio::time::timeout(DRAIN_TIME_MAX, reading).await);
}

/// A body as the services take it: chunks as they arrive, as long as they do arrive, each of them noted.
pub(super) fn chunks(
    body: Incoming,
    arrival: Arc<Arrival>,
) -> BoxStream<'static, Result<Bytes, Error>> {
    let chunks = BodyDataStream::new(body);
    futures_util::stream::try_unfold(chunks, |mut chunks| async move {
        let next = tokio::time::timeout(IDLE_MAX, chunks.next()).await;
        let next = next.map_err(|_| too_slow())?.transpose();
        Ok(next.map_err(|_| incomplete())?.map(|chunk| (chunk, chunks)))
    })
    .inspect_ok(move |chunk: &Bytes| arrival.note(chunk.len()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_earns_its_time_by_coming() {
        let after = |elapsed_s, size_bytes| lags_behind(Duration::from_secs(elapsed_s), size_bytes);
        assert!(!after(29, 0));
        assert!(after(31, 0));
        assert!(!after(60, 1 << 20));
        assert!(after(100, 1 << 20));
    }
}
