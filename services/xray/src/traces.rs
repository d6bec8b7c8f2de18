//! Traces go out: whole, or in summary.
//!
//! <https://docs.aws.amazon.com/xray/latest/api/API_GetTraceSummaries.html>

use std::collections::BTreeSet;

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use serde_json::{Map, Value, json};

use super::api::{
    BatchGetTracesInput, BatchGetTracesOutput, GetTraceSummariesInput, GetTraceSummariesOutput,
    Segment, Trace,
};
use super::filter::Filter;
use super::segments::{self, second_of};
use super::{invalid, spans};

const TRACES_MAX: usize = 5;
const SUMMARIES: usize = 100;
const RECENT_REQUESTS: usize = 1000;
const DAY_S: f64 = 86_400.0;

/// <https://docs.aws.amazon.com/xray/latest/api/API_BatchGetTraces.html>
pub(super) fn batch_get(
    tx: &mut Tx<'_>,
    context: &Context,
    input: BatchGetTracesInput,
) -> Result<BatchGetTracesOutput> {
    if input.trace_ids.len() > TRACES_MAX {
        return Err(invalid(format!(
            "At most {TRACES_MAX} traces can be retrieved at a time."
        )));
    }
    let mut output = BatchGetTracesOutput {
        traces: Vec::new(),
        unprocessed_trace_ids: Vec::new(),
    };
    for trace_id in input.trace_ids {
        let segments = segments_of(tx, context, &trace_id)?;
        if segments.is_empty() {
            output.unprocessed_trace_ids.push(trace_id);
            continue;
        }
        let (start, end) = extent(&segments);
        let segments = segments.into_iter().map(|segment| Segment {
            id: segment["id"].as_str().unwrap_or_default().to_owned(),
            document: segment.to_string(),
        });
        output.traces.push(Trace {
            id: trace_id,
            duration: end - start,
            limit_exceeded: false,
            segments: segments.collect(),
        });
    }
    Ok(output)
}

/// What clients sent and what the engine saw, subsegments under their parents.
pub(super) fn segments_of(tx: &Tx<'_>, context: &Context, trace_id: &str) -> Result<Vec<Value>> {
    let mut all = segments::of_trace(tx, context, trace_id)?;
    let sent: BTreeSet<String> = all
        .iter()
        .filter_map(|segment| Some(segment["id"].as_str()?.to_owned()))
        .collect();
    let own = spans::segments(tx, context, trace_id)?;
    all.extend(
        own.into_iter()
            .filter(|segment| !segment["id"].as_str().is_some_and(|id| sent.contains(id))),
    );
    let (subsegments, mut whole): (Vec<Value>, Vec<Value>) = all
        .into_iter()
        .partition(|segment| segment["type"] == json!("subsegment"));
    let mut left = subsegments;
    // A subsegment may hang under one that has yet to find its own place.
    loop {
        let before = left.len();
        left.retain(|subsegment| !whole.iter_mut().any(|segment| adopt(segment, subsegment)));
        if left.is_empty() || left.len() == before {
            break;
        }
    }
    whole.extend(left);
    Ok(whole)
}

fn adopt(segment: &mut Value, subsegment: &Value) -> bool {
    if segment["id"] == subsegment["parent_id"] {
        let mut child = subsegment.clone();
        if let Some(members) = child.as_object_mut() {
            ["type", "parent_id", "trace_id"]
                .iter()
                .for_each(|name| _ = members.remove(*name));
        }
        match segment["subsegments"].as_array_mut() {
            Some(children) => children.push(child),
            None => segment["subsegments"] = json!([child]),
        }
        return true;
    }
    let children = segment["subsegments"].as_array_mut();
    children.is_some_and(|children| children.iter_mut().any(|child| adopt(child, subsegment)))
}

fn extent(segments: &[Value]) -> (f64, f64) {
    let times = |name: &str| {
        segments
            .iter()
            .filter_map(|segment| segment[name].as_f64())
            .collect::<Vec<_>>()
    };
    let (starts, ends) = (times("start_time"), times("end_time"));
    let start = starts.iter().copied().reduce(f64::min).unwrap_or_default();
    let end = ends
        .iter()
        .chain(&starts)
        .copied()
        .reduce(f64::max)
        .unwrap_or(start);
    (start, end)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "held to a range first"
)]
fn second(at: f64) -> u64 {
    at.clamp(0.0, 1e11) as u64
}

/// The traces that began in a time, by id.
pub(super) fn ids_between(
    tx: &Tx<'_>,
    context: &Context,
    start_s: f64,
    end_s: f64,
) -> Result<BTreeSet<String>> {
    let (from_s, to_s) = (second(start_s), second(end_s));
    let mut ids: BTreeSet<String> = segments::between(tx, context, from_s, to_s)?
        .into_iter()
        .collect();
    let recent = spans::recent(tx, RECENT_REQUESTS)?;
    let is_meant = |id: &String| second_of(id).is_some_and(|at| (from_s..=to_s).contains(&at));
    ids.extend(recent.into_iter().filter(is_meant));
    Ok(ids)
}

pub(super) fn summaries(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GetTraceSummariesInput,
) -> Result<GetTraceSummariesOutput> {
    if input.start_time >= input.end_time {
        return Err(invalid("StartTime must be before EndTime."));
    }
    if input.end_time - input.start_time > DAY_S {
        return Err(invalid("Time range cannot be longer than 24 hours."));
    }
    if input.time_range_type.as_deref() == Some("Service") {
        return Err(Error::not_implemented(
            "xray: summaries by the time of a service",
        ));
    }
    let filter = input
        .filter_expression
        .as_deref()
        .map(Filter::parse)
        .transpose()?;
    let ids = ids_between(tx, context, input.start_time, input.end_time)?;
    let mut output = GetTraceSummariesOutput {
        trace_summaries: Vec::new(),
        approximate_time: context.now.milliseconds() as f64 / 1000.0,
        traces_processed_count: 0,
        next_token: None,
    };
    for id in ids
        .into_iter()
        .filter(|id| input.next_token.as_ref().is_none_or(|after| id > after))
    {
        if output.trace_summaries.len() == SUMMARIES {
            let last = output
                .trace_summaries
                .last()
                .and_then(|last| last["Id"].as_str());
            output.next_token = last.map(str::to_owned);
            break;
        }
        let segments = segments_of(tx, context, &id)?;
        if segments.is_empty() {
            continue;
        }
        output.traces_processed_count += 1;
        let summary = summary(&id, &segments);
        if filter
            .as_ref()
            .is_none_or(|filter| filter.matches(&summary, &segments))
        {
            output.trace_summaries.push(summary);
        }
    }
    Ok(output)
}

/// All segments and subsegments of a trace.
pub(super) fn walk<'a>(segments: &'a [Value], visit: &mut impl FnMut(&'a Value)) {
    for segment in segments {
        visit(segment);
        if let Some(children) = segment["subsegments"].as_array() {
            walk(children, visit);
        }
    }
}

fn summary(id: &str, segments: &[Value]) -> Value {
    let (start, end) = extent(segments);
    let root = root(segments);
    let has = |name: &str| segments.iter().any(|segment| segment[name] == json!(true));
    let mut summary = json!({
        "Id": id,
        "StartTime": start,
        "Duration": end - start,
        "HasFault": has("fault"),
        "HasError": has("error"),
        "HasThrottle": has("throttle"),
        "IsPartial": has("in_progress"),
        "Http": http(root),
        "Annotations": annotations(segments),
        "Users": users(segments),
        "ServiceIds": segments.iter().map(service).collect::<Vec<_>>(),
        "EntryPoint": service(root),
        "Revision": 1,
    });
    if let (Some(begin), Some(end)) = (root["start_time"].as_f64(), root["end_time"].as_f64()) {
        summary["ResponseTime"] = json!(end - begin);
    }
    let arns: Vec<Value> = segments
        .iter()
        .filter_map(|segment| Some(json!({ "ARN": segment["resource_arn"].as_str()? })))
        .collect();
    if !arns.is_empty() {
        summary["ResourceARNs"] = arns.into();
    }
    summary
}

/// The segment that no other is above.
fn root(segments: &[Value]) -> &Value {
    let is_root = |segment: &&Value| segment["parent_id"].as_str().is_none();
    segments
        .iter()
        .find(is_root)
        .or_else(|| segments.first())
        .unwrap_or(&Value::Null)
}

fn http(segment: &Value) -> Value {
    let (request, response) = (&segment["http"]["request"], &segment["http"]["response"]);
    let members = [
        ("HttpURL", &request["url"]),
        ("HttpStatus", &response["status"]),
        ("HttpMethod", &request["method"]),
        ("UserAgent", &request["user_agent"]),
        ("ClientIp", &request["client_ip"]),
    ];
    let given = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(
        given
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect(),
    )
}

fn service(segment: &Value) -> Value {
    let name = segment["name"].as_str().unwrap_or_default();
    let mut service = json!({ "Name": name, "Names": [name] });
    if let Some(origin) = segment["origin"].as_str() {
        service["Type"] = origin.into();
    }
    service
}

fn annotations(segments: &[Value]) -> Value {
    let mut found: Map<String, Value> = Map::new();
    walk(segments, &mut |segment| {
        for (key, value) in segment["annotations"].as_object().into_iter().flatten() {
            let shown = match value {
                Value::Bool(value) => json!({ "BooleanValue": value }),
                Value::Number(value) => json!({ "NumberValue": value }),
                other => json!({ "StringValue": other.as_str().unwrap_or_default() }),
            };
            let entry = json!({ "AnnotationValue": shown, "ServiceIds": [] });
            match found.get_mut(key).and_then(Value::as_array_mut) {
                Some(values) => values.push(entry),
                None => _ = found.insert(key.clone(), json!([entry])),
            }
        }
    });
    Value::Object(found)
}

fn users(segments: &[Value]) -> Vec<Value> {
    let mut names = BTreeSet::new();
    walk(segments, &mut |segment| {
        names.extend(segment["user"].as_str());
    });
    names
        .into_iter()
        .map(|name| json!({ "UserName": name, "ServiceIds": [] }))
        .collect()
}
