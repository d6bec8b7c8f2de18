//! Signing: for our own command line client, for URLs we hand out, and for tests.

use http::header::{HeaderName, HeaderValue};
use http::{Uri, request};

use super::parse::format_timestamp;
use super::{ALGORITHM, PathStyle, Scope, SignatureFault, UNSIGNED, canonical, derive};

#[derive(Clone)]
pub struct Credentials {
    pub access_key: String,
    pub secret_key: String,
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Credentials({})", self.access_key)
    }
}

/// Signs requests to one service in one region.
#[derive(Debug)]
pub struct Signer<'a> {
    pub credentials: &'a Credentials,
    pub region: &'a str,
    pub service: &'a str,
    /// Wall time in epoch seconds.
    pub now_s: i64,
}

impl Signer<'_> {
    fn scope(&self, timestamp: &str) -> Scope {
        let date = timestamp.get(..8).unwrap_or_default().to_owned();
        Scope {
            date,
            region: self.region.to_owned(),
            service: self.service.to_owned(),
        }
    }

    /// Adds date, token and `Authorization`, over all headers there are. `payload_hash` is the body's SHA-256 in hexadecimal
    /// digits, or one of the declarations of `x-amz-content-sha256`.
    pub fn sign(
        &self,
        head: &mut request::Parts,
        payload_hash: &str,
    ) -> Result<(), SignatureFault> {
        let timestamp = format_timestamp(self.now_s);
        insert(head, "x-amz-date", &timestamp);
        if let Some(token) = &self.credentials.session_token {
            insert(head, "x-amz-security-token", token);
        }
        if self.service == "s3" {
            insert(head, "x-amz-content-sha256", payload_hash);
        }
        let names = header_names(head);
        let scope = self.scope(&timestamp);
        let signature = self.signature(head, &names, &scope, &timestamp, payload_hash)?;
        let credential = format!("{}/{scope}", self.credentials.access_key);
        let names = names.join(";");
        insert(
            head,
            "authorization",
            &format!(
                "{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
            ),
        );
        Ok(())
    }

    /// Adds the signature to the query string, over the host and all headers there are.
    pub fn presign(&self, head: &mut request::Parts, expires_s: u32) -> Result<(), SignatureFault> {
        let timestamp = format_timestamp(self.now_s);
        let scope = self.scope(&timestamp);
        let names = header_names(head);
        let mut parameters = vec![
            ("X-Amz-Algorithm", ALGORITHM.to_owned()),
            (
                "X-Amz-Credential",
                format!("{}/{scope}", self.credentials.access_key),
            ),
            ("X-Amz-Date", timestamp.clone()),
            ("X-Amz-Expires", expires_s.to_string()),
            ("X-Amz-SignedHeaders", names.join(";")),
        ];
        parameters.extend(
            self.credentials
                .session_token
                .clone()
                .map(|token| ("X-Amz-Security-Token", token)),
        );
        for (name, value) in parameters {
            add_parameter(head, name, &value)?;
        }
        let payload_hash = if self.service == "s3" {
            UNSIGNED
        } else {
            super::EMPTY_SHA256
        };
        let signature = self.signature(head, &names, &scope, &timestamp, payload_hash)?;
        add_parameter(head, "X-Amz-Signature", &signature)
    }

    fn signature(
        &self,
        head: &request::Parts,
        names: &[String],
        scope: &Scope,
        timestamp: &str,
        payload_hash: &str,
    ) -> Result<String, SignatureFault> {
        let canonical = canonical::request(head, names, PathStyle::of(self.service), payload_hash)?;
        let text = canonical::string_to_sign(timestamp, scope, &canonical);
        Ok(derive(&self.credentials.secret_key, scope).sign(text.as_bytes()))
    }
}

fn header_names(head: &request::Parts) -> Vec<String> {
    let mut names: Vec<String> = head
        .headers
        .keys()
        .map(|name| name.as_str().to_owned())
        .collect();
    if !head.headers.contains_key("host") {
        names.push("host".to_owned());
    }
    names.retain(|name| {
        !matches!(
            name.as_str(),
            "authorization" | "user-agent" | "expect" | "connection"
        )
    });
    names.sort();
    names
}

fn insert(head: &mut request::Parts, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        head.headers.insert(HeaderName::from_static(name), value);
    }
}

fn add_parameter(head: &mut request::Parts, name: &str, value: &str) -> Result<(), SignatureFault> {
    let (path, query) = (head.uri.path(), head.uri.query());
    let joined = query.map_or(String::new(), |query| format!("{query}&"));
    let path_and_query = format!("{path}?{joined}{name}={}", canonical::encode_value(value));
    let mut parts = head.uri.clone().into_parts();
    parts.path_and_query = path_and_query.parse().ok();
    head.uri = Uri::from_parts(parts).map_err(|_| SignatureFault::QueryIncomplete)?;
    Ok(())
}

/// The canonical request of a head, for comparison with published vectors.
pub fn canonical_request(
    head: &request::Parts,
    signed_headers: &[String],
    style: PathStyle,
    payload_hash: &str,
) -> Result<String, SignatureFault> {
    canonical::request(head, signed_headers, style, payload_hash)
}

/// The text whose HMAC is the signature.
pub fn string_to_sign(timestamp: &str, scope: &Scope, canonical: &str) -> String {
    canonical::string_to_sign(timestamp, scope, canonical)
}
