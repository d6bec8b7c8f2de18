//! A bucket of values and what can be told from it.
//!
//! Up to [`EXACT_MAX`] different values are kept as they are, so small buckets have exact percentiles.
//! Beyond that values fall into logarithmic bins (DDSketch): bin `i` holds what lies in
//! `(GAMMA^(i-1), GAMMA^i]` and answers with a value that is off by at most [`ERROR`] of the true one.
//! Bins of two buckets add up, so rolling up loses nothing more.
//!
//! Negative values have no percentiles, as on AWS; nor have statistic sets, which come without values.

use super::state::{Bucket, Spread};

pub(super) const EXACT_MAX: usize = 100;
/// The largest relative error of a value taken out of a bin.
#[cfg(test)]
pub(super) const ERROR: f64 = 0.005;
/// (1 + ERROR) / (1 - ERROR).
const GAMMA: f64 = 1.005 / 0.995;
/// The bin of zeros.
const ZERO_BIN: i32 = i32::MIN;

impl Bucket {
    pub(super) fn of(value: f64, count: f64) -> Self {
        Self {
            count,
            sum: value * count,
            minimum: value,
            maximum: value,
            spread: Spread::Values(vec![(value, count)]),
        }
    }

    /// A statistic set; its values are known only where they are all the same.
    pub(super) fn of_set(count: f64, sum: f64, minimum: f64, maximum: f64) -> Self {
        let is_one_value = count == 1.0 || minimum == maximum;
        let spread = if is_one_value && count > 0.0 {
            Spread::Values(vec![(minimum, count)])
        } else {
            Spread::Unknown
        };
        Self {
            count,
            sum,
            minimum,
            maximum,
            spread,
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        let own = std::mem::replace(&mut self.spread, Spread::Unknown);
        self.spread = merged(own, &other.spread);
    }

    /// The values with their counts, the smallest first; `None` where they are not known.
    pub(super) fn values(&self) -> Option<Vec<(f64, f64)>> {
        if self.minimum < 0.0 {
            return None;
        }
        let mut values = match &self.spread {
            Spread::Values(values) => values.clone(),
            Spread::Bins(bins) => bins
                .iter()
                .map(|&(bin, count)| (self.middle(bin), count))
                .collect(),
            Spread::Unknown => return None,
        };
        values.sort_by(|one, other| one.0.total_cmp(&other.0));
        Some(values)
    }

    /// What a bin answers with: off by the same ratio at both its ends, and never beyond what was seen.
    fn middle(&self, bin: i32) -> f64 {
        if bin == ZERO_BIN {
            return 0.0;
        }
        let middle = 2.0 * GAMMA.powi(bin) / (GAMMA + 1.0);
        middle.clamp(self.minimum, self.maximum)
    }
}

fn merged(own: Spread, other: &Spread) -> Spread {
    match (own, other) {
        (Spread::Unknown, _) | (_, Spread::Unknown) => Spread::Unknown,
        (Spread::Values(mut values), Spread::Values(more)) => {
            more.iter()
                .for_each(|&(value, count)| add(&mut values, value, count));
            if values.len() <= EXACT_MAX {
                return Spread::Values(values);
            }
            into_bins(Spread::Values(values)).map_or(Spread::Unknown, Spread::Bins)
        }
        (own, other) => match (into_bins(own), into_bins(other.clone())) {
            (Some(mut bins), Some(more)) => {
                more.iter()
                    .for_each(|&(bin, count)| add(&mut bins, bin, count));
                Spread::Bins(bins)
            }
            _ => Spread::Unknown,
        },
    }
}

fn add<T: PartialEq>(list: &mut Vec<(T, f64)>, key: T, count: f64) {
    match list.iter_mut().find(|(known, _)| *known == key) {
        Some((_, total)) => *total += count,
        None => list.push((key, count)),
    }
}

fn into_bins(spread: Spread) -> Option<Vec<(i32, f64)>> {
    match spread {
        Spread::Bins(bins) => Some(bins),
        Spread::Unknown => None,
        Spread::Values(values) => {
            let mut bins = Vec::new();
            for (value, count) in values {
                add(&mut bins, bin_of(value)?, count);
            }
            Some(bins)
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "values lie between 2^-360 and 2^360: bins within +-26,000"
)]
fn bin_of(value: f64) -> Option<i32> {
    match value {
        _ if value < 0.0 => None,
        _ if value == 0.0 => Some(ZERO_BIN),
        _ => Some((value.ln() / GAMMA.ln()).ceil() as i32),
    }
}
