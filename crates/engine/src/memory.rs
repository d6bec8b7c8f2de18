//! What services remember between calls and may forget at any time: caches and token buckets.
//!
//! It belongs to an engine, so two engines in one process share nothing, and a restart begins afresh. What must
//! outlive a restart belongs in the store.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

type Kept = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

/// One value of each type, made when it is first asked for; clones share them.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Kept>>);

impl std::fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Memory")
    }
}

impl Memory {
    /// The engine's own `T`.
    pub fn of<T: Any + Default + Send + Sync>(&self) -> Arc<T> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.get(&TypeId::of::<T>()).cloned();
        if let Some(known) = known.and_then(|known| known.downcast().ok()) {
            return known;
        }
        let made = Arc::new(T::default());
        kept.insert(TypeId::of::<T>(), made.clone());
        made
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn clones_share_and_engines_do_not() {
        let (one, other) = (Memory::default(), Memory::default());
        one.clone().of::<AtomicU32>().store(7, Ordering::Relaxed);
        assert_eq!(one.of::<AtomicU32>().load(Ordering::Relaxed), 7);
        assert_eq!(other.of::<AtomicU32>().load(Ordering::Relaxed), 0);
    }
}
