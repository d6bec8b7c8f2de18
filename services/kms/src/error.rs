//! KMS's refusals, in its own words.

use cumulet_engine::error::Error;

pub(super) fn not_found(message: impl Into<String>) -> Error {
    Error::new("NotFoundException", message)
}

pub(super) fn no_key(arn: &str) -> Error {
    not_found(format!("Key '{arn}' does not exist"))
}

pub(super) fn disabled(arn: &str) -> Error {
    Error::new("DisabledException", format!("{arn} is disabled."))
}

pub(super) fn pending_deletion(arn: &str) -> Error {
    invalid_state(format!("{arn} is pending deletion."))
}

pub(super) fn pending_import(arn: &str) -> Error {
    invalid_state(format!("{arn} is pending import."))
}

pub(super) fn invalid_state(message: impl Into<String>) -> Error {
    Error::new("KMSInvalidStateException", message)
}

/// AWS tells nothing about what is wrong with a ciphertext.
pub(super) fn invalid_ciphertext() -> Error {
    Error::new("InvalidCiphertextException", "")
}

/// The key behind a ciphertext is gone, or not here, or closed to the caller: AWS does not say which.
pub(super) fn unknown_key_of_ciphertext() -> Error {
    Error::access_denied(
        "The ciphertext refers to a customer master key that does not exist, does not exist in this \
         region, or you are not allowed to access.",
    )
}

pub(super) fn incorrect_key() -> Error {
    Error::new(
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
    )
}

pub(super) fn dry_run() -> Error {
    Error::new(
        "DryRunOperationException",
        "The request would have succeeded, but the DryRun option is set.",
    )
}
