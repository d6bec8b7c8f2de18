//! CloudFormation's types of CloudWatch Logs.

use cumulet_engine::arn;
use cumulet_engine::error::Result;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall};
use serde_json::{Value, json};

pub(crate) fn resource_types() -> Vec<Provider> {
    vec![Provider::new(
        "AWS::Logs::LogGroup",
        &[
            "DeletionProtectionEnabled",
            "KmsKeyId",
            "LogGroupClass",
            "LogGroupName",
            "RetentionInDays",
            "Tags",
        ],
        create,
        update,
        delete,
    )]
}

fn create(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("LogGroupName", 512);
    let mut input = json!({ "logGroupName": name, "tags": call.tag_map() });
    for (property, member) in [
        ("KmsKeyId", "kmsKeyId"),
        ("LogGroupClass", "logGroupClass"),
        ("DeletionProtectionEnabled", "deletionProtectionEnabled"),
    ] {
        if let Some(value) = call.property(property) {
            input[member] = value.clone();
        }
    }
    call.call("logs", "CreateLogGroup", input)?;
    call.attribute("Arn", format!("{}:*", group_arn(call, &name)));
    call.identify(name);
    retain(call)?;
    Ok(Outcome::Done)
}

fn group_arn(call: &ResourceCall<'_, '_>, name: &str) -> String {
    arn::regional(call.context, "logs", format!("log-group:{name}"))
}

fn on_group(call: &mut ResourceCall<'_, '_>, operation: &str, mut input: Value) -> Result<()> {
    input["logGroupName"] = call.physical_id.as_str().into();
    call.call("logs", operation, input).map(drop)
}

fn retain(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    match call.property("RetentionInDays").cloned() {
        Some(days) => on_group(
            call,
            "PutRetentionPolicy",
            json!({ "retentionInDays": days }),
        ),
        None if call.old_properties.get("RetentionInDays").is_some() => {
            on_group(call, "DeleteRetentionPolicy", json!({}))
        }
        None => Ok(()),
    }
}

fn update(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    if call.changed("RetentionInDays") {
        retain(call)?;
    }
    if call.changed("KmsKeyId") {
        match call.property("KmsKeyId").cloned() {
            Some(key) => on_group(call, "AssociateKmsKey", json!({ "kmsKeyId": key }))?,
            None => on_group(call, "DisassociateKmsKey", json!({}))?,
        }
    }
    if call.changed("DeletionProtectionEnabled") {
        let wanted = call.property("DeletionProtectionEnabled") == Some(&true.into());
        let input = json!({
            "logGroupIdentifier": call.physical_id,
            "deletionProtectionEnabled": wanted,
        });
        call.call("logs", "PutLogGroupDeletionProtection", input)?;
    }
    retag(call)?;
    Ok(Outcome::Done)
}

fn retag(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    let (set, gone) = call.tag_changes();
    let resource_arn = group_arn(call, &call.physical_id);
    if !gone.is_empty() {
        let input = json!({ "resourceArn": resource_arn, "tagKeys": gone });
        call.call("logs", "UntagResource", input)?;
    }
    if !set.is_empty() {
        let tags: serde_json::Map<String, Value> = set
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect();
        let input = json!({ "resourceArn": resource_arn, "tags": tags });
        call.call("logs", "TagResource", input)?;
    }
    Ok(())
}

fn delete(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "logGroupName": call.physical_id });
    call.call_unless_absent("logs", "DeleteLogGroup", input)?;
    Ok(Outcome::Done)
}
