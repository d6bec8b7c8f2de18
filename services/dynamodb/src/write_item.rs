//! PutItem, UpdateItem, DeleteItem: one way for all writes, alone, in batches and in transactions.
//!
//! A write is prepared from its parameters before any table is looked at, checked against the table,
//! decided against the item that is there, and only then carried out.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::api::{ItemCollectionMetrics, WriteItemInput, WriteItemOutput};
use super::capacity::{Shown, Usage};
use super::errors::{duplicate_item, invalid_parameter, validation};
use super::expression::{self, Condition, Placeholders, Update};
use super::items::{WriteCost, Writer, collection_size};
use super::key::{check_index_keys, check_item, check_key, item_key, key_of};
use super::legacy;
use super::request::{check_combination, check_condition, write_condition};
use super::table::OpenTable;
use super::throttle::{self, Kind};
use super::value::{Item, item_size, read_item};

pub(super) const ITEM_MAX_BYTES: u64 = 409_600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteKind {
    Put,
    Update,
    Delete,
    /// ConditionCheck: writes nothing.
    Check,
}

/// A write whose parameters are in order.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) kind: WriteKind,
    /// The item of a put, the key of anything else.
    pub(super) subject: Item,
    update: Update,
    pub(super) condition: Option<Condition>,
    pub(super) return_on_failure: Option<String>,
    /// An INSERT: an item that is there is a duplicate, not a failed condition.
    insert: bool,
}

/// What a write does to the item that is there.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) key: Vec<u8>,
    pub(super) old: Option<Item>,
    pub(super) new: Option<Item>,
}

impl Write {
    pub(super) fn prepare(kind: WriteKind, input: &mut WriteItemInput) -> Result<Self> {
        let subject = if kind == WriteKind::Put {
            &mut input.item
        } else {
            &mut input.key
        };
        let subject = read_item(std::mem::take(subject))?;
        check_size(kind, &subject)?;
        check_parameters(kind, input)?;
        let names = input.expression_attribute_names.take();
        let mut placeholders = Placeholders::new(names, input.expression_attribute_values.take())?;
        let update = match (
            input.update_expression.as_deref(),
            input.attribute_updates.take(),
        ) {
            (Some(text), _) => expression::update(text, &mut placeholders)?,
            (None, Some(updates)) => legacy::updates(updates)?,
            (None, None) => Update::default(),
        };
        let condition = write_condition(input, &mut placeholders)?;
        placeholders.refuse_unused()?;
        let return_on_failure = input.return_values_on_condition_check_failure.take();
        Ok(Self {
            kind,
            subject,
            update,
            condition,
            return_on_failure,
            insert: false,
        })
    }

    /// A write without conditions, of a batch.
    pub(super) fn plain(kind: WriteKind, subject: Item) -> Result<Self> {
        check_size(kind, &subject)?;
        Ok(Self {
            kind,
            subject,
            update: Update::default(),
            condition: None,
            return_on_failure: None,
            insert: false,
        })
    }

    /// A write that a statement spells.
    pub(super) fn statement(
        kind: WriteKind,
        subject: Item,
        update: Option<Update>,
        condition: Option<Condition>,
        return_on_failure: Option<String>,
    ) -> Result<Self> {
        check_size(kind, &subject)?;
        let update = update.unwrap_or_default();
        let insert = kind == WriteKind::Put;
        Ok(Self {
            kind,
            subject,
            update,
            condition,
            return_on_failure,
            insert,
        })
    }

    /// Checks the write against the table's schema; answers the item's store key.
    pub(super) fn check(&self, table: &OpenTable) -> Result<Vec<u8>> {
        if self.kind == WriteKind::Put {
            check_item(&table.record, &self.subject)?;
        } else {
            check_key(&table.record, &self.subject)?;
        }
        let changed = self.update.paths().into_iter().map(|path| &path.root);
        if let Some(name) = changed
            .into_iter()
            .find(|name| table.record.keys.contains(name))
        {
            return Err(invalid_parameter(format!(
                "Cannot update attribute {name}. This attribute is part of the key"
            )));
        }
        item_key(&table.record, &self.subject)
    }

    /// What the write makes of the item that is there, if the condition holds of it.
    pub(super) fn decide(&self, tx: &Tx<'_>, table: &OpenTable, key: Vec<u8>) -> Result<Decided> {
        let old = table.get(tx, &key)?;
        let on_failure = self.return_on_failure.as_deref();
        check_condition(self.condition.as_ref(), old.as_ref(), on_failure)
            .map_err(|error| if self.insert { duplicate_item() } else { error })?;
        let new = match self.kind {
            WriteKind::Put => Some(self.subject.clone()),
            WriteKind::Delete => None,
            WriteKind::Check => old.clone(),
            WriteKind::Update => self.updated(table, old.as_ref())?,
        };
        Ok(Decided { key, old, new })
    }

    fn updated(&self, table: &OpenTable, old: Option<&Item>) -> Result<Option<Item>> {
        if old.is_none() && !self.update.creates() {
            return Ok(None);
        }
        let new = self.update.apply(old.unwrap_or(&self.subject))?;
        check_index_keys(&table.record, &new).map_err(updated_index_key)?;
        if item_size(&new) > ITEM_MAX_BYTES {
            return Err(validation(
                "Item size to update has exceeded the maximum allowed size",
            ));
        }
        Ok(Some(new))
    }

    /// The `Attributes` of the answer.
    pub(super) fn returned(&self, wanted: Option<&str>, decided: &Decided) -> Option<Item> {
        let (old, new) = (decided.old.as_ref(), decided.new.as_ref());
        let touched = |item: Option<&Item>| {
            item.map(|item| self.update.touched(item))
                .filter(|item| !item.is_empty())
        };
        match wanted? {
            "ALL_OLD" => old.cloned(),
            "ALL_NEW" => new.cloned(),
            "UPDATED_OLD" => touched(old),
            "UPDATED_NEW" => touched(new),
            _ => None,
        }
    }
}

/// The size of a put is known before any table is looked at.
fn check_size(kind: WriteKind, subject: &Item) -> Result<()> {
    if kind == WriteKind::Put && item_size(subject) > ITEM_MAX_BYTES {
        return Err(validation(
            "Item size has exceeded the maximum allowed size",
        ));
    }
    Ok(())
}

/// UpdateItem words the faults of index keys in its own way.
fn updated_index_key(error: Error) -> Error {
    if error.message.contains("Type mismatch for Index Key") {
        return invalid_parameter(
            "The update expression attempted to update the secondary index key to unsupported type",
        );
    }
    error
}

fn check_parameters(kind: WriteKind, input: &WriteItemInput) -> Result<()> {
    let update = kind == WriteKind::Update;
    let mut older = vec![
        ("Expected", input.expected.is_some()),
        ("ConditionalOperator", input.conditional_operator.is_some()),
    ];
    let mut expressions = vec![("ConditionExpression", input.condition_expression.is_some())];
    if update {
        older.insert(0, ("AttributeUpdates", input.attribute_updates.is_some()));
        expressions.insert(0, ("UpdateExpression", input.update_expression.is_some()));
    }
    let values = Some(input.expression_attribute_values.is_some());
    check_combination(
        &older,
        &expressions,
        input.expression_attribute_names.is_some(),
        values,
    )?;
    let returnable = update
        || matches!(
            input.return_values.as_deref(),
            None | Some("NONE" | "ALL_OLD")
        );
    if !returnable {
        return Err(validation("ReturnValues can only be ALL_OLD or NONE"));
    }
    Ok(())
}

/// `ItemCollectionMetrics`: only asked for, and only of tables with local indexes.
pub(super) fn collection_metrics(
    tx: &Tx<'_>,
    table: &OpenTable,
    wanted: Option<&str>,
    subject: &Item,
) -> Result<Option<ItemCollectionMetrics>> {
    if wanted != Some("SIZE") || !table.record.has_local_index() {
        return Ok(None);
    }
    let whole_gb = collection_size(tx, table, subject)? >> 30;
    let low = super::capacity::units(whole_gb);
    let hash_only = super::state::KeySchema {
        hash: table.record.keys.hash.clone(),
        range: Vec::new(),
    };
    Ok(Some(ItemCollectionMetrics {
        item_collection_key: key_of(&hash_only, subject),
        size_estimate_range_gb: [low, low + 1.0],
    }))
}

fn write_item(
    tx: &mut Tx<'_>,
    context: &Context,
    kind: WriteKind,
    mut input: WriteItemInput,
) -> Result<WriteItemOutput> {
    let write = Write::prepare(kind, &mut input)?;
    let table = OpenTable::open(tx, context, &input.table_name)?;
    let key = write.check(&table)?;
    throttle::admit(context, &table.record, None, Kind::Write)?;
    let decided = write.decide(tx, &table, key)?;
    let cost = carry_out(tx, context, &table, &decided)?;
    let mut usage = Usage::default();
    usage.add_write(&cost, 1.0);
    throttle::spend(context, &table.record, &usage, Kind::Write);
    Ok(WriteItemOutput {
        attributes: write.returned(input.return_values.as_deref(), &decided),
        consumed_capacity: usage.answer(
            input.return_consumed_capacity.as_deref(),
            &table.record,
            Shown::Plain,
        ),
        item_collection_metrics: collection_metrics(
            tx,
            &table,
            input.return_item_collection_metrics.as_deref(),
            &write.subject,
        )?,
    })
}

/// Writes what was decided.
pub(super) fn carry_out(
    tx: &mut Tx<'_>,
    context: &Context,
    table: &OpenTable,
    decided: &Decided,
) -> Result<WriteCost> {
    table.change(
        tx,
        context,
        &decided.key,
        decided.old.as_ref(),
        decided.new.as_ref(),
        Writer::Caller,
    )
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html>
pub(super) fn put_item(
    tx: &mut Tx<'_>,
    context: &Context,
    input: WriteItemInput,
) -> Result<WriteItemOutput> {
    write_item(tx, context, WriteKind::Put, input)
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html>
pub(super) fn update_item(
    tx: &mut Tx<'_>,
    context: &Context,
    input: WriteItemInput,
) -> Result<WriteItemOutput> {
    write_item(tx, context, WriteKind::Update, input)
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteItem.html>
pub(super) fn delete_item(
    tx: &mut Tx<'_>,
    context: &Context,
    input: WriteItemInput,
) -> Result<WriteItemOutput> {
    write_item(tx, context, WriteKind::Delete, input)
}
