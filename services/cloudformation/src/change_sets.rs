//! Change sets: an order written down, what it would change, and its execution.

use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, arn};
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::answer::{self, present};
use super::api::{ChangeSetInput, CreateChangeSetInput, StackInput};
use super::deployment::{identity, stack_event};
use super::plan::plan;
use super::stacks::{self, Launch, begin, existing, named_well, new_stack};
use super::state::{self, ChangeSet, OperationKind, Stack};
use super::template::refusal;
use super::{policy, settings};

const NO_CHANGES: &str = "The submitted information didn't contain changes. Submit different information to create a change set.";
const PAGE_SIZE: usize = 100;

/// [CreateChangeSet](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html)
pub(super) fn create(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateChangeSetInput,
) -> Result<Value> {
    let kind = input.change_set_type.clone();
    let kind = kind.unwrap_or_else(|| "UPDATE".to_owned());
    if kind == "IMPORT" || input.resources_to_import.is_some() {
        return Err(Error::not_implemented("Change sets of type IMPORT"));
    }
    let mut stack = stack_for(tx, context, &input, &kind)?;
    if state::change_set(tx, &stack.id, &input.change_set_name)?.is_some() {
        return Err(Error::new(
            "AlreadyExistsException",
            format!("ChangeSet {} already exists", input.change_set_name),
        ));
    }
    let resource = format!("changeSet/{}/{}", input.change_set_name, context.ids.uuid());
    let mut change_set = ChangeSet {
        id: arn::regional(context, "cloudformation", resource),
        name: input.change_set_name,
        stack_id: stack.id.clone(),
        stack_name: stack.name.clone(),
        description: input.description,
        created: context.now,
        on_stack_failure: input.on_stack_failure,
        include_nested_stacks: input.include_nested_stacks,
        import_existing_resources: input.import_existing_resources,
        deployment_config: input.deployment_config,
        deployment_mode: input.deployment_mode,
        kind,
        ..ChangeSet::default()
    };
    let before = (change_set.kind == "UPDATE").then_some(&stack);
    let identity = identity(&stack, &[]);
    let order = settings::order(tx, context, &identity, input.settings, before)?;
    let plan = plan(tx, &order, &identity, &stack)?;
    let empty = plan.is_empty() && change_set.kind == "UPDATE";
    let (status, execution) = if empty {
        change_set.status_reason = Some(NO_CHANGES.to_owned());
        ("FAILED", "UNAVAILABLE")
    } else {
        ("CREATE_COMPLETE", "AVAILABLE")
    };
    change_set.status = status.to_owned();
    change_set.execution_status = execution.to_owned();
    change_set.changes = plan.changes;
    change_set.settings = order.settings;
    state::save_change_set(tx, &change_set)?;
    if stack.status.is_empty() {
        let reason = Some("User Initiated".to_owned());
        stack_event(tx, context, &mut stack, None, "REVIEW_IN_PROGRESS", reason)?;
    }
    Ok(json!({ "Id": change_set.id, "StackId": stack.id }))
}

/// The stack that the change set is for; a new one (with no status yet) for type CREATE.
fn stack_for(
    tx: &Tx<'_>,
    context: &Context,
    input: &CreateChangeSetInput,
    kind: &str,
) -> Result<Stack> {
    let name = &input.stack_name;
    let found = state::find_stack(tx, context, name)?;
    if kind == "CREATE" {
        return match found {
            None => {
                named_well(name)?;
                Ok(new_stack(context, name))
            }
            Some(stack) if stack.status == "REVIEW_IN_PROGRESS" => Ok(stack),
            Some(_) => Err(refusal(format!(
                "Stack [{name}] already exists and cannot be created again with the changeSet [{}].",
                input.change_set_name
            ))),
        };
    }
    let stack = found.ok_or_else(|| refusal(format!("Stack [{name}] does not exist")))?;
    stacks::updatable(&stack)?;
    Ok(stack)
}

fn not_found(name: &str) -> Error {
    Error::new(
        "ChangeSetNotFound",
        format!("ChangeSet [{name}] does not exist"),
    )
    .status(404)
}

/// The change set of an ARN, or of a name within a stack.
fn find(tx: &Tx<'_>, context: &Context, input: &ChangeSetInput) -> Result<ChangeSet> {
    let name = &input.change_set_name;
    if name.starts_with("arn:") {
        return state::change_set_by_id(tx, name)?.ok_or_else(|| not_found(name));
    }
    let stack_name = input.stack_name.as_deref().ok_or_else(|| {
        refusal("StackName must be specified if ChangeSetName is not specified as an ARN.")
    })?;
    let stack = existing(tx, context, stack_name)?;
    state::change_set(tx, &stack.id, name)?.ok_or_else(|| not_found(name))
}

/// [DescribeChangeSet](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html)
pub(super) fn describe(tx: &mut Tx<'_>, context: &Context, input: ChangeSetInput) -> Result<Value> {
    let set = find(tx, context, &input)?;
    let with_values = input.include_property_values.unwrap_or(false);
    let mut changes = set.changes.clone();
    if !with_values {
        changes.iter_mut().for_each(without_values);
    }
    let start: usize = input
        .next_token
        .as_deref()
        .map_or(Some(0), |token| token.parse().ok())
        .ok_or_else(|| refusal("The specified token is invalid"))?;
    let next = start + PAGE_SIZE;
    let next_token = (next < changes.len()).then(|| next.to_string());
    let changes: Vec<Value> = changes.into_iter().skip(start).take(PAGE_SIZE).collect();
    let settings = &set.settings;
    let parameters =
        (!settings.parameters.is_empty()).then(|| answer::parameters(&settings.parameters));
    Ok(present(json!({
        "ChangeSetName": set.name,
        "ChangeSetId": set.id,
        "StackId": set.stack_id,
        "StackName": set.stack_name,
        "Description": set.description,
        "Parameters": parameters,
        "CreationTime": answer::time(set.created),
        "ExecutionStatus": set.execution_status,
        "Status": set.status,
        "StatusReason": set.status_reason,
        "NotificationARNs": settings.notification_arns,
        "RollbackConfiguration": settings.rollback_configuration.clone().unwrap_or_else(|| json!({})),
        "Capabilities": settings.capabilities,
        "Tags": (!settings.tags.is_empty()).then(|| answer::tags(&settings.tags)),
        "Changes": changes,
        "NextToken": next_token,
        "IncludeNestedStacks": set.include_nested_stacks.unwrap_or(false),
        "OnStackFailure": set.on_stack_failure,
        "ImportExistingResources": set.import_existing_resources,
        "DeploymentMode": set.deployment_mode,
        "DeploymentConfig": set.deployment_config,
    })))
}

/// Values are shown where they are asked for alone.
fn without_values(change: &mut Value) {
    let Some(change) = change["ResourceChange"].as_object_mut() else {
        return;
    };
    change.shift_remove("BeforeContext");
    change.shift_remove("AfterContext");
    let details = change.get_mut("Details").and_then(Value::as_array_mut);
    for detail in details.into_iter().flatten() {
        if let Some(target) = detail["Target"].as_object_mut() {
            for name in ["BeforeValue", "AfterValue", "Path", "AttributeChangeType"] {
                target.shift_remove(name);
            }
        }
    }
}

/// [ExecuteChangeSet](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html)
pub(super) fn execute(tx: &mut Tx<'_>, context: &Context, input: ChangeSetInput) -> Result<Value> {
    let set = find(tx, context, &input)?;
    if set.execution_status != "AVAILABLE" {
        return Err(Error::new(
            "InvalidChangeSetStatus",
            format!(
                "ChangeSet [{}] cannot be executed in its current status of [{}]",
                set.id, set.status
            ),
        ));
    }
    let mut stack = state::expect_stack(tx, &set.stack_id)?;
    let kind = if set.kind == "CREATE" {
        OperationKind::Create
    } else {
        stacks::updatable(&stack)?;
        policy::permits(&stack, &set.changes)?;
        OperationKind::Update
    };
    // Every other change set was computed against a stack that now changes.
    for other in state::change_sets(tx, &stack.id)? {
        state::forget_change_set(tx, &other)?;
    }
    let disabled =
        stacks::rollback_disabled(input.disable_rollback, set.deployment_config.as_ref());
    stack.disable_rollback = disabled;
    stack.deployment_config.clone_from(&set.deployment_config);
    stack.change_set_id = Some(set.id.clone());
    let launch = Launch {
        kind,
        on_failure: stacks::on_failure(disabled, set.on_stack_failure.as_deref()),
        settings: set.settings,
        token: input.client_request_token,
        retain_except_on_create: input.retain_except_on_create.unwrap_or(false),
    };
    begin(tx, context, &mut stack, launch)?;
    Ok(json!({}))
}

/// [DeleteChangeSet](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html):
/// one that does not exist is deleted already.
pub(super) fn delete(tx: &mut Tx<'_>, context: &Context, input: ChangeSetInput) -> Result<Value> {
    match find(tx, context, &input) {
        Ok(set) => state::forget_change_set(tx, &set)?,
        Err(error) if error.code == "ChangeSetNotFound" => {}
        Err(error) => return Err(error),
    }
    Ok(json!({}))
}

/// [ListChangeSets](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListChangeSets.html)
pub(super) fn list(tx: &mut Tx<'_>, context: &Context, input: StackInput) -> Result<Value> {
    let name = input.stack_name.unwrap_or_default();
    let stack = existing(tx, context, &name)?;
    let sets = state::change_sets(tx, &stack.id)?;
    let summaries = sets.iter().map(answer::change_set_summary).collect();
    let token = input.next_token.as_deref();
    answer::page("Summaries", summaries, PAGE_SIZE, token, "ChangeSetId")
}
