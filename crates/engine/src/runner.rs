//! Running function code, as the services ask for it. The binary answers with real processes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Runs function versions as processes.
pub trait FunctionRunner: Send + Sync + std::fmt::Debug {
    /// Runs one invocation, starting an environment if none is free.
    fn invoke(
        &self,
        function: Arc<FunctionVersion>,
        invocation: Invocation,
    ) -> BoxFuture<'static, Result<Outcome, RunError>>;
    /// The version's code or configuration is gone: idle environments stop, busy ones finish.
    fn retire(&self, key: &str);
    /// Whether functions of this runtime can run on this machine; else why not, naming the next command.
    fn runtime_available(&self, runtime: &str) -> Result<(), String>;
    /// What stands in for the runtime's own interpreter, for GetFunction; nothing where that one runs.
    fn runtime_substitute(&self, runtime: &str) -> Option<String> {
        let _ = runtime;
        None
    }
    /// Ends every execution environment.
    fn shut_down(&self) -> BoxFuture<'static, ()>;
    /// The isolation in force, for GetFunction and `doctor`.
    fn isolation(&self) -> String;
}

/// Credentials and settings that a new execution environment receives.
pub type EnvironmentSource =
    Arc<dyn Fn() -> BoxFuture<'static, Result<BTreeMap<String, String>, String>> + Send + Sync>;

/// All that is needed to run a version of a function.
#[derive(Clone)]
pub struct FunctionVersion {
    /// Unique for this code and configuration: environments are never shared across keys.
    pub key: String,
    pub function_name: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// Without qualifier.
    pub function_arn: String,
    pub account: String,
    pub region: String,
    pub runtime: String,
    pub handler: String,
    pub memory_size_mb: u32,
    pub timeout_s: u32,
    pub ephemeral_storage_mb: u32,
    /// The unpacked code, read-only.
    pub code_directory: PathBuf,
    pub layer_directories: Vec<PathBuf>,
    pub log_group_name: String,
    pub logging: Logging,
    /// Whether the function asks for traces of its own (`Active`).
    pub tracing_active: bool,
    /// The function's own variables.
    pub environment: BTreeMap<String, String>,
    /// Called once for each new environment: the role's fresh credentials.
    pub credentials: EnvironmentSource,
}

impl std::fmt::Debug for FunctionVersion {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("FunctionVersion")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
pub struct Invocation {
    pub request_id: String,
    pub payload: Bytes,
    /// As the caller named it, qualifier included.
    pub invoked_function_arn: String,
    /// `Root=...;Parent=...;Sampled=1`.
    pub trace_header: Option<String>,
    /// Decoded JSON.
    pub client_context: Option<String>,
    /// Where a function that streams its answer writes it; a plain answer is in the outcome.
    pub stream: Option<StreamSink>,
}

/// In which form a function's log is written, and how much of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    /// JSON documents in place of text.
    pub json: bool,
    /// `TRACE` to `FATAL`, for JSON alone.
    pub application_level: String,
    /// `DEBUG`, `INFO` or `WARN`, for JSON alone.
    pub system_level: String,
}

/// A part of an answer that is passed on while the function still writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamPart {
    /// Comes first.
    ContentType(String),
    Bytes(Bytes),
}

/// Takes the parts of an answer, and slows the function down while it is busy with one.
#[derive(Clone)]
pub struct StreamSink(pub Arc<dyn Fn(StreamPart) -> BoxFuture<'static, ()> + Send + Sync>);

impl std::fmt::Debug for StreamSink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("StreamSink")
    }
}

/// How an invocation ended.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub payload: Bytes,
    /// `Unhandled` where the function failed.
    pub function_error: Option<String>,
    /// What failed, for the platform: `Runtime.ExitError`.
    pub error_type: Option<String>,
    /// Whether the answer went to the sink.
    pub streamed: bool,
    pub log_stream_name: String,
    /// Time in milliseconds and text, platform lines included.
    pub log_lines: Vec<(i64, String)>,
    pub cold_start: bool,
    pub init_duration_ms: Option<f64>,
    pub duration_ms: f64,
    pub billed_duration_ms: u64,
    pub max_memory_used_mb: u64,
    pub timed_out: bool,
}

/// Why an invocation could not be run at all.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RunError {
    #[error("{0}")]
    RuntimeUnavailable(String),
    #[error("no execution environment could be made: {0}")]
    Sandbox(String),
    #[error("too many execution environments")]
    Busy,
}
