//! What CloudWatch stores: the on-disk format.
//!
//! A series has a number of its own, never used again; its points go by number. A point lies at exactly one
//! resolution: rolling up moves points to the next coarser one and never copies them.

use std::collections::BTreeMap;

use cumulet_kernel::{Key, Table, Timestamp};
use serde::{Deserialize, Serialize};

use super::api::{Dimension, MetricDataQuery};

/// (account, region, namespace, metric, name and value of each dimension) -> [`SeriesRecord`].
pub(super) const SERIES: Table = Table::new(800, "cloudwatch.series");
/// (series number, resolution in seconds, start in seconds, unit) -> [`Bucket`].
pub(super) const POINTS: Table = Table::new(801, "cloudwatch.points");
/// (account, region, name) -> [`AlarmRecord`].
pub(super) const ALARMS: Table = Table::new(802, "cloudwatch.alarms");
/// (account, region, alarm name, time, sequence) -> [`HistoryRecord`].
pub(super) const HISTORY: Table = Table::new(803, "cloudwatch.alarm_history");
/// (account, region) -> whether the roll-up timer lies in the outbox.
pub(super) const REGIONS: Table = Table::new(804, "cloudwatch.regions");

/// (account, name) -> [`DashboardRecord`].
pub(super) const DASHBOARDS: Table = Table::new(805, "cloudwatch.dashboards");

pub(crate) const TABLES: &[Table] = &[SERIES, POINTS, ALARMS, HISTORY, REGIONS, DASHBOARDS];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DashboardRecord {
    pub(super) body: String,
    pub(super) modified: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SeriesRecord {
    pub(super) number: u64,
    pub(super) namespace: String,
    pub(super) metric: String,
    /// Sorted by name.
    pub(super) dimensions: Vec<Dimension>,
    /// When data last arrived, within a minute.
    pub(super) latest: Timestamp,
}

/// What was measured in one stretch of time. Field names are short: there are many buckets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Bucket {
    #[serde(rename = "n")]
    pub(super) count: f64,
    #[serde(rename = "s")]
    pub(super) sum: f64,
    #[serde(rename = "l")]
    pub(super) minimum: f64,
    #[serde(rename = "h")]
    pub(super) maximum: f64,
    #[serde(rename = "d")]
    pub(super) spread: Spread,
}

/// How the values of a bucket are spread, for percentiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Spread {
    /// Values and how often each came; exact.
    #[serde(rename = "v")]
    Values(Vec<(f64, f64)>),
    /// Logarithmic bins and how many values fell in each; see `bucket.rs`.
    #[serde(rename = "b")]
    Bins(Vec<(i32, f64)>),
    /// A statistic set came without its values.
    #[serde(rename = "u")]
    Unknown,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AlarmRecord {
    pub(super) name: String,
    /// Tells this alarm's timer from that of one deleted or replaced before.
    pub(super) number: u64,
    pub(super) description: Option<String>,
    pub(super) actions_enabled: bool,
    pub(super) ok_actions: Vec<String>,
    pub(super) alarm_actions: Vec<String>,
    pub(super) insufficient_data_actions: Vec<String>,
    pub(super) watch: Watch,
    pub(super) configured: Timestamp,
    pub(super) state: AlarmState,
    pub(super) tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct AlarmState {
    pub(super) value: StateValue,
    pub(super) reason: String,
    pub(super) reason_data: Option<String>,
    pub(super) updated: Timestamp,
    pub(super) transitioned: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StateValue {
    #[serde(rename = "OK")]
    Ok,
    #[serde(rename = "ALARM")]
    Alarm,
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

/// What an alarm looks at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Watch {
    Metric(MetricWatch),
    /// The rule as it was given.
    Composite(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MetricWatch {
    pub(super) target: Target,
    pub(super) evaluation_periods: u32,
    pub(super) datapoints_to_alarm: Option<u32>,
    pub(super) threshold: f64,
    pub(super) comparison: Comparison,
    pub(super) treat_missing_data: Option<String>,
    pub(super) evaluate_low_samples: Option<String>,
}

/// The numbers an alarm compares.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Target {
    Single {
        namespace: String,
        metric: String,
        dimensions: Vec<Dimension>,
        statistic: Option<String>,
        extended_statistic: Option<String>,
        period_s: u32,
        unit: Option<String>,
    },
    Math(Vec<MetricDataQuery>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::enum_variant_names, reason = "these are AWS's names")]
pub(super) enum Comparison {
    GreaterThanOrEqualToThreshold,
    GreaterThanThreshold,
    LessThanThreshold,
    LessThanOrEqualToThreshold,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct HistoryRecord {
    pub(super) alarm_type: String,
    pub(super) item_type: String,
    pub(super) summary: String,
    pub(super) data: String,
}

pub(super) fn region_key(account: &str, region: &str) -> Key {
    Key::new().text(account).text(region)
}

pub(super) fn series_key(
    account: &str,
    region: &str,
    namespace: &str,
    metric: &str,
    dimensions: &[Dimension],
) -> Key {
    let key = region_key(account, region).text(namespace).text(metric);
    dimensions
        .iter()
        .fold(key, |key, each| key.text(&each.name).text(&each.value))
}

pub(super) fn points_prefix(series: u64, resolution_s: u32) -> Key {
    Key::new().number(series).number(u64::from(resolution_s))
}

pub(super) fn points_from(series: u64, resolution_s: u32, start_s: i64) -> Key {
    points_prefix(series, resolution_s).number(start_s.max(0).unsigned_abs())
}

pub(super) fn alarm_key(account: &str, region: &str, name: &str) -> Key {
    region_key(account, region).text(name)
}

pub(super) fn history_key(alarm: Key, at: Timestamp, sequence: u64) -> Key {
    alarm.number(at.0.max(0).unsigned_abs()).number(sequence)
}
