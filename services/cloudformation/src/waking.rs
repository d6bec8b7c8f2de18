//! Word from outside for a resource that waits: a custom resource's answer, a signal, the end of a nested stack.

use cumulet_engine::error::Result;
use cumulet_kernel::{Event, Timestamp, Tx, outbox};

use super::state::{self, Progress};

/// Lets whatever of the stack waits for word under this token be asked now.
pub(super) fn wake(tx: &mut Tx<'_>, token: &str, stack_id: &str, now: Timestamp) -> Result<()> {
    for mut row in state::resources(tx, stack_id)? {
        if due_now(&mut row.progress, token, now) {
            state::save_resource(tx, stack_id, &row)?;
        }
    }
    for mut removal in state::removals(tx, stack_id)? {
        if due_now(&mut removal.progress, token, now) {
            state::save_removal(tx, stack_id, &removal)?;
        }
    }
    let Some(stack) = state::stack_by_id(tx, stack_id)? else {
        return Ok(());
    };
    let step = Event::StackStep {
        stack_id: stack.id,
        operation_id: stack.operation_id.unwrap_or_default(),
    };
    outbox::emit(tx, now, step)?;
    Ok(())
}

fn due_now(progress: &mut Progress, token: &str, now: Timestamp) -> bool {
    match progress {
        Progress::Waiting {
            poll_at, journal, ..
        } if journal["token"] == token => {
            *poll_at = now;
            true
        }
        _ => false,
    }
}
