//! One resource towards its template: created, updated in place, replaced or kept.

use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::provider::{Outcome, Provider, ResourceCall, StoredCode};
use cumulet_kernel::Tx;
use cumulet_lambda as lambda;
use cumulet_schemas::Replacement;
use serde_json::{Map, Value, json};

use super::events::resource_event;
use super::failure;
use super::run::Run;
use super::schedule::progress;
use crate::coerce::coerce;
use crate::nested;
use crate::provider_of;
use crate::state::{self, Deployed, Phase, Progress, Resource, StackOperation, Work};
use crate::template::functions::{Scope, text};
use crate::template::{Definition, dynamic, refusal};

/// What a resource is to become, and how.
struct Aim {
    work: Work,
    deployed: Deployed,
    provider: Provider,
}

/// Fetches what the resource's transaction needs from outside, and announces the resource before.
pub(super) async fn prepare(
    engine: &Engine,
    run: &std::sync::Arc<Run>,
    logical_id: &str,
) -> Result<Option<StoredCode>> {
    let needed = engine.read(|tx| code_needed(tx, run, logical_id))?;
    let Some((context, code)) = needed else {
        return Ok(None);
    };
    let (begun, id) = (run.at(engine.clock.now()), logical_id.to_owned());
    engine.write(move |tx| begin(tx, &begun, &id)).await?;
    if let Some(url) = code["TemplateURL"].as_str() {
        let place = (run.stack_id.as_str(), logical_id);
        let fetched = nested::fetch(engine, &context, place, url).await;
        return fetched.map(|()| None);
    }
    let fetched = lambda::fetch_code(engine, &context, &code).await;
    fetched.map(Some).map_err(failure::from_handler)
}

fn code_needed(
    tx: &Tx<'_>,
    run: &Run,
    logical_id: &str,
) -> Result<Option<(cumulet_engine::Context, Value)>> {
    let row = state::resource(tx, &run.stack_id, logical_id)?;
    if !matches!(
        progress(run, row.as_ref(), Phase::Apply),
        Progress::Open | Progress::Begun
    ) {
        return Ok(None);
    }
    let row = row.unwrap_or_default();
    let aim = aim(tx, run, logical_id, &row)?;
    let old = row.now.as_ref().filter(|_| aim.work == Work::Update);
    let Some(rule) = aim.provider.code.filter(|_| aim.work != Work::Keep) else {
        return Ok(None);
    };
    let code = rule(&aim.deployed.properties, old.map(|old| &old.properties));
    let operation = state::expect_operation(tx, &run.operation_id)?;
    let context = run.deployment_context(tx, &operation)?;
    Ok(code.map(|code| (context, code)))
}

fn begin(tx: &mut Tx<'_>, run: &Run, logical_id: &str) -> Result<()> {
    let operation = state::expect_operation(tx, &run.operation_id)?;
    let mut row = open_row(tx, run, logical_id)?;
    if row.progress != Progress::Open {
        return Ok(());
    }
    let aim = aim(tx, run, logical_id, &row)?;
    announce(tx, run, &operation, &mut row, &aim)?;
    row.progress = Progress::Begun;
    state::save_resource(tx, &run.stack_id, &row)
}

/// The row of a resource, its journal begun anew where it is another operation's.
fn open_row(tx: &Tx<'_>, run: &Run, logical_id: &str) -> Result<Resource> {
    let row = state::resource(tx, &run.stack_id, logical_id)?;
    let progress = progress(run, row.as_ref(), Phase::Apply);
    let mut row = row.unwrap_or_else(|| Resource {
        logical_id: logical_id.to_owned(),
        ..Resource::default()
    });
    row.operation_id.clone_from(&run.operation_id);
    row.phase = Phase::Apply;
    row.progress = progress;
    Ok(row)
}

pub(super) fn apply(
    tx: &mut Tx<'_>,
    run: &Run,
    logical_id: &str,
    code: Option<&StoredCode>,
) -> Result<()> {
    let operation = state::expect_operation(tx, &run.operation_id)?;
    let row = open_row(tx, run, logical_id)?;
    if operation.phase != Phase::Apply {
        return Ok(());
    }
    match row.progress.clone() {
        Progress::Open | Progress::Begun => start(tx, run, &operation, row, code),
        Progress::Waiting { journal, since, .. } => {
            ask_again(tx, run, &operation, row, journal, since)
        }
        _ => Ok(()),
    }
}

fn start(
    tx: &mut Tx<'_>,
    run: &Run,
    operation: &StackOperation,
    mut row: Resource,
    code: Option<&StoredCode>,
) -> Result<()> {
    let logical_id = row.logical_id.clone();
    let aim = aim(tx, run, &logical_id, &row)?;
    if aim.work == Work::Keep {
        return keep(tx, run, row, aim.deployed);
    }
    if row.progress == Progress::Open {
        announce(tx, run, operation, &mut row, &aim)?;
    }
    permitted(&row, &aim)?;
    let old = row.now.clone().filter(|_| aim.work == Work::Update);
    if !row.touched {
        row.before = row.now.take();
        row.touched = true;
    }
    let handler = if old.is_some() {
        aim.provider.update
    } else {
        aim.provider.create
    };
    let mut deployed = aim.deployed;
    let step = Step {
        run,
        operation,
        provider: aim.provider,
        logical_id: &logical_id,
        code,
    };
    let (outcome, journal) = step.call(tx, handler, &mut deployed, old.as_ref(), Value::Null)?;
    row.physical_id = Some(deployed.physical_id.clone());
    row.now = Some(deployed);
    initiate(tx, run, operation, &mut row)?;
    settle(tx, run, operation, row, (outcome, journal), run.context.now)
}

fn ask_again(
    tx: &mut Tx<'_>,
    run: &Run,
    operation: &StackOperation,
    mut row: Resource,
    journal: Value,
    since: cumulet_kernel::Timestamp,
) -> Result<()> {
    let Some(mut deployed) = row.now.clone() else {
        return Err(Error::internal("a waiting resource was never made"));
    };
    let provider = provider(run, &deployed.kind)?;
    let Some(handler) = provider.stabilise else {
        return settle(tx, run, operation, row, (Outcome::Done, Value::Null), since);
    };
    let logical_id = row.logical_id.clone();
    let step = Step {
        run,
        operation,
        provider,
        logical_id: &logical_id,
        code: None,
    };
    let before = row.before.clone().filter(|_| row.work == Work::Update);
    let answer = step.call(tx, handler, &mut deployed, before.as_ref(), journal)?;
    row.physical_id = Some(deployed.physical_id.clone());
    row.now = Some(deployed);
    initiate(tx, run, operation, &mut row)?;
    settle(tx, run, operation, row, answer, since)
}

fn settle(
    tx: &mut Tx<'_>,
    run: &Run,
    operation: &StackOperation,
    mut row: Resource,
    (outcome, journal): (Outcome, Value),
    since: cumulet_kernel::Timestamp,
) -> Result<()> {
    match outcome {
        Outcome::AskAgain { after_ms } => {
            row.progress = Progress::Waiting {
                poll_at: run.context.now.plus_ms(after_ms),
                since,
                journal,
            };
        }
        Outcome::Done => {
            row.progress = Progress::Done;
            let status = format!("{}_COMPLETE", verb(row.work));
            event(tx, run, operation, &mut row, &status, None)?;
        }
    }
    state::save_resource(tx, &run.stack_id, &row)
}

const INITIATED: &str = "Resource creation Initiated";

/// Says the physical id of a new resource, once it has one.
fn initiate(
    tx: &mut Tx<'_>,
    run: &Run,
    operation: &StackOperation,
    row: &mut Resource,
) -> Result<()> {
    let named = row.physical_id.as_ref().is_some_and(|id| !id.is_empty());
    let said = row.status_reason.as_deref() == Some(INITIATED);
    if !named || said || row.work == Work::Update {
        return Ok(());
    }
    let status = format!("{}_IN_PROGRESS", verb(row.work));
    event(tx, run, operation, row, &status, Some(INITIATED.to_owned()))
}

fn keep(tx: &mut Tx<'_>, run: &Run, mut row: Resource, deployed: Deployed) -> Result<()> {
    if row.now.as_ref() != Some(&deployed) && !row.touched {
        row.before = row.now.take();
        row.touched = true;
    }
    row.now = Some(deployed);
    row.work = Work::Keep;
    row.progress = Progress::Done;
    state::save_resource(tx, &run.stack_id, &row)
}

fn verb(work: Work) -> &'static str {
    if work == Work::Create {
        "CREATE"
    } else {
        "UPDATE"
    }
}

/// Says that the resource's turn has come.
fn announce(
    tx: &mut Tx<'_>,
    run: &Run,
    operation: &StackOperation,
    row: &mut Resource,
    aim: &Aim,
) -> Result<()> {
    row.kind.clone_from(&aim.deployed.kind);
    row.work = aim.work;
    if aim.work == Work::Create {
        row.physical_id = None;
    }
    let reason = (aim.work == Work::Replace).then(|| {
        "Requested update requires the creation of a new physical resource; hence creating one."
            .to_owned()
    });
    let status = format!("{}_IN_PROGRESS", verb(aim.work));
    let properties = Some(&aim.deployed.properties);
    resource_event(tx, run, operation, row, &status, reason, properties)
}

fn event(
    tx: &mut Tx<'_>,
    run: &Run,
    operation: &StackOperation,
    row: &mut Resource,
    status: &str,
    reason: Option<String>,
) -> Result<()> {
    let properties = row.now.as_ref().map(|now| now.properties.clone());
    resource_event(tx, run, operation, row, status, reason, properties.as_ref())
}

/// Notes that a resource failed; what its transaction did is already undone.
pub(super) fn fail(tx: &mut Tx<'_>, run: &Run, logical_id: &str, error: &Error) -> Result<()> {
    let operation = state::expect_operation(tx, &run.operation_id)?;
    let mut row = open_row(tx, run, logical_id)?;
    let finished = matches!(row.progress, Progress::Done | Progress::Failed);
    if operation.phase != Phase::Apply || finished {
        return Ok(());
    }
    if row.progress == Progress::Open {
        let kind = run.template.resource(logical_id).map(|found| found.kind);
        row.kind = kind.unwrap_or_default().to_owned();
        match aim(tx, run, logical_id, &row) {
            Ok(aim) => announce(tx, run, &operation, &mut row, &aim)?,
            Err(_) => {
                row.work = if row.now.is_some() {
                    Work::Update
                } else {
                    Work::Create
                }
            }
        }
    }
    if !row.touched {
        row.before.clone_from(&row.now);
        row.touched = true;
    }
    row.progress = Progress::Failed;
    let reason = failure::reason(&run.context, &row.kind, error);
    let status = format!("{}_FAILED", verb(row.work));
    event(tx, run, &operation, &mut row, &status, Some(reason))?;
    state::save_resource(tx, &run.stack_id, &row)
}

/// What the template makes of the resource, and which way leads there from what stands.
fn aim(tx: &Tx<'_>, run: &Run, logical_id: &str, row: &Resource) -> Result<Aim> {
    let definition = run.template.resource(logical_id).ok_or_else(|| {
        Error::internal(format!("the resource {logical_id} is not in the template"))
    })?;
    let scope = run.scope(tx)?;
    let operation = state::expect_operation(tx, &run.operation_id)?;
    let mut deployed = wanted(run, &scope, definition)?;
    deployed.stack_tags = operation.settings.tags;
    let work = row
        .now
        .as_ref()
        .map_or(Work::Create, |now| way(now, &deployed));
    if let Some(now) = row.now.as_ref().filter(|_| work != Work::Create) {
        deployed.physical_id.clone_from(&now.physical_id);
        deployed.attributes.clone_from(&now.attributes);
    }
    Ok(Aim {
        work,
        provider: provider(run, &deployed.kind)?,
        deployed,
    })
}

fn wanted(run: &Run, scope: &Scope<'_>, definition: Definition<'_>) -> Result<Deployed> {
    let nothing = Value::Object(Map::new());
    let properties = scope.resolve(definition.properties().unwrap_or(&nothing))?;
    let properties = coerce(definition.kind, properties.unwrap_or(nothing));
    let metadata = definition
        .member("Metadata")
        .map(|value| scope.resolve(value));
    let policy = |name: &str| -> Result<Option<String>> {
        let value = definition.member(name).map(|value| scope.resolve(value));
        Ok(value.transpose()?.flatten().as_ref().and_then(text))
    };
    Ok(Deployed {
        kind: definition.kind.to_owned(),
        properties,
        dependencies: run.dependencies_of(definition.logical_id).to_vec(),
        metadata: metadata.transpose()?.flatten(),
        deletion_policy: policy("DeletionPolicy")?,
        update_replace_policy: policy("UpdateReplacePolicy")?,
        ..Deployed::default()
    })
}

/// How to get from what stands to what is wanted.
pub(crate) fn way(now: &Deployed, wanted: &Deployed) -> Work {
    if now.kind != wanted.kind {
        return Work::Replace;
    }
    let schema = cumulet_schemas::resource_type(&wanted.kind);
    let tagged = schema.is_none_or(|schema| schema.tag_property().is_some());
    let same_tags = !tagged || now.stack_tags == wanted.stack_tags;
    if now.properties == wanted.properties && same_tags {
        return Work::Keep;
    }
    let replacement = schema.map(|schema| schema.replacement(&now.properties, &wanted.properties));
    match replacement {
        Some(Replacement::Always) => Work::Replace,
        Some(Replacement::Conditionally) if replaced_conditionally(wanted) => Work::Replace,
        _ => Work::Update,
    }
}

/// Types whose conditional properties always replace: a table's key schema.
fn replaced_conditionally(wanted: &Deployed) -> bool {
    wanted.kind == "AWS::DynamoDB::Table"
}

/// What the schema or a custom name forbids.
fn permitted(row: &Resource, aim: &Aim) -> Result<()> {
    let Some(schema) = cumulet_schemas::resource_type(&aim.deployed.kind) else {
        return Ok(());
    };
    let violations = schema.check(&aim.deployed.properties);
    if !violations.is_empty() {
        let listed: Vec<String> = violations.iter().map(ToString::to_string).collect();
        return Err(refusal(format!(
            "Properties validation failed for resource {} with message:\n[{}]",
            row.logical_id,
            listed.join(", ")
        )));
    }
    let Some(now) = row.now.as_ref().filter(|_| aim.work == Work::Replace) else {
        return Ok(());
    };
    let same = |name: &str| {
        let given = aim.deployed.properties.get(name);
        given.is_some() && given == now.properties.get(name)
    };
    let mut identifiers = schema.primary_identifier().peekable();
    if identifiers.peek().is_some() && now.kind == aim.deployed.kind && identifiers.all(same) {
        let name = &now.physical_id;
        return Err(refusal(format!(
            "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename {name} and update the stack again."
        )));
    }
    Ok(())
}

pub(super) fn provider(run: &Run, kind: &str) -> Result<Provider> {
    provider_of(&run.context, kind)
        .ok_or_else(|| Error::not_implemented(format!("The resource type {kind}")))
}

/// A call of a provider's handler.
pub(super) struct Step<'a> {
    pub(super) run: &'a Run,
    pub(super) operation: &'a StackOperation,
    pub(super) provider: Provider,
    pub(super) logical_id: &'a str,
    pub(super) code: Option<&'a StoredCode>,
}

impl Step<'_> {
    /// Runs `handler`, which leaves physical id and attributes in `deployed`.
    pub(super) fn call(
        &self,
        tx: &mut Tx<'_>,
        handler: cumulet_engine::provider::Handler,
        deployed: &mut Deployed,
        old: Option<&Deployed>,
        journal: Value,
    ) -> Result<(Outcome, Value)> {
        let context = self.run.deployment_context(tx, self.operation)?;
        let (context, _span) = context.span(&format!("{} {}", self.provider.name, self.logical_id));
        self.warn(&context, &deployed.properties);
        let properties = dynamic::resolve(tx, &context, &deployed.properties)?;
        let old_properties = match old {
            Some(old) => old.properties.clone(),
            None => Value::Null,
        };
        let kind = deployed.kind.clone();
        let mut call = ResourceCall {
            tx,
            context: &context,
            stack: &self.run.identity,
            logical_id: self.logical_id,
            kind: &kind,
            properties: &properties,
            old_properties: &old_properties,
            stack_tags: &deployed.stack_tags,
            old_stack_tags: old.map_or(&[], |old| old.stack_tags.as_slice()),
            code: self.code,
            physical_id: deployed.physical_id.clone(),
            attributes: deployed.attributes.clone(),
            journal,
        };
        let outcome = handler(&mut call).map_err(|error| {
            context.trace.fail(&error.code);
            failure::from_handler(error)
        })?;
        let (physical_id, attributes, journal) = (call.physical_id, call.attributes, call.journal);
        deployed.physical_id = physical_id;
        deployed.attributes = attributes;
        Ok((outcome, journal))
    }

    /// A property without effect is said, never swallowed.
    fn warn(&self, context: &cumulet_engine::Context, properties: &Value) {
        let ignored = self.provider.ignored(properties);
        if !ignored.is_empty() {
            context
                .trace
                .note("cloudformation.ignored_properties", json!(ignored));
            tracing::warn!(
                resource = self.logical_id,
                kind = self.provider.name,
                properties = ?ignored,
                "properties without effect"
            );
        }
    }
}
