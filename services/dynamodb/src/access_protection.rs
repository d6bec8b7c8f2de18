//! What backups, recovery and resource policies need to be allowed.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::access::table;
use super::backup_api::{BackupInput, CreateBackupInput, RestoreInput};
use super::state::{STREAMS, StreamRecord};
use super::streams::stream_key;
use super::table::Location;
use super::table_api::PolicyInput;

/// What filling a new table takes, beside the restore itself.
const FILLING: [&str; 7] = [
    "BatchWriteItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "UpdateItem",
];

pub(super) fn create_backup(
    tx: &Tx<'_>,
    context: &Context,
    input: &CreateBackupInput,
) -> Result<Vec<Access>> {
    table(tx, context, "CreateBackup", &input.table_name)
}

fn backup(action: &str, arn: &str) -> Access {
    let owner = Arn::parse(arn).map_or("", |parts| parts.account);
    Access::new(&format!("dynamodb:{action}"), arn).governed_by(None, owner)
}

pub(super) fn describe_backup(
    _tx: &Tx<'_>,
    _context: &Context,
    input: &BackupInput,
) -> Result<Vec<Access>> {
    Ok(vec![backup("DescribeBackup", &input.backup_arn)])
}

pub(super) fn delete_backup(
    _tx: &Tx<'_>,
    _context: &Context,
    input: &BackupInput,
) -> Result<Vec<Access>> {
    Ok(vec![backup("DeleteBackup", &input.backup_arn)])
}

pub(super) fn list_backups<I>(_tx: &Tx<'_>, _context: &Context, _input: &I) -> Result<Vec<Access>> {
    Ok(vec![Access::new("dynamodb:ListBackups", "*")])
}

pub(super) fn restore_from_backup(
    tx: &Tx<'_>,
    context: &Context,
    input: &RestoreInput,
) -> Result<Vec<Access>> {
    let mut needed = filling(tx, context, "RestoreTableFromBackup", input)?;
    needed.push(backup("RestoreTableFromBackup", &input.backup_arn));
    Ok(needed)
}

pub(super) fn restore_to_point_in_time(
    tx: &Tx<'_>,
    context: &Context,
    input: &RestoreInput,
) -> Result<Vec<Access>> {
    let mut needed = filling(tx, context, "RestoreTableToPointInTime", input)?;
    let action = "RestoreTableToPointInTime";
    needed.append(&mut table(tx, context, action, input.source())?);
    Ok(needed)
}

fn filling(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    input: &RestoreInput,
) -> Result<Vec<Access>> {
    let mut needed = Vec::new();
    for action in [action].into_iter().chain(FILLING) {
        needed.append(&mut table(tx, context, action, &input.target_table_name)?);
    }
    Ok(needed)
}

/// An action on a stream, under the stream's own policy.
pub(super) fn stream(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    arn: &str,
) -> Result<Vec<Access>> {
    let location = Location::new(context, arn);
    let key = stream_key(&location.account, &location.region, arn);
    let stream: Option<StreamRecord> = tx.load(STREAMS, key)?;
    let policy = stream.and_then(|stream| stream.policy);
    let policy = policy.map(|policy| policy.document.as_str().into());
    let access = Access::new(&format!("dynamodb:{action}"), arn);
    Ok(vec![access.governed_by(policy, &location.account)])
}

fn governed(tx: &Tx<'_>, context: &Context, action: &str, arn: &str) -> Result<Vec<Access>> {
    if arn.contains("/stream/") {
        stream(tx, context, action, arn)
    } else {
        table(tx, context, action, arn)
    }
}

pub(super) fn put_resource_policy(
    tx: &Tx<'_>,
    context: &Context,
    input: &PolicyInput,
) -> Result<Vec<Access>> {
    governed(tx, context, "PutResourcePolicy", &input.resource_arn)
}

pub(super) fn get_resource_policy(
    tx: &Tx<'_>,
    context: &Context,
    input: &PolicyInput,
) -> Result<Vec<Access>> {
    governed(tx, context, "GetResourcePolicy", &input.resource_arn)
}

pub(super) fn delete_resource_policy(
    tx: &Tx<'_>,
    context: &Context,
    input: &PolicyInput,
) -> Result<Vec<Access>> {
    governed(tx, context, "DeleteResourcePolicy", &input.resource_arn)
}
