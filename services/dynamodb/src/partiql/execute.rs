//! Statements at work.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::{Reply, Request};
use cumulet_identity::iam;
use cumulet_kernel::Tx;
use cumulet_kernel::store::Direction;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::access::statement_access;
use super::super::api::{JsonItem, ReadPageInput};
use super::super::capacity::{Shown, Usage};
use super::super::errors::validation;
use super::super::expression::{Comparator, Condition, Operand, Path, Step};
use super::super::key::{rows_prefix, segment};
use super::super::key_condition::{KeyCondition, Rows};
use super::super::page::{Page, Source};
use super::super::request::item_value;
use super::super::state::KeySchema;
use super::super::table::OpenTable;
use super::super::throttle::{self, Kind};
use super::super::transact::{self, Action};
use super::super::value::{AttributeValue, Item, read_item};
use super::super::write_item::{Write, WriteKind, carry_out};
use super::{Select, Statement};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct StatementInput {
    statement: String,
    parameters: Option<Vec<Value>>,
    consistent_read: Option<bool>,
    next_token: Option<String>,
    return_consumed_capacity: Option<String>,
    limit: Option<u64>,
    return_values_on_condition_check_failure: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct StatementsInput {
    statements: Vec<StatementInput>,
    transact_statements: Vec<StatementInput>,
    client_request_token: Option<String>,
    return_consumed_capacity: Option<String>,
}

impl StatementInput {
    fn parse(&self) -> Result<Statement> {
        let parameters = self.parameters.clone().unwrap_or_default();
        let read = |value: Value| {
            let item = read_item(Map::from_iter([(String::new(), value)]))?;
            item.into_values()
                .next()
                .ok_or_else(|| validation("A parameter is empty"))
        };
        let parameters: Result<Vec<AttributeValue>> = parameters.into_iter().map(read).collect();
        Statement::parse(&self.statement, parameters?)
    }
}

/// Runs on a snapshot where all statements only read, alone otherwise.
async fn run<F>(engine: Engine, read: bool, work: F) -> Result<Reply>
where
    F: FnOnce(&mut Tx<'_>) -> Result<Value> + Send + 'static,
{
    let output = if read {
        engine.read(work)?
    } else {
        engine.write(work).await?
    };
    Ok(Reply {
        output,
        ..Reply::default()
    })
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ExecuteStatement.html>
pub(in super::super) fn execute_statement(
    engine: Engine,
    context: Context,
    mut request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let input: StatementInput = request.decode()?;
        let statement = input.parse()?;
        run(engine, statement.is_read(), move |tx| {
            authorise(tx, &context, &statement, None)?;
            execute(tx, &context, statement, &input)
        })
        .await
    })
}

fn authorise(
    tx: &Tx<'_>,
    context: &Context,
    statement: &Statement,
    enclosing: Option<&str>,
) -> Result<()> {
    let (action, index, condition) = match statement {
        Statement::Select(select) => (
            "PartiQLSelect",
            select.index.as_deref(),
            select.condition.as_ref(),
        ),
        Statement::Insert { .. } => ("PartiQLInsert", None, None),
        Statement::Update { condition, .. } => ("PartiQLUpdate", None, condition.as_ref()),
        Statement::Delete { condition, .. } => ("PartiQLDelete", None, condition.as_ref()),
    };
    let inserted = match statement {
        Statement::Insert { item, .. } => Some(item),
        _ => None,
    };
    let find = |name: &str| match inserted {
        Some(item) => item.get(name).cloned(),
        None => equal_value(condition, name).cloned(),
    };
    let mut access = statement_access(tx, context, action, statement.table(), index, find)?;
    if let Some(enclosing) = enclosing {
        access = access.condition("dynamodb:EnclosingOperation", enclosing);
    }
    iam::authorise(tx, context, &[access])
}

fn execute(
    tx: &mut Tx<'_>,
    context: &Context,
    statement: Statement,
    input: &StatementInput,
) -> Result<Value> {
    match statement {
        Statement::Select(select) => read(tx, context, &select, input),
        statement => {
            let returning = returning(&statement);
            let action = action(tx, context, statement, input)?;
            let key = action.write.check(&action.table)?;
            throttle::admit(context, &action.table.record, None, Kind::Write)?;
            let decided = action.write.decide(tx, &action.table, key)?;
            let cost = carry_out(tx, context, &action.table, &decided)?;
            let mut usage = Usage::default();
            usage.add_write(&cost, 1.0);
            throttle::spend(context, &action.table.record, &usage, Kind::Write);
            let returned = action.write.returned(returning, &decided);
            let items: Vec<Item> = returned.into_iter().collect();
            let wanted = input.return_consumed_capacity.as_deref();
            answer(
                &items,
                usage.answer(wanted, &action.table.record, Shown::Plain),
            )
        }
    }
}

fn answer<C: serde::Serialize>(items: &[Item], consumed: Option<C>) -> Result<Value> {
    let items: Vec<Value> = items.iter().map(item_value).collect::<Result<_>>()?;
    let mut answer = json!({"Items": items});
    if let Some(consumed) = consumed {
        answer["ConsumedCapacity"] =
            serde_json::to_value(consumed).map_err(|error| Error::internal(error.to_string()))?;
    }
    Ok(answer)
}

fn returning(statement: &Statement) -> Option<&'static str> {
    match statement {
        Statement::Update { returning, .. } | Statement::Delete { returning, .. } => *returning,
        _ => None,
    }
}

/// The conjuncts of a condition.
fn conjuncts(condition: Option<Condition>) -> Vec<Condition> {
    match condition {
        None => Vec::new(),
        Some(Condition::All(conditions)) => conditions
            .into_iter()
            .flat_map(|condition| conjuncts(Some(condition)))
            .collect(),
        Some(condition) => vec![condition],
    }
}

/// The value that a conjunct says this attribute equals.
fn equality<'a>(condition: &'a Condition, name: &str) -> Option<&'a AttributeValue> {
    let Condition::Compare(Comparator::Equal, left, right) = condition else {
        return None;
    };
    match (left, right) {
        (Operand::Path(path), Operand::Value(value))
        | (Operand::Value(value), Operand::Path(path))
            if path.root == name && path.steps.is_empty() =>
        {
            Some(value)
        }
        _ => None,
    }
}

fn equal_value<'a>(condition: Option<&'a Condition>, name: &str) -> Option<&'a AttributeValue> {
    match condition? {
        Condition::All(conditions) => conditions
            .iter()
            .find_map(|condition| equal_value(Some(condition), name)),
        condition => equality(condition, name),
    }
}

/// A write as the item operations know it.
fn action(
    tx: &Tx<'_>,
    context: &Context,
    statement: Statement,
    input: &StatementInput,
) -> Result<Action> {
    let table = OpenTable::open(tx, context, statement.table())?;
    let keys = table.record.keys.clone();
    let exists = || keys.hash.first().map(|name| Path::attribute(name));
    let write = match statement {
        Statement::Insert { item, .. } => Write::statement(
            WriteKind::Put,
            item,
            None,
            exists().map(Condition::NotExists),
            None,
        )?,
        Statement::Update {
            update, condition, ..
        } => {
            let (key, rest) = split_key(condition, &keys)?;
            let mut conditions: Vec<Condition> =
                exists().map(Condition::Exists).into_iter().collect();
            conditions.extend(rest);
            let on_failure = input.return_values_on_condition_check_failure.clone();
            Write::statement(
                WriteKind::Update,
                key,
                Some(update),
                Some(Condition::All(conditions)),
                on_failure,
            )?
        }
        Statement::Delete {
            condition,
            returning,
            ..
        } => {
            if returning.is_some_and(|returning| returning != "ALL_OLD") {
                return Err(validation(
                    "Returning clause can only be ALL OLD * for DELETE statements",
                ));
            }
            let (key, rest) = split_key(condition, &keys)?;
            let condition = (!rest.is_empty()).then_some(Condition::All(rest));
            let on_failure = input.return_values_on_condition_check_failure.clone();
            Write::statement(WriteKind::Delete, key, None, condition, on_failure)?
        }
        Statement::Select(_) => return Err(validation("A write statement was expected")),
    };
    Ok(Action { table, write })
}

/// The whole key out of the WHERE clause, and what else it asks.
fn split_key(condition: Option<Condition>, keys: &KeySchema) -> Result<(Item, Vec<Condition>)> {
    let mut key = Item::new();
    let mut rest = Vec::new();
    for condition in conjuncts(condition) {
        let found = keys
            .names()
            .find_map(|name| Some((name.clone(), equality(&condition, name)?.clone())));
        match found {
            Some((name, value)) if !key.contains_key(&name) => drop(key.insert(name, value)),
            _ => rest.push(condition),
        }
    }
    if key.len() < keys.names().count() {
        return Err(validation(
            "Where clause does not contain a mandatory equality on all key attributes",
        ));
    }
    Ok((key, rest))
}

/// SELECT: a query where the partition key is given, a scan otherwise; the whole WHERE clause filters.
fn read(
    tx: &mut Tx<'_>,
    context: &Context,
    select: &Select,
    input: &StatementInput,
) -> Result<Value> {
    let table = OpenTable::open(tx, context, &select.table)?;
    let source = Source::new(&table, select.index.as_deref())
        .map_err(|error| unnamed_index(error, select.index.as_deref()))?;
    if source.is_global() && input.consistent_read == Some(true) {
        return Err(validation(
            "Strongly consistent read is not supported on Global Secondary Indexes",
        ));
    }
    let prefix = rows_prefix(&table.record, source.number());
    let rows = rows(select.condition.as_ref(), &table, source.keys(), prefix)?;
    let start = input
        .next_token
        .as_deref()
        .map(|token| read_token(token, &source))
        .transpose()?;
    let direction = if select.backward {
        Direction::Backward
    } else {
        Direction::Forward
    };
    let page = Page {
        rows,
        start,
        direction,
        filter: select.condition.clone(),
        projection: None,
    };
    let limits = ReadPageInput {
        limit: input.limit,
        consistent_read: input.consistent_read,
        return_consumed_capacity: input.return_consumed_capacity.clone(),
        ..ReadPageInput::default()
    };
    let found = page.read(tx, context, &source, &limits)?;
    let items = found.items.unwrap_or_default();
    let items: Vec<Item> = match &select.paths {
        None => items,
        Some(paths) => items.iter().map(|item| flattened(paths, item)).collect(),
    };
    let mut answer = answer(&items, found.consumed_capacity)?;
    if let Some(last) = &found.last_evaluated_key {
        answer["NextToken"] = STANDARD.encode(item_value(last)?.to_string()).into();
    }
    Ok(answer)
}

fn unnamed_index(error: Error, index: Option<&str>) -> Error {
    let suffix = index.map_or(String::new(), |index| format!(": {index}"));
    Error {
        message: error.message.trim_end_matches(&suffix).to_owned(),
        ..error
    }
}

fn read_token(token: &str, source: &Source<'_>) -> Result<Vec<u8>> {
    let broken = || validation("Invalid NextToken");
    let bytes = STANDARD.decode(token).map_err(|_| broken())?;
    let key: JsonItem = serde_json::from_slice(&bytes).map_err(|_| broken())?;
    source.start(key, "Invalid NextToken")
}

/// The rows that can hold: of one partition, narrowed by the sort key, where the clause says so.
fn rows(
    condition: Option<&Condition>,
    table: &OpenTable,
    keys: &KeySchema,
    prefix: Vec<u8>,
) -> Result<Rows> {
    let conjuncts = conjuncts(condition.cloned());
    let of_hash: Vec<Condition> = keys
        .hash
        .iter()
        .filter_map(|name| {
            conjuncts
                .iter()
                .find(|condition| equality(condition, name).is_some())
                .cloned()
        })
        .map(path_first)
        .collect();
    if of_hash.len() < keys.hash.len() {
        let (from, to) = segment(&prefix, 0, 1);
        return Ok(Rows {
            partition: prefix,
            from,
            to,
        });
    }
    let of_sort = keys
        .range
        .first()
        .and_then(|name| conjuncts.iter().find(|condition| tests(condition, name)));
    let whole: Vec<Condition> = of_hash.iter().cloned().chain(of_sort.cloned()).collect();
    let narrow = KeyCondition::new(Condition::All(whole))
        .and_then(|all| all.rows(&table.record, keys, prefix.clone()));
    match narrow {
        Ok(rows) => Ok(rows),
        // A sort condition of another type than the key's matches nothing, which the filter finds out.
        Err(_) if of_sort.is_some() => {
            KeyCondition::new(Condition::All(of_hash))?.rows(&table.record, keys, prefix)
        }
        Err(error) => Err(error),
    }
}

/// `'x' = pk` as `pk = 'x'`.
fn path_first(condition: Condition) -> Condition {
    match condition {
        Condition::Compare(Comparator::Equal, value @ Operand::Value(_), path) => {
            Condition::Compare(Comparator::Equal, path, value)
        }
        condition => condition,
    }
}

/// Whether a conjunct narrows the range of this key attribute.
fn tests(condition: &Condition, name: &str) -> bool {
    let of = |operand: &Operand| matches!(operand, Operand::Path(path) if path.root == name && path.steps.is_empty());
    let constant = |operand: &Operand| matches!(operand, Operand::Value(_));
    match condition {
        Condition::Compare(comparator, left, right) => {
            *comparator != Comparator::NotEqual && of(left) && constant(right)
        }
        Condition::Between(value, low, high) => of(value) && constant(low) && constant(high),
        Condition::BeginsWith(value, beginning) => of(value) && constant(beginning),
        _ => false,
    }
}

/// Selected paths stand side by side, each under its last name.
fn flattened(paths: &[Path], item: &Item) -> Item {
    let name = |path: &Path| {
        let named = path.steps.iter().rev().find_map(|step| match step {
            Step::Attribute(name) => Some(name.clone()),
            Step::Element(_) => None,
        });
        named.unwrap_or_else(|| path.root.clone())
    };
    paths
        .iter()
        .filter_map(|path| Some((name(path), path.find(item)?.clone())))
        .collect()
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html>
pub(in super::super) fn batch_execute_statement(
    engine: Engine,
    context: Context,
    mut request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let input: StatementsInput = request.decode()?;
        let parsed: Vec<Result<Statement>> =
            input.statements.iter().map(StatementInput::parse).collect();
        let reads = all_alike(parsed.iter().flatten(), "BatchExecuteStatement")?;
        run(engine, reads, move |tx| {
            let mut responses = Vec::with_capacity(parsed.len());
            for (statement, input) in parsed.into_iter().zip(&input.statements) {
                responses.push(batch_member(tx, &context, statement, input));
            }
            Ok(json!({"Responses": responses}))
        })
        .await
    })
}

/// Whether all statements read; refused where some do and some do not.
fn all_alike<'a>(statements: impl Iterator<Item = &'a Statement>, operation: &str) -> Result<bool> {
    let kinds: HashSet<bool> = statements.map(Statement::is_read).collect();
    if kinds.len() > 1 {
        return Err(validation(format!(
            "{operation} must be either all reads or all writes"
        )));
    }
    Ok(!kinds.contains(&false))
}

/// One statement's answer in a batch; its refusal is its own.
fn batch_member(
    tx: &mut Tx<'_>,
    context: &Context,
    statement: Result<Statement>,
    input: &StatementInput,
) -> Value {
    let table = statement
        .as_ref()
        .ok()
        .map(|statement| statement.table().to_owned());
    let outcome = statement.and_then(|statement| {
        authorise(tx, context, &statement, Some("BatchExecuteStatement"))?;
        if let Statement::Select(select) = &statement {
            check_whole_key(tx, context, select)?;
        }
        execute(tx, context, statement, input)
    });
    let mut member = match outcome {
        Ok(answer) => match answer["Items"].get(0) {
            Some(item) => json!({"Item": item}),
            None => json!({}),
        },
        Err(error) => {
            let code = match error.code.as_ref() {
                "ValidationException" => "ValidationError",
                code => code.strip_suffix("Exception").unwrap_or(code),
            };
            let mut refusal = json!({"Code": code, "Message": error.message});
            if let Some(item) = error.members.get("Item") {
                refusal["Item"] = item.clone();
            }
            json!({"Error": refusal})
        }
    };
    if let Some(table) = table {
        member["TableName"] = table.into();
    }
    member
}

/// Batches and transactions read single items.
fn check_whole_key(tx: &Tx<'_>, context: &Context, select: &Select) -> Result<()> {
    let table = OpenTable::open(tx, context, &select.table)?;
    let whole = table
        .record
        .keys
        .names()
        .all(|name| equal_value(select.condition.as_ref(), name).is_some());
    if whole && select.index.is_none() {
        return Ok(());
    }
    Err(validation(
        "Select statements within BatchExecuteStatement must specify the primary key in the where clause.",
    ))
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ExecuteTransaction.html>
pub(in super::super) fn execute_transaction(
    engine: Engine,
    context: Context,
    mut request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let content = request
            .input
            .get("TransactStatements")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let input: StatementsInput = request.decode()?;
        let parsed: Result<Vec<Statement>> = input
            .transact_statements
            .iter()
            .map(StatementInput::parse)
            .collect();
        let parsed = parsed?;
        if parsed
            .iter()
            .any(|statement| returning(statement).is_some())
        {
            return Err(validation(
                "RETURNING clause is not supported in ExecuteTransaction",
            ));
        }
        let reads = all_alike(parsed.iter(), "ExecuteTransaction")?;
        run(engine, reads, move |tx| {
            for statement in &parsed {
                authorise(tx, &context, statement, Some("ExecuteTransaction"))?;
            }
            if reads {
                read_all(tx, &context, parsed, &input)
            } else {
                write_all(tx, &context, parsed, &input, &content)
            }
        })
        .await
    })
}

fn read_all(
    tx: &mut Tx<'_>,
    context: &Context,
    statements: Vec<Statement>,
    input: &StatementsInput,
) -> Result<Value> {
    let mut responses = Vec::with_capacity(statements.len());
    for (statement, input) in statements.into_iter().zip(&input.transact_statements) {
        let Statement::Select(select) = &statement else {
            continue;
        };
        check_whole_key(tx, context, select)?;
        let answer = read(tx, context, select, input)?;
        responses.push(match answer["Items"].get(0) {
            Some(item) => json!({"Item": item}),
            None => json!({}),
        });
    }
    Ok(json!({"Responses": responses}))
}

fn write_all(
    tx: &mut Tx<'_>,
    context: &Context,
    statements: Vec<Statement>,
    input: &StatementsInput,
    content: &[Value],
) -> Result<Value> {
    let count = statements.len();
    let mut actions = Vec::with_capacity(count);
    for (statement, input) in statements.into_iter().zip(&input.transact_statements) {
        actions.push(action(tx, context, statement, input)?);
    }
    let token = input.client_request_token.as_deref();
    let consumed = transact::write(
        tx,
        context,
        &actions,
        token,
        content,
        input.return_consumed_capacity.as_deref(),
    )?;
    let responses: Vec<Value> = (0..count).map(|_| json!({})).collect();
    let mut answer = json!({"Responses": responses});
    if let Some(consumed) = consumed {
        answer["ConsumedCapacity"] =
            serde_json::to_value(consumed).map_err(|error| Error::internal(error.to_string()))?;
    }
    Ok(answer)
}
