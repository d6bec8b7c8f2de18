//! CloudWatch Logs' refusals, in AWS's words.

use cumulet_engine::error::Error;

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new("InvalidParameterException", message)
}

pub(super) fn group_missing() -> Error {
    Error::new(
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )
}

pub(super) fn stream_missing() -> Error {
    Error::new(
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )
}

pub(super) fn group_exists() -> Error {
    Error::new(
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
}

pub(super) fn stream_exists() -> Error {
    Error::new(
        "ResourceAlreadyExistsException",
        "The specified log stream already exists",
    )
}

pub(super) fn bad_token() -> Error {
    invalid("The specified nextToken is invalid.")
}

pub(super) fn bad_pattern() -> Error {
    invalid("Invalid filter pattern")
}

pub(super) fn limit_exceeded() -> Error {
    Error::new("LimitExceededException", "Resource limit exceeded.")
}

pub(super) fn metric_filter_missing() -> Error {
    Error::new(
        "ResourceNotFoundException",
        "The specified metric filter does not exist.",
    )
}

pub(super) fn subscription_filter_missing() -> Error {
    Error::new(
        "ResourceNotFoundException",
        "The specified subscription filter does not exist.",
    )
}
