//! The interpreters of this machine, wherever people have them: on the search path, and where pyenv, uv, nvm, n and fnm
//! keep theirs.
//!
//! Only found and named here; which one may run a function is [`super::Runtimes`]' decision.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};

/// A language that AWS has managed runtimes for and that we have a client for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Language {
    Python,
    Node,
}

/// AWS counts Python's runtimes by minor version and Node's by major version: that number.
pub(crate) type Release = u32;

/// A program that can run functions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Interpreter {
    pub(crate) language: Language,
    pub(crate) release: Release,
    pub(crate) program: PathBuf,
}

impl Language {
    /// Taken apart: `python3.12` is Python and 12, `nodejs22.x` is Node and 22.
    pub(crate) fn of_runtime(runtime: &str) -> Option<(Language, Release)> {
        if let Some(minor) = runtime.strip_prefix("python3.") {
            return Some((Language::Python, minor.parse().ok()?));
        }
        let major = runtime.strip_prefix("nodejs")?.strip_suffix(".x")?;
        Some((Language::Node, major.parse().ok()?))
    }

    pub(crate) fn runtime(self, release: Release) -> String {
        match self {
            Language::Python => format!("python3.{release}"),
            Language::Node => format!("nodejs{release}.x"),
        }
    }

    pub(crate) fn client(self) -> &'static str {
        match self {
            Language::Python => "client.py",
            Language::Node => "client.mjs",
        }
    }
}

impl Interpreter {
    /// `Python 3.11` or `Node.js 20`, for a person.
    pub(crate) fn title(&self) -> String {
        match self.language {
            Language::Python => format!("Python 3.{}", self.release),
            Language::Node => format!("Node.js {}", self.release),
        }
    }

    /// AWS's name for what this program is.
    pub(crate) fn runtime(&self) -> String {
        self.language.runtime(self.release)
    }
}

/// What was found when somebody last looked: looking asks every Node.js for its version, a tenth of a second each.
static FOUND: LazyLock<Mutex<Vec<Interpreter>>> = LazyLock::new(Mutex::default);

/// All interpreters, the first of a release first; those known already unless `afresh`.
pub(crate) fn all(afresh: bool) -> Vec<Interpreter> {
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if afresh || found.is_empty() {
        *found = look();
    }
    found.clone()
}

fn look() -> Vec<Interpreter> {
    let mut found: Vec<Interpreter> = Vec::new();
    for interpreter in pythons().into_iter().chain(nodes()) {
        let known = |other: &Interpreter| {
            (other.language, other.release) == (interpreter.language, interpreter.release)
        };
        if !found.iter().any(known) {
            found.push(interpreter);
        }
    }
    found
}

/// Directories of `PATH`, without pyenv's shims: those are scripts that look elsewhere.
fn search_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .filter(|directory| !directory.ends_with("shims"))
        .collect()
}

fn pythons() -> Vec<Interpreter> {
    let kept = [
        kept_in(pyenv_root(), "versions", "bin"),
        kept_in(home(".local/share/uv"), "python", "bin"),
    ];
    let directories = search_path().into_iter().chain(kept.into_iter().flatten());
    directories
        .flat_map(|directory| pythons_in(&directory))
        .collect()
}

/// `python3.11`, but not `python3.11-config`.
fn pythons_in(directory: &Path) -> Vec<Interpreter> {
    let names = directory.read_dir().into_iter().flatten().flatten();
    let programs = names.filter_map(|entry| {
        let release = entry
            .file_name()
            .to_str()?
            .strip_prefix("python3.")?
            .parse()
            .ok()?;
        let program = resolve(entry.path());
        program.is_file().then_some(Interpreter {
            language: Language::Python,
            release,
            program,
        })
    });
    let mut programs: Vec<Interpreter> = programs.collect();
    programs.sort_by_key(|interpreter| interpreter.release);
    programs
}

fn pyenv_root() -> Option<PathBuf> {
    let root = env::var_os("PYENV_ROOT").map(PathBuf::from);
    root.or_else(|| home(".pyenv"))
}

fn home(below: &str) -> Option<PathBuf> {
    env::home_dir().map(|home| home.join(below))
}

/// The `bin` of each version that a version manager keeps.
fn kept_in(root: Option<PathBuf>, versions: &str, bin: &str) -> Vec<PathBuf> {
    let Some(versions) = root.and_then(|root| root.join(versions).read_dir().ok()) else {
        return Vec::new();
    };
    let mut directories: Vec<PathBuf> = versions
        .flatten()
        .map(|version| version.path().join(bin))
        .collect();
    directories.sort();
    directories
}

fn nodes() -> Vec<Interpreter> {
    let kept = [
        kept_in(home(".nvm"), "versions/node", "bin"),
        kept_in(
            home(".local/share/fnm"),
            "node-versions",
            "installation/bin",
        ),
        kept_in(Some("/usr/local/n".into()), "versions/node", "bin"),
    ];
    let directories = search_path().into_iter().chain(kept.into_iter().flatten());
    let programs = directories.map(|directory| directory.join("node"));
    let mut programs: Vec<PathBuf> = programs
        .filter(|program| program.is_file())
        .map(resolve)
        .collect();
    programs.dedup();
    let interpreters = programs.into_iter().filter_map(|program| {
        Some(Interpreter {
            language: Language::Node,
            release: node_major(&program)?,
            program,
        })
    });
    interpreters.collect()
}

/// `v20.20.2` to 20.
fn node_major(program: &Path) -> Option<Release> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    let numbers = version.trim().strip_prefix('v')?;
    numbers.split('.').next()?.parse().ok()
}

/// Links are followed, so that what is bound into the sandbox is where the program really lies.
fn resolve(program: PathBuf) -> PathBuf {
    program.canonicalize().unwrap_or(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_s_names_are_taken_apart_and_put_together() {
        for (runtime, language, release) in [
            ("python3.12", Language::Python, 12),
            ("nodejs22.x", Language::Node, 22),
        ] {
            assert_eq!(Language::of_runtime(runtime), Some((language, release)));
            assert_eq!(language.runtime(release), runtime);
        }
        for other in ["provided.al2023", "nodejs22", "python3.x", "java21"] {
            assert_eq!(Language::of_runtime(other), None, "{other}");
        }
    }
}
