//! DynamoDB: tables of items, durable and sealed, with their indexes, expirations and streams.
//!
//! Items lie in the store in a binary form of their own, each sealed under its table's key and bound to
//! its place; keys sort as DynamoDB sorts. Everything derived from an item is written in the item's own
//! transaction. Expressions, the older parameters and PartiQL become the same trees, so that types and
//! comparisons agree. DynamoDB knows no function and no queue: whoever follows a table reads its stream.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/Welcome.html>

mod access;
mod api;
mod batch_write;
mod capacity;
mod codec;
mod create_table;
mod describe;
mod encryption;
mod errors;
mod expression;
mod get_item;
mod items;
mod key;
mod key_condition;
mod legacy;
mod lifecycle;
mod number;
mod page;
mod partiql;
mod query;
mod request;
mod schema;
mod settings;
mod state;
mod stream_reading;
mod streams;
mod table;
mod table_api;
mod tags;
#[cfg(test)]
mod tests;
mod transact;
mod ttl;
mod update_table;
mod value;
mod write_item;

mod resource;

use cumulet_engine::Context;
use cumulet_engine::delivery::unhandled;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::Operation;
use cumulet_engine::registry::{Denial, Service};
use cumulet_kernel::outbox::Entry;
use cumulet_kernel::{Event, Table};

const TABLES: &[Table] = &[
    state::TABLE_RECORDS,
    state::ITEMS,
    state::INDEX_ROWS,
    state::EXPIRATIONS,
    state::TRANSACTION_TOKENS,
    state::TALLIES,
    state::STREAMS,
    state::CHANGES,
    state::TRANSACTION_TOKEN_AGES,
];

/// DynamoDB and its streams, as the rest of the house knows them.
pub fn services() -> [Service; 2] {
    let streams = Service::new("dynamodbstreams", Denial::Json, stream_operations());
    [tables(), streams]
}

fn tables() -> Service {
    Service::new("dynamodb", Denial::Json, operations())
        .with_tables(1100, TABLES)
        .with_resource_types(resource::resource_types())
        .taking_events(|engine, context, entry| Box::pin(take(engine, context, entry)))
}

async fn take(engine: Engine, context: Context, entry: Entry) -> Result<()> {
    match &entry.event {
        Event::TableTransition { .. } => deliver_transition(&engine, context, entry).await,
        Event::Timer { .. } => deliver_timer(&engine, context, entry).await,
        other => Err(unhandled(other)),
    }
}

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    [item_operations(), table_operations()]
        .into_iter()
        .flatten()
        .collect()
}

fn item_operations() -> Vec<Operation> {
    vec![
        Operation::read("GetItem", access::get_item, get_item::get_item),
        Operation::write("PutItem", access::put_item, write_item::put_item),
        Operation::write("UpdateItem", access::update_item, write_item::update_item),
        Operation::write("DeleteItem", access::delete_item, write_item::delete_item),
        Operation::read("Query", access::query, query::query),
        Operation::read("Scan", access::scan, query::scan),
        Operation::read(
            "BatchGetItem",
            access::batch_get_item,
            get_item::batch_get_item,
        ),
        Operation::write(
            "BatchWriteItem",
            access::batch_write_item,
            batch_write::batch_write_item,
        ),
        Operation::read(
            "TransactGetItems",
            access::transact_get_items,
            transact::transact_get_items,
        ),
        Operation::write(
            "TransactWriteItems",
            access::transact_write_items,
            transact::transact_write_items,
        ),
        Operation::edge("ExecuteStatement", partiql::execute_statement),
        Operation::edge("BatchExecuteStatement", partiql::batch_execute_statement),
        Operation::edge("ExecuteTransaction", partiql::execute_transaction),
    ]
}

fn table_operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreateTable",
            access::create_table,
            create_table::create_table,
        ),
        Operation::read(
            "DescribeTable",
            access::describe_table,
            lifecycle::describe_table,
        ),
        Operation::write(
            "UpdateTable",
            access::update_table,
            update_table::update_table,
        ),
        Operation::write("DeleteTable", access::delete_table, lifecycle::delete_table),
        Operation::read("ListTables", access::list_tables, lifecycle::list_tables),
        Operation::write(
            "UpdateTimeToLive",
            access::update_time_to_live,
            ttl::update_time_to_live,
        ),
        Operation::read(
            "DescribeTimeToLive",
            access::describe_time_to_live,
            ttl::describe_time_to_live,
        ),
        Operation::write("TagResource", access::tag_resource, tags::tag_resource),
        Operation::write(
            "UntagResource",
            access::untag_resource,
            tags::untag_resource,
        ),
        Operation::read("ListTagsOfResource", access::list_tags, tags::list_tags),
        Operation::read(
            "DescribeLimits",
            access::describe_limits,
            settings::describe_limits,
        ),
        Operation::read(
            "DescribeContinuousBackups",
            access::describe_continuous_backups,
            settings::describe_continuous_backups,
        ),
        Operation::write(
            "UpdateContinuousBackups",
            access::update_continuous_backups,
            settings::update_continuous_backups,
        ),
    ]
}

/// The OPERATIONS table of DynamoDB Streams, a wire service of its own over the same state.
pub fn stream_operations() -> Vec<Operation> {
    stream_reading::operations()
}

/// Moves a table to the next state of its life.
pub async fn deliver_transition(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    lifecycle::deliver(engine, context, entry).await
}

/// Does what only time sets off.
pub async fn deliver_timer(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    match &entry.event {
        Event::Timer { kind, .. } if kind == ttl::SWEEP => ttl::sweep(engine, context, entry).await,
        event => Err(Error::internal(format!(
            "DynamoDB has no handler for {}",
            event.name()
        ))),
    }
}
