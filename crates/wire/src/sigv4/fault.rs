//! Why a signature is refused, and how each protocol says so.
//!
//! One fault has up to three codes: S3's, which are the most talkative; those of the query services; and those of JSON.

use crate::error::{Error, Fault};
use crate::protocol::Protocol;
use crate::timestamp::{self, Milliseconds, TimestampFormat};

use super::parse::format_timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureFault {
    /// There is no signature, and the operation is not for the anonymous.
    Missing,
    HeaderMalformed {
        missing: Vec<&'static str>,
        authorization: String,
    },
    Algorithm {
        found: String,
        presigned: bool,
    },
    Credential {
        presigned: bool,
    },
    Terminator {
        found: String,
        presigned: bool,
    },
    ScopeDate {
        date: String,
        timestamp: String,
        presigned: bool,
    },
    ScopeRegion {
        found: String,
        expected: String,
        presigned: bool,
    },
    ScopeService {
        found: String,
        expected: String,
        presigned: bool,
    },
    QueryIncomplete,
    ExpiresNotNumber,
    ExpiresNegative,
    ExpiresZero,
    ExpiresTooLong,
    /// A parameter of the signature, or the header, is there twice.
    Repeated {
        name: String,
        presigned: bool,
    },
    TwoSignatures,
    DateMissing,
    Date {
        found: String,
        presigned: bool,
    },
    Skewed {
        signed_at_s: i64,
        now_s: i64,
        skew_max_s: i64,
    },
    NotYetValid {
        signed_at_s: i64,
        now_s: i64,
    },
    PresignedExpired {
        signed_at_s: i64,
        expires_s: i64,
        now_s: i64,
    },
    HostUnsigned,
    HeadersUnsigned(String),
    /// A signed header that the request does not have.
    HeaderMissing(String),
    ContentHashMissing,
    ContentHash {
        found: String,
    },
    BodyMismatch {
        declared: String,
        computed: String,
    },
    Mismatch {
        access_key: String,
        signature: String,
        string_to_sign: String,
        canonical_request: String,
    },
    /// The key does not exist, is inactive or deleted. The caller knows.
    UnknownKey {
        access_key: String,
    },
    /// A session token is missing, or belongs to another key. The caller knows.
    InvalidToken,
    ExpiredToken,
}

/// Which family of codes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Json,
    RestJson,
    Query,
}

impl SignatureFault {
    pub fn to_error(&self, service: &str, protocol: Protocol) -> Error {
        match (service, protocol) {
            ("s3", _) | (_, Protocol::RestXml) => self.s3(),
            (_, Protocol::Query) => self.standard(Dialect::Query),
            (_, Protocol::RestJson) => self.standard(Dialect::RestJson),
            (_, Protocol::Json | Protocol::Cbor) => self.standard(Dialect::Json),
        }
    }

    fn standard(&self, dialect: Dialect) -> Error {
        let json = dialect != Dialect::Query;
        let pick = |with_exception, plain| if json { with_exception } else { plain };
        let invalid = pick("InvalidSignatureException", "SignatureDoesNotMatch");
        let incomplete = pick("IncompleteSignatureException", "IncompleteSignature");
        let code = match self {
            Self::Missing => pick(
                "MissingAuthenticationTokenException",
                "MissingAuthenticationToken",
            ),
            Self::UnknownKey { .. } | Self::InvalidToken => {
                pick("UnrecognizedClientException", "InvalidClientTokenId")
            }
            Self::ExpiredToken => pick("ExpiredTokenException", "ExpiredToken"),
            Self::HeaderMalformed { .. }
            | Self::Algorithm { .. }
            | Self::Credential { .. }
            | Self::QueryIncomplete
            | Self::ExpiresNotNumber
            | Self::ExpiresNegative
            | Self::ExpiresZero
            | Self::ExpiresTooLong
            | Self::Repeated { .. }
            | Self::TwoSignatures
            | Self::DateMissing
            | Self::Date { .. }
            | Self::ContentHashMissing
            | Self::ContentHash { .. } => incomplete,
            _ => invalid,
        };
        let status = match dialect {
            Dialect::Json => 400,
            Dialect::Query if code == incomplete => 400,
            Dialect::Query | Dialect::RestJson => 403,
        };
        Error::new(status, Fault::Sender, code, self.standard_text())
    }

    fn standard_text(&self) -> String {
        match self {
            Self::Missing => "Missing Authentication Token".to_owned(),
            Self::HeaderMalformed { missing, authorization } => malformed_text(missing, authorization),
            Self::Algorithm { found, .. } => format!("Unsupported AWS 'algorithm': '{found}'."),
            Self::Credential { .. } => {
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term".to_owned()
            }
            Self::Terminator { found, .. } => {
                format!("Credential should be scoped with a valid terminator: 'aws4_request', not '{found}'.")
            }
            Self::ScopeDate { date, timestamp, .. } => scope_date_text(date, timestamp),
            Self::ScopeRegion { .. } => "Credential should be scoped to a valid region. ".to_owned(),
            Self::ScopeService { expected, .. } => format!("Credential should be scoped to correct service: '{expected}'. "),
            Self::Repeated { name, .. } => format!("'{name}' must not be repeated in the signature."),
            Self::TwoSignatures => "Only one auth mechanism allowed: the Authorization header or the query string.".to_owned(),
            Self::DateMissing => {
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.".to_owned()
            }
            Self::Date { found, .. } => {
                format!("Date must be in ISO-8601 'basic format'. Got '{found}'. See http://en.wikipedia.org/wiki/ISO_8601")
            }
            Self::HostUnsigned => "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned(),
            Self::UnknownKey { .. } | Self::InvalidToken => {
                "The security token included in the request is invalid.".to_owned()
            }
            Self::ExpiredToken => "The security token included in the request is expired".to_owned(),
            Self::Skewed { .. } | Self::NotYetValid { .. } | Self::PresignedExpired { .. } => self.time_text(),
            Self::HeadersUnsigned(_) => "There were headers present in the request which were not signed".to_owned(),
            Self::QueryIncomplete
            | Self::ExpiresNotNumber
            | Self::ExpiresNegative
            | Self::ExpiresZero
            | Self::ExpiresTooLong
            | Self::ContentHashMissing
            | Self::ContentHash { .. } => self.s3().message,
            Self::HeaderMissing(_) | Self::BodyMismatch { .. } | Self::Mismatch { .. } => {
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
                 Key and signing method. Consult the service documentation for details."
                    .to_owned()
            }
        }
    }

    fn time_text(&self) -> String {
        let (signed_at_s, now_s, limit_s) = match self {
            Self::Skewed {
                signed_at_s,
                now_s,
                skew_max_s,
            } => (*signed_at_s, *now_s, *skew_max_s),
            Self::PresignedExpired {
                signed_at_s,
                expires_s,
                now_s,
            } => (*signed_at_s, *now_s, *expires_s),
            Self::NotYetValid { signed_at_s, now_s } => (*signed_at_s, *now_s, super::SKEW_MAX_S),
            _ => return String::new(),
        };
        let (signed_at, now) = (format_timestamp(signed_at_s), format_timestamp(now_s));
        let minutes = limit_s / 60;
        if signed_at_s > now_s {
            let limit = format_timestamp(now_s + limit_s);
            return format!(
                "Signature not yet current: {signed_at} is still later than {limit} ({now} + {minutes} min.)"
            );
        }
        let limit = format_timestamp(now_s - limit_s);
        format!(
            "Signature expired: {signed_at} is now earlier than {limit} ({now} - {minutes} min.)"
        )
    }

    fn s3(&self) -> Error {
        match self {
            Self::Missing => denied("Access Denied"),
            Self::Algorithm {
                presigned: false, ..
            } => Error::sender(
                "InvalidRequest",
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
            ),
            Self::HeaderMalformed { .. }
            | Self::Repeated {
                presigned: false, ..
            } => {
                let text = "The authorization header is malformed; the authorization header requires three components: \
                            Credential, SignedHeaders, and Signature.";
                Error::sender("AuthorizationHeaderMalformed", text)
            }
            Self::Algorithm { .. }
            | Self::Credential { .. }
            | Self::Terminator { .. }
            | Self::ScopeDate { .. }
            | Self::ScopeRegion { .. }
            | Self::ScopeService { .. } => self.s3_scope(),
            Self::QueryIncomplete
            | Self::ExpiresNotNumber
            | Self::ExpiresNegative
            | Self::ExpiresZero
            | Self::ExpiresTooLong
            | Self::Repeated {
                presigned: true, ..
            }
            | Self::Date {
                presigned: true, ..
            } => Error::sender("AuthorizationQueryParametersError", self.s3_query_text()),
            Self::TwoSignatures => two_signatures(),
            Self::DateMissing | Self::Date { .. } => {
                denied("AWS authentication requires a valid Date or x-amz-date header")
            }
            Self::Skewed { .. } | Self::NotYetValid { .. } | Self::PresignedExpired { .. } => {
                self.s3_time()
            }
            Self::HostUnsigned => unsigned_headers("host"),
            Self::HeadersUnsigned(names) => unsigned_headers(names),
            Self::UnknownKey { .. } | Self::InvalidToken | Self::ExpiredToken => self.s3_key(),
            Self::ContentHashMissing | Self::ContentHash { .. } | Self::BodyMismatch { .. } => {
                self.s3_content()
            }
            Self::HeaderMissing(_) => does_not_match(),
            Self::Mismatch {
                access_key,
                signature,
                string_to_sign,
                canonical_request,
            } => does_not_match()
                .with_member("AWSAccessKeyId", access_key.as_str())
                .with_member("StringToSign", string_to_sign.as_str())
                .with_member("SignatureProvided", signature.as_str())
                .with_member("StringToSignBytes", spaced_hex(string_to_sign))
                .with_member("CanonicalRequest", canonical_request.as_str())
                .with_member("CanonicalRequestBytes", spaced_hex(canonical_request)),
        }
    }

    fn s3_scope(&self) -> Error {
        let (detail, presigned) = match self {
            Self::Algorithm { .. } => {
                let text = "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\"";
                return Error::sender("AuthorizationQueryParametersError", text);
            }
            Self::Credential { presigned } => (
                "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".".to_owned(),
                presigned,
            ),
            Self::Terminator { found, presigned } => {
                (format!("incorrect terminator \"{found}\". This endpoint uses \"aws4_request\"."), presigned)
            }
            Self::ScopeDate { date, timestamp, presigned } => {
                let day = timestamp.get(..8).unwrap_or(timestamp);
                (format!("Invalid credential date \"{date}\". This date is not the same as X-Amz-Date: \"{day}\"."), presigned)
            }
            Self::ScopeService { found, expected, presigned } => {
                (format!("incorrect service \"{found}\". This endpoint belongs to \"{expected}\"."), presigned)
            }
            Self::ScopeRegion { found, expected, presigned } => {
                (format!("the region '{found}' is wrong; expecting '{expected}'"), presigned)
            }
            _ => return does_not_match(),
        };
        let error = if *presigned {
            let text = format!("Error parsing the X-Amz-Credential parameter; {detail}");
            Error::sender("AuthorizationQueryParametersError", text)
        } else {
            Error::sender(
                "AuthorizationHeaderMalformed",
                format!("The authorization header is malformed; {detail}"),
            )
        };
        match self {
            Self::ScopeRegion { expected, .. } => error.with_member("Region", expected.as_str()),
            _ => error,
        }
    }

    fn s3_query_text(&self) -> String {
        match self {
            Self::ExpiresNotNumber => "X-Amz-Expires should be a number".to_owned(),
            Self::ExpiresNegative => "X-Amz-Expires must be non-negative".to_owned(),
            Self::ExpiresZero => "X-Amz-Expires must be greater than 0".to_owned(),
            Self::ExpiresTooLong => {
                "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than \
                 604800 seconds"
                    .to_owned()
            }
            Self::Date { .. } => {
                "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"".to_owned()
            }
            Self::Repeated { name, .. } => format!("The parameter {name} must not be repeated."),
            _ => "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, \
                  X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
                .to_owned(),
        }
    }

    fn s3_time(&self) -> Error {
        match self {
            Self::PresignedExpired {
                signed_at_s,
                expires_s,
                now_s,
            } => denied("Request has expired")
                .with_member("X-Amz-Expires", expires_s.to_string())
                .with_member("Expires", iso8601(signed_at_s + expires_s))
                .with_member("ServerTime", iso8601(*now_s)),
            Self::NotYetValid { signed_at_s, now_s } => denied("Request is not yet valid")
                .with_member("X-Amz-Date", format_timestamp(*signed_at_s))
                .with_member("ServerTime", iso8601(*now_s)),
            Self::Skewed {
                signed_at_s,
                now_s,
                skew_max_s,
            } => {
                let text =
                    "The difference between the request time and the current time is too large.";
                Error::sender("RequestTimeTooSkewed", text)
                    .with_status(403)
                    .with_member("RequestTime", format_timestamp(*signed_at_s))
                    .with_member("ServerTime", iso8601(*now_s))
                    .with_member(
                        "MaxAllowedSkewMilliseconds",
                        (skew_max_s * 1000).to_string(),
                    )
            }
            _ => does_not_match(),
        }
    }

    fn s3_key(&self) -> Error {
        match self {
            Self::UnknownKey { access_key } => {
                let text = "The AWS Access Key Id you provided does not exist in our records.";
                let error = Error::sender("InvalidAccessKeyId", text).with_status(403);
                error.with_member("AWSAccessKeyId", access_key.as_str())
            }
            Self::ExpiredToken => Error::sender("ExpiredToken", "The provided token has expired."),
            _ => Error::sender(
                "InvalidToken",
                "The provided token is malformed or otherwise invalid.",
            ),
        }
    }

    fn s3_content(&self) -> Error {
        match self {
            Self::ContentHash { found } => {
                let text = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
                            STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, \
                            STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a \
                            valid sha256 value.";
                let error = Error::sender("InvalidArgument", text)
                    .with_member("ArgumentName", "x-amz-content-sha256");
                error.with_member("ArgumentValue", found.as_str())
            }
            Self::BodyMismatch { declared, computed } => {
                let text =
                    "The provided 'x-amz-content-sha256' header does not match what was computed.";
                let error = Error::sender("XAmzContentSHA256Mismatch", text);
                error
                    .with_member("ClientComputedContentSHA256", declared.as_str())
                    .with_member("S3ComputedContentSHA256", computed.as_str())
            }
            _ => Error::sender(
                "InvalidRequest",
                "Missing required header for this request: x-amz-content-sha256",
            ),
        }
    }
}

fn denied(message: &str) -> Error {
    Error::sender("AccessDenied", message).with_status(403)
}

fn does_not_match() -> Error {
    let text = "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
    Error::sender("SignatureDoesNotMatch", text).with_status(403)
}

fn unsigned_headers(names: &str) -> Error {
    denied("There were headers present in the request which were not signed")
        .with_member("HeadersNotSigned", names)
}

fn two_signatures() -> Error {
    let text = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter \
                or the Authorization header should be specified";
    Error::sender("InvalidArgument", text).with_member("ArgumentName", "Authorization")
}

fn malformed_text(missing: &[&str], authorization: &str) -> String {
    if missing.is_empty() {
        return format!("Authorization header is malformed. Authorization={authorization}");
    }
    let requires = missing
        .iter()
        .map(|name| format!("Authorization header requires '{name}' parameter. "));
    format!(
        "{}Authorization={authorization}",
        requires.collect::<String>()
    )
}

fn scope_date_text(date: &str, timestamp: &str) -> String {
    let day = timestamp.get(..8).unwrap_or(timestamp);
    format!(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != '{day}', from \
         '{timestamp}'."
    )
}

fn iso8601(seconds: i64) -> String {
    timestamp::format(
        seconds * 1000,
        TimestampFormat::Iso8601,
        Milliseconds::Never,
    )
}

/// S3 shows the bytes of its texts, for those who hunt an invisible character.
fn spaced_hex(text: &str) -> String {
    text.bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .join(" ")
}
