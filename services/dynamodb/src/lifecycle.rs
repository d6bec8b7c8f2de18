//! The states of a table's life, and the work between them.
//!
//! CREATING, UPDATING and DELETING last until their work is done: rows of a new index made, rows of a
//! dropped one or of a deleted table removed. The work goes in chunks, each its own transaction that
//! schedules the next, so no request waits for it and a crash resumes it.

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_kernel::key::{KeyReader, end_of_prefix};
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Event, Key, Table, Tx};
use serde_json::{Value, json};

use super::describe::{deletion_description, description};
use super::errors::{in_use, validation};
use super::items::{expiration_key, expiry_of};
use super::key::rows_prefix;
use super::state::{
    Backfill, EXPIRATIONS, INDEX_ROWS, ITEMS, IndexRecord, JOURNAL, JOURNAL_AGES, Status,
    TABLE_RECORDS, TALLIES, TableRecord,
};
use super::table::{self, Location, OpenTable};
use super::table_api::{ListTablesInput, NamedTableInput};
use super::{backup, journal, restore, streams, ttl};

/// How long a state is seen at least: clients wait for it, nobody wants to wait long.
const STATE_MS: i64 = 5;
const CHUNK_ROWS: usize = 500;
const LIST_MAX: usize = 100;

/// Leaves the table's next step to be done.
pub(super) fn schedule(tx: &mut Tx<'_>, context: &Context, record: &TableRecord) -> Result<()> {
    let event = Event::TableTransition {
        account: record.account.clone(),
        region: record.region.clone(),
        table: record.name.clone(),
        table_id: record.id.clone(),
    };
    outbox::emit(tx, context.now.plus_ms(STATE_MS), event)?;
    Ok(())
}

/// Does a table's next step.
pub(super) async fn deliver(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    engine
        .write(move |tx| {
            if let Event::TableTransition {
                account,
                region,
                table,
                table_id,
            } = &entry.event
            {
                let location = Location {
                    account: account.clone(),
                    region: region.clone(),
                    name: table.clone(),
                };
                let record = table::load(tx, &location)?.filter(|record| record.id == *table_id);
                if let Some(record) = record {
                    step(tx, &as_service(&context, &record), record.as_ref().clone())?;
                }
            }
            Ok(outbox::finish(tx, entry.id)?)
        })
        .await
}

/// DynamoDB itself, at work on one of its tables.
pub(super) fn as_service(context: &Context, record: &TableRecord) -> Context {
    context
        .as_service("dynamodb.amazonaws.com", &record.arn(), &record.account)
        .located(&record.account, &record.region)
}

fn step(tx: &mut Tx<'_>, context: &Context, mut record: TableRecord) -> Result<()> {
    let done = match record.status {
        Status::Deleting => return delete_step(tx, context, record),
        Status::Creating => {
            let is_filled = restore::step(tx, context, &mut record)?;
            if is_filled {
                let indexes = record.indexes.iter_mut();
                indexes.for_each(|index| index.status = Status::Active);
            }
            is_filled
        }
        Status::Updating | Status::Active => {
            update_indexes(tx, context, &mut record)?
                && ttl::index_step(tx, context, &mut record)?
                && backup::step(tx, &mut record)?
                && journal::purge_left_over(tx, &mut record)?
        }
    };
    let indexed = record
        .indexes
        .iter()
        .all(|index| index.status == Status::Active);
    let filled = record.restore.as_ref().is_none_or(|it| !it.in_progress);
    if indexed && filled {
        record.status = Status::Active;
    }
    table::save(tx, &record)?;
    if done {
        Ok(())
    } else {
        schedule(tx, context, &record)
    }
}

/// Removes a chunk of what a deleted table leaves; at last the table itself.
fn delete_step(tx: &mut Tx<'_>, context: &Context, mut record: TableRecord) -> Result<()> {
    let number = record.number.to_be_bytes();
    let record = &mut record;
    // Whoever copies the table finishes first.
    if !backup::step(tx, record)? || !record.restores_under_way.is_empty() {
        table::save(tx, record)?;
        return schedule(tx, context, record);
    }
    for rows in [
        ITEMS,
        INDEX_ROWS,
        EXPIRATIONS,
        TALLIES,
        JOURNAL,
        JOURNAL_AGES,
    ] {
        if !purge(tx, rows, &number)? {
            return schedule(tx, context, record);
        }
    }
    tx.delete(TABLE_RECORDS, table::location_of(record).key())?;
    Ok(())
}

/// Removes a chunk of rows; whether none is left.
pub(super) fn purge(tx: &mut Tx<'_>, rows: Table, prefix: &[u8]) -> Result<bool> {
    let keys: Result<Vec<_>, _> = tx
        .prefix(rows, prefix, Direction::Forward)?
        .take(CHUNK_ROWS)
        .map(|pair| pair.map(|(key, _)| key))
        .collect();
    let keys = keys?;
    for key in &keys {
        tx.delete(rows, key)?;
    }
    Ok(keys.len() < CHUNK_ROWS)
}

/// Does a chunk of the work on indexes; whether none is left.
fn update_indexes(tx: &mut Tx<'_>, context: &Context, record: &mut TableRecord) -> Result<bool> {
    if let Some(at) = record
        .indexes
        .iter()
        .position(|index| index.status == Status::Deleting)
    {
        let prefix = rows_prefix(record, record.indexes[at].number);
        if !purge(tx, INDEX_ROWS, &prefix)? {
            return Ok(false);
        }
        tx.delete(TALLIES, &prefix)?;
        record.indexes.remove(at);
        forget_unused_attributes(record);
        return Ok(true);
    }
    if let Some(at) = record
        .indexes
        .iter()
        .position(|index| index.status == Status::Creating)
    {
        let after = backfill(tx, context, record, &record.indexes[at])?;
        let index = &mut record.indexes[at];
        if after.is_none() {
            index.status = Status::Active;
        }
        index.backfill = after;
        return Ok(index.status == Status::Active);
    }
    if let Some(index) = record
        .indexes
        .iter_mut()
        .find(|index| index.status == Status::Updating)
    {
        index.status = Status::Active;
    }
    Ok(true)
}

pub(super) fn forget_unused_attributes(record: &mut TableRecord) {
    let (keys, indexes) = (&record.keys, &record.indexes);
    record.attributes.retain(|(name, _)| {
        keys.contains(name) || indexes.iter().any(|index| index.keys.contains(name))
    });
}

/// Makes the rows of a chunk of items; how far that went, `None` at the end.
fn backfill(
    tx: &mut Tx<'_>,
    context: &Context,
    record: &TableRecord,
    index: &IndexRecord,
) -> Result<Option<Backfill>> {
    let table = OpenTable::of(tx, context, record.clone().into())?;
    let after = index.backfill.clone().unwrap_or_default();
    let rows = chunk(tx, record, &after)?;
    for (key, sealed) in &rows {
        let item = table.unseal(key, sealed)?;
        table.backfill_row(tx, context, index, &item)?;
    }
    Ok(next_chunk(rows))
}

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn chunk(tx: &Tx<'_>, record: &TableRecord, after: &Backfill) -> Result<Rows> {
    let prefix = rows_prefix(record, 0);
    let from = if after.after.is_empty() {
        prefix.clone()
    } else {
        [after.after.as_slice(), &[0]].concat()
    };
    let end = end_of_prefix(&prefix);
    let rows: Result<Rows, _> = tx
        .range(ITEMS, &from, end.as_deref(), Direction::Forward)?
        .take(CHUNK_ROWS)
        .collect();
    Ok(rows?)
}

fn next_chunk(rows: Rows) -> Option<Backfill> {
    let full = rows.len() == CHUNK_ROWS;
    rows.into_iter()
        .next_back()
        .filter(|_| full)
        .map(|(after, _)| Backfill { after })
}

/// Notes the expiry of a chunk of items; how far that went, `None` at the end.
pub(super) fn index_expiries(
    tx: &mut Tx<'_>,
    context: &Context,
    record: &TableRecord,
    attribute: &str,
    after: &Backfill,
) -> Result<Option<Backfill>> {
    let table = OpenTable::of(tx, context, record.clone().into())?;
    let rows = chunk(tx, record, after)?;
    for (key, sealed) in &rows {
        if let Some(second) = expiry_of(&table.unseal(key, sealed)?, attribute) {
            tx.put(EXPIRATIONS, expiration_key(record, second, key), Vec::new())?;
        }
    }
    Ok(next_chunk(rows))
}

/// Whether KMS keeps the table's key even from DynamoDB: disabled, about to be deleted, or gone.
fn is_inaccessible(tx: &Tx<'_>, context: &Context, record: &TableRecord) -> bool {
    let as_service = as_service(context, record);
    OpenTable::of(tx, &as_service, record.clone().into()).is_err()
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeTable.html>
pub(super) fn describe_table(
    tx: &mut Tx<'_>,
    context: &Context,
    input: NamedTableInput,
) -> Result<Value> {
    let record = table::named(tx, context, &input.table_name)?;
    let mut description = description(tx, &record)?;
    if record.status == Status::Active && is_inaccessible(tx, context, &record) {
        description["TableStatus"] = "INACCESSIBLE_ENCRYPTION_CREDENTIALS".into();
    }
    Ok(json!({ "Table": description }))
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteTable.html>
pub(super) fn delete_table(
    tx: &mut Tx<'_>,
    context: &Context,
    input: NamedTableInput,
) -> Result<Value> {
    let mut record = table::named(tx, context, &input.table_name)?;
    let busy = match record.status {
        Status::Active => None,
        Status::Creating => Some("created"),
        Status::Updating => Some("updated"),
        Status::Deleting => Some("deleted"),
    };
    if let Some(busy) = busy {
        return Err(in_use(format!(
            "Attempt to change a resource which is still in use: Table is being {busy}: {}",
            record.name
        )));
    }
    if record.deletion_protected {
        return Err(validation(
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
        ));
    }
    streams::close(tx, context, &mut record)?;
    record.status = Status::Deleting;
    table::save(tx, &record)?;
    schedule(tx, context, &record)?;
    Ok(json!({"TableDescription": deletion_description(tx, &record)?}))
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ListTables.html>
pub(super) fn list_tables(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListTablesInput,
) -> Result<Value> {
    let limit = input.limit.unwrap_or(LIST_MAX).min(LIST_MAX);
    let prefix = Key::new().text(&context.account).text(&context.region);
    let from = match &input.exclusive_start_table_name {
        Some(name) => [prefix.clone().text(name).as_slice(), &[0]].concat(),
        None => prefix.as_slice().to_vec(),
    };
    let end = end_of_prefix(prefix.as_slice());
    let mut names = Vec::new();
    for pair in tx
        .range(TABLE_RECORDS, &from, end.as_deref(), Direction::Forward)?
        .take(limit + 1)
    {
        let (key, _) = pair?;
        let mut reader = KeyReader::new(&key);
        let name: Option<String> = reader.text().and(reader.text()).and_then(|_| reader.text());
        names.extend(name);
    }
    let more = names.len() > limit;
    names.truncate(limit);
    let mut answer = json!({"TableNames": names});
    if let (true, Some(last), Some(members)) = (more, names.last(), answer.as_object_mut()) {
        members.insert("LastEvaluatedTableName".into(), last.clone().into());
    }
    Ok(answer)
}
