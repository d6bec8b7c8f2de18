//! Tasks that move messages out of a dead-letter queue, a batch at a time, by events.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::store::{Direction, decode};
use cumulet_kernel::{Event, Key, Timestamp, Tx};
use serde_json::{Value, json};

use super::api::{
    CancelMoveInput, CancelMoveOutput, ListMovesInput, ListMovesOutput, MoveEntry, StartMoveInput,
    StartMoveOutput,
};
use super::error::{invalid_parameter, invalid_value, no_resource};
use super::state::{
    ContentRecord, MOVE_TASKS, MessageRecord, MoveStatus, MoveTaskRecord, QueueRecord,
};
use super::{create, message, queue};

/// How many go in one transaction where no rate is given.
const BATCH: usize = 500;
const LISTED_MAX: usize = 10;

fn key(task: &MoveTaskRecord) -> Key {
    let started = task.started.0.max(0).unsigned_abs();
    Key::new()
        .text(&task.source_arn)
        .number_descending(started)
        .text(&task.id)
}

fn handle(task: &MoveTaskRecord) -> String {
    let handle = json!({ "taskId": task.id, "sourceArn": task.source_arn });
    BASE64_STANDARD.encode(handle.to_string())
}

/// The source queue's ARN and the task's id.
fn read_handle(handle: &str) -> Result<(String, String)> {
    let invalid = || invalid_parameter("Value for parameter TaskHandle is invalid.");
    let bytes = BASE64_STANDARD.decode(handle).map_err(|_| invalid())?;
    let handle: Value = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
    let part = |name: &str| handle[name].as_str().map(str::to_owned).ok_or_else(invalid);
    Ok((part("sourceArn")?, part("taskId")?))
}

pub(super) fn source_of_handle(handle: &str) -> Result<String> {
    Ok(read_handle(handle)?.0)
}

/// The tasks of a source queue, the newest first.
fn tasks(tx: &Tx<'_>, source_arn: &str) -> Result<Vec<MoveTaskRecord>> {
    let pairs = tx.prefix(MOVE_TASKS, Key::new().text(source_arn), Direction::Forward)?;
    pairs
        .take(LISTED_MAX)
        .map(|pair| Ok(decode(&pair?.1)?))
        .collect()
}

pub(super) fn start_message_move_task(
    tx: &mut Tx<'_>,
    context: &Context,
    input: StartMoveInput,
) -> Result<StartMoveOutput> {
    let source = queue::by_arn(tx, &input.source_arn)?.ok_or_else(|| no_resource("SourceArn"))?;
    if let Some(destination) = &input.destination_arn {
        queue::by_arn(tx, destination)?.ok_or_else(|| no_resource("DestinationArn"))?;
    }
    if create::sources_of(tx, &source)?.is_empty() {
        return Err(invalid_parameter(
            "Source queue must be configured as a Dead Letter Queue.",
        ));
    }
    let rate = input.max_number_of_messages_per_second;
    if let Some(rate) = rate.filter(|rate| !(1..=500).contains(rate)) {
        let reason = "You must choose a number between 1 and 500.";
        return Err(invalid_value(rate, "MaxNumberOfMessagesPerSecond", reason));
    }
    let is_running = |task: &MoveTaskRecord| task.status == MoveStatus::Running;
    if tasks(tx, &input.source_arn)?.iter().any(is_running) {
        return Err(invalid_parameter(
            "There is already a task running. Only one active task is allowed for a source queue arn at a \
             given time.",
        ));
    }
    let task = MoveTaskRecord {
        id: context.ids.uuid(),
        source_arn: input.source_arn,
        destination_arn: input.destination_arn,
        per_second_max: rate,
        started: context.now,
        status: MoveStatus::Running,
        to_move: message::count(tx, source.number, context.now)?.visible,
        moved: 0,
        failure: None,
    };
    tx.save(MOVE_TASKS, key(&task), &task)?;
    emit(tx, context.now, &task)?;
    Ok(StartMoveOutput {
        task_handle: handle(&task),
    })
}

fn emit(tx: &mut Tx<'_>, due: Timestamp, task: &MoveTaskRecord) -> Result<()> {
    let event = Event::Timer {
        service: "sqs".into(),
        kind: "move".into(),
        subject: task.id.clone(),
        detail: json!({ "source": task.source_arn }),
    };
    outbox::emit(tx, due, event)?;
    Ok(())
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CancelMessageMoveTask.html>
pub(super) fn cancel_message_move_task(
    tx: &mut Tx<'_>,
    _: &Context,
    input: CancelMoveInput,
) -> Result<CancelMoveOutput> {
    let (source, id) = read_handle(&input.task_handle)?;
    let missing = || Error::new("ResourceNotFoundException", "Task does not exist.").status(404);
    let task = tasks(tx, &source)?.into_iter().find(|task| task.id == id);
    let mut task = task.ok_or_else(missing)?;
    if task.status != MoveStatus::Running {
        return Err(invalid_parameter("Only active tasks can be cancelled."));
    }
    task.status = MoveStatus::Cancelled;
    tx.save(MOVE_TASKS, key(&task), &task)?;
    Ok(CancelMoveOutput {
        approximate_number_of_messages_moved: task.moved,
    })
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html>
pub(super) fn list_message_move_tasks(
    tx: &mut Tx<'_>,
    _: &Context,
    input: ListMovesInput,
) -> Result<ListMovesOutput> {
    queue::by_arn(tx, &input.source_arn)?.ok_or_else(|| no_resource("SourceArn"))?;
    let limit = input.max_results.unwrap_or(1);
    if !(1..=LISTED_MAX).contains(&limit) {
        let reason = "You must choose a number between 1 and 10.";
        return Err(invalid_value(limit, "MaxResults", reason));
    }
    let tasks = tasks(tx, &input.source_arn)?.into_iter().take(limit);
    Ok(ListMovesOutput {
        results: tasks.map(entry).collect(),
    })
}

fn entry(task: MoveTaskRecord) -> MoveEntry {
    MoveEntry {
        task_handle: (task.status == MoveStatus::Running).then(|| handle(&task)),
        status: match task.status {
            MoveStatus::Running => "RUNNING",
            MoveStatus::Completed => "COMPLETED",
            MoveStatus::Cancelled => "CANCELLED",
            MoveStatus::Failed => "FAILED",
        },
        source_arn: task.source_arn,
        destination_arn: task.destination_arn,
        max_number_of_messages_per_second: task.per_second_max,
        approximate_number_of_messages_moved: task.moved,
        approximate_number_of_messages_to_move: task.to_move,
        failure_reason: task.failure,
        started_timestamp: task.started.milliseconds(),
    }
}

/// Moves one batch, and leaves an event for the next while there is more.
pub(super) fn deliver(
    tx: &mut Tx<'_>,
    context: &Context,
    entry: &Entry,
    id: &str,
    detail: &Value,
) -> Result<()> {
    outbox::finish(tx, entry.id)?;
    let source_arn = detail["source"].as_str().unwrap_or_default();
    let task = tasks(tx, source_arn)?
        .into_iter()
        .find(|task| task.id == id);
    let Some(mut task) = task.filter(|task| task.status == MoveStatus::Running) else {
        return Ok(());
    };
    let rate = task
        .per_second_max
        .and_then(|rate| usize::try_from(rate).ok());
    let more = match queue::by_arn(tx, source_arn)? {
        Some(source) => move_batch(tx, context, &source, &mut task, rate.unwrap_or(BATCH))?,
        None => false,
    };
    if !more && task.status == MoveStatus::Running {
        task.status = MoveStatus::Completed;
    }
    tx.save(MOVE_TASKS, key(&task), &task)?;
    if more {
        let pause_s = i64::from(task.per_second_max.is_some());
        emit(tx, context.now.plus_s(pause_s), &task)?;
    }
    Ok(())
}

/// Whether there may be more.
fn move_batch(
    tx: &mut Tx<'_>,
    context: &Context,
    source: &QueueRecord,
    task: &mut MoveTaskRecord,
    limit: usize,
) -> Result<bool> {
    let sequences = message::visible(tx, source.number, context.now, limit)?;
    let more = sequences.len() == limit;
    for sequence in sequences {
        let record = message::load(tx, source.number, sequence)?;
        let content = message::content(tx, source.number, sequence)?;
        let (Some(record), Some(content)) = (record, content) else {
            continue;
        };
        let target = task
            .destination_arn
            .as_ref()
            .or(content.dead_letter_source.as_ref())
            .cloned();
        let destination = target
            .map(|arn| queue::by_arn(tx, &arn))
            .transpose()?
            .flatten();
        let Some(destination) = destination.filter(|to| to.settings.fifo == source.settings.fifo)
        else {
            task.status = MoveStatus::Failed;
            task.failure = Some("AWS.SimpleQueueService.NonExistentQueue".into());
            return Ok(false);
        };
        message::remove(tx, source.number, sequence, &record)?;
        send_anew(tx, context, &destination, content)?;
        task.moved += 1;
    }
    Ok(more)
}

/// A moved message is a new one: with an id, an age and a count of receives of its own. One that is
/// sealed keeps its id, to which its body is bound.
fn send_anew(
    tx: &mut Tx<'_>,
    context: &Context,
    to: &QueueRecord,
    mut content: ContentRecord,
) -> Result<()> {
    if content.sealed.is_none() {
        content.message_id = context.ids.uuid();
    }
    content.dead_letter_source = None;
    let record = MessageRecord {
        sent: context.now,
        visible_from: context.now,
        receives: 0,
        first_received: None,
        receipt: [0; 16],
        group: content.group.clone().filter(|_| to.settings.fifo),
    };
    let sequence = tx.next_sequence()?;
    message::insert(tx, to, sequence, &content, &record)
}
