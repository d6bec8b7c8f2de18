//! `cumulet runtime`: the interpreters of this machine, and the SDKs that AWS's images carry.

use std::path::{Path, PathBuf};

use cumulet_functions::{RuntimeStatus, Runtimes, Source};

use super::Failure;
use crate::cli::{Runtime, RuntimeAction, RuntimeChoice};
use crate::console::{Colour, paint, print, say};

pub(crate) async fn run(arguments: Runtime) -> Result<(), Failure> {
    let work = tokio::task::spawn_blocking(move || act(&arguments));
    work.await
        .unwrap_or_else(|error| Err(Failure::Failed(error.to_string())))
}

fn act(arguments: &Runtime) -> Result<(), Failure> {
    match &arguments.action {
        RuntimeAction::List { data_dir, json } => {
            list(data_dir.as_deref(), *json);
            Ok(())
        }
        RuntimeAction::Install {
            choice,
            from_dir,
            data_dir,
        } => install(choice, from_dir.as_deref(), data_dir.as_deref()),
        RuntimeAction::Download { choice, to_dir } => download(choice, to_dir),
    }
}

/// Where SDKs are looked for: the installation's own folder first, then the one that all installations share.
pub(crate) fn library_roots(data_directory: Option<&Path>) -> Vec<PathBuf> {
    let own = data_directory.map(|directory| directory.join("runtimes"));
    own.into_iter().chain(shared_root()).collect()
}

/// `CUMULET_RUNTIMES`, or a folder of the person's own.
fn shared_root() -> Option<PathBuf> {
    if let Some(set) = std::env::var_os("CUMULET_RUNTIMES") {
        return Some(set.into());
    }
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| std::env::home_dir().map(|home| home.join(".local/share")));
    Some(data?.join("cumulet/runtimes"))
}

fn list(data_directory: Option<&Path>, json: bool) {
    let found = Runtimes::new(library_roots(data_directory)).list();
    if json {
        print(&serde_json::to_string_pretty(&found).unwrap_or_default());
        return;
    }
    print(&format!(
        "{:<12} {:<34} {}",
        "runtime", "interpreter", "SDK"
    ));
    for status in &found {
        print(&row(status));
    }
    print("provided.al2023 and provided.al2 need nothing");
}

fn row(status: &RuntimeStatus) -> String {
    let interpreter = match (&status.interpreter, &status.substitute) {
        (Some(program), _) => program.display().to_string(),
        (None, Some(other)) => format!("missing ({other} is here)"),
        (None, None) => "missing".to_owned(),
    };
    let sdk = match &status.libraries {
        Some(_) => status.sdk.clone(),
        None => "not installed".to_owned(),
    };
    let complete = status.interpreter.is_some() && status.libraries.is_some();
    let colour = if complete {
        Colour::Green
    } else {
        Colour::Yellow
    };
    format!(
        "{} {interpreter:<34} {sdk}",
        paint(&format!("{:<12}", status.runtime), colour)
    )
}

/// The runtimes asked for; without any, one for each SDK that this machine can use.
fn chosen(choice: &RuntimeChoice) -> Result<Vec<String>, Failure> {
    if !choice.runtimes.is_empty() {
        return Ok(choice.runtimes.clone());
    }
    let here: Vec<String> = Runtimes::default()
        .list()
        .into_iter()
        .filter(|status| status.interpreter.is_some())
        .map(|status| status.runtime)
        .collect();
    if here.is_empty() {
        let why = "neither Python 3.10 or later nor Node.js 20 or later is on this machine";
        return Err(Failure::Failed(why.to_owned()));
    }
    Ok(here)
}

fn install(
    choice: &RuntimeChoice,
    from: Option<&Path>,
    data_directory: Option<&Path>,
) -> Result<(), Failure> {
    let source = match from {
        Some(folder) => Source::Folder(absolute(folder)),
        None => Source::Registries,
    };
    let root = library_roots(data_directory).into_iter().next();
    let root = root.ok_or_else(|| Failure::Usage("name a --data-dir".to_owned()))?;
    for runtime in chosen(choice)? {
        let allowed = choice.allow_runtime_substitution;
        let installed =
            cumulet_functions::install_libraries(&runtime, &absolute(&root), &source, allowed);
        let (folder, was_there) = installed.map_err(|error| Failure::Failed(error.to_string()))?;
        let done = if was_there { "is there" } else { "installed" };
        say(&format!("{runtime}: {done}, {}", folder.display()));
    }
    Ok(())
}

fn download(choice: &RuntimeChoice, to: &Path) -> Result<(), Failure> {
    for runtime in chosen(choice)? {
        let allowed = choice.allow_runtime_substitution;
        cumulet_functions::download_libraries(&runtime, &absolute(to), allowed)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        say(&format!("{runtime}: downloaded"));
    }
    say(&format!(
        "install it with: cumulet runtime install --from-dir {}",
        to.display()
    ));
    Ok(())
}

/// pip and npm run in folders of their own.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
