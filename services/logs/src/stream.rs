//! Log streams: made, described, removed.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html>

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use cumulet_kernel::key::KeyReader;
use cumulet_kernel::store::Direction;

use super::api::{
    DescribeLogStreamsInput, DescribeLogStreamsOutput, LogStream, Nothing, StreamInput,
};
use super::group::{self, group_arn};
use super::state::{STREAMS, StreamRecord, stream_key, streams_prefix};
use super::{errors, sweep};

const DESCRIBED_MAX: usize = 50;

pub(super) fn create(tx: &mut Tx<'_>, context: &Context, input: StreamInput) -> Result<Nothing> {
    let group = group::existing(tx, context, &input.log_group_name)?;
    if find(tx, group.number, &input.log_stream_name)?.is_some() {
        return Err(errors::stream_exists());
    }
    make(tx, context, group.number, &input.log_stream_name)?;
    Ok(Nothing {})
}

pub(super) fn make(
    tx: &mut Tx<'_>,
    context: &Context,
    group: u64,
    name: &str,
) -> Result<StreamRecord> {
    let record = StreamRecord {
        number: tx.next_sequence()?,
        created: context.now,
        first_event_ms: None,
        last_event_ms: None,
        last_ingestion_ms: None,
    };
    tx.save(STREAMS, stream_key(group, name), &record)?;
    Ok(record)
}

pub(super) fn find(tx: &Tx<'_>, group: u64, name: &str) -> Result<Option<StreamRecord>> {
    Ok(tx.load(STREAMS, stream_key(group, name))?)
}

pub(super) fn existing(tx: &Tx<'_>, group: u64, name: &str) -> Result<StreamRecord> {
    find(tx, group, name)?.ok_or_else(errors::stream_missing)
}

pub(super) fn delete(tx: &mut Tx<'_>, context: &Context, input: StreamInput) -> Result<Nothing> {
    let group = group::existing(tx, context, &input.log_group_name)?;
    let record = existing(tx, group.number, &input.log_stream_name)?;
    tx.delete(STREAMS, stream_key(group.number, &input.log_stream_name))?;
    sweep::stream_later(tx, context, record.number)?;
    Ok(Nothing {})
}

/// The streams of a group whose names begin so, by name.
pub(super) fn all(tx: &Tx<'_>, group: u64, beginning: &str) -> Result<Vec<(String, StreamRecord)>> {
    let prefix = streams_prefix(group);
    let mut keys = Vec::new();
    for pair in tx.prefix(
        STREAMS,
        prefix.clone().beginning(beginning.as_bytes()),
        Direction::Forward,
    )? {
        keys.push(pair?.0);
    }
    let mut streams = Vec::with_capacity(keys.len());
    for key in keys {
        let name = KeyReader::new(&key[prefix.as_slice().len()..]).text();
        if let (Some(name), Some(record)) = (name, tx.load(STREAMS, &key)?) {
            streams.push((name, record));
        }
    }
    Ok(streams)
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html>
pub(super) fn describe(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DescribeLogStreamsInput,
) -> Result<DescribeLogStreamsOutput> {
    let by_time = input.order_by.as_deref() == Some("LastEventTime");
    if by_time && input.log_stream_name_prefix.is_some() {
        return Err(errors::invalid(
            "Cannot order by LastEventTime with a logStreamNamePrefix.",
        ));
    }
    let name = group::named(
        input.log_group_name.as_deref(),
        input.log_group_identifier.as_deref(),
    )?;
    let group = group::existing(tx, context, &name)?;
    let limit = input.limit.unwrap_or(DESCRIBED_MAX).clamp(1, DESCRIBED_MAX);
    let mut streams = all(
        tx,
        group.number,
        input.log_stream_name_prefix.as_deref().unwrap_or_default(),
    )?;
    if by_time {
        streams.sort_by_key(|(name, record)| (record.last_event_ms, name.clone()));
    }
    if input.descending {
        streams.reverse();
    }
    let from = match &input.next_token {
        None => 0,
        Some(token) => position_after(&streams, token)?,
    };
    let page: Vec<_> = streams.iter().skip(from).take(limit).collect();
    let more = from + page.len() < streams.len();
    let next_token = page
        .last()
        .filter(|_| more)
        .map(|(name, _)| BASE64_URL_SAFE_NO_PAD.encode(name));
    let told = page
        .into_iter()
        .map(|(stream, record)| told(context, &name, stream, record));
    Ok(DescribeLogStreamsOutput {
        log_streams: told.collect(),
        next_token,
    })
}

/// Where the page after the named stream begins.
fn position_after(streams: &[(String, StreamRecord)], token: &str) -> Result<usize> {
    let name = BASE64_URL_SAFE_NO_PAD
        .decode(token)
        .map_err(|_| errors::bad_token())?;
    let last = streams
        .iter()
        .position(|(stream, _)| stream.as_bytes() == name);
    last.map(|last| last + 1).ok_or_else(errors::bad_token)
}

fn told(context: &Context, group: &str, name: &str, record: &StreamRecord) -> LogStream {
    LogStream {
        log_stream_name: name.to_owned(),
        creation_time: record.created.0,
        first_event_timestamp: record.first_event_ms,
        last_event_timestamp: record.last_event_ms,
        last_ingestion_time: record.last_ingestion_ms,
        upload_sequence_token: sequence_token(record),
        arn: format!("{}:log-stream:{name}", group_arn(context, group)),
        stored_bytes: 0,
    }
}

/// Still told, no longer asked for: any token or none is accepted.
pub(super) fn sequence_token(record: &StreamRecord) -> String {
    format!("49{:054}", record.number)
}
