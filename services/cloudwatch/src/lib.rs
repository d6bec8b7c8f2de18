//! CloudWatch: metrics, what is told from them, and alarms that watch them.
//!
//! It knows nothing of who publishes: the other services hand their measures to [`Metrics`], which folds
//! them in memory and loses those of the last second in a crash (see `publish.rs`). An alarm's actions
//! go to services above this one, so they leave as events.

mod alarm;
mod api;
mod bucket;
mod dashboard;
mod errors;
mod get_data;
mod get_statistics;
mod label;
mod list;
mod math;
mod publish;
mod put;
mod resource;
mod series;
mod state;
mod statistic;
#[cfg(test)]
mod tests;
mod token;

use api::{
    AlarmNamesInput, DashboardNameInput, DashboardNamesInput, DescribeAlarmHistoryInput,
    DescribeAlarmsForMetricInput, DescribeAlarmsInput, GetMetricDataInput,
    GetMetricStatisticsInput, ListDashboardsInput, ListMetricsInput, PutCompositeAlarmInput,
    PutMetricAlarmInput, PutMetricDataInput, SetAlarmStateInput, TagResourceInput,
};
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::delivery::unhandled;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::{AccessRule, Operation};
use cumulet_engine::registry::{Denial, Service};
use cumulet_kernel::outbox::Entry;
use cumulet_kernel::{Event, Tx};
pub use publish::{Datum, Metrics, record, record_datum};
use state::TABLES;

/// All that the rest of the house knows of this service.
pub fn service() -> Service {
    Service::new("cloudwatch", Denial::Xml, operations())
        .with_tables(800, TABLES)
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
    let mut operations = metric_operations();
    operations.extend(alarm_operations());
    operations.extend(alarm_reading_operations());
    operations.extend(dashboard_operations());
    operations.extend(tag_operations());
    operations
}

/// Metrics have no ARNs: their actions are on everything.
macro_rules! on_all {
    ($input:ty, $action:literal) => {{
        let rule: AccessRule<$input> =
            |_, _, _| Ok(vec![Access::new(concat!("cloudwatch:", $action), "*")]);
        rule
    }};
}

fn metric_operations() -> Vec<Operation> {
    let put: AccessRule<PutMetricDataInput> = |_: &Tx<'_>, _: &Context, input| {
        let access = Access::new("cloudwatch:PutMetricData", "*");
        Ok(vec![
            access.condition("cloudwatch:namespace", &input.namespace),
        ])
    };
    vec![
        Operation::write("PutMetricData", put, put::put),
        Operation::read(
            "GetMetricStatistics",
            on_all!(GetMetricStatisticsInput, "GetMetricStatistics"),
            get_statistics::get,
        ),
        Operation::read(
            "GetMetricData",
            on_all!(GetMetricDataInput, "GetMetricData"),
            get_data::get,
        ),
        Operation::read(
            "ListMetrics",
            on_all!(ListMetricsInput, "ListMetrics"),
            list::list,
        ),
    ]
}

/// An action on one alarm.
fn on_alarm(context: &Context, action: &str, name: &str) -> Access {
    Access::new(action, alarm::alarm_arn(context, name))
}

fn on_alarms(context: &Context, action: &str, names: &[String]) -> Vec<Access> {
    names
        .iter()
        .map(|name| on_alarm(context, action, name))
        .collect()
}

fn tagging(access: Access, tags: &[api::Tag]) -> Access {
    if tags.is_empty() {
        return access;
    }
    let keys = tags.iter().map(|tag| tag.key.clone()).collect();
    let access = access.condition_values("aws:TagKeys", keys);
    let request_tag = |access: Access, tag: &api::Tag| {
        access.condition(format!("aws:RequestTag/{}", tag.key), &tag.value)
    };
    tags.iter().fold(access, request_tag)
}

fn alarm_operations() -> Vec<Operation> {
    let put_metric: AccessRule<PutMetricAlarmInput> = |_, context, input| {
        let access = on_alarm(context, "cloudwatch:PutMetricAlarm", &input.alarm_name);
        Ok(vec![tagging(access, &input.tags)])
    };
    let put_composite: AccessRule<PutCompositeAlarmInput> = |_, context, input| {
        let access = on_alarm(context, "cloudwatch:PutCompositeAlarm", &input.alarm_name);
        Ok(vec![tagging(access, &input.tags)])
    };
    let set: AccessRule<SetAlarmStateInput> = |_, context, input| {
        Ok(vec![on_alarm(
            context,
            "cloudwatch:SetAlarmState",
            &input.alarm_name,
        )])
    };
    let delete: AccessRule<AlarmNamesInput> = |_, context, input| {
        Ok(on_alarms(
            context,
            "cloudwatch:DeleteAlarms",
            &input.alarm_names,
        ))
    };
    let enable: AccessRule<AlarmNamesInput> = |_, context, input| {
        Ok(on_alarms(
            context,
            "cloudwatch:EnableAlarmActions",
            &input.alarm_names,
        ))
    };
    let disable: AccessRule<AlarmNamesInput> = |_, context, input| {
        Ok(on_alarms(
            context,
            "cloudwatch:DisableAlarmActions",
            &input.alarm_names,
        ))
    };
    vec![
        Operation::write("PutMetricAlarm", put_metric, alarm::put_metric),
        Operation::write("PutCompositeAlarm", put_composite, alarm::put_composite),
        Operation::write("SetAlarmState", set, alarm::set_by_hand),
        Operation::write("DeleteAlarms", delete, alarm::delete),
        Operation::write("EnableAlarmActions", enable, alarm::enable_actions),
        Operation::write("DisableAlarmActions", disable, alarm::disable_actions),
    ]
}

fn alarm_reading_operations() -> Vec<Operation> {
    let describe: AccessRule<DescribeAlarmsInput> =
        |_, context, _| Ok(vec![on_alarm(context, "cloudwatch:DescribeAlarms", "*")]);
    let history: AccessRule<DescribeAlarmHistoryInput> = |_, context, input| {
        let name = input.alarm_name.as_deref().unwrap_or("*");
        Ok(vec![on_alarm(
            context,
            "cloudwatch:DescribeAlarmHistory",
            name,
        )])
    };
    vec![
        Operation::read("DescribeAlarms", describe, alarm::describe),
        Operation::read("DescribeAlarmHistory", history, alarm::describe_history),
        Operation::read(
            "DescribeAlarmsForMetric",
            on_all!(DescribeAlarmsForMetricInput, "DescribeAlarmsForMetric"),
            alarm::describe_for_metric,
        ),
    ]
}

fn dashboard_operations() -> Vec<Operation> {
    let get: AccessRule<DashboardNameInput> = |_, context, input| {
        let arn = dashboard::dashboard_arn(context, &input.dashboard_name);
        Ok(vec![Access::new("cloudwatch:GetDashboard", arn)])
    };
    let delete: AccessRule<DashboardNamesInput> = |_, context, input| {
        let arn = |name: &String| dashboard::dashboard_arn(context, name);
        let access = |name| Access::new("cloudwatch:DeleteDashboards", arn(name));
        Ok(input.dashboard_names.iter().map(access).collect())
    };
    vec![
        Operation::write("PutDashboard", dashboard::put_access(), dashboard::put),
        Operation::read("GetDashboard", get, dashboard::get),
        Operation::write("DeleteDashboards", delete, dashboard::delete),
        Operation::read(
            "ListDashboards",
            on_all!(ListDashboardsInput, "ListDashboards"),
            dashboard::list,
        ),
    ]
}

fn tag_operations() -> Vec<Operation> {
    let tag: AccessRule<TagResourceInput> = |_, _, input| {
        let access = Access::new("cloudwatch:TagResource", &input.resource_arn);
        Ok(vec![tagging(access, &input.tags)])
    };
    let untag: AccessRule<TagResourceInput> = |_, _, input| {
        let access = Access::new("cloudwatch:UntagResource", &input.resource_arn);
        Ok(vec![
            access.condition_values("aws:TagKeys", input.tag_keys.clone()),
        ])
    };
    let list: AccessRule<TagResourceInput> = |_, _, input| {
        Ok(vec![Access::new(
            "cloudwatch:ListTagsForResource",
            &input.resource_arn,
        )])
    };
    vec![
        Operation::write("TagResource", tag, alarm::tag),
        Operation::write("UntagResource", untag, alarm::untag),
        Operation::read("ListTagsForResource", list, alarm::list_tags),
    ]
}

/// Writes down how an alarm's action ended, for whoever carried it out.
pub fn record_alarm_action(
    tx: &mut Tx<'_>,
    context: &Context,
    alarm_name: &str,
    action_arn: &str,
    outcome: Result<(), String>,
) -> Result<()> {
    alarm::record_action(tx, context, alarm_name, action_arn, outcome)
}

/// Does what only time sets off: rolling up, and looking at alarms.
pub async fn deliver_timer(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let Event::Timer { kind, detail, .. } = &entry.event else {
        return Err(Error::internal("not a timer"));
    };
    let text = |name: &str| detail[name].as_str().unwrap_or_default();
    let context = context.located(text("account"), text("region"));
    match kind.as_str() {
        "alarm" => alarm::deliver(engine, context, entry).await,
        "roll-up" => series::deliver_sweep(engine, context, entry).await,
        other => Err(Error::internal(format!(
            "nobody handles the timer cloudwatch/{other}"
        ))),
    }
}
