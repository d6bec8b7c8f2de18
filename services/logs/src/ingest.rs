//! Events coming in.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>

use std::ops::Range;

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_engine::meter::{Measure, Owner};
use cumulet_identity::iam;
use cumulet_kernel::Tx;

use super::api::{InputLogEvent, PutLogEventsInput, PutLogEventsOutput, RejectedLogEvents};
use super::sealing::Sealing;
use super::state::{
    EVENTS, GROUPS, GroupRecord, Place, STREAMS, StreamRecord, event_key, group_key, stream_key,
};
use super::{LogLine, embedded, errors, group, metric_filter, stream, subscription, sweep};

const BATCH_BYTES_MAX: usize = 1_048_576;
/// What AWS counts for an event beside its text.
pub(super) const EVENT_OVERHEAD_BYTES: usize = 26;
const DAY_MS: i64 = 86_400_000;
const TOO_OLD_MS: i64 = 14 * DAY_MS;
const TOO_NEW_MS: i64 = 2 * 3_600_000;

pub(super) fn put(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutLogEventsInput,
) -> Result<PutLogEventsOutput> {
    check_batch(&input.log_events)?;
    let mut group = group::existing(tx, context, &input.log_group_name)?;
    let mut stream = stream::existing(tx, group.number, &input.log_stream_name)?;
    let (accepted, rejected) = sort_out(&input.log_events, &group, context);
    let events = input.log_events.get(accepted).unwrap_or_default();
    let mut target = Target {
        group_name: &input.log_group_name,
        group: &mut group,
        stream_name: &input.log_stream_name,
        stream: &mut stream,
    };
    let lines = events
        .iter()
        .map(|event| (event.timestamp, event.message.as_str()));
    target.store(tx, context, lines)?;
    Ok(PutLogEventsOutput {
        next_sequence_token: stream::sequence_token(&stream),
        rejected_log_events_info: rejected,
    })
}

fn check_batch(events: &[InputLogEvent]) -> Result<()> {
    let bytes: usize = events
        .iter()
        .map(|event| event.message.len() + EVENT_OVERHEAD_BYTES)
        .sum();
    if bytes > BATCH_BYTES_MAX {
        return Err(errors::invalid(format!(
            "Upload too large: {bytes} bytes exceeds limit of {BATCH_BYTES_MAX}"
        )));
    }
    if events
        .windows(2)
        .any(|pair| pair[0].timestamp > pair[1].timestamp)
    {
        return Err(errors::invalid(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    if let (Some(first), Some(last)) = (events.first(), events.last())
        && last.timestamp - first.timestamp > DAY_MS
    {
        return Err(errors::invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    Ok(())
}

/// Which events are taken, and how the others are told. They are in order, so each kind is a stretch.
fn sort_out(
    events: &[InputLogEvent],
    group: &GroupRecord,
    context: &Context,
) -> (Range<usize>, RejectedLogEvents) {
    let now = context.now.0;
    let expired = events
        .partition_point(|event| event.timestamp < sweep::expired_before_ms(group, context.now));
    let too_old = events.partition_point(|event| event.timestamp < now - TOO_OLD_MS);
    let too_new = events.partition_point(|event| event.timestamp <= now + TOO_NEW_MS);
    let rejected = RejectedLogEvents {
        expired_log_event_end_index: (expired > 0).then_some(expired),
        too_old_log_event_end_index: (too_old > 0).then_some(too_old),
        too_new_log_event_start_index: (too_new < events.len()).then_some(too_new),
    };
    (expired.max(too_old).min(too_new)..too_new, rejected)
}

/// Where events go.
struct Target<'a> {
    group_name: &'a str,
    group: &'a mut GroupRecord,
    stream_name: &'a str,
    stream: &'a mut StreamRecord,
}

impl Target<'_> {
    fn store<'l>(
        &mut self,
        tx: &mut Tx<'_>,
        context: &Context,
        lines: impl Iterator<Item = (i64, &'l str)>,
    ) -> Result<()> {
        let mut sealing = Sealing::of(context, self.group_name, self.group);
        let mut stored = Vec::new();
        let mut stored_bytes = 0;
        for (time_ms, message) in lines {
            let place = Place {
                time_ms,
                sequence: tx.next_sequence()?,
            };
            let number = self.stream.number;
            let event = sealing.seal(tx, number, place, message)?;
            tx.save(EVENTS, event_key(number, place), &event)?;
            let bytes = message.len() + EVENT_OVERHEAD_BYTES;
            stored_bytes += u64::try_from(bytes).unwrap_or(0);
            self.stream.note(time_ms);
            stored.push((place, message));
        }
        self.group.stored_bytes += stored_bytes;
        self.stream.last_ingestion_ms = Some(context.now.0);
        tx.save(GROUPS, group_key(context, self.group_name), self.group)?;
        tx.save(
            STREAMS,
            stream_key(self.group.number, self.stream_name),
            self.stream,
        )?;
        self.measure(context, stored.len(), stored_bytes);
        self.tell(tx, context, &stored)
    }

    /// Metrics, embedded ones and those of filters, and subscribers: all that hangs on what arrives.
    fn tell(&self, tx: &mut Tx<'_>, context: &Context, stored: &[(Place, &str)]) -> Result<()> {
        let timed: Vec<(i64, &str)> = stored
            .iter()
            .map(|(place, message)| (place.time_ms, *message))
            .collect();
        let malformed = embedded::publish(tx, context, &timed)?;
        if malformed > 0 {
            let group = [("LogGroupName", self.group_name)];
            publish(context, &group, &[count("EMFValidationErrors", malformed)]);
        }
        if self.group.metric_filters > 0 {
            metric_filter::apply(tx, context, self.group, &timed)?;
        }
        if self.group.subscription_filters > 0 {
            let (group, stream) = (self.group_name, self.stream_name);
            subscription::leave(tx, context, group, self.group, stream, stored)?;
        }
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html>
    fn measure(&self, context: &Context, events: usize, bytes: u64) {
        let bytes = Measure {
            metric: "IncomingBytes",
            value: bytes as f64,
            unit: "Bytes",
        };
        let measures = [count("IncomingLogEvents", events), bytes];
        publish(context, &[("LogGroupName", self.group_name)], &measures);
        publish(context, &[], &measures);
    }
}

fn count(metric: &'static str, count: usize) -> Measure {
    Measure {
        metric,
        value: count as f64,
        unit: "Count",
    }
}

fn publish(context: &Context, dimensions: &[(&str, &str)], measures: &[Measure]) {
    let owner = Owner {
        account: &context.account,
        region: &context.region,
    };
    context
        .meter
        .publish(owner, context.now, "AWS/Logs", dimensions, measures);
}

impl StreamRecord {
    fn note(&mut self, time_ms: i64) {
        self.first_event_ms = Some(
            self.first_event_ms
                .map_or(time_ms, |first| first.min(time_ms)),
        );
        self.last_event_ms = self.last_event_ms.max(Some(time_ms));
    }
}

/// For other services: events as the context's principal, group and stream made where they are missing.
pub(super) fn append(
    tx: &mut Tx<'_>,
    context: &Context,
    group_name: &str,
    stream_name: &str,
    lines: &[LogLine],
) -> Result<()> {
    let mut group = group_or_new(tx, context, group_name)?;
    let may = |action: &str, tx: &Tx<'_>| {
        let needed = group::stream_access(tx, context, action, group_name, stream_name)?;
        iam::authorise(tx, context, &needed)
    };
    let mut stream = match stream::find(tx, group.number, stream_name)? {
        Some(stream) => stream,
        None => {
            may("logs:CreateLogStream", tx)?;
            stream::make(tx, context, group.number, stream_name)?
        }
    };
    may("logs:PutLogEvents", tx)?;
    let mut target = Target {
        group_name,
        group: &mut group,
        stream_name,
        stream: &mut stream,
    };
    let lines = lines
        .iter()
        .map(|line| (line.timestamp_ms, line.message.as_str()));
    target.store(tx, context, lines)
}

fn group_or_new(tx: &mut Tx<'_>, context: &Context, name: &str) -> Result<GroupRecord> {
    if let Some(group) = tx.load(GROUPS, group_key(context, name))? {
        return Ok(group);
    }
    let needed = group::access(tx, context, "logs:CreateLogGroup", name)?;
    iam::authorise(tx, context, &needed)?;
    let group = group::blank(tx, context, super::api::Tags::new())?;
    tx.save(GROUPS, group_key(context, name), &group)?;
    Ok(group)
}
