//! API Gateway REST APIs: the control plane, and the front door that runs them.

use cumulet_kernel::{Context, Table};

use crate::engine::Engine;
use crate::http::{HttpReply, HttpRequest};
use crate::operation::Operation;

pub(crate) const TABLES: &[Table] = &[];

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    Vec::new()
}

/// Answers a request to a deployed API. `request.path` begins with the stage.
pub async fn execute(
    _engine: &Engine,
    _context: Context,
    _api_id: &str,
    _request: HttpRequest,
) -> HttpReply {
    HttpReply::json(501, r#"{"message":"REST APIs are not implemented"}"#)
}

/// The answer to a body over 10 MB.
pub fn too_large() -> HttpReply {
    HttpReply::json(413, r#"{"message":"Request Too Long"}"#)
}
