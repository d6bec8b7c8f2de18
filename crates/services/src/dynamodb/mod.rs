//! DynamoDB.

pub(crate) mod resource;

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

/// Moves a table to the next state of its life.
pub async fn deliver_transition(_engine: &Engine, _context: Context, _entry: Entry) -> Result<()> {
    Err(Error::not_implemented("table transitions"))
}
