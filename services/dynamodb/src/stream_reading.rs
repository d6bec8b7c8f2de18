//! DynamoDB Streams: the service that reads what [`super::streams`] wrote.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB_Streams.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::Operation;
use cumulet_kernel::clock::Timestamp;
use cumulet_kernel::key::end_of_prefix;
use cumulet_kernel::seal::SealKey;
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Key, Tx};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::access_protection::stream;
use super::describe::{key_schema, seconds};
use super::errors::validation;
use super::state::{CHANGES, STREAMS, StoredChange, StreamRecord};
use super::streams::{RETENTION_S, change_key, change_time, stream_key};
use super::table::Location;
use super::{codec, encryption};

const ITERATOR_LIFE_MS: i64 = 15 * 60 * 1000;
const RECORDS_MAX: usize = 1000;
const ANSWER_MAX_BYTES: u64 = 1 << 20;
const LIST_MAX: usize = 100;

/// The OPERATIONS table of the second service.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::read("DescribeStream", describe_access, describe_stream),
        Operation::read("GetRecords", records_access, get_records),
        Operation::read("GetShardIterator", iterator_access, get_shard_iterator),
        Operation::read("ListStreams", list_access, list_streams),
    ]
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct StreamsInput {
    stream_arn: String,
    shard_id: String,
    shard_iterator_type: String,
    shard_iterator: String,
    sequence_number: Option<String>,
    exclusive_start_shard_id: Option<String>,
    exclusive_start_stream_arn: Option<String>,
    table_name: Option<String>,
    limit: Option<usize>,
}

fn describe_access(tx: &Tx<'_>, context: &Context, input: &StreamsInput) -> Result<Vec<Access>> {
    stream(tx, context, "DescribeStream", &input.stream_arn)
}

fn iterator_access(tx: &Tx<'_>, context: &Context, input: &StreamsInput) -> Result<Vec<Access>> {
    stream(tx, context, "GetShardIterator", &input.stream_arn)
}

fn records_access(tx: &Tx<'_>, context: &Context, input: &StreamsInput) -> Result<Vec<Access>> {
    let arn = Iterator::parse(&input.shard_iterator)?.stream_arn;
    stream(tx, context, "GetRecords", &arn)
}

fn list_access(_tx: &Tx<'_>, _context: &Context, _input: &StreamsInput) -> Result<Vec<Access>> {
    Ok(vec![Access::new("dynamodb:ListStreams", "*")])
}

fn not_found(what: &str, name: &str) -> Error {
    Error::new(
        "ResourceNotFoundException",
        format!("Requested resource not found: {what}: {name} not found"),
    )
}

fn load(tx: &Tx<'_>, context: &Context, arn: &str) -> Result<StreamRecord> {
    let missing = || not_found("Stream", arn);
    let parsed = Arn::parse(arn)
        .filter(|parsed| parsed.resource.contains("/stream/"))
        .ok_or_else(missing)?;
    let stream: StreamRecord = tx
        .load(STREAMS, stream_key(parsed.account, parsed.region, arn))?
        .ok_or_else(missing)?;
    let gone = stream
        .closed
        .is_some_and(|closed| closed.plus_s(RETENTION_S) <= context.now);
    if gone { Err(missing()) } else { Ok(stream) }
}

/// `shardId-`, the time of its beginning, and the stream's number.
fn shard_id(stream: &StreamRecord) -> String {
    format!(
        "shardId-{:020}-{:08x}",
        stream.created.milliseconds(),
        stream.number & 0xFFFF_FFFF
    )
}

/// At least 21 digits, and none of them leading zeros.
fn sequence_text(sequence: u64) -> String {
    format!("1{sequence:020}00000")
}

fn parse_sequence(text: &str) -> Option<u64> {
    text.strip_prefix('1')?.get(..20)?.parse().ok()
}

fn describe_stream(tx: &mut Tx<'_>, context: &Context, input: StreamsInput) -> Result<Value> {
    let stream = load(tx, context, &input.stream_arn)?;
    let mut range = Map::new();
    range.insert(
        "StartingSequenceNumber".into(),
        sequence_text(stream.first_sequence).into(),
    );
    if let Some(last) = stream.last_sequence {
        range.insert("EndingSequenceNumber".into(), sequence_text(last).into());
    }
    let id = shard_id(&stream);
    let after = input.exclusive_start_shard_id.as_deref();
    let shards = if after.is_some_and(|after| *after >= *id) {
        json!([])
    } else {
        json!([{"ShardId": id, "SequenceNumberRange": range}])
    };
    Ok(json!({"StreamDescription": {
        "StreamArn": stream.arn, "StreamLabel": stream.label,
        "StreamStatus": if stream.closed.is_some() { "DISABLED" } else { "ENABLED" },
        "StreamViewType": stream.view_type, "CreationRequestDateTime": seconds(stream.created),
        "TableName": stream.table, "KeySchema": key_schema(&stream.keys), "Shards": shards,
    }}))
}

fn list_streams(tx: &mut Tx<'_>, context: &Context, input: StreamsInput) -> Result<Value> {
    let limit = input.limit.unwrap_or(LIST_MAX).min(LIST_MAX);
    let prefix = Key::new().text(&context.account).text(&context.region);
    let from = match &input.exclusive_start_stream_arn {
        Some(arn) => [
            stream_key(&context.account, &context.region, arn).as_slice(),
            &[0],
        ]
        .concat(),
        None => prefix.as_slice().to_vec(),
    };
    let table = input
        .table_name
        .as_deref()
        .map(|name| Location::new(context, name).name);
    let mut streams = Vec::new();
    let end = end_of_prefix(prefix.as_slice());
    for pair in tx.range(STREAMS, &from, end.as_deref(), Direction::Forward)? {
        let (key, _) = pair?;
        let Some(stream) = tx.load::<StreamRecord>(STREAMS, key)? else {
            continue;
        };
        let gone = stream
            .closed
            .is_some_and(|closed| closed.plus_s(RETENTION_S) <= context.now);
        if !gone && table.as_ref().is_none_or(|table| *table == stream.table) {
            streams.push(stream);
        }
        if streams.len() > limit {
            break;
        }
    }
    let more = streams.len() > limit;
    streams.truncate(limit);
    let last = streams
        .last()
        .filter(|_| more)
        .map(|stream| stream.arn.clone());
    let streams: Value = streams
        .iter()
        .map(|stream| json!({"StreamArn": stream.arn, "TableName": stream.table, "StreamLabel": stream.label}))
        .collect();
    let mut answer = json!({"Streams": streams});
    if let Some(last) = last {
        answer["LastEvaluatedStreamArn"] = last.into();
    }
    Ok(answer)
}

/// A place in a shard: the first sequence that is not read yet.
#[derive(Clone, Debug, PartialEq)]
struct Iterator {
    stream_arn: String,
    next: u64,
    issued: Timestamp,
}

impl Iterator {
    fn text(&self) -> String {
        let place = STANDARD.encode(
            [
                self.next.to_be_bytes(),
                self.issued.milliseconds().to_be_bytes(),
            ]
            .concat(),
        );
        format!("{}|1|{place}", self.stream_arn)
    }

    fn parse(text: &str) -> Result<Self> {
        let parsed = text.rsplit_once("|1|").and_then(|(arn, place)| {
            let place = STANDARD.decode(place).ok()?;
            let (next, issued) = place.split_first_chunk::<8>()?;
            let issued = Timestamp(i64::from_be_bytes(issued.try_into().ok()?));
            Some(Self {
                stream_arn: arn.to_owned(),
                next: u64::from_be_bytes(*next),
                issued,
            })
        });
        parsed.ok_or_else(|| validation("Invalid ShardIterator"))
    }
}

fn get_shard_iterator(tx: &mut Tx<'_>, context: &Context, input: StreamsInput) -> Result<Value> {
    let stream = load(tx, context, &input.stream_arn)?;
    if input.shard_id != shard_id(&stream) {
        return Err(Error::new(
            "ResourceNotFoundException",
            format!(
                "Requested resource not found: Shard does not exist: {}",
                input.shard_id
            ),
        ));
    }
    let next = match input.shard_iterator_type.as_str() {
        "TRIM_HORIZON" => 0,
        "LATEST" => last_sequence(tx, &stream)?.map_or(0, |last| last + 1),
        at => {
            let sequence = input.sequence_number.as_deref().ok_or_else(|| {
                validation(format!(
                    "SequenceNumber must be specified for shard iterator type {at}"
                ))
            })?;
            let sequence = parse_sequence(sequence)
                .ok_or_else(|| validation(format!("Invalid SequenceNumber: {sequence}")))?;
            check_not_trimmed(tx, context, &stream, sequence)?;
            sequence + u64::from(at == "AFTER_SEQUENCE_NUMBER")
        }
    };
    let iterator = Iterator {
        stream_arn: stream.arn,
        next,
        issued: context.now,
    };
    Ok(json!({"ShardIterator": iterator.text()}))
}

fn sequence_of(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>()
        .map(|sequence| u64::from_be_bytes(*sequence))
}

fn last_sequence(tx: &Tx<'_>, stream: &StreamRecord) -> Result<Option<u64>> {
    let last = tx
        .prefix(
            CHANGES,
            Key::new().number(stream.number),
            Direction::Backward,
        )?
        .next()
        .transpose()?;
    Ok(last.and_then(|(key, _)| sequence_of(&key)))
}

/// The sequence number of the last record, as it is answered.
pub(super) fn last_change(
    tx: &Tx<'_>,
    context: &Context,
    stream_arn: &str,
) -> Result<Option<String>> {
    let stream = load(tx, context, stream_arn)?;
    Ok(last_sequence(tx, &stream)?.map(sequence_text))
}

fn check_not_trimmed(
    tx: &Tx<'_>,
    context: &Context,
    stream: &StreamRecord,
    sequence: u64,
) -> Result<()> {
    let first = first_kept(tx, context, stream)?;
    let trimmed = sequence < first.unwrap_or(0)
        && sequence > stream.first_sequence
        && tx
            .get(CHANGES, change_key(stream.number, sequence))?
            .is_none();
    if trimmed {
        return Err(Error::new(
            "TrimmedDataAccessException",
            "The operation attempted to read past the oldest stream record in a shard.",
        ));
    }
    Ok(())
}

/// The first record younger than a day.
fn first_kept(tx: &Tx<'_>, context: &Context, stream: &StreamRecord) -> Result<Option<u64>> {
    let horizon = context.now.plus_s(-RETENTION_S);
    for pair in tx.prefix(
        CHANGES,
        Key::new().number(stream.number),
        Direction::Forward,
    )? {
        let (key, value) = pair?;
        if change_time(&value).is_some_and(|time| time >= horizon) {
            return Ok(sequence_of(&key));
        }
    }
    Ok(None)
}

fn get_records(tx: &mut Tx<'_>, context: &Context, input: StreamsInput) -> Result<Value> {
    let iterator = Iterator::parse(&input.shard_iterator)?;
    if iterator.issued.plus_ms(ITERATOR_LIFE_MS) < context.now {
        return Err(Error::new(
            "ExpiredIteratorException",
            "Iterator expired. The iterator was created more than 900000 milliseconds before it was used.",
        ));
    }
    let stream = load(tx, context, &iterator.stream_arn)?;
    let account = Arn::parse(&stream.arn).map_or("", |arn| arn.account);
    let key = encryption::open(tx, context, &stream.encryption, &stream.table, account)?;
    let limit = input.limit.unwrap_or(RECORDS_MAX).min(RECORDS_MAX);
    let (records, next) = read(tx, context, &stream, &key, iterator.next, limit)?;
    let ended =
        stream.closed.is_some() && last_sequence(tx, &stream)?.is_none_or(|last| next > last);
    let mut answer = json!({"Records": records});
    if !ended {
        let next = Iterator {
            stream_arn: stream.arn,
            next,
            issued: context.now,
        };
        answer["NextShardIterator"] = next.text().into();
    }
    Ok(answer)
}

/// Records from `next` on, and where the following ones begin.
fn read(
    tx: &Tx<'_>,
    context: &Context,
    stream: &StreamRecord,
    key: &SealKey,
    mut next: u64,
    limit: usize,
) -> Result<(Vec<Value>, u64)> {
    let horizon = context.now.plus_s(-RETENTION_S);
    let (mut records, mut size_bytes) = (Vec::new(), 0);
    let from = change_key(stream.number, next);
    let end = end_of_prefix(Key::new().number(stream.number).as_slice());
    for pair in tx.range(CHANGES, from.as_slice(), end.as_deref(), Direction::Forward)? {
        if records.len() >= limit || size_bytes >= ANSWER_MAX_BYTES {
            break;
        }
        let (place, value) = pair?;
        let sequence = sequence_of(&place).unwrap_or(next);
        next = sequence + 1;
        if change_time(&value).is_some_and(|time| time < horizon) {
            continue;
        }
        let broken = || Error::internal("a stream record cannot be read");
        let sealed = value.get(8..).ok_or_else(broken)?;
        let bytes = key.open(&place, sealed).map_err(|_| broken())?;
        let change: StoredChange = serde_json::from_slice(&bytes).map_err(|_| broken())?;
        size_bytes += change.size_bytes;
        records.push(record(context, stream, &change, sequence)?);
    }
    Ok((records, next))
}

/// A record as it is answered.
fn record(
    context: &Context,
    stream: &StreamRecord,
    change: &StoredChange,
    sequence: u64,
) -> Result<Value> {
    let image = |bytes: &[u8]| -> Result<Value> {
        let item = codec::decode(bytes)
            .ok_or_else(|| Error::internal("a stream record cannot be read"))?;
        super::request::item_value(&item)
    };
    let mut content = Map::new();
    content.insert(
        "ApproximateCreationDateTime".into(),
        change.created.seconds().into(),
    );
    content.insert("Keys".into(), image(&change.keys)?);
    if let Some(new) = &change.new {
        content.insert("NewImage".into(), image(new)?);
    }
    if let Some(old) = &change.old {
        content.insert("OldImage".into(), image(old)?);
    }
    content.insert("SequenceNumber".into(), sequence_text(sequence).into());
    content.insert("SizeBytes".into(), change.size_bytes.into());
    content.insert("StreamViewType".into(), stream.view_type.clone().into());
    let region = Arn::parse(&stream.arn).map_or(&*context.region, |arn| arn.region);
    let mut record = json!({
        "eventID": change.event_id, "eventName": change.event_name, "eventVersion": "1.1",
        "eventSource": "aws:dynamodb", "awsRegion": region, "dynamodb": content,
    });
    if change.expired {
        record["userIdentity"] =
            json!({"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"});
    }
    Ok(record)
}
