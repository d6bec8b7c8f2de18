//! What can be done next.

use std::collections::{BTreeMap, BTreeSet};

use cumulet_engine::error::Result;
use cumulet_kernel::{Timestamp, Tx};

use super::run::Run;
use crate::state::{self, Phase, Progress, Removal, Resource, StackOperation};

/// One piece of work: its own transaction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    Apply(String),
    Restore(String),
    Remove(u64),
}

#[derive(Debug)]
pub(super) enum Decision {
    Start(Vec<Item>),
    /// What is in flight must come back first.
    Busy,
    /// The phase is at its end.
    Turn,
    /// Nothing but services that have begun: look again then.
    Wait(Timestamp),
    Over,
}

/// The state of one node of the graph.
struct Node {
    item: Item,
    progress: Progress,
    free: bool,
}

pub(super) fn decide(
    tx: &Tx<'_>,
    run: &Run,
    now: Timestamp,
    in_flight: &BTreeSet<Item>,
) -> Result<Decision> {
    let operation = state::expect_operation(tx, &run.operation_id)?;
    if operation.held {
        return Ok(Decision::Over);
    }
    let nodes = match operation.phase {
        Phase::Over => return Ok(Decision::Over),
        Phase::Apply => to_apply(run, &rows(tx, run)?),
        Phase::Restore => to_restore(run, &rows(tx, run)?),
        Phase::Remove => to_remove(&state::removals(tx, &run.stack_id)?),
    };
    Ok(choose(&operation, nodes, now, in_flight))
}

fn choose(
    operation: &StackOperation,
    nodes: Vec<Node>,
    now: Timestamp,
    in_flight: &BTreeSet<Item>,
) -> Decision {
    let failed = nodes.iter().any(|node| node.progress == Progress::Failed);
    // A failure, or a word from outside, lets nothing new begin; deletions go on as far as they can.
    let stopped = operation.phase == Phase::Apply && (failed || operation.cancelled);
    let due = |node: &Node| match &node.progress {
        Progress::Open | Progress::Begun => node.free && !stopped,
        Progress::Waiting { poll_at, .. } => *poll_at <= now && !stopped,
        _ => false,
    };
    let ready = nodes
        .iter()
        .filter(|node| due(node) && !in_flight.contains(&node.item));
    let ready: Vec<Item> = ready.map(|node| node.item.clone()).collect();
    if !ready.is_empty() {
        return Decision::Start(ready);
    }
    if !in_flight.is_empty() {
        return Decision::Busy;
    }
    let waiting = nodes.iter().filter_map(|node| match &node.progress {
        Progress::Waiting { poll_at, .. } => Some(*poll_at),
        _ => None,
    });
    match waiting.min().filter(|_| !stopped) {
        Some(poll_at) => Decision::Wait(poll_at),
        None => Decision::Turn,
    }
}

fn rows(tx: &Tx<'_>, run: &Run) -> Result<BTreeMap<String, Resource>> {
    let rows = state::resources(tx, &run.stack_id)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.logical_id.clone(), row))
        .collect())
}

/// How far this phase of this operation is with a resource.
pub(super) fn progress(run: &Run, row: Option<&Resource>, phase: Phase) -> Progress {
    row.filter(|row| row.operation_id == run.operation_id && row.phase == phase)
        .map_or(Progress::Open, |row| row.progress.clone())
}

fn to_apply(run: &Run, rows: &BTreeMap<String, Resource>) -> Vec<Node> {
    let progress_of = |id: &str| progress(run, rows.get(id), Phase::Apply);
    let nodes = run.dependencies.iter().map(|(id, needed)| Node {
        item: Item::Apply(id.clone()),
        progress: progress_of(id),
        free: needed
            .iter()
            .all(|name| progress_of(name) == Progress::Done),
    });
    nodes.collect()
}

fn to_restore(run: &Run, rows: &BTreeMap<String, Resource>) -> Vec<Node> {
    let touched = |row: &&Resource| row.touched && row.before.is_some();
    let finished = |name: &String| {
        let row = rows.get(name).filter(touched);
        row.is_none() || progress(run, row, Phase::Restore) == Progress::Done
    };
    let nodes = rows.values().filter(touched).map(|row| Node {
        item: Item::Restore(row.logical_id.clone()),
        progress: progress(run, Some(row), Phase::Restore),
        free: row
            .before
            .iter()
            .flat_map(|before| &before.dependencies)
            .all(finished),
    });
    nodes.collect()
}

fn to_remove(removals: &[Removal]) -> Vec<Node> {
    let needed_by_another = |removal: &Removal| {
        removals.iter().any(|other| {
            other.number != removal.number
                && other.logical_id != removal.logical_id
                && other.progress != Progress::Done
                && other
                    .deployed
                    .as_ref()
                    .is_some_and(|deployed| deployed.dependencies.contains(&removal.logical_id))
        })
    };
    let nodes = removals.iter().map(|removal| Node {
        item: Item::Remove(removal.number),
        progress: removal.progress.clone(),
        free: !needed_by_another(removal),
    });
    nodes.collect()
}
