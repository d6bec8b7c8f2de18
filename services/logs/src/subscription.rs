//! Subscription filters: events that match go to a function, compressed, as they arrive.
//!
//! What is stored leaves an event that names where it lies; the message is made from the log itself when
//! it is delivered. So a group under a KMS key stays closed while its key is disabled.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html>

use std::io::Write;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::key::KeyReader;
use cumulet_kernel::outbox;
use cumulet_kernel::store::{Direction, decode};
use cumulet_kernel::{Event, Key, Tx};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::api::{
    DescribeSubscriptionFiltersInput, DescribeSubscriptionFiltersOutput, FilterInput, Nothing,
    PutSubscriptionFilterInput, SubscribedEvent, SubscriptionFilter, SubscriptionMessage,
};
use super::filter::Pattern;
use super::read::event_id;
use super::sealing::Sealing;
use super::state::{
    EVENTS, EventRecord, GROUPS, GroupRecord, Place, SUBSCRIPTION_FILTERS,
    SubscriptionFilterRecord, event_key, filter_key, group_key,
};
use super::{errors, group, stream, sweep};

const FILTERS_MAX: u32 = 2;
const DESCRIBED_MAX: usize = 50;
const NOT_PERMITTED: &str = "Could not execute the lambda function. Make sure you have given CloudWatch Logs \
                             permission to execute your function.";

pub(super) fn put(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutSubscriptionFilterInput,
) -> Result<Nothing> {
    refuse_unbuilt(&input)?;
    let mut group = group::existing(tx, context, &input.log_group_name)?;
    Pattern::parse(&input.filter_pattern).ok_or_else(errors::bad_pattern)?;
    check_destination(tx, context, &input)?;
    let key = filter_key(group.number, &input.filter_name);
    let before: Option<SubscriptionFilterRecord> = tx.load(SUBSCRIPTION_FILTERS, &key)?;
    if before.is_none() {
        if group.subscription_filters >= FILTERS_MAX {
            return Err(errors::limit_exceeded());
        }
        group.subscription_filters += 1;
        tx.save(GROUPS, group_key(context, &input.log_group_name), &group)?;
    }
    let record = SubscriptionFilterRecord {
        pattern: input.filter_pattern,
        destination_arn: input.destination_arn,
        distribution: input.distribution.unwrap_or_else(|| "ByLogStream".into()),
        created: before.map_or(context.now, |before| before.created),
    };
    tx.save(SUBSCRIPTION_FILTERS, key, &record)?;
    Ok(Nothing {})
}

fn refuse_unbuilt(input: &PutSubscriptionFilterInput) -> Result<()> {
    let unbuilt = [
        (input.apply_on_transformed_logs, "log transformers"),
        (
            input.field_selection_criteria.is_some(),
            "field selection criteria",
        ),
        (!input.emit_system_fields.is_empty(), "system fields"),
    ];
    match unbuilt.into_iter().find(|(asked, _)| *asked) {
        Some((_, what)) => Err(Error::not_implemented(format!("logs: {what}"))),
        None => Ok(()),
    }
}

fn check_destination(
    tx: &Tx<'_>,
    context: &Context,
    input: &PutSubscriptionFilterInput,
) -> Result<()> {
    let destination = Arn::parse(&input.destination_arn);
    let destination = destination.ok_or_else(|| errors::invalid("destinationArn is not an ARN"))?;
    let vendor = destination.service;
    if matches!(vendor, "kinesis" | "firehose") && input.role_arn.is_none() {
        return Err(errors::invalid(format!(
            "destinationArn for vendor {vendor} cannot be used without roleArn"
        )));
    }
    if vendor != "lambda" {
        return Err(Error::not_implemented(format!(
            "logs: subscriptions of {vendor}"
        )));
    }
    if input.role_arn.is_some() {
        return Err(errors::invalid(
            "destinationArn for vendor lambda cannot be used with roleArn",
        ));
    }
    if destination.account != &*context.account {
        return Err(Error::access_denied(
            "Cross-account lambda invocation passing is not allowed. You must use DestinationPolicies to create \
             cross account lambda triggers.",
        ));
    }
    let lambda = context.services.service("lambda");
    let Some(admits) = lambda.and_then(|service| service.admits) else {
        return Err(Error::not_implemented("logs: subscriptions of functions"));
    };
    let [global, regional] = as_logs(context, &input.log_group_name);
    if admits(tx, &global, &input.destination_arn)?
        || admits(tx, &regional, &input.destination_arn)?
    {
        return Ok(());
    }
    Err(errors::invalid(NOT_PERMITTED))
}

/// Functions may name the service with its region or without.
pub(super) fn as_logs(context: &Context, group: &str) -> [Context; 2] {
    let arn = format!("{}:*", group::group_arn(context, group));
    let regional = format!("logs.{}.amazonaws.com", context.region);
    ["logs.amazonaws.com", regional.as_str()]
        .map(|service| context.as_service(service, &arn, &context.account))
}

pub(super) fn delete(tx: &mut Tx<'_>, context: &Context, input: FilterInput) -> Result<Nothing> {
    let mut group = group::existing(tx, context, &input.log_group_name)?;
    let key = filter_key(group.number, &input.filter_name);
    if tx.get(SUBSCRIPTION_FILTERS, &key)?.is_none() {
        return Err(errors::subscription_filter_missing());
    }
    tx.delete(SUBSCRIPTION_FILTERS, key)?;
    group.subscription_filters = group.subscription_filters.saturating_sub(1);
    tx.save(GROUPS, group_key(context, &input.log_group_name), &group)?;
    Ok(Nothing {})
}

/// A group that is deleted takes its filters along.
pub(super) fn remove_all(tx: &mut Tx<'_>, group: u64) -> Result<()> {
    for (name, _) in of_group(tx, group)? {
        tx.delete(SUBSCRIPTION_FILTERS, filter_key(group, &name))?;
    }
    Ok(())
}

fn of_group(tx: &Tx<'_>, group: u64) -> Result<Vec<(String, SubscriptionFilterRecord)>> {
    let mut found = Vec::new();
    let prefix = Key::new().number(group);
    for pair in tx.prefix(SUBSCRIPTION_FILTERS, prefix, Direction::Forward)? {
        let (key, value) = pair?;
        let mut reader = KeyReader::new(&key);
        let _group = reader.number();
        if let Some(name) = reader.text() {
            found.push((name, decode(&value)?));
        }
    }
    Ok(found)
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeSubscriptionFilters.html>
pub(super) fn describe(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DescribeSubscriptionFiltersInput,
) -> Result<DescribeSubscriptionFiltersOutput> {
    let group = group::existing(tx, context, &input.log_group_name)?;
    let beginning = input.filter_name_prefix.as_deref().unwrap_or_default();
    let mut found = of_group(tx, group.number)?;
    found.retain(|(name, _)| name.starts_with(beginning));
    if let Some(token) = &input.next_token {
        let last = BASE64_URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| errors::bad_token())?;
        found.retain(|(name, _)| name.as_bytes() > last.as_slice());
    }
    let limit = input.limit.unwrap_or(DESCRIBED_MAX).clamp(1, DESCRIBED_MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next_token = found
        .last()
        .filter(|_| more)
        .map(|(name, _)| BASE64_URL_SAFE_NO_PAD.encode(name));
    let told = |(name, record): (String, SubscriptionFilterRecord)| SubscriptionFilter {
        filter_name: name,
        log_group_name: input.log_group_name.clone(),
        filter_pattern: record.pattern,
        destination_arn: record.destination_arn,
        distribution: record.distribution,
        apply_on_transformed_logs: false,
        creation_time: record.created.0,
    };
    Ok(DescribeSubscriptionFiltersOutput {
        subscription_filters: found.into_iter().map(told).collect(),
        next_token,
    })
}

/// Leaves an event for each filter that wants some of the events just stored.
pub(super) fn leave(
    tx: &mut Tx<'_>,
    context: &Context,
    group_name: &str,
    group: &GroupRecord,
    stream_name: &str,
    events: &[(Place, &str)],
) -> Result<()> {
    let (Some((first, _)), Some((last, _))) = (events.first(), events.last()) else {
        return Ok(());
    };
    for (name, record) in of_group(tx, group.number)? {
        let pattern = Pattern::parse(&record.pattern).ok_or_else(errors::bad_pattern)?;
        if !events.iter().any(|(_, message)| pattern.matches(message)) {
            continue;
        }
        let event = Event::LogsArrived {
            account: context.account.to_string(),
            region: context.region.to_string(),
            group: group_name.to_owned(),
            stream: stream_name.to_owned(),
            filter: name,
            destination_arn: record.destination_arn,
            first: (first.time_ms, first.sequence),
            last: (last.time_ms, last.sequence),
        };
        outbox::emit(tx, context.now, event)?;
    }
    Ok(())
}

/// What a filter's function is given of the events between two places; `None` where filter, stream or
/// events are gone.
pub(super) fn message(
    tx: &Tx<'_>,
    context: &Context,
    arrived: (&str, &str, &str),
    (first, last): (Place, Place),
) -> Result<Option<(Value, usize)>> {
    let (group_name, stream_name, filter) = arrived;
    let Some(group) = tx.load::<GroupRecord>(GROUPS, group_key(context, group_name))? else {
        return Ok(None);
    };
    let record: Option<SubscriptionFilterRecord> =
        tx.load(SUBSCRIPTION_FILTERS, filter_key(group.number, filter))?;
    let stream = stream::find(tx, group.number, stream_name)?;
    let (Some(record), Some(stream)) = (record, stream) else {
        return Ok(None);
    };
    let pattern = Pattern::parse(&record.pattern).ok_or_else(errors::bad_pattern)?;
    let mut sealing = Sealing::of(context, group_name, &group);
    let end = Place {
        sequence: last.sequence.saturating_add(1),
        ..last
    };
    let (from, to) = (
        event_key(stream.number, first),
        event_key(stream.number, end),
    );
    let mut log_events = Vec::new();
    for pair in tx.range(
        EVENTS,
        from.as_slice(),
        Some(to.as_slice()),
        Direction::Forward,
    )? {
        let (key, value) = pair?;
        // Another batch may have put events of the same time between these.
        let place = sweep::place_of(&key)
            .filter(|place| (first.sequence..=last.sequence).contains(&place.sequence));
        let Some(place) = place else {
            continue;
        };
        let event: EventRecord = decode(&value)?;
        let message = sealing.open(tx, stream.number, place, &event)?;
        if pattern.matches(&message) {
            log_events.push(SubscribedEvent {
                id: event_id(place),
                timestamp: place.time_ms,
                extracted_fields: pattern.names_fields().then(|| fields(&pattern, &message)),
                message,
            });
        }
    }
    if log_events.is_empty() {
        return Ok(None);
    }
    let event_count = log_events.len();
    let message = SubscriptionMessage {
        message_type: "DATA_MESSAGE",
        owner: context.account.to_string(),
        log_group: group_name.to_owned(),
        log_stream: stream_name.to_owned(),
        subscription_filters: vec![filter.to_owned()],
        log_events,
    };
    Ok(Some((packed(&message)?, event_count)))
}

/// Named as they are told to subscribers: without the dollar.
fn fields(pattern: &Pattern, message: &str) -> super::api::Tags {
    let fields = pattern.extracted(message).into_iter();
    fields
        .map(|(name, text)| (name.trim_start_matches('$').to_owned(), text))
        .collect()
}

fn packed(message: &SubscriptionMessage) -> Result<Value> {
    let broken = |error: &dyn std::fmt::Display| Error::internal(error.to_string());
    let text = serde_json::to_vec(message).map_err(|error| broken(&error))?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&text).map_err(|error| broken(&error))?;
    let packed = encoder.finish().map_err(|error| broken(&error))?;
    Ok(json!({ "awslogs": { "data": BASE64_STANDARD.encode(packed) } }))
}
