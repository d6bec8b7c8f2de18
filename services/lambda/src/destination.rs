//! Where the end of an asynchronous invocation is told: destinations and dead-letter queues.
//!
//! They are sent as the function's role. What cannot be sent is lost but noted, as on AWS, where only a
//! metric tells of it.

use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::asynchronous;
use super::name::FunctionName;
use super::run::{Prepared, as_role};

const ERROR_MESSAGE_BYTES: usize = 1024;

/// Sends an invocation record.
pub(super) fn send(
    tx: &mut Tx<'_>,
    context: &Context,
    from: &Prepared,
    target: &str,
    record: &Value,
) {
    let body = record.to_string();
    let sent = deliver(tx, context, from, target, &body, json!({}));
    note(context, "destination", target, sent);
}

/// Sends the event itself, with why it was given up as attributes.
pub(super) fn send_dead_letter(
    tx: &mut Tx<'_>,
    context: &Context,
    from: &Prepared,
    queue: &str,
    event: &str,
    request_id: &str,
    message: &str,
) {
    let text = |value: &str| json!({ "DataType": "String", "StringValue": value });
    let end = message.floor_char_boundary(ERROR_MESSAGE_BYTES);
    let attributes = json!({
        "RequestID": text(request_id),
        "ErrorCode": { "DataType": "Number", "StringValue": "200" },
        "ErrorMessage": text(&message[..end]),
    });
    let sent = deliver(tx, context, from, queue, event, attributes);
    note(context, "dead_letter", queue, sent);
}

fn note(context: &Context, what: &str, target: &str, sent: Result<()>) {
    match sent {
        Ok(()) => context.trace.note(what, target),
        Err(error) => {
            tracing::warn!(%target, %error, "the end of an invocation could not be told");
            context
                .trace
                .note(&format!("{what}.failed"), error.to_string());
        }
    }
}

fn deliver(
    tx: &mut Tx<'_>,
    context: &Context,
    from: &Prepared,
    target: &str,
    body: &str,
    attributes: Value,
) -> Result<()> {
    let context = as_role(tx, context, &from.name, &from.version)?.through("lambda");
    let arn = Arn::parse(target).ok_or_else(|| Error::internal("a target that is no ARN"))?;
    match arn.service {
        "lambda" => {
            let name = FunctionName::parse(&context, target)?;
            let request_id = context.ids.uuid();
            asynchronous::accept(
                tx,
                &context,
                &name,
                asynchronous::Order {
                    payload: body.as_bytes(),
                    request_id,
                    client_context: None,
                    watcher: None,
                },
            )
        }
        "sqs" => {
            let url = format!("{}/{}/{}", context.endpoint, arn.account, arn.resource);
            let mut message = json!({ "QueueUrl": url, "MessageBody": body });
            if attributes
                .as_object()
                .is_some_and(|attributes| !attributes.is_empty())
            {
                message["MessageAttributes"] = attributes;
            }
            context.call_in(tx, "sqs", "SendMessage", message).map(drop)
        }
        service => Err(Error::not_implemented(format!(
            "lambda: sending events to {service}"
        ))),
    }
}
