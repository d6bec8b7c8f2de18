//! From a head to the signature it claims to bear.

use http::{header, request};

use super::{
    ALGORITHM, EXPIRES_MAX_S, Form, Payload, Presented, STREAMING, STREAMING_TRAILER,
    STREAMING_UNSIGNED_TRAILER, Scope, SignatureFault, TERMINATOR, UNSIGNED,
};
use crate::protocol::form;
use crate::timestamp::{self, Civil};

/// The signature of a request; `None` for an anonymous one.
pub fn parse(head: &request::Parts) -> Result<Option<Presented>, SignatureFault> {
    let query = form::parse(head.uri.query().unwrap_or("").as_bytes());
    let in_query = query.iter().any(|(name, _)| is_signature_parameter(name));
    let mut headers = head.headers.get_all(header::AUTHORIZATION).iter();
    match (headers.next(), in_query) {
        (None, false) if is_version_2(&query) => Err(SignatureFault::Algorithm {
            found: "AWS".to_owned(),
            presigned: false,
        }),
        (None, false) => Ok(None),
        (None, true) => parse_query(head, &query).map(Some),
        (Some(_), true) => Err(SignatureFault::TwoSignatures),
        (Some(_), false) if headers.next().is_some() => Err(SignatureFault::Repeated {
            name: "Authorization".to_owned(),
            presigned: false,
        }),
        (Some(value), false) => {
            let value = value.to_str().map_err(|_| malformed(""))?;
            parse_header(head, value).map(Some)
        }
    }
}

/// Version 2 of presigned URLs, which some old clients still make: refused, not taken for anonymous.
fn is_version_2(query: &form::Pairs<'_>) -> bool {
    form::get(query, "AWSAccessKeyId").is_some() && form::get(query, "Signature").is_some()
}

fn is_signature_parameter(name: &str) -> bool {
    matches!(
        name,
        "X-Amz-Algorithm" | "X-Amz-Signature" | "X-Amz-Credential"
    )
}

/// The service in the credential scope, without judging anything: routing asks before the signature is read.
pub fn claimed_service(head: &request::Parts) -> Option<String> {
    let from_header = head
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let credential = match from_header {
        Some(value) => value
            .split_once("Credential=")?
            .1
            .split([',', ' '])
            .next()?
            .to_owned(),
        None => {
            let query = form::parse(head.uri.query()?.as_bytes());
            form::get(&query, "X-Amz-Credential")?.to_owned()
        }
    };
    let mut parts = credential.rsplitn(5, '/');
    let (_terminator, service) = (parts.next()?, parts.next()?);
    // Of a scope with a part missing nobody knows which part is the service.
    parts.nth(2).map(|_| service.to_owned())
}

fn malformed(value: &str) -> SignatureFault {
    SignatureFault::HeaderMalformed {
        missing: Vec::new(),
        authorization: value.to_owned(),
    }
}

fn parse_header(head: &request::Parts, value: &str) -> Result<Presented, SignatureFault> {
    let (algorithm, rest) = value.trim().split_once(' ').unwrap_or((value, ""));
    if algorithm != ALGORITHM {
        return Err(SignatureFault::Algorithm {
            found: algorithm.to_owned(),
            presigned: false,
        });
    }
    let fields = fields(rest, value)?;
    let credential = fields.credential.unwrap_or_default();
    let (access_key, scope) = parse_credential(credential, false)?;
    let (timestamp, signed_at_s) = header_date(head)?;
    Ok(Presented {
        access_key,
        scope,
        session_token: header_text(head, "x-amz-security-token"),
        form: Form::Header,
        signed_headers: signed_headers(fields.signed_headers.unwrap_or_default()),
        payload: payload(header_text(head, "x-amz-content-sha256"))?,
        timestamp,
        signed_at_s,
        signature: fields.signature.unwrap_or_default().to_owned(),
    })
}

#[derive(Default)]
struct Fields<'a> {
    credential: Option<&'a str>,
    signed_headers: Option<&'a str>,
    signature: Option<&'a str>,
}

/// The three parameters of the header, each once.
fn fields<'a>(rest: &'a str, whole: &str) -> Result<Fields<'a>, SignatureFault> {
    let mut fields = Fields::default();
    for part in rest
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let (name, value) = part.split_once('=').ok_or_else(|| malformed(whole))?;
        let slot = match name {
            "Credential" => &mut fields.credential,
            "SignedHeaders" => &mut fields.signed_headers,
            "Signature" => &mut fields.signature,
            _ => return Err(malformed(whole)),
        };
        if slot.replace(value).is_some() {
            return Err(SignatureFault::Repeated {
                name: name.to_owned(),
                presigned: false,
            });
        }
    }
    let present = [fields.credential, fields.signature, fields.signed_headers];
    let names = ["Credential", "Signature", "SignedHeaders"];
    let missing: Vec<_> = names
        .into_iter()
        .zip(present)
        .filter(|(_, value)| value.is_none_or(str::is_empty))
        .collect();
    if missing.is_empty() {
        return Ok(fields);
    }
    let missing = missing.into_iter().map(|(name, _)| name).collect();
    Err(SignatureFault::HeaderMalformed {
        missing,
        authorization: whole.to_owned(),
    })
}

/// `key/date/region/service/aws4_request`; the key itself may hold slashes.
pub(super) fn parse_credential(
    credential: &str,
    presigned: bool,
) -> Result<(String, Scope), SignatureFault> {
    let mut parts = credential.rsplitn(5, '/');
    let mut next = || {
        parts
            .next()
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
    };
    let (terminator, service, region, date, access_key) = (next(), next(), next(), next(), next());
    let (Some(terminator), Some(service), Some(region), Some(date), Some(access_key)) =
        (terminator, service, region, date, access_key)
    else {
        return Err(SignatureFault::Credential { presigned });
    };
    if terminator != TERMINATOR {
        return Err(SignatureFault::Terminator {
            found: terminator,
            presigned,
        });
    }
    if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SignatureFault::Credential { presigned });
    }
    Ok((
        access_key,
        Scope {
            date,
            region,
            service,
        },
    ))
}

fn signed_headers(text: &str) -> Vec<String> {
    text.split(';').map(str::to_ascii_lowercase).collect()
}

fn header_text(head: &request::Parts, name: &str) -> Option<String> {
    head.headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

/// `X-Amz-Date`, or `Date` in its HTTP form.
fn header_date(head: &request::Parts) -> Result<(String, i64), SignatureFault> {
    if let Some(text) = header_text(head, "x-amz-date") {
        let seconds = parse_timestamp(&text).ok_or(SignatureFault::Date {
            found: text.clone(),
            presigned: false,
        })?;
        return Ok((text, seconds));
    }
    let text = header_text(head, header::DATE.as_str()).ok_or(SignatureFault::DateMissing)?;
    let seconds = timestamp::parse(&text)
        .ok_or(SignatureFault::Date {
            found: text,
            presigned: false,
        })?
        .div_euclid(1000);
    Ok((format_timestamp(seconds), seconds))
}

/// `20150830T123600Z`
pub(super) fn parse_timestamp(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse::<i64>().ok())?
    };
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
    Civil {
        year,
        month,
        day,
        hour,
        minute,
        second,
    }
    .epoch_seconds()
}

pub(super) fn format_timestamp(seconds: i64) -> String {
    let Civil {
        year,
        month,
        day,
        hour,
        minute,
        second,
    } = Civil::from_epoch_seconds(seconds);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

fn payload(declared: Option<String>) -> Result<Payload, SignatureFault> {
    let Some(declared) = declared else {
        return Ok(Payload::Undeclared);
    };
    let is_hash = declared.len() == 64
        && declared
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match declared.as_str() {
        UNSIGNED => Ok(Payload::Unsigned),
        STREAMING => Ok(Payload::StreamingSigned { trailer: false }),
        STREAMING_TRAILER => Ok(Payload::StreamingSigned { trailer: true }),
        STREAMING_UNSIGNED_TRAILER => Ok(Payload::StreamingUnsignedTrailer),
        _ if is_hash => Ok(Payload::Sha256(declared)),
        _ => Err(SignatureFault::ContentHash { found: declared }),
    }
}

fn parse_query(
    head: &request::Parts,
    query: &form::Pairs<'_>,
) -> Result<Presented, SignatureFault> {
    if let Some(name) = repeated(query) {
        return Err(SignatureFault::Repeated {
            name,
            presigned: true,
        });
    }
    let required = |name| {
        form::get(query, name)
            .filter(|value| !value.is_empty())
            .ok_or(SignatureFault::QueryIncomplete)
    };
    let algorithm = required("X-Amz-Algorithm")?;
    let (credential, signature) = (required("X-Amz-Credential")?, required("X-Amz-Signature")?);
    let (date, names) = (required("X-Amz-Date")?, required("X-Amz-SignedHeaders")?);
    if algorithm != ALGORITHM {
        return Err(SignatureFault::Algorithm {
            found: algorithm.to_owned(),
            presigned: true,
        });
    }
    let (access_key, scope) = parse_credential(credential, true)?;
    let signed_at_s = parse_timestamp(date).ok_or_else(|| SignatureFault::Date {
        found: date.to_owned(),
        presigned: true,
    })?;
    let declared = form::get(query, "X-Amz-Content-Sha256").map(str::to_owned);
    let declared = declared.or_else(|| header_text(head, "x-amz-content-sha256"));
    let default = if scope.service == "s3" {
        Payload::Unsigned
    } else {
        Payload::Undeclared
    };
    Ok(Presented {
        access_key,
        session_token: form::get(query, "X-Amz-Security-Token").map(str::to_owned),
        form: Form::Query {
            expires_s: expires(query, &scope)?,
        },
        signed_headers: signed_headers(names),
        payload: if declared.is_some() {
            payload(declared)?
        } else {
            default
        },
        timestamp: date.to_owned(),
        signed_at_s,
        signature: signature.to_owned(),
        scope,
    })
}

/// S3 demands a lifetime; the others take a quarter of an hour where none is given.
fn expires(query: &form::Pairs<'_>, scope: &Scope) -> Result<i64, SignatureFault> {
    let text = match form::get(query, "X-Amz-Expires") {
        Some(text) if !text.is_empty() => text,
        _ if scope.service == "s3" => return Err(SignatureFault::QueryIncomplete),
        _ => return Ok(super::SKEW_MAX_S),
    };
    match text.parse::<i64>() {
        Err(_) => Err(SignatureFault::ExpiresNotNumber),
        Ok(seconds) if seconds < 0 => Err(SignatureFault::ExpiresNegative),
        Ok(0) => Err(SignatureFault::ExpiresZero),
        Ok(seconds) if seconds > EXPIRES_MAX_S => Err(SignatureFault::ExpiresTooLong),
        Ok(seconds) => Ok(seconds),
    }
}

fn repeated(query: &form::Pairs<'_>) -> Option<String> {
    const ONCE: [&str; 8] = [
        "X-Amz-Algorithm",
        "X-Amz-Content-Sha256",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Security-Token",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
    ];
    let twice = |name: &&&str| query.iter().filter(|(key, _)| key == **name).count() > 1;
    ONCE.iter().find(twice).map(|name| (*name).to_owned())
}
