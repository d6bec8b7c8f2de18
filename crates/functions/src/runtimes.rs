//! Which of AWS's runtimes this host can run, and with which program.
//!
//! `provided.*` needs nothing. A managed runtime needs the very interpreter its name promises: another minor version is
//! never taken silently.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};

/// How a runtime is run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Runtime {
    /// The package's own `bootstrap`.
    Provided,
    /// An interpreter with one of our clients.
    Interpreted {
        interpreter: PathBuf,
        client: &'static str,
    },
}

type Found = Result<Runtime, String>;

/// Whether functions of this runtime can run here; `Err` says what is missing. For checks at deployment.
pub fn runtime_available(runtime: &str) -> Result<(), String> {
    find(runtime).map(drop)
}

/// The managed runtimes found on this host are remembered: looking costs a process or two.
pub(crate) fn find(runtime: &str) -> Found {
    static KNOWN: LazyLock<Mutex<BTreeMap<String, Runtime>>> = LazyLock::new(Mutex::default);
    if matches!(runtime, "provided.al2023" | "provided.al2") {
        return Ok(Runtime::Provided);
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known.get(runtime) {
        return Ok(found.clone());
    }
    let found = look(runtime)?;
    known.insert(runtime.to_owned(), found.clone());
    Ok(found)
}

fn look(runtime: &str) -> Found {
    if runtime.starts_with("python3.") {
        let interpreter =
            python(runtime).ok_or_else(|| format!("no {runtime} interpreter on this host"))?;
        return Ok(Runtime::Interpreted {
            interpreter,
            client: "client.py",
        });
    }
    if let Some(major) = runtime
        .strip_prefix("nodejs")
        .and_then(|rest| rest.strip_suffix(".x"))
    {
        let interpreter = node(major).ok_or_else(|| format!("no Node.js {major} on this host"))?;
        return Ok(Runtime::Interpreted {
            interpreter,
            client: "client.mjs",
        });
    }
    Err("only provided.al2023, provided.al2, python3.* and nodejs*.x are built".to_owned())
}

/// Directories of `PATH`, without pyenv's shims: those are scripts that look elsewhere.
fn search_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .filter(|directory| !directory.ends_with("shims"))
        .collect()
}

fn python(name: &str) -> Option<PathBuf> {
    let on_path = search_path()
        .into_iter()
        .map(|directory| directory.join(name));
    on_path
        .chain(pyenv(name))
        .find(|program| program.is_file())
        .map(resolve)
}

fn pyenv(name: &str) -> Vec<PathBuf> {
    let root = env::var_os("PYENV_ROOT").map(PathBuf::from);
    let root = root.or_else(|| env::home_dir().map(|home| home.join(".pyenv")));
    let Some(versions) = root.and_then(|root| root.join("versions").read_dir().ok()) else {
        return Vec::new();
    };
    versions
        .flatten()
        .map(|version| version.path().join("bin").join(name))
        .collect()
}

/// Every `node` on the search path with its major version; asking one takes a tenth of a second, so once.
static NODES: LazyLock<Vec<(PathBuf, String)>> = LazyLock::new(|| {
    let programs = search_path()
        .into_iter()
        .map(|directory| directory.join("node"));
    let mut programs: Vec<PathBuf> = programs
        .filter(|program| program.is_file())
        .map(resolve)
        .collect();
    programs.dedup();
    programs
        .into_iter()
        .filter_map(|program| Some((program.clone(), node_major(&program)?)))
        .collect()
});

fn node(major: &str) -> Option<PathBuf> {
    NODES
        .iter()
        .find(|(_, found)| found == major)
        .map(|(program, _)| program.clone())
}

/// `v20.20.2` to `20`.
fn node_major(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    Some(
        version
            .trim()
            .strip_prefix('v')?
            .split('.')
            .next()?
            .to_owned(),
    )
}

/// Links are followed, so that what is bound into the sandbox is where the program really lies.
fn resolve(program: PathBuf) -> PathBuf {
    program.canonicalize().unwrap_or(program)
}

/// The tree an interpreter needs besides the system's directories: the parent of its `bin`.
pub(crate) fn prefix(interpreter: &Path) -> Option<PathBuf> {
    let prefix = interpreter.parent()?.parent()?;
    let system = ["/usr", "/bin", "/lib"]
        .iter()
        .any(|system| prefix.starts_with(system))
        || prefix == Path::new("/");
    (!system).then(|| prefix.to_owned())
}

/// The prefixes of all interpreters of this host that AWS has a runtime for.
pub(crate) fn interpreter_prefixes() -> Vec<PathBuf> {
    let names = (9..=14)
        .map(|minor| format!("python3.{minor}"))
        .chain((18..=26).map(|major| format!("nodejs{major}.x")));
    let mut prefixes: Vec<PathBuf> = names
        .filter_map(|name| match find(&name) {
            Ok(Runtime::Interpreted { interpreter, .. }) => prefix(&interpreter),
            _ => None,
        })
        .collect();
    prefixes.sort();
    prefixes.dedup();
    prefixes
}

/// Our runtime clients: file name and text.
pub(crate) const CLIENTS: &[(&str, &str)] = &[
    ("client.py", include_str!("clients/client.py")),
    ("client.mjs", include_str!("clients/client.mjs")),
];
