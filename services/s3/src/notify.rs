//! Event notifications: who wants to know of a change, and what they are told.
//!
//! The events leave in the object's own transaction. A change and the news of it are one: neither can be
//! lost without the other.

use cumulet_engine::error::Result;
use cumulet_engine::{Context, PrincipalKind};
use cumulet_kernel::{Event, Tx, outbox};
use serde_json::{Map, Value, json};

use super::api::{Filter, NotificationConfiguration};
use super::encoding::{canonical_id, iso_ms, url_encode};
use super::state::{Bucket, CONFIGURATIONS, Version, configuration_key};

pub(crate) const KIND: &str = "notification";
/// The version of the message structure, one for all event types.
const EVENT_VERSION: &str = "2.5";

/// Leaves an event for every destination that asked for changes like this one.
pub(crate) fn object_event(
    tx: &mut Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    key: &str,
    version: &Version,
    name: &str,
) -> Result<()> {
    let Some(configuration) = configuration(tx, &bucket.name)? else {
        return Ok(());
    };
    let wanting = destinations(&configuration, key, name);
    if wanting.is_empty() {
        return Ok(());
    }
    // The version's own sequence orders creations; a removal is newer than the version it removes.
    let sequencer = tx.next_sequence()?;
    for (id, arn) in wanting {
        let record = record(context, bucket, key, version, name, &id, sequencer);
        let event = Event::ObjectChanged {
            bucket: bucket.name.clone(),
            account: bucket.account.clone(),
            region: bucket.region.clone(),
            destination_arn: arn,
            configuration_id: id,
            record,
        };
        outbox::emit(tx, context.now, event)?;
    }
    Ok(())
}

/// What a queue is sent when it becomes a destination; functions are not.
pub(crate) fn test_event(
    tx: &mut Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    destination_arn: &str,
) -> Result<()> {
    let event = Event::ObjectChanged {
        bucket: bucket.name.clone(),
        account: bucket.account.clone(),
        region: bucket.region.clone(),
        destination_arn: destination_arn.to_owned(),
        configuration_id: String::new(),
        record: json!({
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": iso_ms(context.now),
            "Bucket": bucket.name,
            "RequestId": &*context.request_id,
            "HostId": canonical_id(&context.request_id),
        }),
    };
    outbox::emit(tx, context.now, event)?;
    Ok(())
}

pub(crate) fn configuration(
    tx: &Tx<'_>,
    bucket: &str,
) -> Result<Option<NotificationConfiguration>> {
    Ok(tx.load(CONFIGURATIONS, configuration_key(bucket, KIND))?)
}

/// Configuration id and ARN of every destination that wants an event of this name and key.
fn destinations(
    configuration: &NotificationConfiguration,
    key: &str,
    name: &str,
) -> Vec<(String, String)> {
    let functions = configuration
        .lambda_function_configurations
        .iter()
        .map(|wish| {
            (
                &wish.id,
                &wish.lambda_function_arn,
                &wish.events,
                &wish.filter,
            )
        });
    let queues = configuration
        .queue_configurations
        .iter()
        .map(|wish| (&wish.id, &wish.queue_arn, &wish.events, &wish.filter));
    let wishes = functions.chain(queues);
    wishes
        .filter(|(_, _, events, filter)| {
            events.iter().any(|event| event_matches(event, name))
                && filter_matches(filter.as_ref(), key)
        })
        .map(|(id, arn, _, _)| (id.clone().unwrap_or_default(), arn.clone()))
        .collect()
}

/// Whether `s3:ObjectCreated:*` covers `ObjectCreated:Put`.
fn event_matches(pattern: &str, name: &str) -> bool {
    let pattern = pattern.strip_prefix("s3:").unwrap_or(pattern);
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

/// Prefix and suffix are matched on the key as it is, not as it is encoded.
fn filter_matches(filter: Option<&Filter>, key: &str) -> bool {
    let rules = filter
        .and_then(|filter| filter.key.as_ref())
        .map(|key| key.filter_rules.as_slice())
        .unwrap_or_default();
    rules.iter().all(|rule| {
        let value = rule.value.as_deref().unwrap_or_default();
        match rule.name.as_deref() {
            Some(name) if name.eq_ignore_ascii_case("prefix") => key.starts_with(value),
            Some(name) if name.eq_ignore_ascii_case("suffix") => key.ends_with(value),
            _ => false,
        }
    })
}

/// An entry of `Records`.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
fn record(
    context: &Context,
    bucket: &Bucket,
    key: &str,
    version: &Version,
    name: &str,
    configuration_id: &str,
    sequencer: u64,
) -> Value {
    let source_ip = context
        .source_ip
        .map_or_else(|| "127.0.0.1".to_owned(), |ip| ip.to_string());
    json!({
        "eventVersion": EVENT_VERSION,
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": iso_ms(context.now),
        "eventName": name,
        "userIdentity": { "principalId": principal_id(context) },
        "requestParameters": { "sourceIPAddress": source_ip },
        "responseElements": { "x-amz-request-id": &*context.request_id },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": { "principalId": canonical_id(&bucket.account) },
                "arn": bucket.arn(),
            },
            "object": object(key, version, name, sequencer),
        },
    })
}

/// A removal tells no size and, unless it made a marker, no ETag.
fn object(key: &str, version: &Version, name: &str, sequencer: u64) -> Value {
    let mut object = Map::new();
    object.insert("key".into(), url_encode(key).into());
    let is_removal = name.starts_with("ObjectRemoved") || name.starts_with("LifecycleExpiration");
    match &version.object {
        Some(stored) if !is_removal => {
            object.insert("size".into(), stored.size_bytes.into());
            object.insert("eTag".into(), stored.etag.as_str().into());
        }
        None if name.ends_with("DeleteMarkerCreated") => {
            object.insert("eTag".into(), "d41d8cd98f00b204e9800998ecf8427e".into());
        }
        _ => {}
    }
    if let Some(id) = &version.id {
        object.insert("versionId".into(), id.as_str().into());
    }
    object.insert("sequencer".into(), format!("{sequencer:018X}").into());
    Value::Object(object)
}

fn principal_id(context: &Context) -> String {
    match &context.principal.kind {
        PrincipalKind::Anonymous => "Anonymous".to_owned(),
        PrincipalKind::Service { name } => name.clone(),
        PrincipalKind::Root => context.principal.user_id.clone(),
        PrincipalKind::User { .. }
        | PrincipalKind::Role { .. }
        | PrincipalKind::FederatedUser { .. } => {
            format!("AWS:{}", context.principal.user_id)
        }
    }
}
