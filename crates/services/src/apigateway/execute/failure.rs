//! What is answered when a request does not get through: gateway responses.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>

use bytes::Bytes;
use cumulet_kernel::Context;

use crate::error::Error;
use crate::http::HttpReply;

use super::super::state::{Definition, GatewayResponse};

/// A request's end before its integration answered.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    kind: &'static str,
    message: String,
    /// What the validator found, for `$context.error.validationErrorString` and the execution log.
    detail: Option<String>,
    /// Replaces the status of the type: a function's error is 502, a missing permission 500.
    status: Option<u16>,
}

/// Type, status, `x-amzn-ErrorType`, and whether AWS writes a space after the colon.
const BUILTIN: [(&str, u16, &str, bool); 19] = [
    ("ACCESS_DENIED", 403, "AccessDeniedException", false),
    (
        "API_CONFIGURATION_ERROR",
        500,
        "InternalServerErrorException",
        true,
    ),
    (
        "AUTHORIZER_CONFIGURATION_ERROR",
        500,
        "AuthorizerConfigurationException",
        false,
    ),
    (
        "AUTHORIZER_FAILURE",
        500,
        "AuthorizerConfigurationException",
        false,
    ),
    ("BAD_REQUEST_BODY", 400, "BadRequestException", true),
    ("BAD_REQUEST_PARAMETERS", 400, "BadRequestException", true),
    ("EXPIRED_TOKEN", 403, "ExpiredTokenException", false),
    (
        "INTEGRATION_FAILURE",
        504,
        "InternalServerErrorException",
        true,
    ),
    (
        "INTEGRATION_TIMEOUT",
        504,
        "InternalServerErrorException",
        true,
    ),
    ("INVALID_API_KEY", 403, "ForbiddenException", false),
    ("INVALID_SIGNATURE", 403, "InvalidSignatureException", false),
    (
        "MISSING_AUTHENTICATION_TOKEN",
        403,
        "MissingAuthenticationTokenException",
        false,
    ),
    ("QUOTA_EXCEEDED", 429, "LimitExceededException", false),
    ("REQUEST_TOO_LARGE", 413, "RequestTooLargeException", false),
    ("RESOURCE_NOT_FOUND", 404, "NotFoundException", false),
    ("THROTTLED", 429, "TooManyRequestsException", false),
    ("UNAUTHORIZED", 401, "UnauthorizedException", false),
    ("UNSUPPORTED_MEDIA_TYPE", 415, "BadRequestException", false),
    ("WAF_FILTERED", 403, "ForbiddenException", false),
];

/// The status of a type as long as nobody customised it.
pub(in super::super) fn builtin_status(kind: &str) -> Option<u16> {
    BUILTIN
        .iter()
        .find(|(name, ..)| *name == kind)
        .map(|(_, status, ..)| *status)
}

impl Failure {
    pub(super) fn of(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            detail: None,
            status: None,
        }
    }

    /// The integration failed in a way that is nobody's but the API's owner's.
    pub(super) fn internal() -> Self {
        Self {
            status: Some(500),
            ..Self::of("API_CONFIGURATION_ERROR", "Internal server error")
        }
    }

    /// The function failed, or answered what no HTTP response can be made of.
    pub(super) fn bad_gateway() -> Self {
        Self {
            status: Some(502),
            ..Self::of("INTEGRATION_FAILURE", "Internal server error")
        }
    }

    /// The function could not be invoked: no permission, or no concurrency left.
    pub(super) fn not_invoked() -> Self {
        Self {
            status: Some(500),
            ..Self::of("INTEGRATION_FAILURE", "Internal server error")
        }
    }

    pub(super) fn timed_out() -> Self {
        Self::of("INTEGRATION_TIMEOUT", "Endpoint request timed out")
    }

    pub(super) fn not_built(integration: &str) -> Self {
        let message = format!("{integration} integrations are not implemented by Cumulet");
        Self {
            status: Some(501),
            ..Self::of("API_CONFIGURATION_ERROR", message)
        }
    }

    pub(super) fn with_detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(super) fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The answer, as the deployment customised it: by type, by class, or built in.
    pub(super) fn reply(
        &self,
        definition: &Definition,
        context: &Context,
        extended_request_id: &str,
    ) -> HttpReply {
        let (_, status, error_type, _) = self.builtin();
        let status = self.status.unwrap_or(status);
        let class = if status >= 500 {
            "DEFAULT_5XX"
        } else {
            "DEFAULT_4XX"
        };
        let responses = &definition.gateway_responses;
        let customised = responses.get(self.kind).or_else(|| responses.get(class));
        let mut reply = match customised {
            Some(response) => self.customised(response, status, context),
            None => HttpReply::json(status, &self.body()),
        };
        reply
            .headers
            .push(("x-amzn-ErrorType".to_owned(), error_type.to_owned()));
        identify(&mut reply, context, extended_request_id);
        reply
    }

    fn builtin(&self) -> (&'static str, u16, &'static str, bool) {
        let known = BUILTIN.iter().find(|(name, ..)| *name == self.kind);
        known
            .copied()
            .unwrap_or(("DEFAULT_5XX", 500, "InternalServerErrorException", true))
    }

    fn body(&self) -> String {
        let space = if self.builtin().3 { " " } else { "" };
        format!("{{\"message\":{space}{}}}", quoted(&self.message))
    }

    fn customised(&self, response: &GatewayResponse, status: u16, context: &Context) -> HttpReply {
        let status = response
            .status_code
            .as_deref()
            .and_then(|code| code.parse().ok())
            .unwrap_or(status);
        let template = response.response_templates.get("application/json");
        let body = template.map_or_else(|| self.body(), |template| self.fill(template, context));
        let mut reply = HttpReply::json(status, &body);
        for (name, value) in &response.response_parameters {
            let header = name.strip_prefix("gatewayresponse.header.");
            let literal = value
                .strip_prefix('\'')
                .and_then(|value| value.strip_suffix('\''));
            if let (Some(header), Some(literal)) = (header, literal) {
                reply.headers.push((header.to_owned(), literal.to_owned()));
            }
        }
        reply
    }

    /// The variables that gateway response templates may hold; no other VTL.
    fn fill(&self, template: &str, context: &Context) -> String {
        template
            .replace("$context.error.messageString", &quoted(&self.message))
            .replace(
                "$context.error.validationErrorString",
                self.detail.as_deref().unwrap_or_default(),
            )
            .replace("$context.error.message", &self.message)
            .replace("$context.error.responseType", self.kind)
            .replace("$context.requestId", &context.request_id)
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The headers that every answer of API Gateway bears.
pub(super) fn identify(reply: &mut HttpReply, context: &Context, extended_request_id: &str) {
    for (name, value) in [
        ("x-amzn-RequestId", context.request_id.as_ref()),
        ("x-amz-apigw-id", extended_request_id),
    ] {
        if !reply
            .headers
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            reply.headers.push((name.to_owned(), value.to_owned()));
        }
    }
}

/// An API or stage that is not there.
pub(super) fn forbidden(context: &Context, extended_request_id: &str) -> HttpReply {
    let mut reply = HttpReply::json(403, r#"{"message":"Forbidden"}"#);
    reply.headers.push((
        "x-amzn-ErrorType".to_owned(),
        "ForbiddenException".to_owned(),
    ));
    identify(&mut reply, context, extended_request_id);
    reply
}

/// Our own failure.
pub(super) fn broken(context: &Context, extended_request_id: &str, error: &Error) -> HttpReply {
    context.trace.fail(&error.code);
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    let body = Bytes::from_static(br#"{"message": "Internal server error"}"#);
    let mut reply = HttpReply {
        status: 500,
        headers,
        body,
    };
    identify(&mut reply, context, extended_request_id);
    reply
}
