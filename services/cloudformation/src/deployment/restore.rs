//! One resource back to what it was when the stack was last stable.

use std::sync::Arc;

use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::provider::{Outcome, StoredCode};
use cumulet_kernel::Tx;
use cumulet_lambda as lambda;
use serde_json::Value;

use super::apply::{Step, provider};
use super::events::resource_event;
use super::failure;
use super::finish::next_number;
use super::run::Run;
use super::schedule::progress;
use crate::state::{self, Deployed, Phase, Progress, Removal, Resource, StackOperation, Work};

/// The code of before, where the code was changed.
pub(super) async fn prepare(
    engine: &Engine,
    run: &Arc<Run>,
    logical_id: &str,
) -> Result<Option<StoredCode>> {
    let needed = engine.read(|tx| {
        let operation = state::expect_operation(tx, &run.operation_id)?;
        let row = state::resource(tx, &run.stack_id, logical_id)?;
        let pair = row
            .as_ref()
            .and_then(|row| Some((row.before.as_ref()?, row.now.as_ref()?)));
        let Some((before, now)) = pair.filter(|(before, now)| must_update(before, now)) else {
            return Ok(None);
        };
        let rule = provider(run, &before.kind)?.code;
        let code = rule.and_then(|rule| rule(&before.properties, Some(&now.properties)));
        let context = run.deployment_context(tx, &operation)?;
        Ok::<_, Error>(code.map(|code| (context, code)))
    })?;
    let Some((context, code)) = needed else {
        return Ok(None);
    };
    if code.get("TemplateURL").is_some() {
        // Without a fetched template a nested stack goes back to what it was.
        let (stack_id, id) = (run.stack_id.clone(), logical_id.to_owned());
        let forgotten = engine.write(move |tx| state::forget_nested_template(tx, &stack_id, &id));
        return forgotten.await.map(|()| None);
    }
    let fetched = lambda::fetch_code(engine, &context, &code).await;
    fetched.map(Some).map_err(failure::from_handler)
}

fn must_update(before: &Deployed, now: &Deployed) -> bool {
    before.physical_id == now.physical_id
        && (before.properties != now.properties || before.stack_tags != now.stack_tags)
}

pub(super) fn restore(
    tx: &mut Tx<'_>,
    run: &Run,
    logical_id: &str,
    code: Option<&StoredCode>,
) -> Result<()> {
    let operation = state::expect_operation(tx, &run.operation_id)?;
    let Some((mut row, before)) = touched(tx, run, logical_id)? else {
        return Ok(());
    };
    if operation.phase != Phase::Restore || row.progress == Progress::Done {
        return Ok(());
    }
    let now = row.now.clone();
    if operation.skipped.contains(&row.logical_id) {
        return put_back(tx, run, row, before);
    }
    match now {
        Some(now) if must_update(&before, &now) => {
            update_back(tx, run, &operation, row, before, &now, code)
        }
        now => {
            let replaced = now.filter(|now| now.physical_id != before.physical_id);
            row.physical_id = Some(before.physical_id.clone());
            if row.work != Work::Keep {
                says(tx, run, &operation, &mut row, &before, "UPDATE_IN_PROGRESS")?;
                says(tx, run, &operation, &mut row, &before, "UPDATE_COMPLETE")?;
            }
            leave_for_cleanup(tx, run, &row, replaced)?;
            put_back(tx, run, row, before)
        }
    }
}

fn touched(tx: &Tx<'_>, run: &Run, logical_id: &str) -> Result<Option<(Resource, Deployed)>> {
    let Some(mut row) = state::resource(tx, &run.stack_id, logical_id)? else {
        return Ok(None);
    };
    let progress = progress(run, Some(&row), Phase::Restore);
    row.operation_id.clone_from(&run.operation_id);
    row.phase = Phase::Restore;
    row.progress = progress;
    let before = row.before.clone().filter(|_| row.touched);
    Ok(before.map(|before| (row, before)))
}

fn update_back(
    tx: &mut Tx<'_>,
    run: &Run,
    operation: &StackOperation,
    mut row: Resource,
    mut before: Deployed,
    now: &Deployed,
    code: Option<&StoredCode>,
) -> Result<()> {
    let waiting = match &row.progress {
        Progress::Waiting { journal, .. } => Some(journal.clone()),
        _ => None,
    };
    if waiting.is_none() {
        says(tx, run, operation, &mut row, &before, "UPDATE_IN_PROGRESS")?;
    }
    let provider = provider(run, &before.kind)?;
    let handler = match (&waiting, provider.stabilise) {
        (Some(_), Some(stabilise)) => stabilise,
        _ => provider.update,
    };
    let logical_id = row.logical_id.clone();
    let step = Step {
        run,
        operation,
        provider,
        logical_id: &logical_id,
        code,
    };
    let journal = waiting.unwrap_or(Value::Null);
    let (outcome, journal) = step.call(tx, handler, &mut before, Some(now), journal)?;
    if let Outcome::AskAgain { after_ms } = outcome {
        row.progress = Progress::Waiting {
            poll_at: run.context.now.plus_ms(after_ms),
            since: run.context.now,
            journal,
        };
        return state::save_resource(tx, &run.stack_id, &row);
    }
    says(tx, run, operation, &mut row, &before, "UPDATE_COMPLETE")?;
    put_back(tx, run, row, before)
}

fn put_back(tx: &mut Tx<'_>, run: &Run, mut row: Resource, before: Deployed) -> Result<()> {
    row.kind.clone_from(&before.kind);
    row.physical_id = Some(before.physical_id.clone());
    row.now = Some(before);
    row.progress = Progress::Done;
    state::save_resource(tx, &run.stack_id, &row)
}

fn leave_for_cleanup(
    tx: &mut Tx<'_>,
    run: &Run,
    row: &Resource,
    replaced: Option<Deployed>,
) -> Result<()> {
    let Some(deployed) = replaced else {
        return Ok(());
    };
    let removal = Removal {
        number: next_number(tx, &run.stack_id)?,
        logical_id: row.logical_id.clone(),
        kind: deployed.kind.clone(),
        deployed: Some(deployed),
        ..Removal::default()
    };
    state::save_removal(tx, &run.stack_id, &removal)
}

fn says(
    tx: &mut Tx<'_>,
    run: &Run,
    operation: &StackOperation,
    row: &mut Resource,
    before: &Deployed,
    status: &str,
) -> Result<()> {
    resource_event(
        tx,
        run,
        operation,
        row,
        status,
        None,
        Some(&before.properties),
    )
}

pub(super) fn fail(tx: &mut Tx<'_>, run: &Run, logical_id: &str, error: &Error) -> Result<()> {
    let operation = state::expect_operation(tx, &run.operation_id)?;
    let Some((mut row, before)) = touched(tx, run, logical_id)? else {
        return Ok(());
    };
    if operation.phase != Phase::Restore || row.progress == Progress::Done {
        return Ok(());
    }
    row.progress = Progress::Failed;
    let reason = Some(failure::reason(&run.context, &row.kind, error));
    let properties = Some(&before.properties);
    resource_event(
        tx,
        run,
        &operation,
        &mut row,
        "UPDATE_FAILED",
        reason,
        properties,
    )?;
    state::save_resource(tx, &run.stack_id, &row)
}
