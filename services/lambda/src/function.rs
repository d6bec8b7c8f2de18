//! Functions: made, changed, read, removed.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html> and its siblings.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::provider::StoredCode;
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Event, Tx, outbox};
use serde_json::json;

use super::api::{
    CodeLocation, Concurrency, CreateFunctionInput, FunctionConfiguration, FunctionInput,
    GetFunctionOutput, ListFunctionsInput, ListFunctionsOutput, UpdateFunctionCodeInput,
    UpdateFunctionConfigurationInput,
};
use super::name::{FunctionName, LATEST, is_version_number};
use super::state::{
    ALIASES, AliasRecord, FUNCTIONS, FunctionRecord, INVOKE_CONFIGS, POLICIES, RESERVED, State,
    UpdateStatus, VERSIONS, VersionRecord, part_key, region_prefix, version_key,
};
use super::{code, configuration, errors, layer, page, resolve, url, version};

pub(super) const RETIRE_TIMER: &str = "retire-environments";

pub(super) fn create_access(
    _tx: &Tx<'_>,
    context: &Context,
    input: &CreateFunctionInput,
) -> Result<Vec<Access>> {
    let name = FunctionName::parse(context, &input.function_name)?;
    let mut access =
        Access::new("lambda:CreateFunction", name.arn()).governed_by(None, &name.account);
    if let Some(layers) = input
        .configuration
        .layers
        .clone()
        .filter(|all| !all.is_empty())
    {
        access = access.condition_values("lambda:Layer", layers);
    }
    let keys: Vec<String> = input.tags.keys().cloned().collect();
    for (key, value) in &input.tags {
        access = access.condition(format!("aws:RequestTag/{key}"), value);
    }
    if !keys.is_empty() {
        access = access.condition_values("aws:TagKeys", keys);
    }
    Ok(vec![access])
}

/// CreateFunction, with its code already in the store.
pub(super) fn create(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateFunctionInput,
    stored: &StoredCode,
) -> Result<FunctionConfiguration> {
    let name = FunctionName::parse(context, &input.function_name)?;
    let (record, publish) = new_record(tx, context, &name, input, stored)?;
    code::hold_all(tx, &name.account, &record.latest)?;
    tx.save(FUNCTIONS, name.key(), &record)?;
    become_ready_soon(tx, context, &name, &record.latest)?;
    if publish {
        let published = version::publish_latest(tx, context, &name, record, None)?;
        return Ok(published.answer(&name, name.arn_of(&published.version)));
    }
    Ok(record.latest.answer(&name, name.arn()))
}

fn new_record(
    tx: &Tx<'_>,
    context: &Context,
    name: &FunctionName,
    input: CreateFunctionInput,
    stored: &StoredCode,
) -> Result<(FunctionRecord, bool)> {
    let refused = [
        ("PublishTo", input.publish_to.is_some()),
        (
            "container images",
            input.package_type.as_deref() == Some("Image"),
        ),
        ("code signing", input.code_signing_config_arn.is_some()),
        ("TenancyConfig", input.tenancy_config.is_some()),
    ];
    if let Some((what, _)) = refused.iter().find(|(_, asked)| *asked) {
        return Err(Error::not_implemented(format!("lambda: {what}")));
    }
    let mut latest = configuration::blank(context, name, stored.clone());
    let layers = input.configuration.layers.clone().unwrap_or_default();
    latest.apply(input.configuration)?;
    latest.set_architecture(input.architectures)?;
    if latest.runtime.is_empty() || latest.handler.is_empty() {
        return Err(errors::invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ));
    }
    if tx.get(FUNCTIONS, name.key())?.is_some() {
        return Err(errors::conflict(format!(
            "Function already exist: {}",
            name.name
        )));
    }
    configuration::check_role(tx, context, &latest.role)?;
    latest.layers = layer::chosen(tx, context, &layers)?;
    layer::check_size(&latest.code, &latest.layers)?;
    let record = FunctionRecord {
        latest,
        last_version: 0,
        tags: input.tags,
    };
    Ok((record, input.publish))
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>
pub(super) fn get(
    tx: &mut Tx<'_>,
    context: &Context,
    input: FunctionInput,
) -> Result<GetFunctionOutput> {
    let name = FunctionName::qualified(context, &input.function_name, input.qualifier.as_deref())?;
    let record = resolve::qualified(tx, &name)?;
    let reserved: Option<u32> = tx.load(RESERVED, name.key())?;
    Ok(GetFunctionOutput {
        configuration: record.answer(&name, name.asked_arn()),
        code: CodeLocation {
            repository_type: "S3",
        },
        tags: resolve::function(tx, &name)?.tags,
        concurrency: reserved.map(|reserved| Concurrency {
            reserved_concurrent_executions: Some(reserved),
        }),
    })
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html>
pub(super) fn get_configuration(
    tx: &mut Tx<'_>,
    context: &Context,
    input: FunctionInput,
) -> Result<FunctionConfiguration> {
    let name = FunctionName::qualified(context, &input.function_name, input.qualifier.as_deref())?;
    Ok(resolve::qualified(tx, &name)?.answer(&name, name.asked_arn()))
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html>
pub(super) fn list(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListFunctionsInput,
) -> Result<ListFunctionsOutput> {
    if input.master_region.is_some() {
        return Err(Error::not_implemented("lambda: MasterRegion"));
    }
    let prefix = region_prefix(&context.account, &context.region);
    let page = page::of::<FunctionRecord>(
        tx,
        FUNCTIONS,
        &prefix,
        input.marker.as_deref(),
        input.max_items,
    )?;
    let all_versions = input.function_version.is_some();
    let mut functions = Vec::new();
    for (key, record) in page.records {
        let name = FunctionName {
            account: context.account.to_string(),
            region: context.region.to_string(),
            name: page::last_text(&prefix, &key),
            qualifier: None,
        };
        if all_versions {
            functions.extend(version::all(tx, &name, record)?);
        } else {
            functions.push(listed(&record.latest, &name, name.arn()));
        }
    }
    Ok(ListFunctionsOutput {
        next_marker: page.next,
        functions,
    })
}

/// A configuration in a list, which tells no state.
pub(super) fn listed(
    record: &VersionRecord,
    name: &FunctionName,
    arn: String,
) -> FunctionConfiguration {
    FunctionConfiguration {
        state: None,
        state_reason: None,
        state_reason_code: None,
        last_update_status: None,
        last_update_status_reason: None,
        last_update_status_reason_code: None,
        ..record.answer(name, arn)
    }
}

pub(super) fn update_access(
    tx: &Tx<'_>,
    context: &Context,
    input: &UpdateFunctionConfigurationInput,
) -> Result<Vec<Access>> {
    let action = "lambda:UpdateFunctionConfiguration";
    let needed = resolve::access_to_whole(tx, context, action, &input.function_name)?;
    let layers = input.configuration.layers.as_deref().unwrap_or_default();
    if layers.is_empty() {
        return Ok(needed);
    }
    let with_layers = |access: Access| access.condition_values("lambda:Layer", layers.to_vec());
    Ok(needed.into_iter().map(with_layers).collect())
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>
pub(super) fn update_configuration(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UpdateFunctionConfigurationInput,
) -> Result<FunctionConfiguration> {
    let name = whole(context, &input.function_name)?;
    let mut record = changeable(tx, &name, input.revision_id.as_deref())?;
    let role = input.configuration.role.clone();
    let layers = input.configuration.layers.clone();
    let before = record.latest.clone();
    record.latest.apply(input.configuration)?;
    if let Some(role) = role {
        configuration::check_role(tx, context, &role)?;
    }
    if let Some(layers) = layers {
        record.latest.layers = layer::chosen(tx, context, &layers)?;
        layer::check_size(&record.latest.code, &record.latest.layers)?;
        code::hold_layers(tx, &record.latest)?;
        code::release_layers(tx, context, &before)?;
    }
    save_update(tx, context, &name, &mut record, &before)?;
    Ok(record.latest.answer(&name, name.arn()))
}

/// UpdateFunctionCode, with the code already in the store.
pub(super) fn update_code(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UpdateFunctionCodeInput,
    stored: &StoredCode,
) -> Result<FunctionConfiguration> {
    if input.publish_to.is_some() {
        return Err(Error::not_implemented("lambda: PublishTo"));
    }
    let name = whole(context, &input.function_name)?;
    let mut record = changeable(tx, &name, input.revision_id.as_deref())?;
    let before = record.latest.clone();
    record.latest.set_architecture(input.architectures)?;
    record.latest.code = stored.clone();
    layer::check_size(stored, &record.latest.layers)?;
    if input.dry_run {
        return Ok(record.latest.answer(&name, name.arn()));
    }
    code::hold(tx, &name.account, stored)?;
    code::release(
        tx,
        &context.located(&name.account, &name.region),
        &before.code,
    )?;
    save_update(tx, context, &name, &mut record, &before)?;
    if input.publish {
        let published = version::publish_latest(tx, context, &name, record, None)?;
        return Ok(published.answer(&name, name.arn_of(&published.version)));
    }
    Ok(record.latest.answer(&name, name.arn()))
}

/// The function, if it may be changed now and is what the caller thinks it is.
fn changeable(
    tx: &Tx<'_>,
    name: &FunctionName,
    revision_id: Option<&str>,
) -> Result<FunctionRecord> {
    let record = resolve::function(tx, name)?;
    if revision_id.is_some_and(|revision| revision != record.latest.revision_id) {
        return Err(errors::stale_revision("GetFunction/GetAlias"));
    }
    if record.latest.update_status == Some(UpdateStatus::InProgress) {
        return Err(errors::update_in_progress(name.arn()));
    }
    if record.latest.state == State::Pending {
        return Err(errors::not_ready("Pending"));
    }
    Ok(record)
}

fn save_update(
    tx: &mut Tx<'_>,
    context: &Context,
    name: &FunctionName,
    record: &mut FunctionRecord,
    before: &VersionRecord,
) -> Result<()> {
    retire_later(tx, context, name, before)?;
    record.latest.begin_update(context);
    tx.save(FUNCTIONS, name.key(), record)?;
    become_ready_soon(tx, context, name, &record.latest)
}

/// Leaves the event that ends Pending or InProgress.
pub(super) fn become_ready_soon(
    tx: &mut Tx<'_>,
    context: &Context,
    name: &FunctionName,
    record: &VersionRecord,
) -> Result<()> {
    let event = Event::FunctionReady {
        function_arn: name.arn_of(&record.version),
        revision_id: record.revision_id.clone(),
    };
    outbox::emit(tx, context.now, event)?;
    Ok(())
}

/// Has the execution environments of what was replaced or removed stopped.
fn retire_later(
    tx: &mut Tx<'_>,
    context: &Context,
    name: &FunctionName,
    record: &VersionRecord,
) -> Result<()> {
    let event = Event::Timer {
        service: "lambda".into(),
        kind: RETIRE_TIMER.into(),
        subject: environment_key(name, record),
        detail: json!({}),
    };
    outbox::emit(tx, context.now, event)?;
    Ok(())
}

/// What tells the execution environments of one version's present code and configuration from all others.
pub(super) fn environment_key(name: &FunctionName, record: &VersionRecord) -> String {
    format!("{} {}", name.arn_of(&record.version), record.environment_id)
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html>
pub(super) fn delete(
    tx: &mut Tx<'_>,
    context: &Context,
    input: FunctionInput,
) -> Result<serde_json::Value> {
    let name = FunctionName::qualified(context, &input.function_name, input.qualifier.as_deref())?;
    let record = resolve::function(tx, &name)?;
    match name.qualifier.as_deref() {
        None => delete_whole(tx, context, &name, &record)?,
        Some(LATEST) => {
            return Err(errors::invalid(
                "$LATEST version cannot be deleted without deleting the function.",
            ));
        }
        Some(number) if is_version_number(number) => delete_version(tx, context, &name, number)?,
        Some(_) => {
            return Err(errors::invalid(
                "Deletion of aliases is not currently supported.",
            ));
        }
    }
    Ok(json!({ "StatusCode": 204 }))
}

fn delete_whole(
    tx: &mut Tx<'_>,
    context: &Context,
    name: &FunctionName,
    record: &FunctionRecord,
) -> Result<()> {
    for number in version::numbers(tx, name)? {
        remove_version(tx, context, name, &number)?;
    }
    url::delete_all(tx, name)?;
    for table in [ALIASES, POLICIES, INVOKE_CONFIGS] {
        let keys: Vec<Vec<u8>> = tx
            .prefix(table, name.key(), Direction::Forward)?
            .map(|pair| pair.map(|(key, _)| key))
            .collect::<Result<_, _>>()?;
        for key in keys {
            tx.delete(table, key)?;
        }
    }
    tx.delete(RESERVED, name.key())?;
    tx.delete(FUNCTIONS, name.key())?;
    retire_later(tx, context, name, &record.latest)?;
    code::release_all(tx, context, name, &record.latest)
}

fn delete_version(
    tx: &mut Tx<'_>,
    context: &Context,
    name: &FunctionName,
    number: &str,
) -> Result<()> {
    let mut pointing = Vec::new();
    for pair in tx.prefix(ALIASES, name.key(), Direction::Forward)? {
        let (key, _) = pair?;
        let alias: Option<AliasRecord> = tx.load(ALIASES, key)?;
        let points = |alias: &AliasRecord| {
            alias.function_version == number || alias.weights.contains_key(number)
        };
        pointing.extend(alias.filter(points).map(|alias| alias.name));
    }
    if !pointing.is_empty() {
        return Err(errors::conflict(format!(
            "Unable to delete version because the following aliases reference it: [{}]",
            pointing.join(", ")
        )));
    }
    remove_version(tx, context, name, number)
}

/// Removes a version with its policy and settings; an absent one is no error.
fn remove_version(
    tx: &mut Tx<'_>,
    context: &Context,
    name: &FunctionName,
    number: &str,
) -> Result<()> {
    let key = version_key(name, number);
    let Some(record) = tx.load::<VersionRecord>(VERSIONS, &key)? else {
        return Ok(());
    };
    tx.delete(VERSIONS, &key)?;
    tx.delete(POLICIES, part_key(name, number))?;
    tx.delete(INVOKE_CONFIGS, part_key(name, number))?;
    retire_later(tx, context, name, &record)?;
    code::release_all(tx, context, name, &record)
}

/// The function as a whole: some operations take no qualifier but tolerate one.
pub(super) fn whole(context: &Context, function: &str) -> Result<FunctionName> {
    Ok(FunctionName {
        qualifier: None,
        ..FunctionName::parse(context, function)?
    })
}
