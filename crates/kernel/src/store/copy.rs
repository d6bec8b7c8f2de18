//! A second store with the rows of a snapshot.

use std::path::Path;

use redb::Durability;

use super::pages::{EncryptedPages, PageKey};
use super::{Engine, StoreError, TREE, Tx, disk, file, row, writer};

/// Writes every row that `tx` sees into a new store file; how many there were. What stands there is the
/// tree of a store that was closed.
pub(crate) fn copy(tx: &Tx<'_>, path: &Path, key: &PageKey) -> Result<u64, StoreError> {
    let file = file::LockedFile::open_new(path)?;
    let engine = Engine::open(EncryptedPages::new(file, key)?)?;
    let transaction = writer::begin(engine.database()?, Durability::Immediate)?;
    let mut rows = 0;
    {
        let mut tree = transaction.open_table(TREE).map_err(disk)?;
        for pair in tx.every_row()? {
            let (key, value) = pair?;
            if !writer::is_log_position(&key) {
                row::insert(&mut tree, &key, &value)?;
                rows += 1;
            }
        }
    }
    transaction.commit().map_err(disk)?;
    Ok(rows)
}
