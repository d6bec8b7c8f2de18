//! X-Ray: what clients tell of their requests, and what the engine itself saw of them.
//!
//! Documents are kept as they were sent. The engine's own spans are not copied here: they are shown as
//! segments when a trace is asked for, so there is one record of what happened and two views of it.

mod api;
mod filter;
mod graph;
mod groups;
mod sampling;
mod segments;
mod spans;
mod state;
#[cfg(test)]
mod tests;
mod traces;

use api::{
    BatchGetTracesInput, CreateSamplingRuleInput, GetSamplingTargetsInput, GetTraceSummariesInput,
    GroupInput, PageInput, PutEncryptionConfigInput, PutGroupInput, PutTraceSegmentsInput,
    RuleNameInput, ServiceGraphInput, TraceGraphInput, UpdateSamplingRuleInput,
};
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::delivery::unhandled;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::{AccessRule, Operation};
use cumulet_engine::registry::{Denial, Service};
use cumulet_kernel::Event;
use cumulet_kernel::outbox::Entry;
use state::TABLES;

/// The permission for an action that has no resource.
macro_rules! on_all {
    ($input:ty, $action:literal) => {{
        let rule: AccessRule<$input> =
            |_, _, _| Ok(vec![Access::new(concat!("xray:", $action), "*")]);
        rule
    }};
}

/// All that the rest of the house knows of this service.
pub fn service() -> Service {
    Service::new("xray", Denial::RestJson, operations())
        .with_tables(900, TABLES)
        .taking_events(|engine, context, entry| Box::pin(take(engine, context, entry)))
}

async fn take(engine: Engine, context: Context, entry: Entry) -> Result<()> {
    match &entry.event {
        Event::Timer { .. } => deliver_timer(&engine, context, entry).await,
        other => Err(unhandled(other)),
    }
}

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    let mut operations = trace_operations();
    operations.extend(sampling_operations());
    operations.extend(group_operations());
    operations
}

fn trace_operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "PutTraceSegments",
            on_all!(PutTraceSegmentsInput, "PutTraceSegments"),
            segments::put,
        ),
        Operation::read(
            "BatchGetTraces",
            on_all!(BatchGetTracesInput, "BatchGetTraces"),
            traces::batch_get,
        ),
        Operation::read(
            "GetTraceSummaries",
            on_all!(GetTraceSummariesInput, "GetTraceSummaries"),
            traces::summaries,
        ),
        Operation::read(
            "GetServiceGraph",
            on_all!(ServiceGraphInput, "GetServiceGraph"),
            graph::of_services,
        ),
        Operation::read(
            "GetTraceGraph",
            on_all!(TraceGraphInput, "GetTraceGraph"),
            graph::of_traces,
        ),
    ]
}

fn on_rule(context: &Context, action: &str, name: Option<&str>) -> Vec<Access> {
    let name = name.unwrap_or("*");
    let resource =
        cumulet_engine::arn::regional(context, "xray", format_args!("sampling-rule/{name}"));
    vec![Access::new(action, resource)]
}

fn sampling_operations() -> Vec<Operation> {
    let create: AccessRule<CreateSamplingRuleInput> = |_, context, input| {
        Ok(on_rule(
            context,
            "xray:CreateSamplingRule",
            input.sampling_rule.rule_name.as_deref(),
        ))
    };
    let update: AccessRule<UpdateSamplingRuleInput> = |_, context, input| {
        Ok(on_rule(
            context,
            "xray:UpdateSamplingRule",
            input.sampling_rule_update.rule_name.as_deref(),
        ))
    };
    let delete: AccessRule<RuleNameInput> = |_, context, input| {
        Ok(on_rule(
            context,
            "xray:DeleteSamplingRule",
            input.rule_name.as_deref(),
        ))
    };
    vec![
        Operation::read(
            "GetSamplingRules",
            on_all!(PageInput, "GetSamplingRules"),
            sampling::list,
        ),
        Operation::write("CreateSamplingRule", create, sampling::create),
        Operation::write("UpdateSamplingRule", update, sampling::update),
        Operation::write("DeleteSamplingRule", delete, sampling::delete),
        Operation::write(
            "GetSamplingTargets",
            on_all!(GetSamplingTargetsInput, "GetSamplingTargets"),
            sampling::targets,
        ),
    ]
}

fn on_group(context: &Context, action: &str, name: Option<&str>) -> Vec<Access> {
    let name = name.unwrap_or("*");
    let resource = cumulet_engine::arn::regional(context, "xray", format_args!("group/{name}/*"));
    vec![Access::new(action, resource)]
}

fn group_operations() -> Vec<Operation> {
    let create: AccessRule<PutGroupInput> = |_, context, input| {
        Ok(on_group(
            context,
            "xray:CreateGroup",
            input.group_name.as_deref(),
        ))
    };
    let update: AccessRule<PutGroupInput> = |_, context, input| {
        Ok(on_group(
            context,
            "xray:UpdateGroup",
            input.group_name.as_deref(),
        ))
    };
    let get: AccessRule<GroupInput> = |_, context, input| {
        Ok(on_group(
            context,
            "xray:GetGroup",
            input.group_name.as_deref(),
        ))
    };
    let delete: AccessRule<GroupInput> = |_, context, input| {
        Ok(on_group(
            context,
            "xray:DeleteGroup",
            input.group_name.as_deref(),
        ))
    };
    vec![
        Operation::write("CreateGroup", create, groups::create),
        Operation::write("UpdateGroup", update, groups::update),
        Operation::write("DeleteGroup", delete, groups::delete),
        Operation::read("GetGroup", get, groups::get),
        Operation::read("GetGroups", on_all!(PageInput, "GetGroups"), groups::list),
        Operation::read(
            "GetEncryptionConfig",
            on_all!(PageInput, "GetEncryptionConfig"),
            groups::encryption,
        ),
        Operation::write(
            "PutEncryptionConfig",
            on_all!(PutEncryptionConfigInput, "PutEncryptionConfig"),
            groups::encrypt,
        ),
    ]
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new("InvalidRequestException", message)
}

fn not_built_tags(tags: Option<&[serde_json::Value]>) -> Result<()> {
    match tags {
        Some(tags) if !tags.is_empty() => Err(Error::not_implemented("xray: tags")),
        _ => Ok(()),
    }
}

/// Removes what is past its time.
pub async fn deliver_timer(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let Event::Timer { kind, detail, .. } = &entry.event else {
        return Err(Error::internal("not a timer"));
    };
    let text = |name: &str| detail[name].as_str().unwrap_or_default();
    let context = context.located(text("account"), text("region"));
    match kind.as_str() {
        "retention" => segments::deliver_sweep(engine, context, entry).await,
        other => Err(Error::internal(format!(
            "nobody handles the timer xray/{other}"
        ))),
    }
}
