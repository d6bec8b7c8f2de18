//! What a caller tells about a function: everything a sandbox needs, nothing about how it is stored.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;

/// Called once for each new sandbox: the variables that differ between sandboxes, above all the role's temporary keys
/// (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`). An `Err` fails the invocation that needed it.
pub type EnvironmentSource =
    Arc<dyn Fn() -> BoxFuture<'static, Result<Vec<(String, String)>, String>> + Send + Sync>;

/// In which form the log is written, and how much of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Logging {
    /// JSON documents in place of text.
    pub json: bool,
    /// `TRACE` to `FATAL`; told to the runtime's client, for JSON alone.
    pub application_level: String,
    /// `DEBUG`, `INFO` or `WARN`, for JSON alone.
    pub system_level: String,
}

/// One revision of a function's code and configuration.
///
/// A sandbox serves one `key` for its whole life, so anything that changes what runs must change the key.
#[derive(Clone)]
pub struct FunctionVersion {
    /// Unique per revision of code and configuration.
    pub key: String,
    pub function_name: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// Without qualifier; handed to [`crate::AwsConnection`] to say who is calling.
    pub function_arn: String,
    pub account_id: String,
    pub region: String,
    /// AWS's runtime identifier: `provided.al2023`, `python3.12`, `nodejs22.x`.
    pub runtime: String,
    pub handler: String,
    pub memory_size_mb: u32,
    pub timeout_s: u32,
    pub ephemeral_storage_mb: u32,
    /// The unpacked package, below [`crate::Config::code_root`]. Bound read-only to `/var/task`.
    ///
    /// As on AWS, all of it must be readable by anyone (folders and programs 0755, files 0644): the function runs under
    /// an id of its own.
    pub code_dir: PathBuf,
    /// Unpacked layers in their order, each below [`crate::Config::code_root`]; the last one wins. Bound to `/opt`.
    pub layers: Vec<PathBuf>,
    pub log_group_name: String,
    /// What the function's own configuration sets; wins over everything that is not reserved.
    pub environment: Vec<(String, String)>,
    pub tracing_active: bool,
    pub logging: Logging,
    pub environment_source: EnvironmentSource,
}

impl fmt::Debug for FunctionVersion {
    /// The environment may hold secrets, so it is left out.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FunctionVersion")
            .field("key", &self.key)
            .field("function_arn", &self.function_arn)
            .field("version", &self.version)
            .field("runtime", &self.runtime)
            .finish_non_exhaustive()
    }
}
