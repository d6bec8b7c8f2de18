//! CloudWatch's refusals.
//!
//! Codes are those of the query protocol; the wire gives the other protocols their shapes' names.

use cumulet_engine::error::Error;

pub(super) fn invalid_value(message: impl Into<String>) -> Error {
    Error::new("InvalidParameterValue", message)
}

pub(super) fn invalid_combination(message: impl Into<String>) -> Error {
    Error::new("InvalidParameterCombination", message)
}

pub(super) fn missing(message: impl Into<String>) -> Error {
    Error::new("MissingParameter", message)
}

pub(super) fn validation(message: impl Into<String>) -> Error {
    Error::new("ValidationError", message)
}

pub(super) fn exclusive(one: &str, other: &str) -> Error {
    invalid_combination(format!(
        "The parameters {one} and {other} are mutually exclusive and you have specified both."
    ))
}

pub(super) fn invalid_token() -> Error {
    Error::new("InvalidNextToken", "The next token specified is invalid.")
}

/// AWS gives no message here.
pub(super) fn alarm_missing() -> Error {
    Error::new("ResourceNotFound", "").status(404)
}

pub(super) fn resource_missing(arn: &str) -> Error {
    Error::new(
        "ResourceNotFoundException",
        format!("Unknown resource: {arn}"),
    )
    .status(404)
}
