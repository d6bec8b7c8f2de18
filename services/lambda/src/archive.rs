//! Unpacking a deployment package, which anybody may have made.
//!
//! What a zip may not do: name a path outside its folder, write through a symlink, grow beyond AWS's
//! limit whatever its headers claim, or bring a file that is no file. Symlinks are kept, also those that
//! point out of the folder, since they mean something only inside the sandbox; so they are made last,
//! when nothing more is written that could follow them.
#![expect(
    clippy::disallowed_methods,
    reason = "it fills a cache outside the store"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::read::ZipFile;

/// What AWS allows a function with its layers, unzipped.
pub(super) const UNZIPPED_BYTES_MAX: u64 = 262_144_000;
const ENTRIES_MAX: usize = 200_000;
const SYMLINK_BYTES_MAX: u64 = 4096;

/// Why a package is not accepted.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArchiveError {
    #[error("the file is no zip that can be unpacked: {0}")]
    Broken(String),
    #[error("the package is too large when unpacked")]
    TooLarge,
    #[error("the package cannot be unpacked into {0}: {1}")]
    Disk(PathBuf, std::io::Error),
}

/// Unpacks `zip` into the new folder `target`.
pub(super) fn unpack(zip: &[u8], target: &Path) -> Result<(), ArchiveError> {
    unpack_within(zip, target, UNZIPPED_BYTES_MAX)
}

pub(super) fn unpack_within(
    zip: &[u8],
    target: &Path,
    limit_bytes: u64,
) -> Result<(), ArchiveError> {
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(broken)?;
    if archive.len() > ENTRIES_MAX {
        return Err(ArchiveError::TooLarge);
    }
    make_directory(target)?;
    let mut unpacking = Unpacking {
        target,
        left_bytes: limit_bytes,
        symlinks: BTreeMap::new(),
    };
    for index in 0..archive.len() {
        unpacking.entry(archive.by_index(index).map_err(broken)?)?;
    }
    unpacking.make_symlinks()
}

struct Unpacking<'a> {
    target: &'a Path,
    left_bytes: u64,
    symlinks: BTreeMap<PathBuf, PathBuf>,
}

impl Unpacking<'_> {
    fn entry<R: Read>(&mut self, mut entry: ZipFile<'_, R>) -> Result<(), ArchiveError> {
        let path = entry
            .enclosed_name()
            .ok_or_else(|| broken("a path leaves the folder"))?;
        let path = self.target.join(path);
        if entry.is_dir() {
            return make_directory(&path);
        }
        if let Some(folder) = path.parent() {
            make_directory(folder)?;
        }
        if entry.is_symlink() {
            let points_to = self.symlink_target(&mut entry)?;
            self.symlinks.insert(path, points_to);
            return Ok(());
        }
        let mode = entry.unix_mode();
        if mode.is_some_and(|mode| !is_regular(mode)) {
            return Err(broken(
                "it holds something that is neither file, folder nor link",
            ));
        }
        self.file(&mut entry, &path, mode)
    }

    fn file(
        &mut self,
        entry: &mut impl Read,
        path: &Path,
        mode: Option<u32>,
    ) -> Result<(), ArchiveError> {
        let disk = |error| ArchiveError::Disk(path.to_owned(), error);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .map_err(disk)?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let length = entry.read(&mut buffer).map_err(broken)?;
            if length == 0 {
                break;
            }
            self.take(length)?;
            file.write_all(&buffer[..length]).map_err(disk)?;
        }
        file.set_permissions(fs::Permissions::from_mode(file_mode(mode)))
            .map_err(disk)
    }

    /// Counts what really comes out, since headers may lie.
    fn take(&mut self, length: usize) -> Result<(), ArchiveError> {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        self.left_bytes = self
            .left_bytes
            .checked_sub(length)
            .ok_or(ArchiveError::TooLarge)?;
        Ok(())
    }

    fn symlink_target(&mut self, entry: &mut impl Read) -> Result<PathBuf, ArchiveError> {
        let mut text = String::new();
        let mut limited = entry.take(SYMLINK_BYTES_MAX + 1);
        limited.read_to_string(&mut text).map_err(broken)?;
        self.take(text.len())?;
        let too_long = u64::try_from(text.len()).is_ok_and(|length| length > SYMLINK_BYTES_MAX);
        if text.is_empty() || too_long {
            return Err(broken("a symlink has no usable target"));
        }
        Ok(text.into())
    }

    fn make_symlinks(self) -> Result<(), ArchiveError> {
        for (path, points_to) in self.symlinks.iter().rev() {
            // A file or folder of the same name, or a folder where a link was meant: nobody's honest zip.
            symlink(points_to, path).map_err(|_| broken("two entries have the same name"))?;
        }
        Ok(())
    }
}

/// Folders are ours alone; an entry that needs a folder where a file lies is refused here.
fn make_directory(path: &Path) -> Result<(), ArchiveError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
            broken("a path is both file and folder")
        }
        _ => ArchiveError::Disk(path.to_owned(), error),
    })
}

/// Zips made on Unix carry a file type; those made elsewhere carry none.
fn is_regular(mode: u32) -> bool {
    const TYPE: u32 = 0o170_000;
    const REGULAR: u32 = 0o100_000;
    matches!(mode & TYPE, 0 | REGULAR)
}

/// Readable by all and writable by the owner, executable as packed; set-user-id bits are dropped.
fn file_mode(mode: Option<u32>) -> u32 {
    0o644 | mode.unwrap_or(0) & 0o111
}

fn broken(reason: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Broken(reason.to_string())
}
