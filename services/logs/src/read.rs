//! Events read back: one stream from either end, or many streams merged and filtered.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html>

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kernel::store::{Direction, Scan, decode};

use super::api::{
    FilterLogEventsInput, FilterLogEventsOutput, FilteredLogEvent, GetLogEventsInput,
    GetLogEventsOutput, OutputLogEvent,
};
use super::filter::Pattern;
use super::ingest::EVENT_OVERHEAD_BYTES;
use super::sealing::Sealing;
use super::state::{EVENTS, EventRecord, Place, StreamRecord, event_key};
use super::{errors, group, stream, sweep};

const EVENTS_MAX: usize = 10_000;
const PAGE_BYTES_MAX: usize = 1_048_576;
/// How many events one FilterLogEvents looks at before it answers with what it has and a token.
const LOOKED_AT_MAX: usize = 100_000;

/// A group whose events are being read.
pub(super) struct Source<'a> {
    /// The group's number.
    pub(super) group: u64,
    pub(super) sealing: Sealing<'a>,
    /// From, inclusive, and to, exclusive.
    from_ms: i64,
    to_ms: i64,
}

impl<'a> Source<'a> {
    pub(super) fn open(
        tx: &Tx<'_>,
        context: &'a Context,
        name: &str,
        start: Option<i64>,
        end: Option<i64>,
    ) -> Result<Self> {
        let group = group::existing(tx, context, name)?;
        let from_ms = start
            .unwrap_or(0)
            .max(sweep::expired_before_ms(&group, context.now))
            .max(0);
        Ok(Self {
            sealing: Sealing::of(context, name, &group),
            group: group.number,
            from_ms,
            to_ms: end.unwrap_or(i64::MAX),
        })
    }

    /// Drops the streams that have nothing in the time asked for.
    pub(super) fn retain_relevant(&self, streams: &mut Vec<(String, StreamRecord)>) {
        streams.retain(|(_, record)| {
            let begins_before_end = record
                .first_event_ms
                .is_some_and(|first| first < self.to_ms);
            let ends_after_start = record
                .last_event_ms
                .is_some_and(|last| last >= self.from_ms);
            begins_before_end && ends_after_start
        });
    }

    fn scan<'t>(
        &self,
        tx: &'t Tx<'_>,
        stream: u64,
        direction: Direction,
        bounds: (Place, Place),
    ) -> Result<Scan<'t>> {
        let first = Place {
            time_ms: self.from_ms,
            sequence: 0,
        };
        let last = Place {
            time_ms: self.to_ms,
            sequence: 0,
        };
        let from = event_key(stream, bounds.0.max(first));
        let to = event_key(stream, bounds.1.min(last));
        Ok(tx.range(EVENTS, from.as_slice(), Some(to.as_slice()), direction)?)
    }
}

const BEGINNING: Place = Place {
    time_ms: 0,
    sequence: 0,
};
const END: Place = Place {
    time_ms: i64::MAX,
    sequence: u64::MAX,
};

/// The next event of a scan.
fn next(scan: &mut Scan<'_>) -> Result<Option<(Place, EventRecord)>> {
    let Some(pair) = scan.next() else {
        return Ok(None);
    };
    let (key, value) = pair?;
    let broken = || Error::internal("a log event that cannot be read");
    let place = sweep::place_of(&key).ok_or_else(broken)?;
    let event = decode(&value)?;
    Ok(Some((place, event)))
}

pub(super) fn get(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GetLogEventsInput,
) -> Result<GetLogEventsOutput> {
    let name = group::named(
        input.log_group_name.as_deref(),
        input.log_group_identifier.as_deref(),
    )?;
    let mut source = Source::open(tx, context, &name, input.start_time, input.end_time)?;
    let stream = stream::existing(tx, source.group, &input.log_stream_name)?.number;
    let begin = match &input.next_token {
        Some(token) => Boundary::parse(token)?,
        None if input.start_from_head => Boundary::before(BEGINNING, Direction::Forward),
        None => Boundary::before(END, Direction::Backward),
    };
    let bounds = match begin.direction {
        Direction::Forward => (begin.place, END),
        Direction::Backward => (BEGINNING, begin.place),
    };
    let limit = input.limit.unwrap_or(EVENTS_MAX);
    let mut found = Vec::new();
    let mut bytes = 0;
    let mut scan = source.scan(tx, stream, begin.direction, bounds)?;
    while let Some((place, event)) = next(&mut scan)? {
        bytes += event.message.len() + EVENT_OVERHEAD_BYTES;
        if found.len() == limit || (bytes > PAGE_BYTES_MAX && !found.is_empty()) {
            break;
        }
        found.push((place, event));
    }
    if begin.direction == Direction::Backward {
        found.reverse();
    }
    let (backward, forward) = match (found.first(), found.last()) {
        (Some((first, _)), Some((last, _))) => (*first, last.successor()),
        _ => (begin.place, begin.place),
    };
    let mut events = Vec::with_capacity(found.len());
    for (place, event) in found {
        events.push(OutputLogEvent {
            timestamp: place.time_ms,
            message: source.sealing.open(tx, stream, place, &event)?,
            ingestion_time: event.ingested_ms,
        });
    }
    Ok(GetLogEventsOutput {
        events,
        next_forward_token: Boundary::before(forward, Direction::Forward).token(),
        next_backward_token: Boundary::before(backward, Direction::Backward).token(),
    })
}

impl Place {
    /// The first place behind this one.
    fn successor(self) -> Self {
        Self {
            sequence: self.sequence.saturating_add(1),
            ..self
        }
    }
}

/// A place between events, and which way to read from there. At the end of a stream the answer names the
/// boundary it came with, so the same token comes back until there is more.
struct Boundary {
    place: Place,
    direction: Direction,
}

impl Boundary {
    fn before(place: Place, direction: Direction) -> Self {
        Self { place, direction }
    }

    fn token(&self) -> String {
        let direction = match self.direction {
            Direction::Forward => "f",
            Direction::Backward => "b",
        };
        format!(
            "{direction}/{:028}{:028}/s",
            self.place.time_ms, self.place.sequence
        )
    }

    fn parse(token: &str) -> Result<Self> {
        let parsed = || {
            let (direction, rest) = token.split_once('/')?;
            let digits = rest.strip_suffix("/s").unwrap_or(rest);
            let (time, sequence) = digits.split_at_checked(28)?;
            let direction = match direction {
                "f" => Direction::Forward,
                "b" => Direction::Backward,
                _ => return None,
            };
            let place = Place {
                time_ms: time.parse().ok()?,
                sequence: sequence.parse().ok()?,
            };
            Some(Self { place, direction })
        };
        parsed().ok_or_else(errors::bad_token)
    }
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>
pub(super) fn filter(
    tx: &mut Tx<'_>,
    context: &Context,
    input: FilterLogEventsInput,
) -> Result<FilterLogEventsOutput> {
    if input.log_stream_names.is_some() && input.log_stream_name_prefix.is_some() {
        return Err(errors::invalid(
            "LogStreamNames and LogStreamNamePrefix are mutually exclusive parameters.",
        ));
    }
    if input.start_from_head == Some(false) {
        return Err(Error::not_implemented(
            "logs: FilterLogEvents from the newest event on",
        ));
    }
    let pattern = Pattern::parse(input.filter_pattern.as_deref().unwrap_or_default())
        .ok_or_else(errors::bad_pattern)?;
    let name = group::named(
        input.log_group_name.as_deref(),
        input.log_group_identifier.as_deref(),
    )?;
    let mut source = Source::open(tx, context, &name, input.start_time, input.end_time)?;
    let streams = chosen(tx, &source, &input)?;
    let from = match &input.next_token {
        None => BEGINNING,
        Some(token) => Boundary::parse(token)?.place,
    };
    let mut merged = Merged::open(tx, &source, &streams, from)?;
    let limit = input.limit.unwrap_or(EVENTS_MAX);
    let mut page = Page::default();
    while let Some((stream, place, event)) = merged.next()? {
        if page.is_full(limit) {
            page.stopped_at = Some(place);
            break;
        }
        page.looked_at += 1;
        let (name, record) = &streams[stream];
        let message = source.sealing.open(tx, record.number, place, &event)?;
        if pattern.matches(&message) {
            page.add(name, place, event, message);
        }
    }
    Ok(FilterLogEventsOutput {
        events: page.events,
        searched_log_streams: Vec::new(),
        next_token: page
            .stopped_at
            .map(|place| Boundary::before(place, Direction::Forward).token()),
    })
}

#[derive(Default)]
struct Page {
    events: Vec<FilteredLogEvent>,
    bytes: usize,
    looked_at: usize,
    /// The first event that the page has no room for.
    stopped_at: Option<Place>,
}

impl Page {
    fn is_full(&self, limit: usize) -> bool {
        self.events.len() >= limit
            || self.bytes >= PAGE_BYTES_MAX
            || self.looked_at >= LOOKED_AT_MAX
    }

    fn add(&mut self, stream: &str, place: Place, event: EventRecord, message: String) {
        self.bytes += message.len() + EVENT_OVERHEAD_BYTES;
        self.events.push(FilteredLogEvent {
            log_stream_name: stream.to_owned(),
            timestamp: place.time_ms,
            message,
            ingestion_time: event.ingested_ms,
            event_id: event_id(place),
        });
    }
}

/// What an event is called wherever it is told.
pub(super) fn event_id(place: Place) -> String {
    format!("{:028}{:028}", place.time_ms, place.sequence)
}

/// The streams that are asked for and have events in the time asked for.
fn chosen(
    tx: &Tx<'_>,
    source: &Source<'_>,
    input: &FilterLogEventsInput,
) -> Result<Vec<(String, StreamRecord)>> {
    let group = source.group;
    let mut streams = match &input.log_stream_names {
        None => stream::all(
            tx,
            group,
            input.log_stream_name_prefix.as_deref().unwrap_or_default(),
        )?,
        Some(names) => {
            let existing = |name: &String| Ok((name.clone(), stream::existing(tx, group, name)?));
            names.iter().map(existing).collect::<Result<_>>()?
        }
    };
    source.retain_relevant(&mut streams);
    Ok(streams)
}

/// Several streams read as one, in order of time and arrival.
pub(super) struct Merged<'t> {
    scans: Vec<(Scan<'t>, Option<EventRecord>)>,
    heads: BinaryHeap<Reverse<(Place, usize)>>,
}

impl<'t> Merged<'t> {
    pub(super) fn open(
        tx: &'t Tx<'_>,
        source: &Source<'_>,
        streams: &[(String, StreamRecord)],
        from: Place,
    ) -> Result<Self> {
        let mut merged = Self {
            scans: Vec::with_capacity(streams.len()),
            heads: BinaryHeap::new(),
        };
        for (position, (_, record)) in streams.iter().enumerate() {
            let scan = source.scan(tx, record.number, Direction::Forward, (from, END))?;
            merged.scans.push((scan, None));
            merged.advance(position)?;
        }
        Ok(merged)
    }

    fn advance(&mut self, position: usize) -> Result<()> {
        let Some((scan, head)) = self.scans.get_mut(position) else {
            return Ok(());
        };
        if let Some((place, event)) = next(scan)? {
            *head = Some(event);
            self.heads.push(Reverse((place, position)));
        }
        Ok(())
    }

    /// The next event, and which stream it is of.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Place, EventRecord)>> {
        let Some(Reverse((place, position))) = self.heads.pop() else {
            return Ok(None);
        };
        let event = self
            .scans
            .get_mut(position)
            .and_then(|(_, head)| head.take());
        self.advance(position)?;
        Ok(event.map(|event| (position, place, event)))
    }
}
