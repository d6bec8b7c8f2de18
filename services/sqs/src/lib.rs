//! Simple Queue Service: messages that wait until somebody has done what they ask for.
//!
//! It knows nothing of who sends and who receives. A message becomes visible, expires or is dead by the
//! clock alone: there is no timer per message, receiving reads an index by time. Long polls are the one
//! thing that takes time; they wait at the edge.

mod api;
mod attributes;
mod batch;
mod create;
mod dead_letter;
mod error;
mod group;
mod md5;
mod measure;
mod message;
mod move_task;
mod permission;
mod queue;
mod receipt;
mod receive;
mod resource;
mod sealing;
mod send;
mod state;
mod sweep;
#[cfg(test)]
mod tests;
mod waiting;

use api::{
    AttributeInput, BatchInput, CancelMoveInput, GetAttributesInput, ListInput, ListMovesInput,
    MessageInput, PermissionInput, QueueInput, Receipt, ReceiptInput, ReceiveInput, SendInput,
    SetAttributesInput, SourcesInput, StartMoveInput, TagsInput, UrlInput,
};
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::arn::Arn;
use cumulet_engine::delivery::unhandled;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::{AccessRule, Operation};
use cumulet_engine::registry::{Denial, Service};
use cumulet_identity::iam;
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::{Event, Timestamp, Tx};
use serde_json::{Value, json};
use state::TABLES;

/// The permission for an action on the queue that the input names by its URL.
macro_rules! on_queue {
    ($input:ty, $action:literal) => {{
        let rule: AccessRule<$input> =
            |tx, context, input| queue::access(tx, context, $action, &input.queue_url);
        rule
    }};
}

/// All that the rest of the house knows of this service.
pub fn service() -> Service {
    Service::new("sqs", Denial::Xml, operations())
        .with_tables(700, TABLES)
        .with_resource_types(resource::resource_types())
        .taking_events(|engine, context, entry| Box::pin(take(engine, context, entry)))
        .admitting_events(lets_in)
}

async fn take(engine: Engine, context: Context, entry: Entry) -> Result<()> {
    match &entry.event {
        Event::ObjectChanged { .. } => deliver_object_change(&engine, context, entry).await,
        Event::Timer { .. } => deliver_timer(&engine, context, entry).await,
        other => Err(unhandled(other)),
    }
}

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    let mut operations = queue_operations();
    operations.extend(message_operations());
    operations.extend(permission_and_tag_operations());
    operations.extend(move_operations());
    operations
}

fn queue_operations() -> Vec<Operation> {
    vec![
        Operation::write("CreateQueue", create::access, create::create_queue),
        Operation::read::<UrlInput, _>(
            "GetQueueUrl",
            |tx, context, input| {
                let account = input.owner.as_deref().unwrap_or(&context.account);
                queue::access_to(
                    tx,
                    &context.region,
                    account,
                    &input.queue_name,
                    "GetQueueUrl",
                )
            },
            create::get_queue_url,
        ),
        Operation::read::<ListInput, _>(
            "ListQueues",
            |_, _, _| Ok(vec![Access::new("sqs:ListQueues", "*")]),
            create::list_queues,
        ),
        Operation::read(
            "ListDeadLetterSourceQueues",
            on_queue!(SourcesInput, "ListDeadLetterSourceQueues"),
            create::list_dead_letter_source_queues,
        ),
        Operation::write(
            "DeleteQueue",
            on_queue!(QueueInput, "DeleteQueue"),
            create::delete_queue,
        ),
        Operation::write(
            "PurgeQueue",
            on_queue!(QueueInput, "PurgeQueue"),
            create::purge_queue,
        ),
        Operation::read(
            "GetQueueAttributes",
            on_queue!(GetAttributesInput, "GetQueueAttributes"),
            attributes::get,
        ),
        Operation::write(
            "SetQueueAttributes",
            on_queue!(SetAttributesInput, "SetQueueAttributes"),
            attributes::set,
        ),
    ]
}

/// Batches need the permission of their single operation.
fn message_operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "SendMessage",
            on_queue!(SendInput, "SendMessage"),
            send::send_message,
        ),
        Operation::write(
            "SendMessageBatch",
            on_queue!(BatchInput<MessageInput>, "SendMessage"),
            send::send_message_batch,
        ),
        Operation::edge("ReceiveMessage", receive::receive_message),
        Operation::write(
            "DeleteMessage",
            on_queue!(ReceiptInput, "DeleteMessage"),
            receipt::delete_message,
        ),
        Operation::write(
            "DeleteMessageBatch",
            on_queue!(BatchInput<Receipt>, "DeleteMessage"),
            receipt::delete_message_batch,
        ),
        Operation::write(
            "ChangeMessageVisibility",
            on_queue!(ReceiptInput, "ChangeMessageVisibility"),
            receipt::change_message_visibility,
        ),
        Operation::write(
            "ChangeMessageVisibilityBatch",
            on_queue!(BatchInput<Receipt>, "ChangeMessageVisibility"),
            receipt::change_message_visibility_batch,
        ),
    ]
}

fn permission_and_tag_operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "AddPermission",
            on_queue!(PermissionInput, "AddPermission"),
            permission::add_permission,
        ),
        Operation::write(
            "RemovePermission",
            on_queue!(PermissionInput, "RemovePermission"),
            permission::remove_permission,
        ),
        Operation::write(
            "TagQueue",
            on_queue!(TagsInput, "TagQueue"),
            permission::tag_queue,
        ),
        Operation::write(
            "UntagQueue",
            on_queue!(TagsInput, "UntagQueue"),
            permission::untag_queue,
        ),
        Operation::read(
            "ListQueueTags",
            on_queue!(QueueInput, "ListQueueTags"),
            permission::list_queue_tags,
        ),
    ]
}

fn move_operations() -> Vec<Operation> {
    vec![
        Operation::write::<StartMoveInput, _>(
            "StartMessageMoveTask",
            |tx, context, input| {
                let source = &input.source_arn;
                let mut needed = queue::access_by_arn(tx, context, "StartMessageMoveTask", source)?;
                for action in ["ReceiveMessage", "DeleteMessage"] {
                    needed.extend(queue::access_by_arn(tx, context, action, source)?);
                }
                if let Some(destination) = &input.destination_arn {
                    needed.extend(queue::access_by_arn(
                        tx,
                        context,
                        "SendMessage",
                        destination,
                    )?);
                }
                Ok(needed)
            },
            move_task::start_message_move_task,
        ),
        Operation::write::<CancelMoveInput, _>(
            "CancelMessageMoveTask",
            |tx, context, input| {
                let source = move_task::source_of_handle(&input.task_handle)?;
                queue::access_by_arn(tx, context, "CancelMessageMoveTask", &source)
            },
            move_task::cancel_message_move_task,
        ),
        Operation::read::<ListMovesInput, _>(
            "ListMessageMoveTasks",
            |tx, context, input| {
                queue::access_by_arn(tx, context, "ListMessageMoveTasks", &input.source_arn)
            },
            move_task::list_message_move_tasks,
        ),
    ]
}

/// A message attribute with a text: name, type, value.
pub type TextAttribute<'a> = (&'a str, &'a str, &'a str);

/// Sends a message as the context's principal (needs sqs:SendMessage); its id.
pub fn send_message(
    tx: &mut Tx<'_>,
    context: &Context,
    queue_arn: &str,
    body: &str,
    attributes: &[TextAttribute<'_>],
) -> Result<String> {
    iam::authorise(
        tx,
        context,
        &queue::access_by_arn(tx, context, "SendMessage", queue_arn)?,
    )?;
    let queue = queue::by_arn(tx, queue_arn)?.ok_or_else(error::no_queue)?;
    let attribute = |(name, data_type, value): &TextAttribute<'_>| {
        let attribute = AttributeInput {
            string_value: Some((*value).to_owned()),
            binary_value: None,
            data_type: (*data_type).to_owned(),
        };
        ((*name).to_owned(), attribute)
    };
    let message = MessageInput {
        message_body: Some(body.to_owned()),
        message_attributes: attributes.iter().map(attribute).collect(),
        ..MessageInput::default()
    };
    Ok(send::send(tx, context, &queue, message)?.message_id)
}

/// ReceiveMessage without waiting, within a transaction: for pollers of other services. Input and output
/// are those of the operation.
pub fn receive_messages(tx: &mut Tx<'_>, context: &Context, input: Value) -> Result<Value> {
    let refused =
        |error: serde_json::Error| Error::new("SerializationException", error.to_string());
    let input: ReceiveInput = serde_json::from_value(input).map_err(refused)?;
    let received = receive::receive_now(tx, context, input)?;
    serde_json::to_value(received).map_err(|error| Error::internal(error.to_string()))
}

/// What whoever polls a queue may expect of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Messages that can be received now, counted as far as was asked.
    pub visible: usize,
    /// When the next one can be seen that cannot be seen now.
    pub next: Option<Timestamp>,
    pub visibility_timeout_s: u32,
}

/// What may be expected at `now`, counting up to `limit` messages; nothing where the queue does not exist. To hear of
/// messages that come later, hang an event on the bell of the queue's ARN.
pub fn expected(
    tx: &Tx<'_>,
    queue_arn: &str,
    now: Timestamp,
    limit: usize,
) -> Result<Option<Expected>> {
    let Some(queue) = queue::by_arn(tx, queue_arn)? else {
        return Ok(None);
    };
    Ok(Some(Expected {
        visible: message::visible(tx, queue.number, now, limit)?.len(),
        next: message::next_visible(tx, queue.number, now)?,
        visibility_timeout_s: queue.settings.visibility_timeout_s,
    }))
}

/// Whether the context's service may send to the queue, which S3 asks before it takes a notification
/// configuration.
pub fn lets_in(tx: &Tx<'_>, context: &Context, queue_arn: &str) -> Result<bool> {
    let Some(arn) = Arn::parse(queue_arn) else {
        return Ok(false);
    };
    let access = queue::access_to(tx, arn.region, arn.account, arn.resource, "SendMessage");
    let allowed = access.and_then(|needed| iam::authorise(tx, context, &needed));
    match allowed {
        Ok(()) => Ok(true),
        Err(error) if error.status < 500 => Ok(false),
        Err(error) => Err(error),
    }
}

/// Tells a queue of a change in a bucket. A refusal ends it: nobody else would hear of it either.
pub async fn deliver_object_change(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let Event::ObjectChanged {
        bucket,
        account,
        destination_arn,
        record,
        ..
    } = entry.event.clone()
    else {
        return Err(Error::internal("not an object's change"));
    };
    let source = format!("arn:aws:s3:::{bucket}");
    let mut context = context.as_service("s3.amazonaws.com", &source, &account);
    if let Some(target) = Arn::parse(&destination_arn) {
        context = context.located(target.account, target.region);
    }
    context.now = engine.clock.now();
    // The test that a destination is sent is a message of its own form.
    let body = match record.get("Event") {
        Some(_) => record.to_string(),
        None => json!({ "Records": [record] }).to_string(),
    };
    engine
        .write(move |tx| {
            outbox::finish(tx, entry.id)?;
            match send_message(tx, &context, &destination_arn, &body, &[]) {
                Err(error) if error.status < 500 => {
                    tracing::warn!(%error, queue = destination_arn, "a bucket notification was refused");
                    context.trace.note("dropped", error.to_string());
                    Ok(())
                }
                sent => sent.map(drop),
            }
        })
        .await
}

/// What time sets off: retention, removal of remains, and the steps of move tasks.
pub async fn deliver_timer(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    sweep::deliver(engine, context, entry).await
}
