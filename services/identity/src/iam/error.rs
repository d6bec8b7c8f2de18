//! IAM's refusals, in its own words.

use cumulet_engine::error::Error;

pub(super) fn no_entity(noun: &str, name: &str) -> Error {
    no_such(format!("The {noun} with name {name} cannot be found."))
}

pub(super) fn no_role(role_arn: &str) -> Error {
    no_entity("role", role_arn.rsplit('/').next().unwrap_or_default())
}

pub(super) fn no_such(message: impl Into<String>) -> Error {
    Error::new("NoSuchEntity", message).status(404)
}

pub(super) fn no_policy(arn: &str) -> Error {
    no_such(format!("Policy {arn} was not found."))
}

pub(super) fn not_attachable(arn: &str) -> Error {
    no_such(format!("Policy {arn} does not exist or is not attachable."))
}

/// `Role with name x already exists.`
pub(super) fn already_exists(message: impl Into<String>) -> Error {
    Error::new("EntityAlreadyExists", message).status(409)
}

pub(super) fn delete_conflict(message: impl Into<String>) -> Error {
    Error::new("DeleteConflict", message).status(409)
}

pub(super) fn limit_exceeded(message: impl Into<String>) -> Error {
    Error::new("LimitExceeded", message).status(409)
}

pub(super) fn invalid_input(message: impl Into<String>) -> Error {
    Error::new("InvalidInput", message)
}

pub(super) fn validation(message: impl Into<String>) -> Error {
    Error::new("ValidationError", message)
}

pub(super) fn protected_role(name: &str) -> Error {
    let message = format!(
        "Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
    );
    Error::new("UnmodifiableEntity", message)
}
