//! Sums of spans that stand for others, which sampling has left out.
//!
//! A span stands for `w` spans, a double that is 1 at least ([`fluo_spans::sampling::adjusted_count`]). Sums of these, and of
//! their products with what is summed up, are exact and rounded once at the end. So they depend neither on the order of
//! the spans nor on how they are parted, and spans can be taken out of them again.

use std::ops::AddAssign;

use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

use super::exact_sum::ExactSum;
use super::percentile::{EXACT_LIMIT, Sketch, scaled};

/// A number of spans, in units of 2⁻⁵²: doubles that are 1 at least are whole numbers of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Weight(u128);

/// Units in one span.
const UNITS: i128 = 1 << 52;

impl Weight {
    /// Of a span that stands for so many.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a whole number of 109 bits at most"
    )]
    pub fn of(adjusted_count: f64) -> Self {
        Self((adjusted_count.max(1.0) * UNITS as f64) as u128)
    }

    /// Takes others out again.
    pub fn remove(&mut self, others: Self) {
        self.0 = self.0.saturating_sub(others.0);
    }

    /// Returns whether it is of no span.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The nearest double.
    #[expect(clippy::cast_precision_loss, reason = "this is the one rounding")]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / UNITS as f64
    }

    fn units(self) -> i128 {
        i128::try_from(self.0).unwrap_or(i128::MAX)
    }
}

/// A sum that is beyond all numbers of spans stays there.
impl AddAssign for Weight {
    fn add_assign(&mut self, others: Self) {
        self.0 = self.0.saturating_add(others.0);
    }
}

/// Numbers, each of a span that stands for others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weighed {
    count: Weight,
    /// In units of [`Weight`]; so are the squares.
    sum: ExactSum,
    squares: Option<ExactSum>,
}

impl Weighed {
    /// Of no number. `squares`: whether the deviation is asked for.
    pub fn empty(squares: bool) -> Self {
        Self { count: Weight::default(), sum: ExactSum::default(), squares: squares.then(ExactSum::default) }
    }

    /// Adds a finite number.
    pub fn add(&mut self, number: f64, weight: Weight) {
        self.count += weight;
        self.sum.add_product(number, weight.units());
        if let Some(squares) = &mut self.squares {
            squares.add_square_product(number, weight.units());
        }
    }

    /// Adds all numbers of another.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum.merge(&other.sum);
        if let (Some(squares), Some(others)) = (&mut self.squares, &other.squares) {
            squares.merge(others);
        }
    }

    /// The sum of the numbers, of each as often as its span counts; none of nothing.
    pub fn sum(&self) -> Option<f64> {
        (!self.count.is_none()).then(|| self.sum.divided_by(UNITS))
    }

    /// Their mean; none of nothing.
    pub fn mean(&self) -> Option<f64> {
        (!self.count.is_none()).then(|| self.sum.divided_by(self.count.units()))
    }

    /// Their standard deviation, as of a population; none of nothing.
    pub fn stddev(&self) -> Option<f64> {
        let squares = self.squares.as_ref().filter(|_| !self.count.is_none())?;
        Some(self.sum.stddev(squares, self.count.units()))
    }
}

/// Numbers of which a percentile is asked, each of a span that stands for others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum WeighedPercentile {
    /// All of them.
    Exact(Vec<(f64, Weight)>),
    /// By bucket.
    Sketch(Box<Sketch<Weight>>),
}

impl Default for WeighedPercentile {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

impl WeighedPercentile {
    /// Adds a finite number.
    pub fn add(&mut self, number: f64, weight: Weight) {
        match self {
            Self::Exact(numbers) => {
                numbers.push((number, weight));
                self.sketch_if_many();
            }
            Self::Sketch(sketch) => sketch.add(number, weight),
        }
    }

    /// Adds all numbers of another.
    pub fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Exact(own), Self::Exact(others)) => {
                own.extend(others);
                self.sketch_if_many();
            }
            (Self::Sketch(own), Self::Sketch(others)) => own.merge(others),
            (Self::Sketch(own), Self::Exact(others)) => own.add_all(others.iter().copied()),
            (Self::Exact(own), Self::Sketch(others)) => {
                let mut sketch = others.clone();
                sketch.add_all(own.drain(..));
                *self = Self::Sketch(sketch);
            }
        }
    }

    fn sketch_if_many(&mut self) {
        if let Self::Exact(numbers) = self
            && numbers.len() > EXACT_LIMIT
        {
            let mut sketch = Sketch::default();
            sketch.add_all(numbers.drain(..));
            *self = Self::Sketch(Box::new(sketch));
        }
    }

    /// The smallest number of which at least `p` percent are not larger; none over nothing. Puts the numbers in order.
    pub fn value(&mut self, p: f64) -> Option<f64> {
        match self {
            Self::Exact(numbers) => {
                numbers.sort_unstable_by(|(one, _), (other, _)| one.total_cmp(other));
                ranked(numbers, p)
            }
            Self::Sketch(sketch) => {
                let numbers: Vec<(f64, Weight)> =
                    sketch.ascending().filter(|(_, weight)| !weight.is_none()).collect();
                ranked(&numbers, p)
            }
        }
    }
}

/// The first of numbers in order up to which `p` percent of them are.
fn ranked(numbers: &[(f64, Weight)], p: f64) -> Option<f64> {
    let (percent, whole) = scaled(p);
    let mut total = Weight::default();
    for (_, weight) in numbers {
        total += *weight;
    }
    let needed = BigInt::from(total.0) * percent;
    let needed = (&needed + (whole - 1)) / whole;
    let needed = u128::try_from(needed).unwrap_or(total.0);
    let mut so_far = Weight::default();
    let reaches = |(_, weight): &&(f64, Weight)| {
        so_far += *weight;
        so_far.0 >= needed
    };
    numbers.iter().find(reaches).map(|(number, _)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[(f64, f64)]) -> Weighed {
        let mut sums = Weighed::empty(true);
        for (number, weight) in numbers {
            sums.add(*number, Weight::of(*weight));
        }
        sums
    }

    #[test]
    fn a_number_counts_as_often_as_its_span() {
        // As of 1, 1, 5, 9, 9, 9, 9.
        let numbers = [(1.0, 2.0), (5.0, 1.0), (9.0, 4.0)];
        let sums = of(&numbers);
        assert_eq!((sums.sum(), sums.mean()), (Some(43.0), Some(43.0 / 7.0)));
        assert_eq!(sums.stddev(), Some((608.0_f64 / 49.0).sqrt()));
        let mut percentile = WeighedPercentile::default();
        for (number, weight) in numbers {
            percentile.add(number, Weight::of(weight));
        }
        for (p, expected) in [(0.1, 1.0), (28.0, 1.0), (29.0, 5.0), (42.0, 5.0), (43.0, 9.0), (100.0, 9.0)] {
            assert_eq!(percentile.value(p), Some(expected), "{p}");
        }
        assert_eq!((of(&[]).sum(), of(&[]).mean(), of(&[]).stddev()), (None, None, None));
        assert_eq!(WeighedPercentile::default().value(50.0), None);
    }

    #[test]
    fn neither_order_nor_parts_matter() {
        let number = |i: i32| (f64::from(i * i % 71 - 35) * 0.1, 2.0_f64.powi(i % 50) / 0.9);
        let numbers: Vec<(f64, f64)> = (0..300).map(number).collect();
        let backwards: Vec<(f64, f64)> = numbers.iter().rev().copied().collect();
        let whole = of(&numbers);
        let mut parts = of(&backwards[..100]);
        parts.merge(&of(&backwards[100..]));
        assert_eq!((whole.sum(), whole.mean(), whole.stddev()), (parts.sum(), parts.mean(), parts.stddev()));
        let mut count = Weight::default();
        for (_, weight) in &numbers {
            count += Weight::of(*weight);
        }
        for (_, weight) in &numbers[1..] {
            count.remove(Weight::of(*weight));
        }
        assert_eq!(count, Weight::of(numbers[0].1));
    }

    #[test]
    fn beyond_the_limit_within_one_percent() {
        let numbers = || (1..=150_000_i32).map(|i| (f64::from(i) * 1.7 - 10_000.0, f64::from(1 + i % 3)));
        let mut whole = WeighedPercentile::default();
        for (number, weight) in numbers() {
            whole.add(number, Weight::of(weight));
        }
        let mut parts = WeighedPercentile::default();
        for half in [numbers().skip(75_000).collect::<Vec<_>>(), numbers().take(75_000).collect()] {
            let mut part = WeighedPercentile::default();
            for (number, weight) in half {
                part.add(number, Weight::of(weight));
            }
            parts.merge(&part);
        }
        assert_eq!(whole, parts);
        let mut all: Vec<f64> = numbers()
            .flat_map(|(number, weight)| {
                std::iter::repeat_n(
                    number,
                    if weight > 2.5 {
                        3
                    } else if weight > 1.5 {
                        2
                    } else {
                        1
                    },
                )
            })
            .collect();
        all.sort_by(f64::total_cmp);
        for (p, at) in [(1.0, all.len() / 100), (50.0, all.len() / 2), (99.0, all.len() / 100 * 99)] {
            let (exact, estimate) = (all[at], whole.value(p).unwrap());
            assert!((estimate - exact).abs() <= 0.0102 * exact.abs(), "p{p}: {estimate} for {exact}");
        }
    }
}
