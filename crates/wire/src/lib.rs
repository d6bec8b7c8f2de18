//! Bytes to AWS requests and back. The way of a request:
//!
//! ```text
//!  head ──► route::route ──────────► Route::Api { service, operation, protocol, labels }, or another front door
//!  head ──► sigv4::parse ──► Presented::verify (secret from IAM, wall clock, hash of the body) ──► Verified
//!  body ──► protocol::decode ──► Value ──► validate::validate ──► the service (typed by serde) ──► Value
//!           protocol::encode | protocol::encode_error ◄───────────────────────────────────────────┘
//! ```
//!
//! Everything follows from one table: the service models of [`model`]. Each protocol is a codec over them, so an operation
//! answers the same fields in every protocol that can reach it.
//!
//! The canonical [`serde_json::Value`] between wire and services has the model's member names; blobs are base64 strings;
//! timestamps are numbers of epoch seconds; a map of prefixed headers is an object; what is absent is not there. A streaming
//! payload is never in the value: the caller takes the request's body itself ([`model::Operation::streaming_input`]), and
//! puts its own under the response ([`model::Operation::streaming_output`]).
//!
//! This crate does no I/O, has no clock and knows no service's behaviour: who a caller is, what a resource is, and whether it
//! exists are other people's business.

pub mod checksum;
mod dialect;
mod error;
pub mod event_stream;
mod integrity;
pub mod model;
pub mod protocol;
pub mod route;
pub mod sigv4;
mod timestamp;
pub mod validate;
mod value;

pub use error::{Error, Fault};
pub use integrity::check_document;
pub use protocol::{Protocol, add_s3_ids, decode, encode, encode_error, encode_refusal};
pub use timestamp::TimestampFormat;
pub use validate::validate;
pub use value::{Blob, Timestamp};
