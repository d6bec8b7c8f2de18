//! Foreign suites, run against our codecs from the server's side.

pub(crate) mod protocols;
pub(crate) mod sigv4;
