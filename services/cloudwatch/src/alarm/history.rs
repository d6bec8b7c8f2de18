//! What happened to alarms, kept for two weeks, also when the alarm is gone.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::key::KeyReader;
use cumulet_kernel::store::{Direction, decode};
use cumulet_kernel::{Timestamp, Tx};
use serde_json::{Value, json};

use crate::api::{AlarmHistoryItem, DescribeAlarmHistoryInput, DescribeAlarmHistoryOutput};
use crate::state::{
    AlarmRecord, AlarmState, HISTORY, HistoryRecord, alarm_key, history_key, region_key,
};
use crate::token;

const KEPT_S: i64 = 14 * 86_400;
const PAGE_MAX: usize = 100;
const SWEPT_MAX: usize = 2000;

/// Writes an item down.
pub(super) fn note(
    tx: &mut Tx<'_>,
    context: &Context,
    alarm: &AlarmRecord,
    item_type: &str,
    summary: String,
    data: Value,
) -> Result<()> {
    let item = HistoryRecord {
        alarm_type: alarm.type_name().to_owned(),
        item_type: item_type.to_owned(),
        summary,
        data: data.to_string(),
    };
    let sequence = tx.next_sequence()?;
    let alarm = alarm_key(&context.account, &context.region, &alarm.name);
    Ok(tx.save(HISTORY, history_key(alarm, context.now, sequence), &item)?)
}

pub(super) fn note_configuration(
    tx: &mut Tx<'_>,
    context: &Context,
    alarm: &AlarmRecord,
    change: &str,
    shown: &Value,
) -> Result<()> {
    let (verb, member) = match change {
        "Create" => ("created", "createdAlarm"),
        "Delete" => ("deleted", "deletedAlarm"),
        _ => ("updated", "updatedAlarm"),
    };
    let summary = format!("Alarm \"{}\" {verb}", alarm.name);
    let data = json!({ "version": "1.0", "type": change, member: shown });
    note(tx, context, alarm, "ConfigurationUpdate", summary, data)
}

pub(super) fn note_state(
    tx: &mut Tx<'_>,
    context: &Context,
    alarm: &AlarmRecord,
    before: &AlarmState,
) -> Result<()> {
    let summary = format!(
        "Alarm updated from {} to {}",
        before.value.text(),
        alarm.state.value.text()
    );
    let data =
        json!({ "version": "1.0", "oldState": state(before), "newState": state(&alarm.state) });
    note(tx, context, alarm, "StateUpdate", summary, data)
}

fn state(state: &AlarmState) -> Value {
    let mut shown = json!({ "stateValue": state.value.text(), "stateReason": state.reason });
    let data = state.reason_data.as_ref();
    if let Some(data) = data.and_then(|data| serde_json::from_str::<Value>(data).ok()) {
        shown["stateReasonData"] = data;
    }
    shown
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html>
pub(crate) fn describe(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DescribeAlarmHistoryInput,
) -> Result<DescribeAlarmHistoryOutput> {
    let [offset] = input
        .next_token
        .as_deref()
        .map_or(Ok([0]), token::read_numbers)?;
    let prefix = match &input.alarm_name {
        Some(name) => alarm_key(&context.account, &context.region, name),
        None => region_key(&context.account, &context.region),
    };
    let mut items = Vec::new();
    for pair in tx.prefix(HISTORY, prefix, Direction::Forward)? {
        let (key, value) = pair?;
        if let Some((name, at)) = place(&key) {
            items.push((at, name, decode::<HistoryRecord>(&value)?));
        }
    }
    items.retain(|(at, _, item)| is_wanted(&input, context, *at, item));
    items.sort_by_key(|(at, ..)| *at);
    if input.scan_by.as_deref() != Some("TimestampAscending") {
        items.reverse();
    }
    let limit = input.max_records.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let is_more = items.len() > offset + limit;
    let page = items
        .into_iter()
        .skip(offset)
        .take(limit)
        .map(|(at, name, item)| AlarmHistoryItem {
            alarm_name: name,
            alarm_type: item.alarm_type,
            timestamp: at.milliseconds() as f64 / 1000.0,
            history_item_type: item.item_type,
            history_summary: item.summary,
            history_data: item.data,
        });
    Ok(DescribeAlarmHistoryOutput {
        alarm_history_items: page.collect(),
        next_token: is_more.then(|| token::write((offset + limit).to_string())),
    })
}

fn is_wanted(
    input: &DescribeAlarmHistoryInput,
    context: &Context,
    at: Timestamp,
    item: &HistoryRecord,
) -> bool {
    let at_s = at.milliseconds() as f64 / 1000.0;
    at >= context.now.plus_s(-KEPT_S)
        && input.start_date.is_none_or(|start| at_s >= start)
        && input.end_date.is_none_or(|end| at_s <= end)
        && input
            .history_item_type
            .as_ref()
            .is_none_or(|wanted| *wanted == item.item_type)
        && match &input.alarm_types {
            Some(types) => types.contains(&item.alarm_type),
            // As for DescribeAlarms: composite alarms only where they are asked for.
            None => input.alarm_name.is_some() || item.alarm_type == "MetricAlarm",
        }
}

fn place(key: &[u8]) -> Option<(String, Timestamp)> {
    let mut reader = KeyReader::new(key);
    let (_account, _region, name) = (reader.text()?, reader.text()?, reader.text()?);
    Some((name, Timestamp(i64::try_from(reader.number()?).ok()?)))
}

/// Removes what is too old, a batch a call; how many.
pub(crate) fn sweep(tx: &mut Tx<'_>, context: &Context, now: Timestamp) -> Result<usize> {
    let limit = now.plus_s(-KEPT_S);
    let mut old = Vec::new();
    for pair in tx.prefix(
        HISTORY,
        region_key(&context.account, &context.region),
        Direction::Forward,
    )? {
        let (key, _) = pair?;
        if place(&key).is_some_and(|(_, at)| at < limit) {
            old.push(key);
        }
        if old.len() == SWEPT_MAX {
            break;
        }
    }
    for key in &old {
        tx.delete(HISTORY, key)?;
    }
    Ok(old.len())
}
