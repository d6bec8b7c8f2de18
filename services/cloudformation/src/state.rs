//! What is kept of stacks: the on-disk format, and how it is found.

use std::collections::BTreeMap;

use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, Principal};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Key, Table, Timestamp, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::template::Template;

/// Stacks by id, deleted ones too.
const STACKS: Table = Table::new(1400, "cloudformation.stacks");
/// The living stack of a name.
const STACK_NAMES: Table = Table::new(1401, "cloudformation.stack_names");
const RESOURCES: Table = Table::new(1402, "cloudformation.resources");
const REMOVALS: Table = Table::new(1403, "cloudformation.removals");
const EVENTS: Table = Table::new(1404, "cloudformation.events");
const OPERATIONS: Table = Table::new(1405, "cloudformation.operations");
const CHANGE_SETS: Table = Table::new(1406, "cloudformation.change_sets");
/// Where a change set's ARN leads: the key of its record.
const CHANGE_SET_IDS: Table = Table::new(1407, "cloudformation.change_set_ids");
const EXPORTS: Table = Table::new(1408, "cloudformation.exports");
const IMPORTS: Table = Table::new(1409, "cloudformation.imports");
/// Answers that custom resources are to give, by token.
const ANSWERS: Table = Table::new(1410, "cloudformation.answers");
/// Wait conditions' handles, by token.
const HANDLES: Table = Table::new(1411, "cloudformation.handles");
/// Container repositories by account, region and name.
const REPOSITORIES: Table = Table::new(1412, "cloudformation.repositories");
/// Templates of nested stacks, fetched and not yet used, by stack and logical id.
const NESTED_TEMPLATES: Table = Table::new(1414, "cloudformation.nested_templates");
/// What a drift detection found, by its id.
const DRIFT_DETECTIONS: Table = Table::new(1413, "cloudformation.drift_detections");

pub(super) const TABLES: &[Table] = &[
    STACKS,
    STACK_NAMES,
    RESOURCES,
    REMOVALS,
    EVENTS,
    OPERATIONS,
    CHANGE_SETS,
    CHANGE_SET_IDS,
    EXPORTS,
    IMPORTS,
    ANSWERS,
    HANDLES,
    REPOSITORIES,
    DRIFT_DETECTIONS,
    NESTED_TEMPLATES,
];

/// A parameter of a stack with its value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StackParameter {
    pub(crate) key: String,
    pub(crate) kind: String,
    pub(crate) value: String,
    /// What Parameter Store had under the name in `value`.
    pub(crate) resolved_value: Option<String>,
    pub(crate) no_echo: bool,
}

/// What a caller asks a stack to be: the template and all that goes with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) template_body: String,
    /// The template after its transforms, where it has any.
    #[serde(default)]
    pub(crate) processed_body: Option<String>,
    /// What the template includes, by location.
    #[serde(default)]
    pub(crate) snippets: BTreeMap<String, String>,
    pub(crate) parameters: Vec<StackParameter>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) capabilities: Vec<String>,
    pub(crate) notification_arns: Vec<String>,
    pub(crate) role_arn: Option<String>,
    pub(crate) rollback_configuration: Option<Value>,
}

impl Settings {
    /// The template that is deployed.
    pub(crate) fn template(&self) -> Result<Template> {
        Template::parse(self.processed_body.as_ref().unwrap_or(&self.template_body))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Output {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) description: Option<String>,
    pub(crate) export_name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stack {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) status: String,
    pub(crate) status_reason: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Option<Timestamp>,
    pub(crate) deleted: Option<Timestamp>,
    pub(crate) description: Option<String>,
    pub(crate) settings: Settings,
    pub(crate) outputs: Vec<Output>,
    pub(crate) disable_rollback: bool,
    pub(crate) termination_protection: bool,
    pub(crate) retain_except_on_create: bool,
    pub(crate) deployment_config: Option<Value>,
    pub(crate) policy: Option<String>,
    pub(crate) change_set_id: Option<String>,
    /// The operation that has the stack in hand, or had it last.
    pub(crate) operation_id: Option<String>,
    /// What was asked last, the newest first: type and id.
    pub(crate) last_operations: Vec<(String, String)>,
    pub(crate) deletion_mode: Option<String>,
    /// The stack that this one is a resource of, and the outermost one.
    #[serde(default)]
    pub(crate) parent_id: Option<String>,
    #[serde(default)]
    pub(crate) root_id: Option<String>,
}

/// A resource as it stands in its service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deployed {
    pub(crate) kind: String,
    pub(crate) physical_id: String,
    pub(crate) properties: Value,
    pub(crate) attributes: Map<String, Value>,
    /// The stack's tags that it was given.
    pub(crate) stack_tags: Vec<(String, String)>,
    pub(crate) dependencies: Vec<String>,
    pub(crate) metadata: Option<Value>,
    pub(crate) deletion_policy: Option<String>,
    pub(crate) update_replace_policy: Option<String>,
}

/// How far an operation is with one resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum Progress {
    #[default]
    Open,
    /// Announced; what takes time outside the transaction is being fetched.
    Begun,
    /// The service has begun; asked again at `poll_at`.
    Waiting {
        poll_at: Timestamp,
        since: Timestamp,
        journal: Value,
    },
    Done,
    Failed,
    Cancelled,
}

/// What an operation does to one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Work {
    #[default]
    Keep,
    Create,
    Update,
    Replace,
}

/// A resource of a stack, with the journal of the operation that touched it last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Resource {
    pub(crate) logical_id: String,
    pub(crate) kind: String,
    /// Absent while (or after) there is none.
    pub(crate) now: Option<Deployed>,
    /// As it was when the stack was last stable: what a rollback restores. Absent where it is new.
    pub(crate) before: Option<Deployed>,
    /// Changed since the stack was last stable.
    pub(crate) touched: bool,
    pub(crate) status: String,
    pub(crate) status_reason: Option<String>,
    pub(crate) timestamp: Timestamp,
    pub(crate) physical_id: Option<String>,
    /// Whose progress this is; that of another operation counts as open.
    pub(crate) operation_id: String,
    pub(crate) phase: Phase,
    pub(crate) work: Work,
    pub(crate) progress: Progress,
}

/// A resource that is to go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Removal {
    pub(crate) number: u64,
    pub(crate) logical_id: String,
    /// Absent where nothing was ever made: it is only taken off the list.
    pub(crate) deployed: Option<Deployed>,
    pub(crate) kind: String,
    /// By its policy, or because the caller says so.
    pub(crate) retain: bool,
    /// The resource's row goes with it; else it is the old part of a replacement.
    pub(crate) whole: bool,
    pub(crate) progress: Progress,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Resources are created and updated, dependencies first.
    #[default]
    Apply,
    /// Resources that an update touched are put back.
    Restore,
    /// Resources are deleted, dependents first.
    Remove,
    Over,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OperationKind {
    #[default]
    Create,
    Update,
    Delete,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OnFailure {
    #[default]
    Rollback,
    Delete,
    DoNothing,
}

/// An operation on a stack: its order, and the journal of how far it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StackOperation {
    pub(crate) id: String,
    pub(crate) stack_id: String,
    pub(crate) kind: OperationKind,
    pub(crate) phase: Phase,
    /// Once true, the way leads back.
    pub(crate) rolling_back: bool,
    /// In whose name resources are touched where the stack has no role.
    pub(crate) principal: Principal,
    pub(crate) client_request_token: Option<String>,
    pub(crate) settings: Settings,
    pub(crate) on_failure: OnFailure,
    pub(crate) retain_except_on_create: bool,
    pub(crate) cancelled: bool,
    /// Set where an update cannot keep what it made: outputs or exports failed.
    pub(crate) failure: Option<String>,
    pub(crate) skipped: Vec<String>,
    pub(crate) started: Timestamp,
    /// A nested stack's update waits here for its parent before it cleans up.
    #[serde(default)]
    pub(crate) held: bool,
    /// What the stack was before this update, for a parent that goes back after all.
    #[serde(default)]
    pub(crate) previous: Option<Previous>,
}

/// A stack's settings and outputs before an update.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Previous {
    pub(crate) settings: Settings,
    pub(crate) outputs: Vec<Output>,
    pub(crate) description: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct StackEvent {
    pub(crate) id: String,
    pub(crate) logical_id: String,
    pub(crate) physical_id: String,
    pub(crate) kind: String,
    pub(crate) timestamp: Timestamp,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) properties: Option<String>,
    pub(crate) client_request_token: Option<String>,
    pub(crate) operation_id: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ChangeSet {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) stack_id: String,
    pub(crate) stack_name: String,
    pub(crate) description: Option<String>,
    /// CREATE or UPDATE.
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) status_reason: Option<String>,
    pub(crate) execution_status: String,
    pub(crate) created: Timestamp,
    pub(crate) settings: Settings,
    /// Members of `Changes`, with property values.
    pub(crate) changes: Vec<Value>,
    pub(crate) on_stack_failure: Option<String>,
    pub(crate) include_nested_stacks: Option<bool>,
    pub(crate) import_existing_resources: Option<bool>,
    pub(crate) deployment_config: Option<Value>,
    pub(crate) deployment_mode: Option<String>,
    pub(crate) deleted: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Export {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) stack_id: String,
}

/// A custom resource's request that waits for its answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) stack_id: String,
    pub(crate) logical_id: String,
    pub(crate) request_id: String,
    pub(crate) body: Option<String>,
}

/// A wait condition's address, and the signals that came to it by their ids.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Handle {
    pub(crate) stack_id: String,
    pub(crate) signals: BTreeMap<String, Signal>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Signal {
    pub(crate) succeeded: bool,
    pub(crate) reason: String,
    pub(crate) data: String,
}

pub(crate) fn handle(tx: &Tx<'_>, token: &str) -> Result<Option<Handle>> {
    Ok(tx.load(HANDLES, Key::new().text(token))?)
}

pub(crate) fn save_handle(tx: &mut Tx<'_>, token: &str, handle: &Handle) -> Result<()> {
    Ok(tx.save(HANDLES, Key::new().text(token), handle)?)
}

pub(crate) fn forget_handle(tx: &mut Tx<'_>, token: &str) -> Result<()> {
    Ok(tx.delete(HANDLES, Key::new().text(token))?)
}

/// A template's text with the snippets that it includes, by their locations.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) body: String,
    pub(crate) snippets: BTreeMap<String, String>,
}

pub(crate) fn nested_template(
    tx: &Tx<'_>,
    stack_id: &str,
    logical_id: &str,
) -> Result<Option<Source>> {
    Ok(tx.load(NESTED_TEMPLATES, resource_key(stack_id, logical_id))?)
}

pub(crate) fn save_nested_template(
    tx: &mut Tx<'_>,
    stack_id: &str,
    logical_id: &str,
    source: &Source,
) -> Result<()> {
    Ok(tx.save(NESTED_TEMPLATES, resource_key(stack_id, logical_id), source)?)
}

pub(crate) fn forget_nested_template(
    tx: &mut Tx<'_>,
    stack_id: &str,
    logical_id: &str,
) -> Result<()> {
    Ok(tx.delete(NESTED_TEMPLATES, resource_key(stack_id, logical_id))?)
}

fn repository_key(context: &Context, name: &str) -> Key {
    name_key(&context.account, &context.region, name)
}

/// The properties that a repository was declared with.
pub(crate) fn repository(tx: &Tx<'_>, context: &Context, name: &str) -> Result<Option<Value>> {
    Ok(tx.load(REPOSITORIES, repository_key(context, name))?)
}

/// Keeps a repository's properties, or forgets it where they are null.
pub(crate) fn save_repository(
    tx: &mut Tx<'_>,
    context: &Context,
    name: &str,
    properties: &Value,
) -> Result<()> {
    let key = repository_key(context, name);
    if properties.is_null() {
        return Ok(tx.delete(REPOSITORIES, key)?);
    }
    Ok(tx.save(REPOSITORIES, key, properties)?)
}

pub(crate) fn answer(tx: &Tx<'_>, token: &str) -> Result<Option<Answer>> {
    Ok(tx.load(ANSWERS, Key::new().text(token))?)
}

pub(crate) fn save_answer(tx: &mut Tx<'_>, token: &str, answer: &Answer) -> Result<()> {
    Ok(tx.save(ANSWERS, Key::new().text(token), answer)?)
}

pub(crate) fn forget_answer(tx: &mut Tx<'_>, token: &str) -> Result<()> {
    Ok(tx.delete(ANSWERS, Key::new().text(token))?)
}

fn all<T: serde::de::DeserializeOwned>(tx: &Tx<'_>, table: Table, prefix: Key) -> Result<Vec<T>> {
    let mut keys = Vec::new();
    for pair in tx.prefix(table, prefix, Direction::Forward)? {
        keys.push(pair?.0);
    }
    let mut records = Vec::with_capacity(keys.len());
    for key in keys {
        records.extend(tx.load(table, key)?);
    }
    Ok(records)
}

pub(crate) fn stack_by_id(tx: &Tx<'_>, id: &str) -> Result<Option<Stack>> {
    Ok(tx.load(STACKS, Key::new().text(id))?)
}

fn name_key(account: &str, region: &str, name: &str) -> Key {
    Key::new().text(account).text(region).text(name)
}

/// The stack of a name or an id; a deleted one only by its id.
pub(crate) fn find_stack(tx: &Tx<'_>, context: &Context, given: &str) -> Result<Option<Stack>> {
    if given.starts_with("arn:") {
        return stack_by_id(tx, given);
    }
    let key = name_key(&context.account, &context.region, given);
    let id: Option<String> = tx.load(STACK_NAMES, key)?;
    id.map_or(Ok(None), |id| stack_by_id(tx, &id))
}

pub(crate) fn save_stack(tx: &mut Tx<'_>, stack: &Stack) -> Result<()> {
    tx.save(STACKS, Key::new().text(&stack.id), stack)?;
    let key = name_key(&stack.account, &stack.region, &stack.name);
    if stack.deleted.is_none() {
        tx.save(STACK_NAMES, key, &stack.id)?;
    } else if tx.load::<String>(STACK_NAMES, &key)?.as_ref() == Some(&stack.id) {
        tx.delete(STACK_NAMES, key)?;
    }
    Ok(())
}

/// Every stack of the account and region, deleted ones too.
pub(crate) fn stacks(tx: &Tx<'_>, context: &Context) -> Result<Vec<Stack>> {
    let prefix = cumulet_engine::arn::regional(context, "cloudformation", "stack/");
    let mut stacks: Vec<Stack> = all(tx, STACKS, Key::new().beginning(prefix.as_bytes()))?;
    stacks.sort_by_key(|stack| std::cmp::Reverse(stack.created));
    Ok(stacks)
}

fn resource_key(stack_id: &str, logical_id: &str) -> Key {
    Key::new().text(stack_id).text(logical_id)
}

pub(crate) fn resource(tx: &Tx<'_>, stack_id: &str, logical_id: &str) -> Result<Option<Resource>> {
    Ok(tx.load(RESOURCES, resource_key(stack_id, logical_id))?)
}

pub(crate) fn resources(tx: &Tx<'_>, stack_id: &str) -> Result<Vec<Resource>> {
    all(tx, RESOURCES, Key::new().text(stack_id))
}

pub(crate) fn save_resource(tx: &mut Tx<'_>, stack_id: &str, resource: &Resource) -> Result<()> {
    let key = resource_key(stack_id, &resource.logical_id);
    Ok(tx.save(RESOURCES, key, resource)?)
}

pub(crate) fn forget_resource(tx: &mut Tx<'_>, stack_id: &str, logical_id: &str) -> Result<()> {
    Ok(tx.delete(RESOURCES, resource_key(stack_id, logical_id))?)
}

pub(crate) fn removals(tx: &Tx<'_>, stack_id: &str) -> Result<Vec<Removal>> {
    all(tx, REMOVALS, Key::new().text(stack_id))
}

pub(crate) fn removal(tx: &Tx<'_>, stack_id: &str, number: u64) -> Result<Option<Removal>> {
    Ok(tx.load(REMOVALS, Key::new().text(stack_id).number(number))?)
}

pub(crate) fn save_removal(tx: &mut Tx<'_>, stack_id: &str, removal: &Removal) -> Result<()> {
    let key = Key::new().text(stack_id).number(removal.number);
    Ok(tx.save(REMOVALS, key, removal)?)
}

pub(crate) fn forget_removals(tx: &mut Tx<'_>, stack_id: &str) -> Result<()> {
    for removal in removals(tx, stack_id)? {
        tx.delete(REMOVALS, Key::new().text(stack_id).number(removal.number))?;
    }
    Ok(())
}

pub(crate) fn operation(tx: &Tx<'_>, id: &str) -> Result<Option<StackOperation>> {
    Ok(tx.load(OPERATIONS, Key::new().text(id))?)
}

pub(crate) fn save_operation(tx: &mut Tx<'_>, operation: &StackOperation) -> Result<()> {
    Ok(tx.save(OPERATIONS, Key::new().text(&operation.id), operation)?)
}

pub(crate) fn append_event(tx: &mut Tx<'_>, stack_id: &str, event: &StackEvent) -> Result<()> {
    let sequence = tx.next_sequence()?;
    let key = Key::new().text(stack_id).number_descending(sequence);
    Ok(tx.save(EVENTS, key, event)?)
}

/// The newest first.
pub(crate) fn events(tx: &Tx<'_>, stack_id: &str) -> Result<Vec<StackEvent>> {
    all(tx, EVENTS, Key::new().text(stack_id))
}

fn change_set_key(stack_id: &str, name: &str) -> Key {
    Key::new().text(stack_id).text(name)
}

pub(crate) fn change_set(tx: &Tx<'_>, stack_id: &str, name: &str) -> Result<Option<ChangeSet>> {
    Ok(tx.load(CHANGE_SETS, change_set_key(stack_id, name))?)
}

pub(crate) fn change_set_by_id(tx: &Tx<'_>, id: &str) -> Result<Option<ChangeSet>> {
    let place: Option<(String, String)> = tx.load(CHANGE_SET_IDS, Key::new().text(id))?;
    let Some((stack_id, name)) = place else {
        return Ok(None);
    };
    let found = change_set(tx, &stack_id, &name)?;
    Ok(found.filter(|change_set| change_set.id == id))
}

pub(crate) fn change_sets(tx: &Tx<'_>, stack_id: &str) -> Result<Vec<ChangeSet>> {
    all(tx, CHANGE_SETS, Key::new().text(stack_id))
}

pub(crate) fn save_change_set(tx: &mut Tx<'_>, change_set: &ChangeSet) -> Result<()> {
    let place = (change_set.stack_id.clone(), change_set.name.clone());
    tx.save(CHANGE_SET_IDS, Key::new().text(&change_set.id), &place)?;
    let key = change_set_key(&change_set.stack_id, &change_set.name);
    Ok(tx.save(CHANGE_SETS, key, change_set)?)
}

pub(crate) fn forget_change_set(tx: &mut Tx<'_>, change_set: &ChangeSet) -> Result<()> {
    tx.delete(CHANGE_SET_IDS, Key::new().text(&change_set.id))?;
    let key = change_set_key(&change_set.stack_id, &change_set.name);
    Ok(tx.delete(CHANGE_SETS, key)?)
}

pub(crate) fn exports(tx: &Tx<'_>, account: &str, region: &str) -> Result<Vec<Export>> {
    all(tx, EXPORTS, Key::new().text(account).text(region))
}

/// The names and values that `Fn::ImportValue` may ask for.
pub(crate) fn export_values(
    tx: &Tx<'_>,
    account: &str,
    region: &str,
) -> Result<BTreeMap<String, String>> {
    let exports = exports(tx, account, region)?;
    Ok(exports
        .into_iter()
        .map(|export| (export.name, export.value))
        .collect())
}

pub(crate) fn save_export(tx: &mut Tx<'_>, stack: &Stack, export: &Export) -> Result<()> {
    let key = name_key(&stack.account, &stack.region, &export.name);
    Ok(tx.save(EXPORTS, key, export)?)
}

pub(crate) fn forget_export(tx: &mut Tx<'_>, stack: &Stack, name: &str) -> Result<()> {
    Ok(tx.delete(EXPORTS, name_key(&stack.account, &stack.region, name))?)
}

/// The ids of the stacks that import an export.
pub(crate) fn importers(
    tx: &Tx<'_>,
    account: &str,
    region: &str,
    name: &str,
) -> Result<Vec<String>> {
    all(tx, IMPORTS, name_key(account, region, name))
}

pub(crate) fn save_import(tx: &mut Tx<'_>, stack: &Stack, name: &str) -> Result<()> {
    let key = name_key(&stack.account, &stack.region, name).text(&stack.id);
    Ok(tx.save(IMPORTS, key, &stack.id)?)
}

/// Drops the imports of a stack that are not among `kept`.
pub(crate) fn forget_imports(
    tx: &mut Tx<'_>,
    stack: &Stack,
    kept: &std::collections::BTreeSet<String>,
) -> Result<()> {
    for export in exports(tx, &stack.account, &stack.region)? {
        if !kept.contains(&export.name) {
            let key = name_key(&stack.account, &stack.region, &export.name).text(&stack.id);
            tx.delete(IMPORTS, key)?;
        }
    }
    Ok(())
}

/// A stack that an operation names must be there.
pub(crate) fn expect_stack(tx: &Tx<'_>, id: &str) -> Result<Stack> {
    stack_by_id(tx, id)?.ok_or_else(|| Error::internal(format!("the stack {id} is gone")))
}

pub(crate) fn expect_operation(tx: &Tx<'_>, id: &str) -> Result<StackOperation> {
    operation(tx, id)?.ok_or_else(|| Error::internal(format!("the stack operation {id} is gone")))
}
