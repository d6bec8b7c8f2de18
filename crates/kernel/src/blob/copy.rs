//! Copying the bodies of a snapshot, frame by frame, each proven on the way.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::disk::{Directory, Disk, DiskFile};
use super::frame::{FRAME_BYTES, frame_count, is_intact, stored_bytes};
use super::reader::locate;
use super::segment::{failure, file_name};
use super::verify::corrupt_frame;
use super::{BlobId, Blobs, Extent, Verification, ledger};
use crate::store::{StoreError, Tx};

/// While this lives, the space of no body is given to another.
#[derive(Debug)]
pub struct Hold(Blobs);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.0.holds.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The segment files of a copy, each at the places of its original.
struct Copy {
    directory: Directory,
    files: BTreeMap<u32, Box<dyn DiskFile>>,
}

impl Copy {
    fn file(&mut self, segment: u32) -> Result<&dyn DiskFile, StoreError> {
        if !self.files.contains_key(&segment) {
            let name = file_name(segment);
            let file = self.directory.create(&name);
            let file = file.map_err(|error| failure("making", &name, &error))?;
            self.files.insert(segment, file);
        }
        let file = self.files.get(&segment).map(AsRef::as_ref);
        file.ok_or_else(|| StoreError::Disk("a segment file was not made".into()))
    }
}

impl Blobs {
    pub fn hold(&self) -> Hold {
        self.0.holds.fetch_add(1, Ordering::AcqRel);
        Hold(self.clone())
    }

    /// Copies every body that `tx` sees into segment files below `directory`. Damaged frames are
    /// copied as they are, and listed.
    pub(crate) fn copy(&self, tx: &Tx<'_>, directory: &Path) -> Result<Verification, StoreError> {
        let place = directory.join("segments");
        let made = Directory::open(&place)
            .map_err(|error| failure("making", &place.display().to_string(), &error));
        let mut copy = Copy {
            directory: made?,
            files: BTreeMap::new(),
        };
        let mut found = Verification::default();
        let mut after = None;
        loop {
            let bodies = ledger::kept_after(tx, after)?;
            let Some(last) = bodies.last() else { break };
            after = Some(last.0);
            for (id, size_bytes, extents) in bodies {
                self.copy_body(id, size_bytes, &extents, &mut copy, &mut found)?;
            }
        }
        for (segment, file) in &copy.files {
            let flushed = file.sync();
            flushed.map_err(|error| failure("flushing", &file_name(*segment), &error))?;
        }
        Ok(found)
    }

    fn copy_body(
        &self,
        id: BlobId,
        size_bytes: u64,
        extents: &[Extent],
        copy: &mut Copy,
        found: &mut Verification,
    ) -> Result<(), StoreError> {
        let frames = frame_count(size_bytes);
        let mut memory = vec![0; FRAME_BYTES];
        for number in 0..frames {
            let frame = &mut memory[..stored_bytes(size_bytes, number)];
            let place = locate(extents, number).map(|run| (run.segment, run.offset_bytes));
            let read = place.is_some_and(|(segment, offset)| {
                let segment = self.0.segments.existing(segment);
                segment
                    .and_then(|segment| segment.read(offset, frame))
                    .is_ok()
            });
            if !read || !is_intact(id, number, number + 1 == frames, frame) {
                found.corrupt.push(corrupt_frame(id, number, place));
            }
            if let Some((segment, offset)) = place.filter(|_| read) {
                let written = copy.file(segment)?.write(offset, frame);
                written.map_err(|error| failure("writing", &file_name(segment), &error))?;
            }
        }
        found.bodies += 1;
        found.frames += frames;
        Ok(())
    }
}
