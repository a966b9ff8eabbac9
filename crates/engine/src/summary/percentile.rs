//! Percentiles: exact nearest rank up to [`EXACT_LIMIT`] values, a sketch within 1 % beyond.
//!
//! The sketch is `DDSketch` (Masson, Rim, Lee, VLDB 2019): counts in buckets whose bounds grow by a constant factor.
//! Both forms are functions of the values as a set with repetition, so neither order nor threads matter.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Most values that are kept as they are.
pub const EXACT_LIMIT: usize = 100_000;

/// Relative error of the sketch.
const ACCURACY: f64 = 0.01;

/// Values of which a percentile is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Percentile {
    /// All of them.
    Exact(Vec<f64>),
    /// Their counts by bucket.
    Sketch(Box<Sketch<u64>>),
}

impl Default for Percentile {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

/// Counts of values by bucket, the negative ones by the bucket of what they are without the sign.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sketch<Count> {
    negative: BTreeMap<i32, Count>,
    zeros: Count,
    positive: BTreeMap<i32, Count>,
}

impl Percentile {
    /// Adds a finite value.
    pub fn add(&mut self, value: f64) {
        match self {
            Self::Exact(values) => {
                values.push(value);
                self.sketch_if_many();
            }
            Self::Sketch(sketch) => sketch.add(value, 1),
        }
    }

    /// Adds all values of another.
    pub fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Exact(own), Self::Exact(others)) => {
                own.extend(others);
                self.sketch_if_many();
            }
            (Self::Sketch(own), Self::Sketch(others)) => own.merge(others),
            (Self::Sketch(own), Self::Exact(others)) => own.add_all(once(others)),
            (Self::Exact(own), Self::Sketch(others)) => {
                let mut sketch = others.clone();
                sketch.add_all(once(own));
                *self = Self::Sketch(sketch);
            }
        }
    }

    fn sketch_if_many(&mut self) {
        if let Self::Exact(values) = self
            && values.len() > EXACT_LIMIT
        {
            let mut sketch = Sketch::default();
            sketch.add_all(once(values));
            *self = Self::Sketch(Box::new(sketch));
        }
    }

    /// The value of which at least `p` percent are not larger; none over nothing.
    pub fn value(&mut self, p: f64) -> Option<f64> {
        match self {
            Self::Exact(values) => {
                let rank = nearest_rank(p, values.len() as u64)?;
                let at = usize::try_from(rank - 1).ok()?;
                Some(*values.select_nth_unstable_by(at, f64::total_cmp).1)
            }
            Self::Sketch(sketch) => sketch.value(p),
        }
    }
}

impl<Count: Copy + Default + AddAssign> Sketch<Count> {
    /// Adds a finite value, so many times.
    pub(super) fn add(&mut self, value: f64, count: Count) {
        if value == 0.0 {
            self.zeros += count;
        } else {
            let side = if value < 0.0 { &mut self.negative } else { &mut self.positive };
            *side.entry(bucket(value.abs())).or_default() += count;
        }
    }

    /// Adds values, each so many times.
    pub(super) fn add_all(&mut self, values: impl IntoIterator<Item = (f64, Count)>) {
        for (value, count) in values {
            self.add(value, count);
        }
    }

    /// Adds all values of another.
    pub(super) fn merge(&mut self, other: &Self) {
        self.zeros += other.zeros;
        for (bucket, count) in &other.negative {
            *self.negative.entry(*bucket).or_default() += *count;
        }
        for (bucket, count) in &other.positive {
            *self.positive.entry(*bucket).or_default() += *count;
        }
    }

    /// The values, in order, with their counts.
    pub(super) fn ascending(&self) -> impl Iterator<Item = (f64, Count)> {
        (self.negative.iter().rev().map(|(bucket, count)| (-middle(*bucket), *count)))
            .chain([(0.0, self.zeros)])
            .chain(self.positive.iter().map(|(bucket, count)| (middle(*bucket), *count)))
    }
}

impl Sketch<u64> {
    fn value(&self, p: f64) -> Option<f64> {
        let mut rank = nearest_rank(p, self.ascending().map(|(_, count)| count).sum())?;
        for (value, count) in self.ascending() {
            if rank <= count {
                return Some(value);
            }
            rank -= count;
        }
        None
    }
}

/// Values of which each counts once.
fn once(values: &[f64]) -> impl Iterator<Item = (f64, u64)> {
    values.iter().map(|value| (*value, 1))
}

/// Growth of the buckets' bounds.
fn growth() -> f64 {
    (1.0 + ACCURACY) / (1.0 - ACCURACY)
}

/// The bucket of a positive value: the least power of [`growth`] that is not smaller.
#[expect(clippy::cast_possible_truncation, reason = "logarithms of f64 to this base lie within ±40,000")]
fn bucket(value: f64) -> i32 {
    (value.ln() / growth().ln()).ceil() as i32
}

/// The value that is within [`ACCURACY`] of all in the bucket.
fn middle(bucket: i32) -> f64 {
    2.0 * growth().powi(bucket) / (growth() + 1.0)
}

/// `⌈p/100 · n⌉`, at least 1, without rounding surprises: `p` is taken to nine decimals. None where `n` is 0.
fn nearest_rank(p: f64, n: u64) -> Option<u64> {
    let (percent, whole) = scaled(p);
    let rank = (u128::from(percent) * u128::from(n)).div_ceil(whole.into()).max(1);
    (n > 0).then(|| u64::try_from(rank).unwrap_or(n).min(n))
}

/// A percentage as a whole number of parts, and the number of parts of the whole.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "p is above 0 and at most 100")]
pub(super) fn scaled(p: f64) -> (u64, u64) {
    ((p * 1e9).round() as u64, 100_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = f64>) -> Percentile {
        let mut percentile = Percentile::default();
        values.into_iter().for_each(|value| percentile.add(value));
        percentile
    }

    #[test]
    fn nearest_rank_has_no_rounding_surprise() {
        for (p, n, rank) in
            [(99.9, 1000, 999), (50.0, 2, 1), (50.0, 3, 2), (100.0, 7, 7), (0.1, 5, 1), (99.0, 101, 100)]
        {
            assert_eq!(nearest_rank(p, n), Some(rank), "p{p} of {n}");
        }
        assert_eq!(nearest_rank(99.0, 0), None);
    }

    #[test]
    fn beyond_the_limit_within_one_percent_and_whatever_the_order() {
        let values = || (1..=150_000_i32).map(|i| f64::from(i) * 1.7 - 10_000.0);
        let mut forwards = of(values());
        let mut backwards = of(values().rev().take(75_000));
        backwards.merge(&of(values().take(75_000)));
        assert_eq!(forwards, backwards);
        for p in [1.0, 50.0, 99.0, 99.9] {
            let exact =
                values().nth(usize::try_from(nearest_rank(p, 150_000).unwrap()).unwrap() - 1).unwrap();
            let estimate = forwards.value(p).unwrap();
            assert!((estimate - exact).abs() <= 0.0101 * exact.abs(), "p{p}: {estimate} for {exact}");
        }
    }
}
