//! Parameter Store's refusals, in its own words.

use cumulet_engine::Context;
use cumulet_engine::error::Error;

/// AWS says nothing more than the code.
pub(super) fn not_found() -> Error {
    Error::new("ParameterNotFound", "")
}

pub(super) fn version_not_found(name: &str, what: impl std::fmt::Display) -> Error {
    Error::new(
        "ParameterVersionNotFound",
        format!(
            "Systems Manager could not find {what} of {name}. Verify the version and try again."
        ),
    )
}

pub(super) fn validation(message: impl Into<String>) -> Error {
    Error::validation(message)
}

pub(super) fn invalid_token() -> Error {
    validation("The specified token isn't valid.")
}

/// What KMS refused, as Parameter Store passes it on; denials keep their own code.
pub(super) fn of_key(context: &Context, error: Error) -> Error {
    if error.is_access_denied() || error.status >= 500 {
        return error;
    }
    let message = format!(
        "{} (Service: AWSKMS; Status Code: {}; Error Code: {}; Request ID: {})",
        error.message, error.status, error.code, context.request_id
    );
    Error::new("InvalidKeyId", message)
}
