//! The one thread that writes.
//!
//! It takes whatever waits (bounded, so that one group cannot grow for ever), runs each job on the
//! state its predecessors left, makes the group durable and answers all. A job that fails or panics
//! leaves nothing; a flush or commit that fails poisons the writer.
//!
//! A group is durable when it lies in the log; only then does the tree show it to readers, in memory.
//! The tree itself is flushed when a group no longer fits into the log, and in closing. Without a log
//! it is flushed every time.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use redb::{Database, Durability, WriteTransaction};
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::log::{Frame, Log, Position};
use super::row::{self, Tree};
use super::tx::{Overlay, Snapshot, Table};
use super::{Engine, StoreError, TREE, Tx, disk, file};

const QUEUE_JOBS_MAX: usize = 8192;
const GROUP_JOBS_MAX: usize = 1024;
const GROUP_BYTES_MAX: usize = 4 << 20;
/// Naps end as soon as the crowd is there; together they cost less than a flush.
const NAP: Duration = Duration::from_micros(20);
const NAPS_MAX: u32 = 4;
/// With less room than this on the disk nothing is written that adds to the store, so that what
/// removes something still can be; and with less than the second nothing at all. For a commit that
/// runs out of room poisons the store, and one that was never begun does not.
pub(crate) const ROOM_TO_ADD_BYTES: u64 = 64 << 20;
const ROOM_TO_REMOVE_BYTES: u64 = 16 << 20;

const SEQUENCE: Table = Table::new(0, "kernel.sequence");
/// Where in the log the flushed tree stands; absent in a tree that was closed.
const LOG_POSITION: &[u8] = b"log";

/// A unit of work for the writer thread.
pub(super) trait Job: Send {
    /// Runs the operation; `true` when its writes are to be kept.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Replaces the outcome: what `run` wrote is not kept.
    fn refuse(&mut self, error: StoreError);
    /// Tells the caller, after the group's commit.
    fn acknowledge(self: Box<Self>, committed: Result<(), StoreError>);
}

#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(
        engine: Arc<Engine>,
        mut log: Option<Log>,
        outbox_filled: Arc<Notify>,
        room: Option<File>,
    ) -> Result<Self, StoreError> {
        let sequence = row::guarded(|| prepare(engine.database()?, log.as_mut()))?;
        let (queue, mut jobs) = channel(QUEUE_JOBS_MAX);
        let mut work = Work {
            engine,
            log,
            frame: Frame::default(),
            outbox_filled,
            room,
            sequence,
            poisoned: false,
            last_group_jobs: 0,
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || work.serve(&mut jobs))
            .map_err(|error| StoreError::Disk(error.to_string()))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Queues a job; waits where thousands wait already.
    pub(super) async fn submit(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::Poisoned)?;
        queue.send(job).await.map_err(|_| StoreError::Poisoned)
    }
}

impl Drop for Writer {
    /// Waits for the last group, so that closing a store is a clean stop.
    fn drop(&mut self) {
        drop(self.queue.take());
        let thread = self.thread.take();
        // The last handle may have lain in a job: the thread cannot wait for itself.
        let is_other =
            |thread: &JoinHandle<()>| thread.thread().id() != std::thread::current().id();
        if let Some(thread) = thread.filter(is_other) {
            drop(thread.join());
        }
    }
}

/// Makes the tree if it is new, brings it up to the log, and reads the last sequence number.
fn prepare(database: &Database, log: Option<&mut Log>) -> Result<u64, StoreError> {
    let transaction = begin(database, Durability::Immediate)?;
    let sequence = {
        let mut tree = transaction.open_table(TREE).map_err(disk)?;
        if let Some(log) = log {
            catch_up(log, &mut tree)?;
            row::insert(&mut tree, &log_key(), &log.position().to_bytes())?;
        }
        let stored = Snapshot::get(&tree, &sequence_key())?;
        stored
            .and_then(|value| value.try_into().ok())
            .map_or(0, u64::from_be_bytes)
    };
    transaction.commit().map_err(disk)?;
    Ok(sequence)
}

pub(super) fn begin(
    database: &Database,
    durability: Durability,
) -> Result<WriteTransaction, StoreError> {
    let mut transaction = database.begin_write().map_err(disk)?;
    match durability {
        Durability::Immediate => flush_on_commit(&mut transaction)?,
        weaker => transaction.set_durability(weaker).map_err(disk)?,
    }
    Ok(transaction)
}

fn flush_on_commit(transaction: &mut WriteTransaction) -> Result<(), StoreError> {
    // So that opening after a crash need not walk the whole tree.
    transaction.set_quick_repair(true);
    transaction
        .set_durability(Durability::Immediate)
        .map_err(disk)
}

/// Applies what the log holds beyond a tree that was not closed.
fn catch_up(log: &mut Log, tree: &mut Tree<'_>) -> Result<(), StoreError> {
    let Some(held) = held_position(tree)? else {
        return log.establish();
    };
    log.replay(held, |(key, value)| match value {
        Some(value) => row::insert(tree, key, value),
        None => tree.remove(key).map(drop).map_err(disk),
    })
}

/// Up to where in the log the tree holds everything; `None` if it was closed.
pub(super) fn held_position(tree: &dyn Snapshot) -> Result<Option<Position>, StoreError> {
    let stored = tree.get(&log_key())?;
    Ok(stored.as_deref().and_then(Position::from_bytes))
}

fn sequence_key() -> Vec<u8> {
    SEQUENCE.number.to_be_bytes().to_vec()
}

fn log_key() -> Vec<u8> {
    [&sequence_key(), LOG_POSITION].concat()
}

/// Whether a row is the note of where the flushed tree stands.
pub(super) fn is_log_position(key: &[u8]) -> bool {
    key == log_key()
}

struct Work {
    engine: Arc<Engine>,
    log: Option<Log>,
    /// Kept for its room.
    frame: Frame,
    outbox_filled: Arc<Notify>,
    /// The store file, to ask for the room on its disk.
    room: Option<File>,
    sequence: u64,
    poisoned: bool,
    last_group_jobs: usize,
}

/// What a group has come to so far.
#[derive(Default)]
struct Group {
    finished: Vec<Box<dyn Job>>,
    bytes: usize,
    emitted: bool,
}

impl Work {
    fn serve(&mut self, jobs: &mut Receiver<Box<dyn Job>>) {
        while let Some(first) = jobs.blocking_recv() {
            let mut group = Group::default();
            let mut next = Some(first);
            let committed = self.commit_group(&mut next, jobs, &mut group);
            // A job that was taken but not run must still hear of the failure.
            group.finished.extend(next);
            self.last_group_jobs = group.finished.len();
            for job in group.finished {
                job.acknowledge(committed.clone());
            }
        }
        if !self.poisoned
            && let Err(error) = row::guarded(|| self.close())
        {
            tracing::error!(%error, "the store could not be closed cleanly");
        }
    }

    /// Flushes the tree, and notes in it that there is no need to look into the log.
    fn close(&mut self) -> Result<(), StoreError> {
        if self.log.take().is_none() {
            return Ok(());
        }
        let transaction = begin(self.engine.database()?, Durability::Immediate)?;
        {
            let mut tree = transaction.open_table(TREE).map_err(disk)?;
            tree.remove(log_key().as_slice()).map_err(disk)?;
        }
        transaction.commit().map_err(disk)
    }

    fn commit_group(
        &mut self,
        next: &mut Option<Box<dyn Job>>,
        jobs: &mut Receiver<Box<dyn Job>>,
        group: &mut Group,
    ) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        let room_bytes = self.room.as_ref().and_then(file::room_bytes);
        let room_bytes = room_bytes.unwrap_or(u64::MAX);
        if room_bytes < ROOM_TO_REMOVE_BYTES {
            return Err(full(room_bytes));
        }
        let committed = row::guarded(|| self.run_group(next, jobs, group, room_bytes));
        if let Err(error) = &committed {
            tracing::error!(%error, "a commit failed: the store takes no more writes");
            self.poisoned = true;
        }
        committed
    }

    fn run_group(
        &mut self,
        next: &mut Option<Box<dyn Job>>,
        jobs: &mut Receiver<Box<dyn Job>>,
        group: &mut Group,
        room_bytes: u64,
    ) -> Result<(), StoreError> {
        let engine = self.engine.clone();
        let mut transaction = begin(engine.database()?, Durability::None)?;
        let sequence_before = self.sequence;
        self.frame.clear();
        let logged = {
            let mut tree = transaction.open_table(TREE).map_err(disk)?;
            while let Some(job) = next.take() {
                self.run_in_group(job, &mut tree, group, room_bytes)?;
                if group.finished.len() < GROUP_JOBS_MAX && group.bytes < GROUP_BYTES_MAX {
                    *next = self.next_of_crowd(jobs, group.finished.len());
                }
            }
            if self.sequence != sequence_before {
                let sequence = self.sequence.to_be_bytes();
                self.store(&mut tree, &sequence_key(), Some(&sequence))?;
            } else if group.bytes == 0 {
                drop(tree);
                return transaction.abort().map_err(disk);
            }
            self.log_group(&mut tree)?
        };
        if !logged {
            flush_on_commit(&mut transaction)?;
        }
        transaction.commit().map_err(disk)?;
        if !logged && let Some(log) = &mut self.log {
            log.restart();
        }
        if group.emitted {
            self.outbox_filled.notify_one();
        }
        Ok(())
    }

    /// Makes the group durable in the log. Where it does not fit, the tree has to be flushed with it.
    fn log_group(&mut self, tree: &mut Tree<'_>) -> Result<bool, StoreError> {
        match &mut self.log {
            Some(log) if log.has_room(&self.frame) => {
                log.append(&mut self.frame)?;
                Ok(true)
            }
            Some(log) => {
                row::insert(tree, &log_key(), &log.position().to_bytes())?;
                Ok(false)
            }
            None => Ok(false),
        }
    }

    /// Puts a row into the tree, or takes it out, and into the frame that goes to the log.
    fn store(
        &mut self,
        tree: &mut Tree<'_>,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        if self.log.is_some() {
            self.frame.push(key, value)?;
        }
        match value {
            Some(value) => row::insert(tree, key, value),
            None => tree.remove(key).map(drop).map_err(disk),
        }
    }

    /// The next waiting job. Those whom the last group answered are on their way with their next
    /// write: without a nap the first of them would be committed alone, and the crowd pay two flushes.
    fn next_of_crowd(
        &self,
        jobs: &mut Receiver<Box<dyn Job>>,
        gathered: usize,
    ) -> Option<Box<dyn Job>> {
        for _ in 0..NAPS_MAX {
            if let Ok(job) = jobs.try_recv() {
                return Some(job);
            }
            if gathered >= self.last_group_jobs / 4 * 3 {
                return None;
            }
            std::thread::sleep(NAP);
        }
        None
    }

    fn run_in_group(
        &mut self,
        mut job: Box<dyn Job>,
        tree: &mut Tree<'_>,
        group: &mut Group,
        room_bytes: u64,
    ) -> Result<(), StoreError> {
        let outcome = run_job(job.as_mut(), tree, &mut self.sequence);
        let adds = |writes: &Overlay| writes.values().any(Option::is_some);
        if room_bytes < ROOM_TO_ADD_BYTES
            && outcome.as_ref().is_some_and(|(writes, _)| adds(writes))
        {
            job.refuse(full(room_bytes));
            group.finished.push(job);
            return Ok(());
        }
        group.finished.push(job);
        if let Some((writes, emits)) = outcome {
            group.emitted |= emits;
            group.bytes += self.apply(writes, tree)?;
        }
        Ok(())
    }

    fn apply(&mut self, writes: Overlay, tree: &mut Tree<'_>) -> Result<usize, StoreError> {
        let mut bytes = 0;
        for (key, value) in writes {
            bytes += key.len() + value.as_ref().map_or(0, Vec::len);
            self.store(tree, &key, value.as_deref())?;
        }
        Ok(bytes)
    }
}

fn full(room_bytes: u64) -> StoreError {
    StoreError::DiskFull(format!("{} MiB are left", room_bytes >> 20))
}

/// Runs one job; `None` when nothing of it is to be kept.
fn run_job(job: &mut dyn Job, tree: &Tree<'_>, sequence: &mut u64) -> Option<(Overlay, bool)> {
    let mut tx = Tx::writing(tree, sequence);
    let kept = catch_unwind(AssertUnwindSafe(|| job.run(&mut tx))).unwrap_or(false);
    kept.then(|| tx.into_writes())
}
