//! One invocation: what goes in, and everything that came of it.

use bytes::Bytes;
use tokio::sync::mpsc;

/// One request to a function.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub request_id: String,
    pub payload: Bytes,
    /// As invoked, qualifier included: the function sees this very text.
    pub invoked_function_arn: String,
    /// The value of `X-Amzn-Trace-Id`, passed on unread.
    pub trace_id: Option<String>,
    /// The decoded client context (JSON text).
    pub client_context: Option<String>,
    /// `{"cognitoIdentityId":..,"cognitoIdentityPoolId":..}`.
    pub cognito_identity: Option<String>,
    /// Where a function that streams its answer writes it; a plain answer is in the outcome.
    pub stream: Option<mpsc::Sender<StreamPart>>,
}

/// A part of an answer that is passed on while the function still writes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StreamPart {
    /// Comes first.
    ContentType(String),
    Bytes(Bytes),
}

/// Who wrote a line of a log stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogLineKind {
    Function,
    Platform,
}

/// One event of a log stream. Function lines come without their newline.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogLine {
    pub timestamp_ms: i64,
    pub text: String,
    pub kind: LogLineKind,
}

/// A line that a function wrote between two invocations.
#[derive(Clone, Debug)]
pub struct LateLog {
    pub function_arn: String,
    pub log_group_name: String,
    pub log_stream_name: String,
    pub line: LogLine,
}

/// How an invocation ended. A function that failed is an outcome too: see `function_error`.
#[derive(Clone, Debug)]
pub struct InvocationOutcome {
    pub payload: Bytes,
    /// `Unhandled` when the function failed; the payload is then the error document.
    pub function_error: Option<String>,
    /// Whether the answer went to the invocation's stream.
    pub streamed: bool,
    /// What the error was for the platform: `Runtime.ExitError`, `Function.Unknown`, `Sandbox.Timedout`.
    pub error_type: Option<String>,
    pub log_stream_name: String,
    /// In order, with INIT_START, START, END and REPORT.
    pub log_lines: Vec<LogLine>,
    /// Whether this invocation started a sandbox.
    pub cold: bool,
    pub init_duration_ms: Option<f64>,
    pub duration_ms: f64,
    pub billed_duration_ms: u64,
    pub max_memory_used_mb: u64,
    pub timed_out: bool,
}

/// AWS returns at most this much of the log with `LogType: Tail`.
const LOG_TAIL_BYTES: usize = 4096;

impl InvocationOutcome {
    /// The last 4 KB of what this invocation logged: `X-Amz-Log-Result` before base64.
    pub fn log_tail(&self) -> Vec<u8> {
        let mut text = String::new();
        for line in &self.log_lines {
            text.push_str(&line.text);
            if !line.text.ends_with('\n') {
                text.push('\n');
            }
        }
        let bytes = text.into_bytes();
        bytes[bytes.len().saturating_sub(LOG_TAIL_BYTES)..].to_vec()
    }
}
