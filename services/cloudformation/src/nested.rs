//! Nested stacks: a stack that is a resource of another one.
//!
//! The parent begins the child's operation in its own step and waits; the child's end wakes it. A child's update stops
//! before its clean-up, held until the parent is certain: so a parent that goes back finds the child's old resources
//! still there. The template is fetched before the step and kept in the store until the step uses it.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html>

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::provider::{Outcome, Provider, ResourceCall};
use cumulet_kernel::{Event, Tx, outbox};
use serde_json::{Value, json};

use super::api::{ParameterInput, SettingsInput, TagInput};
use super::deployment::identity;
use super::plan::plan;
use super::state::{self, OnFailure, OperationKind, Source, Stack};
use super::template::functions::text;
use super::{edge, settings, stacks};

pub(super) const KIND: &str = "AWS::CloudFormation::Stack";
/// A child's end wakes its parent; this is for the case that nobody does.
const LOOK_AGAIN_MS: i64 = 60_000;

pub(super) fn nested_type() -> Provider {
    Provider::new(
        KIND,
        &["NotificationARNs", "Parameters", "Tags", "TemplateURL"],
        create,
        update,
        delete,
    )
    .stabilised_by(go_on)
    .with_code(|new, _| Some(json!({ "TemplateURL": new["TemplateURL"] })))
}

/// Fetches the template that a nested stack is about to become.
pub(super) async fn fetch(
    engine: &Engine,
    context: &Context,
    (stack_id, logical_id): (&str, &str),
    url: &str,
) -> Result<()> {
    let source = edge::source_at(engine, context, url).await?;
    let (stack_id, logical_id) = (stack_id.to_owned(), logical_id.to_owned());
    engine
        .write(move |tx| state::save_nested_template(tx, &stack_id, &logical_id, &source))
        .await
}

fn create(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    if call.property("TimeoutInMinutes").is_some() {
        return Err(Error::not_implemented("TimeoutInMinutes of a nested stack"));
    }
    let name = call.generated_name(128);
    let mut stack = stacks::new_stack(call.context, &name);
    authorise(call, "CreateStack", &stack.id)?;
    let parent = parent(call)?;
    stack.root_id = parent.root_id.clone().or_else(|| Some(parent.id.clone()));
    stack.parent_id = Some(parent.id.clone());
    let input = order_input(call, &parent)?
        .ok_or_else(|| Error::internal("the nested template was not fetched"))?;
    let mut order = settings::order(call.tx, call.context, &identity(&stack, &[]), input, None)?;
    order.settings.role_arn = operation_role(call, &parent)?;
    stack.description = order.template.text("Description").map(str::to_owned);
    let id = stack.id.clone();
    launch(call, &mut stack, OperationKind::Create, order.settings)?;
    call.identify(id);
    wait_for(call, "create")
}

fn authorise(call: &ResourceCall<'_, '_>, action: &str, stack_id: &str) -> Result<()> {
    let needed = Access::new(&format!("cloudformation:{action}"), stack_id);
    call.context.authorise(call.tx, &[needed])
}

fn parent(call: &ResourceCall<'_, '_>) -> Result<Stack> {
    state::expect_stack(call.tx, &call.stack.id)
}

/// The role that the parent's operation works in.
fn operation_role(call: &ResourceCall<'_, '_>, parent: &Stack) -> Result<Option<String>> {
    let id = parent.operation_id.as_deref().unwrap_or_default();
    Ok(state::expect_operation(call.tx, id)?.settings.role_arn)
}

/// What the parent asks the child to be; absent where no template was fetched for this step.
fn order_input(call: &mut ResourceCall<'_, '_>, parent: &Stack) -> Result<Option<SettingsInput>> {
    let Some(source) = state::nested_template(call.tx, &call.stack.id, call.logical_id)? else {
        return Ok(None);
    };
    state::forget_nested_template(call.tx, &call.stack.id, call.logical_id)?;
    let operation = parent.operation_id.as_deref().unwrap_or_default();
    let above = state::expect_operation(call.tx, operation)?.settings;
    let tags = call.own_tags().into_iter();
    let Source { body, snippets } = source;
    Ok(Some(SettingsInput {
        template_body: Some(body),
        template_url: Some(call.text("TemplateURL").to_owned()),
        included_snippets: Some(snippets),
        parameters: Some(parameters(call.property("Parameters"))),
        capabilities: Some(above.capabilities),
        tags: Some(tags.map(|(key, value)| TagInput { key, value }).collect()),
        notification_arns: Some(above.notification_arns),
        ..SettingsInput::default()
    }))
}

fn parameters(given: Option<&Value>) -> Vec<ParameterInput> {
    let members = given.and_then(Value::as_object).into_iter().flatten();
    let parameter = |(name, value): (&String, &Value)| ParameterInput {
        parameter_key: Some(name.clone()),
        parameter_value: match value {
            Value::Array(items) => {
                let texts: Vec<String> = items.iter().filter_map(text).collect();
                Some(texts.join(","))
            }
            one => text(one),
        },
        use_previous_value: None,
    };
    members.map(parameter).collect()
}

fn launch(
    call: &mut ResourceCall<'_, '_>,
    child: &mut Stack,
    kind: OperationKind,
    settings: state::Settings,
) -> Result<()> {
    let on_failure = match kind {
        // What a failed creation made is the parent's to remove.
        OperationKind::Create => OnFailure::DoNothing,
        _ => OnFailure::Rollback,
    };
    let launch = stacks::Launch {
        kind,
        settings,
        on_failure,
        token: None,
        retain_except_on_create: false,
    };
    stacks::begin(call.tx, call.context, child, launch).map(drop)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is the end of handlers, which answer so"
)]
fn wait_for(call: &mut ResourceCall<'_, '_>, what: &str) -> Result<Outcome> {
    call.journal = json!({ "token": call.physical_id, "what": what });
    Ok(Outcome::AskAgain {
        after_ms: LOOK_AGAIN_MS,
    })
}

fn child(call: &ResourceCall<'_, '_>) -> Result<Option<Stack>> {
    state::stack_by_id(call.tx, &call.physical_id)
}

/// Looks how far the child is.
fn go_on(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let what = call.journal["what"].as_str().unwrap_or_default().to_owned();
    let child = child(call)?.ok_or_else(|| Error::internal("the nested stack is gone"))?;
    let status = child.status.as_str();
    let reached = match what.as_str() {
        "create" => status == "CREATE_COMPLETE",
        "update" => matches!(
            status,
            "UPDATE_COMPLETE" | "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        ),
        _ => status == "UPDATE_ROLLBACK_COMPLETE",
    };
    if reached {
        put_outputs(call, &child);
        return Ok(Outcome::Done);
    }
    if status.ends_with("_IN_PROGRESS") {
        return wait_for(call, &what);
    }
    Err(failed(call, &child, &what)?)
}

fn put_outputs(call: &mut ResourceCall<'_, '_>, child: &Stack) {
    call.attributes.clear();
    for output in &child.outputs {
        let name = format!("Outputs.{}", output.key);
        call.attribute(&name, output.value.as_str());
    }
}

/// The failure in the words of the event in which the child told it.
fn failed(call: &ResourceCall<'_, '_>, child: &Stack, what: &str) -> Result<Error> {
    let events = state::events(call.tx, &child.id)?;
    let own = events.iter().filter(|event| event.physical_id == child.id);
    let told = own.filter_map(|event| event.reason.as_deref());
    let reason = told
        .into_iter()
        .find(|reason| reason.contains("failed to"))
        .or(child.status_reason.as_deref())
        .unwrap_or_default()
        .to_owned();
    let (id, status) = (&child.id, &child.status);
    let message = if what == "create" {
        format!("Embedded stack {id} was not successfully created: {reason}")
    } else {
        format!(
            "Embedded stack {id} was not successfully updated. Currently in {status} with reason: {reason}"
        )
    };
    Ok(Error::new("NotStabilized", message).member("Plain", true))
}

/// Forward with a template fetched for it, back without one.
fn update(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut child = child(call)?.ok_or_else(|| Error::internal("the nested stack is gone"))?;
    let parent = parent(call)?;
    let Some(input) = order_input(call, &parent)? else {
        return go_back(call, child);
    };
    authorise(call, "UpdateStack", &child.id)?;
    stacks::updatable(&child)?;
    let mut order = stacks::update_order(call.tx, call.context, &child, input)?;
    order.settings.role_arn = operation_role(call, &parent)?;
    if plan(call.tx, &order, &identity(&child, &[]), &child)?.is_empty() {
        put_outputs(call, &child);
        return Ok(Outcome::Done);
    }
    launch(call, &mut child, OperationKind::Update, order.settings)?;
    wait_for(call, "update")
}

/// The parent goes back: a child that has ended its update returns, one under way turns round.
fn go_back(call: &mut ResourceCall<'_, '_>, child: Stack) -> Result<Outcome> {
    let id = child.operation_id.clone().unwrap_or_default();
    let mut operation = state::expect_operation(call.tx, &id)?;
    match child.status.as_str() {
        _ if operation.held => {
            stacks::go_back(call.tx, call.context, child, None, None, Vec::new())?;
            wait_for(call, "back")
        }
        "UPDATE_IN_PROGRESS" => {
            operation.cancelled = true;
            state::save_operation(call.tx, &operation)?;
            step(call.tx, call.context, &child.id, &id)?;
            wait_for(call, "back")
        }
        status if status.ends_with("_IN_PROGRESS") => wait_for(call, "back"),
        _ => {
            put_outputs(call, &child);
            Ok(Outcome::Done)
        }
    }
}

fn step(tx: &mut Tx<'_>, context: &Context, stack_id: &str, operation_id: &str) -> Result<()> {
    let step = Event::StackStep {
        stack_id: stack_id.to_owned(),
        operation_id: operation_id.to_owned(),
    };
    outbox::emit(tx, context.now, step)?;
    Ok(())
}

/// The parent is certain: its children clean up, and theirs.
pub(super) fn release(tx: &mut Tx<'_>, context: &Context, parent_id: &str) -> Result<()> {
    for row in state::resources(tx, parent_id)? {
        let now = row.now.filter(|now| now.kind == KIND);
        let child = now.map(|now| state::stack_by_id(tx, &now.physical_id));
        let Some(child) = child.transpose()?.flatten() else {
            continue;
        };
        let id = child.operation_id.clone().unwrap_or_default();
        let operation = state::operation(tx, &id)?.filter(|operation| operation.held);
        if let Some(mut operation) = operation {
            operation.held = false;
            state::save_operation(tx, &operation)?;
            step(tx, context, &child.id, &id)?;
            release(tx, context, &child.id)?;
        }
    }
    Ok(())
}

fn delete(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let Some(child) = child(call)?.filter(|child| child.deleted.is_none()) else {
        return Ok(Outcome::Done);
    };
    let asked = !call.journal.is_null();
    match child.status.as_str() {
        "DELETE_IN_PROGRESS" => wait_for(call, "delete"),
        "DELETE_FAILED" if asked => {
            let reason = child.status_reason.unwrap_or_default();
            let id = &child.id;
            let message = format!("Embedded stack {id} was not successfully deleted: {reason}");
            Err(Error::new("NotStabilized", message).member("Plain", true))
        }
        _ => {
            authorise(call, "DeleteStack", &child.id)?;
            let role = operation_role(call, &parent(call)?)?;
            stacks::remove(call.tx, call.context, child, role)?;
            wait_for(call, "delete")
        }
    }
}
