//! Delivery of due events: which service takes which.
//!
//! The worker in the binary takes due entries out of the outbox and hands each to [`deliver`]. A
//! handler that changes state finishes the entry in the same transaction as its effect, so a crash in
//! between repeats the whole and never half.

use cumulet_kernel::outbox::Entry;
use cumulet_kernel::{Context, Event};

use crate::arn::Arn;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::{
    cloudformation, cloudwatch, dynamodb, kms, lambda, logs, s3, secretsmanager, sqs, xray,
};

/// Delivers one entry. The handler itself takes it out of the outbox or puts it back with a later due
/// time; on `Err` the worker puts it back.
pub async fn deliver(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    match &entry.event {
        Event::ObjectChanged {
            destination_arn, ..
        } => match Arn::parse(destination_arn).map(|arn| arn.service) {
            Some("sqs") => sqs::deliver_object_change(engine, context, entry).await,
            _ => lambda::deliver_object_change(engine, context, entry).await,
        },
        Event::FunctionInvocation { .. } => {
            lambda::deliver_invocation(engine, context, entry).await
        }
        Event::FunctionReady { .. } => lambda::deliver_ready(engine, context, entry).await,
        Event::TableTransition { .. } => dynamodb::deliver_transition(engine, context, entry).await,
        Event::StackStep { .. } => cloudformation::deliver_step(engine, context, entry).await,
        Event::KeyDeletion { .. } => kms::deliver_deletion(engine, context, entry).await,
        Event::AlarmAction { .. } => lambda::deliver_alarm_action(engine, context, entry).await,
        Event::Timer { service, kind, .. } => match service.as_str() {
            "cloudwatch" => cloudwatch::deliver_timer(engine, context, entry).await,
            "dynamodb" => dynamodb::deliver_timer(engine, context, entry).await,
            "kms" => kms::deliver_rotation(engine, context, entry).await,
            "lambda" => lambda::deliver_timer(engine, context, entry).await,
            "logs" => logs::deliver_timer(engine, context, entry).await,
            "secretsmanager" => secretsmanager::deliver_timer(engine, context, entry).await,
            "s3" => s3::deliver_timer(engine, context, entry).await,
            "sqs" => sqs::deliver_timer(engine, context, entry).await,
            "xray" => xray::deliver_timer(engine, context, entry).await,
            _ => Err(Error::internal(format!(
                "nobody handles the timer {service}/{kind}"
            ))),
        },
    }
}
