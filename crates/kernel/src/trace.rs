//! What happened, as OpenTelemetry-shaped spans: one tree from the request to its last effect.
//!
//! Spans are collected in memory while a request runs and stored afterwards, off its path. Losing the
//! last ones in a crash loses no data of anybody's; so they are not part of any operation's commit.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::wall_micros;
use crate::id::Ids;
use crate::key::Key;
use crate::store::{Direction, StoreError, Table, Tx};

const SPANS: Table = Table::new(2, "kernel.spans");
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

/// Stores finished spans, findable by trace and by request.
pub fn save(tx: &mut Tx<'_>, spans: &[Span]) -> Result<(), StoreError> {
    for span in spans {
        let key = Key::new()
            .text(&span.trace_id)
            .number(span.start_us.max(0).unsigned_abs())
            .text(&span.span_id);
        tx.save(SPANS, key, span)?;
        tx.put(
            TRACE_OF_REQUEST,
            Key::new().text(&span.request_id),
            span.trace_id.clone().into_bytes(),
        )?;
    }
    Ok(())
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
