//! Lambda's refusals, in AWS's words.

use std::fmt::Display;

use cumulet_engine::error::Error;

/// Lambda says in every error whose fault it was.
fn user(code: &'static str, status: u16, message: impl Into<String>) -> Error {
    Error::new(code, message)
        .status(status)
        .member("Type", "User")
}

pub(super) fn invalid(message: impl Into<String>) -> Error {
    user("InvalidParameterValueException", 400, message)
}

pub(super) fn conflict(message: impl Into<String>) -> Error {
    user("ResourceConflictException", 409, message)
}

pub(super) fn missing(message: impl Into<String>) -> Error {
    user("ResourceNotFoundException", 404, message)
}

pub(super) fn function_missing(arn: impl Display) -> Error {
    missing(format!("Function not found: {arn}"))
}

pub(super) fn alias_missing(arn: impl Display) -> Error {
    missing(format!("Cannot find alias arn: {arn}"))
}

/// `call` names what tells the latest revision: `GetFunction/GetAlias`, `GetPolicy`.
pub(super) fn stale_revision(call: &str) -> Error {
    let message = format!(
        "The Revision Id provided does not match the latest Revision Id. \
         Call the {call} API to retrieve the latest Revision Id"
    );
    user("PreconditionFailedException", 412, message)
}

pub(super) fn throttled(reason: &'static str) -> Error {
    user("TooManyRequestsException", 429, "Rate Exceeded.").member("Reason", reason)
}

pub(super) fn request_too_large(limit_bytes: usize) -> Error {
    let message = format!(
        "Request must be smaller than {limit_bytes} bytes for the InvokeFunction operation"
    );
    user("RequestTooLargeException", 413, message)
}

pub(super) fn zip_too_large() -> Error {
    let message = "Zipped size must be smaller than 52428800 bytes";
    user("RequestEntityTooLargeException", 413, message)
}

pub(super) fn unzipped_too_large() -> Error {
    invalid("Unzipped size must be smaller than 262144000 bytes")
}

pub(super) fn not_a_zip() -> Error {
    invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
}

pub(super) fn update_in_progress(arn: impl Display) -> Error {
    conflict(format!(
        "The operation cannot be performed at this time. \
         An update is in progress for resource: {arn}"
    ))
}

pub(super) fn not_ready(state: &str) -> Error {
    conflict(format!(
        "The operation cannot be performed at this time. \
         The function is currently in the following state: {state}"
    ))
}

pub(super) fn bad_payload(reason: impl Display) -> Error {
    let message = format!(
        "Could not parse request body into json: Could not parse payload into json: {reason}"
    );
    user("InvalidRequestContentException", 400, message)
}

pub(super) fn runtime_unavailable(reason: impl Into<String>) -> Error {
    user("InvalidRuntimeException", 502, reason)
}

pub(super) fn service(message: impl Into<String>) -> Error {
    Error::new("ServiceException", message)
        .status(500)
        .member("Type", "Service")
}

/// A constraint that the model does not state, worded as if it did.
pub(super) fn constraint(value: impl Display, at: &str, constraint: &str) -> Error {
    Error::validation(format!(
        "1 validation error detected: Value '{value}' at '{at}' failed to satisfy constraint: {constraint}"
    ))
}
