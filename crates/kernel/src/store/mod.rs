//! One ordered key-value store for everything an installation keeps.
//!
//! Reads run on snapshots, side by side. Writes are closures that run one after another on one thread
//! and become durable in groups: the thread takes whatever waits, runs each closure against the state
//! its predecessors left, commits once, and only then answers. So isolation is serialisable for free, a
//! lone writer pays one flush and a crowd shares one.
//!
//! The engine below is narrow (get, range, put, delete in one transaction), so another ordered store
//! can stand in its place. A failed commit poisons the store: what the disk then holds is unknown, and
//! a retry could acknowledge what was lost. Only reopening finds out.

mod pages;
mod tx;
mod writer;

use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use tokio::sync::{Notify, oneshot};

pub use pages::PageKey;
pub(crate) use tx::decode;
pub use tx::{Direction, Scan, Table, Tx};

use tx::Snapshot;
use writer::{Job, Writer};

const TREE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("cumulet");
const CACHE_BYTES: usize = 64 << 20;

/// What can go wrong between an operation and the disk; never the caller's fault.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("the data directory {0} is in use by another process")]
    InUse(String),
    #[error("the store file {0} cannot be read: {1}")]
    Corrupt(String, String),
    #[error("the store cannot read or write: {0}")]
    Disk(String),
    #[error(
        "the store stopped after a failed commit; nothing acknowledged is lost, restart to go on"
    )]
    Poisoned,
    #[error("a stored record cannot be decoded: {0}")]
    Record(String),
    #[error("a write was tried in a read-only transaction")]
    ReadOnly,
    #[error("the operation panicked; nothing of it was stored")]
    Panicked,
    #[error("the disk is full: {0}")]
    DiskFull(String),
    #[error("frame {frame} of body {id} cannot be read: {reason}")]
    BodyCorrupt {
        id: String,
        frame: u64,
        reason: String,
    },
    #[error("body {0} was removed")]
    BodyGone(String),
}

/// A handle on the store; clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    database: Arc<Database>,
    writer: Arc<Writer>,
    outbox_filled: Arc<Notify>,
}

impl Store {
    /// Opens or creates the store in `directory`, encrypted under `key`.
    pub fn open(directory: &Path, key: &PageKey) -> Result<Self, StoreError> {
        let path = directory.join("store.redb");
        let backend = pages::EncryptedPages::open(&path, key)?;
        Self::with_backend(backend).map_err(|error| match error {
            StoreError::Disk(reason) => StoreError::Corrupt(path.display().to_string(), reason),
            other => other,
        })
    }

    /// A store over any backend: tests hand in one that forgets, tears or fails.
    pub fn with_backend(backend: impl redb::StorageBackend) -> Result<Self, StoreError> {
        let database = redb::Builder::new()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(backend)
            .map_err(|error| StoreError::Disk(error.to_string()))?;
        let database = Arc::new(database);
        let outbox_filled = Arc::new(Notify::new());
        let writer = Arc::new(Writer::start(database.clone(), outbox_filled.clone())?);
        Ok(Self {
            database,
            writer,
            outbox_filled,
        })
    }

    /// Runs `operation` on a snapshot. Writing in it fails with [`StoreError::ReadOnly`].
    pub fn read<T, E, F>(&self, operation: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E>,
    {
        let transaction = self.database.begin_read().map_err(disk)?;
        let tree = transaction.open_table(TREE).map_err(disk)?;
        operation(&mut Tx::reading(&tree))
    }

    /// Runs `operation` alone, and answers when what it wrote is durable. An `Err` writes nothing.
    pub async fn write<T, E, F>(&self, operation: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.writer.submit(Box::new(Write {
            operation: Some(operation),
            result: None,
            reply,
        }))?;
        answer.await.unwrap_or(Err(E::from(StoreError::Panicked)))
    }

    /// Resolves when a commit has left an event in the outbox since the last call.
    pub async fn outbox_filled(&self) {
        self.outbox_filled.notified().await;
    }
}

/// A write closure on its way through the writer thread, and the way back for its result.
struct Write<F, T, E> {
    operation: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Write<F, T, E>
where
    T: Send,
    E: From<StoreError> + Send,
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        self.result = self.operation.take().map(|operation| operation(tx));
        matches!(self.result, Some(Ok(_)))
    }

    fn acknowledge(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (self.result, committed) {
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Ok(_)), Err(error)) => Err(error.into()),
            (Some(Err(error)), _) => Err(error),
            (None, _) => Err(StoreError::Panicked.into()),
        };
        // A caller that went away needs no answer.
        drop(self.reply.send(result));
    }
}

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Snapshot for T {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = ReadableTable::get(self, key).map_err(disk)?;
        Ok(found.map(|value| value.value().to_vec()))
    }

    fn range<'a>(
        &'a self,
        from: &[u8],
        to: Option<&[u8]>,
        direction: Direction,
    ) -> Result<tx::Pairs<'a>, StoreError> {
        let range = match to {
            Some(to) => ReadableTable::range::<&[u8]>(self, from..to),
            None => ReadableTable::range::<&[u8]>(self, from..),
        };
        let pairs = range.map_err(disk)?.map(|pair| {
            let (key, value) = pair.map_err(disk)?;
            Ok((key.value().to_vec(), value.value().to_vec()))
        });
        Ok(match direction {
            Direction::Forward => Box::new(pairs),
            Direction::Backward => Box::new(pairs.rev()),
        })
    }
}

fn disk(error: impl std::fmt::Display) -> StoreError {
    StoreError::Disk(error.to_string())
}

#[cfg(test)]
mod tests;
