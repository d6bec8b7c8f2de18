//! CloudFormation's types of SQS.

use cumulet_engine::error::Result;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall, document};
use serde_json::{Map, Value, json};

pub(crate) fn resource_types() -> Vec<Provider> {
    vec![
        Provider::new(
            "AWS::SQS::Queue",
            &[
                "ContentBasedDeduplication",
                "DeduplicationScope",
                "DelaySeconds",
                "FifoQueue",
                "FifoThroughputLimit",
                "KmsDataKeyReusePeriodSeconds",
                "KmsMasterKeyId",
                "MaximumMessageSize",
                "MessageRetentionPeriod",
                "QueueName",
                "ReceiveMessageWaitTimeSeconds",
                "RedriveAllowPolicy",
                "RedrivePolicy",
                "SqsManagedSseEnabled",
                "Tags",
                "VisibilityTimeout",
            ],
            create_queue,
            update_queue,
            delete_queue,
        ),
        Provider::new(
            "AWS::SQS::QueuePolicy",
            &["PolicyDocument", "Queues"],
            create_queue_policy,
            put_queue_policy,
            delete_queue_policy,
        ),
        Provider::new(
            "AWS::SQS::QueueInlinePolicy",
            &["PolicyDocument", "Queue"],
            create_inline_policy,
            put_inline_policy,
            delete_inline_policy,
        ),
    ]
}

const QUEUE_ATTRIBUTES: [&str; 13] = [
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];

/// The attributes of a queue, which are all text; `names` says which.
fn queue_attributes(call: &ResourceCall<'_, '_>, names: &[&str]) -> Map<String, Value> {
    let given = names.iter().filter_map(|name| {
        let given = call.property(name).map(document);
        let was = call.old_properties.get(name).is_some();
        let value = given.or_else(|| was.then(String::new))?;
        Some(((*name).to_owned(), value.into()))
    });
    given.collect()
}

fn create_queue(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let fifo = call.property("FifoQueue") == Some(&true.into());
    let mut name = call.name("QueueName", if fifo { 75 } else { 80 });
    if fifo && !name.ends_with(".fifo") {
        name.push_str(".fifo");
    }
    let mut attributes = queue_attributes(call, &QUEUE_ATTRIBUTES);
    if fifo {
        attributes.insert("FifoQueue".into(), "true".into());
    }
    let tags: Map<String, Value> = call
        .own_tags()
        .into_iter()
        .map(|(key, value)| (key, value.into()))
        .collect();
    let input = json!({ "QueueName": name, "Attributes": attributes, "tags": tags });
    let answer = call.call("sqs", "CreateQueue", input)?;
    let url = answer["QueueUrl"].as_str().unwrap_or_default().to_owned();
    let arn = cumulet_engine::arn::regional(call.context, "sqs", &name);
    call.attribute("Arn", arn);
    call.attribute("QueueName", name);
    call.attribute("QueueUrl", url.as_str());
    call.identify(url);
    Ok(Outcome::Done)
}

fn update_queue(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let changed: Vec<&str> = QUEUE_ATTRIBUTES
        .into_iter()
        .filter(|name| call.changed(name))
        .collect();
    let url = call.physical_id.clone();
    if !changed.is_empty() {
        let attributes = queue_attributes(call, &changed);
        let input = json!({ "QueueUrl": url, "Attributes": attributes });
        call.call("sqs", "SetQueueAttributes", input)?;
    }
    let (set, gone) = call.tag_changes();
    if !gone.is_empty() {
        call.call(
            "sqs",
            "UntagQueue",
            json!({ "QueueUrl": url, "TagKeys": gone }),
        )?;
    }
    if !set.is_empty() {
        let tags: Map<String, Value> = set
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect();
        call.call("sqs", "TagQueue", json!({ "QueueUrl": url, "Tags": tags }))?;
    }
    Ok(Outcome::Done)
}

fn delete_queue(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "QueueUrl": call.physical_id });
    call.call_unless_absent("sqs", "DeleteQueue", input)?;
    Ok(Outcome::Done)
}

fn create_queue_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let id = call.generated_name(100);
    call.attribute("Id", id.as_str());
    call.identify(id);
    put_queue_policy(call)
}

fn queues(properties: &Value) -> Vec<Value> {
    properties["Queues"].as_array().cloned().unwrap_or_default()
}

fn set_policy(call: &mut ResourceCall<'_, '_>, queues: Vec<Value>, policy: &str) -> Result<()> {
    for url in queues {
        let input = json!({ "QueueUrl": url, "Attributes": { "Policy": policy } });
        call.call("sqs", "SetQueueAttributes", input)?;
    }
    Ok(())
}

/// Queues that are gone have no policy any more.
fn clear_policy(call: &mut ResourceCall<'_, '_>, queues: Vec<Value>) -> Result<()> {
    for url in queues {
        let input = json!({ "QueueUrl": url, "Attributes": { "Policy": "" } });
        call.call_unless_absent("sqs", "SetQueueAttributes", input)?;
    }
    Ok(())
}

fn put_queue_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let policy = call.document("PolicyDocument").unwrap_or_default();
    let kept = queues(call.properties);
    let mut left = queues(call.old_properties);
    left.retain(|url| !kept.contains(url));
    set_policy(call, kept, &policy)?;
    clear_policy(call, left)?;
    Ok(Outcome::Done)
}

fn delete_queue_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let queues = queues(call.properties);
    clear_policy(call, queues)?;
    Ok(Outcome::Done)
}

/// Known by its queue: there is one policy a queue.
fn create_inline_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let queue = call.text("Queue").to_owned();
    call.identify(queue);
    put_inline_policy(call)
}

fn put_inline_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let policy = call.document("PolicyDocument").unwrap_or_default();
    let queue = call.text("Queue").into();
    set_policy(call, vec![queue], &policy)?;
    Ok(Outcome::Done)
}

fn delete_inline_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let queue = call.text("Queue").into();
    clear_policy(call, vec![queue])?;
    Ok(Outcome::Done)
}
