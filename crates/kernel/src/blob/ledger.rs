//! What the store knows of bodies: those kept, those released, those given up.

use serde::{Deserialize, Serialize};

use super::space::Extent;
use super::{BlobId, BlobRef};
use crate::clock::wall_now;
use crate::key::Key;
use crate::store::{Direction, Store, StoreError, Table, Tx, decode};

const KEPT: Table = Table::new(4, "kernel.blobs");
const RELEASED: Table = Table::new(5, "kernel.blobs_released");
/// Finished bodies that nobody kept for so long that their space was taken back.
const ABANDONED: Table = Table::new(6, "kernel.blobs_abandoned");

const PAGE_ROWS: usize = 1000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    size_bytes: u64,
    extents: Vec<Extent>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Released {
    extents: Vec<Extent>,
    /// By the machine's clock: grace is for readers, who live in real time.
    released_ms: i64,
}

/// Takes a finished body into the store's keeping, in the transaction that stores its owner.
pub fn keep(tx: &mut Tx<'_>, blob: &BlobRef) -> Result<(), StoreError> {
    let id = blob.number()?;
    if tx.get(ABANDONED, key(id))?.is_some() {
        return Err(StoreError::BodyGone(blob.id.clone()));
    }
    let row = Kept {
        size_bytes: blob.size_bytes,
        extents: blob.extents.clone(),
    };
    tx.save(KEPT, key(id), &row)
}

/// Gives a body up, in the transaction that removes its owner. Its space is reused later.
/// Giving up one that is not kept is no error.
pub fn release(tx: &mut Tx<'_>, blob: &BlobRef) -> Result<(), StoreError> {
    let id = blob.number()?;
    let Some(kept) = tx.load::<Kept>(KEPT, key(id))? else {
        return Ok(());
    };
    tx.delete(KEPT, key(id))?;
    let row = Released {
        extents: kept.extents,
        released_ms: wall_now().milliseconds(),
    };
    tx.save(RELEASED, key(id), &row)
}

fn key(id: BlobId) -> Key {
    Key::new().bytes(&id.to_be_bytes())
}

/// All extents in use: those of kept bodies and of released ones.
pub(super) fn taken(store: &Store) -> Result<Vec<Extent>, StoreError> {
    store.read(|tx| {
        let mut extents = Vec::new();
        for pair in tx.prefix(KEPT, Key::new(), Direction::Forward)? {
            extents.extend(decode::<Kept>(&pair?.1)?.extents);
        }
        for pair in tx.prefix(RELEASED, Key::new(), Direction::Forward)? {
            extents.extend(decode::<Released>(&pair?.1)?.extents);
        }
        Ok(extents)
    })
}

/// Whether the store still counts the body's space as taken.
pub(super) fn is_known(tx: &Tx<'_>, id: BlobId) -> Result<bool, StoreError> {
    Ok(tx.get(KEPT, key(id))?.is_some() || tx.get(RELEASED, key(id))?.is_some())
}

/// Strikes the next released bodies out whose grace ended before `before_ms`.
pub(super) fn strike_released(
    tx: &mut Tx<'_>,
    before_ms: i64,
) -> Result<Vec<(BlobId, Vec<Extent>)>, StoreError> {
    let mut struck = Vec::new();
    for pair in tx.prefix(RELEASED, Key::new(), Direction::Forward)? {
        let (key, value) = pair?;
        let row: Released = decode(&value)?;
        if row.released_ms < before_ms {
            struck.push((id_of(&key)?, row.extents));
        }
        if struck.len() == PAGE_ROWS {
            break;
        }
    }
    for (id, _) in &struck {
        tx.delete(RELEASED, key(*id))?;
    }
    Ok(struck)
}

/// Gives up those of `ids` that nobody has kept: keeping them fails from now on.
pub(super) fn abandon(tx: &mut Tx<'_>, ids: Vec<BlobId>) -> Result<Vec<BlobId>, StoreError> {
    let mut abandoned = Vec::new();
    for id in ids {
        if !is_known(tx, id)? {
            tx.put(ABANDONED, key(id), Vec::new())?;
            abandoned.push(id);
        }
    }
    Ok(abandoned)
}

/// Forgets the bodies given up by a former process: none of their references is left in memory.
pub(super) fn forget_abandoned(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let keys: Result<Vec<_>, _> = tx
        .prefix(ABANDONED, Key::new(), Direction::Forward)?
        .map(|pair| pair.map(|(key, _)| key))
        .collect();
    for key in keys? {
        tx.delete(ABANDONED, key)?;
    }
    Ok(())
}

/// The next kept bodies after `after`, in the order of their ids.
pub(super) fn kept_after(
    tx: &Tx<'_>,
    after: Option<BlobId>,
) -> Result<Vec<(BlobId, u64, Vec<Extent>)>, StoreError> {
    let from = after
        .map(|id| id.wrapping_add(1))
        .map(key)
        .unwrap_or_default();
    let rows = tx.range(KEPT, from.as_slice(), None, Direction::Forward)?;
    rows.take(PAGE_ROWS)
        .map(|pair| {
            let (key, value) = pair?;
            let row: Kept = decode(&value)?;
            Ok((id_of(&key)?, row.size_bytes, row.extents))
        })
        .collect()
}

fn id_of(key: &[u8]) -> Result<BlobId, StoreError> {
    let bytes = crate::key::KeyReader::new(key).bytes();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes
        .map(u128::from_be_bytes)
        .ok_or_else(|| StoreError::Record("a body's key is no id".into()))
}
