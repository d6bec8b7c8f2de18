//! The turns of an operation: from one phase to the next, forward or back.

use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::events::{resource_event, stack_event};
use super::finish;
use super::run::Run;
use crate::nested;
use crate::state::{
    self, OnFailure, OperationKind, Phase, Previous, Progress, Resource, Stack, StackOperation,
    Work,
};
use crate::waking::wake;

/// An operation at the end of a phase.
struct Turn<'a> {
    run: &'a Run,
    stack: Stack,
    operation: StackOperation,
}

pub(super) fn turn(tx: &mut Tx<'_>, run: &Run) -> Result<()> {
    let operation = state::expect_operation(tx, &run.operation_id)?;
    let stack = state::expect_stack(tx, &run.stack_id)?;
    let mut turn = Turn {
        run,
        stack,
        operation,
    };
    match turn.operation.phase {
        Phase::Apply => turn.applied(tx)?,
        Phase::Restore => turn.restored(tx)?,
        Phase::Remove => turn.removed(tx)?,
        Phase::Over => return Ok(()),
    }
    state::save_operation(tx, &turn.operation)?;
    state::save_stack(tx, &turn.stack)
}

impl Turn<'_> {
    fn says(&mut self, tx: &mut Tx<'_>, status: &str, reason: Option<String>) -> Result<()> {
        let context = &self.run.context;
        let operation = Some(&self.operation);
        stack_event(tx, context, &mut self.stack, operation, status, reason)
    }

    fn applied(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let failed = self.failed(tx, Phase::Apply)?;
        if !failed.is_empty() || self.operation.cancelled {
            let reason = self.reason(&failed);
            self.cancel_waiting(tx)?;
            return self.fall_back(tx, reason);
        }
        let previous = Previous {
            settings: self.stack.settings.clone(),
            outputs: self.stack.outputs.clone(),
            description: self.stack.description.clone(),
        };
        if let Err(error) = finish::put_out(tx, self.run, &mut self.stack) {
            return self.fall_back(tx, format!("{} ", error.message));
        }
        self.stack.settings = self.operation.settings.clone();
        self.stack.description = self.run.template.text("Description").map(str::to_owned);
        if self.operation.kind == OperationKind::Create {
            finish::forget_past(tx, &self.stack.id)?;
            return self.over(tx, "CREATE_COMPLETE", None);
        }
        finish::remove_old(tx, self.run)?;
        self.operation.phase = Phase::Remove;
        self.says(tx, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None)?;
        self.hold_or_release(tx, previous)
    }

    /// A nested stack waits for its parent before it cleans up; an outermost one lets its own go on.
    fn hold_or_release(&mut self, tx: &mut Tx<'_>, previous: Previous) -> Result<()> {
        if self.stack.parent_id.is_none() {
            return nested::release(tx, &self.run.context, &self.stack.id);
        }
        self.operation.held = true;
        self.operation.previous = Some(previous);
        self.tell_parent(tx)
    }

    fn tell_parent(&self, tx: &mut Tx<'_>) -> Result<()> {
        match &self.stack.parent_id {
            Some(parent_id) => wake(tx, &self.stack.id, parent_id, self.run.context.now),
            None => Ok(()),
        }
    }

    /// The rows in which this operation failed.
    fn failed(&self, tx: &Tx<'_>, phase: Phase) -> Result<Vec<Resource>> {
        let mut rows = state::resources(tx, &self.stack.id)?;
        rows.retain(|row| {
            row.operation_id == self.operation.id
                && row.phase == phase
                && row.progress == Progress::Failed
        });
        Ok(rows)
    }

    fn reason(&self, failed: &[Resource]) -> String {
        let listed = |creating: bool| {
            let chosen = failed
                .iter()
                .filter(|row| (row.work == Work::Create) == creating);
            let names: Vec<&str> = chosen.map(|row| row.logical_id.as_str()).collect();
            names.join(", ")
        };
        let mut reason = String::new();
        for (verb, names) in [("create", listed(true)), ("update", listed(false))] {
            if !names.is_empty() {
                reason.push_str(&format!(
                    "The following resource(s) failed to {verb}: [{names}]. "
                ));
            }
        }
        if reason.is_empty() && self.operation.cancelled {
            reason.push_str("User Initiated ");
        }
        reason
    }

    /// What had begun when another resource failed counts as failed too.
    fn cancel_waiting(&self, tx: &mut Tx<'_>) -> Result<()> {
        for mut row in state::resources(tx, &self.stack.id)? {
            let begun = matches!(row.progress, Progress::Begun | Progress::Waiting { .. });
            if row.operation_id != self.operation.id || row.phase != Phase::Apply || !begun {
                continue;
            }
            let (status, what) = if row.work == Work::Create {
                ("CREATE_FAILED", "creation")
            } else {
                ("UPDATE_FAILED", "update")
            };
            if !row.touched {
                row.before.clone_from(&row.now);
                row.touched = true;
            }
            row.progress = Progress::Cancelled;
            let reason = Some(format!("Resource {what} cancelled"));
            resource_event(
                tx,
                self.run,
                &self.operation,
                &mut row,
                status,
                reason,
                None,
            )?;
            state::save_resource(tx, &self.stack.id, &row)?;
        }
        Ok(())
    }

    fn fall_back(&mut self, tx: &mut Tx<'_>, reason: String) -> Result<()> {
        let creating = self.operation.kind == OperationKind::Create;
        self.operation.rolling_back = true;
        match self.operation.on_failure {
            OnFailure::DoNothing => {
                let status = if creating {
                    "CREATE_FAILED"
                } else {
                    "UPDATE_FAILED"
                };
                self.stack.settings = self.operation.settings.clone();
                self.over(tx, status, Some(reason))
            }
            OnFailure::Delete if creating => self.undo_creation(
                tx,
                "DELETE_IN_PROGRESS",
                format!("{reason}Delete requested by user."),
            ),
            _ if creating => self.undo_creation(
                tx,
                "ROLLBACK_IN_PROGRESS",
                format!("{reason}Rollback requested by user."),
            ),
            _ => {
                self.operation.phase = Phase::Restore;
                state::forget_removals(tx, &self.stack.id)?;
                self.says(tx, "UPDATE_ROLLBACK_IN_PROGRESS", Some(reason))
            }
        }
    }

    fn undo_creation(&mut self, tx: &mut Tx<'_>, status: &str, reason: String) -> Result<()> {
        self.operation.phase = Phase::Remove;
        finish::remove_all(tx, &self.stack.id, &self.operation, true)?;
        self.says(tx, status, Some(reason))
    }

    fn restored(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let failed = self.failed(tx, Phase::Restore)?;
        if failed.is_empty() {
            if let Some(previous) = self.operation.previous.take() {
                finish::put_back(tx, &mut self.stack, previous)?;
            }
            finish::remove_new(tx, self.run, &self.operation)?;
            self.operation.phase = Phase::Remove;
            return self.says(tx, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", None);
        }
        let names: Vec<&str> = failed.iter().map(|row| row.logical_id.as_str()).collect();
        let names = names.join(", ");
        let reason = format!("The following resource(s) failed to update: [{names}]. ");
        self.over(tx, "UPDATE_ROLLBACK_FAILED", Some(reason))
    }

    fn removed(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let removals = state::removals(tx, &self.stack.id)?;
        let left = removals
            .iter()
            .filter(|removal| removal.progress == Progress::Failed);
        let names: Vec<&str> = left.map(|removal| removal.logical_id.as_str()).collect();
        let names = names.join(", ");
        let reason = (!names.is_empty())
            .then(|| format!("The following resource(s) failed to delete: [{names}]. "));
        if self.operation.kind == OperationKind::Update {
            return self.cleaned(tx, reason);
        }
        let deleting = self.operation.kind == OperationKind::Delete
            || self.operation.on_failure == OnFailure::Delete;
        match (deleting, reason) {
            (true, None) => self.deleted(tx),
            (true, reason) => self.over(tx, "DELETE_FAILED", reason),
            (false, None) => {
                finish::forget_past(tx, &self.stack.id)?;
                self.over(tx, "ROLLBACK_COMPLETE", None)
            }
            (false, reason) => self.over(tx, "ROLLBACK_FAILED", reason),
        }
    }

    /// What an update could not clean up stays behind, and is no longer the stack's.
    fn cleaned(&mut self, tx: &mut Tx<'_>, reason: Option<String>) -> Result<()> {
        for removal in state::removals(tx, &self.stack.id)? {
            if removal.whole && removal.progress == Progress::Failed {
                state::forget_resource(tx, &self.stack.id, &removal.logical_id)?;
            }
        }
        finish::forget_past(tx, &self.stack.id)?;
        if self.operation.rolling_back {
            return self.over(tx, "UPDATE_ROLLBACK_COMPLETE", reason);
        }
        self.over(tx, "UPDATE_COMPLETE", reason)
    }

    fn deleted(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        finish::withdraw(tx, &self.stack)?;
        state::forget_removals(tx, &self.stack.id)?;
        self.stack.deleted = Some(self.run.context.now);
        self.stack.outputs.clear();
        self.over(tx, "DELETE_COMPLETE", None)
    }

    fn over(&mut self, tx: &mut Tx<'_>, status: &str, reason: Option<String>) -> Result<()> {
        self.operation.phase = Phase::Over;
        self.says(tx, status, reason)?;
        self.tell_parent(tx)
    }
}
