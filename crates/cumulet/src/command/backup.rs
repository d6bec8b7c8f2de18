//! `cumulet backup` and `cumulet restore`: the installation as a folder elsewhere, and back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cumulet_kernel::Ids;
use cumulet_kernel::blob::Blobs;
use cumulet_kernel::store::{PageKey, Store};
use serde_json::{Value, json};

use super::Failure;
use crate::cli::{BackUp, Restore, RootKeySource};
use crate::client::{Client, Credentials};
use crate::console::{Colour, paint, print, say};
use crate::installation::{RootSecret, make_private};

const PROGRESS_EVERY: Duration = Duration::from_secs(2);
const ROOT_KEY: &str = "root.key";

pub(crate) async fn run(arguments: &BackUp) -> Result<(), Failure> {
    let directory = absolute(&arguments.directory)?;
    let endpoint = &arguments.endpoint.endpoint;
    let client = Client::new(endpoint, Credentials::from_environment(), &arguments.region);
    let wish = json!({ "directory": directory });
    let asking = client.post("cumulet", "/_cumulet/backup", &wish);
    tokio::pin!(asking);
    let answer = loop {
        tokio::select! {
            answer = &mut asking => break answer?,
            () = tokio::time::sleep(PROGRESS_EVERY) => {
                say(&format!("  {} MiB written", size_bytes(&directory) >> 20));
            }
        }
    };
    report(arguments.json, &directory, answer)
}

fn report(json: bool, directory: &Path, mut answer: Value) -> Result<(), Failure> {
    let corrupt = answer["corrupt"].as_array().map_or(0, Vec::len);
    if json {
        answer["directory"] = json!(directory);
        print(&serde_json::to_string_pretty(&answer).unwrap_or_default());
    } else {
        let (rows, bodies) = (&answer["rows"], &answer["bodies"]);
        let place = paint(&directory.display().to_string(), Colour::Bold);
        print(&format!("{place}  {rows} rows, {bodies} large bodies"));
        say(
            "Keep root.key apart from it: without that key nobody can read the backup, you included.",
        );
    }
    if corrupt == 0 {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "{corrupt} parts of large bodies were damaged before they were copied; see: cumulet backup --json"
    )))
}

pub(crate) fn restore(arguments: &Restore) -> Result<(), Failure> {
    let target = &arguments.data_dir;
    if target.join("store.redb").exists() {
        return Err(Failure::Usage(format!(
            "{} holds an installation already; name a new folder with --data-dir",
            target.display()
        )));
    }
    make_private(target)?;
    let key = target.join(ROOT_KEY);
    if let Some(given) = &arguments.root_key {
        std::fs::copy(given, &key).map_err(|error| failed(given, &error))?;
    }
    if !key.exists() {
        return Err(Failure::Usage(
            "the backup opens only with its root key; name the file with --root-key".to_owned(),
        ));
    }
    say("  copying");
    copy_folder(&arguments.directory, target)?;
    say("  verifying");
    verify(target, &arguments.opened_by)?;
    print(&format!(
        "{}  start it with: cumulet up --data-dir {0}",
        target.display()
    ));
    Ok(())
}

/// Proves every row and every frame.
fn verify(directory: &Path, opened_by: &RootKeySource) -> Result<(), Failure> {
    let broken = |error: cumulet_kernel::StoreError| Failure::Failed(error.to_string());
    let secret = RootSecret::read(opened_by)?;
    let root_key = cumulet_kernel::root_key::load_or_create(directory, secret.as_ref(), &Ids::random())
        .map_err(|error| Failure::Failed(error.to_string()))?;
    let key = PageKey::new(root_key.derive("pages"));
    let rows = Store::verify(directory, &key).map_err(broken)?;
    let store = Store::open(directory, &key).map_err(broken)?;
    let blobs = Blobs::open(&directory.join("blobs"), store, &Ids::random()).map_err(broken)?;
    let found = blobs.verify().map_err(broken)?;
    let corrupt = found.corrupt.len();
    say(&format!(
        "  {rows} rows and {} large bodies are whole",
        found.bodies
    ));
    if corrupt == 0 {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "{corrupt} parts of large bodies are damaged; everything else is there"
    )))
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Failure> {
    make_private(to)?;
    for entry in from.read_dir().map_err(|error| failed(from, &error))? {
        let entry = entry.map_err(|error| failed(from, &error))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &target)?;
        } else if entry.file_name() != ROOT_KEY {
            std::fs::copy(&source, &target).map_err(|error| failed(&source, &error))?;
        }
    }
    Ok(())
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("{}: {error}", path.display()))
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| failed(path, &error))
}

fn size_bytes(folder: &Path) -> u64 {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_bytes(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
