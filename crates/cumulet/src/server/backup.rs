//! `/_cumulet/backup`: a copy of the installation, made while it runs.

use std::path::PathBuf;

use cumulet_engine::Error;
use cumulet_kernel::backup::{self, Backup, Places};
use cumulet_kernel::store::PageKey;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Server;
use crate::installation::make_private;

#[derive(Debug, Deserialize)]
struct Wish {
    /// Where to; made, and empty until now.
    directory: PathBuf,
}

/// Makes a backup, as the body of a permitted request says.
pub(super) async fn make(server: &Server, body: &[u8]) -> Result<Value, Error> {
    let wish: Wish =
        serde_json::from_slice(body).map_err(|error| Error::validation(error.to_string()))?;
    let server = server.clone();
    let made = tokio::task::spawn_blocking(move || write(&server, &wish.directory));
    let backup = made
        .await
        .map_err(|error| Error::internal(error.to_string()))??;
    let corrupt = backup.bodies.corrupt.iter().map(|frame| {
        json!({ "file": frame.file, "offsetBytes": frame.offset_bytes, "blobId": frame.blob_id })
    });
    Ok(json!({
        "rows": backup.rows,
        "bodies": backup.bodies.bodies,
        "corrupt": corrupt.collect::<Vec<_>>(),
    }))
}

fn write(server: &Server, directory: &std::path::Path) -> Result<Backup, Error> {
    if !directory.is_absolute() {
        return Err(Error::validation("the folder must be an absolute path"));
    }
    let blobs = directory.join("blobs");
    for folder in [directory, &blobs] {
        make_private(folder).map_err(|error| Error::validation(error.to_string()))?;
    }
    if directory.join("store.redb").exists() {
        let text = format!("{} holds an installation already", directory.display());
        return Err(Error::validation(text));
    }
    let engine = &server.engine;
    let key = PageKey::new(engine.root_key.derive("pages"));
    let places = Places {
        store: directory,
        blobs: &blobs,
    };
    Ok(backup::write(&engine.store, &engine.blobs, &key, places)?)
}
