//! DynamoDB: tables of items, durable and sealed, with their indexes, expirations and streams.
//!
//! Items lie in the store in a binary form of their own, each sealed under its table's key and bound to
//! its place; keys sort as DynamoDB sorts. Everything derived from an item is written in the item's own
//! transaction. Expressions, the older parameters and PartiQL become the same trees, so that types and
//! comparisons agree. DynamoDB knows no function and no queue: whoever follows a table reads its stream.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/Welcome.html>

mod access;
mod access_protection;
mod api;
mod backup;
mod backup_api;
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
mod journal;
mod key;
mod key_condition;
mod legacy;
mod lifecycle;
mod number;
mod page;
mod partiql;
mod policy;
mod query;
mod request;
mod restore;
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
mod throttle;
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
use cumulet_kernel::{Event, Table, Tx};

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
    state::BACKUPS,
    state::BACKUP_ITEMS,
    state::JOURNAL,
    state::JOURNAL_AGES,
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

/// The sequence number of the last change in a stream, for who reads on from there; nothing where it is empty. To hear
/// of later changes, hang an event on the bell of the stream's ARN.
pub fn last_change(tx: &Tx<'_>, context: &Context, stream_arn: &str) -> Result<Option<String>> {
    stream_reading::last_change(tx, context, stream_arn)
}

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    [
        item_operations(),
        table_operations(),
        protection_operations(),
    ]
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

/// Backups, recovery and policies.
fn protection_operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreateBackup",
            access_protection::create_backup,
            backup::create_backup,
        ),
        Operation::read(
            "DescribeBackup",
            access_protection::describe_backup,
            backup::describe_backup,
        ),
        Operation::write(
            "DeleteBackup",
            access_protection::delete_backup,
            backup::delete_backup,
        ),
        Operation::read(
            "ListBackups",
            access_protection::list_backups,
            backup::list_backups,
        ),
        Operation::write(
            "RestoreTableFromBackup",
            access_protection::restore_from_backup,
            restore::restore_table_from_backup,
        ),
        Operation::write(
            "RestoreTableToPointInTime",
            access_protection::restore_to_point_in_time,
            restore::restore_table_to_point_in_time,
        ),
        Operation::write(
            "PutResourcePolicy",
            access_protection::put_resource_policy,
            policy::put_resource_policy,
        ),
        Operation::read(
            "GetResourcePolicy",
            access_protection::get_resource_policy,
            policy::get_resource_policy,
        ),
        Operation::write(
            "DeleteResourcePolicy",
            access_protection::delete_resource_policy,
            policy::delete_resource_policy,
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
