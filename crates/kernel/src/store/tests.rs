//! What every table relies on: isolation, order, all or nothing, and pages that tell nothing.

#![expect(
    clippy::disallowed_methods,
    reason = "a test looks into the file itself"
)]

use super::*;
use crate::key::Key;

const NOTES: Table = Table::new(900, "test.notes");

fn open(directory: &Path) -> Store {
    Store::open(directory, &PageKey::new([7; 64])).expect("the store opens")
}

fn texts(store: &Store) -> Vec<String> {
    let read = store.read(|tx| {
        let pairs = tx.prefix(NOTES, Key::new(), Direction::Forward)?;
        pairs
            .map(|pair| pair.map(|(_, value)| String::from_utf8_lossy(&value).into_owned()))
            .collect()
    });
    let read: Result<Vec<String>, StoreError> = read;
    read.expect("the notes are read")
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_reopening() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    for text in ["one", "two"] {
        let put = move |tx: &mut Tx<'_>| tx.put(NOTES, Key::new().text(text), text.into());
        store.write(put).await.expect("written");
    }
    drop(store);
    assert_eq!(texts(&open(directory.path())), ["one", "two"]);
}

#[tokio::test]
async fn an_operation_that_fails_or_panics_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let failed: Result<(), StoreError> = store
        .write(|tx| {
            tx.put(NOTES, Key::new().text("x"), b"x".to_vec())?;
            Err(StoreError::ReadOnly)
        })
        .await;
    assert!(matches!(failed, Err(StoreError::ReadOnly)));
    let panicked: Result<(), StoreError> = store.write(|_| panic!("on purpose")).await;
    assert!(matches!(panicked, Err(StoreError::Panicked)));
    store
        .write(|tx| tx.put(NOTES, Key::new().text("y"), b"y".to_vec()))
        .await
        .expect("still writes");
    assert_eq!(texts(&store), ["y"]);
}

#[tokio::test]
async fn a_transaction_sees_its_own_writes_in_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let put = |tx: &mut Tx<'_>| {
        for text in ["a", "c", "e"] {
            tx.put(NOTES, Key::new().text(text), text.into())?;
        }
        Ok::<_, StoreError>(())
    };
    store.write(put).await.expect("written");
    let seen = store.write(|tx| {
        tx.put(NOTES, Key::new().text("b"), b"b".to_vec())?;
        tx.put(NOTES, Key::new().text("c"), b"C".to_vec())?;
        tx.delete(NOTES, Key::new().text("e"))?;
        let mut seen = Vec::new();
        for direction in [Direction::Forward, Direction::Backward] {
            for pair in tx.prefix(NOTES, Key::new(), direction)? {
                seen.push(String::from_utf8_lossy(&pair?.1).into_owned());
            }
        }
        Ok::<_, StoreError>(seen)
    });
    assert_eq!(seen.await.expect("written"), ["a", "b", "C", "C", "b", "a"]);
}

#[tokio::test]
async fn the_file_holds_nothing_in_the_clear_and_opens_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let marker = b"a-marker-nobody-may-read".to_vec();
    let value = marker.clone();
    store
        .write(move |tx| tx.put(NOTES, Key::new().text("marker-key"), value))
        .await
        .expect("written");
    let second = Store::open(directory.path(), &PageKey::new([7; 64]));
    assert!(matches!(second, Err(StoreError::InUse(_))));
    drop(store);
    let bytes = std::fs::read(directory.path().join("store.redb")).expect("the file is there");
    for secret in [marker.as_slice(), b"marker-key", b"redb"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
    let other_key = Store::open(directory.path(), &PageKey::new([8; 64]));
    assert!(matches!(other_key, Err(StoreError::Corrupt(..))));
}
