//! The one thread that writes.
//!
//! It takes whatever waits (bounded, so that one group cannot grow for ever), runs each job on the
//! state its predecessors left, commits once and answers all. A job that fails or panics leaves
//! nothing; a commit that fails poisons the writer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use redb::{Database, Durability, ReadableTable};
use tokio::sync::Notify;

use super::tx::{Overlay, Table};
use super::{StoreError, TREE, Tx, disk};

const GROUP_JOBS_MAX: usize = 1024;
const GROUP_BYTES_MAX: usize = 4 << 20;

const SEQUENCE: Table = Table::new(0, "kernel.sequence");

/// A unit of work for the writer thread.
pub(super) trait Job: Send {
    /// Runs the operation; `true` when its writes are to be kept.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Tells the caller, after the group's commit.
    fn acknowledge(self: Box<Self>, committed: Result<(), StoreError>);
}

#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<Sender<Box<dyn Job>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(
        database: Arc<Database>,
        outbox_filled: Arc<Notify>,
    ) -> Result<Self, StoreError> {
        let sequence = prepare(&database)?;
        let (queue, jobs) = channel();
        let mut work = Work {
            database,
            outbox_filled,
            sequence,
            poisoned: false,
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || work.serve(&jobs))
            .map_err(disk)?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    pub(super) fn submit(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::Poisoned)?;
        queue.send(job).map_err(|_| StoreError::Poisoned)
    }
}

impl Drop for Writer {
    /// Waits for the last group, so that closing a store is a clean stop.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
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
        let stored = tree.get(sequence_key().as_slice()).map_err(disk)?;
        stored
            .and_then(|value| value.value().try_into().ok())
            .map_or(0, u64::from_be_bytes)
    };
    transaction.commit().map_err(disk)?;
    Ok(sequence)
}

fn sequence_key() -> Vec<u8> {
    SEQUENCE.number.to_be_bytes().to_vec()
}

struct Work {
    database: Arc<Database>,
    outbox_filled: Arc<Notify>,
    sequence: u64,
    poisoned: bool,
}

impl Work {
    fn serve(&mut self, jobs: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = jobs.recv() {
            let mut finished = Vec::new();
            let committed = self.commit_group(first, jobs, &mut finished);
            if let Err(error) = &committed {
                tracing::error!(%error, "a commit failed: the store takes no more writes");
                self.poisoned = true;
            }
            for job in finished {
                job.acknowledge(committed.clone());
            }
        }
    }

    fn commit_group(
        &mut self,
        first: Box<dyn Job>,
        jobs: &Receiver<Box<dyn Job>>,
        finished: &mut Vec<Box<dyn Job>>,
    ) -> Result<(), StoreError> {
        if self.poisoned {
            finished.push(first);
            return Err(StoreError::Poisoned);
        }
        let mut next = Some(first);
        let outcome = self.run_group(&mut next, jobs, finished);
        // A job that was taken but not run must still hear of the failure.
        finished.extend(next);
        outcome
    }

    fn run_group(
        &mut self,
        next: &mut Option<Box<dyn Job>>,
        jobs: &Receiver<Box<dyn Job>>,
        finished: &mut Vec<Box<dyn Job>>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.database.begin_write().map_err(disk)?;
        transaction
            .set_durability(Durability::Immediate)
            .map_err(disk)?;
        transaction.set_quick_repair(true);
        let (mut bytes, mut emitted, sequence_before) = (0, false, self.sequence);
        {
            let mut tree = transaction.open_table(TREE).map_err(disk)?;
            while let Some(mut job) = next.take() {
                let outcome = run_job(job.as_mut(), &tree, &mut self.sequence);
                finished.push(job);
                if let Some((writes, emits)) = outcome {
                    emitted |= emits;
                    bytes += apply(writes, &mut tree)?;
                }
                if finished.len() < GROUP_JOBS_MAX && bytes < GROUP_BYTES_MAX {
                    *next = jobs.try_recv().ok();
                }
            }
            if self.sequence != sequence_before {
                tree.insert(
                    sequence_key().as_slice(),
                    self.sequence.to_be_bytes().as_slice(),
                )
                .map_err(disk)?;
            }
        }
        if bytes == 0 && self.sequence == sequence_before {
            return transaction.abort().map_err(disk);
        }
        transaction.commit().map_err(disk)?;
        if emitted {
            self.outbox_filled.notify_one();
        }
        Ok(())
    }
}

/// Runs one job; `None` when nothing of it is to be kept.
fn run_job(
    job: &mut dyn Job,
    tree: &redb::Table<'_, &'static [u8], &'static [u8]>,
    sequence: &mut u64,
) -> Option<(Overlay, bool)> {
    let mut tx = Tx::writing(tree, sequence);
    let kept = catch_unwind(AssertUnwindSafe(|| job.run(&mut tx))).unwrap_or(false);
    kept.then(|| tx.into_writes())
}

fn apply(
    writes: Overlay,
    tree: &mut redb::Table<'_, &'static [u8], &'static [u8]>,
) -> Result<usize, StoreError> {
    let mut bytes = 0;
    for (key, value) in writes {
        bytes += key.len();
        match value {
            Some(value) => {
                bytes += value.len();
                tree.insert(key.as_slice(), value.as_slice())
                    .map_err(disk)?;
            }
            None => {
                tree.remove(key.as_slice()).map_err(disk)?;
            }
        }
    }
    Ok(bytes)
}
