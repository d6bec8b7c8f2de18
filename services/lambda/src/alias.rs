//! Aliases: names that point at a version, or at two with shares.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html>

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use serde_json::Value;

use super::api::{
    AliasConfiguration, AliasInput, ListAliasesOutput, ListPartsInput, PutAliasInput, RoutingConfig,
};
use super::function::whole;
use super::name::{FunctionName, LATEST};
use super::state::{ALIASES, AliasRecord, INVOKE_CONFIGS, POLICIES, part_key};
use super::{errors, page, resolve};

pub(super) fn create(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutAliasInput,
) -> Result<AliasConfiguration> {
    let name = whole(context, &input.function_name)?;
    resolve::function(tx, &name)?;
    if resolve::alias(tx, &name, &input.name)?.is_some() {
        let arn = name.arn_of(&input.name);
        return Err(errors::conflict(format!("Alias already exists: {arn}")));
    }
    let record = AliasRecord {
        name: input.name,
        function_version: input.function_version.unwrap_or_default(),
        description: input.description.unwrap_or_default(),
        weights: input
            .routing_config
            .unwrap_or_default()
            .additional_version_weights,
        revision_id: context.ids.uuid(),
    };
    save(tx, &name, &record)
}

pub(super) fn update(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutAliasInput,
) -> Result<AliasConfiguration> {
    let name = whole(context, &input.function_name)?;
    resolve::function(tx, &name)?;
    let Some(mut record) = resolve::alias(tx, &name, &input.name)? else {
        let arn = name.arn_of(&input.name);
        return Err(errors::missing(format!("Alias not found: {arn}")));
    };
    if input
        .revision_id
        .is_some_and(|revision| revision != record.revision_id)
    {
        return Err(errors::stale_revision("GetFunction/GetAlias"));
    }
    if let Some(version) = input.function_version {
        record.function_version = version;
    }
    if let Some(description) = input.description {
        record.description = description;
    }
    if let Some(routing) = input.routing_config {
        record.weights = routing.additional_version_weights;
    }
    record.revision_id = context.ids.uuid();
    save(tx, &name, &record)
}

fn save(tx: &mut Tx<'_>, name: &FunctionName, record: &AliasRecord) -> Result<AliasConfiguration> {
    resolve::version(tx, name, &record.function_version)?;
    check_weights(tx, name, &record.function_version, &record.weights)?;
    tx.save(ALIASES, part_key(name, &record.name), record)?;
    Ok(answer(name, record))
}

fn check_weights(
    tx: &Tx<'_>,
    name: &FunctionName,
    main: &str,
    weights: &BTreeMap<String, f64>,
) -> Result<()> {
    if weights.len() > 1 {
        return Err(errors::invalid(
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ));
    }
    for number in weights.keys() {
        if main == LATEST {
            return Err(errors::invalid(
                "$LATEST is not supported for an alias pointing to more than 1 version",
            ));
        }
        if number == main {
            return Err(errors::invalid(format!(
                "Invalid function version {number}. Function version {number} is already included in routing configuration."
            )));
        }
        resolve::version(tx, name, number)?;
    }
    Ok(())
}

pub(super) fn get(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AliasInput,
) -> Result<AliasConfiguration> {
    let name = whole(context, &input.function_name)?;
    match resolve::alias(tx, &name, &input.name)? {
        Some(record) => Ok(answer(&name, &record)),
        None => Err(errors::alias_missing(name.arn_of(&input.name))),
    }
}

/// Deleting an absent alias is no error.
pub(super) fn delete(tx: &mut Tx<'_>, context: &Context, input: AliasInput) -> Result<Value> {
    let name = whole(context, &input.function_name)?;
    resolve::function(tx, &name)?;
    for table in [ALIASES, POLICIES, INVOKE_CONFIGS] {
        tx.delete(table, part_key(&name, &input.name))?;
    }
    Ok(Value::Object(serde_json::Map::new()))
}

pub(super) fn list(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListPartsInput,
) -> Result<ListAliasesOutput> {
    let name = whole(context, &input.function_name)?;
    resolve::function(tx, &name)?;
    let page = page::of::<AliasRecord>(
        tx,
        ALIASES,
        &name.key(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    let wanted = |record: &AliasRecord| {
        let version = input.function_version.as_deref();
        version.is_none_or(|version| record.function_version == version)
    };
    let records = page.records.iter().map(|(_, record)| record);
    Ok(ListAliasesOutput {
        next_marker: page.next,
        aliases: records
            .filter(|record| wanted(record))
            .map(|record| answer(&name, record))
            .collect(),
    })
}

fn answer(name: &FunctionName, record: &AliasRecord) -> AliasConfiguration {
    let weights = record.weights.clone();
    AliasConfiguration {
        alias_arn: name.arn_of(&record.name),
        name: record.name.clone(),
        function_version: record.function_version.clone(),
        description: record.description.clone(),
        routing_config: (!weights.is_empty()).then_some(RoutingConfig {
            additional_version_weights: weights,
        }),
        revision_id: record.revision_id.clone(),
    }
}
