//! Request metrics: what CloudWatch shows of a bucket that has a metrics configuration.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html>

use super::access_log::AccessRecord;
use super::api::MetricsConfiguration;
use super::state::Bucket;
use cumulet_engine::meter::{Measure, Meter, Owner};

const NAMESPACE: &str = "AWS/S3";

/// Publishes a request under every filter that it falls under.
pub(crate) fn measure(
    metrics: &dyn Meter,
    bucket: &Bucket,
    configurations: &[MetricsConfiguration],
    record: &AccessRecord,
) {
    let key = record.key.as_deref();
    let mut matching = configurations
        .iter()
        .filter(|configuration| takes_in(configuration, key))
        .peekable();
    if matching.peek().is_none() {
        return;
    }
    let owner = Owner {
        account: &bucket.account,
        region: &bucket.region,
    };
    let measures = measures(record);
    for configuration in matching {
        let dimensions = [
            ("BucketName", bucket.name.as_str()),
            ("FilterId", configuration.id.as_str()),
        ];
        metrics.publish(owner, record.received, NAMESPACE, &dimensions, &measures);
    }
}

/// Requests about the bucket as a whole are counted only where nothing is filtered.
fn takes_in(configuration: &MetricsConfiguration, key: Option<&str>) -> bool {
    match configuration.prefix() {
        None => true,
        Some(prefix) => key.is_some_and(|key| key.starts_with(prefix)),
    }
}

fn measures(record: &AccessRecord) -> Vec<Measure> {
    let count = |metric| Measure {
        metric,
        value: 1.0,
        unit: "Count",
    };
    let mut measures = vec![count("AllRequests")];
    measures.extend(kind(record).map(count));
    // Every request is a data point, so that the average is the rate of errors.
    for (metric, class) in [("4xxErrors", 4), ("5xxErrors", 5)] {
        measures.push(Measure {
            value: f64::from(u8::from(record.status / 100 == class)),
            ..count(metric)
        });
    }
    let amounts = [
        ("BytesDownloaded", record.bytes_sent, "Bytes"),
        ("BytesUploaded", record.bytes_received, "Bytes"),
        ("FirstByteLatency", record.turn_around_ms, "Milliseconds"),
        ("TotalRequestLatency", record.total_ms, "Milliseconds"),
    ];
    let is_transfer = |unit: &str, amount: u64| unit != "Bytes" || amount > 0;
    for (metric, amount, unit) in amounts {
        if is_transfer(unit, amount) {
            measures.push(Measure {
                metric,
                value: as_double(amount),
                unit,
            });
        }
    }
    measures
}

#[expect(
    clippy::cast_precision_loss,
    reason = "bytes and milliseconds of one request are far below 2^53"
)]
fn as_double(amount: u64) -> f64 {
    amount as f64
}

/// The metric of requests of this kind; bucket configurations have none of their own.
fn kind(record: &AccessRecord) -> Option<&'static str> {
    let is_list = record.operation.starts_with("List");
    match (record.method.as_str(), record.key.is_some()) {
        ("GET", _) if is_list => Some("ListRequests"),
        ("GET", true) => Some("GetRequests"),
        ("HEAD", _) => Some("HeadRequests"),
        ("PUT", true) => Some("PutRequests"),
        ("DELETE", true) => Some("DeleteRequests"),
        ("POST", _) => Some("PostRequests"),
        _ => None,
    }
}
