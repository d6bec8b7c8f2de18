//! Chores of the workspace that are not part of the product: `cargo xtask --help`.

mod conformance;
mod models;
mod schemas;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the workspace")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs everything that must hold: format, lints, tests, and the black-box suites with real clients
    Test(test::Selection),
    /// Strips the service models of the pinned botocore to the facts that crates/wire embeds
    Models {
        /// A botocore wheel, or a folder it was unpacked to; the pinned release is downloaded where none is given
        #[arg(long)]
        from: Option<PathBuf>,
    },
    /// Strips CloudFormation's type schemas out of the pinned cfn-lint for crates/schemas
    Schemas {
        /// A cfn-lint wheel; the pinned release is downloaded where none is given
        #[arg(long)]
        from: Option<PathBuf>,
    },
    /// Runs foreign test suites against crates/wire or the engine
    Conformance {
        #[command(subcommand)]
        suite: Suite,
    },
}

#[derive(Subcommand)]
enum Suite {
    /// botocore's protocol cases: a folder with input/*.json and output/*.json
    Protocols {
        #[arg(long)]
        from: PathBuf,
    },
    /// ceph/s3-tests, against the release binary: a checked-out copy
    S3 {
        #[arg(long)]
        from: PathBuf,
        /// Handed on to tests/conformance/s3_tests.py: `-n 2`, `-k acl`, `--defaults today`, `--json FILE`
        #[arg(last = true)]
        further: Vec<String>,
    },
    /// aws-c-auth's signing cases: a folder with one folder a case
    Sigv4 {
        #[arg(long)]
        from: PathBuf,
    },
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[expect(
    clippy::print_stderr,
    reason = "a command line tool reports on standard error"
)]
fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Outcome {
    match command {
        Command::Test(selection) => test::run(&selection),
        Command::Models { from } => models::write(from),
        Command::Schemas { from } => schemas::run(from),
        Command::Conformance {
            suite: Suite::Protocols { from },
        } => conformance::protocols::run(&from),
        Command::Conformance {
            suite: Suite::Sigv4 { from },
        } => conformance::sigv4::run(&from),
        Command::Conformance {
            suite: Suite::S3 { from, further },
        } => conformance::s3::run(&from, &further),
    }
}
