//! Tables made anew out of what a table was: from a backup, or at a point in time.
//!
//! The new table is CREATING until its items are in. It has the old one's keys, indexes, billing and
//! encryption, unless told otherwise, and none of its tags, stream, time to live, policy, recovery or
//! protection.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery_Howitworks.html>

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::{Timestamp, Tx};
use serde_json::{Value, json};

use super::backup_api::RestoreInput;
use super::describe::description;
use super::errors::{table_named_not_found, validation};
use super::items::Writer;
use super::journal::{self, Cut};
use super::key::item_key;
use super::settings::restorable;
use super::state::{
    Backfill, Encryption, IndexRecord, Restore, RestoreSource, Status, TableRecord, Throughput,
};
use super::table::{self, Location, OpenTable};
use super::table_api::{EncryptionInput, IndexInput};
use super::{backup, encryption, lifecycle, schema};

const NAME_MIN: usize = 3;
const CHUNK_ITEMS: usize = if cfg!(test) { 7 } else { 200 };

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_RestoreTableFromBackup.html>
pub(super) fn restore_table_from_backup(
    tx: &mut Tx<'_>,
    context: &Context,
    input: RestoreInput,
) -> Result<Value> {
    let location = target(tx, context, &input)?;
    let backup = backup::load(tx, context, &input.backup_arn)?;
    let restore = Restore {
        source: RestoreSource::Backup {
            arn: backup.arn.clone(),
        },
        source_table: backup.table.arn(),
        at: backup.created,
        after: Backfill::default(),
        in_progress: true,
    };
    let source = backup.table.clone();
    backup::note_restore(tx, backup, true)?;
    make(tx, context, &location, &source, &input, restore)
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_RestoreTableToPointInTime.html>
pub(super) fn restore_table_to_point_in_time(
    tx: &mut Tx<'_>,
    context: &Context,
    input: RestoreInput,
) -> Result<Value> {
    let location = target(tx, context, &input)?;
    let mut source = table::named(tx, context, input.source())
        .map_err(|error| table_named_not_found(error, input.source()))?;
    let at = moment(context, &source, &input)?;
    let restore = Restore {
        source: RestoreSource::Table {
            account: source.account.clone(),
            region: source.region.clone(),
            name: source.name.clone(),
        },
        source_table: source.arn(),
        at,
        after: Backfill::default(),
        in_progress: true,
    };
    source.restores_under_way.push(location.arn());
    table::save(tx, &source)?;
    make(tx, context, &location, &source, &input, restore)
}

/// Where the new table will be.
fn target(tx: &Tx<'_>, context: &Context, input: &RestoreInput) -> Result<Location> {
    let location = Location::new(context, &input.target_table_name);
    location.check(NAME_MIN)?;
    if table::load(tx, &location)?.is_some() {
        let text = format!("Table already exists: {}", location.name);
        return Err(Error::new("TableAlreadyExistsException", text));
    }
    Ok(location)
}

/// The millisecond up to which changes are in.
fn moment(context: &Context, source: &TableRecord, input: &RestoreInput) -> Result<Timestamp> {
    let Some((earliest, latest)) = restorable(context, source) else {
        let text = format!(
            "Point in time recovery is not enabled for table '{}'",
            source.name
        );
        return Err(Error::new("PointInTimeRecoveryUnavailableException", text));
    };
    let at = match (input.use_latest_restorable_time, input.restore_date_time) {
        (Some(true), Some(_)) => {
            return Err(validation(
                "Only one of RestoreDateTime and UseLatestRestorableTime can be specified",
            ));
        }
        (Some(true), None) => return Ok(latest),
        (_, Some(at)) => from_seconds(at),
        (_, None) => {
            return Err(validation(
                "One of RestoreDateTime and UseLatestRestorableTime must be specified",
            ));
        }
    };
    // A whole second means all of it that had passed when the first restorable state was written.
    if at < earliest.plus_ms(-999) || at > latest {
        let text = "RestoreDateTime is not between EarliestRestorableDateTime and LatestRestorableDateTime";
        return Err(Error::new("InvalidRestoreTimeException", text));
    }
    Ok(at.max(earliest))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "milliseconds of any date fit; what does not is out of the window"
)]
fn from_seconds(seconds: f64) -> Timestamp {
    Timestamp((seconds * 1000.0).round() as i64)
}

fn make(
    tx: &mut Tx<'_>,
    context: &Context,
    location: &Location,
    source: &TableRecord,
    input: &RestoreInput,
    restore: Restore,
) -> Result<Value> {
    let mut record = record(tx, context, location, source, input)?;
    let wanted = input.encryption_override.clone();
    let wanted = wanted.or_else(|| same_encryption(&source.encryption));
    record.encryption = encryption::new(tx, context, wanted.as_ref(), &location.name)?;
    record.restore = Some(restore);
    table::save(tx, &record)?;
    lifecycle::schedule(tx, context, &record)?;
    Ok(json!({"TableDescription": description(tx, &record)?}))
}

fn same_encryption(encryption: &Encryption) -> Option<EncryptionInput> {
    match encryption {
        Encryption::Owned { .. } => None,
        Encryption::Kms { key_arn, .. } => Some(EncryptionInput {
            enabled: Some(true),
            kms_key_id: Some(key_arn.clone()),
        }),
    }
}

fn record(
    tx: &mut Tx<'_>,
    context: &Context,
    location: &Location,
    source: &TableRecord,
    input: &RestoreInput,
) -> Result<TableRecord> {
    let on_demand = input
        .billing_mode_override
        .as_deref()
        .map_or(source.on_demand, |mode| mode == "PAY_PER_REQUEST");
    let given = input.provisioned_throughput_override;
    let throughput = match given {
        Some(given) => (given.read_capacity_units, given.write_capacity_units),
        None => (source.throughput.read, source.throughput.write),
    };
    if !on_demand && throughput.0.min(throughput.1) < 1 {
        return Err(validation(
            "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        ));
    }
    let mut record = TableRecord {
        account: location.account.clone(),
        region: location.region.clone(),
        name: location.name.clone(),
        id: context.ids.uuid(),
        number: tx.next_sequence()?,
        status: Status::Creating,
        created: context.now,
        indexes: indexes(source, input)?,
        on_demand,
        last_to_on_demand: on_demand.then_some(context.now),
        billing_named: on_demand,
        throughput: Throughput {
            read: if on_demand { 0 } else { throughput.0 },
            write: if on_demand { 0 } else { throughput.1 },
            ..Throughput::default()
        },
        deletion_protected: false,
        encryption: Encryption::Owned { key: Vec::new() },
        stream: None,
        time_to_live: None,
        recovery: None,
        tags: BTreeMap::new(),
        policy: None,
        contributor_insights: BTreeMap::new(),
        restore: None,
        backups_under_way: Vec::new(),
        restores_under_way: Vec::new(),
        journal_left_over: false,
        ..source.clone()
    };
    lifecycle::forget_unused_attributes(&mut record);
    Ok(record)
}

/// The old table's indexes, or those of them that are named.
fn indexes(source: &TableRecord, input: &RestoreInput) -> Result<Vec<IndexRecord>> {
    let mut indexes = Vec::new();
    for (local, named) in [
        (true, &input.local_secondary_index_override),
        (false, &input.global_secondary_index_override),
    ] {
        let had = source.indexes.iter().filter(|index| index.local == local);
        let had: Vec<&IndexRecord> = had
            .filter(|index| index.status != Status::Deleting)
            .collect();
        let wanted = |index: &&&IndexRecord| match named {
            Some(named) => named.iter().any(|one| one.index_name == index.name),
            None => true,
        };
        refuse_others(&had, named.as_deref().unwrap_or_default())?;
        indexes.extend(had.iter().filter(wanted).map(|index| IndexRecord {
            status: Status::Creating,
            backfill: None,
            ..(**index).clone()
        }));
    }
    Ok(indexes)
}

/// A restore leaves indexes out; it makes no new ones and changes none.
fn refuse_others(had: &[&IndexRecord], named: &[IndexInput]) -> Result<()> {
    for one in named {
        let keys = schema::global_keys(&one.key_schema)?;
        if !had
            .iter()
            .any(|index| index.name == one.index_name && index.keys == keys)
        {
            return Err(validation(format!(
                "One or more parameter values were invalid: Index to be restored does not exist in the source table: {}",
                one.index_name
            )));
        }
    }
    Ok(())
}

/// Brings in a chunk of items; whether all are in.
pub(super) fn step(tx: &mut Tx<'_>, context: &Context, record: &mut TableRecord) -> Result<bool> {
    let Some(mut restore) = record.restore.take() else {
        return Ok(true);
    };
    if restore.in_progress {
        let done = bring_in(tx, context, record, &mut restore)?;
        restore.in_progress = !done;
        if done {
            let_go(tx, context, record, &restore)?;
        }
    }
    let done = !restore.in_progress;
    record.restore = Some(restore);
    Ok(done)
}

fn bring_in(
    tx: &mut Tx<'_>,
    context: &Context,
    record: &TableRecord,
    restore: &mut Restore,
) -> Result<bool> {
    let after = &restore.after.after;
    let (source, chunk) = match &restore.source {
        RestoreSource::Backup { arn } => {
            let backup = backup::load(tx, context, arn)?;
            let chunk = backup::chunk(tx, &backup, after, CHUNK_ITEMS)?;
            let chunk = chunk.into_iter().map(|(key, sealed)| (key, Some(sealed)));
            (backup.table, chunk.collect())
        }
        RestoreSource::Table { .. } => {
            let source = source_table(tx, restore)?
                .ok_or_else(|| Error::internal("the table to be restored is gone"))?;
            let cut = Cut::after_time(restore.at);
            let chunk = journal::as_of(tx, source.number, after, cut, CHUNK_ITEMS)?;
            (source, chunk)
        }
    };
    let as_source = lifecycle::as_service(context, &source);
    let old = OpenTable::of(tx, &as_source, source.into())?;
    let new = OpenTable::of(tx, context, record.clone().into())?;
    let is_last = chunk.len() < CHUNK_ITEMS;
    for (key, sealed) in chunk {
        if let Some(sealed) = sealed {
            let item = old.unseal(&key, &sealed)?;
            let place = item_key(&new.record, &item)?;
            new.change(tx, context, &place, None, Some(&item), Writer::Caller)?;
        }
        restore.after.after = key;
    }
    Ok(is_last)
}

fn source_table(tx: &Tx<'_>, restore: &Restore) -> Result<Option<TableRecord>> {
    let RestoreSource::Table {
        account,
        region,
        name,
    } = &restore.source
    else {
        return Ok(None);
    };
    let location = Location {
        account: account.clone(),
        region: region.clone(),
        name: name.clone(),
    };
    Ok(table::load(tx, &location)?.map(|record| record.as_ref().clone()))
}

/// Tells the source that it is needed no longer.
fn let_go(
    tx: &mut Tx<'_>,
    context: &Context,
    record: &TableRecord,
    restore: &Restore,
) -> Result<()> {
    if let RestoreSource::Backup { arn } = &restore.source {
        let backup = backup::load(tx, context, arn)?;
        return backup::note_restore(tx, backup, false);
    }
    if let Some(mut source) = source_table(tx, restore)? {
        let arn = record.arn();
        source.restores_under_way.retain(|target| *target != arn);
        source.journal_left_over = true;
        table::save(tx, &source)?;
        let as_source = lifecycle::as_service(context, &source);
        lifecycle::schedule(tx, &as_source, &source)?;
    }
    Ok(())
}

/// `RestoreSummary`.
pub(super) fn summary(restore: &Restore) -> Value {
    let mut summary = json!({
        "SourceTableArn": restore.source_table,
        "RestoreDateTime": super::describe::seconds(restore.at),
        "RestoreInProgress": restore.in_progress,
    });
    if let RestoreSource::Backup { arn } = &restore.source {
        summary["SourceBackupArn"] = arn.as_str().into();
    }
    summary
}
