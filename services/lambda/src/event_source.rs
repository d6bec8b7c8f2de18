//! Event source mappings: queues and streams whose content functions are invoked with.
//!
//! A mapping is always one thing away from its next poll: an event in the outbox, or one that hangs on the bell of its
//! source and comes with the next message or change. A poll reads as the function's role, as on AWS, invokes, and
//! settles what came of it in one transaction with the next poll. So nothing is asked in vain, a crash repeats a poll
//! and forgets none, and the clock can be moved.
//!
//! What can be read for polling differs: [`queue`] takes messages out of sight and removes what succeeded; [`stream`]
//! remembers a place and moves it. [`mapping`] holds the operations, [`filter`] says which records are meant.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html>

mod filter;
pub(super) mod mapping;
mod queue;
mod stream;

use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::runner::Outcome;
use cumulet_kernel::outbox::{self, Entry, EntryId};
use cumulet_kernel::{Event, Timestamp, Tx, bell};
use serde_json::{Value, json};

use super::name::FunctionName;
use super::run::{self, Call, Prepared, RunLogs};
use super::state::{
    MAPPING_PLACES, MAPPINGS, MappingRecord, MappingState, PlaceRecord, mapping_key,
};
use super::{configuration, invoke};

pub(super) const POLL_TIMER: &str = "poll";
/// How long a poll that could not be made waits for the next.
const PROBLEM_WAIT_S: i64 = 10;
const NOT_ACTIVE_WAIT_S: i64 = 1;

/// One poll under way: which mapping, and which of its pollers.
#[derive(Clone, Debug)]
struct Poll {
    entry: Entry,
    account: String,
    region: String,
    id: String,
    /// Queues are polled by several at a time; a stream by number 0 alone.
    lane: u32,
}

impl Poll {
    fn of(entry: Entry) -> Option<Poll> {
        let Event::Timer {
            subject, detail, ..
        } = &entry.event
        else {
            return None;
        };
        let (id, lane) = subject.split_once('/')?;
        Some(Poll {
            account: detail["account"].as_str()?.to_owned(),
            region: detail["region"].as_str()?.to_owned(),
            id: id.to_owned(),
            lane: lane.parse().ok()?,
            entry,
        })
    }

    fn mapping(&self, tx: &Tx<'_>) -> Result<Option<MappingRecord>> {
        Ok(tx.load(MAPPINGS, self.key())?)
    }

    fn key(&self) -> cumulet_kernel::Key {
        mapping_key(&self.account, &self.region, &self.id)
    }

    fn place(&self, tx: &Tx<'_>) -> Result<PlaceRecord> {
        Ok(tx.load(MAPPING_PLACES, self.key())?.unwrap_or_default())
    }

    fn save_place(&self, tx: &mut Tx<'_>, place: &PlaceRecord) -> Result<()> {
        Ok(tx.save(MAPPING_PLACES, self.key(), place)?)
    }

    fn event(&self, lane: u32) -> Event {
        poll_event(&self.account, &self.region, &self.id, lane)
    }

    /// Takes this poll out and leaves the next one.
    fn again(&self, tx: &mut Tx<'_>, due: Timestamp) -> Result<EntryId> {
        outbox::finish(tx, self.entry.id)?;
        Ok(outbox::emit(tx, due, self.event(self.lane))?)
    }
}

fn poll_event(account: &str, region: &str, id: &str, lane: u32) -> Event {
    Event::Timer {
        service: "lambda".into(),
        kind: POLL_TIMER.into(),
        subject: format!("{id}/{lane}"),
        detail: json!({ "account": account, "region": region }),
    }
}

/// Leaves the first poll of a mapping that was made or changed.
fn poll_soon(tx: &mut Tx<'_>, record: &MappingRecord, now: Timestamp) -> Result<()> {
    let event = poll_event(&record.account, &record.region, &record.id, 0);
    bell::take_down(tx, &record.source_arn, &event)?;
    outbox::emit(tx, now, event)?;
    Ok(())
}

/// Makes a poll.
pub(super) async fn deliver(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let poll = Poll::of(entry).ok_or_else(|| Error::internal("a poll that cannot be read"))?;
    let context = Context {
        now: engine.clock.now(),
        ..context.located(&poll.account, &poll.region)
    };
    let begun = {
        let (poll, context) = (poll.clone(), context.clone());
        engine.write(move |tx| begin(tx, &context, &poll)).await?
    };
    let Some((mapping, prepared)) = begun else {
        return Ok(());
    };
    context
        .trace
        .note("event_source", mapping.source_arn.clone());
    let polled = match Arn::parse(&mapping.source_arn).map(|arn| arn.service) {
        Some("sqs") => queue::poll(engine, &context, &poll, &mapping, prepared).await,
        _ => stream::poll(engine, &context, &poll, &mapping, prepared).await,
    };
    match polled {
        Err(error) if error.status < 500 => problem(engine, context, poll, error).await,
        other => other,
    }
}

/// Whether there is something to poll for, and with which function; what a poll notices of its mapping on the way.
fn begin(
    tx: &mut Tx<'_>,
    context: &Context,
    poll: &Poll,
) -> Result<Option<(MappingRecord, Prepared)>> {
    let Some(mut record) = poll.mapping(tx)? else {
        outbox::finish(tx, poll.entry.id)?;
        return Ok(None);
    };
    if record.state == MappingState::Deleting {
        tx.delete(MAPPINGS, poll.key())?;
        tx.delete(MAPPING_PLACES, poll.key())?;
        outbox::finish(tx, poll.entry.id)?;
        return Ok(None);
    }
    let settled = if record.enabled {
        MappingState::Enabled
    } else {
        MappingState::Disabled
    };
    if record.state != settled {
        record.state = settled;
        tx.save(MAPPINGS, poll.key(), &record)?;
    }
    if !record.enabled {
        let mut place = poll.place(tx)?;
        place.lanes &= !(1 << poll.lane);
        poll.save_place(tx, &place)?;
        outbox::finish(tx, poll.entry.id)?;
        return Ok(None);
    }
    prepare(tx, context, poll, record)
}

fn prepare(
    tx: &mut Tx<'_>,
    context: &Context,
    poll: &Poll,
    record: MappingRecord,
) -> Result<Option<(MappingRecord, Prepared)>> {
    let name = FunctionName::parse(context, &record.function_arn)?;
    let found = invoke::find(tx, context, name);
    let active = found.and_then(|prepared| {
        configuration::refuse_unless_active(&prepared.version).map(|()| prepared)
    });
    match active {
        Ok(prepared) => Ok(Some((record, prepared))),
        Err(error) => {
            context.trace.note("waits", error.to_string());
            let wait_s = if error.status == 404 {
                PROBLEM_WAIT_S
            } else {
                NOT_ACTIVE_WAIT_S
            };
            poll.again(tx, context.now.plus_s(wait_s))?;
            Ok(None)
        }
    }
}

/// The source could not be read: the mapping says so, and it is tried again.
async fn problem(engine: &Engine, context: Context, poll: Poll, error: Error) -> Result<()> {
    context.trace.note("problem", error.to_string());
    let now = engine.clock.now();
    engine
        .write(move |tx| {
            let mut place = poll.place(tx)?;
            place.note(now, format!("PROBLEM: {}", error.message));
            poll.save_place(tx, &place)?;
            poll.again(tx, now.plus_s(PROBLEM_WAIT_S)).map(drop)
        })
        .await
}

impl PlaceRecord {
    fn note(&mut self, now: Timestamp, result: impl Into<String>) {
        self.last_result = result.into();
        self.last_result_at = now;
    }
}

const OK: &str = "OK";
const NO_RECORDS: &str = "No records processed";
const CALL_FAILED: &str = "PROBLEM: Function call failed";

/// Invokes the function with records; the logs are the caller's to write with what follows from the outcome.
async fn invoke_with(
    engine: &Engine,
    context: &Context,
    prepared: &Prepared,
    records: &[Value],
) -> Result<(String, Outcome)> {
    let request_id = context.ids.uuid();
    let call = Call {
        request_id: request_id.clone(),
        payload: json!({ "Records": records }).to_string().into(),
        client_context: None,
        stream: None,
    };
    let outcome = run::once(engine, context, prepared, call).await?;
    Ok((request_id, outcome))
}

fn write_logs(tx: &mut Tx<'_>, context: &Context, prepared: &Prepared, outcome: &Outcome) {
    // Without permission there are no logs, and the outcome stands.
    let _is_written = RunLogs::of(prepared, outcome).write(tx, context);
}

/// What an answer says about the records of its batch.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    AllDone,
    AllFailed,
    /// By their identifiers.
    SomeFailed(Vec<String>),
}

/// Reads `batchItemFailures`, where the mapping asks for it. Nothing there means success; what names no record of the
/// batch, or is no such list, fails the whole batch.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
fn verdict(outcome: &Outcome, reports_items: bool, known: impl Fn(&str) -> bool) -> Verdict {
    if outcome.function_error.is_some() {
        return Verdict::AllFailed;
    }
    if !reports_items {
        return Verdict::AllDone;
    }
    let Ok(answer) = serde_json::from_slice::<Value>(&outcome.payload) else {
        return Verdict::AllFailed;
    };
    let failures = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return Verdict::AllDone,
        Some(Value::Array(failures)) => failures,
        Some(_) => return Verdict::AllFailed,
    };
    let identifiers: Option<Vec<String>> = failures
        .iter()
        .map(|failure| failure["itemIdentifier"].as_str().map(str::to_owned))
        .collect();
    match identifiers {
        Some(none) if none.is_empty() => Verdict::AllDone,
        Some(some) if some.iter().all(|identifier| known(identifier)) => Verdict::SomeFailed(some),
        _ => Verdict::AllFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_answer_is_believed_only_if_it_names_records_of_the_batch() {
        let check = |answer: &str| {
            let outcome = Outcome {
                payload: answer.as_bytes().to_vec().into(),
                ..Outcome::default()
            };
            verdict(&outcome, true, |identifier| identifier == "one")
        };
        for success in [
            "null",
            "{}",
            r#"{"batchItemFailures":null}"#,
            r#"{"batchItemFailures":[]}"#,
        ] {
            assert_eq!(check(success), Verdict::AllDone, "{success}");
        }
        let one = r#"{"batchItemFailures":[{"itemIdentifier":"one"}]}"#;
        assert_eq!(check(one), Verdict::SomeFailed(vec!["one".to_owned()]));
        for failure in [
            "oops",
            r#"{"batchItemFailures":{}}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"two"}]}"#,
            r#"{"batchItemFailures":[{"item":"one"}]}"#,
        ] {
            assert_eq!(check(failure), Verdict::AllFailed, "{failure}");
        }
    }
}
