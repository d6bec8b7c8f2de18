//! The one clock of an installation.
//!
//! Everything that falls due (retention, retries, alarms, deletion windows) follows this clock, which
//! can be moved forward; signatures and TLS stay on wall time. It never runs backwards: what is stored
//! as past stays past.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

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
            wall_ms() + state_ms
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
    pub fn advance_ms(&self, milliseconds: u32) {
        self.state_ms
            .fetch_add(i64::from(milliseconds), Ordering::Relaxed);
    }

    /// Real time to wait until the clock shows `due`; `None` where only `advance_ms` gets there.
    pub fn wait_until(&self, due: Timestamp) -> Option<std::time::Duration> {
        let wait_ms = due.0.saturating_sub(self.now().0).max(0);
        self.wall
            .then(|| std::time::Duration::from_millis(wait_ms.unsigned_abs()))
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
    }
}
