//! Proving that every kept body is what was written, without any of their keys.

use super::frame::{FRAME_BYTES, frame_count, is_intact, stored_bytes};
use super::reader::locate;
use super::segment::file_name;
use super::{BlobId, Blobs, Extent, ledger};
use crate::store::StoreError;

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    pub bodies: u64,
    pub frames: u64,
    pub corrupt: Vec<CorruptFrame>,
}

/// A frame whose bytes are not those that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorruptFrame {
    pub blob_id: String,
    pub frame: u64,
    /// The segment file; empty where the body's extents do not reach so far.
    pub file: String,
    pub offset_bytes: u64,
}

impl Blobs {
    /// Reads every frame of every kept body. Blocks for as long as that takes: not for a thread that
    /// serves requests.
    pub fn verify(&self) -> Result<Verification, StoreError> {
        let mut found = Verification::default();
        let mut after = None;
        loop {
            let bodies = self.0.store.read(|tx| ledger::kept_after(tx, after))?;
            let Some(last) = bodies.last() else {
                return Ok(found);
            };
            after = Some(last.0);
            for (id, size_bytes, extents) in bodies {
                self.0.space().enter_reader(id);
                let verified = self.verify_body(id, size_bytes, &extents, &mut found);
                self.0.space().leave_reader(id);
                verified?;
            }
        }
    }

    fn verify_body(
        &self,
        id: BlobId,
        size_bytes: u64,
        extents: &[Extent],
        found: &mut Verification,
    ) -> Result<(), StoreError> {
        let frames = frame_count(size_bytes);
        let mut corrupt = Vec::new();
        let mut memory = vec![0; FRAME_BYTES];
        for number in 0..frames {
            let frame = &mut memory[..stored_bytes(size_bytes, number)];
            let place = locate(extents, number).map(|run| (run.segment, run.offset_bytes));
            let is_last = number + 1 == frames;
            let intact = place.is_some_and(|(segment, offset)| {
                let segment = self.0.segments.existing(segment);
                let read = segment.and_then(|segment| segment.read(offset, frame));
                read.is_ok() && is_intact(id, number, is_last, frame)
            });
            if !intact {
                corrupt.push(corrupt_frame(id, number, place));
            }
        }
        // Removed and overwritten while it was being read: nothing is lost.
        if self.0.store.read(|tx| ledger::is_known(tx, id))? {
            found.bodies += 1;
            found.frames += frames;
            found.corrupt.extend(corrupt);
        }
        Ok(())
    }
}

/// A damaged frame, and its segment and offset as far as they are known.
pub(super) fn corrupt_frame(id: BlobId, frame: u64, place: Option<(u32, u64)>) -> CorruptFrame {
    CorruptFrame {
        blob_id: format!("{id:032x}"),
        frame,
        file: place.map_or_else(String::new, |(segment, _)| file_name(segment)),
        offset_bytes: place.map_or(0, |(_, offset)| offset),
    }
}
