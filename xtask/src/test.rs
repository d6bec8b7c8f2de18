//! `cargo xtask test`: everything that must hold, in the order in which a failure is cheapest to learn.
//!
//! What the suites need is installed from the registries into `.tools/`, so a fresh machine with Rust and Python runs
//! this one command and nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::Outcome;

/// What to leave out, for a quick look.
#[derive(clap::Args)]
pub(crate) struct Selection {
    /// Only the black-box suites, against the release binary
    #[arg(long)]
    black_box_only: bool,
    /// Further arguments for pytest
    #[arg(last = true)]
    pytest: Vec<String>,
}

pub(crate) fn run(selection: &Selection) -> Outcome {
    if !selection.black_box_only {
        step("format", cargo(&["fmt", "--all", "--check"]))?;
        step(
            "lints",
            cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--quiet",
                "--",
                "--deny",
                "warnings",
            ]),
        )?;
        step(
            "unit and integration tests",
            cargo(&["test", "--workspace", "--quiet"]),
        )?;
    }
    step(
        "release build",
        cargo(&["build", "--release", "--package", "cumulet"]),
    )?;
    step("release build of the apps", apps_build()?)?;
    let python = python()?;
    let mut pytest = Command::new(python);
    pytest
        .args([
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/blackbox",
        ])
        .args(&selection.pytest);
    step("black-box suites", pytest)
}

/// Not in one command with the engine: cargo would join what both ask of their common dependencies, and `cumulet up`,
/// which builds an app alone, would compile the AWS SDK again.
fn apps_build() -> Result<Command, Box<dyn std::error::Error>> {
    let mut command = cargo(&["build", "--release"]);
    for app in std::fs::read_dir("apps")? {
        command.arg("--package").arg(app?.file_name());
    }
    Ok(command)
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

#[expect(clippy::print_stderr, reason = "a person is watching")]
fn step(name: &str, mut command: Command) -> Outcome {
    eprintln!("==> {name}");
    let started = Instant::now();
    let status = command
        .status()
        .map_err(|error| format!("{name}: {command:?} cannot run: {error}"))?;
    if !status.success() {
        return Err(format!("{name} failed ({status}); run it alone with: {command:?}").into());
    }
    eprintln!("    {name}: {} s", started.elapsed().as_secs());
    Ok(())
}

/// The Python with the clients that the black-box suites drive, installed when the list of them has changed.
fn python() -> Result<PathBuf, Box<dyn std::error::Error>> {
    let requirements = Path::new("tests/blackbox/requirements.txt");
    let environment = Path::new(".tools/venv");
    let python = environment.join("bin/python");
    let installed = environment.join("requirements.txt");
    let wanted = std::fs::read(requirements)?;
    if std::fs::read(&installed).is_ok_and(|there| there == wanted) {
        return Ok(python);
    }
    let mut create = Command::new("python3");
    create.args(["-m", "venv"]).arg(environment);
    step("Python environment", create)?;
    let mut install = Command::new(&python);
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ])
        .arg(requirements);
    step("Python clients", install)?;
    std::fs::write(&installed, wanted)?;
    Ok(python)
}
