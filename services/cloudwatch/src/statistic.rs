//! Statistics by name: `Average`, `p99.9`, `tm90`, `TM(10%:90%)`, `PR(:300)`, `IQM`.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html>

use super::state::Bucket;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Statistic {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
    /// `p` of 0 to 100.
    Percentile(f64),
    /// What lies between two bounds, taken together in some way.
    Between(Taken, Bounds),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// TM: the mean of what lies within.
    TrimmedMean,
    /// TC
    TrimmedCount,
    /// TS
    TrimmedSum,
    /// WM: the mean with what lies outside pulled to the bounds.
    WinsorizedMean,
    /// PR: which percentage lies within.
    PercentileRank,
}

/// From above `low` to `high` included; an absent bound is open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bounds {
    Percent { low: f64, high: f64 },
    Value { low: Option<f64>, high: Option<f64> },
}

impl Statistic {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "SampleCount" => Self::SampleCount,
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            "IQM" => Self::Between(
                Taken::TrimmedMean,
                Bounds::Percent {
                    low: 25.0,
                    high: 75.0,
                },
            ),
            _ => return Self::parse_extended(text),
        })
    }

    /// Those that go into `ExtendedStatistics`.
    pub(super) fn parse_extended(text: &str) -> Option<Self> {
        if let Some(p) = text.strip_prefix('p') {
            return percent(p).map(Self::Percentile);
        }
        if text == "IQM" {
            return Self::parse(text);
        }
        let (name, rest) = text.split_at_checked(2)?;
        let taken = match name.to_ascii_lowercase().as_str() {
            "tm" => Taken::TrimmedMean,
            "tc" => Taken::TrimmedCount,
            "ts" => Taken::TrimmedSum,
            "wm" => Taken::WinsorizedMean,
            "pr" => Taken::PercentileRank,
            _ => return None,
        };
        let is_upper = name.bytes().all(|byte| byte.is_ascii_uppercase());
        let bounds = if is_upper {
            bounds(rest.strip_prefix('(')?.strip_suffix(')')?)?
        } else {
            let high = percent(rest)?;
            Bounds::Percent { low: 0.0, high }
        };
        let is_rank_of_percent =
            taken == Taken::PercentileRank && matches!(bounds, Bounds::Percent { .. });
        (!is_rank_of_percent).then_some(Self::Between(taken, bounds))
    }

    /// The statistic of a bucket; `None` where its values are not known well enough.
    pub(super) fn of(self, bucket: &Bucket) -> Option<f64> {
        match self {
            Self::SampleCount => Some(bucket.count),
            Self::Average => (bucket.count > 0.0).then(|| bucket.sum / bucket.count),
            Self::Sum => Some(bucket.sum),
            Self::Minimum => Some(bucket.minimum),
            Self::Maximum => Some(bucket.maximum),
            Self::Percentile(p) => percentile(&bucket.values()?, p),
            Self::Between(taken, bounds) => between(&bucket.values()?, taken, bounds),
        }
    }
}

fn percent(text: &str) -> Option<f64> {
    let decimals = text
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    let well_formed = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let p: f64 = text
        .parse()
        .ok()
        .filter(|_| well_formed && decimals <= 10)?;
    (0.0..=100.0).contains(&p).then_some(p)
}

fn bounds(text: &str) -> Option<Bounds> {
    let (low, high) = text.split_once(':')?;
    if low.is_empty() && high.is_empty() {
        return None;
    }
    if low.ends_with('%') || high.ends_with('%') {
        let side = |text: &str, open: f64| match text {
            "" => Some(open),
            text => percent(text.strip_suffix('%')?),
        };
        let (low, high) = (side(low, 0.0)?, side(high, 100.0)?);
        return (low < high).then_some(Bounds::Percent { low, high });
    }
    let side = |text: &str| match text {
        "" => Some(None),
        text => text.parse().ok().map(Some),
    };
    Some(Bounds::Value {
        low: side(low)?,
        high: side(high)?,
    })
}

/// The value that `p` percent of all values do not exceed (nearest rank).
fn percentile(values: &[(f64, f64)], p: f64) -> Option<f64> {
    let total: f64 = values.iter().map(|(_, count)| count).sum();
    let rank = (p / 100.0 * total).ceil().max(1.0);
    let mut seen = 0.0;
    for &(value, count) in values {
        seen += count;
        // Counts are sums of fractions at times: a hair's breadth must not skip a value.
        if seen + 1e-9 * total >= rank {
            return Some(value);
        }
    }
    values.last().map(|(value, _)| *value)
}

fn between(values: &[(f64, f64)], taken: Taken, bounds: Bounds) -> Option<f64> {
    let total: f64 = values.iter().map(|(_, count)| count).sum();
    let within = within(values, total, bounds);
    let count: f64 = within.iter().map(|(_, count)| count).sum();
    let sum: f64 = within.iter().map(|(value, count)| value * count).sum();
    match taken {
        Taken::TrimmedMean => (count > 0.0).then(|| sum / count),
        Taken::TrimmedCount => Some(count),
        Taken::TrimmedSum => Some(sum),
        Taken::PercentileRank => (total > 0.0).then(|| count / total * 100.0),
        Taken::WinsorizedMean => winsorized(values, &within, total, bounds),
    }
}

/// What lies within the bounds, with the share of its count that does.
fn within(values: &[(f64, f64)], total: f64, bounds: Bounds) -> Vec<(f64, f64)> {
    let mut seen = 0.0;
    let mut within = Vec::new();
    for &(value, count) in values {
        let share = match bounds {
            Bounds::Value { low, high } => {
                let inside =
                    low.is_none_or(|low| value > low) && high.is_none_or(|high| value <= high);
                if inside { count } else { 0.0 }
            }
            Bounds::Percent { low, high } => {
                let (low, high) = (low / 100.0 * total, high / 100.0 * total);
                ((seen + count).min(high) - f64::max(seen, low)).max(0.0)
            }
        };
        seen += count;
        if share > 0.0 {
            within.push((value, share));
        }
    }
    within
}

fn winsorized(
    values: &[(f64, f64)],
    within: &[(f64, f64)],
    total: f64,
    bounds: Bounds,
) -> Option<f64> {
    let (lowest, highest) = match bounds {
        Bounds::Percent { .. } => (within.first()?.0, within.last()?.0),
        Bounds::Value { low, high } => (low.unwrap_or(f64::MIN), high.unwrap_or(f64::MAX)),
    };
    let sum: f64 = values
        .iter()
        .map(|(value, count)| value.clamp(lowest, highest) * count)
        .sum();
    (total > 0.0).then(|| sum / total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::ERROR;
    use crate::state::Spread;

    /// xorshift: the same series on every run.
    fn series(mut seed: u64, length: usize) -> Vec<f64> {
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            // Some values repeat, magnitudes spread widely.
            let magnitude = [0.001, 1.0, 1000.0][(seed % 3) as usize];
            (seed % 100_000) as f64 / 97.0 * magnitude
        };
        (0..length).map(|_| next()).collect()
    }

    fn bucket(values: &[f64]) -> Bucket {
        let mut buckets = values.iter().map(|value| Bucket::of(*value, 1.0));
        let first = buckets.next().expect("a value");
        buckets.fold(first, |mut all, each| {
            all.merge(&each);
            all
        })
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank lies between 1 and the length"
    )]
    fn nearest_rank(sorted: &[f64], p: f64) -> f64 {
        let rank = (p / 100.0 * sorted.len() as f64).ceil().max(1.0);
        sorted[rank as usize - 1]
    }

    #[test]
    fn statistics_agree_with_the_sorted_values_within_the_stated_error() {
        for (seed, length) in [(7, 1), (8, 10), (9, 100), (10, 5000), (11, 20_000)] {
            let mut values = series(seed, length);
            let bucket = bucket(&values);
            values.sort_by(f64::total_cmp);
            let sum: f64 = values.iter().sum();
            assert!(
                (bucket.sum - sum).abs() <= 1e-9 * sum,
                "sum, starting number {seed}"
            );
            assert_eq!(Statistic::Minimum.of(&bucket), values.first().copied());
            assert_eq!(Statistic::Maximum.of(&bucket), values.last().copied());
            let is_exact = matches!(bucket.spread, Spread::Values(_));
            let error = if is_exact { 0.0 } else { ERROR };
            for p in [0.0, 0.1, 5.0, 50.0, 90.0, 99.0, 99.9, 100.0] {
                let expected = nearest_rank(&values, p);
                let got = Statistic::Percentile(p).of(&bucket).expect("known");
                assert!(
                    (got - expected).abs() <= expected * (error + 1e-9),
                    "p{p} of {length} values from {seed}: {got}, not {expected}"
                );
            }
            let kept = &values[..(values.len() * 9).div_ceil(10)];
            if length % 10 == 0 {
                let mean = kept.iter().sum::<f64>() / kept.len() as f64;
                let got = Statistic::parse("tm90")
                    .and_then(|tm| tm.of(&bucket))
                    .expect("known");
                assert!(
                    (got - mean).abs() <= mean * (error + 1e-9),
                    "tm90: {got}, not {mean}"
                );
            }
        }
    }

    #[test]
    fn rolling_up_in_parts_gives_what_all_at_once_gives() {
        let values = series(3, 3000);
        let mut parts = bucket(&values[..1000]);
        parts.merge(&bucket(&values[1000..1100]));
        parts.merge(&bucket(&values[1100..]));
        let whole = bucket(&values);
        for p in [1.0, 50.0, 99.0] {
            let statistic = Statistic::Percentile(p);
            assert_eq!(statistic.of(&parts), statistic.of(&whole));
        }
    }

    #[test]
    fn extended_statistics_over_one_to_ten() {
        let bucket = bucket(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
        let cases = [
            ("p50", 5.0),
            ("p99", 10.0),
            ("tm80", 4.5),
            ("tc80", 8.0),
            ("ts80", 36.0),
            ("TM(20%:80%)", 5.5),
            ("TM(2:4)", 3.5),
            ("TC(8:)", 2.0),
            ("PR(:3)", 30.0),
            ("wm90", 5.4),
            ("IQM", 5.5),
        ];
        for (text, expected) in cases {
            let got = Statistic::parse(text).and_then(|statistic| statistic.of(&bucket));
            assert!(
                got.is_some_and(|got| (got - expected).abs() < 1e-9),
                "{text} is {got:?}, not {expected}"
            );
        }
        for text in [
            "p101",
            "p",
            "p-1",
            "xx50",
            "TM()",
            "TM(90%:10%)",
            "pr50",
            "average",
        ] {
            assert_eq!(Statistic::parse(text), None, "{text}");
        }
    }

    #[test]
    fn sets_without_their_values_and_negative_values_have_no_percentiles() {
        let set = Bucket::of_set(3.0, 6.0, 1.0, 3.0);
        assert_eq!(Statistic::Average.of(&set), Some(2.0));
        assert_eq!(Statistic::Percentile(50.0).of(&set), None);
        let single = Bucket::of_set(4.0, 8.0, 2.0, 2.0);
        assert_eq!(Statistic::Percentile(50.0).of(&single), Some(2.0));
        assert_eq!(Statistic::Percentile(50.0).of(&Bucket::of(-1.0, 1.0)), None);
    }
}
