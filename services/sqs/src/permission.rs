//! Permissions by label, and tags.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html>

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::api::{Nothing, PermissionInput, QueueInput, TagsInput, TagsOutput};
use super::error::{invalid_parameter, invalid_value, missing_parameter};
use super::queue;
use super::state::QueueRecord;

const TAGS_MAX: usize = 50;

fn statements(queue: &QueueRecord) -> Result<(Value, Vec<Value>)> {
    let empty = || {
        json!({
            "Version": "2008-10-17",
            "Id": format!("{}/SQSDefaultPolicy", queue.arn()),
        })
    };
    let policy = queue
        .settings
        .policy
        .as_deref()
        .and_then(|policy| serde_json::from_str(policy).ok());
    let mut policy: Value = policy.unwrap_or_else(empty);
    let statements = match policy["Statement"].take() {
        Value::Array(statements) => statements,
        Value::Null => Vec::new(),
        statement => vec![statement],
    };
    Ok((policy, statements))
}

pub(super) fn add_permission(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PermissionInput,
) -> Result<Nothing> {
    let mut queue = queue::by_url(tx, context, &input.queue_url)?;
    if input.accounts.is_empty() {
        let message = "Value [] for parameter PrincipalId is invalid. Reason: Unable to verify.";
        return Err(invalid_parameter(message));
    }
    if input.actions.is_empty() {
        return Err(missing_parameter("Actions"));
    }
    let (mut policy, mut statements) = statements(&queue)?;
    if statements
        .iter()
        .any(|statement| statement["Sid"] == input.label.as_str())
    {
        return Err(invalid_value(&input.label, "Label", "Already exists."));
    }
    let principals = input
        .accounts
        .iter()
        .map(|account| format!("arn:aws:iam::{account}:root"));
    let actions = input.actions.iter().map(|action| format!("SQS:{action}"));
    statements.push(json!({
        "Sid": input.label,
        "Effect": "Allow",
        "Principal": { "AWS": one_or_many(principals.collect()) },
        "Action": one_or_many(actions.collect()),
        "Resource": queue.arn(),
    }));
    policy["Statement"] = statements.into();
    queue.settings.policy = Some(policy.to_string().into());
    queue::save(tx, &queue)?;
    Ok(Nothing {})
}

fn one_or_many(mut texts: Vec<String>) -> Value {
    match texts.len() {
        1 => texts.pop().into(),
        _ => texts.into(),
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_RemovePermission.html>
pub(super) fn remove_permission(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PermissionInput,
) -> Result<Nothing> {
    let mut queue = queue::by_url(tx, context, &input.queue_url)?;
    let (mut policy, mut statements) = statements(&queue)?;
    let before = statements.len();
    statements.retain(|statement| statement["Sid"] != input.label.as_str());
    if statements.len() == before {
        return Err(invalid_value(&input.label, "Label", "can't find label."));
    }
    let is_empty = statements.is_empty();
    policy["Statement"] = statements.into();
    queue.settings.policy = (!is_empty).then(|| policy.to_string().into());
    queue::save(tx, &queue)?;
    Ok(Nothing {})
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_TagQueue.html>
pub(super) fn tag_queue(tx: &mut Tx<'_>, context: &Context, input: TagsInput) -> Result<Nothing> {
    let mut queue = queue::by_url(tx, context, &input.queue_url)?;
    queue.tags.extend(input.tags);
    if queue.tags.len() > TAGS_MAX {
        let message = format!("Too many tags added for queue {}.", queue.name);
        return Err(invalid_parameter(message));
    }
    queue::save(tx, &queue)?;
    Ok(Nothing {})
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_UntagQueue.html>
pub(super) fn untag_queue(tx: &mut Tx<'_>, context: &Context, input: TagsInput) -> Result<Nothing> {
    let mut queue = queue::by_url(tx, context, &input.queue_url)?;
    queue.tags.retain(|key, _| !input.tag_keys.contains(key));
    queue::save(tx, &queue)?;
    Ok(Nothing {})
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueueTags.html>
pub(super) fn list_queue_tags(
    tx: &mut Tx<'_>,
    context: &Context,
    input: QueueInput,
) -> Result<TagsOutput> {
    let queue = queue::by_url(tx, context, &input.queue_url)?;
    Ok(TagsOutput { tags: queue.tags })
}
