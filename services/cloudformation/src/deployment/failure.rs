//! A failed resource in CloudFormation's words.

use cumulet_engine::Context;
use cumulet_engine::error::Error;

const FROM_HANDLER: &str = "ResourceHandler";
/// Marks an answer that is CloudFormation's own and stands as it is.
const PLAIN: &str = "Plain";

/// Marks an error as the answer of the resource's service.
pub(super) fn from_handler(error: Error) -> Error {
    error.member(FROM_HANDLER, true)
}

/// Whether the failure is the installation's, so that trying again may help.
pub(super) fn is_our_own(error: &Error) -> bool {
    error.code == "InternalFailure"
}

/// The status reason of a resource that its service refused.
pub(super) fn reason(context: &Context, kind: &str, error: &Error) -> String {
    // What the engine itself found needs no envelope: a function without value, a broken schema.
    let plain = error.members.contains_key(PLAIN) || !error.members.contains_key(FROM_HANDLER);
    if error.code == "NotImplemented" || plain {
        return error.message.clone();
    }
    let service = kind.split("::").nth(1).unwrap_or_default();
    let (request_id, token) = (context.ids.uuid(), context.ids.uuid());
    format!(
        "Resource handler returned message: \"{} (Service: {service}, Status Code: {}, Request ID: {request_id})\" (RequestToken: {token}, HandlerErrorCode: {})",
        error.message,
        error.status,
        handler_error_code(error)
    )
}

fn handler_error_code(error: &Error) -> &'static str {
    let code = error.code.as_ref();
    if error.is_access_denied() {
        return "AccessDenied";
    }
    match code {
        _ if code.contains("AlreadyExists")
            || code.contains("AlreadyOwnedByYou")
            || code == "ResourceInUseException"
            || code == "ResourceConflictException"
            || code == "ConflictException" =>
        {
            "AlreadyExists"
        }
        _ if cumulet_engine::provider::is_absence(error) => "NotFound",
        _ if code.contains("LimitExceeded") => "ServiceLimitExceeded",
        _ if code.contains("Throttl") => "Throttling",
        "BucketNotEmpty" | "DeleteConflict" => "GeneralServiceException",
        _ if error.status >= 500 => "ServiceInternalError",
        _ => "InvalidRequest",
    }
}
