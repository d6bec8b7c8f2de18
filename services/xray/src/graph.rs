//! The service graph: who called whom in a time, and how that went.
//!
//! A node is a service: a segment's name and origin. An edge goes from the segment under which another was
//! made; requests that nobody in the trace made come from a node of type `client`.
//!
//! <https://docs.aws.amazon.com/xray/latest/api/API_GetServiceGraph.html>

use std::collections::{BTreeMap, HashMap};

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::api::{GraphOutput, ServiceGraphInput, TraceGraphInput};
use super::invalid;
use super::traces::{ids_between, segments_of, walk};

const HOURS_MAX_S: f64 = 6.0 * 3600.0;
const CLIENT: &str = "client";

pub(super) fn of_services(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ServiceGraphInput,
) -> Result<GraphOutput> {
    if input.start_time >= input.end_time {
        return Err(invalid("StartTime must be before EndTime."));
    }
    if input.end_time - input.start_time > HOURS_MAX_S {
        return Err(invalid("Time range cannot be longer than 6 hours."));
    }
    if input.group_name.is_some() || input.group_arn.is_some() {
        return Err(Error::not_implemented("xray: service graphs of groups"));
    }
    let mut graph = Graph::default();
    for id in ids_between(tx, context, input.start_time, input.end_time)? {
        graph.add(context, &segments_of(tx, context, &id)?);
    }
    Ok(GraphOutput {
        start_time: Some(input.start_time),
        end_time: Some(input.end_time),
        services: graph.told(),
        contains_old_group_versions: Some(false),
    })
}

/// <https://docs.aws.amazon.com/xray/latest/api/API_GetTraceGraph.html>
pub(super) fn of_traces(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TraceGraphInput,
) -> Result<GraphOutput> {
    let mut graph = Graph::default();
    for id in &input.trace_ids {
        graph.add(context, &segments_of(tx, context, id)?);
    }
    Ok(GraphOutput {
        start_time: None,
        end_time: None,
        services: graph.told(),
        contains_old_group_versions: None,
    })
}

/// How requests went.
#[derive(Clone, Debug, Default)]
struct Statistics {
    ok: u64,
    throttled: u64,
    errors: u64,
    faults: u64,
    total_s: f64,
    /// By hundredths of a second.
    histogram: BTreeMap<u64, u64>,
    start_s: Option<f64>,
    end_s: Option<f64>,
}

impl Statistics {
    fn take(&mut self, segment: &Value) {
        let is = |name: &str| segment[name] == json!(true);
        match () {
            () if is("throttle") => self.throttled += 1,
            () if is("fault") => self.faults += 1,
            () if is("error") => self.errors += 1,
            () => self.ok += 1,
        }
        let start_s = segment["start_time"].as_f64().unwrap_or_default();
        let end_s = segment["end_time"].as_f64().unwrap_or(start_s);
        let taken_s = (end_s - start_s).max(0.0);
        self.total_s += taken_s;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and durations are short"
        )]
        let hundredths = (taken_s * 100.0).round() as u64;
        *self.histogram.entry(hundredths).or_default() += 1;
        self.start_s = Some(self.start_s.map_or(start_s, |known| known.min(start_s)));
        self.end_s = Some(self.end_s.map_or(end_s, |known| known.max(end_s)));
    }

    fn told(&self) -> Value {
        let errors = self.throttled + self.errors;
        json!({
            "OkCount": self.ok,
            "ErrorStatistics": {
                "ThrottleCount": self.throttled, "OtherCount": self.errors, "TotalCount": errors,
            },
            "FaultStatistics": { "OtherCount": self.faults, "TotalCount": self.faults },
            "TotalCount": self.ok + errors + self.faults,
            "TotalResponseTime": self.total_s,
        })
    }

    fn histogram(&self) -> Vec<Value> {
        let entry = |(hundredths, count): (&u64, &u64)| json!({ "Value": *hundredths as f64 / 100.0, "Count": count });
        self.histogram.iter().map(entry).collect()
    }
}

#[derive(Debug)]
struct Node {
    name: String,
    kind: Option<String>,
    account: String,
    is_root: bool,
    statistics: Statistics,
    edges: BTreeMap<usize, Statistics>,
}

#[derive(Debug, Default)]
struct Graph {
    nodes: Vec<Node>,
    places: HashMap<(String, Option<String>), usize>,
}

impl Graph {
    fn node(&mut self, context: &Context, name: &str, kind: Option<&str>) -> usize {
        let key = (name.to_owned(), kind.map(str::to_owned));
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        self.nodes.push(Node {
            name: key.0.clone(),
            kind: key.1.clone(),
            account: context.account.to_string(),
            is_root: false,
            statistics: Statistics::default(),
            edges: BTreeMap::new(),
        });
        self.places.insert(key, self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    /// Adds a trace: its segments, and those subsegments that stand for other services.
    fn add(&mut self, context: &Context, segments: &[Value]) {
        let mut places: HashMap<&str, usize> = HashMap::new();
        for segment in segments {
            let name = segment["name"].as_str().unwrap_or_default();
            let place = self.node(context, name, segment["origin"].as_str());
            walk(std::slice::from_ref(segment), &mut |part| {
                places.extend(part["id"].as_str().map(|id| (id, place)));
            });
        }
        for segment in segments {
            let own = segment["id"]
                .as_str()
                .and_then(|id| places.get(id))
                .copied();
            let Some(own) = own else {
                continue;
            };
            self.nodes[own].statistics.take(segment);
            let parent = segment["parent_id"].as_str();
            let caller = parent.and_then(|parent| places.get(parent)).copied();
            let caller = match caller {
                Some(caller) => caller,
                None => {
                    self.nodes[own].is_root = true;
                    let name = self.nodes[own].name.clone();
                    self.node(context, &name, Some(CLIENT))
                }
            };
            self.nodes[caller]
                .edges
                .entry(own)
                .or_default()
                .take(segment);
            self.add_remote(context, own, segment);
        }
    }

    /// Subsegments that say they went to another service, and that no segment of its own answers for.
    fn add_remote(&mut self, context: &Context, caller: usize, segment: &Value) {
        let mut remote = Vec::new();
        let parts = segment["subsegments"].as_array();
        walk(parts.map_or(&[], Vec::as_slice), &mut |part| {
            if matches!(part["namespace"].as_str(), Some("aws" | "remote")) {
                remote.push(part.clone());
            }
        });
        for part in remote {
            let name = part["name"].as_str().unwrap_or_default();
            let kind = match part["namespace"].as_str() {
                Some("aws") => format!("AWS::{name}"),
                _ => "remote".to_owned(),
            };
            let place = self.node(context, name, Some(&kind));
            self.nodes[place].statistics.take(&part);
            self.nodes[caller]
                .edges
                .entry(place)
                .or_default()
                .take(&part);
        }
    }

    fn told(&self) -> Vec<Value> {
        self.nodes.iter().enumerate().map(told).collect()
    }
}

fn told((place, node): (usize, &Node)) -> Value {
    let edge = |(to, statistics): (&usize, &Statistics)| {
        json!({
            "ReferenceId": to,
            "StartTime": statistics.start_s,
            "EndTime": statistics.end_s,
            "SummaryStatistics": statistics.told(),
            "ResponseTimeHistogram": statistics.histogram(),
            "Aliases": [],
        })
    };
    let extent: Vec<&Statistics> = match node.kind.as_deref() {
        Some(CLIENT) => node.edges.values().collect(),
        _ => vec![&node.statistics],
    };
    let mut shown = json!({
        "ReferenceId": place,
        "Name": node.name,
        "Names": [node.name],
        "State": "active",
        "StartTime": extent.iter().filter_map(|each| each.start_s).reduce(f64::min),
        "EndTime": extent.iter().filter_map(|each| each.end_s).reduce(f64::max),
        "Edges": node.edges.iter().map(edge).collect::<Vec<_>>(),
    });
    if let Some(kind) = &node.kind {
        shown["Type"] = kind.clone().into();
    }
    if node.kind.as_deref() != Some(CLIENT) {
        shown["AccountId"] = node.account.clone().into();
        shown["SummaryStatistics"] = node.statistics.told();
        shown["DurationHistogram"] = node.statistics.histogram().into();
        shown["ResponseTimeHistogram"] = node.statistics.histogram().into();
    }
    if node.is_root {
        shown["Root"] = true.into();
    }
    shown
}
