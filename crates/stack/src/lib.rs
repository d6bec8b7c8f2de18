//! The library an application is written with: its infrastructure, in the program that also holds its handlers.
//!
//! A resource is a plain struct, set by field name; `Stack::add` writes it into the template and returns a handle with
//! its name, its ARN and its grants. A grant is a value: listed in a function's `allow`, it becomes the statements of
//! that function's role, and nothing else is allowed. The short form is the safe one (`Bucket::private()`,
//! `Function::rust()`, `RestApi::regional()`).
//!
//! ```
//! use cumulet_stack::{Bucket, Encryption, Function, Key, Stack};
//!
//! let mut stack = Stack::new("Uploads");
//! let key = stack.add("FilesKey", Key { description: "Encrypts the files", ..Key::rotating() });
//! let files = stack.add("Files", Bucket { encryption: Encryption::Kms(&key), versioned: true, ..Bucket::private() });
//! stack.add("Upload", Function {
//!     handler: "upload",
//!     memory_mb: 512,
//!     environment: vec![("BUCKET_NAME", files.name())],
//!     allow: vec![files.write()],
//!     ..Function::rust()
//! });
//! stack.output("BucketName", files.name());
//! ```
//!
//! It knows nothing of the engine and meets it only at the template, so the same assembly deploys to AWS. What it emits
//! depends on nothing but what it was told: no clock, no random names, no order of a hash map. Before anything is
//! written, every resource is checked against CloudFormation's own schemas and every reference against the template.

mod alarm;
mod application;
mod assembly;
mod asset;
mod bucket;
mod check;
mod expression;
mod function;
mod grant;
#[cfg(feature = "handlers")]
mod handlers;
mod key;
mod log_group;
mod properties;
mod queue;
mod rest_api;
mod secret;
mod setting;
mod stack;
mod table;

pub use alarm::{Alarm, AlarmHandle, Comparison, Metric, MissingData, Statistic, alarm_states};
pub use application::{Application, Handler};
pub use assembly::{Synthesis, SynthesisError};
pub use bucket::{Bucket, BucketCors, BucketHandle, BucketNotification};
pub use expression::Expression;
pub use function::{Function, FunctionHandle};
pub use grant::{Condition, Effect, Grant, Statement, put_metrics};
#[cfg(feature = "rehearsal")]
pub use handlers::{Call, Rehearsal, Reply};
#[cfg(feature = "handlers")]
pub use handlers::{
    Failure, LambdaContext, LambdaEvent, ObjectRecord, S3Event, SdkConfig, log, serve, variable,
};
pub use key::{Encryption, Key, KeyHandle};
pub use log_group::{LogGroup, LogGroupHandle};
pub use queue::{Queue, QueueHandle};
pub use rest_api::{Cors, Model, RestApi, RestApiHandle, Route, Throttle, UsagePlan};
pub use secret::{GeneratedSecret, Secret, SecretHandle};
pub use setting::{Setting, SettingKind, Settings};
pub use stack::{Output, RawHandle, Resource, Stack};
pub use table::{Attribute, AttributeType, Index, Table, TableHandle};
