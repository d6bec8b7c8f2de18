//! Alarms are made, changed, switched and deleted.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::rule::Rule;
use super::{describe, evaluate, history, load, save, transition};
use crate::api::{AlarmNamesInput, Nothing, PutCompositeAlarmInput, PutMetricAlarmInput, Tag};
use crate::errors::validation;
use crate::put::sorted;
use crate::state::{
    ALARMS, AlarmRecord, AlarmState, Comparison, MetricWatch, StateValue, Target, Watch, alarm_key,
};
use crate::statistic::Statistic;

const DELETED_MAX: usize = 100;
const DAY_S: u64 = 86_400;
const TREATMENTS: [&str; 4] = ["breaching", "notBreaching", "ignore", "missing"];

pub(crate) fn put_metric(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutMetricAlarmInput,
) -> Result<Nothing> {
    refuse_unbuilt(&input)?;
    let watch = Watch::Metric(watch(&input)?);
    let described = Described {
        name: input.alarm_name,
        description: input.alarm_description,
        actions_enabled: input.actions_enabled,
        actions: [
            input.ok_actions,
            input.alarm_actions,
            input.insufficient_data_actions,
        ],
        tags: input.tags,
    };
    let (alarm, is_new) = stored(tx, context, described, watch)?;
    if is_new {
        evaluate::schedule(tx, context, &alarm)?;
    }
    Ok(Nothing {})
}

pub(crate) fn put_composite(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutCompositeAlarmInput,
) -> Result<Nothing> {
    if input.actions_suppressor.is_some() {
        return Err(Error::not_implemented(
            "cloudwatch: suppressors of composite alarms",
        ));
    }
    if input.action_configuration.is_some() {
        return Err(Error::not_implemented("cloudwatch: ActionConfiguration"));
    }
    let rule = Rule::parse(&input.alarm_rule)
        .map_err(|why| validation(format!("AlarmRule is not valid: {why}.")))?;
    refuse_missing_children(tx, context, &rule)?;
    let described = Described {
        name: input.alarm_name,
        description: input.alarm_description,
        actions_enabled: input.actions_enabled,
        actions: [
            input.ok_actions,
            input.alarm_actions,
            input.insufficient_data_actions,
        ],
        tags: input.tags,
    };
    let (alarm, _) = stored(tx, context, described, Watch::Composite(input.alarm_rule))?;
    transition::look_at_composite(tx, context, alarm, &rule)?;
    Ok(Nothing {})
}

fn refuse_missing_children(tx: &Tx<'_>, context: &Context, rule: &Rule) -> Result<()> {
    let mut missing = Vec::new();
    for name in rule.children() {
        if load(tx, context, &name)?.is_none() {
            missing.push(name);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(validation(format!(
        "Could not save the composite alarm as alarms [{}] in the alarm rule do not exist",
        missing.join(", ")
    )))
}

/// What all kinds of alarms are described by.
struct Described {
    name: String,
    description: Option<String>,
    actions_enabled: Option<bool>,
    /// For OK, ALARM and INSUFFICIENT_DATA.
    actions: [Vec<String>; 3],
    tags: Vec<Tag>,
}

/// Stores the alarm; one that is already there keeps its state and its tags. Whether it is new.
fn stored(
    tx: &mut Tx<'_>,
    context: &Context,
    described: Described,
    watch: Watch,
) -> Result<(AlarmRecord, bool)> {
    for action in described.actions.iter().flatten() {
        if Arn::parse(action).is_none() {
            return Err(validation(format!("Invalid arn syntax: {action}")));
        }
    }
    let known = load(tx, context, &described.name)?;
    let is_new = known.is_none();
    if let Some(known) = &known
        && std::mem::discriminant(&known.watch) != std::mem::discriminant(&watch)
    {
        return Err(validation(format!(
            "An alarm of another type with the name {} exists already.",
            described.name
        )));
    }
    let [ok_actions, alarm_actions, insufficient_data_actions] = described.actions;
    let given: BTreeMap<String, String> = described
        .tags
        .into_iter()
        .map(|tag| (tag.key, tag.value))
        .collect();
    let (number, state, tags) = match known {
        Some(known) => (known.number, known.state, known.tags),
        None => (tx.next_sequence()?, first_state(context), given),
    };
    let alarm = AlarmRecord {
        name: described.name,
        number,
        description: described.description,
        actions_enabled: described.actions_enabled.unwrap_or(true),
        ok_actions,
        alarm_actions,
        insufficient_data_actions,
        watch,
        configured: context.now,
        state,
        tags,
    };
    save(tx, context, &alarm)?;
    let change = if is_new { "Create" } else { "Update" };
    history::note_configuration(
        tx,
        context,
        &alarm,
        change,
        &describe::shown(context, &alarm),
    )?;
    Ok((alarm, is_new))
}

fn first_state(context: &Context) -> AlarmState {
    AlarmState {
        value: StateValue::InsufficientData,
        reason: "Unchecked: Initial alarm creation".to_owned(),
        reason_data: None,
        updated: context.now,
        transitioned: context.now,
    }
}

fn refuse_unbuilt(input: &PutMetricAlarmInput) -> Result<()> {
    let unbuilt = [
        ("ThresholdMetricId", input.threshold_metric_id.is_some()),
        ("EvaluationWindow", input.evaluation_window.is_some()),
        ("WarmUpConfiguration", input.warm_up_configuration.is_some()),
        ("EvaluationCriteria", input.evaluation_criteria.is_some()),
        ("EvaluationInterval", input.evaluation_interval.is_some()),
        ("ActionConfiguration", input.action_configuration.is_some()),
    ];
    match unbuilt.into_iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(Error::not_implemented(format!(
            "cloudwatch: {name} of alarms"
        ))),
        None => Ok(()),
    }
}

fn watch(input: &PutMetricAlarmInput) -> Result<MetricWatch> {
    let required = |name: &str| validation(format!("{name} is required."));
    let evaluation_periods = input
        .evaluation_periods
        .ok_or_else(|| required("EvaluationPeriods"))?;
    let comparison = input
        .comparison_operator
        .as_deref()
        .ok_or_else(|| required("ComparisonOperator"))?;
    let comparison = Comparison::parse(comparison)?;
    let threshold = input.threshold.ok_or_else(|| required("Threshold"))?;
    let target = target(input)?;
    if input
        .datapoints_to_alarm
        .is_some_and(|wanted| wanted > evaluation_periods)
    {
        return Err(validation(
            "DatapointsToAlarm must be less than or equal to EvaluationPeriods.",
        ));
    }
    let range_s = u64::from(evaluation_periods) * u64::from(target.period_s());
    if range_s > DAY_S * if target.period_s() >= 3600 { 7 } else { 1 } {
        return Err(validation(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).",
        ));
    }
    if let Some(treatment) = &input.treat_missing_data
        && !TREATMENTS.contains(&treatment.as_str())
    {
        return Err(validation(format!(
            "The value {treatment} is not supported for TreatMissingData parameter. \
             Supported values are [{}].",
            TREATMENTS.join(", ")
        )));
    }
    if let Some(low) = &input.evaluate_low_sample_count_percentile
        && !matches!(low.as_str(), "evaluate" | "ignore")
    {
        return Err(validation(format!(
            "Option {low} is not supported. Supported options for parameter EvaluateLowSampleCountPercentile are evaluate and ignore."
        )));
    }
    Ok(MetricWatch {
        target,
        evaluation_periods,
        datapoints_to_alarm: input.datapoints_to_alarm,
        threshold,
        comparison,
        treat_missing_data: input.treat_missing_data.clone(),
        evaluate_low_samples: input.evaluate_low_sample_count_percentile.clone(),
    })
}

fn target(input: &PutMetricAlarmInput) -> Result<Target> {
    if !input.metrics.is_empty() {
        return math_target(input);
    }
    let (Some(metric), Some(namespace), Some(period_s)) =
        (&input.metric_name, &input.namespace, input.period)
    else {
        return Err(validation(
            "If Metrics is not specified, MetricName, Namespace and Period are required.",
        ));
    };
    check_period(period_s)?;
    match (&input.statistic, &input.extended_statistic) {
        (Some(_), None) => {}
        (None, Some(text)) if Statistic::parse_extended(text).is_some() => {}
        (None, Some(text)) => {
            return Err(validation(format!(
                "The value {text} for parameter ExtendedStatistic is invalid."
            )));
        }
        _ => {
            return Err(validation(
                "Exactly one of Statistic and ExtendedStatistic must be specified.",
            ));
        }
    }
    Ok(Target::Single {
        namespace: namespace.clone(),
        metric: metric.clone(),
        dimensions: sorted(input.dimensions.clone()),
        statistic: input.statistic.clone(),
        extended_statistic: input.extended_statistic.clone(),
        period_s,
        unit: input.unit.clone(),
    })
}

fn check_period(period_s: u32) -> Result<()> {
    if matches!(period_s, 10 | 20 | 30) || (period_s > 0 && period_s.is_multiple_of(60)) {
        return Ok(());
    }
    Err(validation("Period must be 10, 20, 30 or a multiple of 60"))
}

fn math_target(input: &PutMetricAlarmInput) -> Result<Target> {
    let is_single = input.metric_name.is_some()
        || input.namespace.is_some()
        || input.period.is_some()
        || input.statistic.is_some()
        || input.extended_statistic.is_some()
        || !input.dimensions.is_empty();
    if is_single {
        return Err(validation(
            "The parameters MetricName, Namespace, Dimensions, Period, Statistic and ExtendedStatistic must not be specified together with Metrics.",
        ));
    }
    let returned = input
        .metrics
        .iter()
        .filter(|query| query.return_data != Some(false))
        .count();
    if returned != 1 {
        return Err(validation(
            "Exactly one element of the metrics list should return data.",
        ));
    }
    for query in &input.metrics {
        if let Some(stat) = &query.metric_stat {
            check_period(stat.period)?;
        }
    }
    crate::get_data::check(&input.metrics)?;
    Ok(Target::Math(input.metrics.clone()))
}

impl Target {
    /// Of an expression: the longest among its metrics.
    pub(super) fn period_s(&self) -> u32 {
        match self {
            Self::Single { period_s, .. } => *period_s,
            Self::Math(queries) => {
                let stats = queries
                    .iter()
                    .filter_map(|query| query.metric_stat.as_ref());
                stats.map(|stat| stat.period).max().unwrap_or(60)
            }
        }
    }
}

impl Comparison {
    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "GreaterThanOrEqualToThreshold" => Self::GreaterThanOrEqualToThreshold,
            "GreaterThanThreshold" => Self::GreaterThanThreshold,
            "LessThanThreshold" => Self::LessThanThreshold,
            "LessThanOrEqualToThreshold" => Self::LessThanOrEqualToThreshold,
            other => {
                return Err(Error::not_implemented(format!(
                    "cloudwatch: alarms with {other}"
                )));
            }
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::GreaterThanOrEqualToThreshold => "GreaterThanOrEqualToThreshold",
            Self::GreaterThanThreshold => "GreaterThanThreshold",
            Self::LessThanThreshold => "LessThanThreshold",
            Self::LessThanOrEqualToThreshold => "LessThanOrEqualToThreshold",
        }
    }
}

/// Names that mean no alarm are passed over, as on AWS.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html>
pub(crate) fn delete(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AlarmNamesInput,
) -> Result<Nothing> {
    if input.alarm_names.len() > DELETED_MAX {
        return Err(validation("At most 100 alarms can be deleted at a time."));
    }
    refuse_children(tx, context, &input.alarm_names)?;
    for name in &input.alarm_names {
        let Some(alarm) = load(tx, context, name)? else {
            continue;
        };
        history::note_configuration(
            tx,
            context,
            &alarm,
            "Delete",
            &describe::shown(context, &alarm),
        )?;
        tx.delete(ALARMS, alarm_key(&context.account, &context.region, name))?;
    }
    Ok(Nothing {})
}

fn refuse_children(tx: &Tx<'_>, context: &Context, names: &[String]) -> Result<()> {
    for parent in super::all(tx, context)? {
        let Watch::Composite(text) = &parent.watch else {
            continue;
        };
        let children = Rule::parse(text)
            .map(|rule| rule.children())
            .unwrap_or_default();
        let used = names.iter().find(|name| children.contains(name));
        if let Some(used) = used.filter(|_| !names.contains(&parent.name)) {
            return Err(validation(format!(
                "Cannot delete {used} as there are composite alarm(s) depending on it."
            )));
        }
    }
    Ok(())
}

pub(crate) fn enable_actions(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AlarmNamesInput,
) -> Result<Nothing> {
    switch_actions(tx, context, &input, true)
}

pub(crate) fn disable_actions(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AlarmNamesInput,
) -> Result<Nothing> {
    switch_actions(tx, context, &input, false)
}

fn switch_actions(
    tx: &mut Tx<'_>,
    context: &Context,
    input: &AlarmNamesInput,
    enabled: bool,
) -> Result<Nothing> {
    for name in &input.alarm_names {
        let Some(mut alarm) = load(tx, context, name)? else {
            continue;
        };
        if alarm.actions_enabled != enabled {
            alarm.actions_enabled = enabled;
            alarm.configured = context.now;
            save(tx, context, &alarm)?;
            history::note_configuration(
                tx,
                context,
                &alarm,
                "Update",
                &describe::shown(context, &alarm),
            )?;
        }
    }
    Ok(Nothing {})
}
