//! A figure and those it stands beside.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the one place that prints"
)]

use serde_json::{Value, json};

/// Which way is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// One measurement of Cumulet, with what was measured beside it.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    suite: &'static str,
    name: String,
    unit: &'static str,
    better: Better,
    ours: f64,
    /// p50 and p99, spread, or what else a reader may want to know.
    detail: String,
    beside: Vec<Beside>,
}

/// A limit, a peer or an aim.
#[derive(Clone, Debug)]
struct Beside {
    name: String,
    value: f64,
    detail: String,
}

impl Figure {
    pub(crate) fn new(suite: &'static str, name: &str, unit: &'static str, ours: f64) -> Self {
        let better = if unit.ends_with("/s") {
            Better::Higher
        } else {
            Better::Lower
        };
        Self {
            suite,
            name: name.to_owned(),
            unit,
            better,
            ours,
            detail: String::new(),
            beside: Vec::new(),
        }
    }

    pub(crate) fn detail(mut self, detail: &str) -> Self {
        self.detail = detail.to_owned();
        self
    }

    pub(crate) fn beside(self, name: &str, value: f64) -> Self {
        self.beside_with(name, value, "")
    }

    pub(crate) fn beside_with(mut self, name: &str, value: f64, detail: &str) -> Self {
        let (name, detail) = (name.to_owned(), detail.to_owned());
        self.beside.push(Beside {
            name,
            value,
            detail,
        });
        self
    }

    fn to_json(&self) -> Value {
        let beside = self.beside.iter().map(|other| {
            json!({
                "name": other.name, "value": other.value, "detail": other.detail,
                "ratio": self.ours / other.value,
            })
        });
        json!({
            "suite": self.suite, "figure": self.name, "unit": self.unit, "value": self.ours,
            "detail": self.detail, "better": self.direction(), "beside": beside.collect::<Vec<_>>(),
        })
    }

    fn direction(&self) -> &'static str {
        match self.better {
            Better::Higher => "higher",
            Better::Lower => "lower",
        }
    }

    fn rows(&self) -> Vec<[String; 7]> {
        let rows = self.beside.iter().enumerate().map(|(at, other)| {
            let first = at == 0;
            let shown = |text: String| if first { text } else { String::new() };
            [
                shown(format!("{}: {}", self.suite, self.name)),
                shown(format!("{} {}", number(self.ours), self.unit)),
                shown(self.detail.clone()),
                other.name.clone(),
                number(other.value),
                other.detail.clone(),
                format!("{} ({})", number(self.ours / other.value), self.direction()),
            ]
        });
        rows.collect()
    }
}

/// Three significant digits are all that such a measurement has.
fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

pub(crate) fn print_json(figures: &[Figure]) {
    let all: Vec<Value> = figures.iter().map(Figure::to_json).collect();
    println!("{:#}", Value::Array(all));
}

pub(crate) fn print_table(figures: &[Figure]) {
    let heading = ["figure", "cumulet", "", "beside", "", "", "ratio (better)"].map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(heading)
        .chain(figures.iter().flat_map(Figure::rows))
        .collect();
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in &rows {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// Progress, for the person who waits.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// The middle one; rounds on a shared machine have outliers, not errors that even out.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_ours_over_theirs_whichever_way_is_good() {
        let figure = Figure::new("s3", "Put", "op/s", 50.0).beside("raw", 100.0);
        assert_eq!(figure.to_json()["beside"][0]["ratio"], 0.5);
        assert_eq!(figure.to_json()["better"], "higher");
        let time = Figure::new("start", "health", "ms", 25.0).beside("aim", 50.0);
        assert_eq!(time.rows()[0][6], "0.50 (lower)");
    }

    #[test]
    fn the_median_is_unmoved_by_an_outlier() {
        assert_eq!(median(vec![3.0, 1000.0, 1.0]), 3.0);
    }
}
