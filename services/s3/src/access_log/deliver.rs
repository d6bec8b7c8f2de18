//! Lines into objects of the target bucket.
//!
//! The log service writes under its own name and needs to be let in: by the target's policy, or by the list of grants of a
//! target that still has one. Where it is not, the lines wait and the delivery is tried again, for a day.

use bytes::Bytes;
use cumulet_engine::Context;
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Event, Timestamp, Tx};

use super::super::acl;
use super::super::api::{EncryptionRequest, LoggingEnabled, ObjectHeaders};
use super::super::authorise::open_bucket;
use super::super::conditions::WriteConditions;
use super::super::encoding::format_time;
use super::super::encryption;
use super::super::put::{self, NewObject};
use super::super::receive::{Claims, receive};
use super::super::state::{ACCESS_LINES, Attributes, BUCKETS, Bucket, bucket_key};
use super::{GATHER_MS, configuration, holds_lines, schedule};
use cumulet_engine::body::Body;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_identity::iam;

pub(crate) const TIMER: &str = "access-log";
const SERVICE: &str = "logging.s3.amazonaws.com";
const LINES_MAX: usize = 20_000;
const RETRY_MS: i64 = 15 * 60_000;
const KEPT_MS: i64 = 24 * 3_600_000;

/// What a delivery is about: lines of one bucket, on their way to another.
struct Batch {
    keys: Vec<Vec<u8>>,
    text: Vec<u8>,
    is_last: bool,
}

/// Delivers what waits for a bucket's log.
pub(crate) async fn deliver(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let Event::Timer { subject, .. } = &entry.event else {
        return Err(Error::internal("not a timer"));
    };
    let name = subject.clone();
    let found = engine.read(|tx| {
        let source: Option<Bucket> = tx.load(BUCKETS, bucket_key(&name))?;
        Ok(source.zip(configuration(tx, &name)?))
    })?;
    let Some((source, wanted)) = found else {
        // Nobody wants these lines any more.
        return engine.write(move |tx| drop_lines(tx, &entry, &name)).await;
    };
    let batch = engine.read(|tx| gather(tx, &name))?;
    let delivered = write(engine, &context, &source, &wanted, batch, &entry).await;
    match delivered {
        Err(error) if error.status < 500 => {
            tracing::warn!(%error, bucket = name, target = wanted.target_bucket, "an access log is not delivered");
            context.trace.note("undelivered", error.to_string());
            let now = context.now;
            engine
                .write(move |tx| wait_for_mending(tx, now, &entry, &name))
                .await
        }
        other => other,
    }
}

fn gather(tx: &Tx<'_>, bucket: &str) -> Result<Batch> {
    let mut batch = Batch {
        keys: Vec::new(),
        text: Vec::new(),
        is_last: true,
    };
    for pair in tx.prefix(ACCESS_LINES, bucket_key(bucket), Direction::Forward)? {
        let (key, line) = pair?;
        if batch.keys.len() == LINES_MAX {
            batch.is_last = false;
            break;
        }
        batch.keys.push(key);
        batch.text.extend_from_slice(&line);
        batch.text.push(b'\n');
    }
    Ok(batch)
}

async fn write(
    engine: &Engine,
    context: &Context,
    source: &Bucket,
    wanted: &LoggingEnabled,
    batch: Batch,
    entry: &Entry,
) -> Result<()> {
    let (entry, name, now) = (entry.clone(), source.name.clone(), context.now);
    if batch.keys.is_empty() {
        return engine
            .write(move |tx| Ok(outbox::finish(tx, entry.id)?))
            .await;
    }
    let context = context.as_service(SERVICE, &source.arn(), &source.account);
    let (context, new) = engine.read(|tx| prepare(tx, &context, source, wanted))?;
    let claims = Claims {
        etag_is_md5: new.choice.etag_is_md5(),
        ..Claims::default()
    };
    let Batch {
        keys,
        text,
        is_last,
    } = batch;
    let received = receive(engine, Body::from(Bytes::from(text)), &claims, || {
        let (context, new) = (context.clone(), new.clone());
        engine.write(move |tx| {
            let target = open_bucket(tx, &new.bucket, None)?;
            encryption::new_data_key(tx, &context, &target, &new.key, &new.choice)
        })
    })
    .await?;
    engine
        .write(move |tx| {
            put::commit(tx, &context, new, &received)?;
            for key in &keys {
                tx.delete(ACCESS_LINES, key)?;
            }
            outbox::finish(tx, entry.id)?;
            match (is_last, holds_lines(tx, &name)?) {
                (false, true) => schedule(tx, now, &name),
                // Lines that came meanwhile wait for others as the first ones did.
                (true, true) => schedule(tx, now.plus_ms(GATHER_MS), &name),
                (_, false) => Ok(()),
            }
        })
        .await
}

/// The object that the lines become, if the target takes it.
fn prepare(
    tx: &Tx<'_>,
    context: &Context,
    source: &Bucket,
    wanted: &LoggingEnabled,
) -> Result<(Context, NewObject)> {
    let target = open_bucket(tx, &wanted.target_bucket, None)?;
    let context = context.located(&target.account, &target.region);
    let key = object_key(&context, source, wanted);
    let attributes = Attributes {
        headers: ObjectHeaders {
            content_type: Some("text/plain".to_owned()),
            ..ObjectHeaders::default()
        },
        writer: target.account.clone(),
        acl: acl::of_log(&target, &wanted.target_grants)?,
        ..Attributes::default()
    };
    let request = EncryptionRequest::default();
    let access = put::write_access(&context, &target, &key, &Attributes::default(), &request);
    iam::authorise(tx, &context, &access)?;
    let choice = encryption::choose(&target, &request)?;
    if !choice.etag_is_md5() {
        return Err(Error::access_denied(
            "logs are delivered only into buckets whose default encryption is SSE-S3",
        ));
    }
    let new = NewObject {
        bucket: target.name,
        key,
        attributes,
        choice,
        conditions: WriteConditions::default(),
        event: "ObjectCreated:Put",
    };
    Ok((context, new))
}

/// `prefix2026-11-21-08-00-00-0123456789ABCDEF`, or the same behind folders of account, region, bucket and day.
fn object_key(context: &Context, source: &Bucket, wanted: &LoggingEnabled) -> String {
    let unique = context.ids.hex(16).to_uppercase();
    let prefix = &wanted.target_prefix;
    let now = context.now;
    match partitioned_by(wanted) {
        None => {
            let time = format_time(now, "%Y-%m-%d-%H-%M-%S");
            format!("{prefix}{time}-{unique}")
        }
        Some(date_source) => {
            // A folder by the time of the events holds whole days, so the time of day means nothing.
            let time = match date_source {
                "EventTime" => format_time(now, "%Y/%m/%d/%Y-%m-%d-00-00-00"),
                _ => format_time(now, "%Y/%m/%d/%Y-%m-%d-%H-%M-%S"),
            };
            let (account, region, name) = (&source.account, &source.region, &source.name);
            format!("{prefix}{account}/{region}/{name}/{time}-{unique}")
        }
    }
}

fn partitioned_by(wanted: &LoggingEnabled) -> Option<&str> {
    let format = wanted.target_object_key_format.as_ref()?;
    let partitioned = format.get("PartitionedPrefix")?;
    let date_source = partitioned.get("PartitionDateSource");
    Some(
        date_source
            .and_then(serde_json::Value::as_str)
            .unwrap_or("DeliveryTime"),
    )
}

fn drop_lines(tx: &mut Tx<'_>, entry: &Entry, bucket: &str) -> Result<()> {
    outbox::finish(tx, entry.id)?;
    let batch = gather(tx, bucket)?;
    for key in &batch.keys {
        tx.delete(ACCESS_LINES, key)?;
    }
    if batch.is_last {
        Ok(())
    } else {
        schedule(tx, entry.id.due, bucket)
    }
}

/// Leaves the lines for another try, unless they have waited for a day.
fn wait_for_mending(tx: &mut Tx<'_>, now: Timestamp, entry: &Entry, bucket: &str) -> Result<()> {
    let attempt_of_day = i64::from(entry.attempts).saturating_mul(RETRY_MS);
    if attempt_of_day >= KEPT_MS {
        return drop_lines(tx, entry, bucket);
    }
    outbox::retry(tx, entry.clone(), now.plus_ms(RETRY_MS))?;
    Ok(())
}
