//! GetItem and BatchGetItem.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html>

use std::collections::{BTreeMap, HashSet};

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::api::{
    BatchGetItemInput, BatchGetItemOutput, GetItemInput, GetItemOutput, JsonItem, KeysAndAttributes,
};
use super::capacity::{ConsumedCapacity, Shown, Usage, read_units};
use super::errors::validation;
use super::expression::Projection;
use super::key::{check_key, item_key};
use super::request;
use super::table::OpenTable;
use super::throttle::{self, Kind};
use super::value::{Item, item_size, read_item};

/// A batch answers at most this much; the rest is left for the next call.
const ANSWER_MAX_BYTES: u64 = 16 << 20;
const KEYS_MAX: usize = 100;

/// A key to be read and what to answer of the item.
pub(super) struct Lookup {
    pub(super) key: Item,
    pub(super) projection: Option<Projection>,
}

impl Lookup {
    pub(super) fn new(input: &mut GetItemInput) -> Result<Self> {
        let projection = request::projection(
            input.projection_expression.as_deref(),
            input.attributes_to_get.as_ref(),
            input.expression_attribute_names.take(),
        )?;
        let key = read_item(std::mem::take(&mut input.key))?;
        Ok(Self { key, projection })
    }

    /// The item as it shall be answered, and what the whole of it weighs.
    pub(super) fn read(&self, tx: &Tx<'_>, table: &OpenTable) -> Result<(Option<Item>, u64)> {
        check_key(&table.record, &self.key)?;
        let Some(item) = table.get(tx, &item_key(&table.record, &self.key)?)? else {
            return Ok((None, 0));
        };
        let size_bytes = item_size(&item);
        let answered = self
            .projection
            .as_ref()
            .map(|projection| projection.apply(&item));
        Ok((Some(answered.unwrap_or(item)), size_bytes))
    }
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html>
pub(super) fn get_item(
    tx: &mut Tx<'_>,
    context: &Context,
    mut input: GetItemInput,
) -> Result<GetItemOutput> {
    let lookup = Lookup::new(&mut input)?;
    let table = OpenTable::open(tx, context, &input.table_name)?;
    throttle::admit(context, &table.record, None, Kind::Read)?;
    let (item, size_bytes) = lookup.read(tx, &table)?;
    let mut usage = Usage::default();
    usage.add_table(read_units(size_bytes, input.consistent_read == Some(true)));
    throttle::spend(context, &table.record, &usage, Kind::Read);
    Ok(GetItemOutput {
        item,
        consumed_capacity: usage.answer(
            input.return_consumed_capacity.as_deref(),
            &table.record,
            Shown::Plain,
        ),
    })
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
pub(super) fn batch_get_item(
    tx: &mut Tx<'_>,
    context: &Context,
    input: BatchGetItemInput,
) -> Result<BatchGetItemOutput> {
    if input.request_items.is_empty() {
        return Err(validation(
            "The requestItems parameter is required for BatchGetItem",
        ));
    }
    if input
        .request_items
        .values()
        .map(|wanted| wanted.keys.len())
        .sum::<usize>()
        > KEYS_MAX
    {
        return Err(validation(
            "Too many items requested for the BatchGetItem call",
        ));
    }
    let mut batches = Vec::new();
    for (name, wanted) in input.request_items {
        batches.push(Batch::new(name, wanted)?);
    }
    let mut answer = BatchAnswer {
        left_bytes: ANSWER_MAX_BYTES,
        ..BatchAnswer::default()
    };
    for batch in &mut batches {
        batch.open(tx, context)?;
    }
    for batch in batches {
        batch.read(
            tx,
            context,
            input.return_consumed_capacity.as_deref(),
            &mut answer,
        )?;
    }
    if let Some(error) = answer.throttled.filter(|_| !answer.served) {
        return Err(error);
    }
    Ok(BatchGetItemOutput {
        responses: answer.responses,
        unprocessed_keys: answer.unprocessed,
        consumed_capacity: input
            .return_consumed_capacity
            .filter(|wanted| wanted != "NONE")
            .map(|_| answer.consumed),
    })
}

#[derive(Default)]
struct BatchAnswer {
    responses: BTreeMap<String, Vec<Item>>,
    unprocessed: BTreeMap<String, KeysAndAttributes>,
    consumed: Vec<ConsumedCapacity>,
    left_bytes: u64,
    /// Set where a table's capacity was used up: an error if that holds of all of them.
    throttled: Option<Error>,
    served: bool,
}

/// The keys wanted of one table.
struct Batch {
    name: String,
    /// As it came, without keys: for what is left unprocessed.
    wanted: KeysAndAttributes,
    lookups: Vec<(JsonItem, Lookup)>,
    table: Option<OpenTable>,
}

impl Batch {
    fn new(name: String, mut wanted: KeysAndAttributes) -> Result<Self> {
        let keys = std::mem::take(&mut wanted.keys);
        let projection = request::projection(
            wanted.projection_expression.as_deref(),
            wanted.attributes_to_get.as_ref(),
            wanted.expression_attribute_names.clone(),
        )?;
        let mut lookups = Vec::with_capacity(keys.len());
        for key in keys {
            let read = read_item(key.clone())?;
            lookups.push((
                key,
                Lookup {
                    key: read,
                    projection: projection.clone(),
                },
            ));
        }
        Ok(Self {
            name,
            wanted,
            lookups,
            table: None,
        })
    }

    /// Opens the table and refuses keys that are wrong or there twice.
    fn open(&mut self, tx: &Tx<'_>, context: &Context) -> Result<()> {
        let table = OpenTable::open(tx, context, &self.name)?;
        let mut seen = HashSet::new();
        for (_, lookup) in &self.lookups {
            check_key(&table.record, &lookup.key)?;
            if !seen.insert(item_key(&table.record, &lookup.key)?) {
                return Err(validation("Provided list of item keys contains duplicates"));
            }
        }
        self.table = Some(table);
        Ok(())
    }

    fn read(
        self,
        tx: &Tx<'_>,
        context: &Context,
        return_capacity: Option<&str>,
        answer: &mut BatchAnswer,
    ) -> Result<()> {
        let Some(table) = self.table else {
            return Ok(());
        };
        let consistent = self.wanted.consistent_read == Some(true);
        let mut usage = Usage::default();
        let mut items = Vec::new();
        let mut unprocessed = Vec::new();
        let throttled = throttle::admit(context, &table.record, None, Kind::Read).err();
        for (key, lookup) in self.lookups {
            if answer.left_bytes == 0 || throttled.is_some() {
                unprocessed.push(key);
                continue;
            }
            let (item, size_bytes) = lookup.read(tx, &table)?;
            if size_bytes > answer.left_bytes {
                answer.left_bytes = 0;
                unprocessed.push(key);
                continue;
            }
            answer.left_bytes -= size_bytes;
            usage.add_table(read_units(size_bytes, consistent));
            items.extend(item);
        }
        throttle::spend(context, &table.record, &usage, Kind::Read);
        answer.served |= throttled.is_none();
        answer.throttled = answer.throttled.take().or(throttled);
        answer
            .consumed
            .extend(usage.answer(return_capacity, &table.record, Shown::Plain));
        if !unprocessed.is_empty() {
            let wanted = KeysAndAttributes {
                keys: unprocessed,
                ..self.wanted
            };
            answer.unprocessed.insert(self.name.clone(), wanted);
        }
        answer.responses.insert(self.name, items);
        Ok(())
    }
}
