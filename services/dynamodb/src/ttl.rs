//! Time to live: items that remove themselves.
//!
//! An index of expirations is kept beside the items; a timer sweeps what is due, and each removal goes
//! the way of DeleteItem on condition that the item still expires when the index said.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html>

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Event, Tx};
use serde_json::{Value, json};

use super::errors::{in_use, validation};
use super::items::{Writer, expiration_key, expiry_of};
use super::lifecycle::{self, purge};
use super::state::{Backfill, EXPIRATIONS, Status, TableRecord, TimeToLive};
use super::table::{self, Location, OpenTable};
use super::table_api::{NamedTableInput, UpdateTimeToLiveInput};

pub(super) const SWEEP: &str = "ttl-sweep";
const SWEEP_EVERY_S: i64 = 60;
const SWEEP_CHUNK: usize = 100;
const CHANGE_INTERVAL_S: i64 = 3600;
/// Older values are taken for mistakes and ignored.
const EXPIRED_MAX_S: i64 = 5 * 365 * 24 * 3600;

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html>
pub(super) fn update_time_to_live(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UpdateTimeToLiveInput,
) -> Result<Value> {
    let wanted = input.time_to_live_specification;
    if wanted.attribute_name.is_empty() {
        return Err(validation(
            "TimeToLiveSpecification.AttributeName must be non empty",
        ));
    }
    let mut record = table::named(tx, context, &input.table_name)?;
    if record.status != Status::Active {
        return Err(in_use(format!(
            "Attempt to change a resource which is still in use: Table is not active: {}",
            record.name
        )));
    }
    check_change(
        context,
        record.time_to_live.as_ref(),
        wanted.enabled,
        &wanted.attribute_name,
    )?;
    record.time_to_live = Some(TimeToLive {
        attribute: wanted.attribute_name.clone(),
        enabled: wanted.enabled,
        changed: context.now,
        indexed_through: Some(Backfill::default()),
    });
    table::save(tx, &record)?;
    lifecycle::schedule(tx, context, &record)?;
    if wanted.enabled {
        arm(tx, context, &record, SWEEP_EVERY_S)?;
    }
    let specification = json!({"Enabled": wanted.enabled, "AttributeName": wanted.attribute_name});
    Ok(json!({"TimeToLiveSpecification": specification}))
}

fn check_change(
    context: &Context,
    present: Option<&TimeToLive>,
    enable: bool,
    attribute: &str,
) -> Result<()> {
    let enabled = present.is_some_and(|present| present.enabled);
    if enabled == enable {
        let state = if enable { "enabled" } else { "disabled" };
        return Err(validation(format!("TimeToLive is already {state}")));
    }
    let Some(present) = present else {
        return Ok(());
    };
    if present.changed.plus_s(CHANGE_INTERVAL_S) > context.now {
        return Err(validation(
            "Time to live has been modified multiple times within a fixed interval",
        ));
    }
    if present.enabled && present.attribute != attribute {
        return Err(validation(format!(
            "TimeToLive is active on a different AttributeName: current AttributeName is {}",
            present.attribute
        )));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeTimeToLive.html>
pub(super) fn describe_time_to_live(
    tx: &mut Tx<'_>,
    context: &Context,
    input: NamedTableInput,
) -> Result<Value> {
    let record = table::named(tx, context, &input.table_name)?;
    let description = match &record.time_to_live {
        None => json!({"TimeToLiveStatus": "DISABLED"}),
        Some(setting) => match (setting.enabled, setting.indexed_through.is_some()) {
            (false, false) => json!({"TimeToLiveStatus": "DISABLED"}),
            (enabled, working) => {
                let status = match (enabled, working) {
                    (true, true) => "ENABLING",
                    (true, false) => "ENABLED",
                    (false, _) => "DISABLING",
                };
                json!({"TimeToLiveStatus": status, "AttributeName": setting.attribute})
            }
        },
    };
    Ok(json!({"TimeToLiveDescription": description}))
}

/// Does a chunk of the work that switching on or off leaves; whether none is left.
pub(super) fn index_step(
    tx: &mut Tx<'_>,
    context: &Context,
    record: &mut TableRecord,
) -> Result<bool> {
    let Some(mut setting) = record.time_to_live.clone() else {
        return Ok(true);
    };
    let Some(after) = setting.indexed_through.take() else {
        return Ok(true);
    };
    setting.indexed_through = if setting.enabled {
        lifecycle::index_expiries(tx, context, record, &setting.attribute, &after)?
    } else {
        let emptied = purge(tx, EXPIRATIONS, &record.number.to_be_bytes())?;
        (!emptied).then_some(after)
    };
    let done = setting.indexed_through.is_none();
    record.time_to_live = Some(setting);
    Ok(done)
}

fn arm(tx: &mut Tx<'_>, context: &Context, record: &TableRecord, after_s: i64) -> Result<()> {
    let event = Event::Timer {
        service: "dynamodb".into(),
        kind: SWEEP.into(),
        subject: record.arn(),
        detail: json!({"table_id": record.id}),
    };
    outbox::emit(tx, context.now.plus_s(after_s), event)?;
    Ok(())
}

/// Removes a chunk of what has expired and arms the timer again.
pub(super) async fn sweep(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    engine
        .write(move |tx| {
            if let Event::Timer {
                subject, detail, ..
            } = &entry.event
            {
                let record = table::load(tx, &Location::new(&context, subject))?;
                let same =
                    |record: &std::sync::Arc<TableRecord>| detail["table_id"] == record.id.as_str();
                if let Some(record) = record.filter(same) {
                    sweep_chunk(
                        tx,
                        &lifecycle::as_service(&context, &record),
                        record.as_ref(),
                    )?;
                }
            }
            Ok(outbox::finish(tx, entry.id)?)
        })
        .await
}

fn sweep_chunk(tx: &mut Tx<'_>, context: &Context, record: &TableRecord) -> Result<()> {
    let enabled = record
        .time_to_live
        .as_ref()
        .filter(|setting| setting.enabled);
    let Some(setting) = enabled.filter(|_| record.status != Status::Deleting) else {
        return Ok(());
    };
    let due = due(tx, context, record)?;
    if !due.is_empty() {
        let table = OpenTable::of(tx, context, record.clone().into())?;
        for (second, key) in &due {
            let item = table.get(tx, key)?;
            match item.filter(|item| expiry_of(item, &setting.attribute) == Some(*second)) {
                Some(item) => {
                    table.change(tx, context, key, Some(&item), None, Writer::TimeToLive)?;
                }
                None => tx.delete(EXPIRATIONS, expiration_key(record, *second, key))?,
            }
        }
    }
    let again_s = if due.len() == SWEEP_CHUNK {
        0
    } else {
        SWEEP_EVERY_S
    };
    arm(tx, context, record, again_s)
}

/// Seconds of expiry and item keys of a chunk of what has expired.
fn due(tx: &Tx<'_>, context: &Context, record: &TableRecord) -> Result<Vec<(u64, Vec<u8>)>> {
    let now = context.now.seconds();
    let bound = |second: i64| expiration_key(record, second.max(0).unsigned_abs(), &[]);
    let (from, to) = (bound(now - EXPIRED_MAX_S), bound(now));
    let mut due = Vec::new();
    for pair in tx
        .range(EXPIRATIONS, &from, Some(&to), Direction::Forward)?
        .take(SWEEP_CHUNK)
    {
        let (key, _) = pair?;
        if let Some((second, item)) = key.get(8..).and_then(<[u8]>::split_first_chunk::<8>) {
            due.push((u64::from_be_bytes(*second), item.to_vec()));
        }
    }
    Ok(due)
}
