//! The worker: takes due events out of the outbox and has them delivered.
//!
//! One loop, woken by a commit that left an event or by the next due time. Events with the same order
//! key go one at a time; all others side by side, bounded. Invocations have places of their own: they may
//! run for minutes, and nothing else shall wait for them. An event whose delivery fails goes back with a
//! growing delay: it is never dropped here.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cumulet_engine::Context;
use cumulet_engine::Engine;
use cumulet_kernel::outbox::{self, Entry, EntryId};
use cumulet_kernel::{Event, StoreError};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::Server;
use super::clock::Delivered;

const DELIVERIES_MAX: usize = 64;
const INVOCATIONS_MAX: usize = 256;
const BATCH: usize = 1_024;
const RETRY_FIRST_MS: i64 = 200;
const RETRY_MAX_MS: i64 = 60_000;
/// A clock that stands still is looked at again this often: it may have been advanced.
const IDLE: Duration = Duration::from_secs(1);

/// What is being delivered right now.
#[derive(Debug, Default)]
struct InFlight {
    entries: HashSet<EntryId>,
    keys: HashSet<String>,
}

/// How many deliveries run side by side.
#[derive(Clone, Debug)]
struct Places {
    invocations: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            invocations: Arc::new(Semaphore::new(INVOCATIONS_MAX)),
            others: Arc::new(Semaphore::new(DELIVERIES_MAX)),
        }
    }
}

impl Places {
    fn take(&self, entry: &Entry) -> Option<OwnedSemaphorePermit> {
        let places = match entry.event {
            Event::FunctionInvocation { .. } => &self.invocations,
            // A poll of an event source ends with an invocation.
            Event::Timer {
                ref service,
                ref kind,
                ..
            } if service == "lambda" && kind == "poll" => &self.invocations,
            _ => &self.others,
        };
        places.clone().try_acquire_owned().ok()
    }
}

/// Delivers for ever.
pub(super) async fn run(server: Server) {
    let in_flight = Arc::new(Mutex::new(InFlight::default()));
    let finished = Arc::new(Notify::new());
    let places = Places::default();
    loop {
        let filled = server.engine.store.outbox_filled();
        let started = start_due(&server, &in_flight, &finished, &places).await;
        let wait = match started {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(%error, "the outbox cannot be read");
                IDLE
            }
        };
        tokio::select! {
            () = filled => {}
            () = finished.notified() => {}
            () = server.clock_moved.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Starts every delivery that may start now; answers how long to wait for the next.
async fn start_due(
    server: &Server,
    in_flight: &Arc<Mutex<InFlight>>,
    finished: &Arc<Notify>,
    places: &Places,
) -> Result<Duration, StoreError> {
    let now = server.engine.clock.now();
    let (due, next) = server.engine.store.read(|tx| {
        let due = outbox::due(tx, now, BATCH)?;
        Ok::<_, StoreError>((due, outbox::next_due_after(tx, now)?))
    })?;
    for entry in due {
        let Some(claim) = Claim::take(in_flight, finished, &entry) else {
            continue;
        };
        // Where none is free the entry stays; a finished delivery wakes the loop again.
        let Some(place) = places.take(&entry) else {
            continue;
        };
        let server = server.clone();
        server.delivering.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            deliver(&server, entry).await;
            server.delivering.fetch_sub(1, Ordering::SeqCst);
            drop((claim, place));
        });
    }
    Ok(next
        .and_then(|due| server.engine.clock.wait_until(due))
        .unwrap_or(IDLE)
        .min(IDLE))
}

async fn deliver(server: &Server, entry: Entry) {
    let name = entry.event.name();
    // An invocation goes on with the trace of the call that left it.
    let trace_id = match &entry.event {
        Event::FunctionInvocation { trace_id, .. } => trace_id.as_deref(),
        _ => None,
    };
    let (context, span) = server.internal_context(&format!("deliver {name}"), trace_id);
    let outcome =
        cumulet_engine::delivery::deliver(&server.engine, context.clone(), entry.clone()).await;
    let delivered = Delivered {
        due_ms: entry.id.due.milliseconds(),
        event: name,
        subject: entry.event.order_key(),
        error: outcome.as_ref().err().map(|error| error.code.to_string()),
    };
    if let Err(error) = outcome {
        context.trace.fail(&error.code);
        tracing::warn!(%error, event = name, attempts = entry.attempts, "a delivery failed");
        put_back(&server.engine, &context, entry).await;
    }
    // Nobody listens but while the clock is moved.
    drop(server.deliveries.send(delivered));
    drop(span);
    server.traces.keep(&context.trace);
}

/// Leaves a failed event for later, unless its handler already took it out.
async fn put_back(engine: &Engine, context: &Context, entry: Entry) {
    let due = engine.clock.now().plus_ms(retry_delay_ms(entry.attempts));
    let put_back = engine.write(move |tx| {
        if outbox::holds(tx, entry.id)? {
            outbox::retry(tx, entry, due)?;
        }
        Ok(())
    });
    let put_back = put_back.await;
    if let Err(error) = put_back {
        context.trace.fail(&error.code);
    }
}

fn retry_delay_ms(attempts: u32) -> i64 {
    RETRY_FIRST_MS
        .saturating_mul(1 << attempts.min(16))
        .min(RETRY_MAX_MS)
}

/// The right to deliver an entry; given back when dropped.
struct Claim {
    in_flight: Arc<Mutex<InFlight>>,
    finished: Arc<Notify>,
    id: EntryId,
    key: String,
}

impl Claim {
    fn take(
        in_flight: &Arc<Mutex<InFlight>>,
        finished: &Arc<Notify>,
        entry: &Entry,
    ) -> Option<Self> {
        let (id, key) = (entry.id, entry.event.order_key());
        let mut taken = in_flight.lock().ok()?;
        if taken.entries.contains(&id) || !taken.keys.insert(key.clone()) {
            return None;
        }
        taken.entries.insert(id);
        drop(taken);
        Some(Self {
            in_flight: in_flight.clone(),
            finished: finished.clone(),
            id,
            key,
        })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Ok(mut taken) = self.in_flight.lock() {
            taken.entries.remove(&self.id);
            taken.keys.remove(&self.key);
        }
        self.finished.notify_one();
    }
}
