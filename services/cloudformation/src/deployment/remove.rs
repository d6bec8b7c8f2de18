//! One resource away: deleted, or left alone where its policy says so.

use cumulet_engine::error::{Error, Result};
use cumulet_engine::provider::Outcome;
use cumulet_kernel::Tx;
use serde_json::Value;

use super::apply::{Step, provider};
use super::events::resource_event;
use super::failure;
use super::run::Run;
use crate::state::{
    self, Deployed, OperationKind, Phase, Progress, Removal, Resource, StackOperation,
};

pub(super) fn remove(tx: &mut Tx<'_>, run: &Run, number: u64) -> Result<()> {
    let operation = state::expect_operation(tx, &run.operation_id)?;
    let Some(removal) = state::removal(tx, &run.stack_id, number)? else {
        return Ok(());
    };
    let finished = matches!(removal.progress, Progress::Done | Progress::Failed);
    if operation.phase != Phase::Remove || finished {
        return Ok(());
    }
    let mut row = row(tx, run, &removal)?;
    match removal.deployed.clone() {
        None => gone(tx, run, &operation, removal, row, "DELETE_COMPLETE"),
        Some(_) if removal.retain => gone(tx, run, &operation, removal, row, "DELETE_SKIPPED"),
        Some(deployed) => {
            if removal.progress == Progress::Open {
                event(
                    tx,
                    run,
                    &operation,
                    &mut row,
                    &removal,
                    "DELETE_IN_PROGRESS",
                    None,
                )?;
            }
            delete(tx, run, &operation, removal, row, deployed)
        }
    }
}

fn delete(
    tx: &mut Tx<'_>,
    run: &Run,
    operation: &StackOperation,
    mut removal: Removal,
    row: Resource,
    mut deployed: Deployed,
) -> Result<()> {
    let provider = provider(run, &deployed.kind)?;
    let journal = match &removal.progress {
        Progress::Waiting { journal, .. } => journal.clone(),
        _ => Value::Null,
    };
    let step = Step {
        run,
        operation,
        provider,
        logical_id: &removal.logical_id,
        code: None,
    };
    let (outcome, journal) = step.call(tx, provider.delete, &mut deployed, None, journal)?;
    match outcome {
        Outcome::Done => gone(tx, run, operation, removal, row, "DELETE_COMPLETE"),
        Outcome::AskAgain { after_ms } => {
            removal.progress = Progress::Waiting {
                poll_at: run.context.now.plus_ms(after_ms),
                since: run.context.now,
                journal,
            };
            save(tx, run, &removal, &row)
        }
    }
}

fn gone(
    tx: &mut Tx<'_>,
    run: &Run,
    operation: &StackOperation,
    mut removal: Removal,
    mut row: Resource,
    status: &str,
) -> Result<()> {
    event(tx, run, operation, &mut row, &removal, status, None)?;
    removal.progress = Progress::Done;
    state::save_removal(tx, &run.stack_id, &removal)?;
    if !removal.whole {
        return Ok(());
    }
    if operation.kind == OperationKind::Update {
        return state::forget_resource(tx, &run.stack_id, &removal.logical_id);
    }
    row.now = None;
    row.before = None;
    row.touched = false;
    state::save_resource(tx, &run.stack_id, &row)
}

pub(super) fn fail(tx: &mut Tx<'_>, run: &Run, number: u64, error: &Error) -> Result<()> {
    let operation = state::expect_operation(tx, &run.operation_id)?;
    let Some(mut removal) = state::removal(tx, &run.stack_id, number)? else {
        return Ok(());
    };
    if operation.phase != Phase::Remove || removal.progress == Progress::Done {
        return Ok(());
    }
    let mut row = row(tx, run, &removal)?;
    if removal.progress == Progress::Open {
        event(
            tx,
            run,
            &operation,
            &mut row,
            &removal,
            "DELETE_IN_PROGRESS",
            None,
        )?;
    }
    let reason = Some(failure::reason(&run.context, &removal.kind, error));
    event(
        tx,
        run,
        &operation,
        &mut row,
        &removal,
        "DELETE_FAILED",
        reason,
    )?;
    removal.progress = Progress::Failed;
    save(tx, run, &removal, &row)
}

/// The resource's own row, or a stand-in for the old part of a replacement.
fn row(tx: &Tx<'_>, run: &Run, removal: &Removal) -> Result<Resource> {
    let own = state::resource(tx, &run.stack_id, &removal.logical_id)?;
    let mut row = own.filter(|_| removal.whole).unwrap_or_else(|| Resource {
        logical_id: removal.logical_id.clone(),
        ..Resource::default()
    });
    row.kind.clone_from(&removal.kind);
    let deployed = removal.deployed.as_ref();
    row.physical_id = deployed.map(|deployed| deployed.physical_id.clone());
    Ok(row)
}

fn save(tx: &mut Tx<'_>, run: &Run, removal: &Removal, row: &Resource) -> Result<()> {
    state::save_removal(tx, &run.stack_id, removal)?;
    if removal.whole {
        state::save_resource(tx, &run.stack_id, row)?;
    }
    Ok(())
}

fn event(
    tx: &mut Tx<'_>,
    run: &Run,
    operation: &StackOperation,
    row: &mut Resource,
    removal: &Removal,
    status: &str,
    reason: Option<String>,
) -> Result<()> {
    let properties = removal.deployed.as_ref().map(|one| &one.properties);
    resource_event(tx, run, operation, row, status, reason, properties)
}
