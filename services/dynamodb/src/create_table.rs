//! CreateTable.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html>

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::describe::description;
use super::errors::in_use;
use super::state::{Encryption, ResourcePolicy, Status, TableRecord, Throughput};
use super::table::{self, Location};
use super::table_api::{TableInput, ThroughputInput};
use super::{encryption, lifecycle, schema, streams, tags};

const NAME_MIN: usize = 3;

pub(super) fn create_table(tx: &mut Tx<'_>, context: &Context, input: TableInput) -> Result<Value> {
    refuse_unbuilt(&input)?;
    let location = Location::new(context, &input.table_name);
    location.check(NAME_MIN)?;
    let mut record = record(tx, context, &location, &input)?;
    if table::load(tx, &location)?.is_some() {
        return Err(in_use(format!("Table already exists: {}", location.name)));
    }
    record.encryption = encryption::new(tx, context, input.encryption.as_ref(), &location.name)?;
    if let Some(stream) = input.stream_specification.as_ref() {
        streams::configure(tx, context, &mut record, stream)?;
    }
    table::save(tx, &record)?;
    lifecycle::schedule(tx, context, &record)?;
    Ok(json!({"TableDescription": description(tx, &record)?}))
}

/// What is not there is refused by name.
pub(super) fn refuse_unbuilt(input: &TableInput) -> Result<()> {
    if input.replica_updates.is_some()
        || input.global_table_witness_updates.is_some()
        || input.multi_region_consistency.is_some()
    {
        return Err(Error::not_implemented("dynamodb: global tables"));
    }
    Ok(())
}

fn record(
    tx: &mut Tx<'_>,
    context: &Context,
    location: &Location,
    input: &TableInput,
) -> Result<TableRecord> {
    let on_demand = input.billing_mode.as_deref() == Some("PAY_PER_REQUEST");
    let global = input
        .global_secondary_indexes
        .as_deref()
        .unwrap_or_default();
    schema::check_billing(on_demand, input.provisioned_throughput, global)?;
    let attributes =
        schema::attributes(input.attribute_definitions.as_deref().unwrap_or_default())?;
    let keys = schema::simple_keys(&input.key_schema)?;
    schema::check_defined(&keys, &attributes)?;
    let indexes = schema::indexes(input, &keys, &attributes)?;
    schema::check_all_used(&attributes, &keys, &indexes)?;
    let given_tags = input.tags.as_deref().unwrap_or_default();
    let mut tags = BTreeMap::new();
    tags::add(&mut tags, given_tags)?;
    let policy = input.resource_policy.clone();
    Ok(TableRecord {
        account: location.account.clone(),
        region: location.region.clone(),
        name: location.name.clone(),
        id: context.ids.uuid(),
        number: tx.next_sequence()?,
        status: Status::Creating,
        created: context.now,
        attributes,
        keys,
        next_index_number: u32::try_from(indexes.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1),
        indexes,
        on_demand,
        last_to_on_demand: on_demand.then_some(context.now),
        billing_named: on_demand,
        throughput: throughput(input.provisioned_throughput),
        on_demand_limits: input.on_demand_throughput.clone(),
        warm_throughput: input.warm_throughput,
        class: input.table_class.clone(),
        class_changed: None,
        deletion_protected: input.deletion_protection_enabled == Some(true),
        encryption: Encryption::Owned { key: Vec::new() },
        stream: None,
        time_to_live: None,
        recovery: None,
        tags,
        policy: policy.map(|document| ResourcePolicy {
            document,
            revision: context.ids.uuid(),
        }),
        contributor_insights: BTreeMap::new(),
        restore: None,
        backups_under_way: Vec::new(),
        restores_under_way: Vec::new(),
        journal_left_over: false,
    })
}

fn throughput(given: Option<ThroughputInput>) -> Throughput {
    let given = given.unwrap_or_default();
    Throughput {
        read: given.read_capacity_units,
        write: given.write_capacity_units,
        ..Throughput::default()
    }
}
