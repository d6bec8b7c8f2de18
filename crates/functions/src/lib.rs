//! Function code as isolated processes.
//!
//! A function is a plain process, driven over the Lambda Runtime API on TCP, inside a sandbox that this program builds
//! itself by executing itself again as `sandbox-init`. Nothing here needs root, Docker or a virtual network: the
//! sandbox binds its listeners inside its own network namespace and hands the listening sockets out, so whoever
//! accepts a connection on one of them knows which sandbox is calling without asking for any token.
//!
//! This crate knows no AWS service and no storage. It is told everything about a function in a [`FunctionVersion`],
//! hands connections from the sandbox to AWS's endpoint out unread, and returns what an invocation answered and wrote.
//! Concurrency limits, retries, destinations, permissions and log groups are its caller's business.

mod clock;
mod egress;
mod environment;
mod execution_environment;
mod fault;
mod function;
mod functions;
mod host;
mod invocation;
mod invoke;
mod log_pipe;
mod memory;
mod platform_log;
mod probe;
mod report;
mod runtime_api;
mod runtimes;
mod sandbox;
mod vacant_sandbox;

pub use function::{EnvironmentSource, FunctionVersion, Logging};
pub use functions::{
    AwsConnection, Config, Egress, Functions, InvokeError, RequiredIsolation, StartError,
};
pub use invocation::{Invocation, InvocationOutcome, LateLog, LogLine, LogLineKind, StreamPart};
pub use report::{IsolationReport, Layer, LayerState};
pub use runtimes::{
    InstallError, MANAGED, RuntimeStatus, Runtimes, Source, download as download_libraries,
    install as install_libraries,
};
pub use sandbox::sandbox_init_main;
