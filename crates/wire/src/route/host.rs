//! What a host name says: a bucket, an API, a function URL, or nothing.

use http::{header, request};

/// Domains under which this installation is reached. Subdomains of them are buckets.
#[derive(Debug, Clone)]
pub struct Hosts {
    pub domains: Vec<String>,
}

impl Default for Hosts {
    fn default() -> Self {
        Self {
            domains: vec![
                "localhost".to_owned(),
                "localhost.localstack.cloud".to_owned(),
            ],
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    ExecuteApi(String),
    FunctionUrl(String),
    Website(String),
    Bucket(String),
    /// The endpoint itself: path style, or no S3 at all.
    Endpoint,
}

/// First labels of service endpoints, which are no buckets: `sqs.us-east-1.localhost.localstack.cloud`.
const ENDPOINTS: [&str; 17] = [
    "apigateway",
    "cloudformation",
    "dynamodb",
    "ecr",
    "events",
    "iam",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "streams",
    "sts",
    "xray",
];

impl Hosts {
    pub(super) fn classify(&self, head: &request::Parts) -> Place {
        let from_header = head
            .headers
            .get(header::HOST)
            .and_then(|value| value.to_str().ok());
        let authority = from_header
            .or_else(|| head.uri.authority().map(http::uri::Authority::as_str))
            .unwrap_or("");
        let host = without_port(authority).to_ascii_lowercase();
        of_labels(&host).unwrap_or_else(|| self.bucket_of_domain(&host))
    }

    fn bucket_of_domain(&self, host: &str) -> Place {
        let domains = self.domains.iter();
        let prefix = domains
            .filter_map(|domain| host.strip_suffix(domain.as_str())?.strip_suffix('.'))
            .min_by_key(|prefix| prefix.len());
        match prefix {
            Some(prefix) if !ENDPOINTS.contains(&prefix.split('.').next().unwrap_or("")) => {
                Place::Bucket(prefix.to_owned())
            }
            _ => Place::Endpoint,
        }
    }
}

fn without_port(authority: &str) -> &str {
    let address_end = authority.rfind(']').unwrap_or(0);
    authority[address_end..]
        .rfind(':')
        .map_or(authority, |colon| &authority[..address_end + colon])
}

/// The rightmost telling label wins: a bucket's name may hold dots and the same words.
fn of_labels(host: &str) -> Option<Place> {
    let labels: Vec<&str> = host.split('.').collect();
    let (at, label) = labels
        .iter()
        .enumerate()
        .rev()
        .find(|(_, label)| is_telling(label))?;
    let before = labels[..at].join(".");
    let place: fn(String) -> Place = match *label {
        "execute-api" => Place::ExecuteApi,
        "lambda-url" => Place::FunctionUrl,
        website if website.starts_with("s3-website") => Place::Website,
        _ => Place::Bucket,
    };
    Some(if before.is_empty() {
        Place::Endpoint
    } else {
        place(before)
    })
}

fn is_telling(label: &str) -> bool {
    matches!(label, "execute-api" | "lambda-url" | "s3") || label.starts_with("s3-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(host: &str) -> Place {
        let head = http::Request::builder()
            .uri("/")
            .header("host", host)
            .body(())
            .unwrap()
            .into_parts()
            .0;
        Hosts::default().classify(&head)
    }

    #[test]
    fn hosts_of_the_wild() {
        assert_eq!(place("127.0.0.1:4566"), Place::Endpoint);
        assert_eq!(place("[::1]:4566"), Place::Endpoint);
        assert_eq!(place("localhost:4566"), Place::Endpoint);
        assert_eq!(place("b.localhost:4566"), Place::Bucket("b".into()));
        assert_eq!(place("my.b.s3.localhost"), Place::Bucket("my.b".into()));
        assert_eq!(
            place("b.s3.eu-west-1.amazonaws.com"),
            Place::Bucket("b".into())
        );
        assert_eq!(place("s3.eu-west-1.amazonaws.com"), Place::Endpoint);
        assert_eq!(place("b.s3-website.localhost"), Place::Website("b".into()));
        assert_eq!(
            place("abc.execute-api.eu-west-1.amazonaws.com"),
            Place::ExecuteApi("abc".into())
        );
        assert_eq!(
            place("u.lambda-url.us-east-1.on.aws"),
            Place::FunctionUrl("u".into())
        );
        assert_eq!(
            place("sqs.us-east-1.localhost.localstack.cloud:4566"),
            Place::Endpoint
        );
        assert_eq!(
            place("b.s3.localhost.localstack.cloud"),
            Place::Bucket("b".into())
        );
        assert_eq!(place("localhost.localstack.cloud"), Place::Endpoint);
        assert_eq!(place("dynamodb.eu-west-1.amazonaws.com"), Place::Endpoint);
    }
}
