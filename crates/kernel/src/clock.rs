//! The one clock of an installation.
//!
//! Everything that falls due (retention, retries, alarms, deletion windows) follows this clock, which
//! can be moved forward; signatures and TLS stay on wall time. It never runs backwards: what is stored
//! as past stays past.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

use crate::store::{StoreError, Table, Tx};

const CLOCK: Table = Table::new(7, "kernel.clock");
const OFFSET: &[u8] = b"offset_ms";

/// A point in time, in milliseconds since the Unix epoch.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    pub fn milliseconds(self) -> i64 {
        self.0
    }

    #[must_use]
    pub fn plus_ms(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    #[must_use]
    pub fn plus_s(self, seconds: i64) -> Self {
        self.plus_ms(seconds.saturating_mul(1000))
    }
}

/// Reads the installation's time: wall time plus an offset, or a time set by hand.
#[derive(Clone, Debug)]
pub struct Clock {
    wall: bool,
    /// Wall clock: what is added to it. Manual clock: the time itself.
    state_ms: Arc<AtomicI64>,
    latest_ms: Arc<AtomicI64>,
}

impl Clock {
    /// Wall time, moved forward by `offset_ms`.
    pub fn wall(offset_ms: i64) -> Self {
        Self::new(true, offset_ms)
    }

    /// A clock that stands still until it is advanced: for tests.
    pub fn manual(start: Timestamp) -> Self {
        Self::new(false, start.0)
    }

    fn new(wall: bool, state_ms: i64) -> Self {
        Self {
            wall,
            state_ms: Arc::new(AtomicI64::new(state_ms)),
            latest_ms: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }

    pub fn now(&self) -> Timestamp {
        let state_ms = self.state_ms.load(Ordering::Relaxed);
        let now_ms = if self.wall {
            wall_ms().saturating_add(state_ms)
        } else {
            state_ms
        };
        Timestamp(
            self.latest_ms
                .fetch_max(now_ms, Ordering::Relaxed)
                .max(now_ms),
        )
    }

    /// Moves the clock forward by so many milliseconds.
    pub fn advance_ms(&self, milliseconds: u64) {
        let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
        let mut state_ms = self.state_ms.load(Ordering::Relaxed);
        while let Err(meanwhile_ms) = self.state_ms.compare_exchange_weak(
            state_ms,
            state_ms.saturating_add(milliseconds),
            Ordering::Relaxed,
            Ordering::Relaxed,
        ) {
            state_ms = meanwhile_ms;
        }
    }

    /// How far a wall clock was moved forward: what [`save_offset`] keeps over a restart.
    pub fn offset_ms(&self) -> i64 {
        if self.wall {
            self.state_ms.load(Ordering::Relaxed)
        } else {
            0
        }
    }

    /// Real time to wait until the clock shows `due`; `None` where only `advance_ms` gets there.
    pub fn wait_until(&self, due: Timestamp) -> Option<std::time::Duration> {
        let wait_ms = due.0.saturating_sub(self.now().0).max(0);
        self.wall
            .then(|| std::time::Duration::from_millis(wait_ms.unsigned_abs()))
    }
}

/// The offset kept by the last [`save_offset`], in milliseconds; 0 where there was none.
pub fn load_offset(tx: &Tx<'_>) -> Result<i64, StoreError> {
    Ok(tx.load(CLOCK, OFFSET)?.unwrap_or_default())
}

/// Keeps the clock's offset, so that after a restart what is past stays past.
pub fn save_offset(tx: &mut Tx<'_>, offset_ms: i64) -> Result<(), StoreError> {
    tx.save(CLOCK, OFFSET, &offset_ms)
}

/// Wall time, for signatures: never moved.
pub fn wall_now() -> Timestamp {
    Timestamp(wall_ms())
}

/// Wall time in microseconds since the epoch, for spans.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the machine's clock"
)]
pub fn wall_micros() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_epoch.map_or(0, |elapsed| {
        i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
    })
}

fn wall_ms() -> i64 {
    wall_micros() / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_advanced() {
        let clock = Clock::manual(Timestamp::from_seconds(10));
        assert_eq!(clock.now(), Timestamp(10_000));
        clock.advance_ms(500);
        assert_eq!(clock.now(), Timestamp(10_500));
        assert_eq!(clock.wait_until(Timestamp(11_000)), None);
        clock.advance_ms(u64::MAX);
        assert_eq!(clock.now(), Timestamp(i64::MAX));
    }

    #[tokio::test]
    async fn the_offset_outlives_reopening() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = || {
            let key = crate::store::PageKey::new([7; 64]);
            crate::Store::open(directory.path(), &key).expect("the store opens")
        };
        let store = open();
        let clock = Clock::wall(store.read(|tx| load_offset(tx)).expect("read"));
        assert_eq!(clock.offset_ms(), 0);
        clock.advance_ms(31 * 86_400_000);
        let offset_ms = clock.offset_ms();
        let saved = store.write(move |tx| save_offset(tx, offset_ms)).await;
        saved.expect("written");
        drop(store);
        assert_eq!(
            open().read(|tx| load_offset(tx)).expect("read"),
            31 * 86_400_000
        );
    }
}
