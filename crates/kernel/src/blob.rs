//! Bodies too large for the tree.
//!
//! A body is written and flushed before the record that names it is committed; so a record never names
//! bytes that are not on disk, and a crash in between leaves only space to reclaim. Every frame is
//! sealed under the body's own key and bound to its place, so reading is also the bit-rot check.

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::seal::SealKey;
use crate::store::{StoreError, Tx};

/// Where a body lies; part of the record that owns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    pub id: String,
    /// Length of the plain body.
    pub size_bytes: u64,
}

/// The bodies of an installation; clones share them.
#[derive(Clone, Debug)]
pub struct Blobs {}

impl Blobs {
    /// Begins a body, sealed under `key`.
    pub fn writer(&self, _key: SealKey) -> BlobWriter {
        BlobWriter {}
    }

    /// Reads the bytes `range` of a body.
    pub fn reader(&self, _blob: &BlobRef, _key: SealKey, _range: Range<u64>) -> BlobReader {
        BlobReader {}
    }
}

/// A body being written. Dropped before [`BlobWriter::finish`], it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {}

impl BlobWriter {
    pub async fn write(&mut self, _bytes: Bytes) -> Result<(), StoreError> {
        Err(StoreError::Disk("blobs are not built yet".into()))
    }

    /// Flushes the body to disk.
    pub async fn finish(self) -> Result<BlobRef, StoreError> {
        Err(StoreError::Disk("blobs are not built yet".into()))
    }
}

/// A body being read.
#[derive(Debug)]
pub struct BlobReader {}

impl BlobReader {
    /// The next bytes, verified; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, StoreError>> {
        None
    }
}

/// Takes a finished body into the store's keeping, in the transaction that stores its owner.
pub fn keep(_tx: &mut Tx<'_>, _blob: &BlobRef) -> Result<(), StoreError> {
    Err(StoreError::Disk("blobs are not built yet".into()))
}

/// Gives a body up, in the transaction that removes its owner. Its space is reused later.
pub fn release(_tx: &mut Tx<'_>, _blob: &BlobRef) -> Result<(), StoreError> {
    Err(StoreError::Disk("blobs are not built yet".into()))
}
