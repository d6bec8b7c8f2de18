//! Signature Version 4: who claims to have sent a request, and whether it is so.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>
//!
//! In two steps, because the secret lies in a store that this crate does not know: [`parse`] says which key is claimed,
//! the caller finds its secret, and [`Presented::verify`] answers. Time is given by the caller, and it is wall time: a
//! signature says when a clock outside said so. The body is not here either: its hash comes from whoever received it, and
//! [`Payload`] says what it must be.

mod canonical;
mod chunked;
mod fault;
mod form;
mod key;
mod parse;
mod sign;

use http::request;
use subtle::ConstantTimeEq;

pub use canonical::PathStyle;
pub use chunked::{AwsChunkedDecoder, ChunkFault, Trailers};
pub use fault::SignatureFault;
pub use form::{FormClaim, parse_form};
pub use key::{SigningKey, SigningKeys, derive};
pub use parse::{claimed_service, parse};
pub use sign::{Credentials, Signer, canonical_request, string_to_sign};

pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
pub(crate) const TERMINATOR: &str = "aws4_request";
/// How far the clocks of client and server may differ.
pub const SKEW_MAX_S: i64 = 15 * 60;
/// How long a presigned request may be valid: a week.
pub const EXPIRES_MAX_S: i64 = 604_800;

/// What a signature is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub date: String,
    pub region: String,
    pub service: String,
}

impl std::fmt::Display for Scope {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{}/{}/{}/{TERMINATOR}",
            self.date, self.region, self.service
        )
    }
}

/// Where the signature stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Header,
    /// A presigned URL and how long it is valid.
    Query {
        expires_s: i64,
    },
}

/// What the body must be, as `x-amz-content-sha256` declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Nothing is declared: the hash of the body received is part of the signature.
    Undeclared,
    /// The body has this hash, in hexadecimal digits.
    Sha256(String),
    Unsigned,
    /// `aws-chunked`, every chunk signed.
    StreamingSigned {
        trailer: bool,
    },
    /// `aws-chunked` with a checksum after it.
    StreamingUnsignedTrailer,
}

impl Payload {
    /// Whether the body comes in `aws-chunked` framing.
    pub fn is_streaming(&self) -> bool {
        matches!(
            self,
            Self::StreamingSigned { .. } | Self::StreamingUnsignedTrailer
        )
    }

    /// Binds the declared hash to the body received. A streaming body is bound by [`AwsChunkedDecoder`] instead.
    pub fn check(&self, body_sha256_hex: &str) -> Result<(), SignatureFault> {
        match self {
            Self::Sha256(declared) if !same(declared.as_bytes(), body_sha256_hex.as_bytes()) => {
                Err(SignatureFault::BodyMismatch {
                    declared: declared.clone(),
                    computed: body_sha256_hex.to_owned(),
                })
            }
            _ => Ok(()),
        }
    }
}

/// A signature as a request presents it: a claim, until verified.
#[derive(Debug, Clone)]
pub struct Presented {
    pub access_key: String,
    pub scope: Scope,
    pub session_token: Option<String>,
    pub form: Form,
    /// Lower-case names in the order of the signature.
    pub signed_headers: Vec<String>,
    pub payload: Payload,
    /// `20150830T123600Z`
    pub timestamp: String,
    /// The same in epoch seconds.
    pub signed_at_s: i64,
    signature: String,
}

/// What a signature is held against.
#[derive(Debug)]
pub struct Verification<'a> {
    pub secret_key: &'a str,
    /// Wall time in epoch seconds.
    pub now_s: i64,
    /// The service's signing name, as the route found it.
    pub service: &'a str,
    /// The only region accepted; `None` accepts all there may be, since one endpoint serves them all.
    pub region: Option<&'a str>,
    /// Hash of the body received, in hexadecimal digits; `None` where S3 streams it and checks afterwards.
    pub body_sha256: Option<&'a str>,
    pub skew_max_s: i64,
}

/// Proof that a request was signed with the secret; it also opens the chunks of its body.
#[derive(Debug, Clone)]
pub struct Verified {
    pub scope: Scope,
    pub timestamp: String,
    /// The signature of the head, to which the first chunk's is chained.
    pub seed_signature: String,
    pub signing_key: SigningKey,
}

impl Presented {
    /// Checks scope, time, headers, body hash and signature, in AWS's order: what is malformed before what is wrong.
    pub fn verify(
        &self,
        head: &request::Parts,
        verification: &Verification<'_>,
        keys: &SigningKeys,
    ) -> Result<Verified, SignatureFault> {
        self.check_scope(verification)?;
        self.check_time(verification)?;
        self.check_headers(head)?;
        self.check_payload(verification)?;
        let payload_hash = self.payload_hash(verification);
        let style = PathStyle::of(&self.scope.service);
        let canonical = canonical::request(head, &self.signed_headers, style, &payload_hash)?;
        let text = canonical::string_to_sign(&self.timestamp, &self.scope, &canonical);
        let signing_key = keys.get(&self.access_key, verification.secret_key, &self.scope);
        let expected = signing_key.sign(text.as_bytes());
        if !same(expected.as_bytes(), self.signature.as_bytes()) {
            return Err(self.mismatch(text, canonical));
        }
        Ok(Verified {
            scope: self.scope.clone(),
            timestamp: self.timestamp.clone(),
            seed_signature: expected,
            signing_key,
        })
    }

    fn check_scope(&self, verification: &Verification<'_>) -> Result<(), SignatureFault> {
        let presigned = self.is_presigned();
        if !self.timestamp.starts_with(&self.scope.date) {
            let (date, timestamp) = (self.scope.date.clone(), self.timestamp.clone());
            return Err(SignatureFault::ScopeDate {
                date,
                timestamp,
                presigned,
            });
        }
        if self.scope.service != verification.service {
            let (found, expected) = (self.scope.service.clone(), verification.service.to_owned());
            return Err(SignatureFault::ScopeService {
                found,
                expected,
                presigned,
            });
        }
        let expected = match verification.region {
            Some(expected) if expected != self.scope.region => expected,
            None if !is_region(&self.scope.region) => HOME_REGION,
            _ => return Ok(()),
        };
        Err(SignatureFault::ScopeRegion {
            found: self.scope.region.clone(),
            expected: expected.to_owned(),
            presigned,
        })
    }

    fn check_time(&self, verification: &Verification<'_>) -> Result<(), SignatureFault> {
        let (now_s, skew_max_s) = (verification.now_s, verification.skew_max_s);
        let early = self.signed_at_s > now_s + skew_max_s;
        match self.form {
            Form::Query { .. } if early => Err(SignatureFault::NotYetValid {
                signed_at_s: self.signed_at_s,
                now_s,
            }),
            Form::Query { expires_s } if now_s > self.signed_at_s + expires_s => {
                Err(SignatureFault::PresignedExpired {
                    signed_at_s: self.signed_at_s,
                    expires_s,
                    now_s,
                })
            }
            Form::Header if early || now_s > self.signed_at_s + skew_max_s => {
                Err(SignatureFault::Skewed {
                    signed_at_s: self.signed_at_s,
                    now_s,
                    skew_max_s,
                })
            }
            _ => Ok(()),
        }
    }

    /// An unsigned `x-amz-*` header could be changed or added on the way.
    fn check_headers(&self, head: &request::Parts) -> Result<(), SignatureFault> {
        let signed = |name: &str| self.signed_headers.iter().any(|header| header == name);
        if !signed("host") {
            return Err(SignatureFault::HostUnsigned);
        }
        let names = head.headers.keys().map(http::HeaderName::as_str);
        let unsigned: Vec<&str> = names
            .filter(|name| name.starts_with("x-amz-") && !signed(name))
            .collect();
        if !unsigned.is_empty() {
            return Err(SignatureFault::HeadersUnsigned(unsigned.join(", ")));
        }
        Ok(())
    }

    /// S3 wants a declaration; other services hash what they received whatever is declared.
    fn check_payload(&self, verification: &Verification<'_>) -> Result<(), SignatureFault> {
        if self.is_s3() && self.payload == Payload::Undeclared {
            return Err(SignatureFault::ContentHashMissing);
        }
        verification
            .body_sha256
            .map_or(Ok(()), |body| self.payload.check(body))
    }

    fn payload_hash(&self, verification: &Verification<'_>) -> String {
        let received = || verification.body_sha256.unwrap_or(EMPTY_SHA256).to_owned();
        match &self.payload {
            Payload::Sha256(declared) => declared.clone(),
            _ if !self.is_s3() => received(),
            Payload::Undeclared => received(),
            Payload::Unsigned => UNSIGNED.to_owned(),
            Payload::StreamingSigned { trailer: false } => STREAMING.to_owned(),
            Payload::StreamingSigned { trailer: true } => STREAMING_TRAILER.to_owned(),
            Payload::StreamingUnsignedTrailer => STREAMING_UNSIGNED_TRAILER.to_owned(),
        }
    }

    fn mismatch(&self, string_to_sign: String, canonical_request: String) -> SignatureFault {
        SignatureFault::Mismatch {
            access_key: self.access_key.clone(),
            signature: self.signature.clone(),
            string_to_sign,
            canonical_request,
        }
    }

    fn is_s3(&self) -> bool {
        self.scope.service == "s3"
    }

    pub fn is_presigned(&self) -> bool {
        matches!(self.form, Form::Query { .. })
    }
}

pub(crate) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
pub(crate) const STREAMING: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
pub(crate) const STREAMING_TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
pub(crate) const STREAMING_UNSIGNED_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
/// SHA-256 of nothing.
pub(crate) const EMPTY_SHA256: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Where AWS keeps what belongs to no region, and what it expects where a scope names none.
const HOME_REGION: &str = "us-east-1";

/// Whether a name is formed as regions are: `us-east-1`, `us-gov-west-1`, and not `aws-global`.
fn is_region(name: &str) -> bool {
    let mut parts = name.split('-');
    let (area, number) = (parts.next().unwrap_or(""), parts.next_back().unwrap_or(""));
    let word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_numbered =
        matches!(number.len(), 1 | 2) && number.bytes().all(|byte| byte.is_ascii_digit());
    let mut middle = parts.peekable();
    area.len() == 2 && word(area) && is_numbered && middle.peek().is_some() && middle.all(word)
}

/// Compares without telling by its time where the difference is.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests;
