//! The way of a file through the metadata pipeline: from the upload that was answered to the item that a reader sees.
//!
//! The function between them is invoked asynchronously, so what is measured is S3's event, the queue, a warm or cold
//! function with its two calls, and the item. The original system took 100 ms a file.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::Bench;
use super::deployed::{Deployed, LIMIT};
use crate::Outcome;
use crate::client::{Connection, dynamodb, s3};
use crate::figure::{Figure, median};

const SUITE: &str = "pipeline";
const STACK: &str = "MetadataPipeline-dev";
const RATES_PER_S: [u32; 3] = [1, 10, 100];
const FILE_BYTES: usize = 1024;
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const ORIGINAL_MS: f64 = 100.0;

/// Where files go and their items appear.
#[derive(Clone)]
struct Pipeline {
    address: SocketAddr,
    bucket: String,
    table: String,
}

pub(super) async fn measure(bench: &Bench) -> Outcome<Vec<Figure>> {
    let deployed = Deployed::start(bench, "metadata-pipeline", STACK).await?;
    let pipeline = Pipeline {
        address: deployed.address(),
        bucket: deployed.output("BucketName")?,
        table: deployed.output("TableName")?,
    };
    pipeline.way("first".to_owned()).await?;
    let seconds = if bench.quick { 2 } else { 10 };
    let mut figures = Vec::new();
    for rate_per_s in RATES_PER_S {
        figures.push(pipeline.at_rate(rate_per_s, seconds).await?);
    }
    Ok(figures)
}

impl Pipeline {
    /// Files come by the clock, whether or not those before them are through.
    async fn at_rate(&self, rate_per_s: u32, seconds: u32) -> Outcome<Figure> {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate_per_s);
        let mut ways = JoinSet::new();
        for number in 0..rate_per_s * seconds.max(3) {
            ticks.tick().await;
            let pipeline = self.clone();
            ways.spawn(async move { pipeline.way(format!("{rate_per_s}/{number}")).await });
        }
        let mut times_ms = Vec::new();
        while let Some(way) = ways.join_next().await {
            times_ms.push(way??);
        }
        times_ms.sort_by(f64::total_cmp);
        let p99 = times_ms[times_ms.len() - 1 - times_ms.len() / 100];
        let name = format!("upload to item at {rate_per_s} files a second, median");
        let figure = Figure::new(SUITE, &name, "ms", median(times_ms));
        let figure = figure.detail(&format!("p99 {p99:.1}"));
        Ok(figure.beside("the original's processing", ORIGINAL_MS))
    }

    /// Milliseconds from the answer to the upload until the item is there.
    async fn way(&self, key: String) -> Outcome<f64> {
        let mut connection = Connection::open(self.address).await?;
        let path = format!("/{}/{key}", self.bucket);
        let body = Bytes::from_static(&[7; FILE_BYTES]);
        connection
            .send(&s3(self.address, Method::PUT, &path, body)?)
            .await?
            .ok()?;
        let stored = Instant::now();
        let input = json!({ "TableName": self.table, "Key": { "file_key": { "S": key } }, "ConsistentRead": true });
        while stored.elapsed() < LIMIT {
            let look = dynamodb(self.address, "GetItem", &input)?;
            let answer = connection.send(&look).await?.ok()?;
            if answer.json()?.get("Item").is_some() {
                return Ok(stored.elapsed().as_secs_f64() * 1e3);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Err(format!("{key} has no item after {} s", LIMIT.as_secs()).into())
    }
}
