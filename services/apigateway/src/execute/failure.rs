//! What is answered when a request does not get through: gateway responses.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>

use bytes::Bytes;
use cumulet_engine::Context;
use cumulet_engine::error::Error;
use cumulet_engine::http::HttpReply;
use serde_json::{Value, json};

use super::super::state::GatewayResponse;
use super::{Call, mapping, variables};

/// A request's end before its integration answered.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    kind: &'static str,
    message: Option<String>,
    /// What the validator found, for `$context.error.validationErrorString` and the execution log.
    detail: Option<String>,
    /// Replaces the status of the type: a function's error is 502, a missing permission 500.
    status: Option<u16>,
    /// Replaces the type's `x-amzn-ErrorType`.
    error_type: Option<String>,
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
            message: Some(message.into()),
            detail: None,
            status: None,
            error_type: None,
        }
    }

    /// The integration failed in a way that is nobody's but the API's owner's.
    pub(super) fn internal() -> Self {
        Self::of("API_CONFIGURATION_ERROR", "Internal server error").status(500)
    }

    /// The function failed, or answered what no HTTP response can be made of.
    pub(super) fn bad_gateway() -> Self {
        Self::of("INTEGRATION_FAILURE", "Internal server error").status(502)
    }

    /// The function could not be invoked: no permission, or no concurrency left.
    pub(super) fn not_invoked() -> Self {
        Self::of("INTEGRATION_FAILURE", "Internal server error").status(500)
    }

    pub(super) fn timed_out() -> Self {
        Self::of("INTEGRATION_TIMEOUT", "Endpoint request timed out")
    }

    /// The authorizer cannot be asked, or answered no policy.
    pub(super) fn authorizer_broken() -> Self {
        Self {
            message: None,
            ..Self::of("AUTHORIZER_CONFIGURATION_ERROR", "")
        }
    }

    /// The authorizer's function failed.
    pub(super) fn authorizer_failed() -> Self {
        Self {
            message: None,
            ..Self::of("AUTHORIZER_FAILURE", "")
        }
    }

    pub(super) fn not_built(what: &str) -> Self {
        let message = format!("{what} is not implemented by Cumulet");
        Self::of("API_CONFIGURATION_ERROR", message)
            .status(501)
            .named("NotImplemented".to_owned())
    }

    fn status(self, status: u16) -> Self {
        Self {
            status: Some(status),
            ..self
        }
    }

    /// Replaces the `x-amzn-ErrorType` of the type.
    pub(super) fn named(self, error_type: String) -> Self {
        Self {
            error_type: Some(error_type),
            ..self
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

    pub(super) fn message(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    pub(super) fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The answer, as the deployment customised it: by type, by class, or built in.
    pub(super) fn reply(&self, call: &Call<'_>) -> HttpReply {
        let (_, status, error_type, _) = self.builtin();
        let status = self.status.unwrap_or(status);
        let class = if status >= 500 {
            "DEFAULT_5XX"
        } else {
            "DEFAULT_4XX"
        };
        let responses = &call.definition.gateway_responses;
        let customised = responses.get(self.kind).or_else(|| responses.get(class));
        let mut reply = match customised {
            Some(response) => self.customised(call, response, status),
            None => HttpReply::json(status, &self.body()),
        };
        let error_type = self.error_type.as_deref().unwrap_or(error_type);
        reply
            .headers
            .push(("x-amzn-ErrorType".to_owned(), error_type.to_owned()));
        reply
    }

    fn builtin(&self) -> (&'static str, u16, &'static str, bool) {
        let known = BUILTIN.iter().find(|(name, ..)| *name == self.kind);
        known
            .copied()
            .unwrap_or(("DEFAULT_5XX", 500, "InternalServerErrorException", true))
    }

    /// As recorded: with a space here and none there, and a capital where a policy denies.
    fn body(&self) -> String {
        let space = if self.builtin().3 { " " } else { "" };
        let name = match self.kind {
            "ACCESS_DENIED" => "Message",
            _ => "message",
        };
        format!("{{\"{name}\":{space}{}}}", self.quoted())
    }

    fn quoted(&self) -> String {
        Value::from(self.message.as_deref()).to_string()
    }

    fn customised(&self, call: &Call<'_>, response: &GatewayResponse, status: u16) -> HttpReply {
        let status = response
            .status_code
            .as_deref()
            .and_then(|code| code.parse().ok())
            .unwrap_or(status);
        let mut context = variables::of(call);
        context["error"] = json!({
            "message": self.message,
            "messageString": self.quoted(),
            "validationErrorString": self.detail,
            "responseType": self.kind,
        });
        let templates = &response.response_templates;
        let accept = call.request.header("accept").unwrap_or_default();
        let chosen = templates
            .get_key_value(accept)
            .or_else(|| templates.get_key_value("application/json"))
            .or_else(|| templates.first_key_value());
        let stage = variables::of_stage(call);
        let (media_type, body) = match chosen {
            Some((media_type, template)) => (
                media_type.as_str(),
                variables::fill(template, &context, &stage, ""),
            ),
            None => ("application/json", self.body()),
        };
        let mut headers = mapping::apply(
            &response.response_parameters,
            "gatewayresponse.header.",
            |expression| mapping::of_request(call, &context, expression),
        );
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            headers.push(("Content-Type".to_owned(), media_type.to_owned()));
        }
        HttpReply {
            status,
            headers,
            body: body.into(),
        }
    }
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

/// Whether a header only identifies the request.
pub(super) fn is_identification(name: &str) -> bool {
    name.eq_ignore_ascii_case("x-amzn-requestid") || name.eq_ignore_ascii_case("x-amz-apigw-id")
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
