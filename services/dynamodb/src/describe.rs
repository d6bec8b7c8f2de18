//! A table as DescribeTable shows it.

use cumulet_engine::error::Result;
use cumulet_kernel::{Timestamp, Tx};
use serde_json::{Map, Value, json};

use super::items::tally;
use super::restore;
use super::state::{
    Encryption, IndexProjection, IndexRecord, KeySchema, Status, TableRecord, Throughput,
    WarmThroughput,
};

/// What on-demand tables bear from the start.
const WARM_READ_UNITS: i64 = 12_000;
const WARM_WRITE_UNITS: i64 = 4_000;

/// Seconds since the epoch, with a fraction.
pub(super) fn seconds(time: Timestamp) -> Value {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds stay far below 2^52"
    )]
    let seconds = time.milliseconds() as f64 / 1000.0;
    json!(seconds)
}

pub(super) fn key_schema(keys: &KeySchema) -> Value {
    let element = |name: &String, kind: &str| json!({"AttributeName": name, "KeyType": kind});
    let hash = keys.hash.iter().map(|name| element(name, "HASH"));
    hash.chain(keys.range.iter().map(|name| element(name, "RANGE")))
        .collect()
}

pub(super) fn projection(projection: &IndexProjection) -> Value {
    match projection {
        IndexProjection::All => json!({"ProjectionType": "ALL"}),
        IndexProjection::KeysOnly => json!({"ProjectionType": "KEYS_ONLY"}),
        IndexProjection::Include(names) => {
            json!({"ProjectionType": "INCLUDE", "NonKeyAttributes": names})
        }
    }
}

fn throughput(throughput: &Throughput) -> Value {
    let mut members = Map::new();
    if let Some(time) = throughput.last_increase {
        members.insert("LastIncreaseDateTime".into(), seconds(time));
    }
    if let Some(time) = throughput.last_decrease {
        members.insert("LastDecreaseDateTime".into(), seconds(time));
    }
    members.insert(
        "NumberOfDecreasesToday".into(),
        throughput.decreases_today.into(),
    );
    members.insert("ReadCapacityUnits".into(), throughput.read.into());
    members.insert("WriteCapacityUnits".into(), throughput.write.into());
    Value::Object(members)
}

fn warm_throughput(
    table: &TableRecord,
    throughput: &Throughput,
    asked: Option<WarmThroughput>,
) -> Value {
    let (read, write) = if table.on_demand {
        (WARM_READ_UNITS, WARM_WRITE_UNITS)
    } else {
        (throughput.read, throughput.write)
    };
    let read = asked
        .and_then(|asked| asked.read_units_per_second)
        .unwrap_or(read);
    let write = asked
        .and_then(|asked| asked.write_units_per_second)
        .unwrap_or(write);
    json!({"ReadUnitsPerSecond": read, "WriteUnitsPerSecond": write, "Status": "ACTIVE"})
}

fn index(tx: &Tx<'_>, table: &TableRecord, index: &IndexRecord) -> Result<Value> {
    let tally = tally(tx, table, index.number)?;
    let mut members = Map::new();
    members.insert("IndexName".into(), index.name.clone().into());
    members.insert("KeySchema".into(), key_schema(&index.keys));
    members.insert("Projection".into(), projection(&index.projection));
    if !index.local {
        members.insert("IndexStatus".into(), index.status.name().into());
        if index.backfill.is_some() && index.status == Status::Creating {
            members.insert("Backfilling".into(), true.into());
        }
        members.insert(
            "ProvisionedThroughput".into(),
            throughput(&index.throughput),
        );
        if let Some(limits) = &index.on_demand {
            members.insert("OnDemandThroughput".into(), limits.clone());
        }
        members.insert(
            "WarmThroughput".into(),
            warm_throughput(table, &index.throughput, index.warm_throughput),
        );
    }
    members.insert("IndexSizeBytes".into(), tally.size_bytes.into());
    members.insert("ItemCount".into(), tally.items.into());
    members.insert(
        "IndexArn".into(),
        format!("{}/index/{}", table.arn(), index.name).into(),
    );
    Ok(Value::Object(members))
}

fn indexes(tx: &Tx<'_>, table: &TableRecord, local: bool) -> Result<Option<Value>> {
    let indexes: Vec<Value> = table
        .indexes
        .iter()
        .filter(|index| index.local == local)
        .map(|one| index(tx, table, one))
        .collect::<Result<_>>()?;
    Ok((!indexes.is_empty()).then_some(Value::Array(indexes)))
}

/// `TableDescription`.
pub(super) fn description(tx: &Tx<'_>, table: &TableRecord) -> Result<Value> {
    let definitions: Value = table
        .attributes
        .iter()
        .map(|(name, kind)| json!({"AttributeName": name, "AttributeType": kind.name()}))
        .collect();
    let mut members = basic(tx, table)?;
    members.insert("AttributeDefinitions".into(), definitions);
    members.insert("KeySchema".into(), key_schema(&table.keys));
    members.insert("CreationDateTime".into(), seconds(table.created));
    members.insert(
        "WarmThroughput".into(),
        warm_throughput(table, &table.throughput, table.warm_throughput),
    );
    if let Some(restore) = &table.restore {
        members.insert("RestoreSummary".into(), restore::summary(restore));
    }
    add_streams(table, &mut members);
    add_settings(table, &mut members);
    Ok(Value::Object(members))
}

/// What DeleteTable answers: neither keys nor creation.
pub(super) fn deletion_description(tx: &Tx<'_>, table: &TableRecord) -> Result<Value> {
    basic(tx, table).map(Value::Object)
}

fn basic(tx: &Tx<'_>, table: &TableRecord) -> Result<Map<String, Value>> {
    let tally = tally(tx, table, 0)?;
    let mut members = Map::new();
    members.insert("TableName".into(), table.name.clone().into());
    members.insert("TableStatus".into(), table.status.name().into());
    members.insert(
        "ProvisionedThroughput".into(),
        throughput(&table.throughput),
    );
    members.insert("TableSizeBytes".into(), tally.size_bytes.into());
    members.insert("ItemCount".into(), tally.items.into());
    members.insert("TableArn".into(), table.arn().into());
    members.insert("TableId".into(), table.id.clone().into());
    if table.billing_named {
        let mut summary = Map::new();
        let mode = if table.on_demand {
            "PAY_PER_REQUEST"
        } else {
            "PROVISIONED"
        };
        summary.insert("BillingMode".into(), mode.into());
        if let Some(time) = table.last_to_on_demand {
            summary.insert("LastUpdateToPayPerRequestDateTime".into(), seconds(time));
        }
        members.insert("BillingModeSummary".into(), Value::Object(summary));
    }
    if let Some(indexes) = indexes(tx, table, true)? {
        members.insert("LocalSecondaryIndexes".into(), indexes);
    }
    if let Some(indexes) = indexes(tx, table, false)? {
        members.insert("GlobalSecondaryIndexes".into(), indexes);
    }
    members.insert(
        "DeletionProtectionEnabled".into(),
        table.deletion_protected.into(),
    );
    Ok(members)
}

fn add_streams(table: &TableRecord, members: &mut Map<String, Value>) {
    let Some(stream) = &table.stream else { return };
    if stream.enabled {
        let specification = json!({"StreamEnabled": true, "StreamViewType": stream.view_type});
        members.insert("StreamSpecification".into(), specification);
    }
    members.insert("LatestStreamLabel".into(), stream.label.clone().into());
    members.insert(
        "LatestStreamArn".into(),
        format!("{}/stream/{}", table.arn(), stream.label).into(),
    );
}

fn add_settings(table: &TableRecord, members: &mut Map<String, Value>) {
    if let Encryption::Kms { key_arn, .. } = &table.encryption {
        let encryption = json!({"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key_arn});
        members.insert("SSEDescription".into(), encryption);
    }
    if let Some(limits) = &table.on_demand_limits {
        members.insert("OnDemandThroughput".into(), limits.clone());
    }
    if let Some(class) = &table.class {
        let mut summary = Map::new();
        summary.insert("TableClass".into(), class.clone().into());
        if let Some(time) = table.class_changed {
            summary.insert("LastUpdateDateTime".into(), seconds(time));
        }
        members.insert("TableClassSummary".into(), Value::Object(summary));
    }
}
