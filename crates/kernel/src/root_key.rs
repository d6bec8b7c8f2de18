//! The root key of an installation, in a file that its owner alone may read: plain, or sealed under a
//! secret that lies elsewhere (a passphrase, or what a command prints).
//!
//! Whoever has the key and the data directory has everything: so it is never made twice, never
//! overwritten, and not used while others on the machine could read its file.
//!
//! ```text
//!   plain     64 hexadecimal digits
//!   sealed    sealed pbkdf2-hmac-sha256 <iterations> <salt> <the key, sealed>
//! ```
//!
//! Replacing the key writes the whole store anew under the next one. Two names change then, the store's and
//! the key's; once `root.key.next` is on disk the change is decided, and [`load_or_create`] finishes what a
//! crash cut short.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::num::NonZeroU32;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use ring::pbkdf2;
use zeroize::Zeroizing;

use crate::Store;
use crate::id::Ids;
use crate::seal::{RootKey, SealKey};
use crate::store::{PageKey, REKEYED_NAME, StoreError, TREE_FILE, flush_directory};

const FILE_NAME: &str = "root.key";
const NEXT_NAME: &str = "root.key.next";
/// What others sealed under the root key lies under its name and this, until the change is decided.
pub const RESEALED: &str = ".resealed";
const KEY_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
const SEALED: &str = "sealed pbkdf2-hmac-sha256";
/// OWASP's number for PBKDF2 with HMAC-SHA256.
const ITERATIONS: NonZeroU32 = match NonZeroU32::new(600_000) {
    Some(iterations) => iterations,
    None => NonZeroU32::MIN,
};
const PURPOSE: &[u8] = b"root key";

#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    #[error("{0} can be read by others; make it yours alone with: chmod 600 {0}")]
    TooOpen(String),
    #[error("{0} does not hold 64 hexadecimal digits, nor a sealed key")]
    Malformed(String),
    #[error("{0} is missing, but the data beside it was encrypted under it; put the key file back")]
    Missing(String),
    #[error(
        "{0} is sealed; say how to open it: --root-passphrase-file FILE or --root-key-command COMMAND"
    )]
    Sealed(String),
    #[error("{0} is not sealed; seal it with: cumulet key rotate --new-root-key-command COMMAND")]
    NotSealed(String),
    #[error("the secret does not open {0}; it is another than the one it was sealed under")]
    WrongSecret(String),
    #[error("{0}: {1}")]
    Unreadable(String, io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a sealed root key opens with: a passphrase, or what a command printed.
pub type Secret = Zeroizing<Vec<u8>>;

/// The root key in `directory`, made and flushed to disk where the directory holds no data yet; sealed
/// under the secret where there is one.
pub fn load_or_create(
    directory: &Path,
    secret: Option<&Secret>,
    ids: &Ids,
) -> Result<RootKey, RootKeyError> {
    let path = directory.join(FILE_NAME);
    let place = path.display().to_string();
    finish_rotation(directory).map_err(|error| RootKeyError::Unreadable(place.clone(), error))?;
    match load(&path, &place, secret) {
        Err(RootKeyError::Unreadable(_, error)) if error.kind() == io::ErrorKind::NotFound => {
            if directory.join(TREE_FILE).exists() {
                return Err(RootKeyError::Missing(place));
            }
            let key = Zeroizing::new(ids.bytes::<KEY_BYTES>());
            write(&path, &spelled(&key, secret, ids))
                .map_err(|error| RootKeyError::Unreadable(place.clone(), error))?;
            load(&path, &place, secret)
        }
        loaded => loaded,
    }
}

/// Replaces the root key of an installation that nobody has open; how many rows were written anew. Whoever
/// keeps files of its own under the old key seals them in `reseal` under the new one, by names that end in
/// [`RESEALED`].
pub fn rotate(
    directory: &Path,
    (secret, new_secret): (Option<&Secret>, Option<&Secret>),
    ids: &Ids,
    reseal: impl FnOnce(&RootKey, &RootKey) -> io::Result<()>,
) -> Result<u64, RootKeyError> {
    let path = directory.join(FILE_NAME);
    let place = path.display().to_string();
    let unreadable = |error| RootKeyError::Unreadable(place.clone(), error);
    finish_rotation(directory).map_err(unreadable)?;
    let old = load(&path, &place, secret)?;
    let key = Zeroizing::new(ids.bytes::<KEY_BYTES>());
    let pages = |root: &RootKey| PageKey::new(root.derive("pages"));
    let new = RootKey::new(*key);
    Store::rekey(directory, &pages(&old), &pages(&new), || {
        reseal(&old, &new).map_err(unreadable)?;
        write(&directory.join(NEXT_NAME), &spelled(&key, new_secret, ids)).map_err(unreadable)?;
        finish_rotation(directory).map_err(unreadable)
    })
}

/// Goes on with a change of keys that was decided, and undoes one that was not.
#[expect(
    clippy::disallowed_methods,
    reason = "the key cannot lie in the store that it opens"
)]
fn finish_rotation(directory: &Path) -> io::Result<()> {
    let (next, rekeyed) = (directory.join(NEXT_NAME), directory.join(REKEYED_NAME));
    let mut changes = vec![(rekeyed, directory.join(TREE_FILE))];
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let own = path.to_str().and_then(|name| name.strip_suffix(RESEALED));
        changes.extend(own.map(|own| (path.clone(), own.into())));
    }
    let is_decided = next.exists();
    for (new, old) in changes.into_iter().filter(|(new, _)| new.exists()) {
        match is_decided {
            true => std::fs::rename(new, old)?,
            false => std::fs::remove_file(new)?,
        }
    }
    if is_decided {
        flush_directory(directory)?;
        std::fs::rename(next, directory.join(FILE_NAME))?;
        flush_directory(directory)?;
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the key cannot lie in the store that it opens"
)]
fn load(path: &Path, place: &str, secret: Option<&Secret>) -> Result<RootKey, RootKeyError> {
    let unreadable = |error| RootKeyError::Unreadable(place.to_owned(), error);
    let mut file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(RootKeyError::TooOpen(place.to_owned()));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(unreadable)?;
    let malformed = || RootKeyError::Malformed(place.to_owned());
    match (text.trim_end().strip_prefix(SEALED), secret) {
        (None, None) => {
            let key = key_of(&text).ok_or_else(malformed)?;
            Ok(RootKey::new(*key))
        }
        (None, Some(_)) => Err(RootKeyError::NotSealed(place.to_owned())),
        (Some(_), None) => Err(RootKeyError::Sealed(place.to_owned())),
        (Some(sealed), Some(secret)) => {
            let (lock, sealed) = lock_of(sealed, secret).ok_or_else(malformed)?;
            let opened = lock.open(PURPOSE, &sealed).map(Zeroizing::new);
            let opened = opened.map_err(|_| RootKeyError::WrongSecret(place.to_owned()))?;
            let key = opened.as_slice().try_into().map_err(|_| malformed())?;
            Ok(RootKey::new(key))
        }
    }
}

fn key_of(text: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let bytes = Zeroizing::new(from_hex(text.trim_end())?);
    let key: [u8; KEY_BYTES] = bytes.as_slice().try_into().ok()?;
    Some(Zeroizing::new(key))
}

/// The key that the secret makes, and what it opens.
fn lock_of(text: &str, secret: &Secret) -> Option<(SealKey, Vec<u8>)> {
    let mut parts = text.split_whitespace();
    let iterations: NonZeroU32 = parts.next()?.parse().ok()?;
    let salt = from_hex(parts.next()?)?;
    let sealed = from_hex(parts.next()?)?;
    Some((lock(secret, iterations, &salt), sealed))
}

fn lock(secret: &Secret, iterations: NonZeroU32, salt: &[u8]) -> SealKey {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        iterations,
        salt,
        secret,
        &mut *key,
    );
    SealKey::new(*key)
}

/// The key as its file holds it.
fn spelled(key: &[u8; KEY_BYTES], secret: Option<&Secret>, ids: &Ids) -> Zeroizing<String> {
    let Some(secret) = secret else {
        return Zeroizing::new(to_hex(key));
    };
    let salt = ids.bytes::<SALT_BYTES>();
    let sealed = lock(secret, ITERATIONS, &salt).seal(ids, PURPOSE, key);
    let (salt, sealed) = (to_hex(&salt), to_hex(&sealed));
    Zeroizing::new(format!("{SEALED} {ITERATIONS} {salt} {sealed}"))
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_hex || !digits.len().is_multiple_of(2) {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// Under another name first: a key file cut off by a crash must not look like one.
#[expect(
    clippy::disallowed_methods,
    reason = "the key cannot lie in the store that it opens"
)]
fn write(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("key.unfinished");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(text.as_bytes())?;
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
        let load = || load_or_create(directory.path(), None, &Ids::random());
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

    fn secret(text: &str) -> Secret {
        Zeroizing::new(text.as_bytes().to_vec())
    }

    #[test]
    fn a_sealed_key_opens_with_its_secret_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let load =
            |secret: Option<&Secret>| load_or_create(directory.path(), secret, &Ids::random());
        let derived = |secret: &Secret| load(Some(secret)).expect("a key").derive::<32>("x");
        let right = secret("correct horse");
        assert_eq!(derived(&right), derived(&right));
        assert!(message(load(Some(&secret("wrong")))).contains("does not open"));
        assert!(message(load(None)).contains("is sealed"));
        let text = std::fs::read_to_string(directory.path().join(FILE_NAME)).expect("a file");
        assert!(text.starts_with("sealed pbkdf2-hmac-sha256 600000 "));
    }

    #[tokio::test]
    async fn rotating_keeps_every_row_and_makes_the_old_key_useless() {
        use crate::{Key, Table};
        const TABLE: Table = Table::new(1, "t");
        let directory = tempfile::tempdir().expect("a directory");
        let pages = |root: &RootKey| PageKey::new(root.derive("pages"));
        let ids = Ids::random();
        let load = |secret: Option<&Secret>| {
            load_or_create(directory.path(), secret, &ids).expect("a key")
        };
        let old = load(None);
        let store = Store::open(directory.path(), &pages(&old)).expect("a store");
        let fill = store.write(|tx| {
            (0..25_000_u64).try_for_each(|at| tx.put(TABLE, Key::new().number(at), vec![1]))
        });
        fill.await.expect("filled");
        drop(store);
        // What a crash left before the change was decided does not count.
        std::fs::write(directory.path().join(REKEYED_NAME), "half").expect("written");
        let new_secret = secret("new");
        let sealed = directory.path().join(format!("other{RESEALED}"));
        let rows = rotate(directory.path(), (None, Some(&new_secret)), &ids, |_, _| {
            std::fs::write(&sealed, "anew")
        });
        let rows = rows.expect("rotated");
        let other = std::fs::read_to_string(directory.path().join("other")).expect("a file");
        assert_eq!((other.as_str(), sealed.exists()), ("anew", false));
        assert!(rows >= 25_000);
        assert!(Store::open(directory.path(), &pages(&old)).is_err());
        let new = load(Some(&new_secret));
        let store = Store::open(directory.path(), &pages(&new)).expect("a store");
        let last: Option<Vec<u8>> = store
            .read::<_, StoreError, _>(|tx| tx.get(TABLE, Key::new().number(24_999)))
            .expect("read");
        assert_eq!(last, Some(vec![1]));
    }
}
