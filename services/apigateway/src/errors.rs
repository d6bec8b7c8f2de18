//! What API Gateway says when it refuses.

use cumulet_engine::error::Error;

pub(super) fn bad_request(message: impl Into<String>) -> Error {
    Error::new("BadRequestException", message)
}

pub(super) fn not_found(message: impl Into<String>) -> Error {
    Error::new("NotFoundException", message).status(404)
}

pub(super) fn conflict(message: impl Into<String>) -> Error {
    Error::new("ConflictException", message).status(409)
}

pub(super) fn no_api(account: &str, id: &str) -> Error {
    not_found(format!("Invalid API identifier specified {account}:{id}"))
}

pub(super) fn no_resource() -> Error {
    not_found("Invalid Resource identifier specified")
}

pub(super) fn no_method() -> Error {
    not_found("Invalid Method identifier specified")
}

pub(super) fn no_integration() -> Error {
    not_found("Invalid Integration identifier specified")
}

pub(super) fn no_status_code() -> Error {
    not_found("Invalid Response status code specified")
}

pub(super) fn no_model(name: &str) -> Error {
    not_found(format!("Invalid model name specified: {name}"))
}

pub(super) fn no_validator() -> Error {
    not_found("Invalid Request Validator identifier specified")
}

pub(super) fn no_deployment() -> Error {
    not_found("Invalid Deployment identifier specified")
}

pub(super) fn no_stage() -> Error {
    not_found("Invalid stage identifier specified")
}

pub(super) fn no_authorizer() -> Error {
    not_found("Invalid Authorizer identifier specified")
}
