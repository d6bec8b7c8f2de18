//! The store file: one process at a time, readable by its owner alone.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::StoreError;

/// A file that this process holds the lock of.
#[derive(Debug)]
pub(super) struct LockedFile(File);

impl LockedFile {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        let corrupt = |error: io::Error| StoreError::Corrupt(place.clone(), error.to_string());
        let directory = path.parent().unwrap_or(path);
        let file = open_or_create(path).map_err(corrupt)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::InUse(directory.display().to_string()),
            TryLockError::Error(error) => corrupt(error),
        })?;
        flush_directory(directory).map_err(corrupt)?;
        Ok(Self(file))
    }

    /// As [`Self::open`], and whatever lay under that name before is gone.
    pub(super) fn open_new(path: &Path) -> Result<Self, StoreError> {
        let file = Self::open(path)?;
        file.0
            .set_len(0)
            .map_err(|error| StoreError::Corrupt(path.display().to_string(), error.to_string()))?;
        Ok(file)
    }

    /// Another handle on the file, to ask for the room its disk has.
    pub(super) fn handle(&self) -> Option<File> {
        self.0.try_clone().ok()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the store is what everybody else shall use instead"
)]
fn open_or_create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options.truncate(false).open(path)
}

/// Makes the names in a directory outlive a power cut.
#[expect(
    clippy::disallowed_methods,
    reason = "the store is what everybody else shall use instead"
)]
pub(crate) fn flush_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Bytes that the disk of `file` can still take.
pub(super) fn room_bytes(file: &File) -> Option<u64> {
    let disk = rustix::fs::fstatvfs(file).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

impl redb::StorageBackend for LockedFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }
}
