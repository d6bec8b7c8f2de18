//! Simple Storage Service.

pub(crate) mod resource;

use cumulet_kernel::{Context, Table};

use crate::body::Body;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::operation::Operation;

pub(crate) const TABLES: &[Table] = &[];

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    Vec::new()
}

/// An object's body, for a service that was pointed at it (a function's code, a template); read and
/// authorised as the context's principal.
pub async fn read_object(
    _engine: &Engine,
    _context: &Context,
    _bucket: &str,
    _key: &str,
    _version_id: Option<&str>,
) -> Result<Body> {
    Err(Error::not_implemented("s3:GetObject"))
}
