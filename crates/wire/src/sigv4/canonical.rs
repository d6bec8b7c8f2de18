//! The canonical request: the one text that client and server must agree on.

use std::borrow::Cow;

use http::{header, request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::{ALGORITHM, Scope, SignatureFault};

/// Everything but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const ENCODED_IN_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// How a path becomes canonical.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathStyle {
    /// S3: encoded once, never normalised, since a key may hold `..` and `//`.
    S3,
    /// All others: normalised, and encoded once more than on the wire.
    Standard,
    /// As the others, but with dots and slashes kept: for test suites.
    Unnormalised,
}

impl PathStyle {
    pub fn of(signing_name: &str) -> Self {
        if signing_name == "s3" {
            Self::S3
        } else {
            Self::Standard
        }
    }
}

pub(super) fn request(
    head: &request::Parts,
    signed_headers: &[String],
    style: PathStyle,
    payload_hash: &str,
) -> Result<String, SignatureFault> {
    let mut canonical = String::with_capacity(1024);
    canonical.push_str(head.method.as_str());
    canonical.push('\n');
    push_path(head.uri.path(), style, &mut canonical);
    canonical.push('\n');
    push_query(head.uri.query().unwrap_or(""), &mut canonical);
    canonical.push('\n');
    for name in signed_headers {
        push_header(head, name, &mut canonical)?;
    }
    canonical.push('\n');
    push_names(signed_headers, &mut canonical);
    canonical.push('\n');
    canonical.push_str(payload_hash);
    Ok(canonical)
}

pub(super) fn string_to_sign(timestamp: &str, scope: &Scope, canonical: &str) -> String {
    format!(
        "{ALGORITHM}\n{timestamp}\n{scope}\n{}",
        hex::encode(Sha256::digest(canonical))
    )
}

fn push_path(path: &str, style: PathStyle, out: &mut String) {
    match style {
        PathStyle::S3 => push_path_once(path, out),
        PathStyle::Unnormalised => out.extend(utf8_percent_encode(path, ENCODED_IN_PATH)),
        PathStyle::Standard => out.extend(utf8_percent_encode(&normalised(path), ENCODED_IN_PATH)),
    }
}

/// However the client spelt it, a character that need not be encoded is not.
fn push_path_once(path: &str, out: &mut String) {
    let path = if path.is_empty() { "/" } else { path };
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    out.extend(percent_encoding::percent_encode(&decoded, ENCODED_IN_PATH));
}

/// Without empty and dot segments.
fn normalised(path: &str) -> Cow<'_, str> {
    if !path.contains("//") && !path.contains("/.") {
        return if path.is_empty() {
            "/".into()
        } else {
            path.into()
        };
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let trailing = if path.ends_with('/') && !kept.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{trailing}", kept.join("/")).into()
}

/// Sorted by encoded name, then by value; the signature itself is left out.
fn push_query(query: &str, out: &mut String) {
    if query.is_empty() {
        return;
    }
    let pairs = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut pairs: Vec<_> = pairs
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    pairs.retain(|(name, _)| name != "X-Amz-Signature");
    pairs.sort();
    for (at, (name, value)) in pairs.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "&" });
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
}

fn encoded(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
    {
        return text.into();
    }
    let spaced = text.replace('+', " ");
    let decoded: Vec<u8> = percent_decode_str(&spaced).collect();
    percent_encoding::percent_encode(&decoded, ENCODED)
        .to_string()
        .into()
}

/// Values trimmed, inner spaces folded, repeated headers joined.
fn push_header(head: &request::Parts, name: &str, out: &mut String) -> Result<(), SignatureFault> {
    out.push_str(name);
    out.push(':');
    let mut values = head.headers.get_all(name).iter().peekable();
    if values.peek().is_none() {
        push_authority(head, name, out)?;
    }
    for (at, value) in values.enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        push_folded(&String::from_utf8_lossy(value.as_bytes()), out);
    }
    out.push('\n');
    Ok(())
}

/// HTTP/2 has no `Host` header.
fn push_authority(
    head: &request::Parts,
    name: &str,
    out: &mut String,
) -> Result<(), SignatureFault> {
    match head.uri.authority() {
        Some(authority) if name == header::HOST => out.push_str(authority.as_str()),
        _ => return Err(SignatureFault::HeaderMissing(name.to_owned())),
    }
    Ok(())
}

fn push_folded(value: &str, out: &mut String) {
    let mut first = true;
    for word in value
        .split([' ', '\t', '\n'])
        .filter(|word| !word.is_empty())
    {
        if !std::mem::take(&mut first) {
            out.push(' ');
        }
        out.push_str(word);
    }
}

fn push_names(names: &[String], out: &mut String) {
    for (at, name) in names.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ";" });
        out.push_str(name);
    }
}

/// Encodes a value for a canonical query string.
pub(super) fn encode_value(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}
