//! An alarm changes its state: it is written down, its actions go out, and composite alarms follow.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use serde_json::json;

use super::rule::Rule;
use super::state_data::{iso, long_date};
use super::{action, alarm_arn, all, history, load, save};
use crate::api::{Nothing, SetAlarmStateInput};
use crate::errors;
use crate::state::{AlarmRecord, AlarmState, StateValue, Watch};

/// Composite alarms may name each other in a circle.
const DEPTH_MAX: usize = 16;

/// Puts an alarm into a state; the same state again changes nothing but is told to nobody.
pub(super) fn enter(
    tx: &mut Tx<'_>,
    context: &Context,
    alarm: AlarmRecord,
    value: StateValue,
    reason: String,
    reason_data: Option<String>,
) -> Result<()> {
    enter_at(tx, context, alarm, value, reason, reason_data, 0)
}

fn enter_at(
    tx: &mut Tx<'_>,
    context: &Context,
    mut alarm: AlarmRecord,
    value: StateValue,
    reason: String,
    reason_data: Option<String>,
    depth: usize,
) -> Result<()> {
    let before = alarm.state.clone();
    let is_transition = before.value != value;
    alarm.state = AlarmState {
        value,
        reason,
        reason_data,
        updated: context.now,
        transitioned: if is_transition {
            context.now
        } else {
            before.transitioned
        },
    };
    save(tx, context, &alarm)?;
    if !is_transition {
        return Ok(());
    }
    history::note_state(tx, context, &alarm, &before)?;
    action::send(tx, context, &alarm, &before)?;
    if depth < DEPTH_MAX {
        parents_follow(tx, context, &alarm, depth + 1)?;
    }
    Ok(())
}

/// Composite alarms that name this one are looked at again.
fn parents_follow(
    tx: &mut Tx<'_>,
    context: &Context,
    child: &AlarmRecord,
    depth: usize,
) -> Result<()> {
    let arn = alarm_arn(context, &child.name);
    for parent in all(tx, context)? {
        let Watch::Composite(text) = &parent.watch else {
            continue;
        };
        let Ok(rule) = Rule::parse(text) else {
            continue;
        };
        if !rule.children().contains(&child.name) {
            continue;
        }
        let value = state_of(tx, context, &rule)?;
        if value == parent.state.value {
            continue;
        }
        let when = long_date(context.now);
        let reason = format!(
            "{arn} transitioned to {} at {when}",
            child.state.value.text()
        );
        let data = json!({ "triggeringAlarms": [{
            "arn": arn,
            "state": { "value": child.state.value.text(), "timestamp": iso(context.now) },
        }]});
        enter_at(
            tx,
            context,
            parent,
            value,
            reason,
            Some(data.to_string()),
            depth,
        )?;
    }
    Ok(())
}

/// A new or changed composite alarm is looked at once.
pub(super) fn look_at_composite(
    tx: &mut Tx<'_>,
    context: &Context,
    alarm: AlarmRecord,
    rule: &Rule,
) -> Result<()> {
    let value = state_of(tx, context, rule)?;
    if value == alarm.state.value {
        return Ok(());
    }
    let reason = format!(
        "{} was created and its alarm rule evaluates to {}",
        alarm_arn(context, &alarm.name),
        value.text()
    );
    enter(tx, context, alarm, value, reason, None)
}

fn state_of(tx: &Tx<'_>, context: &Context, rule: &Rule) -> Result<StateValue> {
    let mut states = Vec::new();
    for name in rule.children() {
        states.push((
            load(tx, context, &name)?.map(|alarm| alarm.state.value),
            name,
        ));
    }
    let state = |name: &str| {
        states
            .iter()
            .find(|(_, known)| known == name)
            .and_then(|(state, _)| *state)
    };
    Ok(if rule.holds(&state) {
        StateValue::Alarm
    } else {
        StateValue::Ok
    })
}

/// Lasts until the alarm is next looked at.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html>
pub(crate) fn set_by_hand(
    tx: &mut Tx<'_>,
    context: &Context,
    input: SetAlarmStateInput,
) -> Result<Nothing> {
    let alarm = load(tx, context, &input.alarm_name)?.ok_or_else(errors::alarm_missing)?;
    let value = StateValue::parse(&input.state_value)
        .ok_or_else(|| errors::validation("1 validation error detected at 'stateValue'"))?;
    if let Some(data) = &input.state_reason_data
        && serde_json::from_str::<serde_json::Value>(data).is_err()
    {
        return Err(Error::new(
            "InvalidFormat",
            "StateReasonData was not valid JSON.",
        ));
    }
    enter(
        tx,
        context,
        alarm,
        value,
        input.state_reason,
        input.state_reason_data,
    )?;
    Ok(Nothing {})
}
