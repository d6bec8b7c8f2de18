//! Segment files: opened on demand, flushed in groups.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::blocking;
use super::disk::{Disk, DiskFile};
use super::frame::UNIT_BYTES;
use super::space::{Extent, SEGMENT_UNITS};
use crate::store::{ROOM_TO_ADD_BYTES, StoreError};

const OPEN_FILES_MAX: usize = 256;
const SUFFIX: &str = ".segment";

/// The segment files of an installation.
#[derive(Debug)]
pub(super) struct Segments {
    disk: Box<dyn Disk>,
    open: Mutex<HashMap<u32, Arc<Segment>>>,
}

/// One open segment file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u32,
    file: Box<dyn DiskFile>,
    /// Flushes asked for so far.
    asked: AtomicU64,
    /// Flushes answered so far; whoever holds the lock flushes for all who wait for it.
    answered: tokio::sync::Mutex<u64>,
    failed: AtomicBool,
}

impl Segments {
    pub(super) fn new(disk: Box<dyn Disk>) -> Self {
        Self {
            disk,
            open: Mutex::default(),
        }
    }

    /// The length of each segment in whole units.
    pub(super) fn lengths(&self) -> Result<BTreeMap<u32, u32>, StoreError> {
        let files = self.disk.list();
        let files = files.map_err(|error| failure("listing", "the segment files", &error))?;
        let lengths = files.into_iter().filter_map(|(name, length)| {
            let number = name.strip_suffix(SUFFIX)?.parse().ok()?;
            let units = length / UNIT_BYTES as u64;
            Some((
                number,
                u32::try_from(units).map_or(SEGMENT_UNITS, |units| units.min(SEGMENT_UNITS)),
            ))
        });
        Ok(lengths.collect())
    }

    /// An existing segment, to read from.
    pub(super) fn existing(&self, number: u32) -> Result<Arc<Segment>, StoreError> {
        self.get(number, |name| self.disk.open(name))
    }

    /// A segment to write to, made where there is none.
    pub(super) fn writable(&self, number: u32) -> Result<Arc<Segment>, StoreError> {
        self.get(number, |name| match self.disk.open(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.disk.create(name),
            opened => opened,
        })
    }

    fn get(
        &self,
        number: u32,
        open: impl FnOnce(&str) -> io::Result<Box<dyn DiskFile>>,
    ) -> Result<Arc<Segment>, StoreError> {
        let mut segments = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = segments.get(&number) {
            return Ok(segment.clone());
        }
        if segments.len() >= OPEN_FILES_MAX {
            // A failed file stays: what it forgot must not look flushed through a fresh handle.
            segments.retain(|_, segment| Arc::strong_count(segment) > 1 || segment.is_failed());
        }
        let name = file_name(number);
        let file = open(&name).map_err(|error| failure("opening", &name, &error))?;
        let segment = Arc::new(Segment {
            number,
            file,
            asked: AtomicU64::default(),
            answered: tokio::sync::Mutex::default(),
            failed: AtomicBool::default(),
        });
        segments.insert(number, segment.clone());
        Ok(segment)
    }

    /// Refuses bodies well before the store refuses what adds to it: a body must not take the room in which deleting
    /// another is written, and that adds a row too.
    pub(super) fn check_room(&self, further_bytes: u64) -> Result<(), StoreError> {
        match self.disk.room_bytes() {
            Some(room) if room < (2 * ROOM_TO_ADD_BYTES).saturating_add(further_bytes) => {
                Err(StoreError::DiskFull(format!("{} MiB are left", room >> 20)))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn remove(&self, number: u32) -> Result<(), StoreError> {
        let mut segments = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        segments.remove(&number);
        let name = file_name(number);
        let removed = self.disk.remove(&name);
        removed.map_err(|error| failure("removing", &name, &error))
    }
}

impl Segment {
    pub(super) fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), StoreError> {
        let read = self.file.read(offset, bytes);
        read.map_err(|error| failure("reading", &file_name(self.number), &error))
    }

    pub(super) fn write(&self, extent: Extent, bytes: &[u8]) -> Result<(), StoreError> {
        let written = self.file.write(extent.offset_bytes(), bytes);
        written.map_err(|error| failure("writing", &file_name(self.number), &error))
    }

    pub(super) fn is_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Makes what was written before durable. Whoever comes first flushes for all who came meanwhile.
    pub(super) async fn sync(self: &Arc<Self>) -> Result<(), StoreError> {
        let mine = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        let mut answered = self.answered.lock().await;
        if *answered < mine && !self.is_failed() {
            let through = self.asked.load(Ordering::Acquire);
            let segment = self.clone();
            blocking(move || segment.flush()).await?;
            *answered = through;
        }
        if self.is_failed() {
            return Err(self.given_up());
        }
        Ok(())
    }

    /// A failed flush is never tried again: the system may have dropped what it could not write, and
    /// would call the next flush a success.
    fn flush(&self) -> Result<(), StoreError> {
        self.file.sync().map_err(|error| {
            self.failed.store(true, Ordering::Release);
            tracing::error!(segment = self.number, %error, "a segment cannot be flushed: no more bodies go there");
            failure("flushing", &file_name(self.number), &error)
        })
    }

    fn given_up(&self) -> StoreError {
        let name = file_name(self.number);
        StoreError::Disk(format!(
            "{name} is not written any more after a failed flush"
        ))
    }
}

pub(super) fn file_name(number: u32) -> String {
    format!("{number:08}{SUFFIX}")
}

pub(super) fn failure(action: &str, name: &str, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StoreError::DiskFull(format!("{action} {name}: {error}"))
        }
        io::ErrorKind::NotFound => StoreError::Corrupt(name.to_owned(), "the file is gone".into()),
        io::ErrorKind::UnexpectedEof => {
            StoreError::Corrupt(name.to_owned(), "the file is cut off".into())
        }
        _ => StoreError::Disk(format!("{action} {name}: {error}")),
    }
}
