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
pub(crate) mod inline_code;
mod plan;
mod policy;
pub(crate) mod provider;
mod resource;
mod settings;
mod stacks;
mod state;
mod template;
mod templates;
mod unhoused;

use std::collections::HashMap;
use std::sync::LazyLock;

use cumulet_kernel::outbox::Entry;
use cumulet_kernel::{Context, Table};

use crate::engine::Engine;
use crate::error::Result;
use crate::operation::Operation;
use crate::{apigateway, cloudwatch, dynamodb, iam, kms, lambda, logs, s3};
use provider::Provider;

pub(crate) const TABLES: &[Table] = state::TABLES;

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
    deployment::deliver(engine, context, entry, catalogue).await
}

/// Every resource type that can be deployed.
static PROVIDERS: LazyLock<HashMap<&'static str, Provider>> = LazyLock::new(|| {
    let all = [
        resource::resource_types(),
        apigateway::resource::resource_types(),
        dynamodb::resource::resource_types(),
        iam::resource::resource_types(),
        kms::resource::resource_types(),
        lambda::resource::resource_types(),
        cloudwatch::resource::resource_types(),
        logs::resource::resource_types(),
        s3::resource::resource_types(),
        unhoused::resource_types(),
    ];
    let all = all.into_iter().flatten();
    all.map(|provider| (provider.name, provider)).collect()
});

fn provider_of(kind: &str) -> Option<&'static Provider> {
    let custom = custom::is_custom(kind).then_some(&custom::PROVIDER);
    custom.or_else(|| PROVIDERS.get(kind))
}

#[cfg(not(test))]
fn catalogue(kind: &str) -> Option<&'static Provider> {
    provider_of(kind)
}

/// The engine's own tests deploy types that live in the store alone.
#[cfg(test)]
fn catalogue(kind: &str) -> Option<&'static Provider> {
    deployment::fake(kind).or_else(|| provider_of(kind))
}

/// For the coverage page: each type with the properties that have an effect.
pub fn resource_types() -> Vec<(&'static str, &'static [&'static str])> {
    let mut types: Vec<_> = PROVIDERS
        .values()
        .map(|provider| (provider.name, provider.acts_on))
        .collect();
    types.sort_unstable();
    types
}
