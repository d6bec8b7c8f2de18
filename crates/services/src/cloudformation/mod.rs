//! CloudFormation: stacks.
//!
//! A resource type is a set of operations of the other services, called in the deployment's name inside
//! the transaction that journals the step: so a step happens once, whenever the process dies.

use cumulet_kernel::outbox::Entry;
use cumulet_kernel::{Context, Table};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::operation::Operation;

pub(crate) const TABLES: &[Table] = &[];

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    Vec::new()
}

/// Takes the next step of a stack operation.
pub async fn deliver_step(_engine: &Engine, _context: Context, _entry: Entry) -> Result<()> {
    Err(Error::not_implemented("stack operations"))
}
