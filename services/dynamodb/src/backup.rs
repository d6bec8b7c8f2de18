//! On-demand backups: a table as it was at the moment of asking, kept until it is deleted.
//!
//! The copy is made in chunks while the table goes on changing; the journal gives each item as it was.
//! A backup is sealed under its table's key, and carries the table's record, so it outlives the table.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/BackupRestore.html>

use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::key::end_of_prefix;
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Key, Tx};
use serde_json::{Value, json};

use super::backup_api::{BackupInput, CreateBackupInput, ListBackupsInput};
use super::describe::{key_schema, projection, seconds};
use super::errors::{table_named_not_found, validation};
use super::items::tally;
use super::journal::{self, Cut};
use super::lifecycle::{self, purge};
use super::state::{
    BACKUP_ITEMS, BACKUPS, Backfill, BackupRecord, BackupStatus, Encryption, IndexRecord, Status,
    TableRecord,
};
use super::table;

const CHUNK_ITEMS: usize = if cfg!(test) { 7 } else { 500 };
const LIST_MAX: usize = 100;

fn backup_key(account: &str, region: &str, arn: &str) -> Key {
    Key::new().text(account).text(region).text(arn)
}

fn key_of(backup: &BackupRecord) -> Key {
    backup_key(&backup.table.account, &backup.table.region, &backup.arn)
}

pub(super) fn not_found(arn: &str) -> Error {
    Error::new(
        "BackupNotFoundException",
        format!("Backup not found: {arn}"),
    )
}

/// The backup of this ARN, wherever the caller is.
pub(super) fn load(tx: &Tx<'_>, context: &Context, arn: &str) -> Result<BackupRecord> {
    let (account, region) = match Arn::parse(arn) {
        Some(parts) => (parts.account.to_owned(), parts.region.to_owned()),
        None => (context.account.to_string(), context.region.to_string()),
    };
    let found: Option<BackupRecord> = tx.load(BACKUPS, backup_key(&account, &region, arn))?;
    found
        .filter(|backup| backup.status != BackupStatus::Deleted)
        .ok_or_else(|| not_found(arn))
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateBackup.html>
pub(super) fn create_backup(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateBackupInput,
) -> Result<Value> {
    let mut record = table::named(tx, context, &input.table_name)
        .map_err(|error| table_named_not_found(error, &input.table_name))?;
    if record.status == Status::Creating || record.status == Status::Deleting {
        let text = format!("Table is not in ACTIVE state: {}", record.name);
        return Err(Error::new("TableInUseException", text));
    }
    let tally = tally(tx, &record, 0)?;
    let created = context.now;
    let id = format!("{:014}-{}", created.milliseconds(), context.ids.hex(8));
    let backup = BackupRecord {
        arn: format!("{}/backup/{id}", record.arn()),
        name: input.backup_name,
        number: tx.next_sequence()?,
        created,
        status: BackupStatus::Creating,
        cut: Cut::now(tx, context)?.parts(),
        after: Backfill::default(),
        items: tally.items,
        size_bytes: tally.size_bytes,
        restores: 0,
        table: record.clone(),
    };
    tx.save(BACKUPS, key_of(&backup), &backup)?;
    record.backups_under_way.push(backup.arn.clone());
    table::save(tx, &record)?;
    lifecycle::schedule(tx, context, &record)?;
    Ok(json!({"BackupDetails": details(&backup)}))
}

/// Copies a chunk of the table's first backup under way; whether none is left.
pub(super) fn step(tx: &mut Tx<'_>, record: &mut TableRecord) -> Result<bool> {
    let Some(arn) = record.backups_under_way.first() else {
        return Ok(true);
    };
    let key = backup_key(&record.account, &record.region, arn);
    let Some(mut backup) = tx.load::<BackupRecord>(BACKUPS, &key)? else {
        record.backups_under_way.remove(0);
        return Ok(false);
    };
    let cut = Cut::of_parts(backup.cut.0, backup.cut.1);
    let chunk = journal::as_of(tx, record.number, &backup.after.after, cut, CHUNK_ITEMS)?;
    let is_last = chunk.len() < CHUNK_ITEMS;
    if let Some((last, _)) = chunk.last() {
        backup.after.after.clone_from(last);
    }
    for (item, sealed) in chunk {
        if let Some(sealed) = sealed {
            let place = [&backup.number.to_be_bytes()[..], &item].concat();
            tx.put(BACKUP_ITEMS, place, sealed)?;
        }
    }
    if is_last {
        backup.status = BackupStatus::Available;
        record.backups_under_way.remove(0);
        record.journal_left_over = true;
    }
    tx.save(BACKUPS, key, &backup)?;
    Ok(record.backups_under_way.is_empty())
}

/// The next items of a whole backup, with the store keys they had.
pub(super) fn chunk(
    tx: &Tx<'_>,
    backup: &BackupRecord,
    after: &[u8],
    limit: usize,
) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let prefix = backup.number.to_be_bytes();
    let from = match after {
        [] => prefix.to_vec(),
        after => [&prefix[..], after, &[0]].concat(),
    };
    let end = end_of_prefix(&prefix);
    let rows = tx.range(BACKUP_ITEMS, &from, end.as_deref(), Direction::Forward)?;
    let rows = rows.take(limit).map(|pair| {
        let (key, sealed) = pair?;
        Ok((key[prefix.len()..].to_vec(), sealed))
    });
    rows.collect()
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeBackup.html>
pub(super) fn describe_backup(
    tx: &mut Tx<'_>,
    context: &Context,
    input: BackupInput,
) -> Result<Value> {
    let backup = load(tx, context, &input.backup_arn)?;
    Ok(json!({"BackupDescription": description(&backup)}))
}

/// The items go at once: they lie beside nothing that anybody waits for.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteBackup.html>
pub(super) fn delete_backup(
    tx: &mut Tx<'_>,
    context: &Context,
    input: BackupInput,
) -> Result<Value> {
    let mut backup = load(tx, context, &input.backup_arn)?;
    if backup.status == BackupStatus::Creating || backup.restores > 0 {
        let text = format!("Backup is being created or restored: {}", backup.arn);
        return Err(Error::new("BackupInUseException", text));
    }
    while !purge(tx, BACKUP_ITEMS, &backup.number.to_be_bytes())? {}
    tx.delete(BACKUPS, key_of(&backup))?;
    backup.status = BackupStatus::Deleted;
    Ok(json!({"BackupDescription": description(&backup)}))
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ListBackups.html>
pub(super) fn list_backups(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListBackupsInput,
) -> Result<Value> {
    let limit = input.limit.unwrap_or(LIST_MAX).min(LIST_MAX);
    if !matches!(input.backup_type.as_deref(), None | Some("USER" | "ALL")) {
        return Ok(json!({"BackupSummaries": []}));
    }
    let prefix = Key::new().text(&context.account).text(&context.region);
    let from = match &input.exclusive_start_backup_arn {
        Some(arn) => [prefix.clone().text(arn).as_slice(), &[0]].concat(),
        None => prefix.as_slice().to_vec(),
    };
    let end = end_of_prefix(prefix.as_slice());
    let mut found: Vec<BackupRecord> = Vec::new();
    for pair in tx.range(BACKUPS, &from, end.as_deref(), Direction::Forward)? {
        let backup: BackupRecord = cumulet_kernel::store::decode(&pair?.1)?;
        if is_wanted(&backup, &input) {
            found.push(backup);
        }
        if found.len() > limit {
            break;
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let mut answer = json!({"BackupSummaries": found.iter().map(summary).collect::<Vec<_>>()});
    if let Some(last) = found.last().filter(|_| more) {
        answer["LastEvaluatedBackupArn"] = last.arn.as_str().into();
    }
    Ok(answer)
}

fn is_wanted(backup: &BackupRecord, input: &ListBackupsInput) -> bool {
    let table = input.table_name.as_deref();
    let is_of_table =
        table.is_none_or(|table| table == backup.table.name || table == backup.table.arn());
    let created = seconds(backup.created).as_f64().unwrap_or_default();
    let from = input.time_range_lower_bound.unwrap_or(f64::MIN);
    let to = input.time_range_upper_bound.unwrap_or(f64::MAX);
    is_of_table && (from..to).contains(&created)
}

fn details(backup: &BackupRecord) -> Value {
    json!({
        "BackupArn": backup.arn,
        "BackupName": backup.name,
        "BackupSizeBytes": backup.size_bytes,
        "BackupStatus": backup.status.name(),
        "BackupType": "USER",
        "BackupCreationDateTime": seconds(backup.created),
    })
}

fn summary(backup: &BackupRecord) -> Value {
    let mut summary = details(backup);
    summary["TableName"] = backup.table.name.as_str().into();
    summary["TableId"] = backup.table.id.as_str().into();
    summary["TableArn"] = backup.table.arn().into();
    summary
}

fn description(backup: &BackupRecord) -> Value {
    let table = &backup.table;
    let mode = if table.on_demand {
        "PAY_PER_REQUEST"
    } else {
        "PROVISIONED"
    };
    let throughput = json!({
        "ReadCapacityUnits": table.throughput.read, "WriteCapacityUnits": table.throughput.write,
    });
    json!({
        "BackupDetails": details(backup),
        "SourceTableDetails": {
            "TableName": table.name,
            "TableId": table.id,
            "TableArn": table.arn(),
            "TableSizeBytes": backup.size_bytes,
            "KeySchema": key_schema(&table.keys),
            "TableCreationDateTime": seconds(table.created),
            "ProvisionedThroughput": throughput,
            "ItemCount": backup.items,
            "BillingMode": mode,
        },
        "SourceTableFeatureDetails": features(table),
    })
}

/// The table's indexes and settings at the time.
fn features(table: &TableRecord) -> Value {
    let index = |index: &IndexRecord| {
        let mut shown = json!({
            "IndexName": index.name,
            "KeySchema": key_schema(&index.keys),
            "Projection": projection(&index.projection),
        });
        if !index.local {
            shown["ProvisionedThroughput"] = json!({
                "ReadCapacityUnits": index.throughput.read,
                "WriteCapacityUnits": index.throughput.write,
            });
        }
        shown
    };
    let mut features = json!({});
    for (member, local) in [
        ("LocalSecondaryIndexes", true),
        ("GlobalSecondaryIndexes", false),
    ] {
        let indexes = table.indexes.iter().filter(|index| index.local == local);
        let indexes: Vec<Value> = indexes.map(index).collect();
        if !indexes.is_empty() {
            features[member] = indexes.into();
        }
    }
    if let Some(stream) = table.stream.as_ref().filter(|stream| stream.enabled) {
        features["StreamDescription"] =
            json!({"StreamEnabled": true, "StreamViewType": stream.view_type});
    }
    if let Some(lifetime) = table.time_to_live.as_ref().filter(|it| it.enabled) {
        features["TimeToLiveDescription"] =
            json!({"TimeToLiveStatus": "ENABLED", "AttributeName": lifetime.attribute});
    }
    if let Encryption::Kms { key_arn, .. } = &table.encryption {
        features["SSEDescription"] =
            json!({"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key_arn});
    }
    features
}

/// Notes that a table is being made of the backup, or that it is made.
pub(super) fn note_restore(tx: &mut Tx<'_>, mut backup: BackupRecord, begins: bool) -> Result<()> {
    if begins && backup.status != BackupStatus::Available {
        return Err(validation(format!(
            "Backup is not in AVAILABLE state: {}",
            backup.arn
        )));
    }
    backup.restores = match begins {
        true => backup.restores + 1,
        false => backup.restores.saturating_sub(1),
    };
    tx.save(BACKUPS, key_of(&backup), &backup)?;
    Ok(())
}
