//! Server access logs: who asked what of a bucket, delivered as objects into another bucket.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html>
//!
//! A request costs a push into memory. Once a second what was pushed is written as lines beside the bucket it was about,
//! where that bucket logs at all, so the last second before a crash may be missing, as AWS's delivery may miss records too.
//! From then on nothing is lost: a timer turns the lines into an object, and lines, object and the news of it change in one
//! transaction. The same records feed the request metrics ([`super::request_metrics`]).

mod deliver;
mod line;
mod names;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cumulet_engine::{Context, Principal};
use cumulet_kernel::outbox;
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Event, Timestamp, Tx};

pub(crate) use deliver::{TIMER, deliver};

use super::api::{LoggingEnabled, MetricsConfiguration};
use super::configuration::metrics::configurations;
use super::request_metrics;
use super::state::{ACCESS_LINES, BUCKETS, Bucket, access_line_key, bucket_key};
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;

pub(crate) const KIND: &str = "logging";
/// How long lines wait for others to go with them.
const GATHER_MS: i64 = 60_000;

/// What is known of a request once it is answered; whoever speaks HTTP fills it in.
#[derive(Clone, Debug)]
pub struct AccessRecord {
    /// The operation as the model names it; `PostObject` and `Preflight` for what the model does not know.
    pub operation: String,
    pub bucket: String,
    pub key: Option<String>,
    pub received: Timestamp,
    pub remote_ip: String,
    pub principal: Principal,
    pub request_id: String,
    pub host_id: String,
    pub method: String,
    /// Path and query as they came.
    pub uri: String,
    pub status: u16,
    pub error_code: Option<String>,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    pub object_size_bytes: Option<u64>,
    pub total_ms: u64,
    /// From the last byte that came to the first that left.
    pub turn_around_ms: u64,
    pub referrer: Option<String>,
    pub user_agent: Option<String>,
    pub host: Option<String>,
    pub authentication: Authentication,
    pub copy_source: Option<String>,
}

/// How a request bore its signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    #[default]
    None,
    Header,
    Query,
}

/// Requests that were answered and are not written yet; clones share them.
#[derive(Clone, Debug, Default)]
pub struct AccessLog(Arc<Mutex<Vec<AccessRecord>>>);

impl AccessLog {
    pub fn note(&self, record: AccessRecord) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(record);
    }

    fn take(&self) -> Vec<AccessRecord> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes what was noted so far; buckets that want neither logs nor metrics cost a read.
    pub async fn flush(&self, engine: &Engine) -> Result<()> {
        let records = self.take();
        if records.is_empty() {
            return Ok(());
        }
        let lines = engine.read(|tx| tell(tx, engine, &records))?;
        if lines.is_empty() {
            return Ok(());
        }
        let now = engine.clock.now();
        engine
            .write(move |tx| {
                lines
                    .iter()
                    .try_for_each(|(bucket, line)| append(tx, now, bucket, line))
            })
            .await
    }
}

/// A bucket that wants to be told of its requests.
struct Listening {
    bucket: Bucket,
    logs: bool,
    metrics: Vec<MetricsConfiguration>,
}

/// Buckets of the requests at hand, each looked up once; `None` where one wants to hear nothing.
type Known = HashMap<String, Option<Listening>>;

/// Publishes the metrics of requests; gives the lines they leave, each with its bucket.
fn tell(tx: &Tx<'_>, engine: &Engine, records: &[AccessRecord]) -> Result<Vec<(String, String)>> {
    let mut known = Known::new();
    let mut lines = Vec::new();
    for record in records {
        if let Some(listening) = listening(tx, &mut known, &record.bucket)? {
            let (bucket, metrics) = (&listening.bucket, &listening.metrics);
            request_metrics::measure(engine.metrics.as_ref(), bucket, metrics, record);
            if listening.logs {
                lines.push((bucket.name.clone(), line::of_request(bucket, record)));
            }
        }
        // A copy is told to the source's log too.
        if let Some((name, key)) = line::copied_from(record)
            && let Some(source) = listening(tx, &mut known, &name)?
            && source.logs
        {
            lines.push((name, line::of_copied(&source.bucket, record, &key)));
        }
    }
    Ok(lines)
}

fn listening<'a>(tx: &Tx<'_>, known: &'a mut Known, name: &str) -> Result<Option<&'a Listening>> {
    if !known.contains_key(name) {
        let logs = configuration(tx, name)?.is_some();
        let metrics = configurations(tx, name)?;
        let bucket: Option<Bucket> = match logs || !metrics.is_empty() {
            true => tx.load(BUCKETS, bucket_key(name))?,
            false => None,
        };
        let found = bucket.map(|bucket| Listening {
            bucket,
            logs,
            metrics,
        });
        known.insert(name.to_owned(), found);
    }
    Ok(known.get(name).and_then(Option::as_ref))
}

pub(crate) fn configuration(tx: &Tx<'_>, bucket: &str) -> Result<Option<LoggingEnabled>> {
    super::configuration::load(tx, bucket, KIND)
}

/// Notes what S3 did to an object without a request of its own: a key of DeleteObjects, an expiration.
pub(crate) fn note_object(
    tx: &mut Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    operation: &str,
    key: &str,
    outcome: std::result::Result<u16, &str>,
) -> Result<()> {
    if configuration(tx, &bucket.name)?.is_none() {
        return Ok(());
    }
    let line = line::of_object(context, bucket, operation, key, outcome);
    append(tx, context.now, &bucket.name, &line)
}

/// Puts a line beside its bucket; the first one sets the timer.
fn append(tx: &mut Tx<'_>, now: Timestamp, bucket: &str, line: &str) -> Result<()> {
    let is_first = !holds_lines(tx, bucket)?;
    let sequence = tx.next_sequence()?;
    tx.put(
        ACCESS_LINES,
        access_line_key(bucket, sequence),
        line.as_bytes().to_vec(),
    )?;
    if is_first {
        schedule(tx, now.plus_ms(GATHER_MS), bucket)?;
    }
    Ok(())
}

fn holds_lines(tx: &Tx<'_>, bucket: &str) -> Result<bool> {
    let mut scan = tx.prefix(ACCESS_LINES, bucket_key(bucket), Direction::Forward)?;
    Ok(scan.next().transpose()?.is_some())
}

fn schedule(tx: &mut Tx<'_>, due: Timestamp, bucket: &str) -> Result<()> {
    let event = Event::Timer {
        service: "s3".to_owned(),
        kind: TIMER.to_owned(),
        subject: bucket.to_owned(),
        detail: serde_json::Value::Null,
    };
    outbox::emit(tx, due, event)?;
    Ok(())
}
