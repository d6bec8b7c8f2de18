//! Logs Insights' operations: queries are kept, and run when their results are asked for.
//!
//! Events do not change once they are stored, and those that arrived after the query was started do not
//! count: so running it at the first look gives what running it at once would have given, and no result
//! of a sealed group ever lies in the store. A run reads in steps, so that it holds up nobody.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html>

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::{Reply, Request};
use cumulet_kernel::Tx;
use cumulet_kernel::store::{Direction, decode};
use futures_util::future::BoxFuture;
use serde_json::json;

use super::api::{
    DescribeQueriesInput, DescribeQueriesOutput, GetLogGroupFieldsInput, GetLogGroupFieldsOutput,
    GetLogRecordInput, GetLogRecordOutput, LogGroupField, QueryInfo, QueryInput,
    QueryResultsOutput, QueryStatistics, ResultField, StartQueryInput, StartQueryOutput,
    SuccessOutput,
};
use super::ingest::EVENT_OVERHEAD_BYTES;
use super::insights::{self, Query, Refusal, Run};
use super::read::{Merged, Source};
use super::sealing::Sealing;
use super::state::{
    EVENTS, EventRecord, Place, QUERIES, QueryRecord, StreamRecord, event_key, groups_prefix,
    named_key,
};
use super::{errors, group, stream};

const RESULTS_MAX: usize = 10_000;
/// How long queries can be asked for their results.
const KEPT_S: i64 = 7 * 86_400;
const STEP_EVENTS: usize = 20_000;
const GROUPS_MAX: usize = 50;
/// Times beyond this are milliseconds: as seconds they would lie in the year 5138.
const SECONDS_MAX: i64 = 100_000_000_000;
const SAMPLED_EVENTS: usize = 1000;
const FIELDS_WINDOW_MS: i64 = 15 * 60_000;
pub(super) const LANGUAGE: &str = "CWLI";

pub(super) fn start_access(
    tx: &Tx<'_>,
    context: &Context,
    input: &StartQueryInput,
) -> Result<Vec<Access>> {
    let mut needed = Vec::new();
    for name in named_groups(input)? {
        needed.extend(group::access(tx, context, "logs:StartQuery", &name)?);
    }
    Ok(needed)
}

fn named_groups(input: &StartQueryInput) -> Result<Vec<String>> {
    let given = [
        input.log_group_name.clone().map(|name| vec![name]),
        input.log_group_names.clone(),
        input.log_group_identifiers.clone(),
    ];
    let mut given = given.into_iter().flatten();
    let (Some(names), None) = (given.next(), given.next()) else {
        return Err(errors::invalid(
            "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified.",
        ));
    };
    if names.is_empty() || names.len() > GROUPS_MAX {
        return Err(errors::invalid(format!(
            "A query can search 1 to {GROUPS_MAX} log groups."
        )));
    }
    Ok(names
        .iter()
        .map(|name| group::name_of(name).to_owned())
        .collect())
}

pub(super) fn check_language(language: Option<&str>) -> Result<()> {
    match language {
        None | Some(LANGUAGE) => Ok(()),
        Some(other) => Err(Error::not_implemented(format!(
            "logs: queries in the language {other}"
        ))),
    }
}

fn parsed(text: &str) -> Result<Query> {
    Query::parse(text).map_err(|refusal| match refusal {
        Refusal::NotBuilt(what) => Error::not_implemented(format!("logs: {what} of Logs Insights")),
        Refusal::Malformed { at, message } => {
            let location = json!({ "startCharOffset": at, "endCharOffset": at + 1 });
            Error::new(
                "MalformedQueryException",
                format!("{message} at character {at}"),
            )
            .member(
                "queryCompileError",
                json!({ "location": location, "message": message }),
            )
        }
    })
}

pub(super) fn start(
    tx: &mut Tx<'_>,
    context: &Context,
    input: StartQueryInput,
) -> Result<StartQueryOutput> {
    check_language(input.query_language.as_deref())?;
    let groups = named_groups(&input)?;
    for name in &groups {
        group::existing(tx, context, name).map_err(|_| missing_group(context, name))?;
    }
    if input.end_time < input.start_time {
        return Err(errors::invalid(
            "The query's end time must not be before its start time.",
        ));
    }
    parsed(&input.query_string)?;
    forget_old(tx, context)?;
    let to_ms = |time: i64, rest_ms: i64| match time.abs() > SECONDS_MAX {
        true => time,
        false => time * 1000 + rest_ms,
    };
    let record = QueryRecord {
        id: context.ids.uuid(),
        groups,
        text: input.query_string,
        from_ms: to_ms(input.start_time, 0),
        to_ms: to_ms(input.end_time, 999),
        limit: input.limit,
        created: context.now,
    };
    tx.save(QUERIES, named_key(context, &record.id), &record)?;
    Ok(StartQueryOutput {
        query_id: record.id,
    })
}

fn missing_group(context: &Context, name: &str) -> Error {
    let message = format!(
        "Log group '{name}' does not exist for account ID '{}' (Service: AWSLogs; Status Code: 400; Error Code: \
         ResourceNotFoundException; Request ID: {}; Proxy: null)",
        context.account, context.request_id
    );
    Error::new("ResourceNotFoundException", message)
}

fn all(tx: &Tx<'_>, context: &Context) -> Result<Vec<QueryRecord>> {
    let found = tx.prefix(QUERIES, groups_prefix(context), Direction::Forward)?;
    found.map(|pair| Ok(decode(&pair?.1)?)).collect()
}

fn forget_old(tx: &mut Tx<'_>, context: &Context) -> Result<()> {
    let before = context.now.plus_s(-KEPT_S);
    for record in all(tx, context)? {
        if record.created < before {
            tx.delete(QUERIES, named_key(context, &record.id))?;
        }
    }
    Ok(())
}

fn existing(tx: &Tx<'_>, context: &Context, id: &str) -> Result<QueryRecord> {
    let record: Option<QueryRecord> = tx.load(QUERIES, named_key(context, id))?;
    let record = record.filter(|record| record.created >= context.now.plus_s(-KEPT_S));
    record.ok_or_else(|| {
        Error::new(
            "ResourceNotFoundException",
            "The specified query does not exist.",
        )
    })
}

/// Nothing is ever still running when somebody wants to stop it.
pub(super) fn stop(tx: &mut Tx<'_>, context: &Context, input: QueryInput) -> Result<SuccessOutput> {
    existing(tx, context, &input.query_id)?;
    Ok(SuccessOutput { success: false })
}

pub(super) fn describe(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DescribeQueriesInput,
) -> Result<DescribeQueriesOutput> {
    let mut found = all(tx, context)?;
    found.retain(|record| {
        let is_of_group = input
            .log_group_name
            .as_ref()
            .is_none_or(|name| record.groups.contains(name));
        is_of_group
            && input
                .status
                .as_deref()
                .is_none_or(|status| status == "Complete")
    });
    found.sort_by(|one, other| (other.created, &other.id).cmp(&(one.created, &one.id)));
    let from = offset(input.next_token.as_deref())?;
    let limit = input.max_results.unwrap_or(1000);
    let more = found.len() > from + limit;
    let told = |record: QueryRecord| QueryInfo {
        query_language: LANGUAGE,
        query_id: record.id,
        query_string: record.text,
        status: "Complete",
        create_time: record.created.0,
        log_group_name: record.groups.into_iter().next(),
    };
    Ok(DescribeQueriesOutput {
        queries: found.into_iter().skip(from).take(limit).map(told).collect(),
        next_token: more.then(|| token(from + limit)),
    })
}

fn token(offset: usize) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(offset.to_string())
}

fn offset(token: Option<&str>) -> Result<usize> {
    let Some(token) = token else {
        return Ok(0);
    };
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| text.parse().ok())
        .ok_or_else(errors::bad_token)
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html>
pub(super) fn results(
    engine: Engine,
    context: Context,
    mut request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let input: QueryInput = request.decode()?;
        let record = engine.read(|tx| {
            let needed = Access::new("logs:GetQueryResults", "*");
            context.authorise(tx, &[needed])?;
            existing(tx, &context, &input.query_id)
        })?;
        let from = offset(input.next_token.as_deref())?;
        let mut reading = Reading::begin(&record, &context)?;
        while !engine.read(|tx| reading.step(tx, &context, &record))? {
            tokio::task::yield_now().await;
        }
        Reply::of(&told(reading, from, input.max_items))
    })
}

fn told(reading: Reading, from: usize, items_max: Option<usize>) -> QueryResultsOutput {
    let mut statistics = reading.statistics;
    statistics.records_matched = reading.run.matched as f64;
    let rows = reading.run.finish();
    let limit = items_max.unwrap_or(RESULTS_MAX);
    let more = rows.len() > from + limit;
    let field = |(field, value): (String, String)| ResultField { field, value };
    let page = rows.into_iter().skip(from).take(limit);
    QueryResultsOutput {
        query_language: LANGUAGE,
        results: page
            .map(|row| row.into_iter().map(field).collect())
            .collect(),
        statistics,
        status: "Complete",
        next_token: more.then(|| token(from + limit)),
    }
}

/// A run, and how far it has read.
struct Reading {
    run: Run,
    statistics: QueryStatistics,
    /// The group being read, by its place in the query, and where to go on in it.
    group: usize,
    from: Place,
}

const BEGINNING: Place = Place {
    time_ms: 0,
    sequence: 0,
};

impl Reading {
    fn begin(record: &QueryRecord, context: &Context) -> Result<Self> {
        let limit = record.limit.unwrap_or(RESULTS_MAX);
        Ok(Self {
            run: Run::begin(parsed(&record.text)?, limit, context.now.0),
            statistics: QueryStatistics::default(),
            group: 0,
            from: BEGINNING,
        })
    }

    /// Reads on for a while; whether everything has been read.
    fn step(&mut self, tx: &Tx<'_>, context: &Context, record: &QueryRecord) -> Result<bool> {
        let Some(name) = record.groups.get(self.group) else {
            return Ok(true);
        };
        let (from_ms, to_ms) = (record.from_ms, record.to_ms.saturating_add(1));
        let source = Source::open(tx, context, name, Some(from_ms), Some(to_ms));
        let stopped_at = match source {
            Ok(source) => self.read(tx, context, (name, record), source)?,
            // The group was deleted meanwhile.
            Err(_) => None,
        };
        match stopped_at {
            Some(place) => self.from = place,
            None => {
                self.statistics.log_groups_scanned += 1.0;
                (self.group, self.from) = (self.group + 1, BEGINNING);
            }
        }
        Ok(false)
    }

    /// Where to go on; nowhere where the group has been read.
    fn read(
        &mut self,
        tx: &Tx<'_>,
        context: &Context,
        (name, record): (&str, &QueryRecord),
        mut source: Source<'_>,
    ) -> Result<Option<Place>> {
        let mut streams = stream::all(tx, source.group, "")?;
        source.retain_relevant(&mut streams);
        let mut merged = Merged::open(tx, &source, &streams, self.from)?;
        let log = format!("{}:{name}", context.account);
        for _ in 0..STEP_EVENTS {
            let Some((at, place, event)) = merged.next()? else {
                return Ok(None);
            };
            if event.ingested_ms > record.created.0 {
                continue;
            }
            let (stream_name, stream) = &streams[at];
            let message = source.sealing.open(tx, stream.number, place, &event)?;
            self.statistics.records_scanned += 1.0;
            self.statistics.bytes_scanned += (message.len() + EVENT_OVERHEAD_BYTES) as f64;
            self.run.take(insights::Event {
                time_ms: place.time_ms,
                ingested_ms: event.ingested_ms,
                message,
                log_stream: stream_name.clone(),
                log: log.clone(),
                pointer: pointer(name, stream_name, place),
            });
        }
        Ok(merged.next()?.map(|(_, place, _)| place))
    }
}

/// The `@ptr` of an event: text in group and stream names holds no line break.
fn pointer(group: &str, stream: &str, place: Place) -> String {
    let text = format!(
        "{:020}{:020}\n{group}\n{stream}",
        place.time_ms, place.sequence
    );
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogRecord.html>
pub(super) fn record(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GetLogRecordInput,
) -> Result<GetLogRecordOutput> {
    if input.unmask {
        return Err(Error::not_implemented("logs: data protection"));
    }
    let wrong = || errors::invalid("The specified logRecordPointer is invalid.");
    let (name, stream_name, place) = pointed_at(&input.log_record_pointer).ok_or_else(wrong)?;
    let group = group::existing(tx, context, &name)?;
    let stream: StreamRecord = stream::existing(tx, group.number, &stream_name)?;
    let event: Option<EventRecord> = tx.load(EVENTS, event_key(stream.number, place))?;
    let event = event.ok_or_else(wrong)?;
    let message = Sealing::of(context, &name, &group).open(tx, stream.number, place, &event)?;
    Ok(GetLogRecordOutput {
        log_record: insights::described(insights::Event {
            time_ms: place.time_ms,
            ingested_ms: event.ingested_ms,
            message,
            log_stream: stream_name,
            log: format!("{}:{name}", context.account),
            pointer: input.log_record_pointer,
        }),
    })
}

fn pointed_at(pointer: &str) -> Option<(String, String, Place)> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(pointer).ok()?).ok()?;
    let mut parts = text.splitn(3, '\n');
    let (time, sequence) = parts.next()?.split_at_checked(20)?;
    let place = Place {
        time_ms: time.parse().ok()?,
        sequence: sequence.parse().ok()?,
    };
    Some((parts.next()?.to_owned(), parts.next()?.to_owned(), place))
}

/// The fields of a sample of the last quarter of an hour, and in how many of its events each is.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogGroupFields.html>
pub(super) fn fields(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GetLogGroupFieldsInput,
) -> Result<GetLogGroupFieldsOutput> {
    let name = group::named(
        input.log_group_name.as_deref(),
        input.log_group_identifier.as_deref(),
    )?;
    let around_ms = input.time.map(|time| match time > SECONDS_MAX {
        true => time,
        false => time * 1000,
    });
    let (from_ms, to_ms) = match around_ms {
        Some(time_ms) => (
            time_ms - FIELDS_WINDOW_MS / 2,
            time_ms + FIELDS_WINDOW_MS / 2,
        ),
        None => (context.now.0 - FIELDS_WINDOW_MS, context.now.0 + 1),
    };
    let mut source = Source::open(tx, context, &name, Some(from_ms), Some(to_ms))?;
    let streams = stream::all(tx, source.group, "")?;
    let mut merged = Merged::open(tx, &source, &streams, BEGINNING)?;
    let mut counts = std::collections::BTreeMap::<String, u32>::new();
    let mut sampled = 0;
    while let Some((at, place, event)) = merged.next()? {
        if sampled == SAMPLED_EVENTS {
            break;
        }
        sampled += 1;
        let (stream_name, stream) = &streams[at];
        let message = source.sealing.open(tx, stream.number, place, &event)?;
        let described = insights::described(insights::Event {
            time_ms: place.time_ms,
            ingested_ms: event.ingested_ms,
            message,
            log_stream: stream_name.clone(),
            log: format!("{}:{name}", context.account),
            pointer: pointer(&name, stream_name, place),
        });
        for field in described.into_keys().filter(|field| field != "@ptr") {
            *counts.entry(field).or_default() += 1;
        }
    }
    let percent = |count: u32| u32::try_from(u64::from(count) * 100 / sampled.max(1) as u64);
    let told = |(name, count): (String, u32)| LogGroupField {
        name,
        percent: percent(count).unwrap_or(100),
    };
    Ok(GetLogGroupFieldsOutput {
        log_group_fields: counts.into_iter().map(told).collect(),
    })
}
