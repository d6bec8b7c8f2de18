//! DynamoDB's refusals, in AWS's words.

use cumulet_engine::error::Error;
use serde_json::{Map, Value};

pub(super) fn validation(message: impl Into<String>) -> Error {
    Error::validation(message)
}

/// `One or more parameter values were invalid: ...`
pub(super) fn invalid_parameter(what: impl std::fmt::Display) -> Error {
    validation(format!("One or more parameter values were invalid: {what}"))
}

/// The data plane's words for a missing table.
pub(super) fn table_not_found() -> Error {
    Error::new("ResourceNotFoundException", "Requested resource not found")
}

/// The control plane's words for a missing table.
pub(super) fn named_table_not_found(name: &str) -> Error {
    Error::new(
        "ResourceNotFoundException",
        format!("Requested resource not found: Table: {name} not found"),
    )
}

/// Backups name missing tables in their own way.
pub(super) fn table_named_not_found(error: Error, name: &str) -> Error {
    match error.code.as_ref() {
        "ResourceNotFoundException" => {
            Error::new("TableNotFoundException", format!("Table not found: {name}"))
        }
        _ => error,
    }
}

pub(super) fn in_use(message: impl Into<String>) -> Error {
    Error::new("ResourceInUseException", message)
}

pub(super) fn key_mismatch() -> Error {
    validation("The provided key element does not match the schema")
}

/// A failed condition, with the item that failed it where the caller asked for it.
pub(super) fn condition_failed(item: Option<Value>) -> Error {
    let error = Error::new(
        "ConditionalCheckFailedException",
        "The conditional request failed",
    );
    match item {
        Some(item) => error.member("Item", item),
        None => error,
    }
}

pub(super) fn duplicate_item() -> Error {
    Error::new(
        "DuplicateItemException",
        "Duplicate primary key exists in table",
    )
}

/// One action's part in a cancelled transaction.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CancellationReason {
    pub(super) code: &'static str,
    pub(super) message: Option<String>,
    pub(super) item: Option<Value>,
}

impl CancellationReason {
    pub(super) fn none() -> Self {
        Self {
            code: "None",
            message: None,
            item: None,
        }
    }

    /// An error of one action as a reason; `None` where the whole request fails with it instead.
    pub(super) fn of(error: &Error) -> Option<Self> {
        let code = match error.code.as_ref() {
            "ConditionalCheckFailedException" => "ConditionalCheckFailed",
            "DuplicateItemException" => "DuplicateItem",
            "ValidationException" => "ValidationError",
            "ItemCollectionSizeLimitExceededException" => "ItemCollectionSizeLimitExceeded",
            "ProvisionedThroughputExceededException" => "ProvisionedThroughputExceeded",
            _ => return None,
        };
        Some(Self {
            code,
            message: Some(error.message.clone()),
            item: error.members.get("Item").cloned(),
        })
    }

    fn into_value(self) -> Value {
        let mut members = Map::new();
        if let Some(item) = self.item {
            members.insert("Item".into(), item);
        }
        members.insert("Code".into(), self.code.into());
        if let Some(message) = self.message {
            members.insert("Message".into(), message.into());
        }
        Value::Object(members)
    }
}

/// A transaction that one of its actions cancelled.
pub(super) fn transaction_cancelled(reasons: Vec<CancellationReason>) -> Error {
    let codes: Vec<&str> = reasons.iter().map(|reason| reason.code).collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    let reasons: Vec<Value> = reasons
        .into_iter()
        .map(CancellationReason::into_value)
        .collect();
    Error::new("TransactionCanceledException", message).member("CancellationReasons", reasons)
}
