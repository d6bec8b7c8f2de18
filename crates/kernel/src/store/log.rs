//! The log in front of the tree.
//!
//! A group of writes is acknowledged when it lies here: one append and one flush, where the tree would
//! write a page for each of its rows and flush twice. The tree takes the group up in memory at once and
//! is flushed when the log is full, so a page that a thousand groups changed is written once.
//!
//! ```text
//! frame | number, 8 | life, 16 | length, 4 | tag, 16 | sealed rows | padding to a sector |
//! row   | key's length, 4 | value's length + 1, or 0 for a removal, 4 | key | value |
//! ```
//!
//! A life lasts from one opening to the next and has a key of its own; a frame's number is its place in
//! its life, and its nonce. Numbers go on when the log begins at its start again, so an old frame left
//! lying is never taken for a new one. Each frame begins a sector, so writing one cannot tear another.
//!
//! After a crash the frames beyond what the flushed tree says it holds are applied to it, in order. The
//! first that does not open ends the log: it was being written, and nobody was told of it. But a frame is
//! only begun when the one before it is flushed; so if a later one opens, the disk has lost data, and
//! that is an error.

use redb::StorageBackend;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};
use ring::hkdf;

use super::pages::PageKey;
use super::xts::SECTOR;
use super::{LOG_FILE, StoreError, disk};

/// What may wait to be flushed into the tree; a crash costs the time to apply it again.
const CAPACITY_BYTES: u64 = 16 << 20;
/// The file is written with zeros ahead, because overwriting flushes several times faster than growing.
const GROWTH_BYTES: u64 = 1 << 20;
const LIFE_BYTES: usize = 16;
const TAG_AT: usize = 28;
const TAG_BYTES: usize = 16;
const HEADER_BYTES: usize = TAG_AT + TAG_BYTES;

/// A place in the log: a life, and the number of one of its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    life: [u8; LIFE_BYTES],
    number: u64,
}

impl Position {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        [&self.life[..], &self.number.to_be_bytes()].concat()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (life, number) = bytes.split_first_chunk()?;
        let number = u64::from_be_bytes(number.try_into().ok()?);
        Some(Self {
            life: *life,
            number,
        })
    }

    fn next(self) -> Self {
        Self {
            number: self.number + 1,
            ..self
        }
    }
}

/// The rows of a group, gathered to be logged.
pub(super) struct Frame(Vec<u8>);

impl Default for Frame {
    fn default() -> Self {
        Self(vec![0; HEADER_BYTES])
    }
}

impl Frame {
    pub(super) fn clear(&mut self) {
        self.0.truncate(HEADER_BYTES);
    }

    /// Adds a row, or its removal.
    pub(super) fn push(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), StoreError> {
        self.0.extend_from_slice(&length(key.len())?);
        self.0
            .extend_from_slice(&length(value.map_or(0, |value| value.len() + 1))?);
        self.0.extend_from_slice(key);
        self.0.extend_from_slice(value.unwrap_or_default());
        Ok(())
    }

    fn size_on_disk(&self) -> u64 {
        self.0.len().next_multiple_of(SECTOR) as u64
    }
}

fn length(length: usize) -> Result<[u8; 4], StoreError> {
    let length = u32::try_from(length).map_err(|error| StoreError::Record(error.to_string()))?;
    Ok(length.to_be_bytes())
}

/// A key, and its value or `None` where it is taken out.
type Row<'a> = (&'a [u8], Option<&'a [u8]>);

/// Hands on the rows of an opened frame.
fn each_row(
    mut rows: &[u8],
    apply: &mut dyn FnMut(Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    while !rows.is_empty() {
        let (row, rest) = split_row(rows).ok_or_else(|| damaged("a frame makes no sense"))?;
        apply(row)?;
        rows = rest;
    }
    Ok(())
}

fn split_row(rows: &[u8]) -> Option<(Row<'_>, &[u8])> {
    let (key_length, rows) = split_length(rows)?;
    let (value_length, rows) = split_length(rows)?;
    let (key, rows) = rows.split_at_checked(key_length)?;
    let Some(value_length) = value_length.checked_sub(1) else {
        return Some(((key, None), rows));
    };
    let (value, rows) = rows.split_at_checked(value_length)?;
    Some(((key, Some(value)), rows))
}

fn split_length(rows: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rows) = rows.split_first_chunk()?;
    Some((usize::try_from(u32::from_be_bytes(*length)).ok()?, rows))
}

fn damaged(reason: &str) -> StoreError {
    tracing::error!(reason, "the log is damaged");
    StoreError::Corrupt(LOG_FILE.to_owned(), reason.to_owned())
}

/// The log of a life under way.
pub(super) struct Log {
    file: Box<dyn StorageBackend>,
    key: PageKey,
    cipher: LessSafeKey,
    /// The last frame.
    position: Position,
    /// Where the next frame goes.
    end: u64,
    /// What of the file has been written at some time.
    written_bytes: u64,
    capacity_bytes: u64,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Log")
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl Log {
    /// Begins a life. What earlier ones left can be replayed until the first frame is appended.
    pub(super) fn begin(
        file: Box<dyn StorageBackend>,
        key: &PageKey,
        life: [u8; LIFE_BYTES],
    ) -> Result<Self, StoreError> {
        let written_bytes = file.len().map_err(disk)?;
        Ok(Self {
            file,
            key: key.clone(),
            cipher: cipher(key, &life)?,
            position: Position { life, number: 0 },
            end: 0,
            written_bytes: written_bytes / SECTOR as u64 * SECTOR as u64,
            capacity_bytes: CAPACITY_BYTES,
        })
    }

    #[cfg(test)]
    pub(super) fn of_size(self, capacity_bytes: u64) -> Self {
        Self {
            capacity_bytes,
            ..self
        }
    }

    /// Hands on the rows of all frames after `position`.
    pub(super) fn replay(
        &self,
        position: Position,
        mut apply: impl FnMut(Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if self.written_bytes == 0 {
            return Err(damaged("it is missing, and the store was not closed"));
        }
        let cipher = cipher(&self.key, &position.life)?;
        let (mut last, mut at) = (position, 0);
        while let Some(rows) = self.open_frame(&cipher, last.next(), at)? {
            each_row(&rows, &mut apply)?;
            last = last.next();
            at += (HEADER_BYTES + rows.len()).next_multiple_of(SECTOR) as u64;
        }
        self.check_nothing_follows(&cipher, last, at)
    }

    fn check_nothing_follows(
        &self,
        cipher: &LessSafeKey,
        last: Position,
        end: u64,
    ) -> Result<(), StoreError> {
        for at in (end..self.written_bytes).step_by(SECTOR) {
            let header = self.read_header(at)?;
            if header.position.life != last.life || header.position.number <= last.number {
                continue;
            }
            if self.open_frame(cipher, header.position, at)?.is_some() {
                return Err(damaged("a frame in its middle does not open"));
            }
        }
        Ok(())
    }

    /// The rows of the frame that begins at `at`, if it is the one at `position` and whole.
    fn open_frame(
        &self,
        cipher: &LessSafeKey,
        position: Position,
        at: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if at >= self.written_bytes {
            return Ok(None);
        }
        let header = self.read_header(at)?;
        let end = at + (HEADER_BYTES + header.length) as u64;
        if header.position != position || end > self.written_bytes {
            return Ok(None);
        }
        let mut rows = vec![0; header.length];
        let start = at + HEADER_BYTES as u64;
        self.file.read(start, &mut rows).map_err(disk)?;
        let (open, tag) = header.bytes.split_at(TAG_AT);
        let tag = Tag::try_from(tag).map_err(|_| damaged("a tag is short"))?;
        let opened = cipher.open_in_place_separate_tag(
            nonce(position),
            Aad::from(open),
            tag,
            &mut rows,
            0..,
        );
        Ok(opened.is_ok().then_some(rows))
    }

    fn read_header(&self, at: u64) -> Result<Header, StoreError> {
        let mut bytes = [0; HEADER_BYTES];
        self.file.read(at, &mut bytes).map_err(disk)?;
        Ok(Header::of(bytes))
    }

    /// The place that the tree holds everything up to, once it is flushed.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    pub(super) fn has_room(&self, frame: &Frame) -> bool {
        self.end + frame.size_on_disk() <= self.capacity_bytes
    }

    /// Begins at the start again: the flushed tree holds everything.
    pub(super) fn restart(&mut self) {
        self.end = 0;
    }

    /// Makes the frame durable. After a failure nothing may be appended.
    pub(super) fn append(&mut self, frame: &mut Frame) -> Result<(), StoreError> {
        let position = self.position.next();
        let end = self.end + frame.size_on_disk();
        self.seal(position, frame)?;
        self.grow(end)?;
        let bytes = &mut frame.0;
        bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
        self.file.write(self.end, bytes).map_err(disk)?;
        self.file.sync_data().map_err(disk)?;
        (self.position, self.end) = (position, end);
        Ok(())
    }

    fn seal(&self, position: Position, frame: &mut Frame) -> Result<(), StoreError> {
        let (header, rows) = frame.0.split_at_mut(HEADER_BYTES);
        let (open, tag) = header.split_at_mut(TAG_AT);
        open[..8].copy_from_slice(&position.number.to_be_bytes());
        open[8..24].copy_from_slice(&position.life);
        open[24..].copy_from_slice(&length(rows.len())?);
        let sealed = self
            .cipher
            .seal_in_place_separate_tag(nonce(position), Aad::from(&*open), rows)
            .map_err(|_| StoreError::Disk("a group is too large to be sealed".into()))?;
        tag.copy_from_slice(sealed.as_ref());
        Ok(())
    }

    /// Writes zeros up to `end` and some way beyond, where nothing was written before.
    pub(super) fn grow(&mut self, end: u64) -> Result<(), StoreError> {
        if end <= self.written_bytes {
            return Ok(());
        }
        let wanted = end.next_multiple_of(GROWTH_BYTES.min(self.capacity_bytes));
        let missing = usize::try_from(wanted - self.written_bytes).unwrap_or(usize::MAX);
        self.file.set_len(wanted).map_err(disk)?;
        self.file
            .write(self.written_bytes, &vec![0; missing])
            .map_err(disk)?;
        self.written_bytes = wanted;
        Ok(())
    }

    /// Makes sure that there is a file to be missed.
    pub(super) fn establish(&mut self) -> Result<(), StoreError> {
        self.grow(SECTOR as u64)?;
        self.file.sync_data().map_err(disk)
    }
}

/// The open part of a frame, and its tag.
struct Header {
    bytes: [u8; HEADER_BYTES],
    position: Position,
    length: usize,
}

impl Header {
    fn of(bytes: [u8; HEADER_BYTES]) -> Self {
        let (number, rest) = bytes.split_at(8);
        let (life, rest) = rest.split_at(LIFE_BYTES);
        let number = number.try_into().map_or(0, u64::from_be_bytes);
        let length = rest[..4].try_into().map_or(0, u32::from_be_bytes);
        let life = life.try_into().unwrap_or_default();
        Self {
            bytes,
            position: Position { life, number },
            length: length as usize,
        }
    }
}

fn nonce(position: Position) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&position.number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn cipher(key: &PageKey, life: &[u8; LIFE_BYTES]) -> Result<LessSafeKey, StoreError> {
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, life).extract(key.as_bytes());
    let derived = extracted.expand(&[b"log"], &AES_256_GCM);
    let key = derived.map_err(|_| StoreError::Disk("no key for the log".into()))?;
    Ok(LessSafeKey::new(UnboundKey::from(key)))
}
