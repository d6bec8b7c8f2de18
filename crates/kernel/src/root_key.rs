//! The root key of an installation as a file that its owner alone may read.
//!
//! Whoever has this file and the data directory has everything: so it is never made twice, never
//! overwritten, and not used while others on the machine could read it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::id::Ids;
use crate::seal::RootKey;
use crate::store::flush_directory;

const FILE_NAME: &str = "root.key";
const KEY_BYTES: usize = 32;

#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    #[error("{0} can be read by others; make it yours alone with: chmod 600 {0}")]
    TooOpen(String),
    #[error("{0} does not hold 64 hexadecimal digits")]
    Malformed(String),
    #[error("{0} is missing, but the data beside it was encrypted under it; put the key file back")]
    Missing(String),
    #[error("{0}: {1}")]
    Unreadable(String, io::Error),
}

/// The root key in `directory`, made and flushed to disk where the directory holds no data yet.
pub fn load_or_create(directory: &Path, ids: &Ids) -> Result<RootKey, RootKeyError> {
    let path = directory.join(FILE_NAME);
    let place = path.display().to_string();
    match load(&path, &place) {
        Err(RootKeyError::Unreadable(_, error)) if error.kind() == io::ErrorKind::NotFound => {
            if directory.join("store.redb").exists() {
                return Err(RootKeyError::Missing(place));
            }
            create(&path, ids).map_err(|error| RootKeyError::Unreadable(place.clone(), error))?;
            load(&path, &place)
        }
        loaded => loaded,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the key cannot lie in the store that it opens"
)]
fn load(path: &Path, place: &str) -> Result<RootKey, RootKeyError> {
    let unreadable = |error| RootKeyError::Unreadable(place.to_owned(), error);
    let mut file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(RootKeyError::TooOpen(place.to_owned()));
    }
    let mut digits = Zeroizing::new(String::new());
    file.read_to_string(&mut digits).map_err(unreadable)?;
    let key = parse(digits.trim_end());
    key.ok_or_else(|| RootKeyError::Malformed(place.to_owned()))
}

fn parse(digits: &str) -> Option<RootKey> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    if digits.len() != 2 * KEY_BYTES || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in key.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
    }
    Some(RootKey::new(*key))
}

/// Under another name first: a key file cut off by a crash must not look like one.
#[expect(
    clippy::disallowed_methods,
    reason = "the key cannot lie in the store that it opens"
)]
fn create(path: &Path, ids: &Ids) -> io::Result<()> {
    let key = Zeroizing::new(ids.bytes::<KEY_BYTES>());
    let digits: Zeroizing<String> =
        Zeroizing::new(key.iter().map(|byte| format!("{byte:02x}")).collect());
    let unfinished = path.with_extension("key.unfinished");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(digits.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    flush_directory(path.parent().unwrap_or(path))
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests look at the file itself"
)]
mod tests {
    use super::*;

    fn message(result: Result<RootKey, RootKeyError>) -> String {
        result
            .err()
            .map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn the_key_is_made_once_and_is_its_owners_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let load = || load_or_create(directory.path(), &Ids::random());
        let derived = || load().expect("a key").derive::<32>("x");
        assert_eq!(derived(), derived());
        let path = directory.path().join(FILE_NAME);
        let mode = path.metadata().expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("opened up");
        assert!(message(load()).ends_with(&format!("chmod 600 {}", path.display())));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("closed");
        std::fs::write(&path, "abc").expect("cut off");
        assert!(message(load()).contains("64 hexadecimal digits"));
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(directory.path().join("store.redb"), "").expect("written");
        assert!(message(load()).contains("put the key file back"));
    }
}
