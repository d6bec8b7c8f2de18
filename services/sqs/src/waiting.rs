//! Long polls wait here until something may have come.
//!
//! A sender wakes the waiting from within its transaction. Whoever is woken tries again by a write, and
//! writes run one after another, so it sees what woke it; where that transaction failed it finds nothing
//! and waits on. Nothing here is state: a wake-up that is lost costs a poll its remaining seconds.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

static WAITING: LazyLock<Mutex<HashMap<String, Weak<Notify>>>> = LazyLock::new(Mutex::default);

/// The bell of a queue, for as long as somebody holds it.
pub(super) fn bell(queue_arn: &str) -> Arc<Notify> {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bell) = waiting.get(queue_arn).and_then(Weak::upgrade) {
        return bell;
    }
    waiting.retain(|_, bell| bell.strong_count() > 0);
    let bell = Arc::new(Notify::new());
    waiting.insert(queue_arn.to_owned(), Arc::downgrade(&bell));
    bell
}

pub(super) fn wake(queue_arn: &str) {
    let waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bell) = waiting.get(queue_arn).and_then(Weak::upgrade) {
        bell.notify_waiters();
    }
}
