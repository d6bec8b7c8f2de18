//! What S3 is told of a request once its last byte has left: for access logs and request metrics.
//!
//! The front knows when bytes came and went and what the head said; what that means to a bucket is S3's.

use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use cumulet_engine::Error;
use cumulet_kernel::clock::wall_micros;
use cumulet_s3::{AccessLog, AccessRecord, Authentication};
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};

use super::{Inbound, Outbound};
use crate::server::Server;
use crate::server::bodies::ReplyBody;

/// What has come of a request's body so far.
#[derive(Debug)]
pub(in crate::server) struct Arrival {
    last_us: AtomicI64,
    bytes: AtomicU64,
}

impl Default for Arrival {
    fn default() -> Self {
        Self {
            last_us: AtomicI64::new(wall_micros()),
            bytes: AtomicU64::new(0),
        }
    }
}

impl Arrival {
    pub(in crate::server) fn note(&self, bytes: usize) {
        self.last_us.store(wall_micros(), Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Begins a record: what the head says.
pub(super) fn begin(
    server: &Server,
    inbound: &Inbound,
    operation: &str,
    bucket: &str,
    key: Option<&str>,
) -> AccessRecord {
    let headers = &inbound.head.headers;
    let uri = &inbound.head.uri;
    AccessRecord {
        operation: operation.to_owned(),
        bucket: bucket.to_owned(),
        key: key.map(str::to_owned),
        received: server.engine.clock.now(),
        remote_ip: inbound.origin.address.to_string(),
        principal: cumulet_engine::Principal::anonymous(),
        request_id: inbound.request_id.clone(),
        host_id: String::new(),
        method: inbound.head.method.to_string(),
        uri: uri
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        status: 0,
        error_code: None,
        bytes_received: 0,
        bytes_sent: 0,
        object_size_bytes: uploaded_size(operation, headers),
        total_ms: 0,
        turn_around_ms: 0,
        referrer: text(headers, "referer"),
        user_agent: text(headers, "user-agent"),
        host: text(headers, "host"),
        authentication: authentication(inbound),
        copy_source: text(headers, "x-amz-copy-source"),
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn authentication(inbound: &Inbound) -> Authentication {
    let query = inbound.head.uri.query().unwrap_or_default();
    if inbound
        .head
        .headers
        .contains_key(http::header::AUTHORIZATION)
    {
        Authentication::Header
    } else if query.contains("X-Amz-Signature=") {
        Authentication::Query
    } else {
        Authentication::None
    }
}

fn uploaded_size(operation: &str, headers: &HeaderMap) -> Option<u64> {
    if !["PutObject", "UploadPart"].contains(&operation) {
        return None;
    }
    let size = text(headers, "x-amz-decoded-content-length");
    size.or_else(|| text(headers, "content-length"))?
        .parse()
        .ok()
}

/// Hands the record in when the answer has gone, or the client has.
pub(super) fn attach(
    server: &Server,
    outbound: &mut Outbound,
    arrival: &Arrival,
    received_us: i64,
) {
    let Some(mut record) = outbound.access.take() else {
        return;
    };
    let response = &mut outbound.response;
    let headers = response.headers();
    record.status = response.status().as_u16();
    record.error_code.clone_from(&outbound.error);
    record.host_id = text(headers, "x-amz-id-2").unwrap_or_default();
    if ["GetObject", "HeadObject"].contains(&record.operation.as_str()) && record.status < 300 {
        record.object_size_bytes = read_size(headers, response.body().size_hint().exact());
    }
    record.bytes_received = arrival.bytes.load(Ordering::Relaxed);
    record.turn_around_ms = milliseconds_since(arrival.last_us.load(Ordering::Relaxed));
    let is_head = record.method == "HEAD";
    let body = std::mem::take(response.body_mut());
    *response.body_mut() = Counted {
        body,
        is_head,
        pending: Some(record),
        received_us,
        log: server.access_log.clone(),
    }
    .boxed_unsync();
}

/// The size of the whole object, of which a range may have been read.
fn read_size(headers: &HeaderMap, exact: Option<u64>) -> Option<u64> {
    if let Some(range) = text(headers, "content-range") {
        return range.rsplit_once('/')?.1.parse().ok();
    }
    let length = text(headers, "content-length").and_then(|length| length.parse().ok());
    length.or(exact)
}

fn milliseconds_since(start_us: i64) -> u64 {
    u64::try_from((wall_micros() - start_us) / 1000).unwrap_or_default()
}

/// A body that counts what leaves.
struct Counted {
    body: ReplyBody,
    /// hyper drops the body of an answer to HEAD unread.
    is_head: bool,
    pending: Option<AccessRecord>,
    received_us: i64,
    log: AccessLog,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let this = &mut *self;
        if let (Some(Ok(frame)), Some(record)) = (&frame, &mut this.pending) {
            record.bytes_sent += frame.data_ref().map_or(0, Bytes::len) as u64;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some(mut record) = self.pending.take() else {
            return;
        };
        if self.is_head {
            record.bytes_sent = 0;
        }
        record.total_ms = milliseconds_since(self.received_us);
        self.log.note(record);
    }
}
