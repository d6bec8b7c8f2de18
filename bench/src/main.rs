//! Measures the release binary against the limit of the machine and against peers, side by side in one run.
//!
//! It asserts nothing: a number of operations a second belongs to one machine on one day. What travels is the ratio of
//! two figures taken within the same minute, so every figure here has at least one beside it. The engine, the bare server
//! and the peers are processes of their own; the load comes from this one, over the same connections and with the same
//! signed requests for all of them.

mod bare;
mod client;
mod figure;
mod load;
mod peer;
mod process;
mod suite;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use suite::{Bench, Suite};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures Cumulet beside the bare limit and beside its peers.
#[derive(Debug, Parser)]
#[command(name = "bench", args_conflicts_with_subcommands = true)]
struct Arguments {
    /// What to measure; everything if none is named
    suites: Vec<Suite>,
    /// One short round of each
    #[arg(long)]
    quick: bool,
    /// One JSON array instead of a table
    #[arg(long)]
    json: bool,
    /// Install moto and dynalite into .tools/peers first
    #[arg(long)]
    install_peers: bool,
    /// Where cumulet and upload-api were built; beside this program if not named
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Be the bare server: JSON into a HashMap, files onto the disk, nothing else
    #[command(hide = true)]
    Bare {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        directory: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            figure::say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Outcome<()> {
    if let Some(Role::Bare { listen, directory }) = arguments.role {
        return bare::serve(listen, directory).await;
    }
    if arguments.install_peers {
        peer::install()?;
    }
    let bench = Bench::new(arguments.programs, arguments.quick)?;
    let suites = if arguments.suites.is_empty() {
        Suite::ALL.to_vec()
    } else {
        arguments.suites
    };
    let mut figures = Vec::new();
    for suite in suites {
        figure::say(&format!("measuring {}", suite.name()));
        figures.extend(suite.measure(&bench).await?);
    }
    if arguments.json {
        figure::print_json(&figures);
    } else {
        figure::print_table(&figures);
    }
    Ok(())
}
