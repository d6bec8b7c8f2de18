//! Delivery of due events: which service takes which.
//!
//! The worker in the binary takes due entries out of the outbox and hands each to [`deliver`]. A service
//! that changes state finishes the entry in the same transaction as its effect, so a crash in between
//! repeats the whole and never half.

use cumulet_kernel::Event;
use cumulet_kernel::outbox::Entry;
use futures_util::future::BoxFuture;

use crate::arn::Arn;
use crate::context::Context;
use crate::engine::Engine;
use crate::error::{Error, Result};

/// How a service takes an event that is due.
pub type Taker = fn(Engine, Context, Entry) -> BoxFuture<'static, Result<()>>;

/// Delivers one entry. The service itself takes it out of the outbox or puts it back with a later due
/// time; on `Err` the worker puts it back.
pub async fn deliver(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let service = taker(&entry.event);
    let known = engine.services.service(service);
    match known.and_then(|service| service.takes_events) {
        Some(take) => take(engine.clone(), context, entry).await,
        None => Err(unhandled(&entry.event)),
    }
}

/// The service that an event is for.
fn taker(event: &Event) -> &str {
    match event {
        Event::ObjectChanged {
            destination_arn, ..
        } => Arn::parse(destination_arn).map_or("lambda", |arn| arn.service),
        Event::FunctionInvocation { .. }
        | Event::FunctionReady { .. }
        | Event::AlarmAction { .. }
        | Event::LogsArrived { .. } => "lambda",
        Event::TableTransition { .. } => "dynamodb",
        Event::StackStep { .. } | Event::InvocationFailed { .. } => "cloudformation",
        Event::KeyDeletion { .. } => "kms",
        Event::Timer { service, .. } => service,
    }
}

/// An event that reached a service which does not know its kind.
pub fn unhandled(event: &Event) -> Error {
    match event {
        Event::Timer { service, kind, .. } => {
            Error::internal(format!("nobody handles the timer {service}/{kind}"))
        }
        other => Error::internal(format!("nobody handles the event for {}", taker(other))),
    }
}
