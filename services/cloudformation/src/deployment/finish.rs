//! The ends of an operation: what is to be removed, and what the stack puts out.

use std::collections::BTreeSet;

use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use serde_json::Value;

use super::run::Run;
use crate::state::{
    self, Deployed, Export, Output, Previous, Removal, Resource, Stack, StackOperation,
};
use crate::template::functions::text;
use crate::template::refusal;

pub(super) fn next_number(tx: &Tx<'_>, stack_id: &str) -> Result<u64> {
    let removals = state::removals(tx, stack_id)?;
    Ok(removals.last().map_or(1, |last| last.number + 1))
}

fn remove_later(
    tx: &mut Tx<'_>,
    stack_id: &str,
    row: &Resource,
    deployed: Option<Deployed>,
    retain: bool,
    whole: bool,
) -> Result<()> {
    let kind = deployed.as_ref().map(|deployed| deployed.kind.clone());
    let removal = Removal {
        number: next_number(tx, stack_id)?,
        logical_id: row.logical_id.clone(),
        kind: kind.unwrap_or_else(|| row.kind.clone()),
        deployed,
        retain,
        whole,
        ..Removal::default()
    };
    state::save_removal(tx, stack_id, &removal)
}

fn is_retained(policy: Option<&String>, new: bool) -> bool {
    match policy.map(String::as_str) {
        Some("Retain") => true,
        Some("RetainExceptOnCreate") => !new,
        _ => false,
    }
}

/// Everything that stands is to go: the stack is deleted, or its creation is undone.
pub(crate) fn remove_all(
    tx: &mut Tx<'_>,
    stack_id: &str,
    operation: &StackOperation,
    undoing_creation: bool,
) -> Result<()> {
    state::forget_removals(tx, stack_id)?;
    for row in state::resources(tx, stack_id)? {
        let listed = row.now.is_some() || (undoing_creation && row.touched);
        let policy = row
            .now
            .as_ref()
            .and_then(|now| now.deletion_policy.as_ref());
        let spared = undoing_creation && operation.retain_except_on_create;
        let retain = operation.skipped.contains(&row.logical_id)
            || (is_retained(policy, undoing_creation) && !spared);
        if listed {
            remove_later(tx, stack_id, &row, row.now.clone(), retain, true)?;
        }
    }
    Ok(())
}

/// After an update: the old parts of replacements, and what the template no longer has.
pub(super) fn remove_old(tx: &mut Tx<'_>, run: &Run) -> Result<()> {
    state::forget_removals(tx, &run.stack_id)?;
    for row in state::resources(tx, &run.stack_id)? {
        let lives = run.dependencies.iter().any(|(id, _)| *id == row.logical_id);
        if !lives {
            let policy = row
                .now
                .as_ref()
                .and_then(|now| now.deletion_policy.as_ref());
            let retain = is_retained(policy, false);
            remove_later(tx, &run.stack_id, &row, row.now.clone(), retain, true)?;
        }
        let old = row.before.as_ref().filter(|before| {
            row.now
                .as_ref()
                .is_some_and(|now| now.physical_id != before.physical_id)
        });
        if let Some(old) = old {
            let retain = is_retained(old.update_replace_policy.as_ref(), false);
            remove_later(tx, &run.stack_id, &row, Some(old.clone()), retain, false)?;
        }
    }
    Ok(())
}

/// After an update was undone: what it had made. The restored ones left theirs already.
pub(super) fn remove_new(tx: &mut Tx<'_>, run: &Run, operation: &StackOperation) -> Result<()> {
    for row in state::resources(tx, &run.stack_id)? {
        if row.touched && row.before.is_none() {
            let policy = row
                .now
                .as_ref()
                .and_then(|now| now.deletion_policy.as_ref());
            let retain = is_retained(policy, true) && !operation.retain_except_on_create;
            remove_later(tx, &run.stack_id, &row, row.now.clone(), retain, true)?;
        }
    }
    Ok(())
}

/// The stack is stable: there is nothing to go back to any more.
pub(super) fn forget_past(tx: &mut Tx<'_>, stack_id: &str) -> Result<()> {
    state::forget_removals(tx, stack_id)?;
    for mut row in state::resources(tx, stack_id)? {
        if row.touched {
            row.touched = false;
            row.before = None;
            state::save_resource(tx, stack_id, &row)?;
        }
    }
    Ok(())
}

/// Evaluates the outputs and exports them.
pub(super) fn put_out(tx: &mut Tx<'_>, run: &Run, stack: &mut Stack) -> Result<()> {
    let (outputs, imported) = outputs(tx, run)?;
    let exports = outputs.iter().filter_map(|output| {
        Some(Export {
            name: output.export_name.clone()?,
            value: output.value.clone(),
            stack_id: stack.id.clone(),
        })
    });
    replace_exports(tx, stack, exports.collect())?;
    state::forget_imports(tx, stack, &imported)?;
    for name in &imported {
        state::save_import(tx, stack, name)?;
    }
    stack.outputs = outputs;
    Ok(())
}

/// The stack's settings, outputs and exports as they were before an update that is undone after all.
pub(super) fn put_back(tx: &mut Tx<'_>, stack: &mut Stack, previous: Previous) -> Result<()> {
    let exports = previous.outputs.iter().filter_map(|output| {
        Some(Export {
            name: output.export_name.clone()?,
            value: output.value.clone(),
            stack_id: stack.id.clone(),
        })
    });
    replace_exports(tx, stack, exports.collect())?;
    stack.settings = previous.settings;
    stack.outputs = previous.outputs;
    stack.description = previous.description;
    Ok(())
}

fn outputs(tx: &Tx<'_>, run: &Run) -> Result<(Vec<Output>, BTreeSet<String>)> {
    let scope = run.scope(tx)?;
    let mut outputs = Vec::new();
    for (key, output) in run.template.section("Outputs") {
        let condition = output.get("Condition").and_then(Value::as_str);
        if condition.is_some_and(|name| scope.conditions.get(name) != Some(&true)) {
            continue;
        }
        let value = scope.resolve(&output["Value"])?;
        let value = value.as_ref().and_then(text).ok_or_else(|| {
            refusal(format!(
                "Template format error: Output {key} is malformed. The Value field of every Outputs member must evaluate to a String."
            ))
        })?;
        let export = output.pointer("/Export/Name");
        let export = export
            .map(|name| scope.resolve(name))
            .transpose()?
            .flatten();
        outputs.push(Output {
            key: key.clone(),
            value,
            description: output.get("Description").and_then(text),
            export_name: export.as_ref().and_then(text),
        });
    }
    for definition in run.template.resources() {
        let lives = run
            .dependencies
            .iter()
            .any(|(id, _)| id == definition.logical_id);
        if let Some(properties) = definition.properties().filter(|_| lives) {
            scope.resolve(properties)?;
        }
    }
    Ok((outputs, scope.imported.into_inner()))
}

/// Puts the stack's new exports in place of its old ones; those in use can neither change nor go.
fn replace_exports(tx: &mut Tx<'_>, stack: &Stack, wanted: Vec<Export>) -> Result<()> {
    let present = state::exports(tx, &stack.account, &stack.region)?;
    for export in &wanted {
        let taken = present
            .iter()
            .find(|other| other.name == export.name && other.stack_id != stack.id);
        if let Some(other) = taken {
            let owner = state::expect_stack(tx, &other.stack_id)?;
            return Err(refusal(format!(
                "Export with name {} is already exported by stack {}.",
                export.name, owner.name
            )));
        }
    }
    let own: Vec<&Export> = present
        .iter()
        .filter(|old| old.stack_id == stack.id)
        .collect();
    for old in &own {
        match wanted.iter().find(|export| export.name == old.name) {
            Some(new) if new.value == old.value => {}
            Some(_) => unused(tx, stack, &old.name, "updated")?,
            None => unused(tx, stack, &old.name, "deleted")?,
        }
    }
    // Nothing is written before everything is permitted: the rollback that follows a refusal keeps this transaction.
    for old in own {
        state::forget_export(tx, stack, &old.name)?;
    }
    wanted
        .iter()
        .try_for_each(|export| state::save_export(tx, stack, export))
}

fn unused(tx: &Tx<'_>, stack: &Stack, name: &str, what: &str) -> Result<()> {
    let importers = state::importers(tx, &stack.account, &stack.region, name)?;
    let Some(importer) = importers.first() else {
        return Ok(());
    };
    let importer = state::expect_stack(tx, importer)?.name;
    Err(refusal(format!(
        "Export {name} cannot be {what} as it is in use by {importer}"
    )))
}

/// The exports of a stack that is to be deleted must be in nobody's use.
pub(crate) fn exports_unused(tx: &Tx<'_>, stack: &Stack) -> Result<()> {
    let exports = state::exports(tx, &stack.account, &stack.region)?;
    let mut own = exports.iter().filter(|export| export.stack_id == stack.id);
    own.try_for_each(|export| unused(tx, stack, &export.name, "deleted"))
}

/// A deleted stack exports and imports nothing.
pub(super) fn withdraw(tx: &mut Tx<'_>, stack: &Stack) -> Result<()> {
    for export in state::exports(tx, &stack.account, &stack.region)? {
        if export.stack_id == stack.id {
            state::forget_export(tx, stack, &export.name)?;
        }
    }
    state::forget_imports(tx, stack, &BTreeSet::new())
}
