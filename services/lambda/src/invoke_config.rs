//! How asynchronous invocations of a function, version or alias are retried, and who hears of the end.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use serde_json::{Map, Value, json};

use super::api::{
    Destination, DestinationConfig, FunctionInput, InvokeConfigInput, InvokeConfiguration,
    ListInvokeConfigsOutput, ListPartsInput,
};
use super::function::whole;
use super::name::{FunctionName, LATEST, is_version_number};
use super::state::{INVOKE_CONFIGS, InvokeConfigRecord, part_key};
use super::{configuration, errors, page, resolve};

const RETRIES_DEFAULT: u32 = 2;
const EVENT_AGE_S_DEFAULT: u32 = 21_600;

impl InvokeConfigRecord {
    pub(super) fn retries(&self) -> u32 {
        self.maximum_retry_attempts.unwrap_or(RETRIES_DEFAULT)
    }

    pub(super) fn event_age_s(&self) -> i64 {
        i64::from(self.maximum_event_age_s.unwrap_or(EVENT_AGE_S_DEFAULT))
    }

    fn blank(qualifier: &str) -> Self {
        Self {
            qualifier: qualifier.to_owned(),
            last_modified: cumulet_kernel::Timestamp::default(),
            maximum_retry_attempts: None,
            maximum_event_age_s: None,
            on_success: None,
            on_failure: None,
            has_destinations: false,
        }
    }
}

/// What is in effect for the name's qualifier.
pub(super) fn in_effect(tx: &Tx<'_>, name: &FunctionName) -> Result<InvokeConfigRecord> {
    let qualifier = name.qualifier_or_latest();
    let stored = tx.load(INVOKE_CONFIGS, part_key(name, qualifier))?;
    Ok(stored.unwrap_or_else(|| InvokeConfigRecord::blank(qualifier)))
}

pub(super) fn put(
    tx: &mut Tx<'_>,
    context: &Context,
    input: InvokeConfigInput,
) -> Result<InvokeConfiguration> {
    let name = FunctionName::qualified(context, &input.function_name, input.qualifier.as_deref())?;
    if input.maximum_retry_attempts.is_none()
        && input.maximum_event_age_in_seconds.is_none()
        && input.destination_config.is_none()
    {
        return Err(errors::invalid(
            "You must specify at least one of error handling or destination setting.",
        ));
    }
    check_exists(tx, &name)?;
    let blank = InvokeConfigRecord::blank(name.qualifier_or_latest());
    save(tx, context, &name, blank, input)
}

pub(super) fn update(
    tx: &mut Tx<'_>,
    context: &Context,
    input: InvokeConfigInput,
) -> Result<InvokeConfiguration> {
    let name = FunctionName::qualified(context, &input.function_name, input.qualifier.as_deref())?;
    let record = stored(tx, &name)?;
    save(tx, context, &name, record, input)
}

fn save(
    tx: &mut Tx<'_>,
    context: &Context,
    name: &FunctionName,
    mut record: InvokeConfigRecord,
    input: InvokeConfigInput,
) -> Result<InvokeConfiguration> {
    record.maximum_retry_attempts = input
        .maximum_retry_attempts
        .or(record.maximum_retry_attempts);
    record.maximum_event_age_s = input
        .maximum_event_age_in_seconds
        .or(record.maximum_event_age_s);
    if let Some(destinations) = input.destination_config {
        record.on_success = destination(
            tx,
            context,
            name,
            &destinations,
            destinations.on_success.as_ref(),
        )?;
        record.on_failure = destination(
            tx,
            context,
            name,
            &destinations,
            destinations.on_failure.as_ref(),
        )?;
        record.has_destinations = true;
    }
    record.last_modified = context.now;
    tx.save(INVOKE_CONFIGS, part_key(name, &record.qualifier), &record)?;
    Ok(answer(name, &record))
}

fn destination(
    tx: &Tx<'_>,
    context: &Context,
    name: &FunctionName,
    all: &DestinationConfig,
    one: Option<&Destination>,
) -> Result<Option<String>> {
    let Some(arn) = one
        .and_then(|one| one.destination.as_deref())
        .filter(|arn| !arn.is_empty())
    else {
        return Ok(None);
    };
    let service = arn.split(':').nth(2).unwrap_or_default();
    if !["lambda", "sqs", "sns", "events", "s3"].contains(&service) {
        return Err(errors::invalid(format!(
            "The provided destination config {} is invalid.",
            told(all)
        )));
    }
    configuration::check_queue_target(arn)?;
    if service == "lambda" {
        check_function_destination(tx, context, name, arn)?;
    }
    Ok(Some(arn.to_owned()))
}

fn check_function_destination(
    tx: &Tx<'_>,
    context: &Context,
    name: &FunctionName,
    arn: &str,
) -> Result<()> {
    let target = FunctionName::parse(context, arn)?;
    if target.name == name.name && target.account == name.account {
        return Err(errors::invalid(
            "You can't specify the function as a destination for itself.",
        ));
    }
    resolve::qualified(tx, &target)
        .map(drop)
        .map_err(|_| errors::invalid(format!("The destination ARN {arn} is invalid.")))
}

/// As Java's toString tells it in the message.
fn told(config: &DestinationConfig) -> String {
    let one = |kind: &str, one: Option<&Destination>| match one
        .and_then(|one| one.destination.as_deref())
    {
        Some(arn) => format!("{kind}(destination={arn})"),
        None => "null".to_owned(),
    };
    format!(
        "DestinationConfig(onSuccess={}, onFailure={})",
        one("OnSuccess", config.on_success.as_ref()),
        one("OnFailure", config.on_failure.as_ref())
    )
}

fn check_exists(tx: &Tx<'_>, name: &FunctionName) -> Result<()> {
    let qualifier = name.qualifier_or_latest();
    if resolve::function(tx, name).is_err() {
        return Err(errors::missing("The function doesn't exist."));
    }
    if qualifier == LATEST
        || is_version_number(qualifier)
        || resolve::alias(tx, name, qualifier)?.is_some()
    {
        return resolve::qualified(tx, name)
            .map(drop)
            .map_err(|_| errors::missing("The function doesn't exist."));
    }
    Err(errors::missing("The function doesn't exist."))
}

fn stored(tx: &Tx<'_>, name: &FunctionName) -> Result<InvokeConfigRecord> {
    let qualifier = name.qualifier_or_latest();
    tx.load(INVOKE_CONFIGS, part_key(name, qualifier))?
        .ok_or_else(|| {
            let arn = name.arn_of(qualifier);
            errors::missing(format!(
                "The function {arn} doesn't have an EventInvokeConfig"
            ))
        })
}

pub(super) fn get(
    tx: &mut Tx<'_>,
    context: &Context,
    input: FunctionInput,
) -> Result<InvokeConfiguration> {
    let name = FunctionName::qualified(context, &input.function_name, input.qualifier.as_deref())?;
    Ok(answer(&name, &stored(tx, &name)?))
}

pub(super) fn delete(tx: &mut Tx<'_>, context: &Context, input: FunctionInput) -> Result<Value> {
    let name = FunctionName::qualified(context, &input.function_name, input.qualifier.as_deref())?;
    stored(tx, &name)?;
    tx.delete(INVOKE_CONFIGS, part_key(&name, name.qualifier_or_latest()))?;
    Ok(Value::Object(Map::new()))
}

pub(super) fn list(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListPartsInput,
) -> Result<ListInvokeConfigsOutput> {
    let name = whole(context, &input.function_name)?;
    if resolve::function(tx, &name).is_err() {
        return Err(errors::missing("The function doesn't exist."));
    }
    let page = page::of::<InvokeConfigRecord>(
        tx,
        INVOKE_CONFIGS,
        &name.key(),
        input.marker.as_deref(),
        input.max_items,
    )?;
    Ok(ListInvokeConfigsOutput {
        function_event_invoke_configs: page
            .records
            .iter()
            .map(|(_, record)| answer(&name, record))
            .collect(),
        next_marker: page.next,
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds fit a double for 285,000 years"
)]
fn answer(name: &FunctionName, record: &InvokeConfigRecord) -> InvokeConfiguration {
    let one = |arn: &Option<String>| match arn {
        Some(arn) => json!({ "Destination": arn }),
        None => json!({}),
    };
    InvokeConfiguration {
        last_modified: record.last_modified.0 as f64 / 1000.0,
        function_arn: name.arn_of(&record.qualifier),
        maximum_retry_attempts: record.maximum_retry_attempts,
        maximum_event_age_in_seconds: record.maximum_event_age_s,
        destination_config: json!({
            "OnSuccess": one(&record.on_success),
            "OnFailure": one(&record.on_failure),
        }),
    }
}
