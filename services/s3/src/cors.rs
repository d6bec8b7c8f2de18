//! Cross-origin requests as the front meets them: the preflight, and the headers on an answer.

use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::api::CorsRule;
use super::configuration::cors::{configuration, find};
use super::state::{BUCKETS, Bucket, bucket_key};

const VARY: &str = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";

/// Answers `OPTIONS` with the headers of a 200, or refuses. Nobody is authenticated for it.
/// `requested_headers` is the value of `Access-Control-Request-Headers`.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html>
pub fn preflight(
    engine: &Engine,
    bucket: &str,
    origin: Option<&str>,
    method: Option<&str>,
    requested_headers: Option<&str>,
) -> Result<Vec<(String, String)>> {
    let Some(origin) = origin else {
        let message = "Insufficient information. Origin request header needed.";
        return Err(Error::new("BadRequest", message));
    };
    let Some(method) = method else {
        let message = "Invalid Access-Control-Request-Method: null";
        return Err(Error::new("BadRequest", message));
    };
    engine.read(|tx| answer(tx, bucket, origin, method, requested_headers))
}

fn answer(
    tx: &Tx<'_>,
    bucket: &str,
    origin: &str,
    method: &str,
    requested_headers: Option<&str>,
) -> Result<Vec<(String, String)>> {
    if tx.load::<Bucket>(BUCKETS, bucket_key(bucket))?.is_none() {
        return Err(forbidden("Bucket not found", method, "BUCKET"));
    }
    let Some(configuration) = configuration(tx, bucket)? else {
        return Err(forbidden(
            "CORS is not enabled for this bucket.",
            method,
            "BUCKET",
        ));
    };
    let requested = split(requested_headers);
    let Some(rule) = find(&configuration, origin, method, &requested) else {
        let reason = "This CORS request is not allowed. This is usually because the evalution of Origin, request \
                      method / Access-Control-Request-Method or Access-Control-Request-Headers are not \
                      whitelisted by the resource's CORS spec.";
        return Err(forbidden(reason, method, "OBJECT"));
    };
    let mut headers = allowed(rule, origin);
    if !requested.is_empty() {
        headers.push(header("Access-Control-Allow-Headers", requested.join(", ")));
    }
    if let Some(seconds) = rule.max_age_seconds {
        headers.push(header("Access-Control-Max-Age", seconds.to_string()));
    }
    Ok(headers)
}

fn forbidden(reason: &str, method: &str, resource_type: &str) -> Error {
    Error::new("AccessForbidden", format!("CORSResponse: {reason}"))
        .status(403)
        .member("Method", method)
        .member("ResourceType", resource_type)
}

fn split(requested_headers: Option<&str>) -> Vec<String> {
    let names = requested_headers.unwrap_or_default().split(',');
    names
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .collect()
}

/// The headers that a rule adds to the answer of a cross-origin request, errors included; none where no
/// rule lets the origin do `method`.
pub fn cors_headers(
    tx: &Tx<'_>,
    bucket: &str,
    origin: &str,
    method: &str,
) -> Result<Vec<(String, String)>> {
    let Some(configuration) = configuration(tx, bucket)? else {
        return Ok(Vec::new());
    };
    let rule = find(&configuration, origin, method, &[]);
    Ok(rule.map(|rule| allowed(rule, origin)).unwrap_or_default())
}

fn allowed(rule: &CorsRule, origin: &str) -> Vec<(String, String)> {
    let is_for_all = rule.allowed_origins.iter().any(|pattern| pattern == "*");
    let shown = if is_for_all { "*" } else { origin };
    let mut headers = vec![
        header("Access-Control-Allow-Origin", shown),
        header(
            "Access-Control-Allow-Methods",
            rule.allowed_methods.join(", "),
        ),
        header("Vary", VARY),
    ];
    if !is_for_all {
        headers.push(header("Access-Control-Allow-Credentials", "true"));
    }
    if !rule.expose_headers.is_empty() {
        headers.push(header(
            "Access-Control-Expose-Headers",
            rule.expose_headers.join(", "),
        ));
    }
    headers
}

fn header(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}
