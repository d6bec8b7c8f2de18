//! Why a metric alarm is in its state, in AWS's words and as data.

use cumulet_kernel::Timestamp;
use serde_json::{Map, Value, json};

use super::verdict::{Treatment, Verdict};
use crate::state::{Comparison, MetricWatch, StateValue, Target};

/// A period as the alarm saw it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) start_s: i64,
    pub(super) value: f64,
    pub(super) sample_count: Option<f64>,
    pub(super) breaches: bool,
}

/// `Threshold Crossed: 1 datapoint [21.5 (18/11/23 16:05:00)] was greater than the threshold (21.0).`
/// `seen` are the evaluated datapoints, the newest first.
pub(super) fn reason(
    watch: &MetricWatch,
    verdict: Verdict,
    treatment: Treatment,
    seen: &[Seen],
    before: StateValue,
    now: StateValue,
) -> String {
    if now == StateValue::InsufficientData {
        let periods = watch.evaluation_periods;
        return format!(
            "Insufficient Data: {} unknown.",
            counted(periods, "datapoint")
        );
    }
    let filled = u32::try_from(verdict.filled).unwrap_or(u32::MAX);
    let treated = format!(
        "{} treated as [{}]",
        counted(filled, "missing datapoint"),
        treatment.text()
    );
    if seen.is_empty() {
        let periods = watch.evaluation_periods;
        let periods = if periods == 1 {
            "1 period".to_owned()
        } else {
            format!("{periods} periods")
        };
        return format!(
            "Threshold Crossed: no datapoints were received for {periods} and {treated}."
        );
    }
    let is_alarm = now == StateValue::Alarm;
    let telling: Vec<&Seen> = seen
        .iter()
        .filter(|each| each.breaches == is_alarm)
        .collect();
    let listed: Vec<String> = telling
        .iter()
        .map(|each| format!("{:?} ({})", each.value, short_date(each.start_s)))
        .collect();
    let count = u32::try_from(telling.len()).unwrap_or(u32::MAX);
    let not = if is_alarm { "" } else { "not " };
    let verb = if count == 1 { "was" } else { "were" };
    let compared = format!(
        "[{}] {verb} {not}{} the threshold ({:?})",
        listed.join(", "),
        watch.comparison.words(),
        watch.threshold
    );
    if verdict.filled > 0 {
        let datapoints = if count == 1 {
            "datapoint"
        } else {
            "datapoints"
        };
        return format!("Threshold Crossed: {count} {datapoints} {compared} and {treated}.");
    }
    let Some(to_alarm) = watch.datapoints_to_alarm else {
        let datapoints = if count == 1 {
            "datapoint"
        } else {
            "datapoints"
        };
        return format!("Threshold Crossed: {count} {datapoints} {compared}.");
    };
    let needed = if is_alarm {
        to_alarm
    } else {
        watch.evaluation_periods + 1 - to_alarm
    };
    let datapoints = if needed == 1 {
        "datapoint"
    } else {
        "datapoints"
    };
    format!(
        "Threshold Crossed: {count} out of the last {} datapoints {compared} (minimum {needed} {datapoints} for {} -> {} transition).",
        watch.evaluation_periods,
        before.text(),
        now.text()
    )
}

/// `1 datapoint was`, `2 datapoints were`.
fn counted(count: u32, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun} was")
    } else {
        format!("{count} {noun}s were")
    }
}

/// The same as data; `seen` the newest first.
pub(super) fn reason_data(watch: &MetricWatch, seen: &[Seen], now: Timestamp) -> String {
    let mut data = Map::new();
    data.insert("version".into(), "1.0".into());
    data.insert("queryDate".into(), iso(now).into());
    if let Some(oldest) = seen.last() {
        data.insert(
            "startDate".into(),
            iso(Timestamp::from_seconds(oldest.start_s)).into(),
        );
    }
    if let Target::Single {
        statistic,
        extended_statistic,
        period_s,
        unit,
        ..
    } = &watch.target
    {
        if let Some(unit) = unit {
            data.insert("unit".into(), unit.clone().into());
        }
        let statistic = statistic.as_ref().or(extended_statistic.as_ref());
        data.insert("statistic".into(), statistic.cloned().into());
        data.insert("period".into(), (*period_s).into());
    }
    let recent: Vec<f64> = seen.iter().rev().map(|each| each.value).collect();
    data.insert("recentDatapoints".into(), json!(recent));
    data.insert("threshold".into(), json!(watch.threshold));
    let evaluated: Vec<Value> = seen.iter().map(evaluated).collect();
    data.insert("evaluatedDatapoints".into(), evaluated.into());
    Value::Object(data).to_string()
}

fn evaluated(seen: &Seen) -> Value {
    let mut datapoint = json!({
        "timestamp": iso(Timestamp::from_seconds(seen.start_s)),
        "value": seen.value,
    });
    if let Some(count) = seen.sample_count {
        datapoint["sampleCount"] = json!(count);
    }
    datapoint
}

impl Treatment {
    fn text(self) -> &'static str {
        match self {
            Self::Missing => "Missing",
            Self::Ignore => "Ignore",
            Self::Breaching => "Breaching",
            Self::NotBreaching => "NonBreaching",
        }
    }
}

impl Comparison {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::GreaterThanOrEqualToThreshold => "greater than or equal to",
            Self::GreaterThanThreshold => "greater than",
            Self::LessThanThreshold => "less than",
            Self::LessThanOrEqualToThreshold => "less than or equal to",
        }
    }

    pub(super) fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterThanOrEqualToThreshold => value >= threshold,
            Self::GreaterThanThreshold => value > threshold,
            Self::LessThanThreshold => value < threshold,
            Self::LessThanOrEqualToThreshold => value <= threshold,
        }
    }
}

/// `2026-11-21T08:40:34.000+0000`.
pub(super) fn iso(at: Timestamp) -> String {
    zoned(at).strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

/// `21/11/26 08:40:34`.
fn short_date(at_s: i64) -> String {
    zoned(Timestamp::from_seconds(at_s))
        .strftime("%d/%m/%y %H:%M:%S")
        .to_string()
}

/// `Saturday 21 November, 2026 08:40:34 UTC`.
pub(super) fn long_date(at: Timestamp) -> String {
    zoned(at).strftime("%A %d %B, %Y %H:%M:%S UTC").to_string()
}

fn zoned(at: Timestamp) -> jiff::Zoned {
    let at = jiff::Timestamp::from_millisecond(at.milliseconds()).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::UTC)
}
