//! What happened, as OpenTelemetry-shaped spans: one tree from the request to its last effect.
//!
//! Spans are collected in memory while a request runs and stored afterwards, off its path. Losing the
//! last ones in a crash loses no data of anybody's; so they are not part of any operation's commit.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::wall_micros;
use crate::id::Ids;
use crate::key::{Key, KeyReader};
use crate::store::{Direction, StoreError, Table, Tx};

const SPANS: Table = Table::new(2, "kernel.spans");
/// The topmost span of each request, the newest first.
const ROOTS: Table = Table::new(8, "kernel.request_spans");
/// So that one pruning does not hold the writer up for long.
pub const PRUNED_REQUESTS_MAX: usize = 256;
const TRACE_OF_REQUEST: Table = Table::new(3, "kernel.trace_of_request");

/// One timed step of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    pub parent_span_id: Option<String>,
    pub request_id: String,
    pub name: String,
    pub start_us: i64,
    pub end_us: i64,
    /// The error code, where the step failed.
    pub error: Option<String>,
    pub attributes: Map<String, Value>,
}

/// The place in a trace where a call is; clones are the same place.
#[derive(Clone, Debug)]
pub struct Trace {
    trace_id: Arc<str>,
    request_id: Arc<str>,
    span_id: Arc<str>,
    ids: Ids,
    finished: Arc<Mutex<Vec<Span>>>,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Debug, Default)]
struct Notes {
    error: Option<String>,
    attributes: Map<String, Value>,
}

impl Trace {
    /// Begins (or, with `trace_id` and `parent`, continues) a trace with the span of a request.
    pub fn begin(
        name: &str,
        request_id: &str,
        ids: &Ids,
        continued: Option<(&str, &str)>,
    ) -> (Self, SpanGuard) {
        let trace_id =
            continued.map_or_else(|| new_trace_id(ids), |(trace_id, _)| trace_id.to_owned());
        let above = Self {
            trace_id: trace_id.into(),
            request_id: request_id.into(),
            span_id: continued.map_or("", |(_, parent)| parent).into(),
            ids: ids.clone(),
            finished: Arc::default(),
            notes: Arc::default(),
        };
        above.child(name)
    }

    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    pub fn span_id(&self) -> &str {
        &self.span_id
    }

    /// Opens a span under this one.
    pub fn child(&self, name: &str) -> (Self, SpanGuard) {
        let trace = Self {
            span_id: self.ids.hex(16).into(),
            notes: Arc::default(),
            ..self.clone()
        };
        let parent = (!self.span_id.is_empty()).then(|| self.span_id.to_string());
        let guard = SpanGuard {
            trace: trace.clone(),
            name: name.to_owned(),
            parent,
            start_us: wall_micros(),
        };
        (trace, guard)
    }

    /// Notes a fact on the present span.
    pub fn note(&self, key: &str, value: impl Into<Value>) {
        if let Ok(mut notes) = self.notes.lock() {
            notes.attributes.insert(key.to_owned(), value.into());
        }
    }

    /// Appends to a list on the present span: decisions, keys used.
    pub fn note_one_more(&self, key: &str, value: Value) {
        let Ok(mut notes) = self.notes.lock() else {
            return;
        };
        let list = notes
            .attributes
            .entry(key)
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(value);
        }
    }

    pub fn fail(&self, code: &str) {
        if let Ok(mut notes) = self.notes.lock() {
            notes.error = Some(code.to_owned());
        }
    }

    /// Takes the spans finished so far.
    pub fn take_finished(&self) -> Vec<Span> {
        self.finished
            .lock()
            .map(|mut finished| std::mem::take(&mut *finished))
            .unwrap_or_default()
    }
}

/// Ends its span when dropped.
#[derive(Debug)]
pub struct SpanGuard {
    trace: Trace,
    name: String,
    parent: Option<String>,
    start_us: i64,
}

impl Drop for SpanGuard {
    fn drop(&mut self) {
        let notes = self
            .trace
            .notes
            .lock()
            .map(|mut notes| std::mem::take(&mut *notes))
            .unwrap_or_default();
        let span = Span {
            trace_id: self.trace.trace_id.to_string(),
            span_id: self.trace.span_id.to_string(),
            parent_span_id: self.parent.take(),
            request_id: self.trace.request_id.to_string(),
            name: std::mem::take(&mut self.name),
            start_us: self.start_us,
            end_us: wall_micros(),
            error: notes.error,
            attributes: notes.attributes,
        };
        if let Ok(mut finished) = self.trace.finished.lock() {
            finished.push(span);
        }
    }
}

/// A trace id whose first 8 digits are the time in seconds, as X-Ray's are.
fn new_trace_id(ids: &Ids) -> String {
    format!("{:08x}{}", wall_micros() / 1_000_000, ids.hex(24))
}

/// Stores finished spans, findable by trace, by request and, the topmost of a request, by time.
pub fn save(tx: &mut Tx<'_>, spans: &[Span]) -> Result<(), StoreError> {
    for span in spans {
        tx.save(SPANS, span_key(span), span)?;
        tx.put(
            TRACE_OF_REQUEST,
            Key::new().text(&span.request_id),
            span.trace_id.clone().into_bytes(),
        )?;
    }
    for root in spans.iter().filter(|span| is_topmost(span, spans)) {
        tx.save(ROOTS, root_key(root), &(&root.trace_id, &root.span_id))?;
    }
    Ok(())
}

/// Whether no span above this one belongs to the same request.
fn is_topmost(span: &Span, spans: &[Span]) -> bool {
    let Some(parent) = &span.parent_span_id else {
        return true;
    };
    let is_above = |other: &Span| other.span_id == *parent && other.request_id == span.request_id;
    !spans.iter().any(is_above)
}

fn span_key(span: &Span) -> Key {
    Key::new()
        .text(&span.trace_id)
        .number(span.start_us.max(0).unsigned_abs())
        .text(&span.span_id)
}

fn root_key(root: &Span) -> Key {
    Key::new()
        .number_descending(root.start_us.max(0).unsigned_abs())
        .text(&root.span_id)
}

/// The spans of a trace, by start; `id` is a trace id or the id of a request in it.
pub fn load(tx: &Tx<'_>, id: &str) -> Result<Vec<Span>, StoreError> {
    let trace_id = tx.get(TRACE_OF_REQUEST, Key::new().text(id))?;
    let trace_id = trace_id
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_else(|| id.to_owned());
    let spans = tx.prefix(SPANS, Key::new().text(&trace_id), Direction::Forward)?;
    spans.map(|pair| crate::store::decode(&pair?.1)).collect()
}

/// The last `limit` requests as their topmost spans, the newest first.
pub fn recent(tx: &Tx<'_>, limit: usize) -> Result<Vec<Span>, StoreError> {
    let roots = tx.prefix(ROOTS, Key::new(), Direction::Forward)?;
    let mut spans = Vec::new();
    for pair in roots.take(limit) {
        let (key, value) = pair?;
        let (trace_id, span_id): (String, String) = crate::store::decode(&value)?;
        let start_us = KeyReader::new(&key).number_descending().unwrap_or_default();
        let key = Key::new().text(&trace_id).number(start_us).text(&span_id);
        spans.extend(tx.load::<Span>(SPANS, key)?);
    }
    Ok(spans)
}

/// Removes requests beyond the newest `keep_requests`, with all their spans; at most
/// [`PRUNED_REQUESTS_MAX`] a call, the oldest first. Gives the number removed.
pub fn prune(tx: &mut Tx<'_>, keep_requests: usize) -> Result<usize, StoreError> {
    let roots = tx.prefix(ROOTS, Key::new(), Direction::Forward)?;
    let overdue: Result<Vec<_>, _> = roots.skip(keep_requests).collect();
    let overdue = overdue?;
    let oldest = overdue.into_iter().rev().take(PRUNED_REQUESTS_MAX);
    let mut pruned = 0;
    for (key, value) in oldest {
        tx.delete(ROOTS, key)?;
        let (trace_id, _): (String, String) = crate::store::decode(&value)?;
        remove_trace(tx, &trace_id)?;
        pruned += 1;
    }
    Ok(pruned)
}

/// A trace goes as a whole, with its first request: half a tree explains nothing.
fn remove_trace(tx: &mut Tx<'_>, trace_id: &str) -> Result<(), StoreError> {
    let spans = tx.prefix(SPANS, Key::new().text(trace_id), Direction::Forward)?;
    let spans: Result<Vec<_>, _> = spans.collect();
    for (key, value) in spans? {
        let span: Span = crate::store::decode(&value)?;
        tx.delete(SPANS, key)?;
        tx.delete(TRACE_OF_REQUEST, Key::new().text(&span.request_id))?;
        tx.delete(ROOTS, root_key(&span))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{PageKey, Store};

    fn span(request: &str, span_id: &str, parent: Option<&str>, start_us: i64) -> Span {
        Span {
            trace_id: format!("trace-{request}"),
            span_id: span_id.into(),
            parent_span_id: parent.map(str::to_owned),
            request_id: request.into(),
            name: format!("{request}/{span_id}"),
            start_us,
            end_us: start_us + 1,
            error: None,
            attributes: Map::new(),
        }
    }

    #[tokio::test]
    async fn the_newest_requests_are_listed_and_the_oldest_pruned_with_their_spans() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path(), &PageKey::new([7; 64])).expect("opens");
        let saved = store.write(|tx| {
            for (request, start_us) in [("one", 10), ("two", 20), ("three", 30)] {
                // Continued from a caller's span that is not ours: still the top of its request.
                let root = span(
                    request,
                    &format!("{request}-a"),
                    Some("elsewhere"),
                    start_us,
                );
                let below = span(
                    request,
                    &format!("{request}-b"),
                    Some(&root.span_id),
                    start_us + 1,
                );
                save(tx, &[below, root])?;
            }
            Ok::<_, StoreError>(())
        });
        saved.await.expect("written");
        let names = || {
            let recent = store.read(|tx| recent(tx, 2)).expect("read");
            recent.into_iter().map(|span| span.name).collect::<Vec<_>>()
        };
        assert_eq!(names(), ["three/three-a", "two/two-a"]);
        let pruned = store.write(|tx| prune(tx, 1)).await;
        assert_eq!(pruned.expect("pruned"), 2);
        assert_eq!(names(), ["three/three-a"]);
        let load = |id: &'static str| store.read(|tx| load(tx, id)).expect("read").len();
        assert_eq!((load("one"), load("trace-two"), load("three")), (0, 0, 2));
    }
}
