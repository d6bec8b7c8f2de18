//! The end of Pending and InProgress, and other things that only time or the runner brings about.

use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::{Event, Tx};
use serde_json::Value;

use super::name::{FunctionName, LATEST};
use super::state::{FUNCTIONS, State, UpdateStatus, VERSIONS, VersionRecord, version_key};
use super::{code, function, resolve};

/// Turns a created, updated or published function active, or tells why it cannot run here.
pub(super) async fn deliver_ready(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let Event::FunctionReady {
        function_arn,
        revision_id,
    } = &entry.event
    else {
        return Err(Error::internal("not a function's transition"));
    };
    let arn = Arn::parse(function_arn).ok_or_else(|| Error::internal("not a function's ARN"))?;
    let context = context.located(arn.account, arn.region);
    let name = FunctionName::parse(&context, function_arn)?;
    let record = engine.read(|tx| present(tx, &name, revision_id))?;
    let verdict = record.map(|record| {
        let substitute = engine.functions.runtime_substitute(&record.runtime);
        let available = engine.functions.runtime_available(&record.runtime);
        available.map(|()| substitute)
    });
    let revision_id = revision_id.clone();
    engine
        .write(move |tx| {
            outbox::finish(tx, entry.id)?;
            let record = present(tx, &name, &revision_id)?;
            let (Some(mut record), Some(verdict)) = (record, verdict) else {
                return Ok(());
            };
            settle(&mut record, verdict);
            record.revision_id = context.ids.uuid();
            save(tx, &name, record)
        })
        .await
}

/// The record that the transition is about; none if it was changed or removed since.
fn present(tx: &Tx<'_>, name: &FunctionName, revision_id: &str) -> Result<Option<VersionRecord>> {
    match resolve::version(tx, name, name.qualifier_or_latest()) {
        Ok(record) => Ok(Some(record).filter(|record| record.revision_id == revision_id)),
        Err(error) if error.status == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

fn settle(record: &mut VersionRecord, verdict: std::result::Result<Option<String>, String>) {
    match (verdict, record.state) {
        (Ok(substitute), _) => {
            record.runtime_substitute = substitute;
            record.state = State::Active;
            record.state_reason = None;
            record.update_status = Some(UpdateStatus::Successful);
            record.update_reason = None;
        }
        (Err(reason), State::Pending) => {
            record.state = State::Failed;
            record.state_reason = Some(reason);
        }
        (Err(reason), _) => {
            record.update_status = Some(UpdateStatus::Failed);
            record.update_reason = Some(reason);
        }
    }
}

fn save(tx: &mut Tx<'_>, name: &FunctionName, record: VersionRecord) -> Result<()> {
    if record.version != LATEST {
        let key = version_key(name, &record.version);
        return Ok(tx.save(VERSIONS, key, &record)?);
    }
    let mut function = resolve::function(tx, name)?;
    function.latest = record;
    Ok(tx.save(FUNCTIONS, name.key(), &function)?)
}

/// What time sets off.
pub(super) async fn deliver_timer(engine: &Engine, entry: Entry, kind: &str) -> Result<()> {
    let Event::Timer {
        subject, detail, ..
    } = &entry.event
    else {
        return Err(Error::internal("not a timer"));
    };
    match kind {
        code::UNUSED_TIMER => {
            let detail: Value = detail.clone();
            code::sweep(engine, entry, &detail).await
        }
        function::RETIRE_TIMER => {
            engine.functions.retire(subject);
            let id = entry.id;
            engine.write(move |tx| Ok(outbox::finish(tx, id)?)).await
        }
        other => Err(Error::internal(format!(
            "nobody handles the timer lambda/{other}"
        ))),
    }
}
