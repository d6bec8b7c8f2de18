//! The binary: command line, listener, workers. It knows no AWS semantics: those are in `services`.

mod authority;
mod cli;
mod client;
mod command;
mod console;
mod installation;
mod server;
mod services;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    if matches!(cli.command, Command::SandboxInit) {
        cumulet_functions::sandbox_init_main();
    }
    start_log();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return console::fail(&format!("no threads can be started: {error}")),
    };
    match runtime.block_on(command::run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console::fail(&failure.to_string());
            ExitCode::from(failure.exit_code())
        }
    }
}

/// The engine's own log, on stderr: warnings, or what `CUMULET_LOG` asks for (`debug`, `cumulet=trace`).
fn start_log() {
    let wanted = std::env::var("CUMULET_LOG").unwrap_or_else(|_| "warn".to_owned());
    let filter = tracing_subscriber::EnvFilter::new(wanted);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
