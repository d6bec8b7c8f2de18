//! DescribeAlarms and DescribeAlarmsForMetric.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::{Timestamp, Tx};
use serde_json::{Map, Value, json};

use super::rule::Rule;
use super::{alarm_arn, all};
use crate::api::{DescribeAlarmsForMetricInput, DescribeAlarmsInput, DescribeAlarmsOutput};
use crate::put::sorted;
use crate::state::{AlarmRecord, MetricWatch, Target, Watch};
use crate::{errors, token};

const PAGE: usize = 50;
const PAGE_MAX: usize = 100;

pub(crate) fn describe(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DescribeAlarmsInput,
) -> Result<DescribeAlarmsOutput> {
    if input.alarm_names.is_some() && input.alarm_name_prefix.is_some() {
        return Err(errors::invalid_combination(
            "AlarmNamePrefix and AlarmNames are mutually exclusive.",
        ));
    }
    let after = input.next_token.as_deref().map(token::read).transpose()?;
    let limit = input.max_records.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let alarms = all(tx, context)?;
    let wanted = related(&alarms, &input);
    let mut found = alarms.iter().filter(|alarm| {
        is_asked(&input, alarm)
            && wanted
                .as_ref()
                .is_none_or(|wanted| wanted.contains(&alarm.name))
            && after
                .as_ref()
                .is_none_or(|after| alarm.name.as_bytes() > after.as_slice())
    });
    let page: Vec<&AlarmRecord> = found.by_ref().take(limit).collect();
    let is_more = found.next().is_some();
    let of_type = |is_metric: bool| {
        let alarms = page
            .iter()
            .filter(|alarm| matches!(alarm.watch, Watch::Metric(_)) == is_metric);
        Some(alarms.map(|alarm| shown(context, alarm)).collect())
    };
    Ok(DescribeAlarmsOutput {
        composite_alarms: of_type(false),
        metric_alarms: of_type(true),
        next_token: page
            .last()
            .filter(|_| is_more)
            .map(|last| token::write(&last.name)),
    })
}

/// The children or parents of an alarm, where those are asked for.
fn related(alarms: &[AlarmRecord], input: &DescribeAlarmsInput) -> Option<Vec<String>> {
    let children = |alarm: &AlarmRecord| match &alarm.watch {
        Watch::Composite(rule) => Rule::parse(rule)
            .map(|rule| rule.children())
            .unwrap_or_default(),
        Watch::Metric(_) => Vec::new(),
    };
    if let Some(name) = &input.children_of_alarm_name {
        let parent = alarms.iter().find(|alarm| alarm.name == *name);
        return Some(parent.map(children).unwrap_or_default());
    }
    let child = input.parents_of_alarm_name.as_ref()?;
    let parents = alarms
        .iter()
        .filter(|alarm| children(alarm).contains(child));
    Some(parents.map(|alarm| alarm.name.clone()).collect())
}

fn is_asked(input: &DescribeAlarmsInput, alarm: &AlarmRecord) -> bool {
    let type_name = alarm.type_name();
    let is_related =
        input.children_of_alarm_name.is_some() || input.parents_of_alarm_name.is_some();
    let is_type = match &input.alarm_types {
        Some(types) => types.iter().any(|wanted| wanted == type_name),
        None => is_related || type_name == "MetricAlarm",
    };
    let actions = [
        &alarm.ok_actions,
        &alarm.alarm_actions,
        &alarm.insufficient_data_actions,
    ];
    let has_action = |prefix: &String| {
        actions
            .into_iter()
            .flatten()
            .any(|action| action.starts_with(prefix.as_str()))
    };
    is_type
        && input
            .alarm_names
            .as_ref()
            .is_none_or(|names| names.contains(&alarm.name))
        && input
            .alarm_name_prefix
            .as_ref()
            .is_none_or(|prefix| alarm.name.starts_with(prefix))
        && input
            .state_value
            .as_ref()
            .is_none_or(|value| value == alarm.state.value.text())
        && input.action_prefix.as_ref().is_none_or(has_action)
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmsForMetric.html>
pub(crate) fn describe_for_metric(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DescribeAlarmsForMetricInput,
) -> Result<DescribeAlarmsOutput> {
    let wanted_dimensions = sorted(input.dimensions);
    let is_asked = |target: &Target| {
        let Target::Single {
            namespace,
            metric,
            dimensions,
            statistic,
            extended_statistic,
            period_s,
            unit,
        } = target
        else {
            return false;
        };
        *namespace == input.namespace
            && *metric == input.metric_name
            && *dimensions == wanted_dimensions
            && input
                .statistic
                .as_ref()
                .is_none_or(|wanted| Some(wanted) == statistic.as_ref())
            && input
                .extended_statistic
                .as_ref()
                .is_none_or(|wanted| Some(wanted) == extended_statistic.as_ref())
            && input.period.is_none_or(|wanted| wanted == *period_s)
            && input
                .unit
                .as_ref()
                .is_none_or(|wanted| Some(wanted) == unit.as_ref())
    };
    let alarms = all(tx, context)?;
    let found = alarms
        .iter()
        .filter(|alarm| matches!(&alarm.watch, Watch::Metric(watch) if is_asked(&watch.target)));
    Ok(DescribeAlarmsOutput {
        composite_alarms: None,
        metric_alarms: Some(found.map(|alarm| shown(context, alarm)).collect()),
        next_token: None,
    })
}

/// An alarm as AWS shows it; what was not given is not there.
pub(super) fn shown(context: &Context, alarm: &AlarmRecord) -> Value {
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            shown.insert(name.to_owned(), value);
        }
    };
    let seconds = |at: Timestamp| json!(at.milliseconds() as f64 / 1000.0);
    put("AlarmName", json!(alarm.name));
    put("AlarmArn", json!(alarm_arn(context, &alarm.name)));
    put("AlarmDescription", json!(alarm.description));
    put(
        "AlarmConfigurationUpdatedTimestamp",
        seconds(alarm.configured),
    );
    put("ActionsEnabled", json!(alarm.actions_enabled));
    put("OKActions", json!(alarm.ok_actions));
    put("AlarmActions", json!(alarm.alarm_actions));
    put(
        "InsufficientDataActions",
        json!(alarm.insufficient_data_actions),
    );
    put("StateValue", json!(alarm.state.value.text()));
    put("StateReason", json!(alarm.state.reason));
    put("StateReasonData", json!(alarm.state.reason_data));
    put("StateUpdatedTimestamp", seconds(alarm.state.updated));
    put(
        "StateTransitionedTimestamp",
        seconds(alarm.state.transitioned),
    );
    match &alarm.watch {
        Watch::Composite(rule) => put("AlarmRule", json!(rule)),
        Watch::Metric(watch) => put_watch(watch, &mut put),
    }
    Value::Object(shown)
}

fn put_watch(watch: &MetricWatch, put: &mut impl FnMut(&str, Value)) {
    put("EvaluationPeriods", json!(watch.evaluation_periods));
    put("DatapointsToAlarm", json!(watch.datapoints_to_alarm));
    put("Threshold", json!(watch.threshold));
    put("ComparisonOperator", json!(watch.comparison.name()));
    put("TreatMissingData", json!(watch.treat_missing_data));
    put(
        "EvaluateLowSampleCountPercentile",
        json!(watch.evaluate_low_samples),
    );
    match &watch.target {
        Target::Math(queries) => put("Metrics", json!(queries)),
        Target::Single {
            namespace,
            metric,
            dimensions,
            statistic,
            extended_statistic,
            period_s,
            unit,
        } => {
            put("MetricName", json!(metric));
            put("Namespace", json!(namespace));
            put("Statistic", json!(statistic));
            put("ExtendedStatistic", json!(extended_statistic));
            put("Dimensions", json!(dimensions));
            put("Period", json!(period_s));
            put("Unit", json!(unit));
        }
    }
}
