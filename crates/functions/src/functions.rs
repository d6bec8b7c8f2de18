//! The handle: what a caller starts, invokes, retires and shuts down.

use std::ffi::OsString;
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::host::Host;
use crate::{FunctionVersion, Invocation, InvocationOutcome, IsolationReport, LateLog, Runtimes};

/// A connection that a function opened to AWS's endpoint. The listener it arrived on says who is calling; the signature
/// inside is still its receiver's to verify.
#[derive(Debug)]
pub struct AwsConnection {
    pub sandbox_id: String,
    pub function_arn: String,
    pub stream: TcpStream,
}

/// What a sandbox may reach besides the Runtime API and AWS's endpoint.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Egress {
    #[default]
    Deny,
    /// Public addresses of others; never loopback, private networks or this machine's own addresses.
    Allow,
}

/// What a host must be able to enforce.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RequiredIsolation {
    /// The strongest the host offers; [`Functions::report`] says which.
    #[default]
    BestAvailable,
    /// Every layer but the memory limit's kernel enforcement, or [`StartError::IsolationTooWeak`].
    Strict,
}

/// How functions are run on this host.
#[derive(Clone, Debug)]
pub struct Config {
    /// A private directory of this process for what sandboxes need on disk.
    pub root_dir: PathBuf,
    /// The directory below which all code and layers lie; bound into waiting sandboxes and detached before code runs.
    pub code_root: PathBuf,
    /// Which interpreters may run functions, and where the SDKs are that go to `/var/runtime`.
    pub runtimes: Runtimes,
    /// Receives what sandboxes say to AWS's endpoint.
    pub aws_connections: mpsc::Sender<AwsConnection>,
    /// The port of AWS's endpoint inside sandboxes.
    pub aws_port: u16,
    /// Receives what functions write between invocations.
    pub log_sink: Option<mpsc::UnboundedSender<LateLog>>,
    /// Empty sandboxes kept ready.
    pub pool_size: usize,
    /// All sandboxes together, idle ones included.
    pub sandboxes_max: usize,
    pub idle_timeout: Duration,
    /// A sandbox of this age takes no further invocation, so that its keys never expire while it is in use.
    pub lifetime_max: Duration,
    pub egress: Egress,
    /// Single addresses that functions may reach whatever `egress` says, private ones too.
    pub egress_exceptions: Vec<SocketAddrV4>,
    pub require: RequiredIsolation,
    /// False to run functions as on a host that forbids namespaces.
    pub use_namespaces: bool,
    /// The program that calls [`crate::sandbox_init_main`], with its first arguments.
    pub init_command: Vec<OsString>,
}

impl Config {
    /// The defaults: our own binary as `sandbox-init`, two sandboxes ready, no egress.
    pub fn new(
        root_dir: PathBuf,
        code_root: PathBuf,
        aws_connections: mpsc::Sender<AwsConnection>,
    ) -> Config {
        Config {
            root_dir,
            code_root,
            runtimes: Runtimes::default(),
            aws_connections,
            aws_port: 4566,
            log_sink: None,
            pool_size: 2,
            sandboxes_max: 1000,
            idle_timeout: Duration::from_secs(300),
            lifetime_max: Duration::from_secs(2 * 60 * 60),
            egress: Egress::Deny,
            egress_exceptions: Vec::new(),
            require: RequiredIsolation::BestAvailable,
            use_namespaces: true,
            init_command: vec!["/proc/self/exe".into(), "sandbox-init".into()],
        }
    }
}

/// Why functions cannot be run on this host.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("isolation is weaker than required: {0}")]
    IsolationTooWeak(String),
    #[error("no sandbox can be built: {0}")]
    Sandbox(String),
}

/// Why an invocation never reached a function. What a function did wrong is an [`InvocationOutcome`].
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    #[error("the runtime {runtime} is not available on this host: {why}")]
    RuntimeUnavailable { runtime: String, why: String },
    #[error("the environment of the function could not be made: {0}")]
    Environment(String),
    #[error("all {0} sandboxes are in use")]
    TooManySandboxes(usize),
    #[error("no sandbox could be built: {0}")]
    Sandbox(String),
    #[error("functions are shut down")]
    ShutDown,
}

/// A handle on all running functions; cheap to clone.
#[derive(Clone, Debug)]
pub struct Functions {
    host: Arc<Host>,
}

impl Functions {
    /// Builds a first sandbox, runs a program in it and so learns what this host can enforce.
    pub async fn start(config: Config) -> Result<Functions, StartError> {
        Ok(Functions {
            host: Host::start(config).await?,
        })
    }

    /// Runs a function once, in an idle sandbox of its version or a new one.
    ///
    /// The invocation goes on when the caller stops waiting, as it does on AWS.
    pub async fn invoke(
        &self,
        function: &Arc<FunctionVersion>,
        invocation: Invocation,
    ) -> Result<InvocationOutcome, InvokeError> {
        let (host, function) = (self.host.clone(), function.clone());
        let running = tokio::spawn(async move { host.invoke(&function, invocation).await });
        running
            .await
            .unwrap_or_else(|error| Err(InvokeError::Sandbox(error.to_string())))
    }

    /// Code or configuration changed, or the function is gone: its idle sandboxes are shut down now, its running ones
    /// when they have finished.
    pub fn retire(&self, version_key: &str) {
        self.host.retire(version_key);
    }

    /// Ends all sandboxes, running ones included, and waits until they are gone.
    pub async fn shutdown(&self) {
        self.host.shutdown().await;
    }

    /// Whether functions of this runtime may be deployed here: see [`Runtimes::check`].
    pub fn check_runtime(&self, runtime: &str) -> Result<Option<String>, String> {
        self.host.check_runtime(runtime)
    }

    /// What isolation this host gives.
    pub fn report(&self) -> IsolationReport {
        self.host.report.clone()
    }
}
