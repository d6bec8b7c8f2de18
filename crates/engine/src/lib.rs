//! What a service is, and the way of a call through one.
//!
//! A service is a table of operations, a list of resource types, and a taker of events
//! ([`registry::Service`]). An operation is a synchronous function of a transaction, a [`Context`] and a
//! typed input; it never sees a socket, a protocol or the wall clock ([`operation`]). The [`Engine`] runs
//! operations on an installation's store; inside a transaction that is already open, a service calls
//! another by name with [`Context::call_in`], authorised like any other call.
//!
//! Two things take time and are asynchronous, at the edge of a service: streaming a body and running a
//! function. This crate must not know which services there are.

pub mod access;
pub mod arn;
pub mod body;
pub mod context;
pub mod delivery;
pub mod engine;
pub mod error;
pub mod http;
pub mod memory;
pub mod meter;
pub mod operation;
pub mod outbound;
pub mod page;
pub mod provider;
pub mod registry;
pub mod runner;

pub use access::Access;
pub use context::{Context, IamMode, Principal, PrincipalKind, SessionFacts};
pub use engine::Engine;
pub use error::Error;
pub use memory::Memory;
pub use operation::Operation;
pub use registry::{Registry, Service};
