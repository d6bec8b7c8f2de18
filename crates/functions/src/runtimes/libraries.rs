//! The SDKs that AWS's images carry, pinned: boto3 with what it needs, and the `@aws-sdk` clients.
//!
//! Nothing is fetched unless a person says `cumulet runtime install`. pip and npm do the fetching, so a machine's own
//! mirrors and proxies count, and both refuse what differs from the hashes in `pins/`. For a machine without network,
//! `download` fills a folder elsewhere, and `install` takes everything from there.
//!
//! A folder of libraries is named after its pins and appears at once, complete. It never changes afterwards: running
//! functions have it before them.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::interpreters::{self, Interpreter, Language};
use super::nearest;

const PYTHON_PINS: &str = include_str!("pins/python.txt");
const NODE_PACKAGE: &str = include_str!("pins/package.json");
const NODE_LOCK: &str = include_str!("pins/package-lock.json");
/// The first release the pinned SDKs run on.
const PYTHON_MIN: u32 = 10;
const NODE_MIN: u32 = 20;

/// Where packages come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// PyPI and npm, as pip and npm are set up on this machine.
    Registries,
    /// A folder that [`download`] has filled.
    Folder(PathBuf),
}

/// Why libraries could not be installed; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error("{0} is no runtime that needs an SDK; `cumulet runtime list` names those that do")]
    Unknown(String),
    #[error("{0}")]
    NoInterpreter(String),
    #[error("the pinned SDK does not run on {0}, which AWS has retired")]
    TooOld(String),
    #[error("{program} is not on this machine: {why}")]
    NoProgram { program: String, why: io::Error },
    #[error("{program} failed:\n{output}")]
    Failed { program: String, output: String },
    #[error("{}: {why}", path.display())]
    File { path: PathBuf, why: io::Error },
}

type Result<T> = std::result::Result<T, InstallError>;

/// What is said at deployment when libraries are not there.
pub(super) fn missing(runtime: &str) -> String {
    format!(
        "the SDK that AWS provides with {runtime} is not installed; run: cumulet runtime install {runtime} (or start with --allow-bare-runtimes, and functions go without it)"
    )
}

/// The SDK of a language and its version, as pinned.
pub(super) fn title(language: Language) -> String {
    match language {
        Language::Python => {
            let line = PYTHON_PINS.lines().find(|line| line.starts_with("boto3=="));
            let version = line.and_then(|line| line.split(['=', ' ']).nth(2));
            format!("boto3 {}", version.unwrap_or_default())
        }
        Language::Node => {
            let version = NODE_PACKAGE
                .split_once("\"@aws-sdk/client-s3\": \"")
                .and_then(|(_, rest)| rest.split('"').next());
            format!("@aws-sdk {}", version.unwrap_or_default())
        }
    }
}

/// The name of the folder with an interpreter's libraries: compiled Python differs by release, JavaScript does not.
pub(super) fn folder(interpreter: &Interpreter) -> String {
    let mark = |text: &str| hex::encode(&mark_of(text).to_be_bytes());
    match interpreter.language {
        Language::Python => format!("{}-{}", interpreter.runtime(), mark(PYTHON_PINS)),
        Language::Node => format!("nodejs-{}", mark(NODE_LOCK)),
    }
}

/// FNV-1a: tells one set of pins from another. What is installed is verified by pip and npm.
fn mark_of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |mark, byte| {
        (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A folder appears under its name only when it is complete.
pub(super) fn is_complete(folder: &Path) -> bool {
    folder.is_dir()
}

/// Installs the SDK of a runtime below `root`; answers where it is, and whether it was there already.
pub fn install(
    runtime: &str,
    root: &Path,
    source: &Source,
    allow_substitution: bool,
) -> Result<(PathBuf, bool)> {
    let interpreter = interpreter(runtime, allow_substitution)?;
    let target = root.join(folder(&interpreter));
    if is_complete(&target) {
        return Ok((target, true));
    }
    fs::create_dir_all(root).map_err(at(root))?;
    let staging = root.join(format!(
        ".new-{}-{}",
        interpreter.runtime(),
        std::process::id()
    ));
    fs::create_dir_all(&staging).map_err(at(&staging))?;
    let filled = fill(&interpreter, &staging, source).and_then(|()| {
        make_readable(&staging).map_err(at(&staging))?;
        fs::rename(&staging, &target).map_err(at(&target))
    });
    if filled.is_err() {
        // What is left is not under its final name, so nobody takes it for complete.
        drop(fs::remove_dir_all(&staging));
    }
    filled.map(|()| (target, false))
}

/// Fills a folder with everything that installing this runtime's SDK needs.
pub fn download(runtime: &str, to: &Path, allow_substitution: bool) -> Result<()> {
    let interpreter = interpreter(runtime, allow_substitution)?;
    fs::create_dir_all(to).map_err(at(to))?;
    match interpreter.language {
        Language::Python => pip_download(&interpreter, &to.join("wheels")),
        Language::Node => {
            let staging = to.join(format!(".new-{}", std::process::id()));
            fs::create_dir_all(&staging).map_err(at(&staging))?;
            let done = npm(&interpreter, &staging, Some(&to.join("npm")), false);
            drop(fs::remove_dir_all(&staging));
            done
        }
    }
}

fn interpreter(runtime: &str, allow_substitution: bool) -> Result<Interpreter> {
    let (language, release) =
        Language::of_runtime(runtime).ok_or_else(|| InstallError::Unknown(runtime.to_owned()))?;
    let found = interpreters::all(true);
    let chosen = nearest(&found, language, release, allow_substitution)
        .ok_or_else(|| InstallError::NoInterpreter(super::absent(runtime, &found, language)))?;
    let oldest = match language {
        Language::Python => PYTHON_MIN,
        Language::Node => NODE_MIN,
    };
    if chosen.release < oldest {
        return Err(InstallError::TooOld(chosen.title()));
    }
    Ok(chosen)
}

fn fill(interpreter: &Interpreter, staging: &Path, source: &Source) -> Result<()> {
    match interpreter.language {
        Language::Python => pip_install(interpreter, staging, source),
        Language::Node => {
            let cache = match source {
                Source::Registries => None,
                Source::Folder(folder) => Some(folder.join("npm")),
            };
            npm(interpreter, staging, cache.as_deref(), cache.is_some())?;
            remove_types(&staging.join("node_modules")).map_err(at(staging))
        }
    }
}

const PIP_OPTIONS: &[&str] = &[
    "--quiet",
    "--disable-pip-version-check",
    "--no-input",
    "--no-deps",
    "--require-hashes",
    "--only-binary=:all:",
];

fn pip_install(interpreter: &Interpreter, staging: &Path, source: &Source) -> Result<()> {
    let mut pip = pip(interpreter, "install", staging)?;
    pip.args(["--no-compile", "--target"]).arg(staging);
    if let Source::Folder(folder) = source {
        pip.args(["--no-index", "--find-links"])
            .arg(folder.join("wheels"));
    }
    finish(pip, "pip")?;
    fs::remove_file(pins_file(staging)).map_err(at(staging))?;
    let mut compile = Command::new(&interpreter.program);
    compile.args(["-I", "-m", "compileall", "-q"]).arg(staging);
    finish(compile, "compileall")
}

fn pip_download(interpreter: &Interpreter, wheels: &Path) -> Result<()> {
    fs::create_dir_all(wheels).map_err(at(wheels))?;
    let mut pip = pip(interpreter, "download", wheels)?;
    pip.arg("--dest").arg(wheels);
    finish(pip, "pip")?;
    fs::remove_file(pins_file(wheels)).map_err(at(wheels))
}

fn pins_file(folder: &Path) -> PathBuf {
    folder.join("pins.txt")
}

/// The pip of this interpreter, or of any other: the pinned packages are the same for all.
fn pip(interpreter: &Interpreter, verb: &str, folder: &Path) -> Result<Command> {
    let pins = pins_file(folder);
    fs::write(&pins, PYTHON_PINS).map_err(at(&pins))?;
    let others = interpreters::all(false);
    let candidates = std::iter::once(interpreter).chain(
        others
            .iter()
            .filter(|other| other.language == Language::Python && other.release >= PYTHON_MIN),
    );
    let with_pip = |candidate: &&Interpreter| {
        let mut asked = Command::new(&candidate.program);
        asked.args(["-m", "pip", "--version"]).stdin(Stdio::null());
        asked.output().is_ok_and(|answer| answer.status.success())
    };
    let chosen = candidates.into_iter().find(with_pip).ok_or_else(|| {
        let why = io::Error::other("install it, for example the package python3-pip");
        InstallError::NoProgram {
            program: "pip".to_owned(),
            why,
        }
    })?;
    let mut command = Command::new(&chosen.program);
    command.args(["-m", "pip", verb]).args(PIP_OPTIONS);
    command.arg("--requirement").arg(pins);
    command.env("PIP_ROOT_USER_ACTION", "ignore");
    Ok(command)
}

/// `npm ci` takes exactly what the lock file names, and checks each package against its hash.
fn npm(
    interpreter: &Interpreter,
    folder: &Path,
    cache: Option<&Path>,
    offline: bool,
) -> Result<()> {
    for (name, text) in [
        ("package.json", NODE_PACKAGE),
        ("package-lock.json", NODE_LOCK),
    ] {
        fs::write(folder.join(name), text).map_err(at(folder))?;
    }
    let bin = interpreter
        .program
        .parent()
        .unwrap_or(Path::new("/usr/bin"));
    let beside = bin.join("npm");
    let program = if beside.exists() {
        beside
    } else {
        "npm".into()
    };
    let mut npm = Command::new(program);
    npm.current_dir(folder).args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--omit=dev",
        "--loglevel=error",
    ]);
    if let Some(cache) = cache {
        npm.arg("--cache").arg(cache);
    }
    if offline {
        npm.arg("--offline");
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(bin.to_owned()).chain(std::env::split_paths(&path));
    if let Ok(path) = std::env::join_paths(folders) {
        npm.env("PATH", path);
    }
    finish(npm, "npm")
}

fn finish(mut command: Command, program: &str) -> Result<()> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|why| InstallError::NoProgram {
        program: program.to_owned(),
        why,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let mut text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stdout));
    Err(InstallError::Failed {
        program: program.to_owned(),
        output: text.trim().to_owned(),
    })
}

/// Type declarations are two thirds of the SDK and never run.
fn remove_types(folder: &Path) -> io::Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        if entry.file_name() == "dist-types" {
            fs::remove_dir_all(entry.path())?;
        } else {
            remove_types(&entry.path())?;
        }
    }
    Ok(())
}

/// Functions run under an id of their own, whatever the mask of the person who installed this.
fn make_readable(path: &Path) -> io::Result<()> {
    let facts = fs::symlink_metadata(path)?;
    if facts.is_symlink() {
        return Ok(());
    }
    let mode = facts.permissions().mode();
    let wanted = if facts.is_dir() { 0o755 } else { mode | 0o444 };
    if mode & 0o7777 != wanted & 0o7777 {
        fs::set_permissions(path, PermissionsExt::from_mode(wanted))?;
    }
    if facts.is_dir() {
        for entry in path.read_dir()? {
            make_readable(&entry?.path())?;
        }
    }
    Ok(())
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    let path = path.to_owned();
    move |why| InstallError::File { path, why }
}
