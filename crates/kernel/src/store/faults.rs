//! A disk that keeps its promises and nothing more.
//!
//! Of its two files it holds what was flushed and what was only written apart. A power cut keeps any part of the second,
//! in any order, torn at the 512 bytes that disks write whole; steps can be made to fail.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::id::Ids;

const SECTOR: usize = 512;

/// What the disk does from a given step on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The step fails, and so does every later one: the power is gone.
    PowerCut,
    /// Writes and growth fail with ENOSPC; flushes work.
    Full,
    /// The one flush that comes next fails, and forgets what it should have flushed.
    Flush,
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone, Debug, Default)]
struct Content {
    flushed: Vec<u8>,
    written: Vec<u8>,
    unflushed: Vec<Step>,
}

#[derive(Debug, Default)]
struct State {
    files: [Content; 2],
    steps: u64,
    fault: Option<(u64, Fault)>,
}

/// The disk; clones are handles on the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct FaultyDisk(Arc<Mutex<State>>);

/// One of the disk's files.
#[derive(Clone, Debug)]
pub(super) struct FaultyFile {
    disk: FaultyDisk,
    index: usize,
}

impl FaultyDisk {
    fn holding(contents: [Vec<u8>; 2]) -> Self {
        let files = contents.map(|bytes| Content {
            flushed: bytes.clone(),
            written: bytes,
            ..Content::default()
        });
        let state = State {
            files,
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn file(&self, index: usize) -> FaultyFile {
        let disk = self.clone();
        FaultyFile { disk, index }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with the lock held")
    }

    /// Changes what lies on the disk behind everybody's back.
    pub(super) fn damage(&self, index: usize, change: impl FnOnce(&mut Vec<u8>)) {
        change(&mut self.state().files[index].written);
    }

    pub(super) fn fail_at(&self, step: u64, fault: Fault) {
        self.state().fault = Some((step, fault));
    }

    pub(super) fn steps(&self) -> u64 {
        self.state().steps
    }

    /// The disk as a process that starts anew without a power cut finds it.
    pub(super) fn after_restart(&self) -> Self {
        let state = self.state();
        Self::holding([0, 1].map(|index| state.files[index].written.clone()))
    }

    /// The disk after a power cut: of what was not flushed, any part in any order.
    pub(super) fn after_power_cut(&self, ids: &Ids) -> Self {
        let state = self.state();
        Self::holding([0, 1].map(|index| state.files[index].after_power_cut(ids)))
    }
}

impl Content {
    fn after_power_cut(&self, ids: &Ids) -> Vec<u8> {
        let mut bytes = self.flushed.clone();
        let mut steps = self.unflushed.clone();
        shuffle(&mut steps, ids);
        for step in steps {
            let [chance] = ids.bytes::<1>();
            match step {
                _ if chance < 80 => {}
                Step::Length(length) => bytes.resize(length, 0),
                Step::Write(at, data) if chance < 160 => tear(&mut bytes, at, &data, ids),
                Step::Write(at, data) => put(&mut bytes, at, &data),
            }
        }
        bytes
    }

    fn flush(&mut self) {
        for step in self.unflushed.drain(..) {
            match step {
                Step::Write(at, data) => put(&mut self.flushed, at, &data),
                Step::Length(length) => self.flushed.resize(length, 0),
            }
        }
    }
}

/// Neighbours change places: a disk reorders, but the length grows before what needs it.
fn shuffle(steps: &mut [Step], ids: &Ids) {
    for at in (1..steps.len()).rev() {
        let drawn = u64::from_le_bytes(ids.bytes());
        let other = usize::try_from(drawn % (at as u64 + 1)).expect("small");
        let are_writes =
            |a: &Step, b: &Step| matches!(a, Step::Write(..)) && matches!(b, Step::Write(..));
        if are_writes(&steps[at], &steps[other]) {
            steps.swap(at, other);
        }
    }
}

fn tear(bytes: &mut Vec<u8>, at: usize, data: &[u8], ids: &Ids) {
    let mut offset = 0;
    while offset < data.len() {
        let boundary = SECTOR - (at + offset) % SECTOR;
        let length = boundary.min(data.len() - offset);
        if ids.bytes::<1>()[0] & 1 == 0 {
            put(bytes, at + offset, &data[offset..offset + length]);
        }
        offset += length;
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, data: &[u8]) {
    let end = at + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(data);
}

impl State {
    fn step(&mut self, index: usize, is_flush: bool) -> io::Result<()> {
        self.steps += 1;
        let Some((at, fault)) = self.fault.filter(|(at, _)| self.steps >= *at) else {
            return Ok(());
        };
        match fault {
            Fault::PowerCut => Err(io::Error::other(format!("no power since step {at}"))),
            Fault::Full if !is_flush => Err(io::ErrorKind::StorageFull.into()),
            Fault::Flush if is_flush => {
                self.fault = None;
                let file = &mut self.files[index];
                file.written = file.flushed.clone();
                file.unflushed.clear();
                Err(io::Error::other("the flush failed"))
            }
            Fault::Full | Fault::Flush => Ok(()),
        }
    }
}

impl FaultyFile {
    fn with<T>(&self, work: impl FnOnce(&mut Content) -> T) -> T {
        work(&mut self.disk.state().files[self.index])
    }

    fn step(&self, is_flush: bool) -> io::Result<()> {
        self.disk.state().step(self.index, is_flush)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the disk is small")]
impl redb::StorageBackend for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.with(|file| file.written.len()) as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let range = offset as usize..offset as usize + out.len();
        self.with(|file| {
            let stored = file.written.get(range);
            out.copy_from_slice(stored.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.step(false)?;
        self.with(|file| {
            file.written.resize(len as usize, 0);
            file.unflushed.push(Step::Length(len as usize));
        });
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.step(true)?;
        self.with(Content::flush);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.step(false)?;
        self.with(|file| {
            put(&mut file.written, offset as usize, data);
            let step = Step::Write(offset as usize, data.to_vec());
            file.unflushed.push(step);
        });
        Ok(())
    }
}
