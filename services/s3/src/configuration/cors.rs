//! Cross-origin resource sharing: the rules, and which one a request falls under.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::super::api::{CorsConfiguration, CorsRule, Nothing, OnBucket, PutCors};
use super::super::errors::{invalid_request, malformed_xml, not_found};

pub(crate) const KIND: &str = "cors";
const RULES_MAX: usize = 100;
const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketCors.html>
pub(crate) fn get(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<CorsConfiguration> {
    configuration(tx, &input.target.bucket)?.ok_or_else(|| {
        let message = "The CORS configuration does not exist";
        not_found("NoSuchCORSConfiguration", message).member("BucketName", input.target.bucket)
    })
}

pub(crate) fn configuration(tx: &Tx<'_>, bucket: &str) -> Result<Option<CorsConfiguration>> {
    super::load(tx, bucket, KIND)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html>
pub(crate) fn put(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<PutCors>,
) -> Result<Nothing> {
    let configuration = input.rest.configuration;
    if configuration.rules.is_empty() || configuration.rules.len() > RULES_MAX {
        return Err(malformed_xml());
    }
    configuration.rules.iter().try_for_each(check)?;
    super::save(tx, &input.target.bucket, KIND, &configuration)?;
    Ok(Nothing {})
}

fn check(rule: &CorsRule) -> Result<()> {
    if rule.allowed_methods.is_empty() || rule.allowed_origins.is_empty() {
        return Err(malformed_xml());
    }
    let unknown = rule
        .allowed_methods
        .iter()
        .find(|method| !METHODS.contains(&method.as_str()));
    if let Some(method) = unknown {
        let message =
            format!("Found unsupported HTTP method in CORS config. Unsupported method is {method}");
        return Err(invalid_request(message));
    }
    let wild = |what: &str, pattern: &str| {
        invalid_request(format!(
            "{what} \"{pattern}\" can not have more than one wildcard."
        ))
    };
    for origin in &rule.allowed_origins {
        if origin.matches('*').count() > 1 {
            return Err(wild("AllowedOrigin", origin));
        }
    }
    for header in &rule.allowed_headers {
        if header.matches('*').count() > 1 {
            return Err(wild("AllowedHeader", header));
        }
    }
    if let Some(header) = rule
        .expose_headers
        .iter()
        .find(|header| header.contains('*'))
    {
        return Err(invalid_request(format!(
            "ExposeHeader \"{header}\" contains wildcard. We currently do not support wildcard for ExposeHeader."
        )));
    }
    Ok(())
}

/// Whether a pattern with at most one `*` covers a text.
pub(crate) fn covers(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}

/// The first rule that lets `origin` do `method` with these headers.
pub(crate) fn find<'a>(
    configuration: &'a CorsConfiguration,
    origin: &str,
    method: &str,
    headers: &[String],
) -> Option<&'a CorsRule> {
    configuration.rules.iter().find(|rule| {
        rule.allowed_origins
            .iter()
            .any(|pattern| covers(pattern, origin))
            && rule.allowed_methods.iter().any(|allowed| allowed == method)
            && headers.iter().all(|header| allows_header(rule, header))
    })
}

fn allows_header(rule: &CorsRule, header: &str) -> bool {
    let header = header.to_ascii_lowercase();
    let mut patterns = rule.allowed_headers.iter();
    patterns.any(|pattern| covers(&pattern.to_ascii_lowercase(), &header))
}
