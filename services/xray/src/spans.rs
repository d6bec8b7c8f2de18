//! The engine's own spans, seen as X-Ray's segments.
//!
//! A span without a parent in its trace becomes a segment, and so does a function, which X-Ray gives a
//! segment of its own; all others are subsegments. A trace belongs to the account of the principal or of
//! the function in it: what names neither is shown to nobody.

use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use cumulet_kernel::trace::{self, Span};
use serde_json::{Map, Value, json};

const FUNCTION: &str = "function ";

/// The segments of a trace out of the engine's spans; empty where it is none of this account's.
pub(super) fn segments(tx: &Tx<'_>, context: &Context, trace_id: &str) -> Result<Vec<Value>> {
    let plain = trace_id.trim_start_matches("1-").replace('-', "");
    let spans = trace::load(tx, &plain)?;
    if !belongs(&spans, context) {
        return Ok(Vec::new());
    }
    let tops = spans.iter().filter(|span| is_segment(span, &spans));
    Ok(tops.map(|top| segment(top, &spans, trace_id)).collect())
}

/// The trace ids of the engine's latest requests, as X-Ray writes them.
pub(super) fn recent(tx: &Tx<'_>, limit: usize) -> Result<Vec<String>> {
    let roots = trace::recent(tx, limit)?;
    let ids = roots.iter().filter_map(|root| {
        let (second, rest) = root.trace_id.split_at_checked(8)?;
        Some(format!("1-{second}-{rest}"))
    });
    Ok(ids.collect())
}

fn belongs(spans: &[Span], context: &Context) -> bool {
    let mut owners = spans.iter().flat_map(|span| {
        let named = ["function.arn", "principal"].into_iter();
        named.filter_map(|name| Arn::parse(span.attributes.get(name)?.as_str()?))
    });
    owners.any(|arn| {
        let is_region = arn.region.is_empty() || arn.region == &*context.region;
        arn.account == &*context.account && is_region
    })
}

fn is_segment(span: &Span, spans: &[Span]) -> bool {
    let has_parent = span
        .parent_span_id
        .as_ref()
        .is_some_and(|parent| spans.iter().any(|other| other.span_id == *parent));
    !has_parent || span.name.starts_with(FUNCTION)
}

fn segment(span: &Span, spans: &[Span], trace_id: &str) -> Value {
    let mut segment = described(span, spans);
    segment.insert("trace_id".into(), trace_id.into());
    if let Some(parent) = &span.parent_span_id {
        segment.insert("parent_id".into(), parent.clone().into());
    }
    if span.name.starts_with(FUNCTION) {
        segment.insert("origin".into(), "AWS::Lambda::Function".into());
        if let Some(arn) = span.attributes.get("function.arn") {
            segment.insert("resource_arn".into(), arn.clone());
        }
    }
    Value::Object(segment)
}

fn described(span: &Span, spans: &[Span]) -> Map<String, Value> {
    let mut shown = Map::new();
    let name = span.name.strip_prefix(FUNCTION).unwrap_or(&span.name);
    shown.insert("id".into(), span.span_id.clone().into());
    shown.insert("name".into(), name.into());
    shown.insert("start_time".into(), json!(span.start_us as f64 / 1e6));
    shown.insert("end_time".into(), json!(span.end_us as f64 / 1e6));
    failed(span, &mut shown);
    http(span, &mut shown);
    if !span.attributes.is_empty() {
        shown.insert("metadata".into(), json!({ "cumulet": span.attributes }));
    }
    let children = spans.iter().filter(|child| {
        child.parent_span_id.as_ref() == Some(&span.span_id) && !child.name.starts_with(FUNCTION)
    });
    let children: Vec<Value> = children
        .map(|child| Value::Object(described(child, spans)))
        .collect();
    if !children.is_empty() {
        shown.insert("subsegments".into(), children.into());
    }
    shown
}

/// A status of 4xx is an error, 429 a throttle too, all else that failed a fault.
fn failed(span: &Span, shown: &mut Map<String, Value>) {
    let Some(code) = &span.error else { return };
    let status = span.attributes.get("status").and_then(Value::as_u64);
    let is_throttle =
        status == Some(429) || code.contains("Throttl") || code == "TooManyRequestsException";
    let is_error = is_throttle || matches!(status, Some(400..=499));
    shown.insert(if is_error { "error" } else { "fault" }.into(), true.into());
    if is_throttle {
        shown.insert("throttle".into(), true.into());
    }
    shown.insert(
        "cause".into(),
        json!({ "exceptions": [{ "id": span.span_id, "type": code }] }),
    );
}

fn http(span: &Span, shown: &mut Map<String, Value>) {
    let request = span
        .name
        .split_once(' ')
        .filter(|(_, path)| path.starts_with('/'));
    let Some((method, path)) = request else {
        return;
    };
    let mut http = json!({ "request": { "method": method, "url": path } });
    if let Some(status) = span.attributes.get("status") {
        http["response"] = json!({ "status": status });
    }
    shown.insert("http".into(), http);
}
