//! Segments come in: checked one by one, so that one bad document does not lose the others.
//!
//! <https://docs.aws.amazon.com/xray/latest/api/API_PutTraceSegments.html>

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::store::{Direction, decode};
use cumulet_kernel::{Event, Key, Timestamp, Tx};
use serde_json::{Value, json};

use super::api::{PutTraceSegmentsInput, PutTraceSegmentsOutput, UnprocessedTraceSegment};
use super::state::{REGIONS, SEGMENTS, SegmentRecord, TRACES, region_key};

const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
const DAY_S: i64 = 86_400;
const KEPT_S: i64 = 30 * DAY_S;
const SWEPT_TRACES: usize = 200;

pub(super) fn put(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutTraceSegmentsInput,
) -> Result<PutTraceSegmentsOutput> {
    let mut unprocessed = Vec::new();
    for document in input.trace_segment_documents {
        match check(&document) {
            Ok(segment) => store(tx, context, &segment, document)?,
            Err(refused) => unprocessed.push(refused),
        }
    }
    Ok(PutTraceSegmentsOutput {
        unprocessed_trace_segments: unprocessed,
    })
}

struct Checked {
    trace_id: String,
    id: String,
    in_progress: bool,
}

fn check(document: &str) -> Result<Checked, UnprocessedTraceSegment> {
    let refused = |id: Option<&str>, code: &str| UnprocessedTraceSegment {
        id: id.map(str::to_owned),
        error_code: code.to_owned(),
        message: format!("Invalid segment. ErrorCode: {code}"),
    };
    let parsed: Value = serde_json::from_str(document).map_err(|_| refused(None, "ParseError"))?;
    let text = |name: &str| parsed[name].as_str();
    let id = text("id").ok_or_else(|| refused(None, "MissingId"))?;
    let refuse = |code: &str| refused(Some(id), code);
    if document.len() > DOCUMENT_BYTES_MAX {
        return Err(refuse("DocumentSizeExceeded"));
    }
    if !is_hex(id, 16) {
        return Err(refuse("InvalidId"));
    }
    let trace_id = text("trace_id").ok_or_else(|| refuse("MissingTraceId"))?;
    if second_of(trace_id).is_none() {
        return Err(refuse("InvalidTraceId"));
    }
    if text("name").is_none_or(str::is_empty) {
        return Err(refuse("MissingName"));
    }
    if !parsed["start_time"].is_number() {
        return Err(refuse("MissingStartTime"));
    }
    let in_progress = parsed["in_progress"] == json!(true);
    if !in_progress && !parsed["end_time"].is_number() {
        return Err(refuse("MissingEndTime"));
    }
    if text("type") == Some("subsegment") && text("parent_id").is_none() {
        return Err(refuse("MissingParentId"));
    }
    Ok(Checked {
        trace_id: trace_id.to_owned(),
        id: id.to_owned(),
        in_progress,
    })
}

pub(super) fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The second in which a trace began, out of its id: `1-5f84c7a1-0123456789abcdef01234567`.
pub(super) fn second_of(trace_id: &str) -> Option<u64> {
    let mut parts = trace_id.split('-');
    let (version, second, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole =
        version == "1" && is_hex(second, 8) && is_hex(rest, 24) && parts.next().is_none();
    u64::from_str_radix(second, 16).ok().filter(|_| is_whole)
}

/// A segment that has ended takes the place of its beginning, and never the other way round.
fn store(tx: &mut Tx<'_>, context: &Context, segment: &Checked, document: String) -> Result<()> {
    let key = region_key(context)
        .text(&segment.trace_id)
        .text(&segment.id);
    let known: Option<SegmentRecord> = tx.load(SEGMENTS, &key)?;
    if segment.in_progress && known.is_some_and(|known| !known.in_progress) {
        return Ok(());
    }
    let record = SegmentRecord {
        document,
        in_progress: segment.in_progress,
    };
    tx.save(SEGMENTS, key, &record)?;
    tx.put(TRACES, trace_key(context, &segment.trace_id), Vec::new())?;
    sweep_later(tx, context)
}

fn trace_key(context: &Context, trace_id: &str) -> Key {
    region_key(context)
        .number(second_of(trace_id).unwrap_or_default())
        .text(trace_id)
}

/// The documents of a trace, as they were sent.
pub(super) fn of_trace(tx: &Tx<'_>, context: &Context, trace_id: &str) -> Result<Vec<Value>> {
    let segments = tx.prefix(
        SEGMENTS,
        region_key(context).text(trace_id),
        Direction::Forward,
    )?;
    let mut documents = Vec::new();
    for pair in segments {
        let record: SegmentRecord = decode(&pair?.1)?;
        documents.extend(serde_json::from_str::<Value>(&record.document));
    }
    Ok(documents)
}

/// The ids of traces that began in a stretch of time, the earliest first.
pub(super) fn between(
    tx: &Tx<'_>,
    context: &Context,
    from_s: u64,
    to_s: u64,
) -> Result<Vec<String>> {
    let from = region_key(context).number(from_s);
    let to = region_key(context).number(to_s.saturating_add(1));
    let mut ids = Vec::new();
    for pair in tx.range(
        TRACES,
        from.as_slice(),
        Some(to.as_slice()),
        Direction::Forward,
    )? {
        let (key, _) = pair?;
        let mut reader = cumulet_kernel::key::KeyReader::new(&key);
        let place = (reader.text(), reader.text(), reader.number());
        if let (Some(_), Some(_), Some(_)) = place {
            ids.extend(reader.text());
        }
    }
    Ok(ids)
}

fn sweep_later(tx: &mut Tx<'_>, context: &Context) -> Result<()> {
    if tx.get(REGIONS, region_key(context))?.is_none() {
        tx.save(REGIONS, region_key(context), &true)?;
        emit_sweep(tx, context, context.now.plus_s(DAY_S))?;
    }
    Ok(())
}

fn emit_sweep(tx: &mut Tx<'_>, context: &Context, due: Timestamp) -> Result<()> {
    let (account, region) = (&*context.account, &*context.region);
    let event = Event::Timer {
        service: "xray".into(),
        kind: "retention".into(),
        subject: format!("{account} {region}"),
        detail: json!({ "account": account, "region": region }),
    };
    outbox::emit(tx, due, event)?;
    Ok(())
}

/// Removes traces past their thirty days, in batches.
pub(super) async fn deliver_sweep(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let now = engine.clock.now();
    let limit_s = now.plus_s(-KEPT_S).seconds().max(0).unsigned_abs();
    loop {
        let context = context.clone();
        if engine.write(move |tx| sweep(tx, &context, limit_s)).await? == 0 {
            break;
        }
    }
    engine
        .write(move |tx| {
            outbox::finish(tx, entry.id)?;
            emit_sweep(tx, &context, now.plus_s(DAY_S))
        })
        .await
}

fn sweep(tx: &mut Tx<'_>, context: &Context, limit_s: u64) -> Result<usize> {
    let old: Vec<String> = between(tx, context, 0, limit_s)?
        .into_iter()
        .take(SWEPT_TRACES)
        .collect();
    for trace_id in &old {
        tx.delete(TRACES, trace_key(context, trace_id))?;
        let segments = tx.prefix(
            SEGMENTS,
            region_key(context).text(trace_id),
            Direction::Forward,
        )?;
        let keys: Vec<Vec<u8>> = segments.map(|pair| Ok(pair?.0)).collect::<Result<_>>()?;
        for key in keys {
            tx.delete(SEGMENTS, key)?;
        }
    }
    Ok(old.len())
}
