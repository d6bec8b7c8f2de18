//! Notification configurations: what is refused, and what is kept.

use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::super::api::{Filter, Nothing, NotificationConfiguration, OnBucket, PutNotification};
use super::super::authorise::open;
use super::super::errors::{invalid_argument, malformed_xml};
use super::super::notify::{self, KIND};

const EVENTS: &[&str] = &[
    "s3:ReducedRedundancyLostObject",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationReplicatedAfterThreshold",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectAcl:Put",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
];

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketNotificationConfiguration.html>
pub(crate) fn get(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<NotificationConfiguration> {
    Ok(notify::configuration(tx, &input.target.bucket)?.unwrap_or_default())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html>
pub(crate) fn put(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnBucket<PutNotification>,
) -> Result<Nothing> {
    let bucket = open(tx, &input)?;
    let mut configuration = input.rest.notification_configuration;
    refuse_unbuilt(&configuration)?;
    let mut seen = Vec::new();
    for wish in &mut configuration.lambda_function_configurations {
        let id = wish.id.get_or_insert_with(|| context.ids.uuid()).clone();
        check(&mut seen, &id, &wish.events, wish.filter.as_mut())?;
        check_arn(&wish.lambda_function_arn, "lambda", "CloudFunction")?;
    }
    for wish in &mut configuration.queue_configurations {
        let id = wish.id.get_or_insert_with(|| context.ids.uuid()).clone();
        check(&mut seen, &id, &wish.events, wish.filter.as_mut())?;
        check_arn(&wish.queue_arn, "sqs", "Queue")?;
        if wish.queue_arn.ends_with(".fifo") {
            return Err(unvalidated(
                &wish.queue_arn,
                "FIFO SQS queues are not supported as destinations",
            ));
        }
    }
    if !input.rest.skip_destination_validation {
        for (arn, refusal) in destinations(&configuration) {
            if !admits(tx, context, arn, &bucket.arn(), &bucket.account)? {
                return Err(unvalidated(arn, refusal));
            }
        }
    }
    for wish in &configuration.queue_configurations {
        notify::test_event(tx, context, &bucket, &wish.queue_arn)?;
    }
    super::save(tx, &bucket.name, KIND, &configuration)?;
    Ok(Nothing {})
}

/// Every destination, with what is said where it does not let S3 in.
fn destinations(configuration: &NotificationConfiguration) -> Vec<(&str, &'static str)> {
    let functions = configuration
        .lambda_function_configurations
        .iter()
        .map(|wish| {
            (
                wish.lambda_function_arn.as_str(),
                "Not authorized to invoke function",
            )
        });
    let queues = configuration.queue_configurations.iter().map(|wish| {
        (
            wish.queue_arn.as_str(),
            "Permissions on the destination queue do not allow S3 to publish notifications from this bucket",
        )
    });
    functions.chain(queues).collect()
}

fn unvalidated(arn: &str, why: &str) -> Error {
    let message = "Unable to validate the following destination configurations";
    invalid_argument(message, arn, why)
}

/// Whether the destination exists and lets S3 in for this bucket of this account; the service of its ARN
/// knows.
fn admits(
    tx: &Tx<'_>,
    context: &Context,
    destination_arn: &str,
    bucket_arn: &str,
    account: &str,
) -> Result<bool> {
    let Some(destination) = Arn::parse(destination_arn) else {
        return Ok(false);
    };
    let service = context.services.service(destination.service);
    let Some(admits) = service.and_then(|service| service.admits) else {
        let service = destination.service;
        return Err(Error::not_implemented(format!(
            "event notifications to {service}"
        )));
    };
    let asking = context
        .as_service("s3.amazonaws.com", bucket_arn, account)
        .located(destination.account, destination.region);
    admits(tx, &asking, destination_arn)
}

fn refuse_unbuilt(configuration: &NotificationConfiguration) -> Result<()> {
    if !configuration.topic_configurations.is_empty() {
        return Err(Error::not_implemented("event notifications to SNS topics"));
    }
    if configuration.event_bridge_configuration.is_some() {
        return Err(Error::not_implemented("event notifications to EventBridge"));
    }
    Ok(())
}

fn check_arn(arn: &str, service: &str, argument: &str) -> Result<()> {
    match Arn::parse(arn) {
        Some(parsed) if parsed.service == service => Ok(()),
        _ => Err(invalid_argument(
            "The ARN could not be parsed",
            argument,
            arn,
        )),
    }
}

/// What one configuration wants: its events, prefix and suffix.
struct Wish {
    id: String,
    events: Vec<String>,
    prefix: String,
    suffix: String,
}

fn check(
    seen: &mut Vec<Wish>,
    id: &str,
    events: &[String],
    filter: Option<&mut Filter>,
) -> Result<()> {
    if events.is_empty() {
        return Err(malformed_xml());
    }
    if let Some(event) = events
        .iter()
        .find(|event| !EVENTS.contains(&event.as_str()))
    {
        return Err(invalid_argument(
            "The event is not supported for notifications",
            "Event",
            event,
        ));
    }
    if seen.iter().any(|wish| wish.id == id) {
        let message = "Same ID used for multiple configurations. IDs must be unique";
        return Err(invalid_argument(message, "Id", id));
    }
    let (prefix, suffix) = filter.map_or_else(|| Ok(Default::default()), read_filter)?;
    let wish = Wish {
        id: id.to_owned(),
        events: events.to_vec(),
        prefix,
        suffix,
    };
    if seen.iter().any(|other| overlap(other, &wish)) {
        let message = "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the \
                       prefixes are overlapping for the same event type.";
        return Err(Error::new("InvalidArgument", message));
    }
    seen.push(wish);
    Ok(())
}

/// Prefix and suffix of a filter, whose rule names are brought into the form they are kept in.
fn read_filter(filter: &mut Filter) -> Result<(String, String)> {
    let (mut prefix, mut suffix) = (None, None);
    let rules = filter
        .key
        .as_mut()
        .map(|key| key.filter_rules.as_mut_slice())
        .unwrap_or_default();
    for rule in rules {
        let name = rule.name.clone().unwrap_or_default();
        let (slot, kept) = match name.to_ascii_lowercase().as_str() {
            "prefix" => (&mut prefix, "Prefix"),
            "suffix" => (&mut suffix, "Suffix"),
            _ => {
                let message = "filter rule name must be either prefix or suffix";
                return Err(invalid_argument(message, "FilterRule.Name", name));
            }
        };
        if slot.is_some() {
            let message = format!(
                "Cannot specify more than one {} rule in a filter.",
                kept.to_lowercase()
            );
            return Err(invalid_argument(message, "FilterRule.Name", name));
        }
        *slot = Some(rule.value.clone().unwrap_or_default());
        rule.name = Some(kept.to_owned());
    }
    Ok((prefix.unwrap_or_default(), suffix.unwrap_or_default()))
}

/// Two wishes overlap where one change could meet both.
fn overlap(one: &Wish, other: &Wish) -> bool {
    let prefixes = one.prefix.starts_with(&other.prefix) || other.prefix.starts_with(&one.prefix);
    let suffixes = one.suffix.ends_with(&other.suffix) || other.suffix.ends_with(&one.suffix);
    let events = one
        .events
        .iter()
        .any(|event| other.events.iter().any(|wanted| same_event(event, wanted)));
    prefixes && suffixes && events
}

fn same_event(one: &str, other: &str) -> bool {
    let covers = |pattern: &str, event: &str| {
        pattern
            .strip_suffix('*')
            .is_some_and(|beginning| event.starts_with(beginning))
    };
    one == other || covers(one, other) || covers(other, one)
}
