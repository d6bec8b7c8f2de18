//! Code unpacked where it can run from.
//!
//! The folder is a copy of what the store has: it may vanish at any time and is then made again. It lies
//! under a folder named after the machine's present boot, because files that were moved into place but
//! never flushed may come back empty after a power cut, and flushing each of ten thousand files would make
//! a deployment slow.
#![expect(
    clippy::disallowed_methods,
    reason = "a cache outside the store, of which nothing needs to survive"
)]

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Ids;

use super::archive::{self, ArchiveError};
use super::errors;

/// The folder, if it is there.
pub(super) fn find(engine: &Engine, id: &str) -> Option<PathBuf> {
    Some(folder(engine, id)).filter(|folder| folder.is_dir())
}

pub(super) async fn remove(engine: &Engine, id: &str) {
    let folder = folder(engine, id);
    drop(tokio::task::spawn_blocking(move || std::fs::remove_dir_all(folder)).await);
}

/// Unpacks beside the final place and moves there, so that the folder is whole whenever it exists.
pub(super) async fn make(engine: &Engine, id: &str, zip: Bytes) -> Result<PathBuf> {
    let folder = folder(engine, id);
    let unpacking = tokio::task::spawn_blocking(move || {
        if folder.is_dir() {
            return Ok(folder);
        }
        prepare_parent(&folder)?;
        let beside = folder.with_extension(Ids::random().hex(16));
        let unpacked = archive::unpack(&zip, &beside);
        let moved = unpacked.and_then(|()| move_into_place(&beside, &folder));
        if moved.is_err() {
            drop(std::fs::remove_dir_all(&beside));
        }
        moved.map(|()| folder)
    });
    let unpacked = unpacking
        .await
        .map_err(|error| Error::internal(error.to_string()))?;
    unpacked.map_err(refused_archive)
}

fn refused_archive(error: ArchiveError) -> Error {
    tracing::debug!(%error, "a deployment package was refused");
    match error {
        ArchiveError::Broken(_) => errors::not_a_zip(),
        ArchiveError::TooLarge => errors::unzipped_too_large(),
        ArchiveError::Disk(..) => errors::service(error.to_string()),
    }
}

/// How large all files in the folder are together.
pub(super) async fn size_bytes(folder: PathBuf) -> u64 {
    let counting = tokio::task::spawn_blocking(move || count(&folder, 0));
    counting.await.unwrap_or(0)
}

fn count(folder: &Path, depth: usize) -> u64 {
    const DEPTH_MAX: usize = 128;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() && depth < DEPTH_MAX => count(&entry.path(), depth + 1),
        Ok(found) if found.is_file() => found.len(),
        _ => 0,
    });
    sizes.sum()
}

/// Makes the folder of this boot; what earlier boots left is removed.
fn prepare_parent(folder: &Path) -> std::result::Result<(), ArchiveError> {
    use std::os::unix::fs::DirBuilderExt;
    // Two first deployments at once: one must not remove what the other has begun.
    static PREPARING: Mutex<()> = Mutex::new(());
    let _alone = PREPARING.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(boot) = folder.parent().filter(|boot| !boot.is_dir()) else {
        return Ok(());
    };
    // The folder above stays the same one: waiting sandboxes have it mounted.
    let earlier = boot.parent().and_then(|all| std::fs::read_dir(all).ok());
    for entry in earlier.into_iter().flatten().flatten() {
        drop(std::fs::remove_dir_all(entry.path()));
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(boot)
        .map_err(|error| ArchiveError::Disk(boot.to_owned(), error))
}

fn move_into_place(from: &Path, to: &Path) -> std::result::Result<(), ArchiveError> {
    match std::fs::rename(from, to) {
        // Somebody else was quicker with the same code.
        Err(_) if to.is_dir() => {
            drop(std::fs::remove_dir_all(from));
            Ok(())
        }
        moved => moved.map_err(|error| ArchiveError::Disk(to.to_owned(), error)),
    }
}

fn folder(engine: &Engine, id: &str) -> PathBuf {
    static BOOT: LazyLock<String> = LazyLock::new(|| {
        // Where the machine tells no boot id, each process unpacks for itself.
        let told = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        told.map_or_else(|_| Ids::random().hex(32), |id| id.trim().to_owned())
    });
    engine.cache_directory.join("code").join(&*BOOT).join(id)
}
