//! A row as it lies in the tree: the value, and a CRC over key and value.
//!
//! Encrypted pages hide and do not authenticate, and the engine checks its own sums only when it
//! repairs. Without this, a flipped bit in a value would come back as data.

use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{ReadableTable, StorageError};

use super::tx::{Pair, Pairs, Snapshot};
use super::{Direction, StoreError, TREE_FILE, disk};

const CRC_BYTES: usize = 4;

pub(super) type Tree<'a> = redb::Table<'a, &'static [u8], &'static [u8]>;

/// Stores a row.
pub(super) fn insert(tree: &mut Tree<'_>, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    let mut place = tree
        .insert_reserve(key, value.len() + CRC_BYTES)
        .map_err(disk)?;
    let (stored, crc) = place.as_mut().split_at_mut(value.len());
    stored.copy_from_slice(value);
    crc.copy_from_slice(&sum(key, value));
    Ok(())
}

fn sum(key: &[u8], value: &[u8]) -> [u8; CRC_BYTES] {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(key);
    digest.update(value);
    let [.., a, b, c, d] = digest.finalize().to_be_bytes();
    [a, b, c, d]
}

/// The value of a row, proven to be what was stored under this key.
fn check(key: &[u8], row: &[u8]) -> Result<Vec<u8>, StoreError> {
    match row.split_last_chunk::<CRC_BYTES>() {
        Some((value, crc)) if sum(key, value) == *crc => Ok(value.to_vec()),
        _ => Err(corrupt("a row is not what was written")),
    }
}

pub(super) fn corrupt(reason: &str) -> StoreError {
    tracing::error!(reason, "the store file is damaged");
    StoreError::Corrupt(TREE_FILE.to_owned(), reason.to_owned())
}

/// The engine panics on some damaged pages; to us that is an error like any other.
pub(super) fn guarded<T>(read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(corrupt("a page makes no sense")))
}

/// Ends after the first error: beyond a damaged page nothing is certain.
struct Guarded<I> {
    below: I,
    failed: bool,
}

impl<I: Iterator<Item = Pair>> Guarded<I> {
    fn step(&mut self, step: impl FnOnce(&mut I) -> Option<Pair>) -> Option<Pair> {
        if self.failed {
            return None;
        }
        let pair = guarded(|| step(&mut self.below).transpose()).transpose();
        self.failed = matches!(pair, Some(Err(_)));
        pair
    }
}

impl<I: Iterator<Item = Pair>> Iterator for Guarded<I> {
    type Item = Pair;

    fn next(&mut self) -> Option<Pair> {
        self.step(I::next)
    }
}

impl<I: DoubleEndedIterator<Item = Pair>> DoubleEndedIterator for Guarded<I> {
    fn next_back(&mut self) -> Option<Pair> {
        self.step(I::next_back)
    }
}

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Snapshot for T {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        guarded(|| {
            let found = ReadableTable::get(self, key).map_err(disk)?;
            found.map(|row| check(key, row.value())).transpose()
        })
    }

    fn range<'a>(
        &'a self,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
    ) -> Result<Pairs<'a>, StoreError> {
        let range = guarded(|| {
            let range = match to {
                Some(to) => ReadableTable::range::<&[u8]>(self, from..to),
                None => ReadableTable::range::<&[u8]>(self, from..),
            };
            range.map_err(disk)
        });
        let pairs = range?.map(|pair: Result<_, StorageError>| {
            let (key, row) = pair.map_err(disk)?;
            let value = check(key.value(), row.value())?;
            Ok((key.value().to_vec(), value))
        });
        let pairs = Guarded {
            below: pairs,
            failed: false,
        };
        Ok(match direction {
            Direction::Forward => Box::new(pairs),
            Direction::Backward => Box::new(pairs.rev()),
        })
    }
}
