//! The verbs, one file each.

mod alarms;
mod assembly;
mod backup;
mod ca;
mod check;
mod clock;
mod coverage;
mod deploy;
mod destroy;
mod diff;
mod doctor;
mod env;
mod events;
mod failures;
mod invoke;
mod key;
mod logs;
mod metrics;
mod outputs;
mod policy;
pub(crate) mod runtime;
mod target;
mod time;
mod trace;
mod up;
mod why;

use crate::cli::Command;
use crate::client::ClientError;
use crate::installation::OpenError;
use target::Target;

/// Why a command failed, for a person; the text names what to do next.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Failed(String),
    #[error("{0}")]
    Usage(String),
    #[error("no engine answers at {0}; start one with: cumulet up")]
    NotRunning(String),
    /// `cumulet check` found something.
    #[error("{0}")]
    Preflight(String),
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::Open(_) => 1,
            Self::Usage(_) => 2,
            Self::NotRunning(_) => 3,
            Self::Preflight(_) => 4,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::NotRunning(endpoint) => Self::NotRunning(endpoint),
            other => Self::Failed(other.to_string()),
        }
    }
}

pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Up(arguments) => up::run(arguments).await,
        Command::Deploy(arguments) => deploy::deploy(&arguments).await,
        Command::Diff(arguments) => diff::run(&arguments).await,
        Command::Check(arguments) => check::run(&arguments).await,
        Command::Destroy(arguments) => destroy::run(&arguments).await,
        Command::Events(arguments) => events::run(&arguments).await,
        Command::Outputs(arguments) => outputs::run(&arguments).await,
        Command::Env(arguments) => env::run(&arguments).await,
        Command::Ca(arguments) => ca::run(&arguments).await,
        Command::Clock(arguments) => clock::run(&arguments).await,
        Command::Why(arguments) => why::run(&arguments).await,
        Command::Policy(arguments) => policy::run(&arguments).await,
        Command::Backup(arguments) => backup::run(&arguments).await,
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Logs(arguments) => logs::run(&arguments).await,
        Command::Metrics(arguments) => metrics::run(&arguments).await,
        Command::Alarms(arguments) => alarms::run(&arguments).await,
        Command::Key(arguments) => key::run(&arguments),
        Command::Trace(arguments) => trace::run(&arguments).await,
        Command::Invoke(arguments) => invoke::run(&arguments).await,
        Command::Runtime(arguments) => runtime::run(arguments).await,
        Command::Doctor(arguments) => doctor::run(&arguments).await,
        Command::Coverage(arguments) => coverage::run(&arguments),
        Command::SandboxInit => Err(Failure::Usage("the engine calls this itself".to_owned())),
    }
}
