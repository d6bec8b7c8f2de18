//! What a field holds, and how values compare and read.

use std::cmp::Ordering;

use jiff::tz::TimeZone;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// The event has no such field.
    Missing,
    Number(f64),
    Text(String),
    Flag(bool),
    /// Milliseconds since the epoch.
    Time(i64),
}

impl Value {
    /// A value found in an event, a number where it reads as one.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite()),
            Self::Flag(flag) => Some(f64::from(u8::from(*flag))),
            Self::Time(time_ms) => Some(*time_ms as f64),
            Self::Missing => None,
        }
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Flag(flag) => *flag,
            Self::Number(number) => *number != 0.0,
            Self::Text(text) => text == "true" || text == "1",
            Self::Missing | Self::Time(_) => false,
        }
    }

    pub(super) fn is_missing(&self) -> bool {
        *self == Self::Missing
    }

    /// As results show it; nothing for what is missing.
    pub(super) fn shown(&self) -> Option<String> {
        match self {
            Self::Missing => None,
            Self::Number(number) => Some(plain(*number)),
            Self::Text(text) => Some(text.clone()),
            Self::Flag(flag) => Some(u8::from(*flag).to_string()),
            Self::Time(time_ms) => Some(time(*time_ms)),
        }
    }

    pub(super) fn text(&self) -> String {
        self.shown().unwrap_or_default()
    }

    /// Numbers by size, everything else as text; what is missing comes before all.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self.is_missing(), other.is_missing()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        match (self.number(), other.number()) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            _ => self.text().cmp(&other.text()),
        }
    }

    /// Whether the two stand so to each other; never where one of them is missing.
    pub(super) fn compares(&self, other: &Self, wanted: &[Ordering]) -> bool {
        !self.is_missing() && !other.is_missing() && wanted.contains(&self.order(other))
    }
}

impl From<&serde_json::Value> for Value {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Missing,
            serde_json::Value::Bool(flag) => Self::Flag(*flag),
            serde_json::Value::Number(number) => number
                .as_f64()
                .map_or_else(|| Self::Text(number.to_string()), Self::Number),
            serde_json::Value::String(text) => Self::Text(text.clone()),
            other => Self::Text(other.to_string()),
        }
    }
}

/// A number without a fraction it has not.
fn plain(number: f64) -> String {
    format!("{number}")
}

/// `2026-11-21 11:17:14.000`.
pub(super) fn time(time_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(time_ms).unwrap_or_default();
    let at = at.to_zoned(TimeZone::UTC);
    at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}
