//! Aggregations of `stats`: one state a group, fed row by row.

use std::collections::{BTreeSet, HashMap};

use super::command::{Column, Stats};
use super::evaluate::Scope;
use super::expression::Expression;
use super::row::Row;
use super::value::Value;

#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    kind: Kind,
    argument: Option<Expression>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Count,
    CountDistinct,
    Sum,
    Average,
    Minimum,
    Maximum,
    Percentile(f64),
    Deviation,
    Earliest,
    Latest,
    SortsFirst,
    SortsLast,
}

impl Aggregate {
    /// The aggregation that a name and its arguments mean; `min` and `max` of one argument included.
    pub(super) fn named(name: &str, arguments: &[Expression]) -> Option<Self> {
        let kind = match (name.to_ascii_lowercase().as_str(), arguments) {
            ("count", [] | [_]) => Kind::Count,
            ("count_distinct", [_]) => Kind::CountDistinct,
            ("sum", [_]) => Kind::Sum,
            ("avg", [_]) => Kind::Average,
            ("min", [_]) => Kind::Minimum,
            ("max", [_]) => Kind::Maximum,
            ("median", [_]) => Kind::Percentile(50.0),
            ("stddev", [_]) => Kind::Deviation,
            ("earliest", [_]) => Kind::Earliest,
            ("latest", [_]) => Kind::Latest,
            ("sortsfirst", [_]) => Kind::SortsFirst,
            ("sortslast", [_]) => Kind::SortsLast,
            ("pct" | "percentile", [_, Expression::Literal(Value::Number(percent))])
                if (0.0..=100.0).contains(percent) =>
            {
                Kind::Percentile(*percent)
            }
            _ => return None,
        };
        Some(Self {
            kind,
            argument: arguments.first().cloned(),
        })
    }
}

/// What has been seen of one aggregation in one group.
#[derive(Clone, Debug, Default)]
struct Seen {
    count: f64,
    numbers: Vec<f64>,
    sum: f64,
    distinct: BTreeSet<String>,
    /// With the time it was seen at.
    first: Option<(i64, Value)>,
    last: Option<(i64, Value)>,
    least: Option<Value>,
    greatest: Option<Value>,
}

impl Seen {
    fn take(&mut self, kind: Kind, at_ms: i64, value: Value) {
        self.count += 1.0;
        match kind {
            Kind::Count => {}
            Kind::CountDistinct => _ = self.distinct.insert(value.text()),
            Kind::Sum | Kind::Average => self.sum += value.number().unwrap_or_default(),
            Kind::Percentile(_) | Kind::Deviation => self.numbers.extend(value.number()),
            Kind::Minimum | Kind::Maximum | Kind::SortsFirst | Kind::SortsLast => {
                if self
                    .least
                    .as_ref()
                    .is_none_or(|least| value.order(least).is_lt())
                {
                    self.least = Some(value.clone());
                }
                if self
                    .greatest
                    .as_ref()
                    .is_none_or(|greatest| value.order(greatest).is_gt())
                {
                    self.greatest = Some(value);
                }
            }
            Kind::Earliest | Kind::Latest => {
                if self
                    .first
                    .as_ref()
                    .is_none_or(|(first_ms, _)| at_ms < *first_ms)
                {
                    self.first = Some((at_ms, value.clone()));
                }
                if self
                    .last
                    .as_ref()
                    .is_none_or(|(last_ms, _)| at_ms >= *last_ms)
                {
                    self.last = Some((at_ms, value));
                }
            }
        }
    }

    fn result(mut self, kind: Kind) -> Value {
        let of = |value: Option<Value>| value.unwrap_or(Value::Missing);
        let number = |number: Option<f64>| number.map_or(Value::Missing, Value::Number);
        match kind {
            Kind::Count => Value::Number(self.count),
            Kind::CountDistinct => Value::Number(self.distinct.len() as f64),
            Kind::Sum => number((self.count > 0.0).then_some(self.sum)),
            Kind::Average => number((self.count > 0.0).then(|| self.sum / self.count)),
            Kind::Minimum | Kind::SortsFirst => of(self.least),
            Kind::Maximum | Kind::SortsLast => of(self.greatest),
            Kind::Earliest => of(self.first.map(|(_, value)| value)),
            Kind::Latest => of(self.last.map(|(_, value)| value)),
            Kind::Percentile(percent) => number(percentile(&mut self.numbers, percent)),
            Kind::Deviation => number(deviation(&self.numbers)),
        }
    }
}

/// The smallest value that so many percent of all do not exceed.
fn percentile(numbers: &mut [f64], percent: f64) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * numbers.len() as f64).ceil().max(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank between one and the number of values"
    )]
    numbers.get(rank as usize - 1).copied()
}

fn deviation(numbers: &[f64]) -> Option<f64> {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    (!numbers.is_empty()).then(|| (squares / count).sqrt())
}

/// The groups of a `stats` command, in the order they were first seen.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    stats: Stats,
    places: HashMap<Vec<String>, usize>,
    groups: Vec<(Vec<Value>, Vec<Seen>)>,
}

impl Groups {
    pub(super) fn of(stats: Stats) -> Self {
        Self {
            stats,
            places: HashMap::new(),
            groups: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, row: &Row, now_ms: i64) {
        let scope = Scope::of(row, now_ms);
        let value = |column: &Column| scope.evaluate(&column.expression);
        let keys: Vec<Value> = self.stats.by.iter().map(value).collect();
        let texts = keys.iter().map(Value::text).collect();
        let place = *self.places.entry(texts).or_insert_with(|| {
            let blank = vec![Seen::default(); self.stats.aggregates.len()];
            self.groups.push((keys, blank));
            self.groups.len() - 1
        });
        let Some((_, seen)) = self.groups.get_mut(place) else {
            return;
        };
        let at_ms = row.time_ms();
        for (aggregate, seen) in self.stats.aggregates.iter().zip(seen) {
            let value = match &aggregate.argument {
                None => Value::Flag(true),
                Some(argument) => scope.evaluate(argument),
            };
            if !value.is_missing() {
                seen.take(aggregate.kind, at_ms, value);
            }
        }
    }

    /// The command, and the keys and results of each group. Without `by` there is always one group.
    pub(super) fn finished(mut self) -> (Stats, Vec<(Vec<Value>, Vec<Value>)>) {
        if self.groups.is_empty() && self.stats.by.is_empty() {
            let blank = vec![Seen::default(); self.stats.aggregates.len()];
            self.groups.push((Vec::new(), blank));
        }
        let stats = self.stats;
        let results = |seen: Vec<Seen>| {
            let kinds = stats.aggregates.iter().map(|aggregate| aggregate.kind);
            seen.into_iter()
                .zip(kinds)
                .map(|(seen, kind)| seen.result(kind))
                .collect()
        };
        let groups = self.groups.into_iter();
        let groups = groups.map(|(keys, seen)| (keys, results(seen))).collect();
        (stats, groups)
    }
}
