//! BatchWriteItem: up to 25 puts and deletes, all checked before the first is written.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>

use std::collections::{BTreeMap, HashSet};

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use serde_json::{Map, Value, json};

use super::api::{BatchWriteItemInput, BatchWriteItemOutput, WriteRequest};
use super::capacity::{Shown, Usage};
use super::errors::validation;
use super::table::OpenTable;
use super::throttle::{self, Kind};
use super::value::read_item;
use super::write_item::{Write, WriteKind, carry_out, collection_metrics};

const REQUESTS_MAX: usize = 25;

/// The writes of one table, with the store keys of their items.
struct TableWrites {
    name: String,
    table: OpenTable,
    writes: Vec<(Vec<u8>, Write)>,
}

pub(super) fn batch_write_item(
    tx: &mut Tx<'_>,
    context: &Context,
    input: BatchWriteItemInput,
) -> Result<BatchWriteItemOutput> {
    let prepared = prepare(input.request_items)?;
    let mut tables = Vec::new();
    for (name, writes) in prepared {
        tables.push(check(tx, context, name, writes)?);
    }
    let mut consumed = Vec::new();
    let mut metrics = BTreeMap::new();
    let mut unprocessed = Map::new();
    let mut throttled = None;
    for writes in &tables {
        if let Err(error) = throttle::admit(context, &writes.table.record, None, Kind::Write) {
            throttled = Some(error);
            unprocessed.insert(writes.name.clone(), writes.requests()?);
            continue;
        }
        let usage = write_all(tx, context, writes)?;
        throttle::spend(context, &writes.table.record, &usage, Kind::Write);
        consumed.extend(usage.answer(
            input.return_consumed_capacity.as_deref(),
            &writes.table.record,
            Shown::Plain,
        ));
        for (_, write) in &writes.writes {
            let wanted = input.return_item_collection_metrics.as_deref();
            if let Some(one) = collection_metrics(tx, &writes.table, wanted, &write.subject)? {
                let list: &mut Vec<_> = metrics.entry(writes.name.clone()).or_default();
                if !list.contains(&one) {
                    list.push(one);
                }
            }
        }
    }
    if let Some(error) = throttled.filter(|_| unprocessed.len() == tables.len()) {
        return Err(error);
    }
    Ok(BatchWriteItemOutput {
        unprocessed_items: unprocessed,
        item_collection_metrics: input
            .return_item_collection_metrics
            .filter(|wanted| wanted == "SIZE")
            .map(|_| metrics)
            .filter(|metrics| !metrics.is_empty()),
        consumed_capacity: input
            .return_consumed_capacity
            .filter(|wanted| wanted != "NONE")
            .map(|_| consumed),
    })
}

impl TableWrites {
    /// The requests as they came, for whoever will send them again.
    fn requests(&self) -> Result<Value> {
        let request = |write: &Write| {
            let subject = serde_json::to_value(&write.subject)
                .map_err(|error| Error::internal(error.to_string()))?;
            Ok(match write.kind {
                WriteKind::Put => json!({"PutRequest": {"Item": subject}}),
                _ => json!({"DeleteRequest": {"Key": subject}}),
            })
        };
        let requests = self.writes.iter().map(|(_, write)| request(write));
        Ok(Value::Array(requests.collect::<Result<_>>()?))
    }
}

fn prepare(requests: BTreeMap<String, Vec<WriteRequest>>) -> Result<Vec<(String, Vec<Write>)>> {
    if requests.is_empty() {
        return Err(validation(
            "The requestItems parameter is required for BatchWriteItem",
        ));
    }
    if requests.values().map(Vec::len).sum::<usize>() > REQUESTS_MAX {
        return Err(validation(
            "Too many items requested for the BatchWriteItem call",
        ));
    }
    requests
        .into_iter()
        .map(|(name, requests)| {
            let writes: Result<Vec<_>> = requests.into_iter().map(write).collect();
            Ok((name, writes?))
        })
        .collect()
}

fn write(request: WriteRequest) -> Result<Write> {
    match (request.put_request, request.delete_request) {
        (Some(put), None) => Write::plain(WriteKind::Put, read_item(put.item)?),
        (None, Some(delete)) => Write::plain(WriteKind::Delete, read_item(delete.key)?),
        (None, None) => Err(validation(
            "Supplied WriteRequest is empty, must contain exactly one of PutRequest or DeleteRequest",
        )),
        (Some(_), Some(_)) => Err(validation(
            "Supplied WriteRequest has more than one request set, must contain exactly one of PutRequest or DeleteRequest",
        )),
    }
}

fn check(tx: &Tx<'_>, context: &Context, name: String, writes: Vec<Write>) -> Result<TableWrites> {
    let table = OpenTable::open(tx, context, &name)?;
    let mut seen = HashSet::new();
    let mut checked = Vec::with_capacity(writes.len());
    for write in writes {
        let key = write.check(&table)?;
        if !seen.insert(key.clone()) {
            return Err(validation("Provided list of item keys contains duplicates"));
        }
        checked.push((key, write));
    }
    Ok(TableWrites {
        name,
        table,
        writes: checked,
    })
}

fn write_all(tx: &mut Tx<'_>, context: &Context, writes: &TableWrites) -> Result<Usage> {
    let mut usage = Usage::default();
    for (key, write) in &writes.writes {
        let decided = write.decide(tx, &writes.table, key.clone())?;
        usage.add_write(&carry_out(tx, context, &writes.table, &decided)?, 1.0);
    }
    Ok(usage)
}
