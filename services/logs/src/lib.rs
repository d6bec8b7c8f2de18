//! CloudWatch Logs: groups, streams and their events.
//!
//! It knows nothing of who logs: functions and gateways come through [`append`] as their own roles.

mod api;
mod embedded;
mod errors;
mod filter;
mod group;
mod ingest;
mod insights;
mod metric_filter;
mod query;
mod query_definition;
mod read;
mod resource;
mod sealing;
mod state;
mod stream;
mod subscription;
mod sweep;
mod tags;
#[cfg(test)]
mod tests;

use api::{
    CreateLogGroupInput, DeleteQueryDefinitionInput, DeletionProtectionInput,
    DescribeLogGroupsInput, DescribeLogStreamsInput, DescribeMetricFiltersInput,
    DescribeQueriesInput, DescribeQueryDefinitionsInput, DescribeSubscriptionFiltersInput,
    FilterInput, FilterLogEventsInput, GetLogEventsInput, GetLogGroupFieldsInput,
    GetLogRecordInput, GroupInput, KmsKeyInput, ListLogGroupsInput, PutLogEventsInput,
    PutMetricFilterInput, PutQueryDefinitionInput, PutSubscriptionFilterInput, QueryInput,
    RetentionInput, StartQueryInput, StreamInput, TagLogGroupInput, TagResourceInput,
    TestMetricFilterInput, UntagLogGroupInput,
};
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::delivery::unhandled;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_engine::operation::{AccessRule, Operation};
use cumulet_engine::registry::{Denial, Service};
use cumulet_kernel::outbox::Entry;
use cumulet_kernel::{Event, Tx};
use serde_json::Value;
use state::{Place, TABLES};

/// The permission for an action on the group that `log_group_name` names.
macro_rules! on_group {
    ($input:ty, $action:literal) => {{
        let rule: AccessRule<$input> = |tx, context, input| {
            group::access(
                tx,
                context,
                concat!("logs:", $action),
                &input.log_group_name,
            )
        };
        rule
    }};
}

/// All that the rest of the house knows of this service.
pub fn service() -> Service {
    Service::new("logs", Denial::Json, operations())
        .with_tables(400, TABLES)
        .with_resource_types(resource::resource_types())
        .taking_events(|engine, context, entry| Box::pin(take(engine, context, entry)))
}

async fn take(engine: Engine, context: Context, entry: Entry) -> Result<()> {
    match &entry.event {
        Event::Timer { .. } => deliver_timer(&engine, context, entry).await,
        other => Err(unhandled(other)),
    }
}

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    let mut operations = group_operations();
    operations.extend(event_operations());
    operations.extend(filter_operations());
    operations.extend(query_operations());
    operations.extend(tag_operations());
    operations
}

fn group_operations() -> Vec<Operation> {
    vec![
        Operation::write::<CreateLogGroupInput, _>(
            "CreateLogGroup",
            |tx, context, input| {
                let needed =
                    group::access(tx, context, "logs:CreateLogGroup", &input.log_group_name)?;
                let tag = |access: Access, (key, value): (&String, &String)| {
                    access.condition(format!("aws:RequestTag/{key}"), value)
                };
                let tagged = |access| input.tags.iter().fold(access, tag);
                Ok(needed.into_iter().map(tagged).collect())
            },
            group::create,
        ),
        Operation::write(
            "DeleteLogGroup",
            on_group!(GroupInput, "DeleteLogGroup"),
            group::delete,
        ),
        Operation::read::<DescribeLogGroupsInput, _>(
            "DescribeLogGroups",
            |tx, context, _| group::access(tx, context, "logs:DescribeLogGroups", ""),
            group::describe,
        ),
        Operation::read::<ListLogGroupsInput, _>(
            "ListLogGroups",
            |tx, context, _| group::access(tx, context, "logs:ListLogGroups", ""),
            group::list,
        ),
        Operation::write::<DeletionProtectionInput, _>(
            "PutLogGroupDeletionProtection",
            |tx, context, input| {
                let name = group::name_of(&input.log_group_identifier);
                group::access(tx, context, "logs:PutLogGroupDeletionProtection", name)
            },
            group::protect,
        ),
        Operation::write(
            "PutRetentionPolicy",
            on_group!(RetentionInput, "PutRetentionPolicy"),
            sweep::put_retention,
        ),
        Operation::write(
            "DeleteRetentionPolicy",
            on_group!(GroupInput, "DeleteRetentionPolicy"),
            sweep::delete_retention,
        ),
        Operation::write::<KmsKeyInput, _>(
            "AssociateKmsKey",
            |tx, context, input| {
                let name = group::named(
                    input.log_group_name.as_deref(),
                    input.resource_identifier.as_deref(),
                )?;
                group::access(tx, context, "logs:AssociateKmsKey", &name)
            },
            group::associate_key,
        ),
        Operation::write::<KmsKeyInput, _>(
            "DisassociateKmsKey",
            |tx, context, input| {
                let name = group::named(
                    input.log_group_name.as_deref(),
                    input.resource_identifier.as_deref(),
                )?;
                group::access(tx, context, "logs:DisassociateKmsKey", &name)
            },
            group::disassociate_key,
        ),
    ]
}

fn event_operations() -> Vec<Operation> {
    let on_stream: AccessRule<StreamInput> = |tx, context, input| {
        let (group, stream) = (&input.log_group_name, &input.log_stream_name);
        group::stream_access(tx, context, "logs:CreateLogStream", group, stream)
    };
    vec![
        Operation::write("CreateLogStream", on_stream, stream::create),
        Operation::write::<StreamInput, _>(
            "DeleteLogStream",
            |tx, context, input| {
                let (group, stream) = (&input.log_group_name, &input.log_stream_name);
                group::stream_access(tx, context, "logs:DeleteLogStream", group, stream)
            },
            stream::delete,
        ),
        Operation::read::<DescribeLogStreamsInput, _>(
            "DescribeLogStreams",
            |tx, context, input| {
                let name = group::named(
                    input.log_group_name.as_deref(),
                    input.log_group_identifier.as_deref(),
                )?;
                group::access(tx, context, "logs:DescribeLogStreams", &name)
            },
            stream::describe,
        ),
        Operation::write::<PutLogEventsInput, _>(
            "PutLogEvents",
            |tx, context, input| {
                let (group, stream) = (&input.log_group_name, &input.log_stream_name);
                group::stream_access(tx, context, "logs:PutLogEvents", group, stream)
            },
            ingest::put,
        ),
        Operation::read::<GetLogEventsInput, _>(
            "GetLogEvents",
            |tx, context, input| {
                let name = group::named(
                    input.log_group_name.as_deref(),
                    input.log_group_identifier.as_deref(),
                )?;
                group::stream_access(
                    tx,
                    context,
                    "logs:GetLogEvents",
                    &name,
                    &input.log_stream_name,
                )
            },
            read::get,
        ),
        Operation::read::<FilterLogEventsInput, _>(
            "FilterLogEvents",
            |tx, context, input| {
                let name = group::named(
                    input.log_group_name.as_deref(),
                    input.log_group_identifier.as_deref(),
                )?;
                group::access(tx, context, "logs:FilterLogEvents", &name)
            },
            read::filter,
        ),
        Operation::read::<TestMetricFilterInput, _>(
            "TestMetricFilter",
            |_, _, _| Ok(vec![Access::new("logs:TestMetricFilter", "*")]),
            filter::test,
        ),
    ]
}

fn filter_operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "PutMetricFilter",
            on_group!(PutMetricFilterInput, "PutMetricFilter"),
            metric_filter::put,
        ),
        Operation::write(
            "DeleteMetricFilter",
            on_group!(FilterInput, "DeleteMetricFilter"),
            metric_filter::delete,
        ),
        Operation::read::<DescribeMetricFiltersInput, _>(
            "DescribeMetricFilters",
            |tx, context, input| {
                let group = input.log_group_name.as_deref().unwrap_or("*");
                group::access(tx, context, "logs:DescribeMetricFilters", group)
            },
            metric_filter::describe,
        ),
        Operation::write(
            "PutSubscriptionFilter",
            on_group!(PutSubscriptionFilterInput, "PutSubscriptionFilter"),
            subscription::put,
        ),
        Operation::write(
            "DeleteSubscriptionFilter",
            on_group!(FilterInput, "DeleteSubscriptionFilter"),
            subscription::delete,
        ),
        Operation::read(
            "DescribeSubscriptionFilters",
            on_group!(
                DescribeSubscriptionFiltersInput,
                "DescribeSubscriptionFilters"
            ),
            subscription::describe,
        ),
    ]
}

fn query_operations() -> Vec<Operation> {
    vec![
        Operation::write::<StartQueryInput, _>("StartQuery", query::start_access, query::start),
        Operation::edge("GetQueryResults", query::results),
        Operation::write::<QueryInput, _>(
            "StopQuery",
            |_, _, _| Ok(vec![Access::new("logs:StopQuery", "*")]),
            query::stop,
        ),
        Operation::read::<DescribeQueriesInput, _>(
            "DescribeQueries",
            |_, _, _| Ok(vec![Access::new("logs:DescribeQueries", "*")]),
            query::describe,
        ),
        Operation::read::<GetLogRecordInput, _>(
            "GetLogRecord",
            |_, _, _| Ok(vec![Access::new("logs:GetLogRecord", "*")]),
            query::record,
        ),
        Operation::read::<GetLogGroupFieldsInput, _>(
            "GetLogGroupFields",
            |tx, context, input| {
                let name = group::named(
                    input.log_group_name.as_deref(),
                    input.log_group_identifier.as_deref(),
                )?;
                group::access(tx, context, "logs:GetLogGroupFields", &name)
            },
            query::fields,
        ),
        Operation::write::<PutQueryDefinitionInput, _>(
            "PutQueryDefinition",
            |_, _, _| Ok(vec![Access::new("logs:PutQueryDefinition", "*")]),
            query_definition::put,
        ),
        Operation::read::<DescribeQueryDefinitionsInput, _>(
            "DescribeQueryDefinitions",
            |_, _, _| Ok(vec![Access::new("logs:DescribeQueryDefinitions", "*")]),
            query_definition::describe,
        ),
        Operation::write::<DeleteQueryDefinitionInput, _>(
            "DeleteQueryDefinition",
            |_, _, _| Ok(vec![Access::new("logs:DeleteQueryDefinition", "*")]),
            query_definition::delete,
        ),
    ]
}

fn tag_operations() -> Vec<Operation> {
    let tag: AccessRule<TagResourceInput> =
        |tx, context, input| tags::access(tx, context, "logs:TagResource", input);
    let untag: AccessRule<TagResourceInput> =
        |tx, context, input| tags::access(tx, context, "logs:UntagResource", input);
    let list: AccessRule<TagResourceInput> =
        |tx, context, input| tags::access(tx, context, "logs:ListTagsForResource", input);
    vec![
        Operation::write(
            "TagLogGroup",
            on_group!(TagLogGroupInput, "TagLogGroup"),
            tags::tag_group,
        ),
        Operation::write(
            "UntagLogGroup",
            on_group!(UntagLogGroupInput, "UntagLogGroup"),
            tags::untag_group,
        ),
        Operation::read(
            "ListTagsLogGroup",
            on_group!(GroupInput, "ListTagsLogGroup"),
            tags::list_of_group,
        ),
        Operation::write("TagResource", tag, tags::tag),
        Operation::write("UntagResource", untag, tags::untag),
        Operation::read("ListTagsForResource", list, tags::list_of),
    ]
}

/// A line for a log stream: when (milliseconds since the epoch), and what.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    pub timestamp_ms: i64,
    pub message: String,
}

/// Appends lines as the context's principal, making group and stream where they are missing; each step
/// needs its permission (logs:CreateLogGroup, logs:CreateLogStream, logs:PutLogEvents).
pub fn append(
    tx: &mut Tx<'_>,
    context: &Context,
    group: &str,
    stream: &str,
    lines: &[LogLine],
) -> Result<()> {
    ingest::append(tx, context, group, stream, lines)
}

/// What a subscription filter's function is given.
#[derive(Debug)]
pub struct SubscriptionMessage {
    pub payload: Value,
    pub event_count: usize,
    /// Logs as a principal, without its region and with it: a function may admit either.
    pub callers: [Context; 2],
}

/// What is to be given of an arrival (see [`Event::LogsArrived`]); none where there is nothing left to give.
pub fn subscription_message(
    tx: &Tx<'_>,
    context: &Context,
    arrival: &Event,
) -> Result<Option<SubscriptionMessage>> {
    let Event::LogsArrived {
        account,
        region,
        group,
        stream,
        filter,
        first,
        last,
        ..
    } = arrival
    else {
        return Err(unhandled(arrival));
    };
    let context = context.located(account, region);
    let place = |&(time_ms, sequence): &(i64, u64)| Place { time_ms, sequence };
    let bounds = (place(first), place(last));
    let message = subscription::message(tx, &context, (group, stream, filter), bounds)?;
    Ok(message.map(|(payload, event_count)| SubscriptionMessage {
        payload,
        event_count,
        callers: subscription::as_logs(&context, group),
    }))
}

/// Removes what only time removes.
pub async fn deliver_timer(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    sweep::deliver(engine, context, entry).await
}
