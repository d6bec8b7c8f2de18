//! CloudWatch Logs: groups, streams and their events.

use cumulet_kernel::{Context, Table, Tx};

use crate::error::{Error, Result};
use crate::operation::Operation;

pub(crate) const TABLES: &[Table] = &[];

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    Vec::new()
}

/// A line for a log stream: when (milliseconds since the epoch), and what.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    pub timestamp_ms: i64,
    pub message: String,
}

/// Appends lines as the context's principal, making group and stream where they are missing; each step
/// needs its permission (logs:CreateLogGroup, logs:CreateLogStream, logs:PutLogEvents).
pub fn append(
    _tx: &mut Tx<'_>,
    _context: &Context,
    _group: &str,
    _stream: &str,
    _lines: &[LogLine],
) -> Result<()> {
    Err(Error::not_implemented("log events"))
}

pub async fn deliver_timer(_engine: &crate::Engine, _context: Context, _entry: cumulet_kernel::outbox::Entry) -> Result<()> {
    Err(Error::not_implemented("log retention"))
}
