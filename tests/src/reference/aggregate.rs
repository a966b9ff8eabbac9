//! Aggregates over the spans of one window.

use std::collections::BTreeSet;

use fluo_rules::expr::{Expr, Type, type_of};
use fluo_rules::rule::{Aggregate, AggregateFunction, Rule};
use fluo_spans::span::Span;
use num_bigint::{BigInt, BigUint};

use super::datum::Datum;
use super::expression::{self, Environment, holds};
use super::kin::Within;
use super::lookup::Subject;
use super::number::{self, Number};
use super::sampling;
use super::terms::{Givens, RefValue};

/// The aggregate's value over the window's spans, as the condition sees it; `None` where it has none.
pub(super) fn value(
    aggregate: &Aggregate,
    rule: &Rule,
    window: &[&Span],
    givens: Givens<'_>,
) -> Option<Datum> {
    let spans = taking_part(aggregate, rule, window, givens);
    let spans = match &aggregate.function {
        // Each span once, whatever it stands for.
        AggregateFunction::CountDistinct(_) | AggregateFunction::Min(_) | AggregateFunction::Max(_) => spans,
        _ => sampling::repeated(rule, &spans),
    };
    let number = match &aggregate.function {
        AggregateFunction::Count => sampling::shared(rule, Number::Int(spans.len() as i128)),
        AggregateFunction::CountDistinct(field) => {
            let texts: BTreeSet<String> =
                spans.iter().filter_map(|span| subject(span, rule, givens).canonical_text(field)).collect();
            integer(texts.len())
        }
        AggregateFunction::Rate { per } => {
            let count_times_per = BigInt::from(spans.len()) * per.0;
            let window = BigUint::from(rule.window.0.unsigned_abs());
            let rate = number::nearest_quotient(&count_times_per, &window).map(Number::Float);
            rate.and_then(|rate| sampling::shared(rule, rate))
        }
        AggregateFunction::Sum(field) => {
            match sum(&numbers(field, &spans, rule, givens), sampling::shares_of_one(rule)) {
                // A duration is a whole number of nanoseconds, also one that is made of parts of spans.
                Some(Number::Float(nanos)) if is_of_durations(field) => whole(nanos),
                sum => sum,
            }
        }
        // No reference of queries is written: they are held against rules of the same meaning.
        AggregateFunction::Column(_) => None,
        AggregateFunction::Avg(field) => {
            number::mean(&numbers(field, &spans, rule, givens)).map(Number::Float)
        }
        AggregateFunction::Stddev(field) => {
            number::stddev(&numbers(field, &spans, rule, givens)).map(Number::Float)
        }
        AggregateFunction::Min(field) => as_reported(field, ascending(field, &spans, rule, givens).first()),
        AggregateFunction::Max(field) => as_reported(field, ascending(field, &spans, rule, givens).last()),
        AggregateFunction::Percentile { of, p } => {
            let ascending = ascending(of, &spans, rule, givens);
            as_reported(of, nearest_rank(*p, ascending.len()).and_then(|rank| ascending.get(rank - 1)))
        }
    }?;
    Some(if is_duration(&aggregate.function) { Datum::Duration(number) } else { Datum::Number(number) })
}

/// The value as it is reported.
pub(super) fn reported(value: Option<&Datum>) -> RefValue {
    match value {
        Some(Datum::Number(Number::Int(int)) | Datum::Duration(Number::Int(int))) => RefValue::Int(*int),
        Some(Datum::Number(Number::Float(float)) | Datum::Duration(Number::Float(float))) => {
            RefValue::Float(*float)
        }
        Some(Datum::Bool(truth)) => RefValue::Int(i128::from(*truth)),
        _ => RefValue::None,
    }
}

/// The window's spans that satisfy the aggregate's `where`.
pub(super) fn taking_part<'a>(
    aggregate: &Aggregate,
    rule: &Rule,
    window: &[&'a Span],
    givens: Givens<'_>,
) -> Vec<&'a Span> {
    let passes = |span: &Span| match &aggregate.filter {
        None => true,
        Some(filter) => holds(filter, &Environment::Span(subject(span, rule, givens))),
    };
    window.iter().copied().filter(|span| passes(span)).collect()
}

/// The span as the rule sees it.
pub(super) fn subject<'a>(span: &'a Span, rule: &'a Rule, givens: Givens<'a>) -> Subject<'a> {
    let within = rule.kin.map(|kin| Within(kin.within.0));
    Subject { span, item: None, conventions: rule.conventions, givens, within, rule }
}

fn is_duration(function: &AggregateFunction) -> bool {
    function.measure().is_some_and(is_of_durations)
}

fn is_of_durations(of: &Expr) -> bool {
    type_of(of, &[]) == Type::Duration
}

fn integer(count: usize) -> Option<Number> {
    i128::try_from(count).ok().map(Number::Int)
}

/// The numbers of a field or an expression; spans that have none take no part.
fn numbers(of: &Expr, spans: &[&Span], rule: &Rule, givens: Givens<'_>) -> Vec<Number> {
    spans
        .iter()
        .filter_map(|span| match expression::value(of, &Environment::Span(subject(span, rule, givens)))? {
            Datum::Duration(Number::Int(nanos)) => Some(Number::Int(nanos)),
            Datum::Duration(Number::Float(nanos)) => whole(nanos),
            // Attributes are aggregated as doubles.
            other => other.number().map(|number| Number::Float(number.as_f64())),
        })
        .collect()
}

/// The nearest whole number of nanoseconds, half away from zero; none that 64 bits do not hold.
#[expect(clippy::cast_possible_truncation, reason = "it is held against what it may be")]
fn whole(nanos: f64) -> Option<Number> {
    let nanos = nanos.round() as i128;
    i64::try_from(nanos).ok().map(|nanos| Number::Int(nanos.into()))
}

fn ascending(of: &Expr, spans: &[&Span], rule: &Rule, givens: Givens<'_>) -> Vec<Number> {
    let mut numbers = numbers(of, spans, rule, givens);
    numbers.sort_by(|left, right| left.as_f64().total_cmp(&right.as_f64()).then(left.compare(*right)));
    numbers
}

/// One of the field's numbers: durations are whole nanoseconds, attributes' numbers are `f64`.
fn as_reported(of: &Expr, number: Option<&Number>) -> Option<Number> {
    if is_of_durations(of) {
        return number.copied();
    }
    number.map(|number| Number::Float(number.as_f64()))
}

/// Integers only give an exact integer, anything else a sum that is rounded once.
fn sum(numbers: &[Number], shares: u128) -> Option<Number> {
    if numbers.is_empty() {
        return None;
    }
    let integers: Option<Vec<i128>> = numbers
        .iter()
        .map(|number| match number {
            Number::Int(int) => Some(*int),
            Number::Float(_) => None,
        })
        .collect();
    match integers {
        Some(integers) if shares == 1 => Some(Number::Int(integers.iter().sum())),
        _ => number::sum(numbers, shares).map(Number::Float),
    }
}

/// ⌈p ∕ 100 · n⌉, from 1, of `p` as it is written.
///
/// 55 % of 20 values is the 11th, not the 12th, although `0.55 * 20.0` is a little above 11, and 99.9 % of 1000
/// the 999th, although the `f64` 99.9 is a little above 99.9. So the calculation is with the shortest decimal that
/// means `p`, in integers.
fn nearest_rank(p: f64, n: usize) -> Option<usize> {
    let decimal = p.to_string();
    let (whole, fraction) = decimal.split_once('.').unwrap_or((&decimal, ""));
    let digits: BigUint = format!("{whole}{fraction}").parse().ok()?;
    let hundred_percent = BigUint::from(10_u8).pow(u32::try_from(fraction.len()).ok()?) * 100_u8;
    let rank = (digits * n + &hundred_percent - 1_u8) / hundred_percent;
    usize::try_from(rank).ok().filter(|rank| (1..=n).contains(rank))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_ranks_are_of_the_percentage_as_written() {
        for (p, n, expected) in [
            (50.0, 1, Some(1)),
            (50.0, 2, Some(1)),
            (50.0, 3, Some(2)),
            (55.0, 20, Some(11)),
            (7.0, 100, Some(7)),
            (99.9, 1000, Some(999)),
            (99.9, 1001, Some(1000)),
            (99.0, 40, Some(40)),
            (0.1, 40, Some(1)),
            (1e-7, 3, Some(1)),
            (100.0, 7, Some(7)),
            (99.0, 0, None),
        ] {
            assert_eq!(nearest_rank(p, n), expected, "p{p} of {n}");
        }
    }
}
