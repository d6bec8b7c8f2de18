//! Orders to a stack: create, update, delete, and what goes with them. Each leaves an operation and its
//! first step; the scheduler does the rest.

use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, arn};
use cumulet_kernel::{Event, Tx, outbox};
use serde_json::{Value, json};

use super::api::{CreateStackInput, DeleteStackInput, StackInput, UpdateStackInput};
use super::deployment::{exports_unused, identity, remove_all, stack_event};
use super::plan::plan;
use super::policy;
use super::settings::{self, Order};
use super::state::{self, OnFailure, OperationKind, Phase, Settings, Stack, StackOperation};
use super::template::refusal;

/// [CreateStack](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html)
pub(super) fn create_stack(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateStackInput,
) -> Result<Value> {
    named_well(&input.stack_name)?;
    if input.disable_rollback.is_some() && input.on_failure.is_some() {
        return Err(refusal(
            "You can specify either DisableRollback or OnFailure, but not both.",
        ));
    }
    if state::find_stack(tx, context, &input.stack_name)?.is_some() {
        return Err(already_exists(&input.stack_name));
    }
    if input.timeout_in_minutes.is_some() {
        return Err(Error::not_implemented(
            "cloudformation:CreateStack with TimeoutInMinutes",
        ));
    }
    settings::expansion_acknowledged(&input.settings)?;
    let mut stack = new_stack(context, &input.stack_name);
    let order = settings::order(tx, context, &identity(&stack, &[]), input.settings, None)?;
    let disabled = rollback_disabled(input.disable_rollback, input.deployment_config.as_ref());
    stack.policy = policy::given(input.stack_policy_body, input.stack_policy_url)?;
    stack.disable_rollback = disabled;
    stack.termination_protection = input.enable_termination_protection.unwrap_or(false);
    stack.retain_except_on_create = input.retain_except_on_create.unwrap_or(false);
    stack.deployment_config = input.deployment_config;
    let launch = Launch {
        kind: OperationKind::Create,
        settings: order.settings.clone(),
        on_failure: on_failure(disabled, input.on_failure.as_deref()),
        token: input.client_request_token,
        retain_except_on_create: stack.retain_except_on_create,
    };
    stack.description = order.template.text("Description").map(str::to_owned);
    let operation_id = begin(tx, context, &mut stack, launch)?;
    Ok(json!({ "StackId": stack.id, "OperationId": operation_id }))
}

pub(super) fn already_exists(name: &str) -> Error {
    Error::new(
        "AlreadyExistsException",
        format!("Stack [{name}] already exists"),
    )
}

pub(super) fn named_well(name: &str) -> Result<()> {
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let goes_on = bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !(begins && goes_on) {
        return Err(refusal(format!(
            "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*"
        )));
    }
    if name.len() > 128 {
        return Err(refusal(format!(
            "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must have length less than or equal to 128"
        )));
    }
    Ok(())
}

pub(super) fn new_stack(context: &Context, name: &str) -> Stack {
    let resource = format!("stack/{name}/{}", context.ids.uuid());
    Stack {
        id: arn::regional(context, "cloudformation", resource),
        name: name.to_owned(),
        account: context.account.to_string(),
        region: context.region.to_string(),
        created: context.now,
        ..Stack::default()
    }
}

pub(super) fn rollback_disabled(given: Option<bool>, config: Option<&Value>) -> bool {
    given
        .or_else(|| config?.get("DisableRollback")?.as_bool())
        .unwrap_or(false)
}

pub(super) fn on_failure(rollback_disabled: bool, given: Option<&str>) -> OnFailure {
    match given {
        Some("DO_NOTHING") => OnFailure::DoNothing,
        Some("DELETE") => OnFailure::Delete,
        _ if rollback_disabled => OnFailure::DoNothing,
        _ => OnFailure::Rollback,
    }
}

/// An operation about to begin.
pub(super) struct Launch {
    pub(super) kind: OperationKind,
    pub(super) settings: Settings,
    pub(super) on_failure: OnFailure,
    pub(super) token: Option<String>,
    pub(super) retain_except_on_create: bool,
}

/// Writes the operation, its first event and its first step.
pub(super) fn begin(
    tx: &mut Tx<'_>,
    context: &Context,
    stack: &mut Stack,
    launch: Launch,
) -> Result<String> {
    let status = match launch.kind {
        OperationKind::Create => "CREATE_IN_PROGRESS",
        OperationKind::Update => "UPDATE_IN_PROGRESS",
        OperationKind::Delete => "DELETE_IN_PROGRESS",
    };
    let operation = StackOperation {
        id: context.ids.uuid(),
        stack_id: stack.id.clone(),
        kind: launch.kind,
        phase: Phase::Apply,
        rolling_back: false,
        principal: (*context.principal).clone(),
        client_request_token: launch.token,
        settings: launch.settings,
        on_failure: launch.on_failure,
        retain_except_on_create: launch.retain_except_on_create,
        cancelled: false,
        failure: None,
        skipped: Vec::new(),
        started: context.now,
        held: false,
        previous: None,
    };
    if launch.kind == OperationKind::Create {
        stack.settings = operation.settings.clone();
    } else {
        stack.updated = Some(context.now);
    }
    launch_operation(tx, context, stack, operation, status)
}

/// Hands an operation to the scheduler.
fn launch_operation(
    tx: &mut Tx<'_>,
    context: &Context,
    stack: &mut Stack,
    operation: StackOperation,
    status: &str,
) -> Result<String> {
    let kind = match operation.kind {
        OperationKind::Create => "CREATE_STACK",
        OperationKind::Update if operation.rolling_back => "ROLLBACK",
        OperationKind::Update => "UPDATE_STACK",
        OperationKind::Delete => "DELETE_STACK",
    };
    stack.operation_id = Some(operation.id.clone());
    stack.last_operations = vec![(kind.to_owned(), operation.id.clone())];
    state::save_operation(tx, &operation)?;
    let reason = Some("User Initiated".to_owned());
    stack_event(tx, context, stack, Some(&operation), status, reason)?;
    let step = Event::StackStep {
        stack_id: stack.id.clone(),
        operation_id: operation.id.clone(),
    };
    outbox::emit(tx, context.now, step)?;
    Ok(operation.id)
}

/// The living or (by id) deleted stack, else the refusal that most operations share.
pub(super) fn existing(tx: &Tx<'_>, context: &Context, name: &str) -> Result<Stack> {
    state::find_stack(tx, context, name)?
        .ok_or_else(|| refusal(format!("Stack [{name}] does not exist")))
}

/// A stack that may be updated now.
pub(super) fn updatable(stack: &Stack) -> Result<()> {
    let stable = matches!(
        stack.status.as_str(),
        "CREATE_COMPLETE"
            | "UPDATE_COMPLETE"
            | "UPDATE_ROLLBACK_COMPLETE"
            | "IMPORT_COMPLETE"
            | "CREATE_FAILED"
            | "UPDATE_FAILED"
    );
    if stable {
        return Ok(());
    }
    Err(refusal(format!(
        "Stack:{} is in {} state and can not be updated.",
        stack.id, stack.status
    )))
}

/// [UpdateStack](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html)
pub(super) fn update_stack(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UpdateStackInput,
) -> Result<Value> {
    if input.stack_policy_during_update_body.is_some()
        || input.stack_policy_during_update_url.is_some()
    {
        return Err(Error::not_implemented(
            "cloudformation:UpdateStack with a policy during the update",
        ));
    }
    let mut stack = existing(tx, context, &input.stack_name)?;
    updatable(&stack)?;
    settings::expansion_acknowledged(&input.settings)?;
    let order = update_order(tx, context, &stack, input.settings)?;
    let policy = policy::given(input.stack_policy_body, input.stack_policy_url)?;
    let plan = plan(tx, &order, &identity(&stack, &[]), &stack)?;
    if plan.is_empty() && policy.is_none() {
        return Err(refusal("No updates are to be performed."));
    }
    policy::permits(&stack, &plan.changes)?;
    stack.policy = policy.or(stack.policy);
    let disabled = rollback_disabled(input.disable_rollback, input.deployment_config.as_ref());
    stack.disable_rollback = disabled;
    let launch = Launch {
        kind: OperationKind::Update,
        settings: order.settings,
        on_failure: on_failure(disabled, None),
        token: input.client_request_token,
        retain_except_on_create: input.retain_except_on_create.unwrap_or(false),
    };
    let operation_id = begin(tx, context, &mut stack, launch)?;
    Ok(json!({ "StackId": stack.id, "OperationId": operation_id }))
}

pub(super) fn update_order(
    tx: &mut Tx<'_>,
    context: &Context,
    stack: &Stack,
    input: super::api::SettingsInput,
) -> Result<Order> {
    let identity = identity(stack, &[]);
    settings::order(tx, context, &identity, input, Some(stack))
}

/// [DeleteStack](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html):
/// a stack that does not exist is deleted already.
pub(super) fn delete_stack(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DeleteStackInput,
) -> Result<Value> {
    let found = state::find_stack(tx, context, &input.stack_name)?;
    let Some(mut stack) = found.filter(|stack| stack.deleted.is_none()) else {
        return Ok(json!({}));
    };
    deletable(&stack, input.retain_resources.as_deref())?;
    if stack.status == "DELETE_IN_PROGRESS" {
        return Ok(json!({}));
    }
    let role = settings::role(tx, context, input.role_arn, stack.settings.role_arn.clone())?;
    stack.deletion_mode = input.deletion_mode;
    let kept = input.retain_resources.unwrap_or_default();
    begin_removal(tx, context, stack, (role, input.client_request_token, kept))?;
    Ok(json!({}))
}

/// Deletes a nested stack for its parent, in the role of the parent's operation.
pub(super) fn remove(
    tx: &mut Tx<'_>,
    context: &Context,
    stack: Stack,
    role_arn: Option<String>,
) -> Result<()> {
    begin_removal(tx, context, stack, (role_arn, None, Vec::new()))
}

fn begin_removal(
    tx: &mut Tx<'_>,
    context: &Context,
    mut stack: Stack,
    (role_arn, token, kept): (Option<String>, Option<String>, Vec<String>),
) -> Result<()> {
    exports_unused(tx, &stack)?;
    supersede(tx, &stack)?;
    if stack.status == "REVIEW_IN_PROGRESS" {
        stack.deleted = Some(context.now);
        return stack_event(tx, context, &mut stack, None, "DELETE_COMPLETE", None);
    }
    let mut settings = stack.settings.clone();
    settings.role_arn = role_arn;
    let operation = StackOperation {
        id: context.ids.uuid(),
        stack_id: stack.id.clone(),
        kind: OperationKind::Delete,
        phase: Phase::Remove,
        rolling_back: false,
        principal: (*context.principal).clone(),
        client_request_token: token,
        settings,
        on_failure: OnFailure::DoNothing,
        retain_except_on_create: false,
        cancelled: false,
        failure: None,
        skipped: kept,
        started: context.now,
        held: false,
        previous: None,
    };
    remove_all(tx, &stack.id, &operation, false)?;
    launch_operation(tx, context, &mut stack, operation, "DELETE_IN_PROGRESS").map(drop)
}

/// Whatever had the stack in hand comes to an end; its transactions look for that.
fn supersede(tx: &mut Tx<'_>, stack: &Stack) -> Result<()> {
    let Some(id) = &stack.operation_id else {
        return Ok(());
    };
    if let Some(mut operation) = state::operation(tx, id)? {
        operation.phase = Phase::Over;
        state::save_operation(tx, &operation)?;
    }
    Ok(())
}

fn deletable(stack: &Stack, retained: Option<&[String]>) -> Result<()> {
    let name = &stack.name;
    if stack.termination_protection {
        return Err(refusal(format!(
            "Stack [{name}] cannot be deleted while TerminationProtection is enabled"
        )));
    }
    if stack.status.ends_with("_IN_PROGRESS")
        && !matches!(
            stack.status.as_str(),
            "DELETE_IN_PROGRESS"
                | "REVIEW_IN_PROGRESS"
                | "CREATE_IN_PROGRESS"
                | "ROLLBACK_IN_PROGRESS"
        )
    {
        return Err(refusal(format!(
            "Stack [{name}] cannot be deleted while in status {}",
            stack.status
        )));
    }
    if retained.is_some_and(|names| !names.is_empty()) && stack.status != "DELETE_FAILED" {
        return Err(refusal(format!(
            "Invalid operation on stack [{}]. Specifying resources to retain is only supported for stacks in the DELETE_FAILED state.",
            stack.id
        )));
    }
    Ok(())
}

/// [CancelUpdateStack](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CancelUpdateStack.html)
pub(super) fn cancel_update(
    tx: &mut Tx<'_>,
    context: &Context,
    input: StackInput,
) -> Result<Value> {
    let stack = existing(tx, context, input.stack_name.as_deref().unwrap_or_default())?;
    if stack.status != "UPDATE_IN_PROGRESS" {
        return Err(refusal(
            "CancelUpdateStack cannot be called from current stack status",
        ));
    }
    let mut operation =
        state::expect_operation(tx, stack.operation_id.as_deref().unwrap_or_default())?;
    operation.cancelled = true;
    state::save_operation(tx, &operation)?;
    let step = Event::StackStep {
        stack_id: stack.id,
        operation_id: operation.id,
    };
    outbox::emit(tx, context.now, step)?;
    Ok(json!({}))
}

/// [ContinueUpdateRollback](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html)
pub(super) fn continue_rollback(
    tx: &mut Tx<'_>,
    context: &Context,
    input: StackInput,
) -> Result<Value> {
    let name = input.stack_name.unwrap_or_default();
    let stack = existing(tx, context, &name)?;
    if stack.status != "UPDATE_ROLLBACK_FAILED" {
        return Err(refusal(format!(
            "Stack:{} is in {} state and can not continue update rollback.",
            stack.id, stack.status
        )));
    }
    let skipped = input.resources_to_skip.unwrap_or_default();
    go_back(
        tx,
        context,
        stack,
        input.role_arn,
        input.client_request_token,
        skipped,
    )?;
    Ok(json!({}))
}

/// [RollbackStack](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html)
pub(super) fn rollback_stack(
    tx: &mut Tx<'_>,
    context: &Context,
    input: StackInput,
) -> Result<Value> {
    let name = input.stack_name.unwrap_or_default();
    let stack = existing(tx, context, &name)?;
    let stack_id = stack.id.clone();
    if !matches!(stack.status.as_str(), "CREATE_FAILED" | "UPDATE_FAILED") {
        return Err(refusal(format!(
            "Stack:{} is in {} state and can not be rolled back.",
            stack.id, stack.status
        )));
    }
    let token = input.client_request_token;
    let operation_id = go_back(tx, context, stack, input.role_arn, token, Vec::new())?;
    Ok(json!({ "StackId": stack_id, "OperationId": operation_id }))
}

pub(super) fn go_back(
    tx: &mut Tx<'_>,
    context: &Context,
    mut stack: Stack,
    role_arn: Option<String>,
    token: Option<String>,
    skipped: Vec<String>,
) -> Result<String> {
    let creating = stack.status == "CREATE_FAILED";
    let last = stack.operation_id.clone().unwrap_or_default();
    let mut operation = state::expect_operation(tx, &last)?;
    let role = operation.settings.role_arn.take();
    operation.settings.role_arn = settings::role(tx, context, role_arn, role)?;
    operation.id = context.ids.uuid();
    operation.principal = (*context.principal).clone();
    operation.client_request_token = token;
    operation.on_failure = OnFailure::Rollback;
    operation.rolling_back = true;
    operation.skipped = skipped;
    operation.started = context.now;
    operation.held = false;
    let (phase, status) = if creating {
        (Phase::Remove, "ROLLBACK_IN_PROGRESS")
    } else {
        (Phase::Restore, "UPDATE_ROLLBACK_IN_PROGRESS")
    };
    operation.phase = phase;
    if creating {
        remove_all(tx, &stack.id, &operation, true)?;
    } else {
        state::forget_removals(tx, &stack.id)?;
    }
    launch_operation(tx, context, &mut stack, operation, status)
}

/// [UpdateTerminationProtection](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateTerminationProtection.html)
pub(super) fn protect(tx: &mut Tx<'_>, context: &Context, input: StackInput) -> Result<Value> {
    let name = input.stack_name.unwrap_or_default();
    let mut stack = existing(tx, context, &name)?;
    if stack.deleted.is_some() {
        return Err(refusal(format!(
            "Stack [{}] is in {} state and its termination protection can not be updated",
            stack.id, stack.status
        )));
    }
    stack.termination_protection = input.enable_termination_protection.unwrap_or(false);
    state::save_stack(tx, &stack)?;
    Ok(json!({ "StackId": stack.id }))
}
