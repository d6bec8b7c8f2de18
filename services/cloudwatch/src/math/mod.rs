//! Metric math: expressions over series of numbers.
//!
//! A value is a number, a series by time, or an array of series. Operators work point by point: where a
//! series has no point, neither has the result. Functions that reach beyond the given metrics (SEARCH,
//! anomaly detection, quotas, insight rules) are refused by name.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>

mod evaluate;
mod functions;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(super) use parse::parse;

use super::get_data::Window;

/// Points by time in seconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    pub(super) period_s: u32,
    pub(super) points: BTreeMap<i64, f64>,
}

impl Series {
    /// The same number at every period of the window.
    pub(super) fn constant(number: f64, period_s: u32, window: Window) -> Self {
        let points = times(period_s, window).map(|at_s| (at_s, number)).collect();
        Self { period_s, points }
    }
}

/// The periods of a window.
pub(super) fn times(period_s: u32, window: Window) -> impl Iterator<Item = i64> {
    let step = usize::try_from(period_s.max(1)).unwrap_or(1);
    (window.align(window.start_s, period_s)..window.end_s).step_by(step)
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Series(Series),
    /// Series with the ids they go by.
    Array(Vec<(String, Series)>),
    Text(String),
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Wrong(String),
    NotBuilt(String),
}

pub(super) fn wrong(why: impl Into<String>) -> Fault {
    Fault::Wrong(why.into())
}

/// What an expression may refer to.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    pub(super) known: &'a BTreeMap<String, Value>,
    /// What `METRICS()` means.
    pub(super) metric_ids: &'a [&'a str],
    pub(super) period_s: u32,
    pub(super) window: Window,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Text(String),
    Name(String),
    Array(Vec<Expression>),
    Call(String, Vec<Expression>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

impl Expression {
    /// The ids it refers to.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Name(name) => vec![name],
            // FILL's filler and SORT's order may be words that are no ids.
            Self::Call(name, arguments) if name == "FILL" || name == "SORT" => {
                let ids = arguments.iter().filter(|each| !is_word(each));
                ids.flat_map(Self::names).collect()
            }
            Self::Array(all) | Self::Call(_, all) => all.iter().flat_map(Self::names).collect(),
            Self::Not(inner) | Self::Negative(inner) => inner.names(),
            Self::Binary(_, left, right) => left.names().into_iter().chain(right.names()).collect(),
            Self::Number(_) | Self::Text(_) => Vec::new(),
        }
    }
}

/// Ids begin in lower case; REPEAT, LINEAR, SUM and DESC do not.
fn is_word(expression: &Expression) -> bool {
    matches!(expression, Expression::Name(name) if name.starts_with(|first: char| first.is_ascii_uppercase()))
}
