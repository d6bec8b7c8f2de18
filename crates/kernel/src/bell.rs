//! Bells: work that waits for something to happen, not for a time.
//!
//! Whoever has nothing to do hangs an event on the bell of what it waits for (a queue, a stream) and goes away.
//! Whoever makes that happen rings, in the same commit, and knows nothing of who listens: the events that hang there go
//! into the outbox. So nobody asks again and again, and a crash wakes whoever it should have woken.

use crate::clock::Timestamp;
use crate::event::Event;
use crate::key::Key;
use crate::outbox;
use crate::store::{Direction, StoreError, Table, Tx};

const BELLS: Table = Table::new(9, "kernel.bells");

fn key(topic: &str, event: &Event) -> Key {
    Key::new().text(topic).text(&event.order_key())
}

/// Hangs `event` on the bell of `topic`, in place of one with the same order key.
pub fn hang(tx: &mut Tx<'_>, topic: &str, event: &Event) -> Result<(), StoreError> {
    tx.save(BELLS, key(topic, event), event)
}

/// Takes an event down that no longer waits. Taking down an absent one is no error.
pub fn take_down(tx: &mut Tx<'_>, topic: &str, event: &Event) -> Result<(), StoreError> {
    tx.delete(BELLS, key(topic, event))
}

/// It happens at `due`: what hangs there is delivered then. Before that something else may happen, so what is due only
/// later goes on hanging.
pub fn ring(
    tx: &mut Tx<'_>,
    topic: &str,
    due: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut hanging = Vec::new();
    for pair in tx.prefix(BELLS, Key::new().text(topic), Direction::Forward)? {
        let (key, value) = pair?;
        hanging.push((key, crate::store::decode::<Event>(&value)?));
    }
    for (key, event) in hanging {
        if due <= now {
            tx.delete(BELLS, key)?;
        }
        outbox::emit(tx, due, event)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{PageKey, Store};

    fn event(name: &str) -> Event {
        Event::KeyDeletion {
            key_arn: name.into(),
        }
    }

    #[tokio::test]
    async fn a_bell_rings_once_for_what_is_due_and_goes_on_hanging_for_what_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path(), &PageKey::new([7; 64])).expect("the store opens");
        let rung = store.write(|tx| {
            hang(tx, "queue", &event("a"))?;
            hang(tx, "queue", &event("a"))?;
            hang(tx, "queue2", &event("b"))?;
            let now = Timestamp(10);
            ring(tx, "queue", Timestamp(30), now)?;
            ring(tx, "queue", now, now)?;
            ring(tx, "queue", now, now)?;
            let due = outbox::due(tx, Timestamp(30), 10)?;
            Ok::<_, StoreError>(
                due.into_iter()
                    .map(|entry| (entry.event.order_key(), entry.id.due.0))
                    .collect::<Vec<_>>(),
            )
        });
        let rung = rung.await.expect("written");
        assert_eq!(rung, [("key a".to_owned(), 10), ("key a".to_owned(), 30)]);
    }
}
