//! Writing a body: sealed and written behind the caller's back while it arrives, flushed once at the end.
//!
//! Memory does not grow with the body: one batch of frames fills while the one before is on its way to
//! disk. A large body is also flushed as it goes, so that its end does not wait for gigabytes, nor the
//! end of a small body in the same segment.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::frame::{Batch, Frames};
use super::segment::Segment;
use super::space::{Extent, append};
use super::{BlobId, BlobRef, Shared, Unkept, blocking};
use crate::clock::wall_now;
use crate::seal::SealKey;
use crate::store::StoreError;

/// Batches of 1 MiB between two flushes of a body still arriving.
const BATCHES_PER_FLUSH: u64 = 16;
/// After this many batches a body counts as large, and space is taken for it in larger pieces.
const SMALL_BATCHES_MAX: u64 = 4;
/// 16 MiB.
const LARGE_PIECE_UNITS: u32 = 4096;

type Written = Result<(Vec<u8>, Vec<Arc<Segment>>), StoreError>;

/// A body being written. Dropped before [`BlobWriter::finish`], it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    shared: Arc<Shared>,
    id: BlobId,
    frames: Arc<Frames>,
    batch: Batch,
    spare: Option<Vec<u8>>,
    size_bytes: u64,
    frames_written: u64,
    batches_written: u64,
    lease: Arc<Lease>,
    /// Space of the lease that no batch has taken up yet.
    reserved: Vec<Extent>,
    used: Vec<Extent>,
    writing: Option<JoinHandle<Written>>,
    flushing: Option<JoinHandle<Result<(), StoreError>>>,
    unflushed: Vec<Arc<Segment>>,
    failed: Option<StoreError>,
}

/// Space that goes back when nobody needs it any more, neither the writer nor a write still under way.
#[derive(Debug)]
struct Lease {
    shared: Arc<Shared>,
    extents: Mutex<Vec<Extent>>,
}

impl Lease {
    fn take(&self) -> Vec<Extent> {
        std::mem::take(&mut *self.extents.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, extents: &[Extent]) {
        let mut own = self.extents.lock().unwrap_or_else(PoisonError::into_inner);
        own.extend_from_slice(extents);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let extents = self.take();
        self.shared.space().free(&extents);
    }
}

impl BlobWriter {
    pub(super) fn new(shared: Arc<Shared>, key: &SealKey) -> Self {
        let id = u128::from_be_bytes(shared.ids.bytes());
        let lease = Lease {
            shared: shared.clone(),
            extents: Mutex::default(),
        };
        Self {
            shared,
            id,
            frames: Arc::new(Frames::new(id, key)),
            batch: Batch::new(),
            spare: None,
            size_bytes: 0,
            frames_written: 0,
            batches_written: 0,
            lease: Arc::new(lease),
            reserved: Vec::new(),
            used: Vec::new(),
            writing: None,
            flushing: None,
            unflushed: Vec::new(),
            failed: None,
        }
    }

    /// Appends to the body. Waits only while the disk is more than a batch behind.
    /// After an error, or a call cut off, the body cannot be finished.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), StoreError> {
        self.check()?;
        // Cut off in the middle, the body would miss bytes: until the end it counts as failed.
        self.failed = Some(StoreError::Disk("a write to the body was cut off".into()));
        let written = self.take_in(&mut bytes).await;
        self.failed = written.as_ref().err().cloned();
        written
    }

    async fn take_in(&mut self, bytes: &mut Bytes) -> Result<(), StoreError> {
        self.size_bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            // A full batch waits for more bytes: the last frame must be known when it is sealed.
            if self.batch.is_full() {
                self.write_batch(false).await?;
            }
            self.batch.fill(bytes);
        }
        Ok(())
    }

    /// Flushes the body to disk. It is then to be kept within minutes: see [`super::keep`].
    pub async fn finish(mut self) -> Result<BlobRef, StoreError> {
        self.check()?;
        if !self.batch.is_empty() {
            self.write_batch(true).await?;
        }
        self.await_batch().await?;
        self.await_flush().await?;
        let unflushed = std::mem::take(&mut self.unflushed);
        let flushed = flush(unflushed, &self.shared).await;
        flushed.map(|()| self.hand_over())
    }

    fn check(&self) -> Result<(), StoreError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Passes the space from the lease to the body.
    fn hand_over(&mut self) -> BlobRef {
        self.lease.take();
        let extents = std::mem::take(&mut self.used);
        let unkept = Unkept {
            extents: extents.clone(),
            finished_ms: wall_now().milliseconds(),
        };
        self.shared.space().free(&self.reserved);
        self.shared.unkept().insert(self.id, unkept);
        BlobRef {
            id: format!("{:032x}", self.id),
            size_bytes: self.size_bytes,
            extents,
        }
    }

    /// Sends the batch on its way to disk, once the one before has arrived there.
    async fn write_batch(&mut self, ends_body: bool) -> Result<(), StoreError> {
        self.await_batch().await?;
        if self.batches_written.is_multiple_of(BATCHES_PER_FLUSH) {
            self.flush_behind().await?;
        }
        let units = self.batch.close();
        let extents = self.take_space(units, ends_body);
        let next = self.spare.take().map_or_else(Batch::new, Batch::reuse);
        let batch = std::mem::replace(&mut self.batch, next);
        let first = self.frames_written;
        self.frames_written += batch.frame_count();
        self.batches_written += 1;
        let (shared, frames, lease) =
            (self.shared.clone(), self.frames.clone(), self.lease.clone());
        self.writing = Some(tokio::task::spawn_blocking(move || {
            shared.segments.check_room(0)?;
            let sealed = batch.seal(&frames, first, ends_body);
            let sealed = sealed.map_err(|_| StoreError::Disk("the body is too long".into()))?;
            let touched = write_extents(&shared, &extents, &sealed);
            // Until here the space must not go to anybody else.
            drop(lease);
            touched.map(|touched| (sealed, touched))
        }));
        Ok(())
    }

    /// The next `units` of the body's space.
    fn take_space(&mut self, units: u32, ends_body: bool) -> Vec<Extent> {
        let mut wanted = units;
        let mut taken = Vec::new();
        while wanted > 0 {
            if self.reserved.is_empty() {
                self.reserve(wanted, ends_body);
            }
            let (part, rest) = self.reserved.remove(0).split(wanted);
            self.reserved.splice(0..0, rest);
            wanted -= part.length;
            append(&mut self.used, part);
            taken.push(part);
        }
        taken
    }

    fn reserve(&mut self, units: u32, ends_body: bool) {
        let is_large = self.batches_written >= SMALL_BATCHES_MAX && !ends_body;
        let units = if is_large {
            units.max(LARGE_PIECE_UNITS)
        } else {
            units
        };
        self.reserved = self.shared.space().allocate(units);
        self.lease.add(&self.reserved);
        self.shared.prepare_if_short();
    }

    async fn await_batch(&mut self) -> Result<(), StoreError> {
        let Some(writing) = self.writing.as_mut() else {
            return Ok(());
        };
        let written = writing.await.unwrap_or(Err(StoreError::Panicked));
        self.writing = None;
        let (memory, touched) = written?;
        self.spare = Some(memory);
        for segment in touched {
            if !self
                .unflushed
                .iter()
                .any(|known| known.number == segment.number)
            {
                self.unflushed.push(segment);
            }
        }
        Ok(())
    }

    async fn flush_behind(&mut self) -> Result<(), StoreError> {
        self.await_flush().await?;
        let unflushed = std::mem::take(&mut self.unflushed);
        if !unflushed.is_empty() {
            let shared = self.shared.clone();
            self.flushing = Some(tokio::spawn(async move { flush(unflushed, &shared).await }));
        }
        Ok(())
    }

    async fn await_flush(&mut self) -> Result<(), StoreError> {
        let Some(flushing) = self.flushing.as_mut() else {
            return Ok(());
        };
        let flushed = flushing.await.unwrap_or(Err(StoreError::Panicked));
        self.flushing = None;
        flushed
    }
}

/// Flushes the segments; one that fails gives out no more space.
pub(super) async fn flush(segments: Vec<Arc<Segment>>, shared: &Shared) -> Result<(), StoreError> {
    for segment in segments {
        let flushed = segment.sync().await;
        if segment.is_failed() {
            shared.space().retire(segment.number);
        }
        flushed?;
    }
    Ok(())
}

fn write_extents(
    shared: &Shared,
    extents: &[Extent],
    mut bytes: &[u8],
) -> Result<Vec<Arc<Segment>>, StoreError> {
    let mut touched = Vec::new();
    for &extent in extents {
        let length = extent.length as usize * super::frame::UNIT_BYTES;
        let (part, rest) = bytes.split_at(length.min(bytes.len()));
        bytes = rest;
        let segment = shared.segments.writable(extent.segment)?;
        segment.write(extent, part)?;
        touched.push(segment);
    }
    Ok(touched)
}

/// Writes zeros over `extent` and flushes them, so that the next write there is an overwrite.
pub(super) async fn prepare(shared: &Arc<Shared>, extent: Extent) -> Result<(), StoreError> {
    let writer = shared.clone();
    let touched = blocking(move || {
        let zeros = vec![0; extent.length as usize * super::frame::UNIT_BYTES];
        write_extents(&writer, &[extent], &zeros)
    });
    flush(touched.await?, shared).await
}
