//! The value of an expression for a row.

use super::aggregate::Groups;
use super::expression::{Arithmetic, Expression};
use super::function::{self, Function};
use super::row::Row;
use super::value::Value;

/// What an expression may look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'r> {
    pub(super) row: &'r Row,
    /// Results of the aggregations of a `stats` command.
    pub(super) aggregated: &'r [Value],
    pub(super) now_ms: i64,
}

impl<'r> Scope<'r> {
    pub(super) fn of(row: &'r Row, now_ms: i64) -> Self {
        Self {
            row,
            aggregated: &[],
            now_ms,
        }
    }

    pub(super) fn evaluate(&self, expression: &Expression) -> Value {
        match expression {
            Expression::Field(name) => self.row.field(name),
            Expression::Literal(value) => value.clone(),
            Expression::Period(period_ms) => Value::Number(*period_ms as f64),
            Expression::Call(function, arguments) => self.call(*function, arguments),
            Expression::Named(name, inner) => match self.row.made(name) {
                Some(value) => value.clone(),
                None => self.evaluate(inner),
            },
            Expression::Aggregate(at) => {
                self.aggregated.get(*at).cloned().unwrap_or(Value::Missing)
            }
            Expression::Not(inner) => Value::Flag(!self.evaluate(inner).is_true()),
            Expression::All(all) => Value::Flag(all.iter().all(|one| self.holds(one))),
            Expression::Any(any) => Value::Flag(any.iter().any(|one| self.holds(one))),
            Expression::Compare(wanted, sides) => {
                let (left, right) = (self.evaluate(&sides[0]), self.evaluate(&sides[1]));
                Value::Flag(left.compares(&right, wanted))
            }
            Expression::Arithmetic(operator, sides) => self.arithmetic(*operator, sides),
            Expression::Like(value, regex) => {
                let found = self.evaluate(value).shown();
                Value::Flag(found.is_some_and(|text| regex.is_match(&text)))
            }
            Expression::In(value, listed) => {
                let found = self.evaluate(value);
                let is_listed = listed
                    .iter()
                    .any(|one| found.compares(&self.evaluate(one), &[std::cmp::Ordering::Equal]));
                Value::Flag(is_listed)
            }
        }
    }

    pub(super) fn holds(&self, expression: &Expression) -> bool {
        self.evaluate(expression).is_true()
    }

    fn arithmetic(&self, operator: Arithmetic, sides: &[Expression; 2]) -> Value {
        let number = |side: &Expression| self.evaluate(side).number();
        let (Some(left), Some(right)) = (number(&sides[0]), number(&sides[1])) else {
            return Value::Missing;
        };
        let result = match operator {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Divide => left / right,
            Arithmetic::Remainder => left % right,
            Arithmetic::Power => left.powf(right),
        };
        if result.is_finite() {
            Value::Number(result)
        } else {
            Value::Missing
        }
    }

    fn call(&self, function: Function, arguments: &[Expression]) -> Value {
        let period_ms = |at: usize| match arguments.get(at) {
            Some(Expression::Period(period_ms)) => Some(*period_ms),
            _ => None,
        };
        match function {
            Function::Now => Value::Number((self.now_ms / 1000) as f64),
            Function::Bin => aligned(&self.row.field("@timestamp"), period_ms(0), false),
            Function::DateFloor => aligned(&self.evaluate(&arguments[0]), period_ms(1), false),
            Function::DateCeil => aligned(&self.evaluate(&arguments[0]), period_ms(1), true),
            _ => {
                let values: Vec<Value> = arguments.iter().map(|one| self.evaluate(one)).collect();
                function::apply(function, &values)
            }
        }
    }
}

/// The beginning of the period that a time lies in, or of the next one.
fn aligned(value: &Value, period_ms: Option<i64>, up: bool) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "a time in milliseconds")]
    let time_ms = value.number().map(|number| number as i64);
    let (Some(time_ms), Some(period_ms)) = (time_ms, period_ms) else {
        return Value::Missing;
    };
    let floor = time_ms.div_euclid(period_ms) * period_ms;
    Value::Time(if up && floor < time_ms {
        floor + period_ms
    } else {
        floor
    })
}

/// The groups of a `stats` command as rows: by what they are grouped, then what was aggregated.
pub(super) fn rows(groups: Groups, now_ms: i64) -> Vec<Row> {
    let (stats, groups) = groups.finished();
    let row = |(keys, aggregated): (Vec<Value>, Vec<Value>)| {
        let names = stats.by.iter().map(|column| column.name.clone());
        let mut row = Row::of(names.zip(keys).collect());
        for column in &stats.columns {
            let scope = Scope {
                row: &row,
                aggregated: &aggregated,
                now_ms,
            };
            let value = scope.evaluate(&column.expression);
            row.set(&column.name, value);
        }
        row
    };
    groups.into_iter().map(row).collect()
}
