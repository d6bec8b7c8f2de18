//! Foreign suites, run against our codecs from the server's side, or against the running engine.

pub(crate) mod protocols;
pub(crate) mod s3;
mod semantics;
pub(crate) mod sigv4;
