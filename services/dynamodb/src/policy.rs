//! Resource policies of tables and streams.
//!
//! A policy is stored with what it governs and read in every decision about it. One that would lock its
//! author out is refused, unless that is confirmed.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/access-control-resource-based.html>

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::errors::{in_use, validation};
use super::state::{ResourcePolicy, STREAMS, Status, StreamRecord, TableRecord};
use super::streams::stream_key;
use super::table::{self, Location};
use super::table_api::PolicyInput;

const DOCUMENT_MAX_BYTES: usize = 20 * 1024;
const NO_POLICY: &str = "NO_POLICY";

/// What a policy may stand on.
enum Governed {
    Table(Box<TableRecord>),
    Stream(Box<StreamRecord>),
}

impl Governed {
    fn load(tx: &Tx<'_>, context: &Context, arn: &str) -> Result<Self> {
        let parts = Arn::parse(arn).filter(|parts| parts.service == "dynamodb");
        let path = parts.as_ref().map(|parts| parts.resource);
        let path = path.unwrap_or_default().split('/').collect::<Vec<_>>();
        let missing = || {
            Error::new(
                "ResourceNotFoundException",
                format!("Requested resource not found: {arn}"),
            )
        };
        let location = Location::new(context, arn);
        match path.as_slice() {
            ["table", _] => {
                let record = table::load(tx, &location)?.ok_or_else(missing)?;
                Ok(Self::Table(Box::new(record.as_ref().clone())))
            }
            ["table", _, "stream", _] => {
                let key = stream_key(&location.account, &location.region, arn);
                let stream: Option<StreamRecord> = tx.load(STREAMS, key)?;
                stream
                    .map(|stream| Self::Stream(Box::new(stream)))
                    .ok_or_else(missing)
            }
            _ => Err(validation(format!("Invalid ResourceArn: {arn}"))),
        }
    }

    fn policy(&mut self) -> &mut Option<ResourcePolicy> {
        match self {
            Self::Table(record) => &mut record.policy,
            Self::Stream(stream) => &mut stream.policy,
        }
    }

    fn save(&self, tx: &mut Tx<'_>, context: &Context) -> Result<()> {
        match self {
            Self::Table(record) => table::save(tx, record)?,
            Self::Stream(stream) => {
                let location = Location::new(context, &stream.arn);
                let key = stream_key(&location.account, &location.region, &stream.arn);
                tx.save(STREAMS, key, stream.as_ref())?;
            }
        }
        Ok(())
    }

    /// A policy changes only on what is settled.
    fn refuse_busy(&self) -> Result<()> {
        match self {
            Self::Table(record) if record.status != Status::Active => Err(in_use(format!(
                "Attempt to change a resource which is still in use: Table is not active: {}",
                record.name
            ))),
            _ => Ok(()),
        }
    }
}

/// Refuses a change that expects another revision than there is.
fn check_revision(present: Option<&ResourcePolicy>, expected: Option<&str>) -> Result<()> {
    let Some(expected) = expected else {
        return Ok(());
    };
    let revision = present.map_or(NO_POLICY, |policy| &policy.revision);
    if revision == expected {
        return Ok(());
    }
    let text = if present.is_none() {
        "Resource-based policy not found for the provided ResourceArn"
    } else {
        "Resource-based policy does not match the expected revision id"
    };
    Err(Error::new("PolicyNotFoundException", text))
}

fn check_document(document: &str) -> Result<()> {
    if document.len() > DOCUMENT_MAX_BYTES {
        return Err(Error::new(
            "LimitExceededException",
            "Resource-based policy exceeds the maximum size of 20 KB",
        ));
    }
    let parsed: Value = serde_json::from_str(document).unwrap_or_default();
    let statements = match &parsed["Statement"] {
        Value::Array(statements) => statements.clone(),
        Value::Object(_) => vec![parsed["Statement"].clone()],
        _ => Vec::new(),
    };
    let is_whole = |statement: &Value| {
        ["Effect", "Action", "Principal", "Resource"]
            .iter()
            .all(|name| {
                let other = format!("Not{name}");
                statement.get(name).is_some() || statement.get(&other).is_some()
            })
    };
    if statements.is_empty() || !statements.iter().all(is_whole) {
        return Err(validation("Invalid policy document"));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutResourcePolicy.html>
pub(super) fn put_resource_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PolicyInput,
) -> Result<Value> {
    let mut governed = Governed::load(tx, context, &input.resource_arn)?;
    governed.refuse_busy()?;
    check_document(&input.policy)?;
    check_revision(
        governed.policy().as_ref(),
        input.expected_revision_id.as_deref(),
    )?;
    if !input.confirm_remove_self_resource_access {
        refuse_lockout(tx, context, &input)?;
    }
    let same = governed
        .policy()
        .take()
        .filter(|present| present.document == input.policy);
    let policy = same.unwrap_or_else(|| ResourcePolicy {
        document: input.policy,
        revision: context.ids.uuid(),
    });
    let revision = policy.revision.clone();
    *governed.policy() = Some(policy);
    governed.save(tx, context)?;
    Ok(json!({ "RevisionId": revision }))
}

/// Under the new policy its author must still be able to change it.
fn refuse_lockout(tx: &Tx<'_>, context: &Context, input: &PolicyInput) -> Result<()> {
    let location = Location::new(context, &input.resource_arn);
    let access = |action: &str| {
        Access::new(&format!("dynamodb:{action}"), input.resource_arn.clone())
            .governed_by(Some(input.policy.as_str().into()), &location.account)
    };
    let needed = ["PutResourcePolicy", "DeleteResourcePolicy"].map(access);
    context.authorise(tx, &needed).map_err(|error| {
        if error.is_access_denied() {
            validation("The resource-based policy would remove your own access to change it; confirm with ConfirmRemoveSelfResourceAccess")
        } else {
            error
        }
    })
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetResourcePolicy.html>
pub(super) fn get_resource_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PolicyInput,
) -> Result<Value> {
    let mut governed = Governed::load(tx, context, &input.resource_arn)?;
    let policy = governed.policy().take().ok_or_else(|| {
        let text = format!(
            "Resource-based policy not found for the provided ResourceArn: {}",
            input.resource_arn
        );
        Error::new("PolicyNotFoundException", text)
    })?;
    Ok(json!({ "Policy": policy.document, "RevisionId": policy.revision }))
}

/// Deleting what is not there is no error.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteResourcePolicy.html>
pub(super) fn delete_resource_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PolicyInput,
) -> Result<Value> {
    let mut governed = Governed::load(tx, context, &input.resource_arn)?;
    governed.refuse_busy()?;
    check_revision(
        governed.policy().as_ref(),
        input.expected_revision_id.as_deref(),
    )?;
    match governed.policy().take() {
        Some(policy) => {
            governed.save(tx, context)?;
            Ok(json!({ "RevisionId": policy.revision }))
        }
        None => Ok(json!({})),
    }
}
