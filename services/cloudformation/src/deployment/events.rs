//! Stack events, as the console lists them.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use serde_json::Value;

use super::run::Run;
use crate::state::{self, Resource, Stack, StackEvent, StackOperation};

/// Gives the stack a status, and says so.
pub(crate) fn stack_event(
    tx: &mut Tx<'_>,
    context: &Context,
    stack: &mut Stack,
    operation: Option<&StackOperation>,
    status: &str,
    reason: Option<String>,
) -> Result<()> {
    stack.status = status.to_owned();
    stack.status_reason.clone_from(&reason);
    let event = StackEvent {
        id: context.ids.uuid(),
        logical_id: stack.name.clone(),
        physical_id: stack.id.clone(),
        kind: "AWS::CloudFormation::Stack".to_owned(),
        timestamp: context.now,
        status: status.to_owned(),
        reason,
        properties: None,
        client_request_token: operation.and_then(|one| one.client_request_token.clone()),
        operation_id: operation.map(|one| one.id.clone()),
    };
    state::append_event(tx, &stack.id, &event)?;
    state::save_stack(tx, stack)
}

/// Gives a resource a status, and says so; the row is saved by the caller.
pub(super) fn resource_event(
    tx: &mut Tx<'_>,
    run: &Run,
    operation: &StackOperation,
    row: &mut Resource,
    status: &str,
    reason: Option<String>,
    properties: Option<&Value>,
) -> Result<()> {
    row.status = status.to_owned();
    row.status_reason.clone_from(&reason);
    row.timestamp = run.context.now;
    let shown = properties
        .filter(|properties| !properties.is_null())
        .map(|properties| masked(properties, &run.secrets).to_string());
    let event = StackEvent {
        id: format!("{}-{status}-{}", row.logical_id, run.context.ids.uuid()),
        logical_id: row.logical_id.clone(),
        physical_id: row.physical_id.clone().unwrap_or_default(),
        kind: row.kind.clone(),
        timestamp: run.context.now,
        status: status.to_owned(),
        reason,
        properties: shown,
        client_request_token: operation.client_request_token.clone(),
        operation_id: Some(operation.id.clone()),
    };
    state::append_event(tx, &run.stack_id, &event)
}

/// The value with the secrets struck out.
fn masked(value: &Value, secrets: &[String]) -> Value {
    match value {
        Value::String(text) => {
            let mut text = text.clone();
            for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
                text = text.replace(secret.as_str(), "****");
            }
            text.into()
        }
        Value::Array(items) => items.iter().map(|item| masked(item, secrets)).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, member)| (name.clone(), masked(member, secrets)))
                .collect(),
        ),
        other => other.clone(),
    }
}
