//! Secrets Manager's refusals, in its own words.

use cumulet_engine::error::Error;

pub(super) fn no_secret() -> Error {
    not_found("Secrets Manager can't find the specified secret.")
}

pub(super) fn no_value(what: impl std::fmt::Display) -> Error {
    not_found(format!(
        "Secrets Manager can't find the specified secret value for {what}"
    ))
}

fn not_found(message: impl Into<String>) -> Error {
    Error::new("ResourceNotFoundException", message)
}

pub(super) fn marked_for_deletion() -> Error {
    invalid_request(
        "You can't perform this operation on the secret because it was marked for deletion.",
    )
}

pub(super) fn invalid_request(message: impl Into<String>) -> Error {
    Error::new("InvalidRequestException", message)
}

pub(super) fn invalid_parameter(message: impl Into<String>) -> Error {
    Error::new("InvalidParameterException", message)
}

pub(super) fn exists(message: impl Into<String>) -> Error {
    Error::new("ResourceExistsException", message)
}

pub(super) fn invalid_token() -> Error {
    Error::new("InvalidNextTokenException", "Invalid pagination token.")
}

/// What KMS refused while a value was to be sealed.
pub(super) fn not_encrypted(error: Error) -> Error {
    of_key(
        error,
        "EncryptionFailure",
        "Secrets Manager can't encrypt the protected secret text using the provided KMS key. Check that the \
         KMS key is available, enabled, and not in an invalid state.",
    )
}

/// What KMS refused while a value was to be opened.
pub(super) fn not_decrypted(error: Error) -> Error {
    of_key(
        error,
        "DecryptionFailure",
        "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
    )
}

/// Callers are not told why: the decision itself is on the trace.
fn of_key(error: Error, code: &'static str, message: &str) -> Error {
    match error {
        error if error.is_access_denied() => Error::access_denied("Access to KMS is not allowed"),
        error if error.status >= 500 => error,
        _ => Error::new(code, message),
    }
}
