//! TransactWriteItems and TransactGetItems: all or nothing, in one transaction of the store.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>

use std::collections::{BTreeMap, HashSet};

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::{Key, Tx};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::api::{
    GetItemInput, ItemResponse, TransactGetItemsInput, TransactGetItemsOutput, TransactWriteItem,
    TransactWriteItemsInput, TransactWriteItemsOutput,
};
use super::capacity::{ConsumedCapacity, Shown, Usage, read_units};
use super::errors::{CancellationReason, transaction_cancelled, validation};
use super::get_item::Lookup;
use super::key::item_key;
use super::state::{CompletedTransaction, TRANSACTION_TOKEN_AGES, TRANSACTION_TOKENS};
use super::table::OpenTable;
use super::throttle::{self, Kind};
use super::value::{Item, item_size};
use super::write_item::{Decided, Write, WriteKind, carry_out, collection_metrics};

const TOKEN_LIFE_S: i64 = 600;
const TOTAL_MAX_BYTES: u64 = 4 << 20;

pub(super) struct Action {
    pub(super) table: OpenTable,
    pub(super) write: Write,
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub(super) fn transact_write_items(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TransactWriteItemsInput,
) -> Result<TransactWriteItemsOutput> {
    let content = input.transact_items.clone();
    let token = input.client_request_token.as_deref();
    let actions = prepare(tx, context, input.transact_items)?;
    let capacity = input.return_consumed_capacity.as_deref();
    let metrics = input.return_item_collection_metrics.as_deref();
    write_with_metrics(tx, context, &actions, token, &content, capacity, metrics)
}

/// Writes the actions of a transaction of statements; answers what they consumed.
pub(super) fn write(
    tx: &mut Tx<'_>,
    context: &Context,
    actions: &[Action],
    token: Option<&str>,
    content: &[Value],
    capacity: Option<&str>,
) -> Result<Option<Vec<ConsumedCapacity>>> {
    let answer = write_with_metrics(tx, context, actions, token, content, capacity, None)?;
    Ok(answer.consumed_capacity)
}

/// Decides and writes all actions, once for each token.
fn write_with_metrics(
    tx: &mut Tx<'_>,
    context: &Context,
    actions: &[Action],
    token: Option<&str>,
    content: &[Value],
    capacity: Option<&str>,
    metrics: Option<&str>,
) -> Result<TransactWriteItemsOutput> {
    let token = token
        .filter(|token| !token.is_empty())
        .map(|token| (token, content_hash(content)));
    if let Some((token, hash)) = &token
        && is_replay(tx, context, token, hash)?
    {
        return replayed(tx, actions, capacity);
    }
    let decided = decide_all(tx, context, actions)?;
    let mut answer = WriteAnswer::default();
    for (action, decided) in actions.iter().zip(&decided) {
        answer.carry_out(tx, context, action, decided, metrics)?;
    }
    if let Some((token, hash)) = token {
        remember(tx, context, token, hash)?;
    }
    Ok(TransactWriteItemsOutput {
        consumed_capacity: answer.usages.consumed(capacity, Shown::Write),
        item_collection_metrics: Some(answer.metrics).filter(|metrics| !metrics.is_empty()),
    })
}

/// The actions with their parameters checked and their tables open.
fn prepare(tx: &Tx<'_>, context: &Context, items: Vec<Value>) -> Result<Vec<Action>> {
    let mut writes = Vec::with_capacity(items.len());
    for item in items {
        writes.push(prepare_one(item)?);
    }
    let mut actions = Vec::with_capacity(writes.len());
    for (table, write) in writes {
        let table = OpenTable::open(tx, context, &table)?;
        actions.push(Action { table, write });
    }
    Ok(actions)
}

fn prepare_one(item: Value) -> Result<(String, Write)> {
    let item: TransactWriteItem = serde_json::from_value(item)
        .map_err(|error| Error::new("SerializationException", error.to_string()))?;
    let given = [
        (WriteKind::Check, item.condition_check),
        (WriteKind::Put, item.put),
        (WriteKind::Delete, item.delete),
        (WriteKind::Update, item.update),
    ];
    let mut given = given
        .into_iter()
        .filter_map(|(kind, input)| Some((kind, input?)));
    let (Some((kind, mut input)), None) = (given.next(), given.next()) else {
        return Err(validation(
            "TransactItems can only contain one of Check, Put, Update or Delete",
        ));
    };
    let write = Write::prepare(kind, &mut input)?;
    Ok((std::mem::take(&mut input.table_name), write))
}

/// Decides every action against the state before the transaction; one that fails cancels all.
fn decide_all(tx: &Tx<'_>, context: &Context, actions: &[Action]) -> Result<Vec<Decided>> {
    let keys: Vec<Result<Vec<u8>>> = actions
        .iter()
        .map(|action| action.write.check(&action.table))
        .collect();
    refuse_empty_keys(&keys)?;
    let mut seen = HashSet::new();
    if !keys.iter().flatten().all(|key| seen.insert(key)) {
        return Err(multiple_operations());
    }
    let outcomes: Vec<Result<Decided>> = actions
        .iter()
        .zip(keys)
        .map(|(action, key)| {
            throttle::admit(context, &action.table.record, None, Kind::Write)?;
            action.write.decide(tx, &action.table, key?)
        })
        .collect();
    let decided = all_or_cancelled(outcomes)?;
    let size = |item: &Option<Item>| item.as_ref().map_or(0, item_size);
    let total: u64 = decided
        .iter()
        .map(|decided| size(&decided.old).max(size(&decided.new)))
        .sum();
    if total > TOTAL_MAX_BYTES {
        return Err(validation(
            "Collective size of items in transaction exceeds the maximum allowed size: 4194304 bytes",
        ));
    }
    Ok(decided)
}

/// An empty key value fails the request as a whole, not its action.
fn refuse_empty_keys(keys: &[Result<Vec<u8>>]) -> Result<()> {
    let empty = |error: &&Error| {
        error
            .message
            .starts_with("One or more parameter values are not valid.")
    };
    match keys.iter().filter_map(|key| key.as_ref().err()).find(empty) {
        Some(error) => Err(error.clone()),
        None => Ok(()),
    }
}

fn multiple_operations() -> Error {
    validation("Transaction request cannot include multiple operations on one item")
}

/// All results, or the cancellation that names each action's part.
fn all_or_cancelled<T>(outcomes: Vec<Result<T>>) -> Result<Vec<T>> {
    if outcomes.iter().all(Result::is_ok) {
        return outcomes.into_iter().collect();
    }
    let mut reasons = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        match outcome {
            Ok(_) => reasons.push(CancellationReason::none()),
            Err(error) => reasons.push(CancellationReason::of(&error).ok_or(error)?),
        }
    }
    Err(transaction_cancelled(reasons))
}

/// What each table of a transaction consumed.
#[derive(Default)]
struct Usages(BTreeMap<String, (Usage, Option<OpenTable>)>);

impl Usages {
    fn of(&mut self, table: &OpenTable) -> &mut Usage {
        let entry = self.0.entry(table.record.name.clone()).or_default();
        entry.1.get_or_insert_with(|| table.clone());
        &mut entry.0
    }

    fn consumed(&self, wanted: Option<&str>, shown: Shown) -> Option<Vec<ConsumedCapacity>> {
        wanted.filter(|wanted| *wanted != "NONE")?;
        let answers = self
            .0
            .values()
            .filter_map(|(usage, table)| usage.answer(wanted, &table.as_ref()?.record, shown));
        Some(answers.collect())
    }
}

#[derive(Default)]
struct WriteAnswer {
    usages: Usages,
    metrics: BTreeMap<String, Vec<super::api::ItemCollectionMetrics>>,
}

impl WriteAnswer {
    fn carry_out(
        &mut self,
        tx: &mut Tx<'_>,
        context: &Context,
        action: &Action,
        decided: &Decided,
        metrics: Option<&str>,
    ) -> Result<()> {
        let cost = carry_out(tx, context, &action.table, decided)?;
        self.usages.of(&action.table).add_write(&cost, 2.0);
        let mut usage = Usage::default();
        usage.add_write(&cost, 2.0);
        throttle::spend(context, &action.table.record, &usage, Kind::Write);
        if action.write.kind == WriteKind::Check {
            return Ok(());
        }
        if let Some(one) = collection_metrics(tx, &action.table, metrics, &action.write.subject)? {
            self.metrics
                .entry(action.table.record.name.clone())
                .or_default()
                .push(one);
        }
        Ok(())
    }
}

/// A replay writes nothing and is billed as reads.
fn replayed(
    tx: &Tx<'_>,
    actions: &[Action],
    wanted: Option<&str>,
) -> Result<TransactWriteItemsOutput> {
    let mut usages = Usages::default();
    for action in actions {
        let key = item_key(&action.table.record, &action.write.subject)?;
        let size = action.table.get(tx, &key)?.as_ref().map_or(0, item_size);
        usages
            .of(&action.table)
            .add_table(2.0 * read_units(size, true));
    }
    Ok(TransactWriteItemsOutput {
        consumed_capacity: usages.consumed(wanted, Shown::Read),
        item_collection_metrics: None,
    })
}

/// A hash over the content in canonical form: the order of members does not count.
fn content_hash(items: &[Value]) -> Vec<u8> {
    let mut text = String::new();
    items
        .iter()
        .for_each(|item| write_canonical(item, &mut text));
    Sha256::digest(text).to_vec()
}

/// JSON was parsed with bounded depth, so the recursion is bounded too.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            out.push('{');
            for (name, value) in sorted {
                out.push_str(&Value::from(name.as_str()).to_string());
                write_canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            items.iter().for_each(|item| write_canonical(item, out));
            out.push(']');
        }
        scalar => {
            out.push_str(&scalar.to_string());
            out.push(' ');
        }
    }
}

fn token_key(context: &Context, token: &str) -> Key {
    Key::new()
        .text(&context.account)
        .text(&context.region)
        .text(token)
}

fn is_replay(tx: &Tx<'_>, context: &Context, token: &str, hash: &[u8]) -> Result<bool> {
    let completed: Option<CompletedTransaction> =
        tx.load(TRANSACTION_TOKENS, token_key(context, token))?;
    let Some(completed) =
        completed.filter(|completed| completed.completed.plus_s(TOKEN_LIFE_S) > context.now)
    else {
        return Ok(false);
    };
    if completed.content_hash != hash {
        return Err(Error::new(
            "IdempotentParameterMismatchException",
            "A transaction with the same client token but different parameters was already completed.",
        ));
    }
    Ok(true)
}

/// Keeps the token for ten minutes, and drops a few whose time is over.
fn remember(tx: &mut Tx<'_>, context: &Context, token: &str, content_hash: Vec<u8>) -> Result<()> {
    forget_old(tx, context)?;
    let key = token_key(context, token);
    tx.save(
        TRANSACTION_TOKENS,
        &key,
        &CompletedTransaction {
            content_hash,
            completed: context.now,
        },
    )?;
    let age = age_key(context.now.seconds()).bytes(key.as_slice());
    tx.put(TRANSACTION_TOKEN_AGES, age, Vec::new())?;
    Ok(())
}

fn age_key(second: i64) -> Key {
    Key::new().number(second.max(0).unsigned_abs())
}

fn forget_old(tx: &mut Tx<'_>, context: &Context) -> Result<()> {
    const FORGOTTEN_MAX: usize = 4;
    let end = age_key(context.now.seconds() - TOKEN_LIFE_S);
    let old: Result<Vec<_>, _> = tx
        .range(
            TRANSACTION_TOKEN_AGES,
            &[],
            Some(end.as_slice()),
            cumulet_kernel::store::Direction::Forward,
        )?
        .take(FORGOTTEN_MAX)
        .collect();
    for (key, _) in old? {
        let mut reader = cumulet_kernel::key::KeyReader::new(&key);
        reader.number();
        if let Some(token) = reader.bytes() {
            let completed: Option<CompletedTransaction> = tx.load(TRANSACTION_TOKENS, &token)?;
            // The token may have been used anew since.
            if completed
                .is_some_and(|completed| completed.completed.plus_s(TOKEN_LIFE_S) <= context.now)
            {
                tx.delete(TRANSACTION_TOKENS, &token)?;
            }
        }
        tx.delete(TRANSACTION_TOKEN_AGES, &key)?;
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactGetItems.html>
pub(super) fn transact_get_items(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TransactGetItemsInput,
) -> Result<TransactGetItemsOutput> {
    let mut lookups = Vec::with_capacity(input.transact_items.len());
    for mut item in input.transact_items {
        lookups.push((Lookup::new(&mut item.get)?, item.get));
    }
    let mut tables = Vec::with_capacity(lookups.len());
    for (_, get) in &lookups {
        let GetItemInput { table_name, .. } = get;
        tables.push(OpenTable::open(tx, context, table_name)?);
    }
    let mut seen = HashSet::new();
    let mut usages = Usages::default();
    let mut outcomes = Vec::with_capacity(lookups.len());
    for ((lookup, _), table) in lookups.iter().zip(&tables) {
        let outcome = throttle::admit(context, &table.record, None, Kind::Read)
            .and_then(|()| lookup.read(tx, table));
        if outcome.is_ok() && !seen.insert(item_key(&table.record, &lookup.key)?) {
            return Err(multiple_operations());
        }
        if let Ok((_, size_bytes)) = &outcome {
            let mut usage = Usage::default();
            usage.add_table(2.0 * read_units(*size_bytes, true));
            throttle::spend(context, &table.record, &usage, Kind::Read);
            usages
                .of(table)
                .add_table(2.0 * read_units(*size_bytes, true));
        }
        outcomes.push(outcome);
    }
    let items = all_or_cancelled(outcomes)?;
    if items.iter().map(|(_, size_bytes)| size_bytes).sum::<u64>() > TOTAL_MAX_BYTES {
        return Err(validation(
            "Collective size of items in transaction exceeds the maximum allowed size: 4194304 bytes",
        ));
    }
    Ok(TransactGetItemsOutput {
        responses: items
            .into_iter()
            .map(|(item, _)| ItemResponse { item })
            .collect(),
        consumed_capacity: usages.consumed(input.return_consumed_capacity.as_deref(), Shown::Read),
    })
}
