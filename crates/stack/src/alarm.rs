//! CloudWatch alarms.

use serde_json::{Value, json};

use crate::Expression;
use crate::grant::{Grant, Statement};
use crate::properties::Properties;
use crate::stack::{Resource, Stack};

/// A metric, as it is named in CloudWatch.
#[derive(Clone, Debug)]
pub struct Metric {
    pub namespace: String,
    pub name: &'static str,
    pub dimensions: Vec<(&'static str, Expression)>,
}

/// An alarm on one metric (`AWS::CloudWatch::Alarm`).
#[derive(Clone, Debug)]
pub struct Alarm {
    pub name: Option<Expression>,
    pub description: &'static str,
    pub metric: Metric,
    pub statistic: Statistic,
    pub period_s: u32,
    /// Periods in a row that must break the threshold.
    pub periods: u32,
    pub comparison: Comparison,
    pub threshold: f64,
    pub missing_data: MissingData,
    pub actions: Vec<Expression>,
}

/// What is made of the values of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    Average,
    Maximum,
    Minimum,
    SampleCount,
    Sum,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    AtLeast,
    Above,
    AtMost,
    Below,
}

/// What a period without data counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingData {
    Missing,
    NotBreaching,
    Breaching,
    Ignore,
}

impl Alarm {
    /// The sum of a metric over five minutes reaches the threshold. Silence is not an alarm.
    #[must_use]
    pub fn on_sum(metric: Metric, threshold: f64) -> Self {
        Self {
            name: None,
            description: "",
            metric,
            statistic: Statistic::Sum,
            period_s: 300,
            periods: 1,
            comparison: Comparison::AtLeast,
            threshold,
            missing_data: MissingData::NotBreaching,
            actions: vec![],
        }
    }

    /// The average of a metric reaches the threshold in that many periods of five minutes in a row.
    #[must_use]
    pub fn on_average(metric: Metric, threshold: f64, periods: u32) -> Self {
        Self {
            statistic: Statistic::Average,
            periods,
            ..Self::on_sum(metric, threshold)
        }
    }
}

#[derive(Clone, Debug)]
pub struct AlarmHandle {
    id: String,
}

impl AlarmHandle {
    #[must_use]
    pub fn name(&self) -> Expression {
        Expression::reference(&self.id)
    }

    #[must_use]
    pub fn arn(&self) -> Expression {
        Expression::attribute(&self.id, "Arn")
    }
}

/// May read the states of alarms: all of them, because the account's alarms are described as a whole.
#[must_use]
pub fn alarm_states() -> Grant {
    Statement::allow(&["cloudwatch:DescribeAlarms"], vec!["*".into()]).into()
}

impl Statistic {
    fn word(self) -> &'static str {
        match self {
            Self::Average => "Average",
            Self::Maximum => "Maximum",
            Self::Minimum => "Minimum",
            Self::SampleCount => "SampleCount",
            Self::Sum => "Sum",
        }
    }
}

impl Comparison {
    fn operator(self) -> &'static str {
        match self {
            Self::AtLeast => "GreaterThanOrEqualToThreshold",
            Self::Above => "GreaterThanThreshold",
            Self::AtMost => "LessThanOrEqualToThreshold",
            Self::Below => "LessThanThreshold",
        }
    }
}

impl MissingData {
    fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotBreaching => "notBreaching",
            Self::Breaching => "breaching",
            Self::Ignore => "ignore",
        }
    }
}

impl Resource for Alarm {
    type Handle = AlarmHandle;

    fn add_to(self, stack: &mut Stack, id: &str) -> AlarmHandle {
        let dimensions = self.metric.dimensions.iter();
        let dimensions: Vec<Value> = dimensions
            .map(|(name, value)| json!({ "Name": name, "Value": value }))
            .collect();
        let properties = Properties::new()
            .with_some("AlarmName", self.name.as_ref())
            .with_text("AlarmDescription", self.description)
            .with("Namespace", self.metric.namespace)
            .with("MetricName", self.metric.name)
            .with_list("Dimensions", dimensions)
            .with("Statistic", self.statistic.word())
            .with("Period", self.period_s)
            .with("EvaluationPeriods", self.periods)
            .with("ComparisonOperator", self.comparison.operator())
            .with("Threshold", self.threshold)
            .with("TreatMissingData", self.missing_data.word())
            .with_list(
                "AlarmActions",
                self.actions.iter().map(Expression::to_value).collect(),
            );
        stack.insert(id, "AWS::CloudWatch::Alarm", properties);
        AlarmHandle { id: id.to_owned() }
    }
}
