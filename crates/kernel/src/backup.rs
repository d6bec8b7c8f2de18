//! A copy of an installation while it runs, as of one moment.
//!
//! The rows come from one snapshot, and while the copy is made no body's space is given to another, so
//! every body that the snapshot names is copied as it was. What is written is a closed installation:
//! it opens with the same root key, which is never part of it, so a stolen backup tells no more than a
//! stolen disk.

use std::path::Path;

use crate::blob::{Blobs, Verification};
use crate::store::{PageKey, Store, StoreError, TREE_FILE};

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    pub rows: u64,
    /// The bodies, and the frames among them that were damaged already.
    pub bodies: Verification,
}

/// Where the parts of an installation lie in its folder.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    pub store: &'a Path,
    pub blobs: &'a Path,
}

/// Copies `store` and `blobs` into two empty folders. Blocks for as long as that takes.
pub fn write(
    store: &Store,
    blobs: &Blobs,
    key: &PageKey,
    places: Places<'_>,
) -> Result<Backup, StoreError> {
    let _hold = blobs.hold();
    store.read(|tx| {
        // Bodies first: a folder without a store is no installation, whatever ends this half-way.
        let bodies = blobs.copy(tx, places.blobs)?;
        let rows = crate::store::copy(tx, &places.store.join(TREE_FILE), key)?;
        Ok(Backup { rows, bodies })
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::blob::{self, BlobRef};
    use crate::id::Ids;
    use crate::key::Key;
    use crate::seal::SealKey;
    use crate::store::Table;

    const NOTES: Table = Table::new(900, "test.notes");

    fn key() -> PageKey {
        PageKey::new([7; 64])
    }

    fn open(directory: &Path) -> (Store, Blobs) {
        let store = Store::open(directory, &key()).expect("the store opens");
        let blobs = Blobs::open(directory, store.clone(), &Ids::random()).expect("the blobs open");
        (store, blobs)
    }

    async fn keep(store: &Store, blobs: &Blobs, body: &'static [u8]) -> BlobRef {
        let mut writer = blobs.writer(SealKey::new([9; 32]));
        let write = writer.write(Bytes::from_static(body)).await;
        write.expect("written");
        let blob = writer.finish().await.expect("finished");
        let kept = blob.clone();
        store
            .write(move |tx| blob::keep(tx, &kept))
            .await
            .expect("kept");
        blob
    }

    async fn body(blobs: &Blobs, blob: &BlobRef) -> Result<Vec<u8>, StoreError> {
        let mut reader = blobs.reader(blob, SealKey::new([9; 32]), 0..blob.size_bytes);
        let mut body = Vec::new();
        while let Some(bytes) = reader.next().await.transpose()? {
            body.extend_from_slice(&bytes);
        }
        Ok(body)
    }

    #[tokio::test]
    async fn a_backup_is_the_installation_of_its_moment_and_the_bodies_of_it_stay_until_then() {
        let (from, to) = (tempfile::tempdir(), tempfile::tempdir());
        let (from, to) = (from.expect("a folder"), to.expect("a folder"));
        let (store, blobs) = open(from.path());
        let first = keep(&store, &blobs, b"first").await;
        let put = |text: &'static str| {
            move |tx: &mut crate::Tx<'_>| tx.put(NOTES, Key::new().text("note"), text.into())
        };
        store.write(put("before")).await.expect("written");
        let hold = blobs.hold();
        let released = first.clone();
        store
            .write(move |tx| blob::release(tx, &released))
            .await
            .expect("released");
        let swept = blobs.sweep_after(-1, -1).await.expect("swept");
        assert_eq!(swept.released_bodies, 0, "held space is not given away");
        drop(hold);
        let second = keep(&store, &blobs, b"second").await;
        let places = Places {
            store: to.path(),
            blobs: to.path(),
        };
        let backup = write(&store, &blobs, &key(), places).expect("backed up");
        assert_eq!(backup.bodies.bodies, 1);
        store.write(put("after")).await.expect("written");
        let (copy, copied) = open(to.path());
        let note = copy.read(|tx| tx.get(NOTES, Key::new().text("note")));
        assert_eq!(note.expect("read"), Some(b"before".to_vec()));
        assert_eq!(body(&copied, &second).await.expect("read"), b"second");
        copy.write(put("onward"))
            .await
            .expect("the copy is a store like any other");
    }
}
