//! What happened, as OpenTelemetry-shaped spans: one tree from the request to its last effect.
//!
//! Spans are collected in memory while a request runs and stored afterwards, off its path. Losing the
//! last ones in a crash loses no data of anybody's; so they are not part of any operation's commit.
//! They are stored many in a row and found by scanning a small index: every request writes, hardly
//! anybody reads.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::wall_micros;
use crate::id::Ids;
use crate::key::Key;
use crate::store::{Direction, StoreError, Table, Tx};

/// Spans as they were stored, many in a row: 2, 3 and 8 held one a row.
const CHUNKS: Table = Table::new(9, "kernel.trace_chunks");
const INDEX: Table = Table::new(10, "kernel.trace_index");
/// So that a chunk stays below what a page of the store takes well.
const CHUNK_SPANS_MAX: usize = 64;
/// So that one pruning does not hold the writer up for long.
pub const PRUNED_CHUNKS_MAX: usize = 256;

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

/// Spans of several requests, ready to be stored: encoding them is no work for the writer.
#[derive(Debug)]
pub struct Chunk {
    spans: Vec<u8>,
    index: Vec<u8>,
}

/// What is found without decoding a chunk: how many requests end in it, and of each span the hashes of
/// its trace and its request.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Index {
    requests: usize,
    hashes: Vec<(u64, u64)>,
}

/// A span as it lies in a chunk; the flag says that it is the topmost of its request there.
type Stored<'a> = (bool, Cow<'a, Span>);

/// Encodes finished spans.
pub fn encode(spans: &[Span]) -> Result<Vec<Chunk>, StoreError> {
    let known: HashSet<_> = spans
        .iter()
        .map(|span| (span.span_id.as_str(), span.request_id.as_str()))
        .collect();
    // A span above belongs to the same request, or the span is the top of its own.
    let is_topmost = |span: &Span| {
        let above = span.parent_span_id.as_deref();
        !above.is_some_and(|above| known.contains(&(above, span.request_id.as_str())))
    };
    let chunks = spans.chunks(CHUNK_SPANS_MAX).map(|spans| {
        let stored: Vec<Stored<'_>> = spans
            .iter()
            .map(|span| (is_topmost(span), Cow::Borrowed(span)))
            .collect();
        Chunk::of(&stored)
    });
    chunks.collect()
}

impl Chunk {
    fn of(spans: &[Stored<'_>]) -> Result<Self, StoreError> {
        let hashes = spans
            .iter()
            .map(|(_, span)| (hash(&span.trace_id), hash(&span.request_id)));
        let mut hashes: Vec<_> = hashes.collect();
        hashes.sort_unstable();
        hashes.dedup();
        let index = Index {
            requests: spans.iter().filter(|(topmost, _)| *topmost).count(),
            hashes,
        };
        let broken = |error: rmp_serde::encode::Error| StoreError::Record(error.to_string());
        Ok(Self {
            spans: rmp_serde::to_vec(spans).map_err(broken)?,
            index: rmp_serde::to_vec(&index).map_err(broken)?,
        })
    }
}

/// The same in every life of the installation, unlike the standard library's.
fn hash(id: &str) -> u64 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, id.as_bytes())
}

/// Stores chunks, the newest before all others.
pub fn keep(tx: &mut Tx<'_>, chunks: Vec<Chunk>) -> Result<(), StoreError> {
    for chunk in chunks {
        let key = Key::new().number_descending(tx.next_sequence()?);
        tx.put(CHUNKS, &key, chunk.spans)?;
        tx.put(INDEX, &key, chunk.index)?;
    }
    Ok(())
}

/// Stores finished spans, findable by trace, by request and, the topmost of a request, by time.
pub fn save(tx: &mut Tx<'_>, spans: &[Span]) -> Result<(), StoreError> {
    keep(tx, encode(spans)?)
}

/// The spans of a trace, by start; `id` is a trace id or the id of a request in it.
pub fn load(tx: &Tx<'_>, id: &str) -> Result<Vec<Span>, StoreError> {
    let of_request = find(tx, id, |&(_, request)| request, |span| &span.request_id)?;
    let trace_id = of_request.first().map_or(id, |span| &span.trace_id);
    let mut spans = find(tx, trace_id, |&(trace, _)| trace, |span| &span.trace_id)?;
    spans.sort_by(|a, b| (a.start_us, &a.span_id).cmp(&(b.start_us, &b.span_id)));
    Ok(spans)
}

/// The spans that have this id: first by its hash in the indexes, then in the chunks these name.
fn find(
    tx: &Tx<'_>,
    id: &str,
    indexed: fn(&(u64, u64)) -> u64,
    id_of: fn(&Span) -> &String,
) -> Result<Vec<Span>, StoreError> {
    let wanted = hash(id);
    let mut found = Vec::new();
    for pair in tx.prefix(INDEX, Key::new(), Direction::Forward)? {
        let (key, value) = pair?;
        let index: Index = crate::store::decode(&value)?;
        if index.hashes.iter().any(|pair| indexed(pair) == wanted) {
            let spans = chunk(tx, &key)?.into_iter().map(|(_, span)| span);
            found.extend(spans.filter(|span| id_of(span) == id));
        }
    }
    Ok(found)
}

fn chunk(tx: &Tx<'_>, key: &[u8]) -> Result<Vec<(bool, Span)>, StoreError> {
    let stored: Option<Vec<(bool, Span)>> = tx.load(CHUNKS, key)?;
    Ok(stored.unwrap_or_default())
}

/// The last `limit` requests as their topmost spans, the newest first.
pub fn recent(tx: &Tx<'_>, limit: usize) -> Result<Vec<Span>, StoreError> {
    let mut spans: Vec<Span> = Vec::new();
    for pair in tx.prefix(CHUNKS, Key::new(), Direction::Forward)? {
        if spans.len() >= limit {
            break;
        }
        let stored: Vec<(bool, Span)> = crate::store::decode(&pair?.1)?;
        let topmost = stored.into_iter().filter(|(topmost, _)| *topmost);
        spans.extend(topmost.map(|(_, span)| span));
    }
    spans.sort_by_key(|span| std::cmp::Reverse(span.start_us));
    spans.truncate(limit);
    Ok(spans)
}

/// Removes the oldest chunks, as long as those left hold `keep_requests`; at most
/// [`PRUNED_CHUNKS_MAX`] a call. Gives the number of requests removed.
pub fn prune(tx: &mut Tx<'_>, keep_requests: usize) -> Result<usize, StoreError> {
    let (mut kept, mut overdue) = (0, Vec::new());
    for pair in tx.prefix(INDEX, Key::new(), Direction::Forward)? {
        let (key, value) = pair?;
        let index: Index = crate::store::decode(&value)?;
        if kept >= keep_requests {
            overdue.push((key, index.requests));
        }
        kept += index.requests;
    }
    let mut pruned = 0;
    for (key, requests) in overdue.into_iter().rev().take(PRUNED_CHUNKS_MAX) {
        tx.delete(INDEX, &key)?;
        tx.delete(CHUNKS, &key)?;
        pruned += requests;
    }
    Ok(pruned)
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
