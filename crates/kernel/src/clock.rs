//! The one clock of an installation.
//!
//! Everything that falls due (retention, retries, alarms, deletion windows) follows this clock, which
//! can be moved forward; signatures and TLS stay on wall time. It never runs backwards: what is stored
//! as past stays past.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::store::{StoreError, Table, Tx};

const CLOCK: Table = Table::new(7, "kernel.clock");
const OFFSET: &[u8] = b"offset_ms";
const FROZEN: &[u8] = b"frozen_at";

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

/// Reads the installation's time: wall time plus an offset, or a time that stands still.
#[derive(Clone, Debug)]
pub struct Clock {
    state: Arc<Mutex<ClockState>>,
    latest_ms: Arc<AtomicI64>,
}

/// What a clock shows, beside wall time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockState {
    /// What is added to wall time, in milliseconds.
    pub offset_ms: i64,
    /// Where the clock stands still.
    pub frozen_at: Option<Timestamp>,
}

impl Clock {
    /// Wall time, moved forward by `offset_ms`.
    pub fn wall(offset_ms: i64) -> Self {
        Self::restore(ClockState {
            offset_ms,
            frozen_at: None,
        })
    }

    /// A clock that stands still until it is advanced: for tests.
    pub fn manual(start: Timestamp) -> Self {
        Self::restore(ClockState {
            offset_ms: 0,
            frozen_at: Some(start),
        })
    }

    /// A clock as [`load`] found it.
    pub fn restore(state: ClockState) -> Self {
        Self {
            state: Arc::new(Mutex::new(state)),
            latest_ms: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }

    pub fn state(&self) -> ClockState {
        *self.locked()
    }

    fn locked(&self) -> MutexGuard<'_, ClockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now(&self) -> Timestamp {
        let now_ms = self.state().now_ms();
        Timestamp(
            self.latest_ms
                .fetch_max(now_ms, Ordering::Relaxed)
                .max(now_ms),
        )
    }

    /// Moves the clock forward by so many milliseconds.
    pub fn advance_ms(&self, milliseconds: u64) {
        let mut state = self.locked();
        *state = state.advanced_ms(milliseconds);
    }

    /// Lets the clock stand still at what it shows.
    pub fn freeze(&self) {
        let now = self.now();
        self.locked().frozen_at.get_or_insert(now);
    }

    /// Lets a frozen clock go on from where it stands.
    pub fn resume(&self) {
        let mut state = self.locked();
        if let Some(at) = state.frozen_at.take() {
            state.offset_ms = at.0.saturating_sub(wall_ms());
        }
    }

    /// Real time to wait until the clock shows `due`; `None` where only moving it gets there.
    pub fn wait_until(&self, due: Timestamp) -> Option<std::time::Duration> {
        let wait_ms = due.0.saturating_sub(self.now().0).max(0);
        let runs = self.state().frozen_at.is_none();
        runs.then(|| std::time::Duration::from_millis(wait_ms.unsigned_abs()))
    }
}

impl ClockState {
    fn now_ms(self) -> i64 {
        self.frozen_at
            .map_or_else(|| wall_ms().saturating_add(self.offset_ms), |at| at.0)
    }

    /// The state so many milliseconds later.
    #[must_use]
    pub fn advanced_ms(self, milliseconds: u64) -> Self {
        let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
        match self.frozen_at {
            Some(at) => Self {
                frozen_at: Some(at.plus_ms(milliseconds)),
                ..self
            },
            None => Self {
                offset_ms: self.offset_ms.saturating_add(milliseconds),
                ..self
            },
        }
    }
}

/// The clock's state as the last [`save`] kept it.
pub fn load(tx: &Tx<'_>) -> Result<ClockState, StoreError> {
    Ok(ClockState {
        offset_ms: tx.load(CLOCK, OFFSET)?.unwrap_or_default(),
        frozen_at: tx.load(CLOCK, FROZEN)?,
    })
}

/// Keeps the clock's state, so that after a restart what is past stays past.
pub fn save(tx: &mut Tx<'_>, state: ClockState) -> Result<(), StoreError> {
    tx.save(CLOCK, OFFSET, &state.offset_ms)?;
    match state.frozen_at {
        Some(at) => tx.save(CLOCK, FROZEN, &at),
        None => tx.delete(CLOCK, FROZEN),
    }
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

    #[test]
    fn a_frozen_clock_goes_on_from_where_it_stood() {
        let clock = Clock::wall(1_000_000);
        clock.freeze();
        let stood = clock.now();
        clock.advance_ms(5000);
        assert_eq!(clock.now(), stood.plus_ms(5000));
        assert_eq!(clock.wait_until(stood.plus_ms(9000)), None);
        clock.resume();
        let runs = clock.now();
        assert!(runs >= stood.plus_ms(5000) && runs < stood.plus_ms(65_000));
        assert_eq!(clock.state().frozen_at, None);
    }

    #[tokio::test]
    async fn the_state_outlives_reopening() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = || {
            let key = crate::store::PageKey::new([7; 64]);
            crate::Store::open(directory.path(), &key).expect("the store opens")
        };
        for frozen_at in [Some(Timestamp(77)), None] {
            let store = open();
            let state = ClockState {
                offset_ms: 31 * 86_400_000,
                frozen_at,
            };
            let saved = store.write(move |tx| save(tx, state)).await;
            saved.expect("written");
            drop(store);
            assert_eq!(open().read(|tx| load(tx)).expect("read"), state);
        }
    }
}
