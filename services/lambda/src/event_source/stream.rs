//! Following a stream: a place is remembered, and moves past what the function has done with.
//!
//! A stream has one shard here, read in order by one poller. What fails stops the stream: it is tried again, halved
//! where the mapping says so, until it succeeds, was tried often enough, or is too old; then its place is told to the
//! failure destination, and the stream goes on.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html>

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_engine::runner::Outcome;
use cumulet_kernel::{Timestamp, Tx, bell, outbox};
use serde_json::{Value, json};

use super::super::run::{Prepared, as_role};
use super::super::state::{FailedPart, MappingRecord, PlaceRecord};
use super::super::{configuration, destination};
use super::{CALL_FAILED, OK, Poll, Verdict, filter, invoke_with, verdict, write_logs};

const RETRY_S_MAX: i64 = 60;
const THROTTLED_WAIT_S: i64 = 1;

/// Records in hand.
struct Batch {
    /// As they are in the stream, those that no filter wants included.
    read: Vec<Value>,
    /// As the function gets them.
    records: Vec<Value>,
    shard: String,
    /// How often just these have failed.
    failures: u32,
}

/// What is known when a batch has been run.
struct Run<'a> {
    context: &'a Context,
    poll: &'a Poll,
    mapping: &'a MappingRecord,
    prepared: &'a Prepared,
    batch: &'a Batch,
    request_id: &'a str,
    outcome: &'a Outcome,
}

pub(super) async fn poll(
    engine: &Engine,
    context: &Context,
    poll: &Poll,
    mapping: &MappingRecord,
    prepared: Prepared,
) -> Result<()> {
    let read = {
        let (poll, context, mapping) = (poll.clone(), context.clone(), mapping.clone());
        let prepared = prepared.clone();
        engine
            .write(move |tx| next_batch(tx, &context, &poll, &mapping, &prepared))
            .await?
    };
    let Some(batch) = read else { return Ok(()) };
    let invoked = invoke_with(engine, context, &prepared, &batch.records).await;
    let context = Context {
        now: engine.clock.now(),
        ..context.clone()
    };
    let (poll, mapping) = (poll.clone(), mapping.clone());
    engine
        .write(move |tx| match invoked {
            Ok((request_id, outcome)) => {
                write_logs(tx, &context, &prepared, &outcome);
                let run = Run {
                    context: &context,
                    poll: &poll,
                    mapping: &mapping,
                    prepared: &prepared,
                    batch: &batch,
                    request_id: &request_id,
                    outcome: &outcome,
                };
                run.settle(tx)
            }
            Err(error) => {
                context.trace.note("back_off", error.to_string());
                poll.again(tx, context.now.plus_s(THROTTLED_WAIT_S))
                    .map(drop)
            }
        })
        .await
}

/// The records after the place; or nothing, and the next poll is arranged.
fn next_batch(
    tx: &mut Tx<'_>,
    context: &Context,
    poll: &Poll,
    mapping: &MappingRecord,
    prepared: &Prepared,
) -> Result<Option<Batch>> {
    let mut place = poll.place(tx)?;
    if let Some(scheduled) = place.scheduled.take() {
        outbox::finish(tx, scheduled)?;
    }
    let role = as_role(tx, context, &prepared.name, &prepared.version)?.through("lambda");
    let (shard, mut read) = read(tx, &role, mapping, &place)?;
    let part = place.failed.last().cloned();
    if let Some(part) = &part {
        read.retain(|record| sequence(record) <= part.last.as_str());
    }
    if read.is_empty() || waits_for_more(context.now, mapping, &mut place, read.len()) {
        return idle(tx, poll, mapping, place, read.is_empty());
    }
    place.window_until = None;
    poll.save_place(tx, &place)?;
    let records: Vec<Value> = read
        .iter()
        .filter(|record| filter::accepts(&mapping.filters, record))
        .filter(|record| !is_too_old(context.now, mapping, record))
        .map(|record| shown(mapping, record))
        .collect();
    if records.is_empty() {
        move_past(tx, context, poll, &read, OK)?;
        return Ok(None);
    }
    Ok(Some(Batch {
        read,
        records,
        shard,
        failures: part.map_or(0, |part| part.failures),
    }))
}

/// The shard and its next records, as the function's role.
fn read(
    tx: &mut Tx<'_>,
    role: &Context,
    mapping: &MappingRecord,
    place: &PlaceRecord,
) -> Result<(String, Vec<Value>)> {
    const SERVICE: &str = "dynamodbstreams";
    let arn = mapping.source_arn.as_str();
    let input = json!({ "StreamArn": arn });
    let described = role.call_in(tx, SERVICE, "DescribeStream", input)?;
    let shard = described.pointer("/StreamDescription/Shards/0/ShardId");
    let shard = shard.and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut input = json!({ "StreamArn": arn, "ShardId": shard });
    match &place.after {
        Some(sequence) => {
            input["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER".into();
            input["SequenceNumber"] = sequence.as_str().into();
        }
        None => input["ShardIteratorType"] = "TRIM_HORIZON".into(),
    }
    let iterator = match role.call_in(tx, SERVICE, "GetShardIterator", input.clone()) {
        // A day has passed: what is left begins at the horizon.
        Err(error) if error.code == "TrimmedDataAccessException" => {
            input["ShardIteratorType"] = "TRIM_HORIZON".into();
            if let Some(members) = input.as_object_mut() {
                members.remove("SequenceNumber");
            }
            role.call_in(tx, SERVICE, "GetShardIterator", input)?
        }
        answered => answered?,
    };
    let input = json!({ "ShardIterator": iterator["ShardIterator"], "Limit": mapping.batch_size.min(1000) });
    let answer = role.call_in(tx, SERVICE, "GetRecords", input)?;
    Ok((
        shard,
        answer["Records"].as_array().cloned().unwrap_or_default(),
    ))
}

fn sequence(record: &Value) -> &str {
    let number = record.pointer("/dynamodb/SequenceNumber");
    number.and_then(Value::as_str).unwrap_or_default()
}

fn created_s(record: &Value) -> i64 {
    let time = record.pointer("/dynamodb/ApproximateCreationDateTime");
    time.and_then(Value::as_i64).unwrap_or_default()
}

fn is_too_old(now: Timestamp, mapping: &MappingRecord, record: &Value) -> bool {
    mapping
        .record_age_s_max
        .is_some_and(|most_s| created_s(record) + i64::from(most_s) < now.seconds())
}

fn shown(mapping: &MappingRecord, record: &Value) -> Value {
    let mut record = record.clone();
    record["eventSourceARN"] = mapping.source_arn.as_str().into();
    record
}

/// Whether a batch that is not full still has time to become so. What failed before waits for nothing.
fn waits_for_more(
    now: Timestamp,
    mapping: &MappingRecord,
    place: &mut PlaceRecord,
    count: usize,
) -> bool {
    let full = count >= usize::try_from(mapping.batch_size.min(1000)).unwrap_or(usize::MAX);
    if full || mapping.window_s == 0 || !place.failed.is_empty() {
        return false;
    }
    let until = now.plus_s(i64::from(mapping.window_s));
    now < *place.window_until.get_or_insert(until)
}

/// Waits for the next change, or for the end of the window.
fn idle(
    tx: &mut Tx<'_>,
    poll: &Poll,
    mapping: &MappingRecord,
    mut place: PlaceRecord,
    empty: bool,
) -> Result<Option<Batch>> {
    outbox::finish(tx, poll.entry.id)?;
    if empty {
        // Parts that were to be tried again are gone with what they were parts of.
        place.failed.clear();
        place.window_until = None;
    }
    bell::hang(tx, &mapping.source_arn, &poll.event(0))?;
    place.scheduled = match place.window_until {
        Some(until) => Some(outbox::emit(tx, until, poll.event(0))?),
        None => None,
    };
    poll.save_place(tx, &place)?;
    Ok(None)
}

/// These records are done with, well or not.
fn move_past(
    tx: &mut Tx<'_>,
    context: &Context,
    poll: &Poll,
    read: &[Value],
    result: &str,
) -> Result<()> {
    let mut place = poll.place(tx)?;
    if let Some(last) = read.last() {
        place.after = Some(sequence(last).to_owned());
        place
            .failed
            .retain(|part| part.last.as_str() > sequence(last));
    }
    place.note(context.now, result);
    poll.save_place(tx, &place)?;
    poll.again(tx, context.now).map(drop)
}

impl Run<'_> {
    fn settle(&self, tx: &mut Tx<'_>) -> Result<()> {
        let known = |id: &str| {
            self.batch
                .records
                .iter()
                .any(|record| sequence(record) == id)
        };
        match verdict(self.outcome, self.mapping.reports_items, known) {
            Verdict::AllDone => move_past(tx, self.context, self.poll, &self.batch.read, OK),
            Verdict::AllFailed => self.failed(tx, 0),
            // The first failure counts: what comes after it is tried again too, to keep the order.
            Verdict::SomeFailed(failed) => {
                let first = self.batch.read.iter().position(|record| {
                    failed
                        .iter()
                        .any(|identifier| identifier == sequence(record))
                });
                self.failed(tx, first.unwrap_or(0))
            }
        }
    }

    /// Everything before `first` is done with; the rest failed.
    fn failed(&self, tx: &mut Tx<'_>, first: usize) -> Result<()> {
        let (done, rest) = self.batch.read.split_at(first.min(self.batch.read.len()));
        let failures = if first == 0 {
            self.batch.failures + 1
        } else {
            1
        };
        let exhausted = self.mapping.retries_max.is_some_and(|most| failures > most);
        let splits = self.mapping.bisects && rest.len() > 1;
        if exhausted && !splits {
            self.tell_failure(tx, rest, failures)?;
            return move_past(tx, self.context, self.poll, rest, CALL_FAILED);
        }
        let mut place = self.poll.place(tx)?;
        if let Some(last) = done.last() {
            place.after = Some(sequence(last).to_owned());
        }
        self.remember(&mut place, rest, failures, splits);
        place.note(self.context.now, CALL_FAILED);
        self.poll.save_place(tx, &place)?;
        // Halves are tried at once; the same again, ever later.
        let wait_s = if splits {
            0
        } else {
            (1_i64 << failures.saturating_sub(1).min(6)).min(RETRY_S_MAX)
        };
        self.poll
            .again(tx, self.context.now.plus_s(wait_s))
            .map(drop)
    }

    /// Splitting is no retry: the halves have failed as often as the whole had before.
    fn remember(&self, place: &mut PlaceRecord, rest: &[Value], failures: u32, splits: bool) {
        let last = rest.last().map(sequence).unwrap_or_default();
        place.failed.retain(|part| part.last.as_str() > last);
        let part = |last: &str, failures| FailedPart {
            last: last.to_owned(),
            failures,
        };
        if splits {
            let before = self.batch.failures;
            place.failed.push(part(last, before));
            place
                .failed
                .push(part(sequence(&rest[rest.len().div_ceil(2) - 1]), before));
        } else {
            place.failed.push(part(last, failures));
        }
    }

    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>
    fn tell_failure(&self, tx: &mut Tx<'_>, rest: &[Value], failures: u32) -> Result<()> {
        let (Some(target), Some(first), Some(last)) =
            (&self.mapping.on_failure, rest.first(), rest.last())
        else {
            return Ok(());
        };
        let name = &self.prepared.name;
        let at =
            |record: &Value| configuration::iso_utc(Timestamp::from_seconds(created_s(record)));
        let record = json!({
            "requestContext": {
                "requestId": self.request_id,
                "functionArn": name.arn_of(name.qualifier_or_latest()),
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": failures,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": self.prepared.version.version,
                "functionError": self.outcome.function_error,
            },
            "version": "1.0",
            "timestamp": configuration::iso_utc(self.context.now),
            "DDBStreamBatchInfo": {
                "shardId": self.batch.shard,
                "startSequenceNumber": sequence(first),
                "endSequenceNumber": sequence(last),
                "approximateArrivalOfFirstRecord": at(first),
                "approximateArrivalOfLastRecord": at(last),
                "batchSize": rest.len(),
                "streamArn": self.mapping.source_arn,
            },
        });
        destination::send(tx, self.context, self.prepared, target, &record);
        Ok(())
    }
}
