//! What accounts and tables are set to: limits, continuous backups.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::{Timestamp, Tx};
use serde_json::{Value, json};

use super::describe::seconds;
use super::errors::{table_named_not_found, validation};
use super::lifecycle;
use super::state::{Recovery, TableRecord};
use super::table;
use super::table_api::{NamedTableInput, UpdateRecoveryInput};

const RECOVERY_DAYS: i64 = 35;

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeLimits.html>
pub(super) fn describe_limits(
    _tx: &mut Tx<'_>,
    _context: &Context,
    _input: Value,
) -> Result<Value> {
    Ok(json!({
        "AccountMaxReadCapacityUnits": 80_000, "AccountMaxWriteCapacityUnits": 80_000,
        "TableMaxReadCapacityUnits": 40_000, "TableMaxWriteCapacityUnits": 40_000,
    }))
}

fn recoverable(tx: &Tx<'_>, context: &Context, name: &str) -> Result<TableRecord> {
    table::named(tx, context, name).map_err(|error| table_named_not_found(error, name))
}

/// From when to when the table can be had as it was; `None` where recovery is off.
pub(super) fn restorable(
    context: &Context,
    record: &TableRecord,
) -> Option<(Timestamp, Timestamp)> {
    let recovery = record.recovery.as_ref().filter(|it| it.enabled)?;
    let oldest = context.now.plus_s(-recovery.days * 86_400);
    let earliest = recovery.enabled_at.unwrap_or(context.now).max(oldest);
    Some((earliest, context.now))
}

fn continuous_backups(context: &Context, record: &TableRecord) -> Value {
    let recovery = match restorable(context, record) {
        None => json!({"PointInTimeRecoveryStatus": "DISABLED"}),
        Some((earliest, latest)) => json!({
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": record.recovery.as_ref().map(|it| it.days),
            "EarliestRestorableDateTime": seconds(earliest),
            "LatestRestorableDateTime": seconds(latest),
        }),
    };
    json!({"ContinuousBackupsDescription": {
        "ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery,
    }})
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeContinuousBackups.html>
pub(super) fn describe_continuous_backups(
    tx: &mut Tx<'_>,
    context: &Context,
    input: NamedTableInput,
) -> Result<Value> {
    let record = recoverable(tx, context, &input.table_name)?;
    Ok(continuous_backups(context, &record))
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateContinuousBackups.html>
pub(super) fn update_continuous_backups(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UpdateRecoveryInput,
) -> Result<Value> {
    let mut record = recoverable(tx, context, &input.table_name)?;
    let wanted = input.point_in_time_recovery_specification;
    let days = wanted.recovery_period_in_days.unwrap_or(RECOVERY_DAYS);
    if !wanted.point_in_time_recovery_enabled && wanted.recovery_period_in_days.is_some() {
        return Err(validation(
            "RecoveryPeriodInDays can only be set when PointInTimeRecovery is enabled",
        ));
    }
    let since = record
        .recovery
        .as_ref()
        .filter(|recovery| recovery.enabled)
        .and_then(|recovery| recovery.enabled_at);
    record.recovery = Some(Recovery {
        enabled: wanted.point_in_time_recovery_enabled,
        enabled_at: wanted
            .point_in_time_recovery_enabled
            .then(|| since.unwrap_or(context.now)),
        days,
    });
    if !wanted.point_in_time_recovery_enabled {
        record.journal_left_over = true;
        lifecycle::schedule(tx, context, &record)?;
    }
    table::save(tx, &record)?;
    Ok(continuous_backups(context, &record))
}
