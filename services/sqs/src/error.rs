//! SQS's refusals, in its own words.

use cumulet_engine::error::Error;

pub(super) fn no_queue() -> Error {
    Error::new("QueueDoesNotExist", "The specified queue does not exist.")
}

pub(super) fn invalid_parameter(message: impl Into<String>) -> Error {
    Error::new("InvalidParameterValue", message)
}

pub(super) fn invalid_value(value: impl std::fmt::Display, name: &str, reason: &str) -> Error {
    invalid_parameter(format!(
        "Value {value} for parameter {name} is invalid. Reason: {reason}"
    ))
}

pub(super) fn missing_parameter(name: &str) -> Error {
    let message = format!("The request must contain the parameter {name}.");
    Error::new("MissingParameter", message)
}

pub(super) fn unknown_attribute(name: &str) -> Error {
    Error::new("InvalidAttributeName", format!("Unknown Attribute {name}."))
}

pub(super) fn invalid_attribute(name: &str) -> Error {
    Error::new(
        "InvalidAttributeValue",
        format!("Invalid value for the parameter {name}."),
    )
}

pub(super) fn expired_handle(handle: &str) -> Error {
    invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")
}

pub(super) fn invalid_handle(handle: &str) -> Error {
    let message = format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
    Error::new("ReceiptHandleIsInvalid", message).status(404)
}

pub(super) fn no_resource(member: &str) -> Error {
    let message =
        format!("The resource that you specified for the {member} parameter doesn't exist.");
    Error::new("ResourceNotFoundException", message).status(404)
}

/// What KMS refused, under the names that SQS gives it.
pub(super) fn of_key(error: Error) -> Error {
    let code = match &*error.code {
        _ if error.is_access_denied() => "KmsAccessDenied",
        "DisabledException" => "KmsDisabled",
        "NotFoundException" => "KmsNotFound",
        "KMSInvalidStateException" => "KmsInvalidState",
        "InvalidKeyUsageException" => "KmsInvalidKeyUsage",
        _ => return error,
    };
    Error::new(code, error.message)
}
