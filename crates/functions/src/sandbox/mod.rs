//! The inside of a sandbox: the program that builds it and becomes its process 1.
//!
//! It runs single-threaded in a process of its own, because after a fork in a threaded process only async-signal-safe
//! code is legal. It knows no HTTP, no tokio and no function: it obeys [`protocol::Order`]s that arrive on its standard
//! input, a socket that also carries descriptors, and answers with [`protocol::Notice`]s.

pub(crate) mod channel;
mod confine;
mod filter;
mod init;
mod network;
pub(crate) mod protocol;
mod runtime_process;
mod sys;
mod tree;

pub use init::sandbox_init_main;
pub(crate) use sys::{host_ids, kernel, register};
