//! CloudFormation: stacks.
//!
//! A stack is made in three storeys. `template` is the language: pure functions, in AWS's words.
//! `deployment` is the scheduler: it reads a journal, does what the graph allows, and writes the journal.
//! A `provider` is one resource type, written over the operations of its service and kept in that
//! service's `resource.rs`. A provider runs in the deployment's name inside the transaction that
//! journals the step: so a step happens once, whenever the process dies, and a permission that the
//! deployment's role lacks fails the resource as on AWS.
//!
//! Nothing here knows a service by itself: the catalogue of providers is the only list of types.

mod access;
mod answer;
mod api;
mod change_sets;
mod coerce;
pub mod custom;
mod deployment;
mod describe;
mod edge;
mod nested;
mod operation_events;
pub(crate) mod plan;
mod policy;
mod repository;
pub(crate) mod resource;
mod settings;
mod stacks;
mod state;
mod template;
mod templates;
mod wait;
mod waking;

use cumulet_engine::Context;
use cumulet_engine::delivery::unhandled;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_engine::operation::Operation;
use cumulet_engine::provider::Provider;
use cumulet_engine::registry::{Denial, Service};
use cumulet_kernel::outbox::Entry;
use cumulet_kernel::{Event, Table};

const TABLES: &[Table] = state::TABLES;

/// A row of the OPERATIONS table whose access is the action of its own name.
macro_rules! row {
    ($kind:ident $name:literal $operation:path) => {
        Operation::$kind(
            $name,
            |tx, context, input| access::access(tx, context, $name, input),
            $operation,
        )
    };
}

/// All that the rest of the house knows of this service.
pub fn service() -> Service {
    Service::new("cloudformation", Denial::Xml, operations())
        .with_tables(1400, TABLES)
        .with_resource_types(resource::resource_types())
        .taking_events(|engine, context, entry| Box::pin(take(engine, context, entry)))
}

async fn take(engine: Engine, context: Context, entry: Entry) -> Result<()> {
    match &entry.event {
        Event::StackStep { .. } => deliver_step(&engine, context, entry).await,
        Event::InvocationFailed { .. } => custom::deliver_failure(&engine, entry).await,
        other => Err(unhandled(other)),
    }
}

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::edge("CreateStack", edge::create_stack),
        Operation::edge("UpdateStack", edge::update_stack),
        Operation::edge("CreateChangeSet", edge::create_change_set),
        Operation::edge("ValidateTemplate", edge::validate_template),
        Operation::edge("GetTemplateSummary", edge::template_summary),
        row!(write "DeleteStack" stacks::delete_stack),
        row!(write "CancelUpdateStack" stacks::cancel_update),
        row!(write "ContinueUpdateRollback" stacks::continue_rollback),
        row!(write "RollbackStack" stacks::rollback_stack),
        row!(write "UpdateTerminationProtection" stacks::protect),
        row!(write "SetStackPolicy" policy::set),
        row!(read "GetStackPolicy" policy::get),
        row!(read "DescribeChangeSet" change_sets::describe),
        row!(write "ExecuteChangeSet" change_sets::execute),
        row!(write "DeleteChangeSet" change_sets::delete),
        row!(read "ListChangeSets" change_sets::list),
        row!(read "DescribeStacks" describe::stacks),
        row!(read "ListStacks" describe::list),
        row!(read "DescribeStackEvents" describe::events),
        row!(read "DescribeEvents" operation_events::describe),
        row!(read "DescribeStackResource" describe::resource),
        row!(read "DescribeStackResources" describe::resources),
        row!(read "ListStackResources" describe::list_resources),
        row!(read "ListExports" describe::exports),
        row!(read "ListImports" describe::imports),
        row!(read "GetTemplate" templates::get),
    ]
}

/// Takes the next steps of a stack operation, as many as can be taken now.
pub async fn deliver_step(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    deployment::deliver(engine, context, entry).await
}

/// Custom resources have one type for all their names.
fn provider_of(context: &Context, kind: &str) -> Option<Provider> {
    let custom = custom::is_custom(kind).then_some(custom::PROVIDER);
    custom.or_else(|| context.services.resource_type(kind).copied())
}
