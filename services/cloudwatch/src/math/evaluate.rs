//! What an expression is worth.

use std::collections::BTreeMap;

use super::{Expression, Fault, Operator, Scope, Series, Value, functions, wrong};

impl Expression {
    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Fault> {
        match self {
            Self::Number(number) => Ok(Value::Number(*number)),
            Self::Text(text) => Ok(Value::Text(text.clone())),
            Self::Name(name) => named(scope, name),
            Self::Array(all) => array(scope, all),
            Self::Call(name, arguments) => functions::call(scope, name, arguments),
            Self::Negative(inner) => inner.evaluate(scope)?.map(|value| -value),
            Self::Not(inner) => inner.evaluate(scope)?.map(|value| truth(value == 0.0)),
            Self::Binary(operator, left, right) => {
                combine(*operator, left.evaluate(scope)?, right.evaluate(scope)?)
            }
        }
    }
}

fn named(scope: &Scope<'_>, name: &str) -> Result<Value, Fault> {
    let known = scope.known.get(name).cloned();
    known.ok_or_else(|| wrong(format!("Undefined variable '{name}'.")))
}

fn array(scope: &Scope<'_>, all: &[Expression]) -> Result<Value, Fault> {
    let mut series = Vec::new();
    for each in all {
        let name = each
            .names()
            .first()
            .map_or_else(String::new, |name| (*name).to_owned());
        match each.evaluate(scope)? {
            Value::Series(one) => series.push((name, one)),
            Value::Array(more) => series.extend(more),
            Value::Number(number) => {
                series.push((name, Series::constant(number, scope.period_s, scope.window)));
            }
            Value::Text(_) => return Err(wrong("A text cannot be in an array of time series.")),
        }
    }
    Ok(Value::Array(series))
}

pub(super) fn truth(value: bool) -> f64 {
    if value { 1.0 } else { 0.0 }
}

impl Value {
    /// The same with every number changed.
    pub(super) fn map(self, change: impl Fn(f64) -> f64) -> Result<Self, Fault> {
        self.each_series(&change, |series| Series {
            points: series
                .points
                .into_iter()
                .map(|(at_s, value)| (at_s, change(value)))
                .collect(),
            ..series
        })
    }

    pub(super) fn each_series(
        self,
        number: impl Fn(f64) -> f64,
        change: impl Fn(Series) -> Series,
    ) -> Result<Self, Fault> {
        Ok(match self {
            Self::Number(value) => Self::Number(number(value)),
            Self::Series(series) => Self::Series(change(series)),
            Self::Array(all) => Self::Array(
                all.into_iter()
                    .map(|(name, series)| (name, change(series)))
                    .collect(),
            ),
            Self::Text(_) => return Err(wrong("A text is no number.")),
        })
    }
}

fn combine(operator: Operator, left: Value, right: Value) -> Result<Value, Fault> {
    let apply = |left: f64, right: f64| apply(operator, left, right);
    Ok(match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            apply(left, right).map_or(Value::Number(f64::NAN), Value::Number)
        }
        (Value::Series(left), Value::Series(right)) => Value::Series(joined(left, &right, apply)),
        (Value::Series(left), Value::Number(right)) => {
            Value::Series(kept(left, |left| apply(left, right)))
        }
        (Value::Number(left), Value::Series(right)) => {
            Value::Series(kept(right, |right| apply(left, right)))
        }
        (Value::Array(left), Value::Series(right)) => Value::Array(
            left.into_iter()
                .map(|(name, left)| (name, joined(left, &right, apply)))
                .collect(),
        ),
        (Value::Series(left), Value::Array(right)) => Value::Array(
            right
                .into_iter()
                .map(|(name, right)| (name, joined(left.clone(), &right, apply)))
                .collect(),
        ),
        (Value::Array(left), Value::Number(right)) => Value::Array(
            left.into_iter()
                .map(|(name, left)| (name, kept(left, |left| apply(left, right))))
                .collect(),
        ),
        (Value::Number(left), Value::Array(right)) => Value::Array(
            right
                .into_iter()
                .map(|(name, right)| (name, kept(right, |right| apply(left, right))))
                .collect(),
        ),
        (Value::Array(_), Value::Array(_)) => {
            return Err(wrong("Two arrays of time series cannot be combined."));
        }
        (Value::Text(_), _) | (_, Value::Text(_)) => return Err(wrong("A text is no number.")),
    })
}

fn joined(left: Series, right: &Series, apply: impl Fn(f64, f64) -> Option<f64>) -> Series {
    let points: BTreeMap<i64, f64> = left
        .points
        .into_iter()
        .filter_map(|(at_s, value)| Some((at_s, apply(value, *right.points.get(&at_s)?)?)))
        .collect();
    Series {
        period_s: left.period_s.max(right.period_s),
        points,
    }
}

fn kept(series: Series, apply: impl Fn(f64) -> Option<f64>) -> Series {
    let points = series
        .points
        .into_iter()
        .filter_map(|(at_s, value)| Some((at_s, apply(value)?)));
    Series {
        period_s: series.period_s,
        points: points.collect(),
    }
}

/// `None`: there is no such point, as where a divisor is zero.
fn apply(operator: Operator, left: f64, right: f64) -> Option<f64> {
    let value = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Power => left.powf(right),
        Operator::Equal => truth(left == right),
        Operator::NotEqual => truth(left != right),
        Operator::Less => truth(left < right),
        Operator::LessOrEqual => truth(left <= right),
        Operator::Greater => truth(left > right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::And => truth(left != 0.0 && right != 0.0),
        Operator::Or => truth(left != 0.0 || right != 0.0),
    };
    value.is_finite().then_some(value)
}
