//! Numbers of the reference evaluator: integers stay integers, everything else is `f64`, and what is promised
//! to be exact is computed in integers of any size and rounded once.
//!
//! Every finite `f64` is a whole multiple of 2⁻¹⁰⁷⁴, so a sum of floats is a sum of integers in that unit. This
//! is slow and beyond doubt, which is what a reference is for.

use std::cmp::Ordering;

use num_bigint::{BigInt, BigUint, Sign};

/// A finite number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    /// A count, an integer text within 64 bits, nanoseconds, or a sum of those.
    Int(i128),
    /// Any other finite number.
    Float(f64),
}

impl Number {
    /// The finite number `float`; infinities and NaN are no values.
    pub(super) fn finite(float: f64) -> Option<Self> {
        float.is_finite().then_some(Self::Float(float))
    }

    /// The number that a text means: an integer within 64 bits, else whatever Rust reads as a finite `f64`.
    /// `nan`, `inf` and `1e999` are not numbers.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        match text.parse::<i64>() {
            Ok(int) => Some(Self::Int(i128::from(int))),
            Err(_) => text.parse::<f64>().ok().and_then(Self::finite),
        }
    }

    /// The nearest `f64`.
    #[expect(clippy::cast_precision_loss, reason = "rounding to nearest is what is asked for")]
    pub(super) fn as_f64(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Float(float) => float,
        }
    }

    /// Two integers compare as integers, otherwise both as `f64`.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => left.cmp(&right),
            // Neither is NaN; zero and minus zero are equal.
            (left, right) => left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal),
        }
    }

    /// Returns it in units of 2⁻¹⁰⁷⁴.
    pub(super) fn units(self) -> BigInt {
        match self {
            Self::Int(int) => BigInt::from(int) << UNIT_BITS,
            Self::Float(float) => {
                let bits = float.to_bits();
                let exponent = (bits >> 52) & 0x7ff;
                let fraction = bits & ((1 << 52) - 1);
                let magnitude = if exponent == 0 {
                    BigInt::from(fraction)
                } else {
                    BigInt::from(fraction | (1 << 52)) << (exponent - 1)
                };
                if float.is_sign_negative() { -magnitude } else { magnitude }
            }
        }
    }
}

/// The smallest positive `f64` is two to the power of minus this.
const UNIT_BITS: u32 = 1074;

/// So many times 2⁻¹⁰⁷⁴, divided, and rounded once; no value beyond the finite numbers.
pub(super) fn nearest_of_units(units: &BigInt, divisor: &BigUint) -> Option<f64> {
    nearest_quotient(units, &(divisor << UNIT_BITS))
}

/// The sum of shares, of which so many are one, rounded once; no value beyond the finite numbers.
pub(super) fn sum(numbers: &[Number], shares: u128) -> Option<f64> {
    nearest_of_units(&total_units(numbers), &BigUint::from(shares))
}

/// The arithmetic mean, rounded once; no value over nothing.
pub(super) fn mean(numbers: &[Number]) -> Option<f64> {
    if numbers.is_empty() {
        return None;
    }
    nearest_quotient(&total_units(numbers), &(BigUint::from(numbers.len()) << UNIT_BITS))
}

/// The population standard deviation √(n·Σx² − (Σx)²) ∕ n, rounded once; no value over nothing.
pub(super) fn stddev(numbers: &[Number]) -> Option<f64> {
    if numbers.is_empty() {
        return None;
    }
    let n = BigUint::from(numbers.len());
    let total = total_units(numbers);
    let squares: BigInt = numbers.iter().map(|number| number.units() * number.units()).sum();
    let spread = (BigInt::from(n.clone()) * squares - &total * &total).magnitude().clone();
    // √(spread ∕ n²) with so many binary digits after the point that at least 70 are significant. The floor of a
    // square root of a quotient is the floor of the square root of the quotient's floor.
    let digits = 70 + n.bits();
    let (quotient, rest) = divide(&(spread << (2 * digits)), &(&n * &n));
    let root = quotient.sqrt();
    let inexact = rest || &root * &root != quotient;
    nearest(&root, inexact, -i64::from(UNIT_BITS) - i64::try_from(digits).ok()?)
}

/// `numerator ∕ denominator` rounded once.
pub(super) fn nearest_quotient(numerator: &BigInt, denominator: &BigUint) -> Option<f64> {
    let digits = 70 + denominator.bits();
    let (quotient, rest) = divide(&(numerator.magnitude() << digits), denominator);
    let magnitude = nearest(&quotient, rest, -i64::try_from(digits).ok()?)?;
    Some(if numerator.sign() == Sign::Minus { -magnitude } else { magnitude })
}

fn total_units(numbers: &[Number]) -> BigInt {
    numbers.iter().map(|number| number.units()).sum()
}

/// The quotient's floor, and whether something is left over.
fn divide(numerator: &BigUint, denominator: &BigUint) -> (BigUint, bool) {
    let quotient = numerator / denominator;
    let rest = &quotient * denominator != *numerator;
    (quotient, rest)
}

/// The `f64` nearest to `(digits + something in (0, 1) if inexact) × 2^exponent`, to even on ties. `digits` is
/// exact, or has more bits than an `f64` can hold.
fn nearest(digits: &BigUint, inexact: bool, exponent: i64) -> Option<f64> {
    let bits = i64::try_from(digits.bits()).ok()?;
    if bits == 0 {
        return Some(0.0);
    }
    // The weight of the last bit that the result can hold: 53 bits, fewer below the normal numbers.
    let last = (bits - 53 + exponent).max(-i64::from(UNIT_BITS));
    let kept = match u64::try_from(last - exponent) {
        Ok(0) => digits.clone(),
        Ok(dropped) => {
            let floor = digits >> dropped;
            let half = digits.bit(dropped - 1);
            let beyond_half = inexact || digits.trailing_zeros().is_some_and(|zeros| zeros < dropped - 1);
            if half && (beyond_half || floor.bit(0)) { floor + 1_u8 } else { floor }
        }
        Err(_) => digits << (exponent - last).unsigned_abs(),
    };
    // An f64's bits, read as an integer, count upwards from zero through all finite numbers: adding to the
    // mantissa carries into the exponent as it should.
    let steps = u64::try_from(last + i64::from(UNIT_BITS)).ok()?;
    let bits = (BigUint::from(steps) << 52_u8) + kept;
    let float = f64::from_bits(u64::try_from(bits).ok()?);
    (float.is_finite() && float.is_sign_positive()).then_some(float)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(values: &[f64]) -> Vec<Number> {
        values.iter().copied().map(Number::Float).collect()
    }

    #[test]
    fn texts_are_numbers_only_if_finite_in_rusts_grammar() {
        for (text, expected) in [
            ("401", Some(401.0)),
            ("+5", Some(5.0)),
            ("007", Some(7.0)),
            ("-0", Some(0.0)),
            ("4.01e2", Some(401.0)),
            (".5", Some(0.5)),
            ("9223372036854775808", Some(9_223_372_036_854_775_808.0)),
            ("", None),
            (" 1", None),
            ("1_000", None),
            ("nan", None),
            ("inf", None),
            ("-Infinity", None),
            ("1e400", None),
            ("0x10", None),
            ("[1]", None),
        ] {
            assert_eq!(Number::from_text(text).map(Number::as_f64), expected, "{text:?}");
        }
    }

    #[test]
    fn integers_beyond_the_precision_of_floats_still_differ() {
        let (low, high) =
            (Number::from_text("9007199254740992").unwrap(), Number::from_text("9007199254740993").unwrap());
        assert_eq!(low.compare(high), Ordering::Less);
        assert_eq!(low.compare(Number::Float(9_007_199_254_740_992.0)), Ordering::Equal);
    }

    #[test]
    fn sums_are_rounded_once_whatever_the_order() {
        for (values, expected) in [
            (vec![], Some(0.0)),
            (vec![0.1, 0.2, 0.3], Some(0.6)), // one after the other: 0.6000000000000001
            (vec![1e16, 1.0, -1e16], Some(1.0)),
            (vec![1e308, 1e308, -1e308], Some(1e308)),
            (vec![1e308, 1e308], None),
            (vec![5e-324, 5e-324], Some(1e-323)),
            (vec![-1.5, 1.0], Some(-0.5)),
        ] {
            assert_eq!(sum(&floats(&values), 1), expected, "{values:?}");
            let reversed: Vec<f64> = values.iter().rev().copied().collect();
            assert_eq!(sum(&floats(&reversed), 1), expected, "{reversed:?}");
        }
    }

    #[test]
    fn means_and_deviations_of_small_integers_are_what_arithmetic_says() {
        for (values, expected_mean, expected_stddev) in [
            (vec![2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 5.0, 2.0),
            (vec![1.0], 1.0, 0.0),
            (vec![1.0, 2.0], 1.5, 0.5),
            // √2 ∕ 3 = 0.471404520791031682…; rounded twice it would be 0.47140452079103173.
            (vec![0.0, 0.0, 1.0], 1.0 / 3.0, 0.471_404_520_791_031_7),
            (vec![1e300, 1e300], 1e300, 0.0),
            (vec![5e-324, -5e-324], 0.0, 5e-324),
        ] {
            assert_eq!(mean(&floats(&values)), Some(expected_mean), "mean of {values:?}");
            assert_eq!(stddev(&floats(&values)), Some(expected_stddev), "stddev of {values:?}");
        }
        assert_eq!((mean(&[]), stddev(&[])), (None, None));
    }

    #[test]
    fn quotients_of_floats_agree_with_the_processors() {
        for numerator in [0_i32, 1, -1, 2, 3, 7, 10, 1_000_000_007] {
            for denominator in [1_u32, 2, 3, 7, 9, 10, 49, 60, 1_000_000_009] {
                assert_eq!(
                    nearest_quotient(&BigInt::from(numerator), &BigUint::from(denominator)),
                    Some(f64::from(numerator) / f64::from(denominator)),
                    "{numerator}/{denominator}"
                );
            }
        }
    }
}
