//! The binary: command line, listener, workers. It knows no AWS semantics: those are in `services`.

mod cli;
mod client;
mod command;
mod console;
mod installation;
mod server;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    if matches!(cli.command, Command::SandboxInit) {
        cumulet_functions::sandbox_init_main();
    }
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
