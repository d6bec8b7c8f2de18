//! What accounts and tables are set to: limits, continuous backups.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::describe::seconds;
use super::errors::validation;
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

/// Backups name missing tables in their own way.
fn recoverable(tx: &Tx<'_>, context: &Context, name: &str) -> Result<TableRecord> {
    table::named(tx, context, name).map_err(|error| match error.code.as_ref() {
        "ResourceNotFoundException" => {
            Error::new("TableNotFoundException", format!("Table not found: {name}"))
        }
        _ => error,
    })
}

fn continuous_backups(context: &Context, record: &TableRecord) -> Value {
    let enabled = record.recovery.as_ref().filter(|recovery| recovery.enabled);
    let recovery = match enabled {
        None => json!({"PointInTimeRecoveryStatus": "DISABLED"}),
        Some(recovery) => {
            let oldest = context.now.plus_s(-recovery.days * 86_400);
            let earliest = recovery.enabled_at.unwrap_or(context.now).max(oldest);
            json!({
                "PointInTimeRecoveryStatus": "ENABLED",
                "RecoveryPeriodInDays": recovery.days,
                "EarliestRestorableDateTime": seconds(earliest),
                "LatestRestorableDateTime": seconds(context.now),
            })
        }
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
    table::save(tx, &record)?;
    Ok(continuous_backups(context, &record))
}
