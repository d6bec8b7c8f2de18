//! Pieces of answers.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Timestamp;
use serde_json::{Map, Value, json};

use super::state::{ChangeSet, Resource, Stack, StackEvent, StackParameter};

/// An object without its absent members.
pub(super) fn present(value: Value) -> Value {
    let Value::Object(members) = value else {
        return value;
    };
    let given = members.into_iter().filter(|(_, member)| !member.is_null());
    Value::Object(given.collect())
}

pub(super) fn time(at: Timestamp) -> Value {
    let (seconds, milliseconds) = (at.seconds(), at.milliseconds().rem_euclid(1000));
    format!("{seconds}.{milliseconds:03}")
        .parse::<f64>()
        .map_or(Value::Null, Value::from)
}

pub(super) fn tags(tags: &[(String, String)]) -> Value {
    cumulet_engine::provider::pairs("Key", "Value", tags)
}

fn parameter(parameter: &StackParameter) -> Value {
    let shown = if parameter.no_echo {
        "****"
    } else {
        &parameter.value
    };
    present(json!({
        "ParameterKey": parameter.key,
        "ParameterValue": shown,
        "ResolvedValue": parameter.resolved_value,
    }))
}

pub(super) fn parameters(parameters: &[StackParameter]) -> Value {
    parameters.iter().map(parameter).collect()
}

/// Absent rather than empty.
fn unless_empty(list: Value) -> Value {
    if list.as_array().is_some_and(Vec::is_empty) {
        return Value::Null;
    }
    list
}

pub(super) fn stack(stack: &Stack) -> Value {
    let settings = &stack.settings;
    let outputs: Value = stack
        .outputs
        .iter()
        .map(|output| {
            present(json!({
                "OutputKey": output.key,
                "OutputValue": output.value,
                "Description": output.description,
                "ExportName": output.export_name,
            }))
        })
        .collect();
    present(json!({
        "StackId": stack.id,
        "StackName": stack.name,
        "ChangeSetId": stack.change_set_id,
        "Description": stack.description,
        "Parameters": unless_empty(parameters(&settings.parameters)),
        "CreationTime": time(stack.created),
        "LastUpdatedTime": stack.updated.map(time),
        "DeletionTime": stack.deleted.map(time),
        "RollbackConfiguration": settings.rollback_configuration.clone().unwrap_or_else(|| json!({})),
        "StackStatus": stack.status,
        "StackStatusReason": stack.status_reason,
        "DisableRollback": stack.disable_rollback,
        "DeploymentConfig": stack.deployment_config,
        "NotificationARNs": settings.notification_arns,
        "Capabilities": unless_empty(json!(settings.capabilities)),
        "Outputs": unless_empty(outputs),
        "RoleARN": settings.role_arn,
        "Tags": tags(&settings.tags),
        "EnableTerminationProtection": stack.termination_protection,
        "DriftInformation": { "StackDriftStatus": "NOT_CHECKED" },
        "RetainExceptOnCreate": stack.retain_except_on_create.then_some(true),
        "DeletionMode": stack.deletion_mode,
        "ParentId": stack.parent_id,
        "RootId": stack.root_id,
        "LastOperations": unless_empty(last_operations(stack)),
    }))
}

fn last_operations(stack: &Stack) -> Value {
    let operations = stack.last_operations.iter();
    operations
        .map(|(kind, id)| json!({ "OperationType": kind, "OperationId": id }))
        .collect()
}

pub(super) fn stack_summary(stack: &Stack) -> Value {
    present(json!({
        "StackId": stack.id,
        "StackName": stack.name,
        "TemplateDescription": stack.description,
        "CreationTime": time(stack.created),
        "LastUpdatedTime": stack.updated.map(time),
        "DeletionTime": stack.deleted.map(time),
        "StackStatus": stack.status,
        "StackStatusReason": stack.status_reason,
        "ParentId": stack.parent_id,
        "RootId": stack.root_id,
        "DriftInformation": { "StackDriftStatus": "NOT_CHECKED" },
        "LastOperations": unless_empty(last_operations(stack)),
    }))
}

pub(super) fn event(stack: &Stack, event: &StackEvent) -> Value {
    present(json!({
        "StackId": stack.id,
        "EventId": event.id,
        "StackName": stack.name,
        "OperationId": event.operation_id,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.kind,
        "Timestamp": time(event.timestamp),
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
        "ResourceProperties": event.properties,
        "ClientRequestToken": event.client_request_token,
    }))
}

/// `time_name` is `Timestamp` or `LastUpdatedTimestamp`: the three operations differ.
pub(super) fn resource(row: &Resource, time_name: &str) -> Value {
    present(json!({
        "LogicalResourceId": row.logical_id,
        "PhysicalResourceId": row.physical_id,
        "ResourceType": row.kind,
        (time_name): time(row.timestamp),
        "ResourceStatus": row.status,
        "ResourceStatusReason": row.status_reason,
        "DriftInformation": { "StackResourceDriftStatus": "NOT_CHECKED" },
    }))
}

pub(super) fn of_stack(mut answer: Value, stack: &Stack) -> Value {
    answer["StackName"] = stack.name.as_str().into();
    answer["StackId"] = stack.id.as_str().into();
    answer
}

pub(super) fn change_set_summary(change_set: &ChangeSet) -> Value {
    present(json!({
        "StackId": change_set.stack_id,
        "StackName": change_set.stack_name,
        "ChangeSetId": change_set.id,
        "ChangeSetName": change_set.name,
        "ExecutionStatus": change_set.execution_status,
        "Status": change_set.status,
        "StatusReason": change_set.status_reason,
        "CreationTime": time(change_set.created),
        "Description": change_set.description,
        "IncludeNestedStacks": change_set.include_nested_stacks.unwrap_or(false),
        "ImportExistingResources": change_set.import_existing_resources,
    }))
}

/// A page of a list under its member name; the token names the last item that was seen.
pub(super) fn page(
    name: &str,
    items: Vec<Value>,
    size: usize,
    token: Option<&str>,
    key: &str,
) -> Result<Value> {
    let start = token.map_or(Ok(0), |token| {
        let last = BASE64_URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        let seen = |item: &Value| item[key].as_str().map(str::as_bytes) == Some(&last);
        let position = items.iter().position(seen);
        position
            .map(|position| position + 1)
            .ok_or_else(|| Error::new("ValidationError", "The specified token is invalid"))
    })?;
    let more = items.len() > start + size;
    let items: Vec<Value> = items.into_iter().skip(start).take(size).collect();
    let mut answer = Map::new();
    if let Some(last) = items.last().filter(|_| more) {
        let last = last[key].as_str().unwrap_or_default();
        let token = BASE64_URL_SAFE_NO_PAD.encode(last);
        answer.insert("NextToken".to_owned(), token.into());
    }
    answer.insert(name.to_owned(), items.into());
    Ok(Value::Object(answer))
}
