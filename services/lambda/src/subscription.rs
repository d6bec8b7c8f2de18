//! Functions that subscribe to log groups: invoked asynchronously, as CloudWatch Logs' service principal.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html>

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::meter::{Measure, Owner};
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::{Event, Tx};
use cumulet_logs::{self as logs, SubscriptionMessage};

/// The invocation and the end of the entry are one commit. A function that no longer lets Logs in, or is
/// gone, gets nothing: that is counted as a delivery error and not tried again.
pub(super) async fn deliver(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    engine
        .write(move |tx| {
            outbox::finish(tx, entry.id)?;
            let Event::LogsArrived {
                destination_arn,
                group,
                filter,
                ..
            } = &entry.event
            else {
                return Err(Error::internal("no logs have arrived"));
            };
            let message = logs::subscription_message(tx, &context, &entry.event)?;
            let Some(message) = message else {
                return Ok(());
            };
            let payload = message.payload.to_string();
            let outcome = invoke(tx, &message.callers, destination_arn, payload.as_bytes());
            let metric = match &outcome {
                Ok(()) => "ForwardedLogEvents",
                Err(error) if error.status >= 500 => return outcome,
                Err(error) => {
                    context.trace.note("undelivered", error.message.clone());
                    "DeliveryErrors"
                }
            };
            measure(&message, metric, (group, filter));
            Ok(())
        })
        .await
}

fn invoke(
    tx: &mut Tx<'_>,
    [global, regional]: &[Context; 2],
    function: &str,
    payload: &[u8],
) -> Result<()> {
    match super::invoke_later(tx, global, function, payload) {
        Err(error) if error.is_access_denied() => {
            super::invoke_later(tx, regional, function, payload).map(drop)
        }
        outcome => outcome.map(drop),
    }
}

fn measure(message: &SubscriptionMessage, metric: &'static str, (group, filter): (&str, &str)) {
    let context = &message.callers[0];
    let owner = Owner {
        account: &context.account,
        region: &context.region,
    };
    let dimensions = [
        ("DestinationType", "Lambda"),
        ("FilterName", filter),
        ("LogGroupName", group),
    ];
    let measure = Measure {
        metric,
        value: message.event_count as f64,
        unit: "Count",
    };
    context
        .meter
        .publish(owner, context.now, "AWS/Logs", &dimensions, &[measure]);
}
