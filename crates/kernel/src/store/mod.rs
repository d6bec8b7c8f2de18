//! One ordered key-value store for everything an installation keeps.
//!
//! Reads run on snapshots, side by side. Writes are closures that run one after another on one thread
//! and become durable in groups: the thread takes whatever waits, runs each closure against the state
//! its predecessors left, appends what they wrote to a log, flushes once, and only then shows and
//! answers. So isolation is serialisable for free, a lone writer pays one flush and a crowd shares one.
//! The tree behind the log is flushed now and then, and brought up to the log when a crash is over.
//!
//! The engine below is narrow (get, range, put, delete in one transaction), so another ordered store
//! can stand in its place. A failed commit poisons the store: what the disk then holds is unknown, and
//! a retry could acknowledge what was lost. Only reopening finds out.

mod copy;
mod file;
mod log;
mod pages;
mod row;
mod tx;
mod writer;
mod xts;

use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadableDatabase, TableDefinition};
use tokio::sync::{Notify, oneshot};

pub(crate) use copy::copy;
pub(crate) use file::flush_directory;
pub use pages::PageKey;
pub use tx::decode;
pub use tx::{Direction, Scan, Table, Tx};
pub(crate) use writer::ROOM_TO_ADD_BYTES;

use log::Log;
use writer::{Job, Writer};

use crate::id::Ids;

pub(crate) const TREE_FILE: &str = "store.redb";
const LOG_FILE: &str = "store.log";
const TREE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("cumulet");
/// The store under its next key, while it is written.
pub(crate) const REKEYED_NAME: &str = "store.rekeyed";
/// A page that is not here is read and decrypted again, which costs as much as ten cached reads.
const CACHE_BYTES: usize = 256 << 20;

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
    engine: Arc<Engine>,
    writer: Arc<Writer>,
    outbox_filled: Arc<Notify>,
}

impl Store {
    /// Opens or creates the store in `directory`, encrypted under `key`.
    pub fn open(directory: &Path, key: &PageKey) -> Result<Self, StoreError> {
        let path = directory.join(TREE_FILE);
        let file = file::LockedFile::open(&path)?;
        let log = file::LockedFile::open(&directory.join(LOG_FILE))?;
        let room = file.handle();
        let backend = pages::EncryptedPages::new(file, key)?;
        let log = Log::begin(Box::new(log), key, Ids::random().bytes())?;
        Self::start(backend, Some(log), room).map_err(|error| match error {
            StoreError::Disk(reason) => StoreError::Corrupt(path.display().to_string(), reason),
            StoreError::Corrupt(file, reason) => {
                StoreError::Corrupt(directory.join(file).display().to_string(), reason)
            }
            other => other,
        })
    }

    /// A store over any backend, without a log: every group flushes the tree. Tests hand in a backend
    /// that forgets, tears or fails.
    pub fn with_backend(backend: impl redb::StorageBackend) -> Result<Self, StoreError> {
        Self::start(backend, None, None)
    }

    fn start(
        backend: impl redb::StorageBackend,
        log: Option<Log>,
        room: Option<std::fs::File>,
    ) -> Result<Self, StoreError> {
        let engine = Arc::new(Engine::open(backend)?);
        let outbox_filled = Arc::new(Notify::new());
        let writer = Writer::start(engine.clone(), log, outbox_filled.clone(), room)?;
        Ok(Self {
            engine,
            writer: Arc::new(writer),
            outbox_filled,
        })
    }

    /// Proves a store that nobody has open: the engine's own sums, then every row's, and the log's
    /// where the tree still needs it. Gives the number of rows in the tree. Takes as long as reading
    /// the files.
    pub fn verify(directory: &Path, key: &PageKey) -> Result<u64, StoreError> {
        let file = file::LockedFile::open(&directory.join(TREE_FILE))?;
        let mut engine = Engine::open(pages::EncryptedPages::new(file, key)?)?;
        if !engine.is_whole()? {
            return Err(row::corrupt("a page's sum is wrong"));
        }
        let tree = engine.snapshot()?;
        if let Some(held) = writer::held_position(&tree)? {
            let log = file::LockedFile::open(&directory.join(LOG_FILE))?;
            let log = Log::begin(Box::new(log), key, Ids::random().bytes())?;
            log.replay(held, |_| Ok(()))?;
        }
        let mut rows = tx::Snapshot::range(&tree, &[], None, Direction::Forward)?;
        rows.try_fold(0, |count, pair| pair.map(|_| count + 1))
    }

    /// Writes everything in a store that nobody has open into a new file beside it, under another key, and
    /// then does `finish`, which puts that file in the old one's place: nobody can open the store meanwhile.
    pub fn rekey<E: From<StoreError>>(
        directory: &Path,
        old: &PageKey,
        new: &PageKey,
        finish: impl FnOnce() -> Result<(), E>,
    ) -> Result<u64, E> {
        // Opening brings the tree up to the log, and nobody else can open it until the end.
        let store = Self::open(directory, old)?;
        let rows = store.read(|tx| copy(tx, &directory.join(REKEYED_NAME), new))?;
        finish()?;
        drop(store);
        Ok(rows)
    }

    /// Runs `operation` on a snapshot. Writing in it fails with [`StoreError::ReadOnly`].
    pub fn read<T, E, F>(&self, operation: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E>,
    {
        let tree = self.engine.snapshot()?;
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
        let job = Write {
            operation: Some(operation),
            result: None,
            reply,
        };
        self.writer.submit(Box::new(job)).await?;
        answer
            .await
            .unwrap_or_else(|_| Err(E::from(StoreError::Panicked)))
    }

    /// Resolves when a commit has left an event in the outbox since the last call.
    pub async fn outbox_filled(&self) {
        self.outbox_filled.notified().await;
    }
}

/// The engine, whose panics on damaged pages are errors to us, in closing too.
#[derive(Debug)]
struct Engine(Option<Database>);

impl Engine {
    fn open(backend: impl redb::StorageBackend) -> Result<Self, StoreError> {
        let mut builder = redb::Builder::new();
        builder.set_cache_size(CACHE_BYTES);
        let database = row::guarded(|| builder.create_with_backend(backend).map_err(disk))?;
        Ok(Self(Some(database)))
    }

    /// The engine is there until the handle is dropped.
    fn database(&self) -> Result<&Database, StoreError> {
        self.0.as_ref().ok_or(StoreError::Poisoned)
    }

    fn snapshot(&self) -> Result<redb::ReadOnlyTable<&'static [u8], &'static [u8]>, StoreError> {
        let database = self.database()?;
        row::guarded(|| {
            let transaction = database.begin_read().map_err(disk)?;
            transaction.open_table(TREE).map_err(disk)
        })
    }

    fn is_whole(&mut self) -> Result<bool, StoreError> {
        let database = self.0.as_mut().ok_or(StoreError::Poisoned)?;
        row::guarded(|| database.check_integrity().map_err(disk))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let database = self.0.take();
        let closed = row::guarded(|| {
            drop(database);
            Ok(())
        });
        if let Err(error) = closed {
            tracing::error!(%error, "the store could not be closed cleanly");
        }
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

    fn refuse(&mut self, error: StoreError) {
        self.result = Some(Err(error.into()));
    }

    fn acknowledge(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (self.result, committed) {
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Ok(_)), Err(error)) => Err(error.into()),
            (Some(Err(error)), _) => Err(error),
            (None, Ok(())) => Err(StoreError::Panicked.into()),
            (None, Err(error)) => Err(error.into()),
        };
        // A caller that went away needs no answer.
        drop(self.reply.send(result));
    }
}

/// What the engine says went wrong, in our words.
fn disk(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Corrupted(reason) => row::corrupt(&reason),
        redb::Error::Io(error) if is_full(&error) => StoreError::DiskFull(error.to_string()),
        error => StoreError::Disk(error.to_string()),
    }
}

fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod power_tests;
#[cfg(test)]
mod tests;
