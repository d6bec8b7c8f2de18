//! Reading a body: whole frames, each verified before a byte of it leaves, one read ahead.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::frame::{FRAME_BYTES, FRAME_UNITS, Frames, PLAIN_BYTES, frame_count, stored_bytes};
use super::space::Extent;
use super::{BlobId, BlobRef, Shared, ledger};
use crate::seal::SealKey;
use crate::store::StoreError;

/// 512 KiB a read.
const FRAMES_PER_READ: u64 = 8;

/// A body being read. While it exists, the body's space is not reused.
#[derive(Debug)]
pub struct BlobReader {
    body: Arc<Body>,
    range: Range<u64>,
    next_frame: u64,
    ready: VecDeque<Bytes>,
    reading: Option<JoinHandle<Result<Vec<Bytes>, StoreError>>>,
    failed: Option<StoreError>,
}

/// What a reader and its reads under way hold together.
#[derive(Debug)]
struct Body {
    shared: Arc<Shared>,
    id: BlobId,
    frames: Frames,
    size_bytes: u64,
    extents: Vec<Extent>,
}

impl Drop for Body {
    fn drop(&mut self) {
        self.shared.space().leave_reader(self.id);
    }
}

impl BlobReader {
    pub(super) fn new(
        shared: Arc<Shared>,
        blob: &BlobRef,
        key: &SealKey,
        range: Range<u64>,
    ) -> Self {
        let (id, failed) = match blob.number() {
            Ok(id) => (id, None),
            Err(error) => (0, Some(error)),
        };
        shared.space().enter_reader(id);
        let body = Body {
            shared,
            id,
            frames: Frames::new(id, key),
            size_bytes: blob.size_bytes,
            extents: blob.extents.clone(),
        };
        let range = range.start..range.end.min(blob.size_bytes);
        Self {
            body: Arc::new(body),
            next_frame: range.start / PLAIN_BYTES as u64,
            range,
            ready: VecDeque::new(),
            reading: None,
            failed,
        }
    }

    /// The next bytes, verified; `None` at the end, and after an error.
    pub async fn next(&mut self) -> Option<Result<Bytes, StoreError>> {
        if let Some(error) = self.failed.take() {
            return Some(self.stop(error));
        }
        if self.ready.is_empty() {
            self.read_ahead();
            let reading = self.reading.as_mut()?;
            let read = reading.await.unwrap_or(Err(StoreError::Panicked));
            self.reading = None;
            match read {
                Ok(frames) => self.ready.extend(frames),
                Err(error) => return Some(self.stop(error)),
            }
        }
        // The disk works on the next frames while the caller passes these on.
        self.read_ahead();
        self.ready.pop_front().map(Ok)
    }

    fn stop(&mut self, error: StoreError) -> Result<Bytes, StoreError> {
        self.range = 0..0;
        self.ready.clear();
        self.reading = None;
        Err(error)
    }

    /// Begins the next read, unless one is under way or nothing is left.
    fn read_ahead(&mut self) {
        let end = frame_count(self.range.end);
        if self.reading.is_some() || self.range.is_empty() || self.next_frame >= end {
            return;
        }
        let until = end.min(self.next_frame + FRAMES_PER_READ);
        let (body, range, numbers) = (
            self.body.clone(),
            self.range.clone(),
            self.next_frame..until,
        );
        self.next_frame = until;
        let read = move || body.read(numbers, &range);
        self.reading = Some(tokio::task::spawn_blocking(read));
    }
}

impl Body {
    /// The plain text of these frames, each cut to what of it lies in `range`.
    fn read(&self, numbers: Range<u64>, range: &Range<u64>) -> Result<Vec<Bytes>, StoreError> {
        let mut plain = Vec::new();
        let mut next = numbers.start;
        while next < numbers.end {
            let run = locate(&self.extents, next)
                .ok_or_else(|| self.corrupt(next, "its place is not known"))?;
            let until = numbers.end.min(next + run.frames);
            let opened = self.read_run(&run, next..until)?;
            plain.extend((next..until).zip(opened).map(|(number, frame)| {
                let start = number * PLAIN_BYTES as u64;
                frame.slice(cut(start, frame.len(), range))
            }));
            next = until;
        }
        Ok(plain)
    }

    /// Reads frames that lie side by side, and opens each.
    fn read_run(&self, run: &Run, numbers: Range<u64>) -> Result<Vec<Bytes>, StoreError> {
        let (last, count) = (numbers.end - 1, numbers.end - numbers.start);
        let bytes = usize::try_from(count - 1).unwrap_or_default() * FRAME_BYTES
            + stored_bytes(self.size_bytes, last);
        let mut memory = vec![0; bytes];
        let segment = self.shared.segments.existing(run.segment);
        segment
            .and_then(|segment| segment.read(run.offset_bytes, &mut memory))
            .map_err(|error| self.explain(error))?;
        let final_number = frame_count(self.size_bytes) - 1;
        let mut lengths = Vec::new();
        for (number, frame) in numbers.zip(memory.chunks_mut(FRAME_BYTES)) {
            let opened = self.frames.open(number, number == final_number, frame);
            let length = opened.map_err(|_| {
                self.corrupt(
                    number,
                    "its bytes are not those that were written, or the key is another",
                )
            })?;
            lengths.push(length);
        }
        let memory = Bytes::from(memory);
        let starts = (0..).step_by(FRAME_BYTES);
        Ok(starts
            .zip(lengths)
            .map(|(start, length)| memory.slice(start..start + length))
            .collect())
    }

    fn corrupt(&self, frame: u64, reason: &str) -> StoreError {
        self.explain(StoreError::BodyCorrupt {
            id: format!("{:032x}", self.id),
            frame,
            reason: reason.to_owned(),
        })
    }

    /// A body whose space was reused is not corrupt but gone: its owner was removed meanwhile.
    fn explain(&self, error: StoreError) -> StoreError {
        let known = self.shared.store.read(|tx| ledger::is_known(tx, self.id));
        let is_unkept = self.shared.unkept().contains_key(&self.id);
        if matches!(known, Ok(false)) && !is_unkept {
            return StoreError::BodyGone(format!("{:032x}", self.id));
        }
        tracing::error!(blob = format!("{:032x}", self.id), %error, "a body cannot be read");
        error
    }
}

/// What of a frame of `length` bytes that begins at `start` lies in `range`.
fn cut(start: u64, length: usize, range: &Range<u64>) -> Range<usize> {
    let inside =
        |at: u64| usize::try_from(at.saturating_sub(start)).map_or(length, |at| at.min(length));
    inside(range.start)..inside(range.end)
}

/// Where a frame lies, and how many follow it side by side.
pub(super) struct Run {
    pub(super) segment: u32,
    pub(super) offset_bytes: u64,
    pub(super) frames: u64,
}

pub(super) fn locate(extents: &[Extent], frame: u64) -> Option<Run> {
    let mut unit = frame * u64::from(FRAME_UNITS);
    for extent in extents {
        let length = u64::from(extent.length);
        if unit < length {
            return Some(Run {
                segment: extent.segment,
                offset_bytes: extent.offset_bytes() + unit * super::frame::UNIT_BYTES as u64,
                frames: (length - unit).div_ceil(u64::from(FRAME_UNITS)),
            });
        }
        unit -= length;
    }
    None
}
