//! One line for every request, for whoever watches.

use tokio::sync::broadcast;

/// A served request.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestLine {
    pub(crate) request_id: String,
    pub(crate) timestamp_ms: i64,
    /// `s3:PutObject`, or `POST /prod/upload` for an API.
    pub(crate) what: String,
    /// Who asked: the principal's ARN, or empty.
    pub(crate) principal: String,
    pub(crate) status: u16,
    pub(crate) error: Option<String>,
    /// What IAM would have refused, had it not been told only to report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) would_deny: Option<String>,
    pub(crate) duration_us: i64,
    /// Made by a function rather than from outside.
    pub(crate) from_function: bool,
}

/// Hands lines to everybody who listens; a slow listener misses some.
#[derive(Clone, Debug)]
pub(crate) struct RequestLog(broadcast::Sender<RequestLine>);

impl Default for RequestLog {
    fn default() -> Self {
        Self(broadcast::Sender::new(1024))
    }
}

impl RequestLog {
    pub(crate) fn listen(&self) -> broadcast::Receiver<RequestLine> {
        self.0.subscribe()
    }

    pub(super) fn write(&self, line: RequestLine) {
        // Nobody listening is no error.
        drop(self.0.send(line));
    }
}
