//! What the API answers: a success, a refusal (the caller's to mend) or a failure (ours).

use serde_json::{Value, json};

/// Why a request was not served. The code is for programs, the text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub status: u16,
    pub code: &'static str,
    pub error: String,
}

impl Problem {
    fn refusal(code: &'static str, error: impl Into<String>) -> Self {
        Self {
            status: 400,
            code,
            error: error.into(),
        }
    }

    fn failure(code: &'static str, error: &str) -> Self {
        Self {
            status: 500,
            code,
            error: error.to_owned(),
        }
    }

    pub(crate) fn invalid_json(error: &str) -> Self {
        Self::refusal("INVALID_JSON", error)
    }

    pub(crate) fn missing_field(name: &str) -> Self {
        Self::refusal("MISSING_FIELD", format!("Missing required field: {name}"))
    }

    pub(crate) fn invalid_price() -> Self {
        Self::refusal(
            "INVALID_PRICE",
            "price must be a number that is not negative, of at most 38 digits",
        )
    }

    pub(crate) fn invalid_product_info(error: impl Into<String>) -> Self {
        Self::refusal("INVALID_PRODUCT_INFO", error)
    }

    pub(crate) fn invalid_file_content(error: &str) -> Self {
        Self::refusal("INVALID_FILE_CONTENT", error)
    }

    pub(crate) fn invalid_value(error: impl Into<String>) -> Self {
        Self::refusal("VALUE_ERROR", error)
    }

    pub(crate) fn config() -> Self {
        Self::failure("CONFIG_ERROR", "The service is not configured")
    }

    pub(crate) fn upload() -> Self {
        Self::failure("UPLOAD_ERROR", "The file could not be stored")
    }

    pub(crate) fn metadata() -> Self {
        Self::failure(
            "METADATA_ERROR",
            "The metadata could not be stored; the file was removed again",
        )
    }

    /// The metadata is not there and the file may be: whoever runs the service has to look.
    pub(crate) fn metadata_with_file_left() -> Self {
        Self::failure(
            "METADATA_ERROR",
            "The metadata could not be stored, and the file could not be removed again",
        )
    }

    pub(crate) fn internal() -> Self {
        Self::failure("INTERNAL_ERROR", "Internal error")
    }
}

/// A refusal or a failure as this API tells it.
#[must_use]
pub fn refused(problem: &Problem) -> Value {
    let body = json!({ "error": problem.error, "code": problem.code });
    response(problem.status, &body)
}

/// An answer in the form that API Gateway expects of a function. Pages of any origin may read every answer, also that
/// of a refusal.
#[must_use]
pub fn response(status: u16, body: &Value) -> Value {
    json!({
        "statusCode": status,
        "headers": {
            "Content-Type": "application/json",
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Headers": "Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token",
            "Access-Control-Allow-Methods": "OPTIONS,POST",
        },
        "body": body.to_string(),
        "isBase64Encoded": false,
    })
}
