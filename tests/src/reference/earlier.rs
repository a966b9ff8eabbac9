//! Functions over earlier windows, from the manual's words: every window is looked at for itself.

use std::collections::BTreeMap;

use fluo_rules::expr::{EarlierCall, EarlierFunction, Expr, Total};
use fluo_rules::rule::Rule;
use fluo_spans::span::Span;
use num_bigint::{BigInt, Sign};

use super::datum::Datum;
use super::expression::{self, Environment};
use super::number::{self, Number};
use super::terms::{Givens, Group};
use super::{aggregate, limits, moments, slo};

/// A group, with all of its spans that matter.
pub(super) struct Past<'a> {
    pub(super) rule: &'a Rule,
    pub(super) group: &'a Group,
    pub(super) spans: &'a [&'a Span],
    /// The group exists at every moment.
    pub(super) standing: bool,
    /// The end of the first of all spans, in whole milliseconds.
    pub(super) first: Option<i64>,
    pub(super) givens: Givens<'a>,
}

/// The values of calls by their text.
pub(super) type Calls = BTreeMap<String, Option<Datum>>;

impl Past<'_> {
    /// Returns whether a span of the group ended in `(moment − lookback, moment]`.
    pub(super) fn was_seen(&self, moment: i64) -> bool {
        self.ended_within(moment, self.rule.lookback.0)
    }

    fn ended_within(&self, moment: i64, length: i64) -> bool {
        let moment = i128::from(moment);
        let after = moment - i128::from(length);
        self.spans.iter().map(|span| i128::from(span.end_ns)).any(|end| after < end && end <= moment)
    }

    /// Returns whether the store had spans so long before a moment.
    fn was_there(&self, moment: i64, before: i64) -> bool {
        self.first.is_some_and(|first| i128::from(moment) - i128::from(before) >= i128::from(first))
    }

    /// All calls of the rule's condition at a moment.
    pub(super) fn calls(&self, moment: i64) -> Calls {
        if let Some(objective) = self.rule.objective() {
            return slo::values(self, objective, moment);
        }
        let calls = self.rule.condition.earlier().into_iter();
        calls.map(|call| (call.name.clone(), self.call(call, moment))).collect()
    }

    fn call(&self, call: &EarlierCall, moment: i64) -> Option<Datum> {
        let window = self.rule.window.0;
        match &call.function {
            // All of them at once.
            EarlierFunction::Burn { .. } => None,
            EarlierFunction::Previous { of, windows } => self.at(of, moment - i64::from(*windows) * window),
            EarlierFunction::Offset { of, by } => self.at(of, moment - by.0),
            EarlierFunction::Over { total, of, past } => over(*total, &self.before(of, moment, past.0)),
            EarlierFunction::ZScore { of, past } => {
                let before = self.before(of, moment, past.0);
                let mean = magnitude(&over(Total::Avg, &before)?);
                let deviation = magnitude(&over(Total::Stddev, &before)?);
                let present = magnitude(&self.value(of, moment)?);
                if deviation == 0.0 {
                    return None;
                }
                Number::finite((present - mean) / deviation).map(Datum::Number)
            }
            EarlierFunction::PredictLinear { of, past, ahead } => {
                let mut points = Vec::new();
                let mut end = moment;
                while end > moment - past.0 {
                    points.extend(self.at(of, end).map(|value| (end - moment, value)));
                    end -= window;
                }
                line(&points, ahead.0)
            }
            EarlierFunction::IsNew => {
                let begin = moment - window;
                if !self.ended_within(moment, window) {
                    return Some(Datum::Bool(false));
                }
                self.was_there(begin, self.rule.lookback.0).then(|| Datum::Bool(!self.was_seen(begin)))
            }
            EarlierFunction::Absent { past } => {
                if self.ended_within(moment, past.0) {
                    return Some(Datum::Bool(false));
                }
                let exists = self.standing || self.was_seen(moment);
                self.was_there(moment, past.0).then_some(Datum::Bool(exists))
            }
        }
    }

    /// The values over the windows of the last `past`, the present one left out, where they have one.
    fn before(&self, of: &Expr, moment: i64, past: i64) -> Vec<Datum> {
        let mut values = Vec::new();
        let mut end = moment - self.rule.window.0;
        while end >= moment - past {
            values.extend(self.at(of, end));
            end -= self.rule.window.0;
        }
        values
    }

    /// The value over the window that ends at a moment, if that window has values at all.
    fn at(&self, of: &Expr, end: i64) -> Option<Datum> {
        let window = self.rule.window.0;
        let known = self.standing || self.was_seen(end) || self.ended_within(end, window);
        if known && self.was_there(end, window) { self.value(of, end) } else { None }
    }

    fn value(&self, of: &Expr, end: i64) -> Option<Datum> {
        let window = moments::window(self.rule, self.spans, end);
        let value = |name: &str| match self.rule.aggregate(name) {
            Some(aggregate) => aggregate::value(&aggregate, self.rule, &window, self.givens),
            None => limits::of_group(self.rule, self.group, name),
        };
        expression::value(of, &Environment::Window(&value))
    }
}

/// Returns whether the rule has a group for as long as it was seen within `lookback`.
pub(super) fn keeps_groups(rule: &Rule) -> bool {
    let absent = |call: &EarlierCall| matches!(call.function, EarlierFunction::Absent { .. });
    rule.condition.earlier().into_iter().any(absent)
}

/// The distances before a moment at which windows begin and end that matter to it; of those in which it only matters
/// that a group was seen, too.
pub(super) fn stretches(rule: &Rule, givens: Givens<'_>) -> Vec<(i64, i64)> {
    let (window, lookback) = (rule.window.0, rule.lookback.0);
    let mut stretches = vec![(window, 0)];
    for call in rule.condition.earlier() {
        let ends: Vec<i64> = match &call.function {
            EarlierFunction::Previous { windows, .. } => vec![i64::from(*windows) * window],
            EarlierFunction::Offset { by, .. } => vec![by.0],
            EarlierFunction::Burn { objective, .. } => {
                stretches.push((slo::longest(objective), 0));
                Vec::new()
            }
            EarlierFunction::Over { past, .. } | EarlierFunction::ZScore { past, .. } => {
                (1..=past.0 / window).map(|back| back * window).collect()
            }
            EarlierFunction::PredictLinear { past, .. } => {
                (1..past.0 / window).map(|back| back * window).collect()
            }
            EarlierFunction::IsNew => {
                stretches.push((window + lookback, 0));
                Vec::new()
            }
            EarlierFunction::Absent { past } => {
                stretches.push((past.0, 0));
                if !rule.group_by.is_empty() {
                    stretches.push((lookback, 0));
                }
                Vec::new()
            }
        };
        stretches.extend(ends.iter().map(|end| (end + window, *end)));
        let of_nothing = |name: &str| aggregate::value(&rule.aggregate(name)?, rule, &[], givens);
        let counts =
            call.of().is_some_and(|of| expression::value(of, &Environment::Window(&of_nothing)).is_some());
        if let (Some(last), true, false) = (ends.last(), counts, rule.group_by.is_empty()) {
            stretches.push((last + lookback, 0));
        }
    }
    stretches
}

fn magnitude(datum: &Datum) -> f64 {
    match datum {
        Datum::Number(number) | Datum::Duration(number) => number.as_f64(),
        _ => 0.0,
    }
}

fn exact(datum: &Datum) -> Option<Number> {
    match datum {
        Datum::Number(number) | Datum::Duration(number) => Some(*number),
        _ => None,
    }
}

/// One number of at least three, in their unit.
fn over(total: Total, values: &[Datum]) -> Option<Datum> {
    if values.len() < 3 {
        return None;
    }
    let numbers: Vec<Number> = values.iter().filter_map(exact).collect();
    // What is not kept whole is a double.
    let doubles: Vec<Number> = numbers.iter().map(|number| Number::Float(number.as_f64())).collect();
    let mut ascending = numbers.clone();
    ascending.sort_by(|one, other| one.as_f64().total_cmp(&other.as_f64()));
    let number = match total {
        Total::Avg => Number::Float(number::mean(&doubles)?),
        Total::Stddev => Number::Float(number::stddev(&doubles)?),
        Total::Min => *ascending.first()?,
        Total::Max => *ascending.last()?,
        Total::Sum => {
            let whole: Option<Vec<i128>> = numbers
                .iter()
                .map(|number| if let Number::Int(int) = number { Some(*int) } else { None })
                .collect();
            match whole {
                Some(whole) => Number::Int(whole.iter().sum()),
                None => Number::Float(number::sum(&doubles, 1)?),
            }
        }
        Total::Median => {
            let at = |place: usize| Some(Number::Float(ascending.get(place)?.as_f64()));
            let half = ascending.len() / 2;
            if ascending.len() % 2 == 1 {
                at(half)?
            } else {
                Number::Float(number::mean(&[at(half - 1)?, at(half)?])?)
            }
        }
    };
    Some(if matches!(values.first(), Some(Datum::Duration(_))) {
        Datum::Duration(number)
    } else {
        Datum::Number(number)
    })
}

/// The line of least squares through at least two points, `ahead` of 0: intercept and slope, as fractions of integers.
fn line(points: &[(i64, Datum)], ahead: i64) -> Option<Datum> {
    if points.len() < 2 {
        return None;
    }
    let n = BigInt::from(points.len());
    // Every double is a whole multiple of a smallest unit.
    let ys: Vec<BigInt> = points.iter().map(|(_, value)| Number::Float(magnitude(value)).units()).collect();
    let xs: Vec<BigInt> = points.iter().map(|(x, _)| BigInt::from(*x)).collect();
    let sum_x: BigInt = xs.iter().sum();
    let sum_y: BigInt = ys.iter().sum();
    let sum_xx: BigInt = xs.iter().map(|x| x * x).sum();
    let sum_xy: BigInt = xs.iter().zip(&ys).map(|(x, y)| x * y).sum();
    let determinant = &n * &sum_xx - &sum_x * &sum_x;
    let slope = &n * &sum_xy - &sum_x * &sum_y;
    let intercept = &sum_y * &sum_xx - &sum_x * &sum_xy;
    let forecast = intercept + slope * BigInt::from(ahead);
    if determinant.sign() == Sign::NoSign {
        return None;
    }
    let number = Number::Float(number::nearest_of_units(&forecast, determinant.magnitude())?);
    Some(if matches!(points.first(), Some((_, Datum::Duration(_)))) {
        Datum::Duration(number)
    } else {
        Datum::Number(number)
    })
}
