//! The operations on event source mappings.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html> and its siblings.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::{AccessRule, Operation};
use cumulet_identity::iam;
use cumulet_kernel::Tx;
use cumulet_kernel::store::Direction;

use super::super::api::{
    Destination, DestinationConfig, Filter, FilterCriteria, ListMappingsInput, ListMappingsOutput,
    MappingConfiguration, MappingIdInput, MappingInput, ScalingConfig,
};
use super::super::name::FunctionName;
use super::super::run::as_role;
use super::super::state::{
    MAPPING_PLACES, MAPPINGS, MappingRecord, MappingState, PlaceRecord, VersionRecord, mapping_key,
    region_prefix,
};
use super::super::{configuration, errors, page, resolve};
use super::{NO_RECORDS, filter, poll_soon};

const QUEUE_BATCH_MAX: u32 = 10_000;
const FIFO_BATCH_MAX: u32 = 10;
const STREAM_BATCH_DEFAULT: u32 = 100;
const QUEUE_BATCH_DEFAULT: u32 = 10;
const REPORTS_ITEMS: &str = "ReportBatchItemFailures";

/// What a mapping reads from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Queue,
    Stream,
}

fn source(arn: &str) -> Result<Source> {
    match Arn::parse(arn) {
        Some(arn) if arn.service == "sqs" => Ok(Source::Queue),
        Some(arn) if arn.service == "dynamodb" && arn.resource.contains("/stream/") => {
            Ok(Source::Stream)
        }
        Some(arn) if ["kinesis", "kafka", "mq", "rds"].contains(&arn.service) => {
            let what = format!("lambda: event sources of {}", arn.service);
            Err(Error::not_implemented(what))
        }
        _ => Err(errors::invalid("Unrecognized event source.")),
    }
}

/// The rows of the OPERATIONS table.
pub(in super::super) fn operations() -> Vec<Operation> {
    let may_change: AccessRule<MappingInput> = |tx, context, input| {
        let id = input.uuid.as_deref().unwrap_or_default();
        access_to(tx, context, "lambda:UpdateEventSourceMapping", id)
    };
    let may_read: AccessRule<MappingIdInput> =
        |tx, context, input| access_to(tx, context, "lambda:GetEventSourceMapping", &input.uuid);
    let may_delete: AccessRule<MappingIdInput> =
        |tx, context, input| access_to(tx, context, "lambda:DeleteEventSourceMapping", &input.uuid);
    let may_list: AccessRule<ListMappingsInput> =
        |_, _, _| Ok(vec![Access::new("lambda:ListEventSourceMappings", "*")]);
    vec![
        Operation::write("CreateEventSourceMapping", create_access, create),
        Operation::write("UpdateEventSourceMapping", may_change, update),
        Operation::read("GetEventSourceMapping", may_read, get),
        Operation::write("DeleteEventSourceMapping", may_delete, delete),
        Operation::read("ListEventSourceMappings", may_list, list),
    ]
}

/// The permission to make a mapping, which policies restrict by the function.
fn create_access(_tx: &Tx<'_>, context: &Context, input: &MappingInput) -> Result<Vec<Access>> {
    let function = input.function_name.as_deref().unwrap_or_default();
    let name = FunctionName::parse(context, function)?;
    let mut access = Access::new("lambda:CreateEventSourceMapping", "*")
        .condition("lambda:FunctionArn", name.asked_arn());
    for (key, value) in &input.tags {
        access = access.condition(format!("aws:RequestTag/{key}"), value);
    }
    Ok(vec![access])
}

/// The permission for `action` on one mapping.
fn access_to(tx: &Tx<'_>, context: &Context, action: &str, id: &str) -> Result<Vec<Access>> {
    let arn = mapping_arn(&context.account, &context.region, id);
    let mut access = Access::new(action, arn);
    if let Some(record) = stored(tx, context, id)? {
        access = access.condition("lambda:FunctionArn", record.function_arn);
        for (key, value) in &record.tags {
            access = access.condition(format!("aws:ResourceTag/{key}"), value);
        }
    }
    Ok(vec![access])
}

fn stored(tx: &Tx<'_>, context: &Context, id: &str) -> Result<Option<MappingRecord>> {
    Ok(tx.load(MAPPINGS, mapping_key(&context.account, &context.region, id))?)
}

fn existing(tx: &Tx<'_>, context: &Context, id: &str) -> Result<MappingRecord> {
    stored(tx, context, id)?
        .ok_or_else(|| errors::missing("The resource you requested does not exist."))
}

fn create(tx: &mut Tx<'_>, context: &Context, input: MappingInput) -> Result<MappingConfiguration> {
    refuse_what_is_not_built(&input)?;
    let source_arn = input
        .event_source_arn
        .clone()
        .ok_or_else(|| errors::invalid("Unrecognized event source."))?;
    let kind = source(&source_arn)?;
    let function = input.function_name.as_deref().unwrap_or_default();
    let name = FunctionName::parse(context, function)?;
    let version = resolve::qualified(tx, &name)?;
    refuse_twice(tx, context, kind, &source_arn, &name)?;
    let blank = MappingRecord {
        account: context.account.to_string(),
        region: context.region.to_string(),
        id: context.ids.uuid(),
        source_arn,
        function_arn: name.asked_arn(),
        state: MappingState::Creating,
        enabled: true,
        batch_size: match kind {
            Source::Queue => QUEUE_BATCH_DEFAULT,
            Source::Stream => STREAM_BATCH_DEFAULT,
        },
        window_s: 0,
        filters: Vec::new(),
        reports_items: false,
        concurrency_max: None,
        starting_position: starting_position(kind, &input)?,
        bisects: false,
        retries_max: None,
        record_age_s_max: None,
        on_failure: None,
        tags: input.tags.clone(),
        last_modified: context.now,
    };
    let record = changed(blank, kind, input)?;
    check_source(tx, context, kind, &record, &name, &version)?;
    let place = PlaceRecord {
        last_result: NO_RECORDS.into(),
        after: beginning(tx, context, &record, &name, &version)?,
        ..PlaceRecord::default()
    };
    tx.save(MAPPING_PLACES, key(&record), &place)?;
    tx.save(MAPPINGS, key(&record), &record)?;
    poll_soon(tx, &record, context.now)?;
    answer(tx, &record)
}

fn key(record: &MappingRecord) -> cumulet_kernel::Key {
    mapping_key(&record.account, &record.region, &record.id)
}

fn refuse_what_is_not_built(input: &MappingInput) -> Result<()> {
    let asked = [
        ("KMSKeyArn of mappings", input.kms_key_arn.is_some()),
        ("MetricsConfig", input.metrics_config.is_some()),
        ("LoggingConfig of mappings", input.logging_config.is_some()),
        (
            "ParallelizationFactor above 1",
            input
                .parallelization_factor
                .is_some_and(|factor| factor > 1),
        ),
        (
            "tumbling windows",
            input
                .tumbling_window_in_seconds
                .is_some_and(|window_s| window_s > 0),
        ),
        (
            "self-managed sources",
            input.self_managed_event_source.is_some(),
        ),
        (
            "ProvisionedPollerConfig",
            input.provisioned_poller_config.is_some(),
        ),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        Some((what, _)) => Err(Error::not_implemented(format!("lambda: {what}"))),
        None => Ok(()),
    }
}

fn starting_position(kind: Source, input: &MappingInput) -> Result<Option<String>> {
    match (kind, input.starting_position.as_deref()) {
        (Source::Queue, None) => Ok(None),
        (Source::Queue, Some(_)) => Err(errors::invalid(
            "StartingPosition is not valid for SQS event sources.",
        )),
        (Source::Stream, Some(position @ ("LATEST" | "TRIM_HORIZON"))) => Ok(Some(position.into())),
        (Source::Stream, None) => Err(errors::invalid(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
        )),
        (Source::Stream, Some(_)) => {
            let arn = input.event_source_arn.as_deref().unwrap_or_default();
            let message = format!("Unsupported starting position for arn type: {arn}");
            Err(errors::invalid(message))
        }
    }
}

/// One queue and one function have one mapping; likewise streams.
fn refuse_twice(
    tx: &Tx<'_>,
    context: &Context,
    kind: Source,
    source_arn: &str,
    name: &FunctionName,
) -> Result<()> {
    let same = all(tx, context)?
        .into_iter()
        .find(|record| record.source_arn == source_arn && record.function_arn == name.asked_arn());
    let Some(same) = same else { return Ok(()) };
    let (function, id) = (&name.name, &same.id);
    Err(errors::conflict(match kind {
        Source::Queue => format!(
            "An event source mapping with SQS arn (\" {source_arn} \") and function (\" {function} \") already exists. Please update or delete the existing mapping with UUID {id}"
        ),
        Source::Stream => format!(
            "The event source arn (\" {source_arn} \") and function (\" {function} \") provided mapping already exists. Please update or delete the existing mapping with UUID {id}"
        ),
    }))
}

fn all(tx: &Tx<'_>, context: &Context) -> Result<Vec<MappingRecord>> {
    let prefix = region_prefix(&context.account, &context.region);
    let mut records = Vec::new();
    for pair in tx.prefix(MAPPINGS, prefix, Direction::Forward)? {
        records.push(cumulet_kernel::store::decode(&pair?.1)?);
    }
    Ok(records)
}

/// The record with what the input gives, checked.
fn changed(mut record: MappingRecord, kind: Source, input: MappingInput) -> Result<MappingRecord> {
    record.enabled = input.enabled.unwrap_or(record.enabled);
    record.batch_size = input.batch_size.unwrap_or(record.batch_size);
    record.window_s = input
        .maximum_batching_window_in_seconds
        .unwrap_or(record.window_s);
    if let Some(criteria) = input.filter_criteria {
        let patterns = criteria.filters.unwrap_or_default().into_iter();
        record.filters = patterns.filter_map(|filter| filter.pattern).collect();
    }
    if let Some(types) = input.function_response_types {
        record.reports_items = types.iter().any(|each| each == REPORTS_ITEMS);
    }
    if let Some(scaling) = input.scaling_config {
        record.concurrency_max = scaling.maximum_concurrency;
    }
    record.bisects = input
        .bisect_batch_on_function_error
        .unwrap_or(record.bisects);
    let bounded = |value: i64| u32::try_from(value).ok();
    if let Some(attempts) = input.maximum_retry_attempts {
        record.retries_max = bounded(attempts);
    }
    if let Some(age_s) = input.maximum_record_age_in_seconds {
        record.record_age_s_max = bounded(age_s);
    }
    if let Some(destinations) = input.destination_config {
        record.on_failure = failure_target(kind, &destinations)?;
    }
    check_batches(kind, &record)?;
    Ok(record)
}

fn failure_target(kind: Source, destinations: &DestinationConfig) -> Result<Option<String>> {
    let target = destinations
        .on_failure
        .as_ref()
        .and_then(|target| target.destination.clone())
        .filter(|arn| !arn.is_empty());
    if kind == Source::Queue || destinations.on_success.is_some() {
        return Err(errors::invalid(
            "Unsupported DestinationConfig parameter for given event source mapping type.",
        ));
    }
    if let Some(arn) = &target {
        configuration::check_queue_target(arn)?;
    }
    Ok(target)
}

fn check_batches(kind: Source, record: &MappingRecord) -> Result<()> {
    let fifo = record.source_arn.ends_with(".fifo");
    if kind == Source::Queue && record.batch_size > 10 && record.window_s == 0 && !fifo {
        return Err(errors::invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ));
    }
    if fifo && record.window_s > 0 {
        return Err(errors::invalid(
            "Batching window is not supported for FIFO queues.",
        ));
    }
    let most = if fifo {
        FIFO_BATCH_MAX
    } else {
        QUEUE_BATCH_MAX
    };
    if record.batch_size > most {
        return Err(errors::invalid(format!(
            "The batch size {} is greater than the maximum of {most} for this event source.",
            record.batch_size
        )));
    }
    if !record
        .filters
        .iter()
        .all(|pattern| filter::is_valid(pattern))
    {
        return Err(errors::invalid("Invalid filter pattern definition."));
    }
    Ok(())
}

/// Whether the source is there and the function's role may read it.
fn check_source(
    tx: &mut Tx<'_>,
    context: &Context,
    kind: Source,
    record: &MappingRecord,
    name: &FunctionName,
    version: &VersionRecord,
) -> Result<()> {
    let role = as_role(tx, context, name, version)?.through("lambda");
    match kind {
        Source::Queue => {
            refuse_role(tx, &role, &record.source_arn, &QUEUE_ACTIONS, |action| {
                let action = action.trim_start_matches("sqs:");
                format!(
                    "The provided execution role does not have permissions to call {action} on SQS"
                )
            })?;
            let expected = cumulet_sqs::expected(tx, &record.source_arn, context.now, 0)?;
            let expected = expected.ok_or_else(|| errors::invalid(
                "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.",
            ))?;
            if expected.visibility_timeout_s < version.timeout_s {
                return Err(errors::invalid(format!(
                    "Queue visibility timeout: {} seconds is less than Function timeout: {} seconds",
                    expected.visibility_timeout_s, version.timeout_s
                )));
            }
            Ok(())
        }
        Source::Stream => {
            let arn = &record.source_arn;
            refuse_role(tx, &role, arn, &STREAM_ACTIONS, |_| {
                format!(
                    "Cannot access stream {arn}. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM."
                )
            })?;
            cumulet_dynamodb::last_change(tx, &role, arn)
                .map(drop)
                .map_err(|_| errors::invalid(format!("Stream not found: {arn}")))
        }
    }
}

const QUEUE_ACTIONS: [&str; 3] = [
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
];
const STREAM_ACTIONS: [&str; 3] = [
    "dynamodb:DescribeStream",
    "dynamodb:GetShardIterator",
    "dynamodb:GetRecords",
];

fn refuse_role(
    tx: &Tx<'_>,
    role: &Context,
    resource: &str,
    actions: &[&str],
    refusal: impl Fn(&str) -> String,
) -> Result<()> {
    for action in actions {
        iam::authorise(tx, role, &[Access::new(*action, resource)])
            .map_err(|_| errors::invalid(refusal(action)))?;
    }
    Ok(())
}

/// Where a stream is read from.
fn beginning(
    tx: &Tx<'_>,
    context: &Context,
    record: &MappingRecord,
    name: &FunctionName,
    version: &VersionRecord,
) -> Result<Option<String>> {
    if record.starting_position.as_deref() != Some("LATEST") {
        return Ok(None);
    }
    let role = as_role(tx, context, name, version)?;
    cumulet_dynamodb::last_change(tx, &role, &record.source_arn)
}

fn get(tx: &mut Tx<'_>, context: &Context, input: MappingIdInput) -> Result<MappingConfiguration> {
    let record = existing(tx, context, &input.uuid)?;
    answer(tx, &record)
}

fn list(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListMappingsInput,
) -> Result<ListMappingsOutput> {
    let function = input
        .function_name
        .as_deref()
        .map(|name| FunctionName::parse(context, name))
        .transpose()?;
    let prefix = region_prefix(&context.account, &context.region);
    let wanted = |record: &MappingRecord| {
        let source = input.event_source_arn.as_deref();
        source.is_none_or(|arn| arn == record.source_arn)
            && function
                .as_ref()
                .is_none_or(|name| name.asked_arn() == record.function_arn)
    };
    let page = page::of::<MappingRecord>(
        tx,
        MAPPINGS,
        &prefix,
        input.marker.as_deref(),
        input.max_items,
    )?;
    let records = page.records.iter().map(|(_, record)| record);
    let event_source_mappings = records
        .filter(|record| wanted(record))
        .map(|record| answer(tx, record))
        .collect::<Result<_>>()?;
    Ok(ListMappingsOutput {
        next_marker: page.next,
        event_source_mappings,
    })
}

fn update(tx: &mut Tx<'_>, context: &Context, input: MappingInput) -> Result<MappingConfiguration> {
    refuse_what_is_not_built(&input)?;
    let id = input.uuid.clone().unwrap_or_default();
    let mut record = existing(tx, context, &id)?;
    if record.state == MappingState::Deleting {
        return Err(in_use("Deleting"));
    }
    let kind = source(&record.source_arn)?;
    if let Some(function) = &input.function_name {
        record.function_arn = FunctionName::parse(context, function)?.asked_arn();
    }
    let name = FunctionName::parse(context, &record.function_arn)?;
    let version = resolve::qualified(tx, &name)?;
    let mut record = changed(record, kind, input)?;
    check_source(tx, context, kind, &record, &name, &version)?;
    record.state = MappingState::Updating;
    record.last_modified = context.now;
    tx.save(MAPPINGS, key(&record), &record)?;
    poll_soon(tx, &record, context.now)?;
    answer(tx, &record)
}

fn in_use(state: &str) -> Error {
    Error::new(
        "ResourceInUseException",
        format!("Cannot update the event source mapping because it is in use. ({state})"),
    )
    .status(400)
    .member("Type", "User")
}

fn delete(
    tx: &mut Tx<'_>,
    context: &Context,
    input: MappingIdInput,
) -> Result<MappingConfiguration> {
    let mut record = existing(tx, context, &input.uuid)?;
    record.state = MappingState::Deleting;
    tx.save(MAPPINGS, key(&record), &record)?;
    poll_soon(tx, &record, context.now)?;
    answer(tx, &record)
}

fn mapping_arn(account: &str, region: &str, id: &str) -> String {
    format!("arn:aws:lambda:{region}:{account}:event-source-mapping:{id}")
}

fn answer(tx: &Tx<'_>, record: &MappingRecord) -> Result<MappingConfiguration> {
    let place: PlaceRecord = tx.load(MAPPING_PLACES, key(record))?.unwrap_or_default();
    let streaming = record.starting_position.is_some();
    let filters = record.filters.iter().map(|pattern| Filter {
        pattern: pattern.clone(),
    });
    let unbounded = |bound: Option<u32>| Some(bound.map_or(-1, i64::from));
    Ok(MappingConfiguration {
        uuid: record.id.clone(),
        starting_position: record.starting_position.clone(),
        batch_size: record.batch_size,
        maximum_batching_window_in_seconds: record.window_s,
        parallelization_factor: streaming.then_some(1),
        event_source_arn: record.source_arn.clone(),
        filter_criteria: (!record.filters.is_empty()).then(|| FilterCriteria {
            filters: filters.collect(),
        }),
        scaling_config: record.concurrency_max.map(|most| ScalingConfig {
            maximum_concurrency: Some(most),
        }),
        function_arn: record.function_arn.clone(),
        last_modified: epoch_seconds(record.last_modified),
        last_processing_result: streaming.then_some(place.last_result),
        state: state_name(record.state),
        state_transition_reason: if streaming {
            "User action"
        } else {
            "USER_INITIATED"
        },
        destination_config: streaming.then(|| DestinationConfig {
            on_success: None,
            on_failure: Some(Destination {
                destination: record.on_failure.clone(),
            })
            .filter(|target| target.destination.is_some()),
        }),
        maximum_record_age_in_seconds: unbounded(record.record_age_s_max).filter(|_| streaming),
        bisect_batch_on_function_error: streaming.then_some(record.bisects),
        maximum_retry_attempts: unbounded(record.retries_max).filter(|_| streaming),
        tumbling_window_in_seconds: streaming.then_some(0),
        function_response_types: if record.reports_items {
            vec![REPORTS_ITEMS]
        } else {
            Vec::new()
        },
        event_source_mapping_arn: mapping_arn(&record.account, &record.region, &record.id),
    })
}

fn state_name(state: MappingState) -> &'static str {
    match state {
        MappingState::Creating => "Creating",
        MappingState::Enabled => "Enabled",
        MappingState::Disabled => "Disabled",
        MappingState::Updating => "Updating",
        MappingState::Deleting => "Deleting",
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 are below 2^53"
)]
fn epoch_seconds(time: cumulet_kernel::Timestamp) -> f64 {
    time.milliseconds() as f64 / 1000.0
}
