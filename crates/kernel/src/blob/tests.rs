//! Bodies come back as they went in, or not at all; space is used once, and again when it is free.

#![expect(
    clippy::disallowed_methods,
    reason = "the tests damage the files behind the blobs' back"
)]

use std::path::PathBuf;

use bytes::Bytes;

use super::frame::PLAIN_BYTES;
use super::*;
use crate::store::PageKey;

const MIB: usize = 1 << 20;

struct Fixture {
    directory: tempfile::TempDir,
    blobs: Blobs,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let blobs = open(directory.path());
        Self { directory, blobs }
    }

    async fn reopen(self) -> Self {
        let Self { directory, blobs } = self;
        while blobs.0.preparing.load(std::sync::atomic::Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
        drop(blobs);
        let blobs = open(directory.path());
        Self { directory, blobs }
    }

    fn segment(&self, blob: &BlobRef) -> PathBuf {
        let name = segment::file_name(blob.extents[0].segment);
        self.directory.path().join("segments").join(name)
    }

    /// Flips a bit of the body, `offset` bytes into it.
    fn damage(&self, blob: &BlobRef, offset: u64) {
        use std::os::unix::fs::FileExt;
        let mut options = std::fs::OpenOptions::new();
        let file = options.read(true).write(true).open(self.segment(blob));
        let file = file.expect("the segment opens");
        let at = blob.extents[0].offset_bytes() + offset;
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("read");
        file.write_all_at(&[byte[0] ^ 0x10], at).expect("written");
    }

    async fn write(&self, body: &[u8]) -> BlobRef {
        let mut writer = self.blobs.writer(key());
        for part in body.chunks(100_000) {
            let part = Bytes::copy_from_slice(part);
            writer.write(part).await.expect("written");
        }
        writer.finish().await.expect("finished")
    }

    async fn write_kept(&self, body: &[u8]) -> BlobRef {
        let blob = self.write(body).await;
        self.commit(&blob, keep).await;
        blob
    }

    async fn commit(
        &self,
        blob: &BlobRef,
        change: fn(&mut crate::Tx<'_>, &BlobRef) -> Result<(), StoreError>,
    ) {
        let blob = blob.clone();
        let change = move |tx: &mut crate::Tx<'_>| change(tx, &blob);
        self.blobs.0.store.write(change).await.expect("committed");
    }

    async fn read(&self, blob: &BlobRef, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        drain(&mut self.blobs.reader(blob, key(), range)).await
    }
}

async fn drain(reader: &mut BlobReader) -> Result<Vec<u8>, StoreError> {
    let mut body = Vec::new();
    while let Some(bytes) = reader.next().await {
        body.extend_from_slice(&bytes?);
    }
    Ok(body)
}

fn open(directory: &Path) -> Blobs {
    let store = Store::open(directory, &PageKey::new([7; 64])).expect("the store opens");
    Blobs::open(directory, store, &Ids::random()).expect("the bodies open")
}

fn key() -> SealKey {
    SealKey::new([5; 32])
}

fn body(size: usize) -> Vec<u8> {
    // Blocks that differ, so that none can stand in another's place.
    let blocks = (0..size.div_ceil(8) as u64).flat_map(|block| (block * 0x9E37_79B9).to_le_bytes());
    blocks.take(size).collect()
}

#[tokio::test]
async fn a_body_comes_back_as_it_went_in_whatever_its_length() {
    let fixture = Fixture::new();
    let batch = 16 * PLAIN_BYTES;
    for size in [
        0,
        1,
        PLAIN_BYTES - 1,
        PLAIN_BYTES,
        PLAIN_BYTES + 1,
        batch,
        batch + 1,
        5 * MIB,
    ] {
        let body = body(size);
        let blob = fixture.write_kept(&body).await;
        assert_eq!(blob.size_bytes, size as u64);
        let read = fixture.read(&blob, 0..u64::MAX).await.expect("read");
        assert!(read == body, "{size} bytes came back as {}", read.len());
    }
    let verified = fixture.blobs.verify().expect("verified");
    assert_eq!((verified.bodies, verified.corrupt), (8, vec![]));
}

#[tokio::test]
async fn a_range_is_read_alone() {
    let fixture = Fixture::new();
    let body = body(3 * MIB + 77);
    let blob = fixture.write_kept(&body).await;
    let frame = PLAIN_BYTES;
    for (from, to) in [
        (0, 1),
        (frame - 1, frame + 1),
        (frame, 2 * frame),
        (MIB, 3 * MIB),
        (7, 7),
    ] {
        let read = fixture.read(&blob, from as u64..to as u64).await;
        assert!(read.expect("read") == body[from..to], "{from}..{to}");
    }
    let tail = fixture.read(&blob, 3 * MIB as u64..u64::MAX).await;
    assert_eq!(tail.expect("read"), &body[3 * MIB..]);
    let beyond = fixture.read(&blob, 9 * MIB as u64..u64::MAX).await;
    assert_eq!(beyond.expect("read"), b"");
}

#[tokio::test]
async fn what_was_kept_outlives_reopening_and_what_was_not_is_free() {
    let fixture = Fixture::new();
    let kept = fixture.write_kept(&body(MIB)).await;
    fixture.write(&body(2 * MIB)).await;
    let fixture = fixture.reopen().await;
    let usage = fixture.blobs.usage();
    assert!(
        (MIB as u64..MIB as u64 + 70_000).contains(&usage.used_bytes),
        "{usage:?}"
    );
    assert!(usage.free_bytes >= 2 * MIB as u64, "{usage:?}");
    let again = fixture.write_kept(&body(2 * MIB)).await;
    assert!(fixture.read(&kept, 0..u64::MAX).await.expect("read") == body(MIB));
    assert!(fixture.read(&again, 0..u64::MAX).await.expect("read") == body(2 * MIB));
}

#[tokio::test]
async fn released_space_is_reused_after_its_last_reader() {
    let fixture = Fixture::new();
    let old = fixture.write_kept(&body(MIB)).await;
    let mut reader = fixture.blobs.reader(&old, key(), 0..u64::MAX);
    fixture.commit(&old, release).await;
    assert_eq!(
        fixture.blobs.sweep().await.expect("swept").released_bodies,
        0
    );
    let swept = fixture.blobs.sweep_after(-1, 600_000).await.expect("swept");
    assert_eq!(swept.released_bodies, 1);
    let meanwhile = fixture.write_kept(&body(MIB)).await;
    assert_ne!(old.extents, meanwhile.extents);
    assert!(drain(&mut reader).await.expect("read") == body(MIB));
    let used_bytes = fixture.blobs.usage().used_bytes;
    drop(reader);
    assert!(fixture.blobs.usage().used_bytes < used_bytes);
    fixture.write_kept(&body(MIB)).await;
    let late = fixture.read(&old, 0..u64::MAX).await;
    assert!(
        matches!(late, Err(StoreError::BodyGone(_)) | Ok(_)),
        "{late:?}"
    );
    let usage = fixture.reopen().await.blobs.usage();
    assert!(usage.used_bytes < 3 * MIB as u64, "{usage:?}");
}

#[tokio::test]
async fn an_unfinished_body_leaves_nothing_and_an_unkept_one_is_given_up() {
    let fixture = Fixture::new();
    let mut writer = fixture.blobs.writer(key());
    let written = writer.write(Bytes::from(body(3 * MIB))).await;
    written.expect("written");
    drop(writer);
    let unkept = fixture.write(&body(MIB)).await;
    let kept = fixture.write_kept(&body(MIB)).await;
    let swept = fixture.blobs.sweep_after(60_000, 0).await.expect("swept");
    assert_eq!(swept.abandoned_bodies, 1);
    let late = move |tx: &mut crate::Tx<'_>| keep(tx, &unkept);
    let late = fixture.blobs.0.store.write(late).await;
    assert!(matches!(late, Err(StoreError::BodyGone(_))), "{late:?}");
    assert!(fixture.read(&kept, 0..u64::MAX).await.expect("read") == body(MIB));
    let used_bytes = fixture.blobs.usage().used_bytes;
    assert_eq!(fixture.reopen().await.blobs.usage().used_bytes, used_bytes);
}

#[tokio::test]
async fn a_damaged_frame_is_found_with_the_key_and_without() {
    let fixture = Fixture::new();
    let blob = fixture.write_kept(&body(MIB)).await;
    fixture.damage(&blob, 3 * 65_536 + 12_345);
    let read = fixture.read(&blob, 0..u64::MAX).await;
    assert!(
        matches!(read, Err(StoreError::BodyCorrupt { frame: 3, .. })),
        "{read:?}"
    );
    let before = fixture.read(&blob, 0..3 * PLAIN_BYTES as u64).await;
    assert!(before.expect("read") == body(3 * PLAIN_BYTES));
    let corrupt = fixture.blobs.verify().expect("verified").corrupt;
    assert_eq!(corrupt.len(), 1);
    assert_eq!(
        (corrupt[0].frame, corrupt[0].blob_id.as_str()),
        (3, blob.id.as_str())
    );
}

#[tokio::test]
async fn another_key_a_shorter_size_and_a_lost_file_are_errors() {
    let fixture = Fixture::new();
    let blob = fixture.write_kept(&body(MIB)).await;
    let mut reader = fixture.blobs.reader(&blob, SealKey::new([6; 32]), 0..10);
    assert!(matches!(
        drain(&mut reader).await,
        Err(StoreError::BodyCorrupt { .. })
    ));
    let shorter = BlobRef {
        size_bytes: 2 * PLAIN_BYTES as u64,
        ..blob.clone()
    };
    let read = fixture.read(&shorter, 0..u64::MAX).await;
    assert!(
        matches!(read, Err(StoreError::BodyCorrupt { frame: 1, .. })),
        "{read:?}"
    );
    drop(reader);
    let segment = fixture.segment(&blob);
    let fixture = fixture.reopen().await;
    std::fs::remove_file(segment).expect("removed");
    let read = fixture.read(&blob, 0..10).await;
    let Err(StoreError::Corrupt(file, reason)) = read else {
        panic!("{read:?}");
    };
    assert_eq!(
        (file.as_str(), reason.as_str()),
        ("00000001.segment", "the file is gone")
    );
    let other = fixture.write_kept(&body(MIB)).await;
    let fixture = fixture.reopen().await;
    assert_eq!(
        fixture.read(&other, 0..u64::MAX).await.is_ok(),
        other.extents[0].segment != 1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_written_side_by_side_share_no_space() {
    let fixture = Arc::new(Fixture::new());
    let mut tasks = tokio::task::JoinSet::new();
    for count in 1..=24_usize {
        let fixture = fixture.clone();
        tasks.spawn(async move {
            let size = count * 700_001;
            let blob = fixture.write_kept(&body(size)).await;
            (size, blob)
        });
    }
    let blobs = tasks.join_all().await;
    for (size, blob) in &blobs {
        let read = fixture.read(blob, 0..u64::MAX).await.expect("read");
        assert!(read == body(*size), "{size} bytes");
    }
    let fixture = Arc::into_inner(fixture)
        .expect("the last one")
        .reopen()
        .await;
    assert_eq!(fixture.blobs.verify().expect("verified").corrupt, []);
}

/// A disk on which the next flush fails.
#[derive(Debug)]
struct FailingDisk(Directory, Arc<AtomicBool>);

#[derive(Debug)]
struct FailingFile(Box<dyn disk::DiskFile>, Arc<AtomicBool>);

impl Disk for FailingDisk {
    fn list(&self) -> std::io::Result<Vec<(String, u64)>> {
        self.0.list()
    }

    fn open(&self, name: &str) -> std::io::Result<Box<dyn disk::DiskFile>> {
        Ok(Box::new(FailingFile(self.0.open(name)?, self.1.clone())))
    }

    fn create(&self, name: &str) -> std::io::Result<Box<dyn disk::DiskFile>> {
        Ok(Box::new(FailingFile(self.0.create(name)?, self.1.clone())))
    }

    fn remove(&self, name: &str) -> std::io::Result<()> {
        self.0.remove(name)
    }
}

impl disk::DiskFile for FailingFile {
    fn read(&self, offset: u64, bytes: &mut [u8]) -> std::io::Result<()> {
        self.0.read(offset, bytes)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        // The last mebibyte of a segment is beyond the end of this disk.
        if offset >= 63 << 20 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.0.write(offset, bytes)
    }

    fn sync(&self) -> std::io::Result<()> {
        if self.1.swap(false, std::sync::atomic::Ordering::AcqRel) {
            return Err(std::io::Error::other("the flush failed"));
        }
        self.0.sync()
    }
}

#[tokio::test]
async fn a_failed_flush_is_never_tried_again_and_a_full_disk_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path(), &PageKey::new([7; 64])).expect("opens");
    let real = Directory::open(&directory.path().join("segments")).expect("opens");
    let fails = Arc::new(AtomicBool::default());
    let disk = Box::new(FailingDisk(real, fails.clone()));
    let blobs = Blobs::on_disk(disk, store, &Ids::random()).expect("opens");
    // Nothing is prepared beside: the next flush shall be the body's.
    blobs
        .0
        .preparing
        .store(true, std::sync::atomic::Ordering::Release);
    let fixture = Fixture { directory, blobs };
    let kept = fixture.write_kept(&body(MIB)).await;
    fails.store(true, std::sync::atomic::Ordering::Release);
    let mut writer = fixture.blobs.writer(key());
    let written = writer.write(Bytes::from(body(MIB))).await;
    written.expect("written");
    let failed = writer.finish().await;
    assert!(matches!(failed, Err(StoreError::Disk(_))), "{failed:?}");
    let elsewhere = fixture.write_kept(&body(MIB)).await;
    assert_ne!(elsewhere.extents[0].segment, kept.extents[0].segment);
    let mut writer = fixture.blobs.writer(key());
    let mut full = writer.write(Bytes::from(body(70 * MIB))).await;
    if full.is_ok() {
        full = writer.finish().await.map(drop);
    }
    assert!(matches!(full, Err(StoreError::DiskFull(_))), "{full:?}");
    for blob in [kept, elsewhere] {
        assert!(fixture.read(&blob, 0..u64::MAX).await.expect("read") == body(MIB));
    }
}

/// Allocates and frees at random, and checks that no unit is ever given out twice.
#[test]
fn the_books_never_give_a_unit_out_twice() {
    let starting_number = std::process::id();
    println!("starting number {starting_number}");
    let ids = Ids::seeded([starting_number.to_le_bytes()[0]; 32]);
    let mut space = Space::default();
    let mut bodies: Vec<Vec<Extent>> = Vec::new();
    for _ in 0..2000 {
        let [choice, low, high, _] = ids.bytes::<4>();
        if choice < 120 && !bodies.is_empty() {
            let body = bodies.swap_remove(usize::from(low) % bodies.len());
            space.free(&body);
        } else if choice < 130 {
            let zeros = space.grow(1024, space::Growth::Preparation);
            space.free(&[zeros]);
        } else {
            let units = 1 + u32::from(low) * (1 + u32::from(high) / 16);
            let body = space.allocate(units);
            assert_eq!(body.iter().map(|extent| extent.length).sum::<u32>(), units);
            let (_, whole) = body.split_last().expect("some extent");
            assert!(whole.iter().all(|extent| extent.length.is_multiple_of(16)));
            bodies.push(body);
        }
        let taken: Vec<Extent> = bodies.concat();
        let units: u64 = taken.iter().map(|extent| u64::from(extent.length)).sum();
        assert_eq!(space.usage().used_bytes, units * 4096);
        Space::new(&BTreeMap::new(), taken).expect("no two bodies claim a unit");
    }
}
