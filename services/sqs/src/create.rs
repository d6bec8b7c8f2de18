//! Queues themselves: made, found, listed, purged and deleted.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::page::page_by_name;
use cumulet_kernel::store::{Direction, decode};
use cumulet_kernel::{Event, Timestamp, Tx, outbox};
use serde_json::json;

use super::api::{
    CreateInput, ListInput, ListOutput, Nothing, QueueInput, SourcesInput, SourcesOutput, UrlInput,
    UrlOutput,
};
use super::error::{invalid_attribute, invalid_parameter, no_queue, unknown_attribute};
use super::state::{DELETED, QUEUES, QueueRecord, Settings, queue_key, queues_of};
use super::{attributes, queue};

const SECONDS_BEFORE_REUSE: i64 = 60;
const PAGE: usize = 1000;
const NAME_RULE: &str =
    "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
const FIFO_NAME_RULE: &str = "The name of a FIFO queue can only include alphanumeric characters, hyphens, or \
                              underscores, must end with .fifo suffix and be 1 to 80 in length.";

pub(super) fn access(tx: &Tx<'_>, context: &Context, input: &CreateInput) -> Result<Vec<Access>> {
    let (region, account) = (&context.region, &context.account);
    let needed = queue::access_to(tx, region, account, &input.queue_name, "CreateQueue")?;
    let tag = |access: Access, (key, value): (&String, &String)| {
        access.condition(format!("aws:RequestTag/{key}"), value)
    };
    Ok(needed
        .into_iter()
        .map(|access| input.tags.iter().fold(access, tag))
        .collect())
}

pub(super) fn create_queue(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateInput,
) -> Result<UrlOutput> {
    let fifo = match input.attributes.get("FifoQueue").map(String::as_str) {
        None => false,
        Some("true") => true,
        Some("false") => return Err(unknown_attribute("FifoQueue")),
        Some(_) => return Err(invalid_attribute("FifoQueue")),
    };
    check_name(&input.queue_name, fifo)?;
    let mut made = QueueRecord {
        account: context.account.to_string(),
        region: context.region.to_string(),
        number: tx.next_sequence()?,
        created: context.now,
        modified: context.now,
        purged: None,
        settings: Settings {
            fifo,
            ..Settings::default()
        },
        tags: input.tags,
        name: input.queue_name,
    };
    let arn = made.arn();
    attributes::apply(tx, &arn, &mut made.settings, &input.attributes)?;
    if let Some(existing) = queue::load(tx, &made.account, &made.region, &made.name)? {
        refuse_difference(&existing, &made.settings, input.attributes.keys())?;
        return Ok(UrlOutput {
            queue_url: existing.url(context),
        });
    }
    refuse_recently_deleted(tx, context, &made)?;
    queue::save(tx, &made)?;
    Ok(UrlOutput {
        queue_url: made.url(context),
    })
}

fn check_name(name: &str, fifo: bool) -> Result<()> {
    let stem = if fifo {
        name.strip_suffix(".fifo").unwrap_or_default()
    } else {
        name
    };
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if name.len() <= 80 && !stem.is_empty() && stem.bytes().all(is_valid) {
        return Ok(());
    }
    Err(invalid_parameter(if fifo {
        FIFO_NAME_RULE
    } else {
        NAME_RULE
    }))
}

fn refuse_difference<'a>(
    existing: &QueueRecord,
    asked: &Settings,
    mut names: impl Iterator<Item = &'a String>,
) -> Result<()> {
    let differs = |name: &&String| {
        attributes::shown(&existing.settings, name) != attributes::shown(asked, name)
    };
    match names.find(differs) {
        None => Ok(()),
        Some(name) => Err(Error::new(
            "QueueNameExists",
            format!(
                "A queue already exists with the same name and a different value for attribute {name}"
            ),
        )),
    }
}

fn refuse_recently_deleted(tx: &mut Tx<'_>, context: &Context, queue: &QueueRecord) -> Result<()> {
    let deleted: Option<Timestamp> = tx.load(DELETED, queue.key())?;
    match deleted {
        Some(deleted) if context.now < deleted.plus_s(SECONDS_BEFORE_REUSE) => Err(Error::new(
            "QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        )),
        Some(_) => Ok(tx.delete(DELETED, queue.key())?),
        None => Ok(()),
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueUrl.html>
pub(super) fn get_queue_url(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UrlInput,
) -> Result<UrlOutput> {
    let account = input.owner.as_deref().unwrap_or(&context.account);
    let queue = queue::load(tx, account, &context.region, &input.queue_name)?;
    let queue = queue.ok_or_else(no_queue)?;
    Ok(UrlOutput {
        queue_url: queue.url(context),
    })
}

pub(super) fn all(tx: &Tx<'_>, account: &str, region: &str) -> Result<Vec<QueueRecord>> {
    let pairs = tx.prefix(QUEUES, queues_of(account, region), Direction::Forward)?;
    pairs.map(|pair| Ok(decode(&pair?.1)?)).collect()
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html>
pub(super) fn list_queues(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListInput,
) -> Result<ListOutput> {
    let prefix = input.queue_name_prefix.unwrap_or_default();
    let mut queues = all(tx, &context.account, &context.region)?;
    queues.retain(|queue| queue.name.starts_with(&prefix));
    let token = input.next_token.as_deref();
    let (queue_urls, next) = urls(context, queues, token, input.max_results)?;
    // Only who asks for a page size is told that there is more.
    let next_token = next.filter(|_| input.max_results.is_some());
    Ok(ListOutput {
        queue_urls,
        next_token,
    })
}

fn urls(
    context: &Context,
    queues: Vec<QueueRecord>,
    token: Option<&str>,
    limit: Option<usize>,
) -> Result<(Vec<String>, Option<String>)> {
    let limit = limit.unwrap_or(PAGE);
    if !(1..=PAGE).contains(&limit) {
        let reason = "Must be an Integer from 1 to 1000.";
        return Err(super::error::invalid_value(limit, "MaxResults", reason));
    }
    let name = |queue: &QueueRecord| queue.name.clone();
    let page = page_by_name(queues, name, token, limit);
    let page = page.ok_or_else(|| invalid_parameter("Invalid or expired NextToken."))?;
    let urls = page.items.iter().map(|queue| queue.url(context)).collect();
    Ok((urls, page.next_token))
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListDeadLetterSourceQueues.html>
pub(super) fn list_dead_letter_source_queues(
    tx: &mut Tx<'_>,
    context: &Context,
    input: SourcesInput,
) -> Result<SourcesOutput> {
    let dead = queue::by_url(tx, context, &input.queue_url)?;
    let sources = sources_of(tx, &dead)?;
    let (queue_urls, next_token) = urls(
        context,
        sources,
        input.next_token.as_deref(),
        input.max_results,
    )?;
    Ok(SourcesOutput {
        queue_urls,
        next_token,
    })
}

/// The queues whose dead letters come here.
pub(super) fn sources_of(tx: &Tx<'_>, dead: &QueueRecord) -> Result<Vec<QueueRecord>> {
    let arn = dead.arn();
    let mut sources = all(tx, &dead.account, &dead.region)?;
    sources.retain(|source| {
        source
            .settings
            .redrive
            .as_ref()
            .is_some_and(|redrive| redrive.target_arn == arn)
    });
    Ok(sources)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>
pub(super) fn delete_queue(
    tx: &mut Tx<'_>,
    context: &Context,
    input: QueueInput,
) -> Result<Nothing> {
    let queue = queue::by_url(tx, context, &input.queue_url)?;
    tx.delete(QUEUES, queue.key())?;
    let at = queue_key(&queue.account, &queue.region, &queue.name);
    tx.save(DELETED, at, &context.now)?;
    leave_remains(tx, context, &queue)?;
    Ok(Nothing {})
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html>
pub(super) fn purge_queue(
    tx: &mut Tx<'_>,
    context: &Context,
    input: QueueInput,
) -> Result<Nothing> {
    let mut queue = queue::by_url(tx, context, &input.queue_url)?;
    if queue
        .purged
        .is_some_and(|purged| context.now < purged.plus_s(SECONDS_BEFORE_REUSE))
    {
        let message = format!(
            "Only one PurgeQueue operation on {} is allowed every 60 seconds.",
            queue.name
        );
        return Err(Error::new("PurgeQueueInProgress", message).status(403));
    }
    leave_remains(tx, context, &queue)?;
    queue.number = tx.next_sequence()?;
    queue.purged = Some(context.now);
    queue::save(tx, &queue)?;
    Ok(Nothing {})
}

/// Has what lies under the queue's number removed, in batches.
fn leave_remains(tx: &mut Tx<'_>, context: &Context, queue: &QueueRecord) -> Result<()> {
    let event = Event::Timer {
        service: "sqs".into(),
        kind: "remains".into(),
        subject: queue.number.to_string(),
        detail: json!({ "number": queue.number }),
    };
    outbox::emit(tx, context.now, event)?;
    Ok(())
}
