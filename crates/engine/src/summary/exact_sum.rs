//! Sums of floating-point numbers that do not depend on their order: exact, rounded once at the end.
//!
//! Every finite `f64` is an integer times a power of two, so a sum of them is too. The integer is kept in 128 bits
//! as long as it fits, which it does for what telemetry holds (numbers of like size), and as a big integer beyond.

use num_bigint::{BigInt, Sign};
use serde::{Deserialize, Serialize};

/// An exact sum: `mantissa × 2^exponent`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExactSum {
    exponent: i32,
    mantissa: Mantissa,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Mantissa {
    Small(i128),
    #[serde(with = "big")]
    Big(BigInt),
}

/// A big integer as its bytes, in two's complement, the least first.
mod big {
    use num_bigint::BigInt;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &BigInt, serializer: S) -> Result<S::Ok, S::Error> {
        number.to_signed_bytes_le().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BigInt, D::Error> {
        Ok(BigInt::from_signed_bytes_le(&Vec::deserialize(deserializer)?))
    }
}

impl Default for Mantissa {
    fn default() -> Self {
        Self::Small(0)
    }
}

impl ExactSum {
    /// Adds a finite number.
    pub fn add(&mut self, number: f64) {
        let (mantissa, exponent) = split(number);
        self.add_scaled(i128::from(mantissa), exponent);
    }

    /// Adds the square of a finite number, exactly.
    pub fn add_square(&mut self, number: f64) {
        let (mantissa, exponent) = split(number);
        self.add_scaled(i128::from(mantissa) * i128::from(mantissa), 2 * exponent);
    }

    /// Adds the product of a finite number and a whole one, exactly.
    pub fn add_product(&mut self, number: f64, factor: i128) {
        let (mantissa, exponent) = split(number);
        match i128::from(mantissa).checked_mul(factor) {
            Some(product) => self.add_scaled(product, exponent),
            None => self.add_big(BigInt::from(mantissa) * factor, exponent),
        }
    }

    /// Adds the product of the square of a finite number and a whole one, exactly.
    pub fn add_square_product(&mut self, number: f64, factor: i128) {
        let (mantissa, exponent) = split(number);
        let square = i128::from(mantissa) * i128::from(mantissa);
        match square.checked_mul(factor) {
            Some(product) => self.add_scaled(product, 2 * exponent),
            None => self.add_big(BigInt::from(square) * factor, 2 * exponent),
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        match &other.mantissa {
            Mantissa::Small(mantissa) => self.add_scaled(*mantissa, other.exponent),
            Mantissa::Big(mantissa) => self.add_big(mantissa.clone(), other.exponent),
        }
    }

    fn add_scaled(&mut self, mantissa: i128, exponent: i32) {
        if mantissa == 0 {
            return;
        }
        let Mantissa::Small(own) = self.mantissa else {
            return self.add_big(BigInt::from(mantissa), exponent);
        };
        let common = if own == 0 { exponent } else { self.exponent.min(exponent) };
        let aligned = shift_left(own, self.exponent.saturating_sub(common))
            .zip(shift_left(mantissa, exponent - common))
            .and_then(|(left, right)| left.checked_add(right));
        match aligned {
            Some(sum) => *self = Self { exponent: common, mantissa: Mantissa::Small(sum) },
            None => self.add_big(BigInt::from(mantissa), exponent),
        }
    }

    fn add_big(&mut self, mantissa: BigInt, exponent: i32) {
        let common = self.exponent.min(exponent);
        let sum = (self.big() << self.exponent.abs_diff(common)) + (mantissa << exponent.abs_diff(common));
        *self = Self { exponent: common, mantissa: Mantissa::Big(sum) };
    }

    fn big(&self) -> BigInt {
        match &self.mantissa {
            Mantissa::Small(mantissa) => BigInt::from(*mantissa),
            Mantissa::Big(mantissa) => mantissa.clone(),
        }
    }

    /// The sum, rounded once to nearest.
    pub fn to_f64(&self) -> f64 {
        Quotient::of(self.big(), self.exponent, &BigInt::from(1)).to_f64()
    }

    /// The sum divided by `count`, rounded once to nearest.
    pub fn mean(&self, count: u64) -> f64 {
        Quotient::of(self.big(), self.exponent, &BigInt::from(count)).to_f64()
    }

    /// The sum divided by a whole number, rounded once to nearest.
    pub fn divided_by(&self, divisor: i128) -> f64 {
        let quotient = Quotient::of(self.big(), self.exponent, &BigInt::from(divisor)).to_f64();
        if divisor < 0 { -quotient } else { quotient }
    }

    /// The population standard deviation of `count` numbers with this sum and these squares, all in one unit.
    /// The variance is exact before its one rounding: numbers that lie close together do not cancel.
    pub fn stddev(&self, squares: &Self, count: impl Into<BigInt>) -> f64 {
        let count: BigInt = count.into();
        // n² · variance = n · Σx² − (Σx)², on a common scale.
        let common = squares.exponent.min(2 * self.exponent);
        let own = self.big();
        let scaled = ((&count * squares.big()) << squares.exponent.abs_diff(common))
            - ((&own * &own) << (2 * self.exponent).abs_diff(common));
        Quotient::of(scaled, common, &(&count * &count)).sqrt()
    }
}

/// A finite number as odd integer times a power of two (or zero).
fn split(number: f64) -> (i64, i32) {
    let bits = number.to_bits();
    let fraction = (bits & ((1 << 52) - 1)).cast_signed();
    let biased = i32::from(((bits >> 52) & 0x7ff) as u16);
    let (mantissa, exponent) =
        if biased == 0 { (fraction, -1074) } else { (fraction | (1 << 52), biased - 1075) };
    if mantissa == 0 {
        return (0, 0);
    }
    let zeros = mantissa.trailing_zeros();
    let mantissa = mantissa >> zeros;
    (if number.is_sign_negative() { -mantissa } else { mantissa }, exponent + zeros.cast_signed())
}

/// `value << by`, where nothing is lost.
fn shift_left(value: i128, by: i32) -> Option<i128> {
    let by = u32::try_from(by).ok()?;
    if value == 0 {
        return Some(0);
    }
    (value.unsigned_abs().leading_zeros() > by.saturating_add(1)).then(|| value << by)
}

/// `value × 2^exponent`, where `value` has been rounded to nearest once.
struct Quotient {
    value: f64,
    exponent: i64,
}

impl Quotient {
    /// `numerator × 2^exponent ÷ denominator`
    fn of(numerator: BigInt, exponent: i32, denominator: &BigInt) -> Self {
        let (sign, magnitude) = numerator.into_parts();
        let denominator = denominator.magnitude();
        if sign == Sign::NoSign || denominator.bits() == 0 {
            return Self { value: 0.0, exponent: 0 };
        }
        // 66 bits of quotient hold a rounding bit beyond the 53; what is left decides ties as one sticky bit.
        let shift = (66 + denominator.bits()).saturating_sub(magnitude.bits());
        let scaled = magnitude << shift;
        let whole = &scaled / denominator;
        let exact = &whole * denominator == scaled;
        // The top 64 bits, with everything below them folded into the lowest.
        let cut = whole.bits().saturating_sub(64);
        let top = &whole >> cut;
        let exact = exact && &top << cut == whole;
        let top = top.iter_u64_digits().next().unwrap_or(0) | u64::from(!exact);
        #[expect(clippy::cast_precision_loss, reason = "this is the one rounding")]
        let rounded = top as f64;
        Self {
            value: if sign == Sign::Minus { -rounded } else { rounded },
            exponent: i64::from(exponent) + cut.cast_signed() - shift.cast_signed(),
        }
    }

    /// As a double; a subnormal one is rounded again.
    fn to_f64(&self) -> f64 {
        scale(self.value, self.exponent)
    }

    /// The square root, also where the square itself is beyond the doubles.
    fn sqrt(&self) -> f64 {
        let odd = self.exponent.rem_euclid(2);
        let value = if odd == 1 { self.value * 2.0 } else { self.value };
        scale(value.sqrt(), (self.exponent - odd) / 2)
    }
}

/// `value × 2^exponent`, in steps that neither overflow nor vanish before the last.
fn scale(mut value: f64, mut exponent: i64) -> f64 {
    while exponent > 0 && value.is_finite() {
        let step = exponent.min(1000);
        value *= 2_f64.powi(i32::try_from(step).unwrap_or(1000));
        exponent -= step;
    }
    while exponent < 0 && value != 0.0 {
        let step = exponent.max(-1000);
        value *= 2_f64.powi(i32::try_from(step).unwrap_or(-1000));
        exponent -= step;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(numbers: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        for &number in numbers {
            sum.add(number);
        }
        sum
    }

    #[test]
    fn sums_are_exact_and_rounded_once() {
        for (numbers, expected) in [
            (&[][..], 0.0),
            (&[0.1, 0.2], 0.300_000_000_000_000_04),
            (&[1e100, 1.0, -1e100], 1.0),
            (&[1e308, 1e308, -1e308], 1e308),
            (&[f64::MIN_POSITIVE, -f64::MIN_POSITIVE, 5e-324], 5e-324),
            (&[0.1; 10], 1.0),
            (&[9_007_199_254_740_992.0, 1.0, 1.0], 9_007_199_254_740_994.0),
            (&[-2.5, -0.25], -2.75),
        ] {
            assert_eq!(sum(numbers).to_f64().to_bits(), f64::to_bits(expected), "{numbers:?}");
        }
    }

    #[test]
    fn the_order_does_not_matter_nor_where_the_parts_are_cut() {
        let numbers: Vec<f64> =
            (0..200_i32).map(|i| f64::from(i * i % 71 - 35) * 10_f64.powi(i % 40 - 20)).collect();
        let whole = sum(&numbers);
        let mut backwards = numbers.clone();
        backwards.reverse();
        assert_eq!(whole.to_f64().to_bits(), sum(&backwards).to_f64().to_bits());
        for cut in [0, 1, 99, 200] {
            let (left, right) = numbers.split_at(cut);
            let mut merged = sum(left);
            merged.merge(&sum(right));
            assert_eq!(merged.to_f64().to_bits(), whole.to_f64().to_bits());
        }
    }

    #[test]
    fn deviation_does_not_cancel() {
        let numbers = [1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0, 1e9 + 4.0];
        let (total, mut squares) = (sum(&numbers), ExactSum::default());
        for number in numbers {
            squares.add_square(number);
        }
        assert_eq!(total.stddev(&squares, 4_u64).to_bits(), 1.25_f64.sqrt().to_bits());
        assert_eq!(total.mean(4).to_bits(), 1_000_000_002.5_f64.to_bits());
    }

    #[test]
    fn deviation_may_lie_within_the_doubles_where_its_square_does_not() {
        let numbers = [1e308, -1e308];
        let (total, mut squares) = (sum(&numbers), ExactSum::default());
        for number in numbers {
            squares.add_square(number);
        }
        assert_eq!(total.stddev(&squares, 2_u64).to_bits(), 1e308_f64.to_bits());
    }

    #[test]
    fn products_are_exact_and_divided_once() {
        let of = |products: &[(f64, i128)], divisor| {
            let mut sum = ExactSum::default();
            for (number, factor) in products {
                sum.add_product(*number, *factor);
            }
            sum.divided_by(divisor)
        };
        for (products, divisor, expected) in [
            (&[(0.1, 3)][..], 3, 0.1),
            (&[(1e300, 7), (-1e300, 7), (0.5, 2)], 4, 0.25),
            (&[(1.0, i128::MAX), (1.0, i128::MAX)], -2, -1.701_411_834_604_692_3e38),
            (&[(3.0, i128::MAX)], 3, 1.701_411_834_604_692_3e38),
        ] {
            assert_eq!(of(products, divisor).to_bits(), f64::to_bits(expected), "{products:?} / {divisor}");
        }
    }

    #[test]
    fn means_are_rounded_once() {
        assert_eq!(sum(&[1.0]).mean(3).to_bits(), (1.0_f64 / 3.0).to_bits());
        assert_eq!(sum(&[0.1, 0.1, 0.1]).mean(3).to_bits(), 0.1_f64.to_bits());
        assert_eq!(sum(&[5e-324]).mean(1).to_bits(), 5e-324_f64.to_bits());
    }
}
