//! Events by operation: what CDK asks for when it wants to know why something failed.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::answer::{self, present, time};
use super::api::EventsInput;
use super::stacks::existing;
use super::state::{self, OperationKind, Stack, StackEvent, StackOperation};
use super::template::refusal;

const PAGE_SIZE: usize = 100;

/// [DescribeEvents](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeEvents.html)
pub(super) fn describe(tx: &mut Tx<'_>, context: &Context, input: EventsInput) -> Result<Value> {
    let (stack, operation_id) = asked_for(tx, context, &input)?;
    let only_failed = input.filters.and_then(|filters| filters.failed_events) == Some(true);
    let mut shown = Vec::new();
    for event in state::events(tx, &stack.id)? {
        let id = event.operation_id.as_deref().unwrap_or_default();
        let wanted = operation_id.as_deref().is_none_or(|wanted| wanted == id);
        if wanted && (has_failed(&event) || !only_failed) {
            let operation = state::operation(tx, id)?;
            shown.push(of_event(&stack, &event, operation.as_ref()));
        }
    }
    let token = input.next_token.as_deref();
    answer::page("OperationEvents", shown, PAGE_SIZE, token, "EventId")
}

/// The stack, and the operation where one is named.
fn asked_for(
    tx: &Tx<'_>,
    context: &Context,
    input: &EventsInput,
) -> Result<(Stack, Option<String>)> {
    if let Some(id) = &input.operation_id {
        let operation = state::operation(tx, id)?
            .ok_or_else(|| refusal(format!("Operation [{id}] does not exist")))?;
        let stack = state::expect_stack(tx, &operation.stack_id)?;
        return Ok((stack, Some(operation.id)));
    }
    let change_set = input.change_set_name.as_deref();
    if let Some(arn) = change_set.filter(|name| name.starts_with("arn:")) {
        let set = state::change_set_by_id(tx, arn)?
            .ok_or_else(|| refusal(format!("ChangeSet [{arn}] does not exist")))?;
        // A change set is computed within its call, and has no events of its own.
        let stack = state::expect_stack(tx, &set.stack_id)?;
        return Ok((stack, Some(set.id)));
    }
    let name = input.stack_name.as_deref().ok_or_else(|| {
        refusal("Either StackName, ChangeSetName or OperationId must be specified.")
    })?;
    let stack = existing(tx, context, name)?;
    let set = change_set.map(|name| state::change_set(tx, &stack.id, name));
    let set = set.transpose()?.flatten();
    Ok((stack, set.map(|set| set.id)))
}

fn has_failed(event: &StackEvent) -> bool {
    event.status.ends_with("_FAILED")
}

fn of_event(stack: &Stack, event: &StackEvent, operation: Option<&StackOperation>) -> Value {
    let own = event.physical_id == stack.id;
    let kind = match (own, has_failed(event)) {
        (true, _) => "STACK_EVENT",
        (false, true) => "PROVISIONING_ERROR",
        (false, false) => "PROGRESS_EVENT",
    };
    let operation_kind = operation.map(|operation| match operation.kind {
        OperationKind::Create => "CREATE_STACK",
        OperationKind::Update => "UPDATE_STACK",
        OperationKind::Delete => "DELETE_STACK",
    });
    present(json!({
        "EventId": event.id,
        "StackId": stack.id,
        "OperationId": event.operation_id,
        "OperationType": operation_kind,
        "OperationStatus": own.then(|| operation_status(&event.status)),
        "EventType": kind,
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

fn operation_status(stack_status: &str) -> &'static str {
    if stack_status.ends_with("_IN_PROGRESS") {
        "IN_PROGRESS"
    } else if stack_status.contains("ROLLBACK") || stack_status.ends_with("_FAILED") {
        "FAILED"
    } else {
        "SUCCEEDED"
    }
}
