//! Foreign suites, run against our codecs from the server's side.

pub(crate) mod protocols;
mod semantics;
pub(crate) mod sigv4;
