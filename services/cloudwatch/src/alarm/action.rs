//! What an alarm sets off when it changes state.
//!
//! Functions lie above this service, so their invocation leaves as an event; whoever delivers it tells
//! the outcome back through [`record`]. Other kinds of actions are written into the history as what they
//! are: not implemented.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html>

use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::Result;
use cumulet_kernel::{Event, Tx, outbox};
use serde_json::{Map, Value, json};

use super::state_data::iso;
use super::{alarm_arn, history, load};
use crate::api::{Dimension, Metric, MetricDataQuery, MetricStat};
use crate::state::{AlarmRecord, AlarmState, StateValue, Target, Watch};

/// Sends the actions of the state that the alarm has come into.
pub(super) fn send(
    tx: &mut Tx<'_>,
    context: &Context,
    alarm: &AlarmRecord,
    before: &AlarmState,
) -> Result<()> {
    if !alarm.actions_enabled {
        return Ok(());
    }
    let actions = match alarm.state.value {
        StateValue::Ok => &alarm.ok_actions,
        StateValue::Alarm => &alarm.alarm_actions,
        StateValue::InsufficientData => &alarm.insufficient_data_actions,
    };
    for action in actions {
        let service = Arn::parse(action).map(|arn| arn.service.to_owned());
        if service.as_deref() == Some("lambda") {
            let event = Event::AlarmAction {
                alarm_arn: alarm_arn(context, &alarm.name),
                action_arn: action.clone(),
                payload: payload(context, alarm, before),
            };
            outbox::emit(tx, context.now, event)?;
            continue;
        }
        let kind = service.unwrap_or_default();
        note(
            tx,
            context,
            alarm,
            action,
            Err(format!("{kind} actions are not implemented by Cumulet")),
        )?;
    }
    Ok(())
}

/// How an action ended.
pub(crate) fn record(
    tx: &mut Tx<'_>,
    context: &Context,
    alarm_name: &str,
    action: &str,
    outcome: Result<(), String>,
) -> Result<()> {
    match load(tx, context, alarm_name)? {
        Some(alarm) => note(tx, context, &alarm, action, outcome),
        None => Ok(()),
    }
}

fn note(
    tx: &mut Tx<'_>,
    context: &Context,
    alarm: &AlarmRecord,
    action: &str,
    outcome: Result<(), String>,
) -> Result<()> {
    let mut data = json!({
        "stateUpdateTimestamp": alarm.state.updated.milliseconds(),
        "notificationResource": action,
    });
    let summary = match outcome {
        Ok(()) => {
            data["actionState"] = "Succeeded".into();
            format!("Successfully executed action {action}")
        }
        Err(why) => {
            data["actionState"] = "Failed".into();
            data["error"] = why.clone().into();
            format!("Failed to execute action {action}. Received error: \"{why}\"")
        }
    };
    history::note(tx, context, alarm, "Action", summary, data)
}

/// What the function is given.
fn payload(context: &Context, alarm: &AlarmRecord, before: &AlarmState) -> Value {
    json!({
        "source": "aws.cloudwatch",
        "alarmArn": alarm_arn(context, &alarm.name),
        "accountId": &*context.account,
        "time": iso(context.now),
        "region": &*context.region,
        "alarmData": {
            "alarmName": alarm.name,
            "state": state(&alarm.state),
            "previousState": state(before),
            "configuration": configuration(alarm),
        },
    })
}

fn state(state: &AlarmState) -> Value {
    let mut shown = json!({
        "value": state.value.text(),
        "reason": state.reason,
        "timestamp": iso(state.updated),
    });
    if let Some(data) = &state.reason_data {
        shown["reasonData"] = data.clone().into();
    }
    shown
}

fn configuration(alarm: &AlarmRecord) -> Value {
    let mut shown = match &alarm.watch {
        Watch::Composite(rule) => json!({ "alarmRule": rule }),
        Watch::Metric(watch) => json!({ "metrics": metrics(&watch.target) }),
    };
    if let Some(description) = &alarm.description {
        shown["description"] = description.clone().into();
    }
    shown
}

fn metrics(target: &Target) -> Vec<Value> {
    match target {
        Target::Math(queries) => queries.iter().map(query).collect(),
        Target::Single {
            namespace,
            metric,
            dimensions,
            statistic,
            extended_statistic,
            period_s,
            unit,
        } => {
            let metric = Metric {
                namespace: Some(namespace.clone()),
                metric_name: Some(metric.clone()),
                dimensions: dimensions.clone(),
            };
            let stat = statistic
                .clone()
                .or_else(|| extended_statistic.clone())
                .unwrap_or_default();
            let stat = MetricStat {
                metric,
                period: *period_s,
                stat,
                unit: unit.clone(),
            };
            // AWS draws an id for the one metric; it refers to nothing.
            vec![json!({ "id": "m1", "metricStat": metric_stat(&stat), "returnData": true })]
        }
    }
}

fn query(query: &MetricDataQuery) -> Value {
    let mut shown = Map::new();
    shown.insert("id".into(), query.id.clone().into());
    if let Some(stat) = &query.metric_stat {
        shown.insert("metricStat".into(), metric_stat(stat));
    }
    if let Some(expression) = &query.expression {
        shown.insert("expression".into(), expression.clone().into());
    }
    if let Some(label) = &query.label {
        shown.insert("label".into(), label.clone().into());
    }
    shown.insert(
        "returnData".into(),
        query.return_data.unwrap_or(true).into(),
    );
    Value::Object(shown)
}

fn metric_stat(stat: &MetricStat) -> Value {
    let dimension = |each: &Dimension| (each.name.clone(), Value::from(each.value.clone()));
    let dimensions: Map<String, Value> = stat.metric.dimensions.iter().map(dimension).collect();
    let mut shown = json!({
        "metric": {
            "namespace": stat.metric.namespace,
            "name": stat.metric.metric_name,
            "dimensions": dimensions,
        },
        "period": stat.period,
        "stat": stat.stat,
    });
    if let Some(unit) = &stat.unit {
        shown["unit"] = unit.clone().into();
    }
    shown
}
