//! What an installation is doing at this moment, counted by pool, so that no more begins than a limit allows.
//!
//! It ends with the process, so it is in no store. Which pools there are and how large is their owner's business.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts of what runs now; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Running {
    pools: Arc<Mutex<HashMap<String, u32>>>,
}

/// The right to run one thing in a pool; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    running: Running,
    pool: String,
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place in the pool, if fewer than `limit` are taken.
    pub(super) fn take(&self, pool: String, limit: u32) -> Option<Permit> {
        let mut pools = self.lock();
        let count = pools.entry(pool.clone()).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        drop(pools);
        Some(Permit {
            running: self.clone(),
            pool,
        })
    }
}

impl Permit {
    /// How many run now in the same pool, this one included.
    pub(super) fn running(&self) -> u32 {
        self.running
            .lock()
            .get(&self.pool)
            .copied()
            .unwrap_or_default()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut pools = self.running.lock();
        if let Some(count) = pools.get_mut(&self.pool) {
            *count -= 1;
            if *count == 0 {
                pools.remove(&self.pool);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_takes_no_more_than_its_limit_and_what_ends_makes_room() {
        let running = Running::default();
        let take = |limit| running.take("pool".to_owned(), limit);
        let (first, second) = (take(2).expect("room"), take(2).expect("room"));
        assert!(take(2).is_none());
        assert_eq!(first.running(), 2);
        drop(second);
        assert_eq!(first.running(), 1);
        drop(take(2).expect("room again"));
        drop(first);
        assert!(running.lock().is_empty());
    }
}
