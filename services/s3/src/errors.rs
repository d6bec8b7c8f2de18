//! S3's refusals, in AWS's words.

use cumulet_engine::error::Error;

pub(crate) fn no_such_bucket(bucket: &str) -> Error {
    Error::new("NoSuchBucket", "The specified bucket does not exist")
        .status(404)
        .member("BucketName", bucket)
}

pub(crate) fn no_such_key(key: &str) -> Error {
    Error::new("NoSuchKey", "The specified key does not exist.")
        .status(404)
        .member("Key", key)
}

pub(crate) fn no_such_version(key: &str, version_id: &str) -> Error {
    Error::new("NoSuchVersion", "The specified version does not exist.")
        .status(404)
        .member("Key", key)
        .member("VersionId", version_id)
}

pub(crate) fn no_such_upload(upload_id: &str) -> Error {
    let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may \
                   have been aborted or completed.";
    Error::new("NoSuchUpload", message)
        .status(404)
        .member("UploadId", upload_id)
}

pub(crate) fn method_not_allowed(method: &str, resource_type: &str) -> Error {
    let message = "The specified method is not allowed against this resource.";
    Error::new("MethodNotAllowed", message)
        .status(405)
        .member("Method", method)
        .member("ResourceType", resource_type)
}

pub(crate) fn invalid_argument(
    message: impl Into<String>,
    name: &str,
    value: impl Into<String>,
) -> Error {
    Error::new("InvalidArgument", message)
        .member("ArgumentName", name)
        .member("ArgumentValue", value.into())
}

pub(crate) fn invalid_request(message: impl Into<String>) -> Error {
    Error::new("InvalidRequest", message)
}

pub(crate) fn malformed_xml() -> Error {
    let message =
        "The XML you provided was not well-formed or did not validate against our published schema";
    Error::new("MalformedXML", message)
}

pub(crate) fn precondition_failed(condition: &str) -> Error {
    let message = "At least one of the pre-conditions you specified did not hold";
    Error::new("PreconditionFailed", message)
        .status(412)
        .member("Condition", condition)
}

pub(crate) fn conditional_conflict(condition: &str, key: &str) -> Error {
    let message = "The conditional request cannot succeed due to a conflicting operation against this resource.";
    Error::new("ConditionalRequestConflict", message)
        .status(409)
        .member("Condition", condition)
        .member("Key", key)
}

/// A header in a combination or with a value that AWS has no code for.
pub(crate) fn header_not_implemented(header: &str, additional: &str) -> Error {
    let message = "A header you provided implies functionality that is not implemented";
    Error::new("NotImplemented", message)
        .status(501)
        .member("Header", header)
        .member("additionalMessage", additional)
}

pub(crate) fn access_denied() -> Error {
    Error::access_denied("Access Denied")
}

pub(crate) fn bad_digest(message: String) -> Error {
    Error::new("BadDigest", message)
}

pub(crate) fn entity_too_large(size_bytes: u64, limit_bytes: u64) -> Error {
    let message = "Your proposed upload exceeds the maximum allowed size";
    Error::new("EntityTooLarge", message)
        .member("ProposedSize", size_bytes)
        .member("MaxSizeAllowed", limit_bytes)
}

pub(crate) fn not_found(code: &'static str, message: &str) -> Error {
    Error::new(code, message).status(404)
}
