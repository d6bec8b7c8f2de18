//! The functions of metric math.

use std::collections::BTreeMap;

use cumulet_kernel::Timestamp;

use super::{Expression, Fault, Scope, Series, Value, times, wrong};

/// What reaches beyond the metrics that were asked for.
const NOT_BUILT: [&str; 7] = [
    "SEARCH",
    "ANOMALY_DETECTION_BAND",
    "SERVICE_QUOTA",
    "INSIGHT_RULE_METRIC",
    "DB_PERF_INSIGHTS",
    "LAMBDA",
    "FORECAST",
];

pub(super) fn call(
    scope: &Scope<'_>,
    name: &str,
    arguments: &[Expression],
) -> Result<Value, Fault> {
    match name {
        _ if NOT_BUILT.contains(&name) => Err(Fault::NotBuilt(name.to_owned())),
        "METRICS" => metrics(scope, arguments),
        "FILL" => fill(scope, arguments),
        "IF" => choose(scope, arguments),
        "TIME_SERIES" => time_series(scope, arguments),
        "SLICE" => slice(scope, arguments),
        "SORT" => sort(scope, arguments),
        "PERIOD" => period(one(scope, name, arguments)?),
        "METRIC_COUNT" => metric_count(one(scope, name, arguments)?),
        "MIN" | "MAX" if arguments.len() == 2 => of_two(scope, name, arguments),
        "AVG" | "SUM" | "MIN" | "MAX" | "STDDEV" | "DATAPOINT_COUNT" | "FIRST" | "LAST" => {
            summary(name, one(scope, name, arguments)?)
        }
        _ => by_point(name, one(scope, name, arguments)?),
    }
}

fn one(scope: &Scope<'_>, name: &str, arguments: &[Expression]) -> Result<Value, Fault> {
    match arguments {
        [argument] => argument.evaluate(scope),
        _ => Err(wrong(format!("{name} takes one argument."))),
    }
}

fn metrics(scope: &Scope<'_>, arguments: &[Expression]) -> Result<Value, Fault> {
    let part = match arguments {
        [] => "",
        [Expression::Text(part)] => part,
        _ => return Err(wrong("METRICS takes a text or nothing.")),
    };
    let ids = scope.metric_ids.iter().filter(|id| id.contains(part));
    let series = ids.filter_map(|id| match scope.known.get(*id) {
        Some(Value::Series(series)) => Some(((*id).to_owned(), series.clone())),
        _ => None,
    });
    Ok(Value::Array(series.collect()))
}

/// Functions that work on each point, or on each with the one before.
fn by_point(name: &str, value: Value) -> Result<Value, Fault> {
    match name {
        "ABS" => value.map(f64::abs),
        "CEIL" => value.map(f64::ceil),
        "FLOOR" => value.map(f64::floor),
        "LOG" => value.each_series(f64::ln, |series| finite(series, f64::ln)),
        "LOG10" => value.each_series(f64::log10, |series| finite(series, f64::log10)),
        "DIFF" => value.each_series(
            |_| 0.0,
            |series| with_previous(series, |now, before, _| now - before),
        ),
        "DIFF_TIME" => value.each_series(
            |_| 0.0,
            |series| with_previous(series, |_, _, elapsed_s| elapsed_s),
        ),
        "RATE" => value.each_series(
            |_| 0.0,
            |series| with_previous(series, |now, before, elapsed_s| (now - before) / elapsed_s),
        ),
        "RUNNING_SUM" => value.each_series(|number| number, running_sum),
        "REMOVE_EMPTY" => match value {
            Value::Array(all) => Ok(Value::Array(
                all.into_iter()
                    .filter(|(_, series)| !series.points.is_empty())
                    .collect(),
            )),
            _ => Err(wrong("REMOVE_EMPTY takes an array of time series.")),
        },
        "MINUTE" | "HOUR" | "DAY" | "DATE" | "MONTH" | "YEAR" | "EPOCH" => value.each_series(
            |_| f64::NAN,
            |series| by_time(series, |at_s| of_time(name, at_s)),
        ),
        _ => Err(wrong(format!("Unknown function '{name}'."))),
    }
}

fn finite(series: Series, change: impl Fn(f64) -> f64) -> Series {
    let points = series
        .points
        .into_iter()
        .map(|(at_s, value)| (at_s, change(value)));
    Series {
        points: points.filter(|(_, value)| value.is_finite()).collect(),
        ..series
    }
}

fn with_previous(series: Series, change: impl Fn(f64, f64, f64) -> f64) -> Series {
    let following = series.points.iter().zip(series.points.iter().skip(1));
    let points = following
        .map(|((before_s, before), (at_s, now))| {
            (*at_s, change(*now, *before, (at_s - before_s) as f64))
        })
        .collect();
    Series { points, ..series }
}

fn running_sum(series: Series) -> Series {
    let mut sum = 0.0;
    let points = series.points.into_iter().map(|(at_s, value)| {
        sum += value;
        (at_s, sum)
    });
    Series {
        points: points.collect(),
        ..series
    }
}

fn by_time(series: Series, change: impl Fn(i64) -> f64) -> Series {
    let points = series.points.into_keys().map(|at_s| (at_s, change(at_s)));
    Series {
        points: points.collect(),
        ..series
    }
}

fn of_time(name: &str, at_s: i64) -> f64 {
    let at = jiff::Timestamp::from_millisecond(Timestamp::from_seconds(at_s).milliseconds())
        .unwrap_or_default()
        .to_zoned(jiff::tz::TimeZone::UTC);
    match name {
        "MINUTE" => f64::from(at.minute()),
        "HOUR" => f64::from(at.hour()),
        "DAY" => f64::from(at.weekday().to_monday_one_offset()),
        "DATE" => f64::from(at.day()),
        "MONTH" => f64::from(at.month()),
        "YEAR" => f64::from(at.year()),
        _ => at_s as f64,
    }
}

/// A number for a series; for an array a series, point by point.
fn summary(name: &str, value: Value) -> Result<Value, Fault> {
    match value {
        Value::Series(series) => {
            let values: Vec<f64> = series.points.into_values().collect();
            Ok(Value::Number(of_values(name, &values).unwrap_or(f64::NAN)))
        }
        Value::Array(all) if name == "FIRST" || name == "LAST" => {
            let chosen = if name == "FIRST" {
                all.first()
            } else {
                all.last()
            };
            chosen
                .map(|(_, series)| Value::Series(series.clone()))
                .ok_or_else(|| wrong("The array is empty."))
        }
        Value::Array(all) => {
            let mut by_time: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
            let period_s = all
                .iter()
                .map(|(_, series)| series.period_s)
                .max()
                .unwrap_or(60);
            for (at_s, value) in all.into_iter().flat_map(|(_, series)| series.points) {
                by_time.entry(at_s).or_default().push(value);
            }
            let points = by_time
                .into_iter()
                .filter_map(|(at_s, values)| Some((at_s, of_values(name, &values)?)));
            Ok(Value::Series(Series {
                period_s,
                points: points.collect(),
            }))
        }
        Value::Number(number) => Ok(Value::Number(of_values(name, &[number]).unwrap_or(number))),
        Value::Text(_) => Err(wrong(format!("{name} does not take a text."))),
    }
}

fn of_values(name: &str, values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    let sum: f64 = values.iter().sum();
    match name {
        "DATAPOINT_COUNT" => Some(count),
        _ if values.is_empty() => None,
        "SUM" => Some(sum),
        "AVG" => Some(sum / count),
        "MIN" => values.iter().copied().reduce(f64::min),
        "MAX" => values.iter().copied().reduce(f64::max),
        "FIRST" => values.first().copied(),
        "LAST" => values.last().copied(),
        "STDDEV" => {
            let mean = sum / count;
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            Some((squares / count).sqrt())
        }
        _ => None,
    }
}

/// `MAX(m1, 5)`: the greater at each point.
fn of_two(scope: &Scope<'_>, name: &str, arguments: &[Expression]) -> Result<Value, Fault> {
    let [left, right] = arguments else {
        return Err(wrong(format!("{name} takes one or two arguments.")));
    };
    let choose = |one: f64, other: f64| {
        if name == "MIN" {
            one.min(other)
        } else {
            one.max(other)
        }
    };
    match (left.evaluate(scope)?, right.evaluate(scope)?) {
        (Value::Series(series), Value::Number(number))
        | (Value::Number(number), Value::Series(series)) => {
            Value::Series(series).map(|value| choose(value, number))
        }
        (Value::Number(one), Value::Number(other)) => Ok(Value::Number(choose(one, other))),
        (Value::Series(one), Value::Series(other)) => {
            let points = one
                .points
                .into_iter()
                .filter_map(|(at_s, value)| Some((at_s, choose(value, *other.points.get(&at_s)?))));
            Ok(Value::Series(Series {
                period_s: one.period_s,
                points: points.collect(),
            }))
        }
        _ => Err(wrong(format!(
            "{name} does not take an array and a second argument."
        ))),
    }
}

fn fill(scope: &Scope<'_>, arguments: &[Expression]) -> Result<Value, Fault> {
    let [value, filler] = arguments else {
        return Err(wrong("FILL takes two arguments."));
    };
    let value = value.evaluate(scope)?;
    let change: Box<dyn Fn(Series) -> Series> = match filler {
        Expression::Name(word) if word == "REPEAT" => {
            Box::new(|series| filled(series, scope, repeat))
        }
        Expression::Name(word) if word == "LINEAR" => {
            Box::new(|series| filled(series, scope, linear))
        }
        filler => {
            let filler = filler.evaluate(scope)?;
            if matches!(filler, Value::Array(_) | Value::Text(_)) {
                return Err(wrong(
                    "FILL takes a number, a time series, REPEAT or LINEAR.",
                ));
            }
            Box::new(move |series| {
                filled(series, scope, |_, at_s| match &filler {
                    Value::Number(number) => Some(*number),
                    Value::Series(other) => other.points.get(&at_s).copied(),
                    Value::Array(_) | Value::Text(_) => None,
                })
            })
        }
    };
    value.each_series(|number| number, change)
}

fn filled(
    series: Series,
    scope: &Scope<'_>,
    missing: impl Fn(&BTreeMap<i64, f64>, i64) -> Option<f64>,
) -> Series {
    let points = times(series.period_s, scope.window).filter_map(|at_s| {
        let value = series
            .points
            .get(&at_s)
            .copied()
            .or_else(|| missing(&series.points, at_s));
        Some((at_s, value?))
    });
    Series {
        period_s: series.period_s,
        points: points.collect(),
    }
}

fn repeat(points: &BTreeMap<i64, f64>, at_s: i64) -> Option<f64> {
    points.range(..at_s).next_back().map(|(_, value)| *value)
}

fn linear(points: &BTreeMap<i64, f64>, at_s: i64) -> Option<f64> {
    let (before_s, before) = points.range(..at_s).next_back()?;
    let (after_s, after) = points.range(at_s..).next()?;
    let share = (at_s - before_s) as f64 / (after_s - before_s) as f64;
    Some(before + (after - before) * share)
}

/// `IF(condition, then, else)`; without `else` there is no point where the condition is false.
fn choose(scope: &Scope<'_>, arguments: &[Expression]) -> Result<Value, Fault> {
    let (condition, then, otherwise) = match arguments {
        [condition, then] => (condition, then, None),
        [condition, then, otherwise] => (condition, then, Some(otherwise)),
        _ => return Err(wrong("IF takes two or three arguments.")),
    };
    let condition = condition.evaluate(scope)?;
    let then = then.evaluate(scope)?;
    let otherwise = otherwise
        .map(|otherwise| otherwise.evaluate(scope))
        .transpose()?;
    let conditions = match condition {
        Value::Number(number) if number != 0.0 => return Ok(then),
        Value::Number(_) => return otherwise.ok_or_else(|| wrong("IF has no else.")),
        Value::Series(series) => series,
        _ => {
            return Err(wrong(
                "IF takes a number or a time series as its condition.",
            ));
        }
    };
    let points = conditions.points.iter().filter_map(|(at_s, condition)| {
        let chosen = if *condition == 0.0 {
            otherwise.as_ref()?
        } else {
            &then
        };
        Some((*at_s, at(chosen, *at_s)?))
    });
    Ok(Value::Series(Series {
        period_s: conditions.period_s,
        points: points.collect(),
    }))
}

fn at(value: &Value, at_s: i64) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Series(series) => series.points.get(&at_s).copied(),
        Value::Array(_) | Value::Text(_) => None,
    }
}

fn time_series(scope: &Scope<'_>, arguments: &[Expression]) -> Result<Value, Fault> {
    match one(scope, "TIME_SERIES", arguments)? {
        Value::Number(number) => Ok(Value::Series(Series::constant(
            number,
            scope.period_s,
            scope.window,
        ))),
        _ => Err(wrong("TIME_SERIES takes a number.")),
    }
}

fn period(value: Value) -> Result<Value, Fault> {
    match value {
        Value::Series(series) => Ok(Value::Number(f64::from(series.period_s))),
        _ => Err(wrong("PERIOD takes a time series.")),
    }
}

fn metric_count(value: Value) -> Result<Value, Fault> {
    match value {
        Value::Array(all) => Ok(Value::Number(all.len() as f64)),
        _ => Err(wrong("METRIC_COUNT takes an array of time series.")),
    }
}

fn slice(scope: &Scope<'_>, arguments: &[Expression]) -> Result<Value, Fault> {
    let (all, from, to) = match arguments {
        [all, from] => (all, from, None),
        [all, from, to] => (all, from, Some(to)),
        _ => return Err(wrong("SLICE takes two or three arguments.")),
    };
    let Value::Array(all) = all.evaluate(scope)? else {
        return Err(wrong("SLICE takes an array of time series."));
    };
    let from = index(scope, from)?;
    let to = to.map_or(Ok(from + 1), |to| index(scope, to))?;
    Ok(Value::Array(
        all.into_iter()
            .skip(from)
            .take(to.saturating_sub(from))
            .collect(),
    ))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "held to the range of places first"
)]
fn index(scope: &Scope<'_>, expression: &Expression) -> Result<usize, Fault> {
    match expression.evaluate(scope)? {
        Value::Number(number) if (0.0..=500.0).contains(&number) => Ok(number as usize),
        _ => Err(wrong("A place in an array is a number of 0 to 500.")),
    }
}

/// `SORT(array, SUM, DESC, 10)`.
fn sort(scope: &Scope<'_>, arguments: &[Expression]) -> Result<Value, Fault> {
    let (all, by, order, limit) = match arguments {
        [all, Expression::Name(by), Expression::Name(order)] => (all, by, order, None),
        [all, Expression::Name(by), Expression::Name(order), limit] => {
            (all, by, order, Some(limit))
        }
        _ => {
            return Err(wrong(
                "SORT takes an array, a function, ASC or DESC, and a limit.",
            ));
        }
    };
    let Value::Array(mut all) = all.evaluate(scope)? else {
        return Err(wrong("SORT takes an array of time series."));
    };
    let weight = |series: &Series| {
        let values: Vec<f64> = series.points.values().copied().collect();
        of_values(by, &values).unwrap_or(f64::NEG_INFINITY)
    };
    all.sort_by(|(_, one), (_, other)| weight(one).total_cmp(&weight(other)));
    match order.as_str() {
        "ASC" => {}
        "DESC" => all.reverse(),
        _ => return Err(wrong("SORT takes ASC or DESC.")),
    }
    if let Some(limit) = limit {
        all.truncate(index(scope, limit)?);
    }
    Ok(Value::Array(all))
}
