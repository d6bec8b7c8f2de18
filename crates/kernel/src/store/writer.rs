//! The one thread that writes.
//!
//! It takes whatever waits (bounded, so that one group cannot grow for ever), runs each job on the
//! state its predecessors left, commits once and answers all. A job that fails or panics leaves
//! nothing; a commit that fails poisons the writer.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use redb::{Database, Durability};
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender, channel};

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
        outbox_filled: Arc<Notify>,
        room: Option<File>,
    ) -> Result<Self, StoreError> {
        let sequence = row::guarded(|| prepare(engine.database()?))?;
        let (queue, mut jobs) = channel(QUEUE_JOBS_MAX);
        let mut work = Work {
            engine,
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

/// Makes the tree if it is new, and reads the last sequence number.
fn prepare(database: &Database) -> Result<u64, StoreError> {
    let mut transaction = database.begin_write().map_err(disk)?;
    transaction.set_quick_repair(true);
    let sequence = {
        let tree = transaction.open_table(TREE).map_err(disk)?;
        let stored = Snapshot::get(&tree, &sequence_key())?;
        stored
            .and_then(|value| value.try_into().ok())
            .map_or(0, u64::from_be_bytes)
    };
    transaction.commit().map_err(disk)?;
    Ok(sequence)
}

fn sequence_key() -> Vec<u8> {
    SEQUENCE.number.to_be_bytes().to_vec()
}

struct Work {
    engine: Arc<Engine>,
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
        let mut transaction = self.engine.database()?.begin_write().map_err(disk)?;
        transaction
            .set_durability(Durability::Immediate)
            .map_err(disk)?;
        transaction.set_quick_repair(true);
        let sequence_before = self.sequence;
        {
            let mut tree = transaction.open_table(TREE).map_err(disk)?;
            while let Some(job) = next.take() {
                self.run_in_group(job, &mut tree, group, room_bytes)?;
                if group.finished.len() < GROUP_JOBS_MAX && group.bytes < GROUP_BYTES_MAX {
                    *next = self.next_of_crowd(jobs, group.finished.len());
                }
            }
            if self.sequence != sequence_before {
                row::insert(&mut tree, &sequence_key(), &self.sequence.to_be_bytes())?;
            }
        }
        if group.bytes == 0 && self.sequence == sequence_before {
            return transaction.abort().map_err(disk);
        }
        transaction.commit().map_err(disk)?;
        if group.emitted {
            self.outbox_filled.notify_one();
        }
        Ok(())
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
            group.bytes += apply(writes, tree)?;
        }
        Ok(())
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

fn apply(writes: Overlay, tree: &mut Tree<'_>) -> Result<usize, StoreError> {
    let mut bytes = 0;
    for (key, value) in writes {
        bytes += key.len();
        match value {
            Some(value) => {
                bytes += value.len();
                row::insert(tree, &key, &value)?;
            }
            None => {
                tree.remove(key.as_slice()).map_err(disk)?;
            }
        }
    }
    Ok(bytes)
}
