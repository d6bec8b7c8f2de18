//! What is known of stacks: their state, resources, events, exports.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::answer::{self, of_stack};
use super::api::StackInput;
use super::stacks::existing;
use super::state::{self, Resource, Stack};
use super::template::refusal;

const PAGE_SIZE: usize = 100;

fn required(name: Option<&String>) -> Result<&str> {
    name.map(String::as_str)
        .ok_or_else(|| refusal("StackName is a required parameter."))
}

fn with_id(tx: &Tx<'_>, context: &Context, name: &str) -> Result<Stack> {
    state::find_stack(tx, context, name)?
        .ok_or_else(|| refusal(format!("Stack with id {name} does not exist")))
}

/// [DescribeStacks](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html)
pub(super) fn stacks(tx: &mut Tx<'_>, context: &Context, input: StackInput) -> Result<Value> {
    let stacks = match &input.stack_name {
        Some(name) => vec![with_id(tx, context, name)?],
        None => {
            let mut living = state::stacks(tx, context)?;
            living.retain(|stack| stack.deleted.is_none());
            living
        }
    };
    let stacks = stacks.iter().map(answer::stack).collect();
    let token = input.next_token.as_deref();
    answer::page("Stacks", stacks, PAGE_SIZE, token, "StackId")
}

/// [ListStacks](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html)
pub(super) fn list(tx: &mut Tx<'_>, context: &Context, input: StackInput) -> Result<Value> {
    let mut stacks = state::stacks(tx, context)?;
    if let Some(wanted) = input
        .stack_status_filter
        .filter(|wanted| !wanted.is_empty())
    {
        stacks.retain(|stack| wanted.contains(&stack.status));
    }
    let summaries = stacks.iter().map(answer::stack_summary).collect();
    let token = input.next_token.as_deref();
    answer::page("StackSummaries", summaries, PAGE_SIZE, token, "StackId")
}

/// [DescribeStackEvents](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html)
pub(super) fn events(tx: &mut Tx<'_>, context: &Context, input: StackInput) -> Result<Value> {
    let stack = existing(tx, context, required(input.stack_name.as_ref())?)?;
    let events = state::events(tx, &stack.id)?;
    let events = events
        .iter()
        .map(|event| answer::event(&stack, event))
        .collect();
    let token = input.next_token.as_deref();
    answer::page("StackEvents", events, PAGE_SIZE, token, "EventId")
}

/// The resources that have been touched at all, in the order of the template.
fn rows(tx: &Tx<'_>, stack: &Stack) -> Result<Vec<Resource>> {
    let mut rows = state::resources(tx, &stack.id)?;
    rows.retain(|row| !row.status.is_empty());
    Ok(rows)
}

/// [DescribeStackResources](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html)
pub(super) fn resources(tx: &mut Tx<'_>, context: &Context, input: StackInput) -> Result<Value> {
    let stack = match (&input.stack_name, &input.physical_resource_id) {
        (Some(name), _) => with_id(tx, context, name)?,
        (None, Some(physical_id)) => owner(tx, context, physical_id)?,
        (None, None) => {
            return Err(refusal(
                "Either StackName or PhysicalResourceId must be specified.",
            ));
        }
    };
    let mut rows = rows(tx, &stack)?;
    if let Some(logical_id) = &input.logical_resource_id {
        rows.retain(|row| row.logical_id == *logical_id);
        if rows.is_empty() {
            return Err(no_resource(logical_id, &stack));
        }
    }
    let resources: Vec<Value> = rows
        .iter()
        .map(|row| of_stack(answer::resource(row, "Timestamp"), &stack))
        .collect();
    Ok(json!({ "StackResources": resources }))
}

fn owner(tx: &Tx<'_>, context: &Context, physical_id: &str) -> Result<Stack> {
    for stack in state::stacks(tx, context)? {
        let rows = state::resources(tx, &stack.id)?;
        let owns = |row: &Resource| row.physical_id.as_deref() == Some(physical_id);
        if stack.deleted.is_none() && rows.iter().any(owns) {
            return Ok(stack);
        }
    }
    Err(refusal(format!("Stack for {physical_id} does not exist")))
}

fn no_resource(logical_id: &str, stack: &Stack) -> cumulet_engine::error::Error {
    refusal(format!(
        "Resource {logical_id} does not exist for stack {}",
        stack.name
    ))
}

/// [DescribeStackResource](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html)
pub(super) fn resource(tx: &mut Tx<'_>, context: &Context, input: StackInput) -> Result<Value> {
    let name = input.stack_name.unwrap_or_default();
    let stack = existing(tx, context, &name)?;
    let logical_id = input.logical_resource_id.unwrap_or_default();
    let row = state::resource(tx, &stack.id, &logical_id)?
        .filter(|row| !row.status.is_empty())
        .ok_or_else(|| no_resource(&logical_id, &stack))?;
    let mut detail = of_stack(answer::resource(&row, "LastUpdatedTimestamp"), &stack);
    let metadata = row.now.as_ref().and_then(|now| now.metadata.as_ref());
    let metadata = metadata.map_or_else(|| "{}".to_owned(), Value::to_string);
    detail["Metadata"] = metadata.into();
    Ok(json!({ "StackResourceDetail": detail }))
}

/// [ListStackResources](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html)
pub(super) fn list_resources(
    tx: &mut Tx<'_>,
    context: &Context,
    input: StackInput,
) -> Result<Value> {
    let stack = with_id(tx, context, required(input.stack_name.as_ref())?)?;
    let rows = rows(tx, &stack)?;
    let summaries = rows
        .iter()
        .map(|row| answer::resource(row, "LastUpdatedTimestamp"))
        .collect();
    let token = input.next_token.as_deref();
    let key = "LogicalResourceId";
    answer::page("StackResourceSummaries", summaries, PAGE_SIZE, token, key)
}

/// [ListExports](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListExports.html)
pub(super) fn exports(tx: &mut Tx<'_>, context: &Context, input: StackInput) -> Result<Value> {
    let exports = state::exports(tx, &context.account, &context.region)?;
    let exports = exports
        .into_iter()
        .map(|export| {
            json!({
                "ExportingStackId": export.stack_id,
                "Name": export.name,
                "Value": export.value,
            })
        })
        .collect();
    let token = input.next_token.as_deref();
    answer::page("Exports", exports, PAGE_SIZE, token, "Name")
}

/// [ListImports](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListImports.html)
pub(super) fn imports(tx: &mut Tx<'_>, context: &Context, input: StackInput) -> Result<Value> {
    let name = input.export_name.unwrap_or_default();
    let (account, region) = (&context.account, &context.region);
    let exported = state::exports(tx, account, region)?;
    if !exported.iter().any(|export| export.name == name) {
        return Err(refusal(format!("Export '{name}' does not exist.")));
    }
    let ids = state::importers(tx, account, region, &name)?;
    if ids.is_empty() {
        return Err(refusal(format!(
            "Export '{name}' is not imported by any stack."
        )));
    }
    let names: Result<Vec<String>> = ids
        .iter()
        .map(|id| Ok(state::expect_stack(tx, id)?.name))
        .collect();
    Ok(json!({ "Imports": names? }))
}
