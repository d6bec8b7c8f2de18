//! CloudWatch alarms.

use serde_json::{Value, json};

use crate::Expression;
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
    pub statistic: &'static str,
    pub period_s: u32,
    /// Periods in a row that must break the threshold.
    pub periods: u32,
    pub comparison: Comparison,
    pub threshold: f64,
    pub missing_data: MissingData,
    pub actions: Vec<Expression>,
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
            statistic: "Sum",
            period_s: 300,
            periods: 1,
            comparison: Comparison::AtLeast,
            threshold,
            missing_data: MissingData::NotBreaching,
            actions: vec![],
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
    type Handle = ();

    fn add_to(self, stack: &mut Stack, id: &str) {
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
            .with("Statistic", self.statistic)
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
    }
}
