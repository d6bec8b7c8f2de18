//! ceph/s3-tests against the release binary, in two Python environments: botocore's CRT computes the checksums that the suite
//! asks for, and breaks the tests that bend headers.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

const PACKAGES: [&str; 5] = [
    "boto3==1.44.5",
    "pytest",
    "pytest-json-report",
    "pytest-timeout",
    "pytest-xdist",
];

pub(crate) fn run(from: &Path, further: &[String]) -> Outcome {
    let plain = environment(from, "s3-plain", "botocore==1.44.5")?;
    let crt = environment(from, "s3-crt", "botocore[crt]==1.44.5")?;
    let mut suite = Command::new(plain);
    suite.arg("tests/conformance/s3_tests.py").arg("--suite");
    suite.arg(from).arg("--crt").arg(crt).args(further);
    succeed(&mut suite)
}

/// A Python with what the suite needs, made where it is missing.
fn environment(
    from: &Path,
    name: &str,
    botocore: &str,
) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let folder = Path::new(".tools").join(name);
    let python = std::path::absolute(folder.join("bin/python"))?;
    if python.exists() {
        return Ok(python);
    }
    succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "-q", "-r"]);
    install.arg(from.join("requirements.txt"));
    succeed(install.arg(botocore).args(PACKAGES))?;
    Ok(python)
}

fn succeed(command: &mut Command) -> Outcome {
    let status = command.status()?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{command:?} ended with {status}").into())
}
