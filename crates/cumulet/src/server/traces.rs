//! Keeps finished spans: collected off the way of a request, stored in groups.

use std::time::Duration;

use cumulet_engine::Error;
use cumulet_identity::iam;
use cumulet_kernel::trace::{self, Span, Trace};
use cumulet_kernel::{Store, StoreError};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

/// How long spans wait for company before they are stored.
const GATHER: Duration = Duration::from_millis(200);
/// Spans waiting beyond this many are dropped: a trace is a convenience, a full memory is not.
const WAITING_MAX: usize = 10_000;
const GROUP_MAX: usize = 4_000;
/// Requests whose traces are kept, and how many spans may come in addition before the oldest go.
const REQUESTS_MAX: usize = 20_000;
const PRUNE_AFTER_SPANS: usize = 10_000;

#[derive(Debug)]
enum Message {
    Spans(Vec<Span>),
    Flush(oneshot::Sender<()>),
}

/// A handle on the task that stores spans.
#[derive(Clone, Debug)]
pub(super) struct Traces {
    queue: mpsc::Sender<Message>,
}

impl Traces {
    pub(super) fn start(store: Store) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(store_spans(store, waiting));
        Self { queue }
    }

    /// Takes what the trace has finished so far; tells what IAM would have refused of it, in report mode.
    pub(super) fn keep(&self, trace: &Trace) -> Option<String> {
        let spans = trace.take_finished();
        let denials = spans
            .iter()
            .filter_map(|span| span.attributes.get("iam.would_deny"));
        let would_deny = denials.filter_map(Value::as_str).next().map(str::to_owned);
        if !spans.is_empty() && self.queue.try_send(Message::Spans(spans)).is_err() {
            tracing::debug!("spans are dropped: too many wait to be stored");
        }
        would_deny
    }

    /// Resolves when everything kept before is stored.
    pub(super) async fn flush(&self) {
        let (done, stored) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            drop(stored.await);
        }
    }
}

async fn store_spans(store: Store, mut waiting: mpsc::Receiver<Message>) {
    let mut unpruned = PRUNE_AFTER_SPANS;
    while let Some(first) = waiting.recv().await {
        let mut spans = Vec::new();
        let mut flushed = Vec::new();
        sort(first, &mut spans, &mut flushed);
        if flushed.is_empty() {
            tokio::time::sleep(GATHER).await;
        }
        while spans.len() < GROUP_MAX {
            let Ok(message) = waiting.try_recv() else {
                break;
            };
            sort(message, &mut spans, &mut flushed);
        }
        unpruned += spans.len();
        if let Err(error) = store_group(&store, spans, &mut unpruned).await {
            tracing::warn!(%error, "spans cannot be stored, or old ones not removed");
        }
        flushed.into_iter().for_each(|done| _ = done.send(()));
    }
}

/// Stores spans, and what their decisions say of the principals that made the calls.
async fn store_group(store: &Store, spans: Vec<Span>, unpruned: &mut usize) -> Result<(), Error> {
    let noted = spans.iter().filter_map(|span| span.attributes.get("decisions"));
    let decisions: Vec<Value> = noted.filter_map(Value::as_array).flatten().cloned().collect();
    let chunks = trace::encode(&spans)?;
    store
        .write::<(), Error, _>(move |tx| {
            trace::keep(tx, chunks)?;
            iam::observe(tx, &decisions)
        })
        .await?;
    if *unpruned < PRUNE_AFTER_SPANS {
        return Ok(());
    }
    *unpruned = 0;
    // In steps, so that no group of commits waits long for it.
    loop {
        let pruned: Result<usize, StoreError> =
            store.write(|tx| trace::prune(tx, REQUESTS_MAX)).await;
        if pruned? == 0 {
            return Ok(());
        }
    }
}

fn sort(message: Message, spans: &mut Vec<Span>, flushed: &mut Vec<oneshot::Sender<()>>) {
    match message {
        Message::Spans(more) => spans.extend(more),
        Message::Flush(done) => flushed.push(done),
    }
}
