//! Other programs that answer the same calls, where they are installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::figure::say;
use crate::load::Measured;
use crate::process::{Server, free_address};

const MOTO: &str = "moto[server]==5.2.5";
const DYNALITE: &str = "dynalite@4.0.0";

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/peers")
}

/// Puts moto and dynalite into `.tools/peers`, from PyPI and npm.
pub(crate) fn install() -> Outcome<()> {
    let directory = directory();
    std::fs::create_dir_all(&directory)?;
    run(Command::new("python3")
        .args(["-m", "venv"])
        .arg(directory.join("venv")))?;
    run(Command::new(directory.join("venv/bin/pip")).args(["install", "--quiet", MOTO]))?;
    run(Command::new("npm")
        .args(["install", "--silent", "--prefix"])
        .arg(&directory)
        .arg(DYNALITE))
}

fn run(command: &mut Command) -> Outcome<()> {
    let status = command
        .status()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?} failed").into())
    }
}

/// A peer that fails under the load is left out by name; it does not end the run.
pub(crate) fn excused(name: &str, measured: Outcome<Measured>) -> Option<Measured> {
    measured
        .inspect_err(|error| say(&format!("  {name} fails and is left out: {error}")))
        .ok()
}

/// moto's server; nothing if it is not installed.
pub(crate) fn moto() -> Outcome<Option<Server>> {
    let program = directory().join("venv/bin/moto_server");
    start("moto", &program, &["-H", "127.0.0.1", "-p"], "/moto-api/")
}

/// dynalite in memory; nothing if it is not installed.
pub(crate) fn dynalite() -> Outcome<Option<Server>> {
    let program = directory().join("node_modules/.bin/dynalite");
    start(
        "dynalite",
        &program,
        &["--createTableMs", "5", "--port"],
        "/",
    )
}

fn start(name: &str, program: &Path, arguments: &[&str], path: &str) -> Outcome<Option<Server>> {
    if !program.is_file() {
        say(&format!(
            "  {name} is not installed (--install-peers): left out"
        ));
        return Ok(None);
    }
    let address = free_address()?;
    let mut command = Command::new(program);
    command.args(arguments).arg(address.port().to_string());
    Server::start(name, command, address, path).map(Some)
}
