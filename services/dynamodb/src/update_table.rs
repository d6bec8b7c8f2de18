//! UpdateTable: one change of a table at a time.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html>

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::create_table::refuse_unbuilt;
use super::describe::description;
use super::errors::{in_use, invalid_parameter, table_not_found, validation};
use super::state::{Backfill, STREAMS, Status, StreamRecord, TableRecord, Throughput};
use super::streams::{self, stream_arn, stream_key};
use super::table_api::{IndexInput, IndexUpdate, TableInput, ThroughputInput};
use super::{encryption, lifecycle, schema, table};

pub(super) fn update_table(tx: &mut Tx<'_>, context: &Context, input: TableInput) -> Result<Value> {
    refuse_unbuilt(&input)?;
    check_something_given(&input)?;
    let mut record = table::named(tx, context, &input.table_name)?;
    let busy = match record.status {
        Status::Active => None,
        Status::Creating => Some("created"),
        Status::Updating => Some("updated"),
        Status::Deleting => Some("deleted"),
    };
    if let Some(busy) = busy {
        let name = &record.name;
        return Err(in_use(format!(
            "Attempt to change a resource which is still in use: Table is being {busy}: {name}"
        )));
    }
    merge_attributes(&mut record, &input)?;
    update_billing(context, &mut record, &input)?;
    update_indexes(
        context,
        &mut record,
        input
            .global_secondary_index_updates
            .as_deref()
            .unwrap_or_default(),
    )?;
    if let Some(stream) = &input.stream_specification {
        streams::configure(tx, context, &mut record, stream)?;
    }
    if input.encryption.is_some() {
        encryption::replace(tx, context, &mut record, input.encryption.as_ref())?;
        follow_encryption(tx, &record)?;
    }
    update_settings(context, &mut record, &input);
    record.status = Status::Updating;
    table::save(tx, &record)?;
    lifecycle::schedule(tx, context, &record)?;
    Ok(json!({"TableDescription": description(tx, &record)?}))
}

fn check_something_given(input: &TableInput) -> Result<()> {
    let given = [
        input.billing_mode.is_some(),
        input.provisioned_throughput.is_some(),
        input.on_demand_throughput.is_some(),
        input.global_secondary_index_updates.is_some(),
        input.stream_specification.is_some(),
        input.encryption.is_some(),
        input.table_class.is_some(),
        input.deletion_protection_enabled.is_some(),
        input.warm_throughput.is_some(),
    ];
    if given.contains(&true) {
        return Ok(());
    }
    Err(validation(
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required",
    ))
}

/// New definitions join those that are there and may not contradict them.
fn merge_attributes(record: &mut TableRecord, input: &TableInput) -> Result<()> {
    let creates = input
        .global_secondary_index_updates
        .iter()
        .flatten()
        .any(|update| update.create.is_some());
    if !creates {
        return Ok(());
    }
    for (name, kind) in
        schema::attributes(input.attribute_definitions.as_deref().unwrap_or_default())?
    {
        match record.attribute_type(&name) {
            Some(known) if known == kind => {}
            Some(known) => {
                return Err(invalid_parameter(format!(
                    "Attribute Name is specified as type {} but it is already defined as type {}: {name}",
                    kind.name(),
                    known.name()
                )));
            }
            None => record.attributes.push((name, kind)),
        }
    }
    Ok(())
}

fn update_billing(context: &Context, record: &mut TableRecord, input: &TableInput) -> Result<()> {
    let on_demand = match input.billing_mode.as_deref() {
        Some(mode) => mode == "PAY_PER_REQUEST",
        None => record.on_demand,
    };
    if on_demand && input.provisioned_throughput.is_some() {
        return schema::check_billing(true, input.provisioned_throughput, &[]);
    }
    if input.billing_mode.is_some() {
        record.billing_named = true;
    }
    match (record.on_demand, on_demand) {
        (false, true) => {
            record.last_to_on_demand = Some(context.now);
            record.throughput = Throughput::default();
            record
                .indexes
                .iter_mut()
                .for_each(|index| index.throughput = Throughput::default());
        }
        (true, false) => {
            let Some(given) = input.provisioned_throughput else {
                return schema::check_billing(false, None, &[]);
            };
            record.throughput = Throughput::default();
            set_throughput(context, &mut record.throughput, given);
        }
        (false, false) => {
            if let Some(given) = input.provisioned_throughput {
                check_throughput_changes(record, given, input)?;
                set_throughput(context, &mut record.throughput, given);
            }
        }
        (true, true) => {}
    }
    record.on_demand = on_demand;
    Ok(())
}

fn check_throughput_changes(
    record: &TableRecord,
    given: ThroughputInput,
    input: &TableInput,
) -> Result<()> {
    let present = &record.throughput;
    let same =
        (present.read, present.write) == (given.read_capacity_units, given.write_capacity_units);
    if !same || input.global_secondary_index_updates.is_some() {
        return Ok(());
    }
    Err(validation(format!(
        "The provisioned throughput for the table will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for the table: {read}. Requested ReadCapacityUnits: {read}. Current WriteCapacityUnits provisioned for the table: {write}. Requested WriteCapacityUnits: {write}. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
        read = present.read,
        write = present.write
    )))
}

fn set_throughput(context: &Context, throughput: &mut Throughput, given: ThroughputInput) {
    let (read, write) = (given.read_capacity_units, given.write_capacity_units);
    if read > throughput.read || write > throughput.write {
        throughput.last_increase = Some(context.now);
    }
    if read < throughput.read || write < throughput.write {
        throughput.last_decrease = Some(context.now);
        throughput.decreases_today += 1;
    }
    (throughput.read, throughput.write) = (read, write);
}

fn update_indexes(
    context: &Context,
    record: &mut TableRecord,
    updates: &[IndexUpdate],
) -> Result<()> {
    let online = updates
        .iter()
        .filter(|update| update.create.is_some() || update.delete.is_some())
        .count();
    if online > 1 {
        return Err(Error::new(
            "LimitExceededException",
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
        ));
    }
    for update in updates {
        match update {
            IndexUpdate {
                create: Some(index),
                ..
            } => create_index(record, index)?,
            IndexUpdate {
                delete: Some(index),
                ..
            } => existing(record, &index.index_name)?.status = Status::Deleting,
            IndexUpdate {
                update: Some(index),
                ..
            } => {
                let given = index.provisioned_throughput;
                let found = existing(record, &index.index_name)?;
                if let Some(given) = given {
                    set_throughput(context, &mut found.throughput, given);
                }
                if index.on_demand_throughput.is_some() {
                    found.on_demand = index.on_demand_throughput.clone();
                }
                found.status = Status::Updating;
            }
            _ => {
                return Err(invalid_parameter(
                    "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null",
                ));
            }
        }
    }
    Ok(())
}

fn existing<'a>(
    record: &'a mut TableRecord,
    name: &str,
) -> Result<&'a mut super::state::IndexRecord> {
    let found = record
        .indexes
        .iter_mut()
        .find(|index| !index.local && index.name == name);
    found.ok_or_else(table_not_found)
}

fn create_index(record: &mut TableRecord, input: &IndexInput) -> Result<()> {
    if record.index(&input.index_name).is_some() {
        return Err(validation(
            "Attempting to create an index which already exists",
        ));
    }
    if record.on_demand == input.provisioned_throughput.is_some() {
        let table = (!record.on_demand).then(ThroughputInput::default);
        schema::check_billing(record.on_demand, table, std::slice::from_ref(input))?;
    }
    let mut index = schema::index(input, false, record.next_index_number, &record.attributes)?;
    index.backfill = Some(Backfill::default());
    record.next_index_number += 1;
    record.indexes.push(index);
    schema::check_counts(&record.indexes)
}

/// The table's stream is opened with the table's key.
fn follow_encryption(tx: &mut Tx<'_>, record: &TableRecord) -> Result<()> {
    let Some(stream) = &record.stream else {
        return Ok(());
    };
    let key = stream_key(
        &record.account,
        &record.region,
        &stream_arn(record, &stream.label),
    );
    if let Some(mut stored) = tx.load::<StreamRecord>(STREAMS, &key)? {
        stored.encryption = record.encryption.clone();
        tx.save(STREAMS, key, &stored)?;
    }
    Ok(())
}

fn update_settings(context: &Context, record: &mut TableRecord, input: &TableInput) {
    if input.table_class.is_some() && input.table_class != record.class {
        record.class = input.table_class.clone();
        record.class_changed = Some(context.now);
    }
    if let Some(protected) = input.deletion_protection_enabled {
        record.deletion_protected = protected;
    }
    if input.on_demand_throughput.is_some() {
        record.on_demand_limits = input.on_demand_throughput.clone();
    }
    if input.warm_throughput.is_some() {
        record.warm_throughput = input.warm_throughput;
    }
}
