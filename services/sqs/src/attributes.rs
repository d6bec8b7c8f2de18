//! Attributes of queues: as the wire has them, all texts.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_identity::iam::{self, PolicyUse};
use cumulet_kernel::{Tx, outbox};
use serde_json::{Value, json};

use super::api::{AttributesOutput, GetAttributesInput, Nothing, SetAttributesInput};
use super::error::{invalid_attribute, invalid_value, unknown_attribute};
use super::state::{COUNTS, CountRecord, QueueRecord, RedrivePolicy, Settings, under};
use super::{message, queue};

/// Those that can be set, in the order in which AWS documents them.
const SETTABLE: [&str; 15] = [
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "Policy",
    "ReceiveMessageWaitTimeSeconds",
    "VisibilityTimeout",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
];
const COUNTED: [&str; 6] = [
    "QueueArn",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
];

pub(super) fn get(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GetAttributesInput,
) -> Result<AttributesOutput> {
    let queue = queue::by_url(tx, context, &input.queue_url)?;
    let mut attributes = BTreeMap::new();
    let all = input.attribute_names.iter().any(|name| name == "All");
    let known = || SETTABLE.into_iter().chain(COUNTED);
    for name in &input.attribute_names {
        if name != "All" && !known().any(|known| known == name) {
            return Err(unknown_attribute(name));
        }
    }
    let counted = message::count(tx, queue.number, context.now)?;
    for name in
        known().filter(|name| all || input.attribute_names.iter().any(|asked| asked == name))
    {
        let value = match name {
            "QueueArn" => Some(queue.arn()),
            "CreatedTimestamp" => Some(queue.created.seconds().to_string()),
            "LastModifiedTimestamp" => Some(queue.modified.seconds().to_string()),
            "ApproximateNumberOfMessages" => Some(counted.visible.to_string()),
            "ApproximateNumberOfMessagesNotVisible" => Some(counted.in_flight.to_string()),
            "ApproximateNumberOfMessagesDelayed" => Some(counted.delayed.to_string()),
            name => shown(&queue.settings, name),
        };
        attributes.extend(value.map(|value| (name, value)));
    }
    Ok(AttributesOutput { attributes })
}

/// A setting as a text; `None` where the queue has none.
pub(super) fn shown(settings: &Settings, name: &str) -> Option<String> {
    let of_fifo = |value: &str| settings.fifo.then(|| value.to_owned());
    match name {
        "VisibilityTimeout" => Some(settings.visibility_timeout_s.to_string()),
        "MaximumMessageSize" => Some(settings.maximum_message_bytes.to_string()),
        "MessageRetentionPeriod" => Some(settings.retention_s.to_string()),
        "DelaySeconds" => Some(settings.delay_s.to_string()),
        "ReceiveMessageWaitTimeSeconds" => Some(settings.receive_wait_s.to_string()),
        "Policy" => settings.policy.as_deref().map(str::to_owned),
        "RedrivePolicy" => settings.redrive.as_ref().map(|redrive| {
            let (target, receives) = (&redrive.target_arn, redrive.receives_max);
            json!({ "deadLetterTargetArn": target, "maxReceiveCount": receives }).to_string()
        }),
        "RedriveAllowPolicy" => settings.redrive_allow.clone(),
        "KmsMasterKeyId" => settings.kms_key_id.clone(),
        "KmsDataKeyReusePeriodSeconds" => settings
            .kms_key_id
            .as_ref()
            .map(|_| settings.data_key_reuse_s.to_string()),
        "SqsManagedSseEnabled" => Some(settings.sqs_managed_sse.to_string()),
        "FifoQueue" => of_fifo("true"),
        "ContentBasedDeduplication" => of_fifo(&settings.content_based_deduplication.to_string()),
        "DeduplicationScope" => of_fifo(if settings.deduplicates_by_group {
            "messageGroup"
        } else {
            "queue"
        }),
        "FifoThroughputLimit" => of_fifo(if settings.throughput_by_group {
            "perMessageGroupId"
        } else {
            "perQueue"
        }),
        _ => None,
    }
}

pub(super) fn set(
    tx: &mut Tx<'_>,
    context: &Context,
    input: SetAttributesInput,
) -> Result<Nothing> {
    let mut queue = queue::by_url(tx, context, &input.queue_url)?;
    let is_fifo = queue.settings.fifo.to_string();
    if input
        .attributes
        .get("FifoQueue")
        .is_some_and(|asked| *asked != is_fifo)
    {
        return Err(Error::new(
            "InvalidAttributeValue",
            "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
        ));
    }
    let retention_s = queue.settings.retention_s;
    apply(tx, &queue.arn(), &mut queue.settings, &input.attributes)?;
    queue.modified = context.now;
    queue::save(tx, &queue)?;
    if queue.settings.retention_s != retention_s {
        sweep_anew(tx, context, &queue)?;
    }
    Ok(Nothing {})
}

/// Another retention means another time at which the first message goes.
fn sweep_anew(tx: &mut Tx<'_>, context: &Context, queue: &QueueRecord) -> Result<()> {
    let Some(mut count) = tx.load::<CountRecord>(COUNTS, under(queue.number))? else {
        return Ok(());
    };
    if let Some(before) = count.sweep.take() {
        outbox::finish(tx, before)?;
        count.sweep = Some(message::emit_sweep(tx, queue, context.now)?);
    }
    Ok(tx.save(COUNTS, under(queue.number), &count)?)
}

/// Sets what `attributes` say, each checked.
pub(super) fn apply(
    tx: &Tx<'_>,
    queue_arn: &str,
    settings: &mut Settings,
    attributes: &BTreeMap<String, String>,
) -> Result<()> {
    for name in attributes.keys() {
        check_name(name, settings.fifo)?;
    }
    let both = attributes
        .get("SqsManagedSseEnabled")
        .is_some_and(|value| value == "true")
        && attributes
            .get("KmsMasterKeyId")
            .is_some_and(|key| !key.is_empty());
    if both {
        return Err(Error::new(
            "InvalidAttributeValue",
            "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or \
             SQS SSE.",
        ));
    }
    for (name, value) in attributes {
        apply_one(tx, queue_arn, settings, name, value)?;
    }
    if settings.throughput_by_group && !settings.deduplicates_by_group {
        return Err(invalid_attribute("FifoThroughputLimit"));
    }
    Ok(())
}

fn check_name(name: &str, fifo: bool) -> Result<()> {
    if !SETTABLE.contains(&name) {
        return Err(unknown_attribute(name));
    }
    match name {
        "ContentBasedDeduplication" | "FifoQueue" if !fifo => Err(unknown_attribute(name)),
        "DeduplicationScope" | "FifoThroughputLimit" if !fifo => Err(Error::new(
            "InvalidAttributeName",
            format!("You can specify the {name} only when FifoQueue is set to true."),
        )),
        _ => Ok(()),
    }
}

fn apply_one(
    tx: &Tx<'_>,
    queue_arn: &str,
    settings: &mut Settings,
    name: &str,
    value: &str,
) -> Result<()> {
    let number = |range| number(name, value, range);
    match name {
        "DelaySeconds" => settings.delay_s = number(0..=900)?,
        "MaximumMessageSize" => settings.maximum_message_bytes = number(1024..=1_048_576)?,
        "MessageRetentionPeriod" => settings.retention_s = number(60..=1_209_600)?,
        "ReceiveMessageWaitTimeSeconds" => settings.receive_wait_s = number(0..=20)?,
        "VisibilityTimeout" => settings.visibility_timeout_s = number(0..=43_200)?,
        "KmsDataKeyReusePeriodSeconds" => settings.data_key_reuse_s = number(60..=86_400)?,
        "Policy" => settings.policy = policy(value)?.map(Into::into),
        "RedrivePolicy" => settings.redrive = redrive_policy(tx, queue_arn, settings.fifo, value)?,
        "RedriveAllowPolicy" => settings.redrive_allow = redrive_allow(value)?,
        "KmsMasterKeyId" => {
            settings.kms_key_id = (!value.is_empty()).then(|| value.to_owned());
            settings.sqs_managed_sse = value.is_empty() && settings.sqs_managed_sse;
        }
        "SqsManagedSseEnabled" => {
            settings.sqs_managed_sse = boolean(name, value)?;
            if settings.sqs_managed_sse {
                settings.kms_key_id = None;
            }
        }
        "ContentBasedDeduplication" => settings.content_based_deduplication = boolean(name, value)?,
        "DeduplicationScope" => {
            settings.deduplicates_by_group = choice(name, value, "queue", "messageGroup")?;
        }
        "FifoThroughputLimit" => {
            settings.throughput_by_group = choice(name, value, "perQueue", "perMessageGroupId")?;
        }
        _ => {}
    }
    Ok(())
}

fn number(name: &str, value: &str, range: RangeInclusive<u32>) -> Result<u32> {
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| invalid_attribute(name))
}

fn boolean(name: &str, value: &str) -> Result<bool> {
    choice(name, value, "false", "true")
}

fn choice(name: &str, value: &str, no: &str, yes: &str) -> Result<bool> {
    match value {
        value if value == no => Ok(false),
        value if value == yes => Ok(true),
        _ => Err(invalid_attribute(name)),
    }
}

fn policy(value: &str) -> Result<Option<String>> {
    if value.is_empty() {
        return Ok(None);
    }
    let valid = iam::validate_policy(value, PolicyUse::Resource);
    valid.map_err(|_| invalid_attribute("Policy"))?;
    Ok(Some(value.to_owned()))
}

fn redrive_policy(
    tx: &Tx<'_>,
    queue_arn: &str,
    fifo: bool,
    value: &str,
) -> Result<Option<RedrivePolicy>> {
    if value.is_empty() {
        return Ok(None);
    }
    let refused = |reason: &str| invalid_value(value, "RedrivePolicy", reason);
    let document: Value = serde_json::from_str(value).unwrap_or_default();
    let policy = document
        .as_object()
        .ok_or_else(|| refused("Redrive policy is not a valid JSON map."))?;
    let lacks = |name| {
        refused(&format!(
            "Redrive policy does not contain mandatory attribute: {name}."
        ))
    };
    let target = policy.get("deadLetterTargetArn").and_then(Value::as_str);
    let target = target.ok_or_else(|| lacks("deadLetterTargetArn"))?;
    let receives = policy
        .get("maxReceiveCount")
        .ok_or_else(|| lacks("maxReceiveCount"))?;
    let receives_max = receives
        .as_u64()
        .or_else(|| receives.as_str()?.parse().ok());
    let receives_max = receives_max.filter(|count| (1..=1000).contains(count)).ok_or_else(|| {
        refused(&format!(
            "Invalid value for maxReceiveCount: {receives}, valid values are from 1 to 1000 both inclusive."
        ))
    })?;
    let dead =
        queue::by_arn(tx, target)?.ok_or_else(|| refused("Dead letter target does not exist."))?;
    if dead.settings.fifo != fifo {
        return Err(refused(
            "Dead-letter queue must be same type of queue as the source.",
        ));
    }
    if !allows_source(&dead, queue_arn) {
        return Err(refused(&format!(
            "Queue {queue_arn} does not have permission to use {target} as a dead letter queue."
        )));
    }
    Ok(Some(RedrivePolicy {
        target_arn: target.to_owned(),
        receives_max: u32::try_from(receives_max).unwrap_or(u32::MAX),
    }))
}

/// Whether a dead-letter queue lets this queue use it.
fn allows_source(dead: &QueueRecord, source_arn: &str) -> bool {
    let policy = dead.settings.redrive_allow.as_deref().unwrap_or("{}");
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    match policy["redrivePermission"].as_str() {
        Some("denyAll") => false,
        Some("byQueue") => {
            let sources = policy["sourceQueueArns"].as_array();
            sources.is_some_and(|sources| sources.iter().any(|source| source == source_arn))
        }
        _ => true,
    }
}

fn redrive_allow(value: &str) -> Result<Option<String>> {
    if value.is_empty() {
        return Ok(None);
    }
    let refused = |reason: &str| invalid_value(value, "RedriveAllowPolicy", reason);
    let policy: Value = serde_json::from_str(value).unwrap_or_default();
    if !policy.is_object() {
        return Err(refused(
            "Amazon SQS can't create the redrive allow policy, as it's not a valid JSON map.",
        ));
    }
    let sources = policy["sourceQueueArns"].as_array().map_or(0, Vec::len);
    match policy["redrivePermission"].as_str() {
        Some("allowAll" | "denyAll") if sources == 0 => Ok(Some(value.to_owned())),
        Some("byQueue") if (1..=10).contains(&sources) => Ok(Some(value.to_owned())),
        _ => Err(refused(
            "Amazon SQS can't create the redrive allow policy, as it's not valid.",
        )),
    }
}
