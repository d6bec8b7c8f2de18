//! Functions as actions of alarms: invoked asynchronously, as CloudWatch's service principal.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html>

use cumulet_cloudwatch as cloudwatch;
use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Event;
use cumulet_kernel::outbox::{self, Entry};

const SERVICE: &str = "lambda.alarms.cloudwatch.amazonaws.com";

/// The invocation, what the alarm's history says of it and the end of the entry are one commit.
pub(super) async fn deliver(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let Event::AlarmAction {
        alarm_arn,
        action_arn,
        payload,
    } = entry.event.clone()
    else {
        return Err(Error::internal("not an alarm's action"));
    };
    engine
        .write(move |tx| {
            outbox::finish(tx, entry.id)?;
            let arn =
                Arn::parse(&alarm_arn).ok_or_else(|| Error::internal("not an alarm's ARN"))?;
            let own = context.located(arn.account, arn.region);
            let service = own.as_service(SERVICE, &alarm_arn, arn.account);
            let payload = payload.to_string();
            let invoked = super::invoke_later(tx, &service, &action_arn, payload.as_bytes());
            let outcome = invoked.map(drop).map_err(|error| error.to_string());
            let name = arn.resource.trim_start_matches("alarm:");
            cloudwatch::record_alarm_action(tx, &own, name, &action_arn, outcome)
        })
        .await
}
