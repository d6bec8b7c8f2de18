//! What is measured, and what all suites share.

mod deployed;
mod dynamodb;
mod identity;
mod gateway;
mod pipeline;
mod s3;
mod start;
mod upload;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::ValueEnum;
use tempfile::TempDir;

use crate::Outcome;
use crate::figure::Figure;
use crate::load::Load;
use crate::process::{Server, free_address};

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Suite {
    Dynamodb,
    Identity,
    S3,
    Gateway,
    Upload,
    Pipeline,
    Start,
}

impl Suite {
    pub(crate) const ALL: [Self; 7] = [
        Self::Dynamodb,
        Self::Identity,
        Self::S3,
        Self::Gateway,
        Self::Upload,
        Self::Pipeline,
        Self::Start,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dynamodb => "dynamodb",
            Self::Identity => "identity",
            Self::S3 => "s3",
            Self::Gateway => "gateway",
            Self::Upload => "upload",
            Self::Pipeline => "pipeline",
            Self::Start => "start",
        }
    }

    pub(crate) async fn measure(self, bench: &Bench) -> Outcome<Vec<Figure>> {
        match self {
            Self::Dynamodb => dynamodb::measure(bench).await,
            Self::Identity => identity::measure(bench).await,
            Self::S3 => s3::measure(bench).await,
            Self::Gateway => gateway::measure(bench).await,
            Self::Upload => upload::measure(bench).await,
            Self::Pipeline => pipeline::measure(bench).await,
            Self::Start => start::measure(bench).await,
        }
    }
}

/// Where the programs are, where data may go, and how long to take.
#[derive(Debug)]
pub(crate) struct Bench {
    programs: PathBuf,
    pub(crate) quick: bool,
    /// Beside the programs: on the disk one builds on, and never in memory as a system's temporary folder may be.
    scratch: TempDir,
}

impl Bench {
    pub(crate) fn new(programs: Option<PathBuf>, quick: bool) -> Outcome<Self> {
        let own = std::env::current_exe()?;
        let beside = own.parent().ok_or("this program has no folder")?;
        let programs = programs.unwrap_or_else(|| beside.to_owned());
        let scratch = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(&programs)?;
        Ok(Self {
            programs,
            quick,
            scratch,
        })
    }

    pub(crate) fn program(&self, package: &str) -> Outcome<PathBuf> {
        let program = self.programs.join(package);
        let missing = || format!("no {package} there; cargo build --release -p {package}");
        program
            .is_file()
            .then_some(program)
            .ok_or_else(|| missing().into())
    }

    /// A fresh folder.
    pub(crate) fn folder(&self, name: &str) -> Outcome<PathBuf> {
        let folder = tempfile::Builder::new()
            .prefix(name)
            .tempdir_in(self.scratch.path())?;
        Ok(folder.keep())
    }

    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    pub(crate) fn load(&self, connections: usize) -> Load {
        let duration = Duration::from_millis(if self.quick { 700 } else { 2500 });
        Load {
            connections,
            duration,
        }
    }

    /// The engine on a data folder, with an app if one is named.
    pub(crate) fn engine(&self, data: &Path, app: Option<&Path>) -> Outcome<Server> {
        let address = free_address()?;
        let mut command = Command::new(self.program("cumulet")?);
        command.arg("up").args(app);
        command
            .args(["--listen", &address.to_string(), "--data-dir"])
            .arg(data);
        Server::start("cumulet", command, address, "/_cumulet/health")
    }

    pub(crate) fn bare(&self) -> Outcome<Server> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bare", "--listen", &address.to_string(), "--directory"]);
        command.arg(self.folder("bare-")?);
        Server::start("bare server", command, address, "/")
    }
}
