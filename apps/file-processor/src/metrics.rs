//! What an invocation tells CloudWatch.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{MetricDatum, StandardUnit};
use cumulet_stack::Failure;

/// The only namespace that the function's role may publish in.
pub(crate) const NAMESPACE: &str = "ServerlessApp/Lambda";

/// The counts of one invocation.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sizes_bytes: Vec<u64>,
    pub(crate) processing_errors: u32,
}

impl Counts {
    /// Zeros are published too: a metric that is silent cannot be told from one that is broken.
    fn data(&self) -> Vec<MetricDatum> {
        let failed = u32::from(self.processing_errors > 0);
        let mut data = vec![
            datum("InvocationCount", 1.0, StandardUnit::Count),
            datum(
                "ProcessingErrors",
                f64::from(self.processing_errors),
                StandardUnit::Count,
            ),
            datum("LambdaErrors", f64::from(failed), StandardUnit::Count),
        ];
        let sizes = self.sizes_bytes.iter();
        data.extend(
            sizes.map(|size| datum("ProcessedFileSize", approximate(*size), StandardUnit::Bytes)),
        );
        data
    }

    pub(crate) async fn publish(&self, metrics: &Client) -> Result<(), Failure> {
        let request = metrics.put_metric_data().namespace(NAMESPACE);
        request.set_metric_data(Some(self.data())).send().await?;
        Ok(())
    }
}

fn datum(name: &str, value: f64, unit: StandardUnit) -> MetricDatum {
    MetricDatum::builder()
        .metric_name(name)
        .value(value)
        .unit(unit)
        .build()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "CloudWatch's values are doubles; S3's largest object is exact"
)]
fn approximate(size_bytes: u64) -> f64 {
    size_bytes as f64
}
