//! Wait conditions: a deployment that waits for word from outside, sent by PUT to the handle's address.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-waitcondition.html>

use cumulet_engine::error::{Error, Result};
use cumulet_engine::provider::{Outcome, Provider, ResourceCall};
use cumulet_kernel::{Timestamp, Tx};
use serde_json::{Map, Value, json};

use super::custom::RESPONSE_PATH;
use super::state::{self, Handle, Signal};
use super::template::functions::text;
use super::waking::wake;

/// What AWS takes where the template gives no Timeout; it is at most twelve hours.
const TIMEOUT_S_MAX: i64 = 43_200;

pub(super) fn wait_types() -> Vec<Provider> {
    let condition = Provider::new(
        "AWS::CloudFormation::WaitCondition",
        &["Count", "Handle", "Timeout"],
        create_condition,
        unchanging,
        delete_condition,
    );
    let handle = Provider::new(
        "AWS::CloudFormation::WaitConditionHandle",
        &[],
        create_handle,
        unchanging,
        delete_handle,
    );
    vec![condition.stabilised_by(signalled), handle]
}

/// The handle's `Ref` is the address that signals are sent to.
fn create_handle(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let token = call.context.ids.hex(64);
    let handle = Handle {
        stack_id: call.stack.id.clone(),
        ..Handle::default()
    };
    state::save_handle(call.tx, &token, &handle)?;
    let url = format!("{}{RESPONSE_PATH}{token}", call.context.endpoint);
    call.attribute("Id", url.as_str());
    call.identify(url);
    Ok(Outcome::Done)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a handler answers as all handlers do"
)]
fn unchanging(_call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    Ok(Outcome::Done)
}

fn delete_handle(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let token = token_of(&call.physical_id).to_owned();
    state::forget_handle(call.tx, &token)?;
    Ok(Outcome::Done)
}

fn token_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

fn number(call: &ResourceCall<'_, '_>, name: &str) -> Option<i64> {
    call.property(name).and_then(text)?.parse().ok()
}

fn create_condition(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let token = token_of(call.text("Handle")).to_owned();
    if state::handle(call.tx, &token)?.is_none() {
        return Err(Error::new(
            "InvalidRequest",
            "Handle must be the Ref of a WaitConditionHandle that stands",
        ));
    }
    let timeout_s = number(call, "Timeout").unwrap_or(TIMEOUT_S_MAX);
    let deadline = call.context.now.plus_s(timeout_s.min(TIMEOUT_S_MAX));
    let id = call.generated_name(128);
    call.attribute("Id", id.as_str());
    call.identify(id);
    call.journal = json!({ "token": token, "deadline_ms": deadline.0 });
    signalled(call)
}

/// Enough signals, one that says FAILURE, or the end of the time.
fn signalled(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let token = call.journal["token"].as_str().unwrap_or_default();
    let signals = state::handle(call.tx, token)?.unwrap_or_default().signals;
    if let Some((id, failed)) = signals.iter().find(|(_, signal)| !signal.succeeded) {
        let reason = &failed.reason;
        let message =
            format!("WaitCondition received failed message: '{reason}' for uniqueId: {id}");
        return Err(Error::new("GeneralServiceException", message));
    }
    let expected = usize::try_from(number(call, "Count").unwrap_or(1)).unwrap_or(1);
    if signals.len() >= expected {
        let data = signals
            .iter()
            .map(|(id, signal)| (id.clone(), signal.data.clone().into()));
        let data = Value::Object(data.collect::<Map<_, _>>()).to_string();
        call.attribute("Data", data);
        return Ok(Outcome::Done);
    }
    let after_ms = call.journal["deadline_ms"].as_i64().unwrap_or_default() - call.context.now.0;
    if after_ms > 0 {
        return Ok(Outcome::AskAgain { after_ms });
    }
    let received = signals.len();
    let message = format!(
        "WaitCondition timed out. Received {received} conditions when expecting {expected}"
    );
    Err(Error::new("NotStabilized", message))
}

/// A condition that was waited for leaves nothing behind.
#[expect(
    clippy::unnecessary_wraps,
    reason = "a handler answers as all handlers do"
)]
fn delete_condition(_call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    Ok(Outcome::Done)
}

/// Takes a signal that was sent to a handle's address; `false` where there is no such handle.
pub(super) fn take(tx: &mut Tx<'_>, token: &str, body: &str, now: Timestamp) -> Result<bool> {
    let Some(mut handle) = state::handle(tx, token)? else {
        return Ok(false);
    };
    let body: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let member = |name: &str| text(&body[name]).unwrap_or_default();
    let id = member("UniqueId");
    let signal = Signal {
        succeeded: body["Status"] == "SUCCESS",
        reason: member("Reason"),
        data: member("Data"),
    };
    handle.signals.entry(id).or_insert(signal);
    state::save_handle(tx, token, &handle)?;
    wake(tx, token, &handle.stack_id, now)?;
    Ok(true)
}
