//! Where services publish what they measure. CloudWatch keeps it; the others must not know how.

use cumulet_kernel::Timestamp;
use futures_util::future::BoxFuture;

use crate::engine::Engine;
use crate::error::Result;

/// One value of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    pub metric: &'static str,
    pub value: f64,
    /// `Count`, `Milliseconds`, `Bytes`, `None`.
    pub unit: &'static str,
}

/// Whose metrics they are: the owner of the function, bucket or table.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    pub account: &'a str,
    pub region: &'a str,
}

/// All that was measured of a metric since the engine started.
#[derive(Clone, Debug, PartialEq)]
pub struct Total {
    pub account: String,
    pub region: String,
    pub namespace: &'static str,
    pub metric: &'static str,
    pub dimensions: Vec<(String, String)>,
    pub count: f64,
    pub sum: f64,
}

/// Takes measures without making the publisher wait.
pub trait Meter: std::fmt::Debug + Send + Sync {
    /// Publishes measures taken at a time, all with the same dimensions.
    fn publish(
        &self,
        owner: Owner<'_>,
        at: Timestamp,
        namespace: &'static str,
        dimensions: &[(&str, &str)],
        measures: &[Measure],
    );

    /// What was measured since the engine started, in a stable order.
    fn totals(&self) -> Vec<Total> {
        Vec::new()
    }

    /// Writes what waits.
    fn flush(&self, engine: Engine) -> BoxFuture<'static, Result<()>>;
}
