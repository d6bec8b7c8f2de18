//! Bodies too large for the tree.
//!
//! A body is written and flushed before the record that names it is committed; so a record never names
//! bytes that are not on disk, and a crash in between leaves only space to reclaim. Every frame is
//! sealed under the body's own key and bound to its place, so reading is also the bit-rot check.
//!
//! Bodies lie in segment files as extents under a random id; no key and no name ever becomes a path.
//! Which extents are taken is written in the store alone, in the transaction of the owner ([`keep`],
//! [`release`]): what the store does not know at opening is free. Released space is reused only after
//! the commit that released it, a time of grace, and the last reader.

mod copy;
mod disk;
mod frame;
mod ledger;
mod reader;
mod segment;
mod space;
mod sweep;
mod verify;
mod writer;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::id::Ids;
use crate::seal::SealKey;
use crate::store::{Store, StoreError};

pub use copy::Hold;
pub use ledger::{keep, release};
pub use reader::BlobReader;
pub use space::Extent;
pub use sweep::Swept;
pub use verify::{CorruptFrame, Verification};
pub use writer::BlobWriter;

use disk::{Directory, Disk};
use segment::Segments;
use space::Space;

/// Where a body lies; part of the record that owns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Length of the plain body.
    pub size_bytes: u64,
    /// Where its frames lie, in order.
    pub extents: Vec<Extent>,
}

/// The random id of a body: part of what each of its frames is bound to.
pub(crate) type BlobId = u128;

impl BlobRef {
    fn number(&self) -> Result<BlobId, StoreError> {
        u128::from_str_radix(&self.id, 16)
            .map_err(|_| StoreError::Record(format!("{} is no id of a body", self.id)))
    }
}

/// The bodies of an installation; clones share them.
#[derive(Clone, Debug)]
pub struct Blobs(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    ids: Ids,
    segments: Segments,
    space: Mutex<Space>,
    /// Finished bodies that no transaction is known to keep yet.
    unkept: Mutex<BTreeMap<BlobId, Unkept>>,
    preparing: AtomicBool,
    swept_before: AtomicBool,
    /// Copies under way: space must not be given away.
    holds: AtomicUsize,
}

#[derive(Debug)]
struct Unkept {
    extents: Vec<Extent>,
    finished_ms: i64,
}

impl Blobs {
    /// Opens the segment files in `directory`; what `store` knows of no body for is free.
    pub fn open(directory: &Path, store: Store, ids: &Ids) -> Result<Self, StoreError> {
        let place = directory.join("segments");
        let disk = Directory::open(&place)
            .map_err(|error| segment::failure("opening", &place.display().to_string(), &error))?;
        Self::on_disk(Box::new(disk), store, ids)
    }

    /// Bodies on any disk: tests hand in one that forgets, tears or fails.
    fn on_disk(disk: Box<dyn Disk>, store: Store, ids: &Ids) -> Result<Self, StoreError> {
        let segments = Segments::new(disk);
        let space = Space::new(&segments.lengths()?, ledger::taken(&store)?)?;
        for missing in space.missing() {
            tracing::error!(
                segment = missing,
                "a segment file that holds bodies is gone"
            );
        }
        Ok(Self(Arc::new(Shared {
            store,
            ids: ids.clone(),
            segments,
            space: Mutex::new(space),
            unkept: Mutex::default(),
            preparing: AtomicBool::default(),
            swept_before: AtomicBool::default(),
            holds: AtomicUsize::default(),
        })))
    }

    /// Begins a body, sealed under `key`.
    pub fn writer(&self, key: SealKey) -> BlobWriter {
        BlobWriter::new(self.0.clone(), &key)
    }

    /// Reads the bytes `range` of a body, as far as it reaches.
    pub fn reader(&self, blob: &BlobRef, key: SealKey, range: Range<u64>) -> BlobReader {
        BlobReader::new(self.0.clone(), blob, &key, range)
    }

    /// Bytes of the segment files that hold bodies, and bytes that are free for others.
    pub fn usage(&self) -> Usage {
        self.0.space().usage()
    }
}

/// What the segment files hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub used_bytes: u64,
    pub free_bytes: u64,
}

impl Shared {
    /// No code panics while it holds this lock; if one did, the books would still be whole.
    fn space(&self) -> MutexGuard<'_, Space> {
        self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unkept(&self) -> MutexGuard<'_, BTreeMap<BlobId, Unkept>> {
        self.unkept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs disk work on the threads that may block.
async fn blocking<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    let outcome = tokio::task::spawn_blocking(work).await;
    outcome.unwrap_or(Err(StoreError::Panicked))
}

#[cfg(test)]
mod tests;
