//! A transaction as an operation sees it: a snapshot with the operation's own writes laid over it.
//!
//! The writes stay in memory until the operation has succeeded, so an operation that fails half-way
//! leaves nothing behind and the commit group it ran in goes on without it.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use crate::key::end_of_prefix;

/// A named part of the key space. The number is on disk: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table {
    pub number: u16,
    pub name: &'static str,
}

impl Table {
    pub const fn new(number: u16, name: &'static str) -> Self {
        Self { number, name }
    }

    fn key(self, key: &[u8]) -> Vec<u8> {
        [&self.number.to_be_bytes(), key].concat()
    }

    fn end(self) -> Option<Vec<u8>> {
        self.number
            .checked_add(1)
            .map(|next| next.to_be_bytes().to_vec())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Backward,
}

pub(super) type Pair = Result<(Vec<u8>, Vec<u8>), StoreError>;
pub(super) type Pairs<'a> = Box<dyn Iterator<Item = Pair> + 'a>;
/// Writes of a transaction under way: `None` takes a row out.
type Written<'a> = Box<dyn Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)> + 'a>;
pub(super) type Overlay = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The state beneath a transaction: all the engine has to offer.
pub(super) trait Snapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    fn range<'a>(
        &'a self,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
    ) -> Result<Pairs<'a>, StoreError>;
}

/// A transaction over all tables.
pub struct Tx<'a> {
    snapshot: &'a dyn Snapshot,
    overlay: Overlay,
    /// Numbers events and versions in commit order; absent in a read.
    sequence: Option<&'a mut u64>,
    emitted: bool,
}

impl std::fmt::Debug for Tx<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Tx")
            .field("writes", &self.overlay.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Tx<'a> {
    pub(super) fn reading(snapshot: &'a dyn Snapshot) -> Self {
        Self {
            snapshot,
            overlay: Overlay::new(),
            sequence: None,
            emitted: false,
        }
    }

    pub(super) fn writing(snapshot: &'a dyn Snapshot, sequence: &'a mut u64) -> Self {
        Self {
            snapshot,
            overlay: Overlay::new(),
            sequence: Some(sequence),
            emitted: false,
        }
    }

    pub(super) fn into_writes(self) -> (Overlay, bool) {
        (self.overlay, self.emitted)
    }

    /// Every row of every table beneath this transaction, by the keys of the tree.
    pub(super) fn every_row(&self) -> Result<Pairs<'_>, StoreError> {
        self.snapshot.range(&[], None, Direction::Forward)
    }

    /// Whether this transaction may write.
    pub fn is_writable(&self) -> bool {
        self.sequence.is_some()
    }

    pub fn get(&self, table: Table, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, StoreError> {
        let key = table.key(key.as_ref());
        match self.overlay.get(&key) {
            Some(written) => Ok(written.clone()),
            None => self.snapshot.get(&key),
        }
    }

    pub fn put(
        &mut self,
        table: Table,
        key: impl AsRef<[u8]>,
        value: Vec<u8>,
    ) -> Result<(), StoreError> {
        self.write(table, key.as_ref(), Some(value))
    }

    pub fn delete(&mut self, table: Table, key: impl AsRef<[u8]>) -> Result<(), StoreError> {
        self.write(table, key.as_ref(), None)
    }

    /// The record under `key`, decoded.
    pub fn load<T: DeserializeOwned>(
        &self,
        table: Table,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<T>, StoreError> {
        self.get(table, key)?
            .map(|bytes| decode(&bytes))
            .transpose()
    }

    /// Stores `record` under `key`. Fields are stored by name, so a later version may add some.
    pub fn save<T: Serialize>(
        &mut self,
        table: Table,
        key: impl AsRef<[u8]>,
        record: &T,
    ) -> Result<(), StoreError> {
        self.put(table, key, encode(record)?)
    }

    /// Every pair whose key begins with `prefix`, in key order or its reverse.
    pub fn prefix(
        &self,
        table: Table,
        prefix: impl AsRef<[u8]>,
        direction: Direction,
    ) -> Result<Scan<'_>, StoreError> {
        let prefix = prefix.as_ref();
        self.range(table, prefix, end_of_prefix(prefix).as_deref(), direction)
    }

    /// Every pair with `from <= key < to` (`None`: to the end of the table), in key order or its reverse.
    pub fn range(
        &self,
        table: Table,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
    ) -> Result<Scan<'_>, StoreError> {
        let from = table.key(from);
        let to = to.map_or_else(|| table.end(), |to| Some(table.key(to)));
        if to.as_deref().is_some_and(|to| to <= from.as_slice()) {
            return Ok(Scan::empty());
        }
        let end = to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let written = self
            .overlay
            .range::<[u8], _>((Bound::Included(from.as_slice()), end));
        let written: Written<'_> = match direction {
            Direction::Forward => Box::new(written),
            Direction::Backward => Box::new(written.rev()),
        };
        let stored = self.snapshot.range(&from, to.as_deref(), direction)?;
        Ok(Scan {
            stored: stored.peekable(),
            written: written.peekable(),
            direction,
        })
    }

    /// A number greater than any handed out before, in this installation's whole life.
    pub fn next_sequence(&mut self) -> Result<u64, StoreError> {
        let sequence = self.sequence.as_deref_mut().ok_or(StoreError::ReadOnly)?;
        *sequence += 1;
        Ok(*sequence)
    }

    pub(crate) fn mark_emitted(&mut self) {
        self.emitted = true;
    }

    fn write(
        &mut self,
        table: Table,
        key: &[u8],
        value: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        if !self.is_writable() {
            return Err(StoreError::ReadOnly);
        }
        self.overlay.insert(table.key(key), value);
        Ok(())
    }
}

/// The pairs of a range, the transaction's own writes merged in. Keys come without their table.
pub struct Scan<'a> {
    stored: Peekable<Pairs<'a>>,
    written: Peekable<Written<'a>>,
    direction: Direction,
}

impl std::fmt::Debug for Scan<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Scan")
            .field("direction", &self.direction)
            .finish_non_exhaustive()
    }
}

impl<'a> Scan<'a> {
    fn empty() -> Self {
        let stored: Pairs<'static> = Box::new(std::iter::empty());
        let written: Written<'a> = Box::new(std::iter::empty());
        Self {
            stored: stored.peekable(),
            written: written.peekable(),
            direction: Direction::Forward,
        }
    }

    /// Whether the next written pair comes before, or in place of, the next stored one.
    fn written_is_next(&mut self) -> bool {
        match (self.stored.peek(), self.written.peek()) {
            (_, None) | (Some(Err(_)), _) => false,
            (None, Some(_)) => true,
            (Some(Ok((stored, _))), Some((written, _))) => match self.direction {
                Direction::Forward => *written <= stored,
                Direction::Backward => *written >= stored,
            },
        }
    }

    fn next_written(&mut self) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let (key, value) = self.written.next()?;
        if matches!(self.stored.peek(), Some(Ok((stored, _))) if stored == key) {
            self.stored.next();
        }
        Some((key.clone(), value.clone()))
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<(Vec<u8>, Vec<u8>), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (key, value) = if self.written_is_next() {
                match self.next_written()? {
                    (key, Some(value)) => (key, value),
                    (_, None) => continue,
                }
            } else {
                match self.stored.next()? {
                    Ok(pair) => pair,
                    Err(error) => return Some(Err(error)),
                }
            };
            return Some(Ok((key[size_of::<u16>()..].to_vec(), value)));
        }
    }
}

/// A record as it lies on disk: MessagePack, fields by name.
fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    rmp_serde::to_vec_named(record).map_err(|error| StoreError::Record(error.to_string()))
}

/// Reads a record out of a scanned value.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    rmp_serde::from_slice(bytes).map_err(|error| StoreError::Record(error.to_string()))
}
