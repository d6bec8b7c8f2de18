//! The AWS services: all AWS behaviour lives here and nowhere else.
//!
//! Each service is a folder with an OPERATIONS table; an operation is a synchronous function of a
//! transaction, a context and a typed input, and never sees a socket, a protocol or the wall clock.
//! A service calls functions of services *below* it, in the same transaction, and leaves events for
//! everything else:
//!
//! ```text
//!   cloudformation
//!   apigateway
//!   lambda
//!   s3   dynamodb
//!   sqs  secretsmanager  ssm  logs  cloudwatch  xray
//!   kms
//!   iam  sts
//! ```
//!
//! Two things take time and are asynchronous, at the edge of a service: streaming a body and running a
//! function.

pub mod access;
pub mod arn;
pub mod body;
pub mod delivery;
mod destinations;
pub mod engine;
pub mod error;
#[cfg(test)]
mod fixture;
pub mod http;
pub mod operation;
mod page;
pub mod registry;
pub mod runner;
pub mod tables;

pub mod apigateway;
pub mod cloudformation;
pub mod cloudwatch;
pub mod dynamodb;
pub mod iam;
pub mod kms;
pub mod lambda;
pub mod logs;
pub mod s3;
pub mod secretsmanager;
pub mod sqs;
pub mod ssm;
pub mod sts;
pub mod xray;

pub use access::Access;
pub use engine::Engine;
pub use error::Error;
pub use operation::Operation;
pub use registry::registry;
