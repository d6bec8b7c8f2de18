//! The services built into the binary.
//!
//! The few facts that routing needs are written out here, so that a request for one service never unpacks another. A test
//! holds this table against the models themselves.

use std::io::Read;
use std::sync::OnceLock;

use super::Service;

/// What routing must know of a service before its model is unpacked.
#[derive(Debug)]
pub struct Listing {
    pub name: &'static str,
    pub signing_name: &'static str,
    pub api_version: &'static str,
    pub target_prefix: Option<&'static str>,
    packed: &'static [u8],
    model: OnceLock<Option<&'static Service>>,
}

impl Listing {
    const fn new(
        name: &'static str,
        signing_name: &'static str,
        api_version: &'static str,
        target_prefix: Option<&'static str>,
        packed: &'static [u8],
    ) -> Self {
        Self {
            name,
            signing_name,
            api_version,
            target_prefix,
            packed,
            model: OnceLock::new(),
        }
    }

    /// The model, unpacked on first use.
    fn model(&'static self) -> Option<&'static Service> {
        *self.model.get_or_init(|| unpack(self.name, self.packed))
    }
}

fn unpack(name: &'static str, packed: &[u8]) -> Option<&'static Service> {
    let mut facts = Vec::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_end(&mut facts)
        .ok()?;
    Service::load(name, &facts).ok()
}

/// `None`: no such service, in any version of this binary.
pub fn service(name: &str) -> Option<&'static Service> {
    services()
        .iter()
        .find(|listing| listing.name == name)?
        .model()
}

pub fn services() -> &'static [Listing] {
    &LISTINGS
}

pub fn by_target_prefix(prefix: &str) -> Option<&'static Listing> {
    services()
        .iter()
        .find(|listing| listing.target_prefix == Some(prefix))
}

/// The first service that signs under this name; `dynamodbstreams` shares `dynamodb` and is told apart by its target.
pub fn by_signing_name(signing_name: &str) -> Option<&'static Listing> {
    services()
        .iter()
        .find(|listing| listing.signing_name == signing_name)
}

/// The service that speaks the query protocol in this API version.
pub fn by_query_version(version: &str) -> Option<&'static Listing> {
    const QUERY: [&str; 6] = ["cloudformation", "cloudwatch", "iam", "sns", "sqs", "sts"];
    services()
        .iter()
        .find(|listing| listing.api_version == version && QUERY.contains(&listing.name))
}

macro_rules! listing {
    ($name:literal, $signing_name:literal, $version:literal, $prefix:expr) => {
        Listing::new(
            $name,
            $signing_name,
            $version,
            $prefix,
            include_bytes!(concat!("../../models/", $name, ".json.gz")),
        )
    };
}

static LISTINGS: [Listing; 18] = [
    listing!("s3", "s3", "2006-03-01", None),
    listing!(
        "dynamodb",
        "dynamodb",
        "2012-08-10",
        Some("DynamoDB_20120810")
    ),
    listing!(
        "dynamodbstreams",
        "dynamodb",
        "2012-08-10",
        Some("DynamoDBStreams_20120810")
    ),
    listing!("lambda", "lambda", "2015-03-31", None),
    listing!("apigateway", "apigateway", "2015-07-09", None),
    listing!("cloudformation", "cloudformation", "2010-05-15", None),
    listing!("iam", "iam", "2010-05-08", None),
    listing!("sts", "sts", "2011-06-15", None),
    listing!("kms", "kms", "2014-11-01", Some("TrentService")),
    listing!(
        "secretsmanager",
        "secretsmanager",
        "2017-10-17",
        Some("secretsmanager")
    ),
    listing!("logs", "logs", "2014-03-28", Some("Logs_20140328")),
    listing!(
        "cloudwatch",
        "monitoring",
        "2010-08-01",
        Some("GraniteServiceVersion20100801")
    ),
    listing!("xray", "xray", "2016-04-12", None),
    listing!("sqs", "sqs", "2012-11-05", Some("AmazonSQS")),
    listing!("ssm", "ssm", "2014-11-06", Some("AmazonSSM")),
    listing!(
        "ecr",
        "ecr",
        "2015-09-21",
        Some("AmazonEC2ContainerRegistry_V20150921")
    ),
    listing!("events", "events", "2015-10-07", Some("AWSEvents")),
    listing!("sns", "sns", "2010-03-31", None),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Routing decides by this table and decoding by the models: they must not disagree.
    #[test]
    fn listings_agree_with_models() {
        for listing in services() {
            let metadata = listing.model().expect(listing.name).metadata;
            assert_eq!(
                metadata.signing_name, listing.signing_name,
                "{}",
                listing.name
            );
            assert_eq!(
                metadata.api_version, listing.api_version,
                "{}",
                listing.name
            );
            assert_eq!(
                metadata.target_prefix.as_deref(),
                listing.target_prefix,
                "{}",
                listing.name
            );
        }
    }

    /// A pattern this engine cannot compile would let everything through.
    #[test]
    fn every_pattern_compiles() {
        let mut broken = Vec::new();
        for listing in services() {
            let model = listing.model().expect(listing.name);
            let patterns = model
                .shapes()
                .filter_map(|shape| shape.constraints.pattern.as_ref());
            let bad = patterns.filter(|pattern| pattern.matches("x").is_none());
            broken.extend(bad.map(|pattern| format!("{}: {}", listing.name, pattern.source)));
        }
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }
}
