//! Resource types of services that have no folder yet; each moves into its service's `resource.rs` when
//! that is built. Until then their operations answer `NotImplemented`, and so does the deployment.

use serde_json::{Map, Value, json};

use super::provider::{Outcome, Provider, ResourceCall, document, pairs};
use crate::error::Result;

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
            "AWS::SSM::Parameter",
            &[
                "AllowedPattern",
                "DataType",
                "Description",
                "Name",
                "Policies",
                "Tags",
                "Tier",
                "Type",
                "Value",
            ],
            create_parameter,
            update_parameter,
            delete_parameter,
        ),
        Provider::new(
            "AWS::SecretsManager::Secret",
            &[
                "Description",
                "GenerateSecretString",
                "KmsKeyId",
                "Name",
                "SecretString",
                "Tags",
            ],
            create_secret,
            update_secret,
            delete_secret,
        ),
        Provider::new(
            "AWS::CloudWatch::Alarm",
            &ALARM,
            create_alarm,
            put_alarm,
            delete_alarm,
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
    let arn = crate::arn::regional(call.context, "sqs", &name);
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

fn set_queue_policy(call: &mut ResourceCall<'_, '_>, policy: &str) -> Result<()> {
    let queues = call.properties["Queues"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for url in queues {
        let input = json!({ "QueueUrl": url, "Attributes": { "Policy": policy } });
        call.call_unless_absent("sqs", "SetQueueAttributes", input)?;
    }
    Ok(())
}

fn put_queue_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let policy = call.document("PolicyDocument").unwrap_or_default();
    set_queue_policy(call, &policy)?;
    Ok(Outcome::Done)
}

fn delete_queue_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    set_queue_policy(call, "")?;
    Ok(Outcome::Done)
}

fn create_parameter(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("Name", 2048);
    let mut input = parameter(call, &name);
    let tags = call.own_tags();
    if !tags.is_empty() {
        input["Tags"] = pairs("Key", "Value", &tags);
    }
    call.call("ssm", "PutParameter", input)?;
    call.identify(name);
    parameter_attributes(call);
    Ok(Outcome::Done)
}

fn parameter(call: &ResourceCall<'_, '_>, name: &str) -> Value {
    let names = [
        "AllowedPattern",
        "DataType",
        "Description",
        "Policies",
        "Tier",
        "Type",
        "Value",
    ];
    let mut input = Value::Object(call.pick(&names));
    input["Name"] = name.into();
    input
}

fn parameter_attributes(call: &mut ResourceCall<'_, '_>) {
    let name = call.physical_id.trim_start_matches('/').to_owned();
    let arn = crate::arn::regional(call.context, "ssm", format!("parameter/{name}"));
    call.attribute("Arn", arn);
    for name in ["Type", "Value"] {
        let value = call.property(name).cloned().unwrap_or_default();
        call.attribute(name, value);
    }
}

fn update_parameter(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = parameter(call, &call.physical_id);
    input["Overwrite"] = true.into();
    call.call("ssm", "PutParameter", input)?;
    parameter_attributes(call);
    let (set, gone) = call.tag_changes();
    let target = json!({ "ResourceType": "Parameter", "ResourceId": call.physical_id });
    if !gone.is_empty() {
        let mut input = target.clone();
        input["TagKeys"] = gone.into();
        call.call("ssm", "RemoveTagsFromResource", input)?;
    }
    if !set.is_empty() {
        let mut input = target;
        input["Tags"] = pairs("Key", "Value", &set);
        call.call("ssm", "AddTagsToResource", input)?;
    }
    Ok(Outcome::Done)
}

fn delete_parameter(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "Name": call.physical_id });
    call.call_unless_absent("ssm", "DeleteParameter", input)?;
    Ok(Outcome::Done)
}

fn create_secret(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = match call.property("Name").and_then(Value::as_str) {
        Some(name) => name.to_owned(),
        None => {
            let id: String = call.logical_id.chars().take(32).collect();
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
            format!("{id}-{}", call.context.ids.text(12, alphabet))
        }
    };
    let mut input = Value::Object(call.pick(&["Description", "KmsKeyId"]));
    input["Name"] = name.into();
    input["SecretString"] = secret_string(call)?.unwrap_or_default().into();
    input["Tags"] = pairs("Key", "Value", &call.own_tags());
    let answer = call.call("secretsmanager", "CreateSecret", input)?;
    let arn = answer["ARN"].as_str().unwrap_or_default().to_owned();
    call.attribute("Id", arn.as_str());
    call.identify(arn);
    Ok(Outcome::Done)
}

/// The text that the template gives, or a password made by its rules, within a document where it says so.
fn secret_string(call: &mut ResourceCall<'_, '_>) -> Result<Option<String>> {
    if let Some(text) = call.property("SecretString").and_then(Value::as_str) {
        return Ok(Some(text.to_owned()));
    }
    let Some(rules) = call.property("GenerateSecretString").cloned() else {
        return Ok(None);
    };
    let names = [
        "ExcludeCharacters",
        "ExcludeLowercase",
        "ExcludeNumbers",
        "ExcludePunctuation",
        "ExcludeUppercase",
        "IncludeSpace",
        "PasswordLength",
        "RequireEachIncludedType",
    ];
    let given = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), rules.get(name)?.clone())));
    let input: Map<String, Value> = given.collect();
    let answer = call.call("secretsmanager", "GetRandomPassword", input.into())?;
    let password = &answer["RandomPassword"];
    let (Some(template), Some(key)) = (
        rules["SecretStringTemplate"].as_str(),
        rules["GenerateStringKey"].as_str(),
    ) else {
        return Ok(password.as_str().map(str::to_owned));
    };
    let mut document: Value = serde_json::from_str(template)
        .map_err(|_| super::template::refusal("SecretStringTemplate must be a JSON object"))?;
    document[key] = password.clone();
    Ok(Some(document.to_string()))
}

fn update_secret(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = Value::Object(call.pick(&["Description", "KmsKeyId"]));
    input["SecretId"] = call.physical_id.as_str().into();
    if call.any_changed(&["SecretString", "GenerateSecretString"])
        && let Some(text) = secret_string(call)?
    {
        input["SecretString"] = text.into();
    }
    call.call("secretsmanager", "UpdateSecret", input)?;
    let (set, gone) = call.tag_changes();
    let id = call.physical_id.clone();
    if !gone.is_empty() {
        let input = json!({ "SecretId": id, "TagKeys": gone });
        call.call("secretsmanager", "UntagResource", input)?;
    }
    if !set.is_empty() {
        let input = json!({ "SecretId": id, "Tags": pairs("Key", "Value", &set) });
        call.call("secretsmanager", "TagResource", input)?;
    }
    Ok(Outcome::Done)
}

/// Without a recovery window, so that the name is free for the next deployment.
fn delete_secret(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "SecretId": call.physical_id, "ForceDeleteWithoutRecovery": true });
    call.call_unless_absent("secretsmanager", "DeleteSecret", input)?;
    Ok(Outcome::Done)
}

const ALARM: [&str; 22] = [
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "AlarmName",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "InsufficientDataActions",
    "MetricName",
    "Metrics",
    "Namespace",
    "OKActions",
    "Period",
    "Statistic",
    "Tags",
    "Threshold",
    "ThresholdMetricId",
    "TreatMissingData",
    "Unit",
];

fn create_alarm(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("AlarmName", 255);
    call.attribute(
        "Arn",
        crate::arn::regional(call.context, "cloudwatch", format!("alarm:{name}")),
    );
    call.identify(name);
    put_alarm(call)
}

fn put_alarm(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = Value::Object(call.pick(&ALARM));
    input["AlarmName"] = call.physical_id.as_str().into();
    input["Tags"] = pairs("Key", "Value", &call.own_tags());
    call.call("cloudwatch", "PutMetricAlarm", input)?;
    Ok(Outcome::Done)
}

fn delete_alarm(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "AlarmNames": [call.physical_id] });
    call.call_unless_absent("cloudwatch", "DeleteAlarms", input)?;
    Ok(Outcome::Done)
}
