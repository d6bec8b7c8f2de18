//! Nothing acknowledged is lost, nothing is torn, nothing half-done is kept: whatever the disk does.
//!
//! Every test prints the number its random choices start from.

use std::collections::BTreeMap;

use super::faults::{Fault, FaultyDisk};
use super::*;
use crate::id::Ids;
use crate::key::Key;

/// Each write puts the same value under its number in both tables, in one transaction.
const LEFT: Table = Table::new(901, "test.left");
const RIGHT: Table = Table::new(902, "test.right");
const KEYS: u8 = 24;

type Values = BTreeMap<u8, Vec<u8>>;

fn key() -> PageKey {
    PageKey::new([9; 64])
}

/// So small that the tree is flushed every few groups.
const LOG_BYTES: u64 = 64 << 10;

fn open(disk: &FaultyDisk) -> Result<Store, StoreError> {
    open_with(disk, LOG_BYTES)
}

fn open_with(disk: &FaultyDisk, log_bytes: u64) -> Result<Store, StoreError> {
    let tree = pages::EncryptedPages::new(disk.file(0), &key())?;
    let life = Ids::random().bytes();
    let log = Log::begin(Box::new(disk.file(1)), &key(), life)?.of_size(log_bytes);
    Store::start(tree, Some(log), None)
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.build().expect("a runtime")
}

fn starting_number() -> u32 {
    let drawn = u32::from_le_bytes(Ids::random().bytes());
    println!("starting number {drawn}");
    drawn
}

fn seeded(number: u32, round: u32) -> Ids {
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&number.to_le_bytes());
    seed[4..8].copy_from_slice(&round.to_le_bytes());
    Ids::seeded(seed)
}

/// One write of the random mix: a value to put, or `None` to delete; some change their mind and fail.
#[derive(Clone, Debug)]
struct Change {
    number: u8,
    value: Option<Vec<u8>>,
    fails: bool,
}

impl Change {
    fn random(ids: &Ids) -> Self {
        let [number, kind, size, fill] = ids.bytes::<4>();
        let scale = if size > 250 { 300 } else { 10 };
        let value = vec![fill; usize::from(size) * scale];
        Self {
            number: number % KEYS,
            value: (kind >= 50).then_some(value),
            fails: kind >= 235,
        }
    }

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let key = Key::new().number(u64::from(self.number));
        for table in [LEFT, RIGHT] {
            match &self.value {
                Some(value) => tx.put(table, &key, value.clone())?,
                None => tx.delete(table, &key)?,
            }
            if self.fails {
                return Err(StoreError::ReadOnly);
            }
        }
        tx.next_sequence().map(drop)
    }

    fn apply(&self, values: &mut Values) {
        match &self.value {
            Some(value) => values.insert(self.number, value.clone()),
            None => values.remove(&self.number),
        };
    }
}

/// What was acknowledged, and what was on its way when the disk failed.
#[derive(Debug, Default)]
struct History {
    acknowledged: Values,
    uncertain: Vec<Change>,
    failure: Option<StoreError>,
}

impl History {
    /// Writes `changes` side by side, one for each number.
    async fn write_together(&mut self, store: &Store, changes: Vec<Change>) {
        let writes = changes.into_iter().map(|change| {
            let (store, wanted) = (store.clone(), change.clone());
            (
                change,
                tokio::spawn(async move { store.write(move |tx| wanted.run(tx)).await }),
            )
        });
        for (change, write) in writes.collect::<Vec<_>>() {
            match write.await.expect("no panic") {
                Ok(()) => change.apply(&mut self.acknowledged),
                Err(StoreError::ReadOnly) => assert!(change.fails),
                Err(error) => {
                    self.uncertain.push(change);
                    self.failure.get_or_insert(error);
                }
            }
        }
    }

    /// The store holds every acknowledged value, whole, and of the uncertain ones any.
    fn check(&self, store: &Store, context: &str) {
        let (left, right) = (values(store, LEFT), values(store, RIGHT));
        assert!(left == right, "{context}: half of a write was kept");
        for number in 0..KEYS {
            let stored = left.get(&number);
            let mut allowed = vec![self.acknowledged.get(&number)];
            let uncertain = self
                .uncertain
                .iter()
                .filter(|change| change.number == number);
            allowed.extend(
                uncertain
                    .filter(|change| !change.fails)
                    .map(|change| change.value.as_ref()),
            );
            assert!(
                allowed.contains(&stored),
                "{context}: number {number} holds {:?} bytes, not one of {:?}",
                stored.map(Vec::len),
                allowed
                    .iter()
                    .map(|value| value.map(Vec::len))
                    .collect::<Vec<_>>(),
            );
        }
    }
}

fn values(store: &Store, table: Table) -> Values {
    let read: Result<Values, StoreError> = store.read(|tx| {
        let pairs = tx.prefix(table, Key::new(), Direction::Forward)?;
        pairs
            .map(|pair| pair.map(|(key, value)| (key[7], value)))
            .collect()
    });
    read.expect("every value is read")
}

fn random_group(ids: &Ids) -> Vec<Change> {
    let count = 1 + ids.bytes::<1>()[0] % 6;
    let changes = (0..count).map(|_| Change::random(ids));
    let by_number: BTreeMap<u8, Change> = changes.map(|change| (change.number, change)).collect();
    by_number.into_values().collect()
}

#[test]
fn a_power_cut_at_any_step_loses_nothing_acknowledged() {
    let (number, runtime) = (starting_number(), runtime());
    for round in 0..60 {
        let ids = seeded(number, round);
        let mut disk = FaultyDisk::default();
        let mut history = History::default();
        // The disk that survived one power cut goes through the next.
        for life in 0..3 {
            let context = format!("number {number}, round {round}, life {life}");
            let store = open(&disk).unwrap_or_else(|error| panic!("{context}: {error}"));
            history.check(&store, &context);
            history = History {
                acknowledged: values(&store, LEFT),
                ..History::default()
            };
            let lifetime = u64::from(u16::from_le_bytes(ids.bytes()) % 300);
            disk.fail_at(disk.steps() + lifetime, Fault::PowerCut);
            while history.failure.is_none() {
                runtime.block_on(history.write_together(&store, random_group(&ids)));
            }
            let refused = runtime.block_on(store.write(|tx| tx.next_sequence()));
            assert!(
                matches!(refused, Err(StoreError::Poisoned)),
                "{context}: {refused:?}"
            );
            drop(store);
            disk = disk.after_power_cut(&ids);
        }
    }
}

/// Fails one step after the other of the same run, and returns how many runs that took.
fn fail_every_step(fault: Fault, expected: fn(&StoreError) -> bool) -> u64 {
    let (number, runtime) = (starting_number(), runtime());
    for step in 1.. {
        let ids = seeded(number, 0);
        let context = format!("number {number}, {fault:?} at step {step}");
        let disk = FaultyDisk::default();
        drop(open(&disk).expect("a new store opens"));
        let disk = disk.after_restart();
        let mut history = History::default();
        let store = open(&disk).expect("it opens again");
        disk.fail_at(disk.steps() + step, fault);
        for _ in 0..12 {
            runtime.block_on(history.write_together(&store, random_group(&ids)));
        }
        let Some(failure) = &history.failure else {
            return step;
        };
        assert!(expected(failure), "{context}: {failure:?}");
        let refused = runtime.block_on(store.write(|tx| tx.next_sequence()));
        assert!(
            matches!(refused, Err(StoreError::Poisoned)),
            "{context}: {refused:?}"
        );
        drop(store);
        for after in [disk.after_restart(), disk.after_power_cut(&ids)] {
            let store = open(&after).unwrap_or_else(|error| panic!("{context}: {error}"));
            history.check(&store, &context);
        }
    }
    0
}

#[test]
fn a_failed_flush_at_any_step_stops_the_store_and_loses_nothing() {
    let runs = fail_every_step(Fault::Flush, |error| matches!(error, StoreError::Disk(_)));
    assert!(runs > 10, "{runs} runs");
}

#[test]
fn a_full_disk_at_any_step_is_named_and_loses_nothing() {
    let runs = fail_every_step(Fault::Full, |error| {
        matches!(error, StoreError::DiskFull(_))
    });
    assert!(runs > 30, "{runs} runs");
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test damages the file behind the store's back"
)]
fn flipped_bits_are_errors_and_never_data() {
    use std::os::unix::fs::FileExt;
    let (number, runtime) = (starting_number(), runtime());
    let ids = seeded(number, 0);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store.redb");
    let store = Store::open(directory.path(), &key()).expect("the store opens");
    let mut history = History::default();
    for _ in 0..40 {
        runtime.block_on(history.write_together(&store, random_group(&ids)));
    }
    drop(store);
    assert!(Store::verify(directory.path(), &key()).expect("whole") > 10);
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).write(true).open(path);
    let file = file.expect("the file opens");
    let mut whole =
        vec![0; usize::try_from(file.metadata().expect("metadata").len()).expect("small")];
    file.read_exact_at(&mut whole, 0).expect("read");
    let used: Vec<usize> = (0..whole.len()).filter(|&at| whole[at] != 0).collect();
    let (mut noticed, mut rounds) = (0, 0);
    for _ in 0..120 {
        let drawn = usize::try_from(u32::from_le_bytes(ids.bytes())).expect("small");
        let (at, bit) = (used[drawn % used.len()], ids.bytes::<1>()[0] % 8);
        file.write_all_at(&whole, 0).expect("restored");
        file.set_len(whole.len() as u64).expect("restored");
        file.write_all_at(&[whole[at] ^ (1 << bit)], at as u64)
            .expect("damaged");
        let context = format!("number {number}, bit {bit} of byte {at}");
        let found = Store::open(directory.path(), &key()).and_then(|store| read_all(&store));
        match found {
            Ok(values) => {
                let is_known = |(number, value)| history.acknowledged.get(number) == Some(value);
                assert!(values.iter().all(is_known), "{context}: wrong data");
            }
            Err(StoreError::Corrupt(..)) => noticed += 1,
            Err(error) => panic!("{context}: {error:?}"),
        }
        rounds += 1;
    }
    println!(
        "{noticed} of {rounds} flips noticed while reading; the others hit free pages or keys"
    );
    assert!(noticed > 0, "not one of {rounds} flips was noticed");
}

fn read_all(store: &Store) -> Result<Values, StoreError> {
    store.read(|tx| {
        let mut values = Values::new();
        for number in 0..KEYS {
            if let Some(value) = tx.get(LEFT, Key::new().number(u64::from(number)))? {
                values.insert(number, value);
            }
        }
        let pairs = tx.prefix(RIGHT, Key::new(), Direction::Backward)?;
        for pair in pairs {
            let (key, value) = pair?;
            assert!(values.get(&key[7]).is_none_or(|left| *left == value));
        }
        Ok(values)
    })
}

/// A disk as a crash leaves it, after five groups of one write each; and what the groups wrote.
fn crashed_disk(runtime: &tokio::runtime::Runtime) -> (FaultyDisk, Values) {
    let disk = FaultyDisk::default();
    let mut history = History::default();
    let store = open(&disk).expect("a new store opens");
    for number in 0..5 {
        let value = Some(vec![number; 5000]);
        let change = Change {
            number,
            value,
            fails: false,
        };
        runtime.block_on(history.write_together(&store, vec![change]));
    }
    (disk.after_restart(), history.acknowledged)
}

#[test]
fn a_damaged_log_is_an_error_and_never_fewer_or_other_data() {
    let (number, runtime) = (starting_number(), runtime());
    let ids = seeded(number, 0);
    let (disk, acknowledged) = crashed_disk(&runtime);
    let (mut noticed, mut torn) = (0, 0);
    for _ in 0..200 {
        let drawn = usize::try_from(u32::from_le_bytes(ids.bytes())).expect("small");
        let (at, bit) = (drawn % (64 << 10), ids.bytes::<1>()[0] % 8);
        let damaged = disk.after_restart();
        damaged.damage(1, |log| log[at] ^= 1 << bit);
        let found = open(&damaged).map(|store| values(&store, LEFT));
        match found {
            Ok(found) if found == acknowledged => {}
            // The last frame alone cannot be told from one that was being written.
            Ok(found) if found.iter().eq(acknowledged.iter().take(4)) => torn += 1,
            Err(StoreError::Corrupt(..)) => noticed += 1,
            other => panic!("number {number}, bit {bit} of byte {at}: {other:?}"),
        }
    }
    println!("{noticed} of 200 flips noticed, {torn} taken for a torn last write");
    assert!(noticed > 50, "{noticed} of 200 flips noticed");
}

#[test]
fn a_missing_log_is_noticed_after_a_crash_and_not_needed_after_a_close() {
    let runtime = runtime();
    let (disk, acknowledged) = crashed_disk(&runtime);
    let without = disk.after_restart();
    without.damage(1, Vec::clear);
    assert!(matches!(open(&without), Err(StoreError::Corrupt(..))));
    drop(open(&disk).expect("it opens"));
    let closed = disk.after_restart();
    closed.damage(1, Vec::clear);
    let store = open(&closed).expect("a closed store needs no log");
    assert_eq!(values(&store, LEFT), acknowledged);
}
