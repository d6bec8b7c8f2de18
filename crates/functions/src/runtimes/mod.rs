//! Which of AWS's runtimes this host can run, with which program, and with which libraries beside it.
//!
//! `provided.*` needs nothing. A managed runtime needs the very interpreter its name promises, and the SDK that AWS's
//! image carries: boto3 for Python, `@aws-sdk` for Node.js. Neither is replaced or left out silently. A person may
//! allow it, and then whoever reads the function's configuration or its log is told.

mod interpreters;
mod libraries;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use interpreters::{Interpreter, Language};
pub use libraries::{InstallError, Source, download, install};

/// The runtimes AWS takes functions for today and we have a client for.
pub const MANAGED: &[&str] = &[
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
];

/// How a runtime is run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Runtime {
    /// The package's own `bootstrap`.
    Provided,
    /// An interpreter with one of our clients.
    Interpreted {
        interpreter: PathBuf,
        client: &'static str,
        /// The folder of its libraries below a library root, if they are there.
        libraries: String,
        /// What a person must know who thinks that this is the runtime they asked for.
        substitute: Option<String>,
    },
}

/// What a host offers, and what its person allows.
#[derive(Clone, Debug, Default)]
pub struct Runtimes {
    /// Folders with installed libraries; the first that has what is needed is used.
    pub library_roots: Vec<PathBuf>,
    /// Whether the nearest release may stand in for one that is not here.
    pub allow_substitution: bool,
    /// Whether functions may run without the SDK that AWS's image carries.
    pub allow_bare: bool,
    known: Arc<Mutex<BTreeMap<String, Runtime>>>,
}

/// What `cumulet runtime list` says about one runtime.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeStatus {
    pub runtime: String,
    /// The program of exactly this release.
    pub interpreter: Option<PathBuf>,
    /// What would stand in for it where that is allowed: `Python 3.11`.
    pub substitute: Option<String>,
    /// Where its SDK is installed.
    pub libraries: Option<PathBuf>,
    /// The SDK as pinned: `boto3 1.44.5`.
    pub sdk: String,
}

impl Runtimes {
    pub fn new(library_roots: Vec<PathBuf>) -> Runtimes {
        Runtimes {
            library_roots,
            ..Runtimes::default()
        }
    }

    /// The names of all folders that could be looked for in a library root of this host.
    pub fn library_folders() -> Vec<String> {
        let mut folders: Vec<String> = interpreters::all(false)
            .iter()
            .map(libraries::folder)
            .collect();
        folders.sort();
        folders.dedup();
        folders
    }

    /// Whether functions of this runtime may be deployed here. `Ok` tells what stands in for the interpreter, if
    /// something does; `Err` says what is missing and names the command that helps.
    pub fn check(&self, runtime: &str) -> Result<Option<String>, String> {
        match self.find(runtime)? {
            Runtime::Provided => Ok(None),
            Runtime::Interpreted {
                libraries,
                substitute,
                ..
            } => {
                if self.allow_bare || self.place(&libraries).is_some() {
                    Ok(substitute)
                } else {
                    Err(libraries::missing(runtime))
                }
            }
        }
    }

    /// What there is for each managed runtime.
    pub fn list(&self) -> Vec<RuntimeStatus> {
        let found = interpreters::all(true);
        let wanted = MANAGED
            .iter()
            .filter_map(|runtime| Language::of_runtime(runtime));
        wanted
            .map(|(language, release)| {
                let exact = nearest(&found, language, release, false);
                let other = nearest(&found, language, release, true);
                let libraries = other.map(|interpreter| libraries::folder(&interpreter));
                RuntimeStatus {
                    runtime: language.runtime(release),
                    interpreter: exact.map(|interpreter| interpreter.program),
                    substitute: other_title(&found, language, release),
                    libraries: libraries
                        .and_then(|folder| self.place(&folder))
                        .map(|(root, folder)| self.library_roots[root].join(folder)),
                    sdk: libraries::title(language),
                }
            })
            .collect()
    }

    pub(crate) fn find(&self, runtime: &str) -> Result<Runtime, String> {
        if matches!(runtime, "provided.al2023" | "provided.al2") {
            return Ok(Runtime::Provided);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(runtime) {
            return Ok(found.clone());
        }
        let found = self.look(runtime)?;
        known.insert(runtime.to_owned(), found.clone());
        Ok(found)
    }

    fn look(&self, runtime: &str) -> Result<Runtime, String> {
        let (language, release) = Language::of_runtime(runtime).ok_or_else(|| {
            "only provided.al2023, provided.al2, python3.* and nodejs*.x are built".to_owned()
        })?;
        let mut found = interpreters::all(false);
        if nearest(&found, language, release, false).is_none() {
            found = interpreters::all(true);
        }
        let chosen = nearest(&found, language, release, self.allow_substitution)
            .ok_or_else(|| absent(runtime, &found, language))?;
        let substitute = (chosen.release != release).then(|| {
            format!(
                "{runtime} is not on this machine; {} runs it",
                chosen.title()
            )
        });
        Ok(Runtime::Interpreted {
            libraries: libraries::folder(&chosen),
            interpreter: chosen.program,
            client: language.client(),
            substitute,
        })
    }

    /// Which root holds this folder of libraries.
    pub(crate) fn place(&self, folder: &str) -> Option<(usize, String)> {
        let mut roots = self.library_roots.iter();
        let root = roots.position(|root| libraries::is_complete(&root.join(folder)))?;
        (!folder.is_empty()).then(|| (root, folder.to_owned()))
    }
}

/// The interpreter of this release, or the one nearest to it; of two equally near, the newer.
fn nearest(
    found: &[Interpreter],
    language: Language,
    release: u32,
    others_too: bool,
) -> Option<Interpreter> {
    let same = found.iter().filter(|each| each.language == language);
    let chosen =
        same.min_by_key(|each| (each.release.abs_diff(release), each.release < release))?;
    (others_too || chosen.release == release).then(|| chosen.clone())
}

fn other_title(found: &[Interpreter], language: Language, release: u32) -> Option<String> {
    let other = nearest(found, language, release, true)?;
    (other.release != release).then(|| other.title())
}

fn absent(runtime: &str, found: &[Interpreter], language: Language) -> String {
    let here: Vec<String> = found
        .iter()
        .filter(|each| each.language == language)
        .map(Interpreter::title)
        .collect();
    if here.is_empty() {
        return format!("{runtime} is not on this machine; install it (cumulet runtime list)");
    }
    format!(
        "{runtime} is not on this machine, which has {}; install it, or let another release run it with --allow-runtime-substitution",
        here.join(", ")
    )
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

/// The prefixes of all interpreters of this host.
pub(crate) fn interpreter_prefixes() -> Vec<PathBuf> {
    let mut prefixes: Vec<PathBuf> = interpreters::all(false)
        .iter()
        .filter_map(|interpreter| prefix(&interpreter.program))
        .collect();
    prefixes.sort();
    prefixes.dedup();
    prefixes
}

/// Our runtime clients: file name and text.
pub(crate) const CLIENTS: &[(&str, &str)] = &[
    ("client.py", include_str!("../clients/client.py")),
    ("client.mjs", include_str!("../clients/client.mjs")),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn node(release: u32) -> Interpreter {
        Interpreter {
            language: Language::Node,
            release,
            program: format!("/node{release}").into(),
        }
    }

    #[test]
    fn another_release_stands_in_only_when_allowed_and_the_nearest_does() {
        let found = [node(18), node(20), node(24)];
        let chosen = |release, others_too| {
            nearest(&found, Language::Node, release, others_too).map(|each| each.release)
        };
        assert_eq!((chosen(20, false), chosen(22, false)), (Some(20), None));
        assert_eq!((chosen(22, true), chosen(26, true)), (Some(24), Some(24)));
        assert_eq!(nearest(&found, Language::Python, 12, true), None);
        let refusal = absent("nodejs22.x", &found, Language::Node);
        assert!(
            refusal.contains("Node.js 18, Node.js 20, Node.js 24"),
            "{refusal}"
        );
    }
}
