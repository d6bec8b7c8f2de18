//! Plain HTTP, for the services that are a front door: API Gateway and function URLs.

use bytes::Bytes;

/// A request as it came, headers in the order they came in.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    pub method: String,
    /// Percent-encoded as sent, without the query.
    pub path: String,
    /// Without the question mark.
    pub query: Option<String>,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub source_ip: String,
    /// `HTTP/1.1`.
    pub protocol: String,
    /// The host that the client asked for.
    pub host: String,
    /// Why the request's signature proves nobody; for those doors that want a caller.
    pub unproven: Option<crate::Error>,
}

impl HttpRequest {
    /// The last value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = self
            .headers
            .iter()
            .rev()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }
}

#[derive(Clone, Debug, Default)]
pub struct HttpReply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl HttpReply {
    pub fn json(status: u16, body: &str) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Self {
            status,
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }
}
