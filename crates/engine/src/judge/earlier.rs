//! The values of functions over earlier windows.
//!
//! A window has no value if it begins before the store's first span, or where some of its spans are known to be missing.
//! One without spans has the values of nothing, if its group had been seen by then.

use std::collections::BTreeMap;

use fluo_alerts::value::Value;
use fluo_plan::RulePlan;
use fluo_rules::expr::{EarlierCall, EarlierFunction, Expr, ExprKind, Total};
use fluo_rules::objective::{BurnValue, Last, Objective};
use fluo_rules::rule::Aggregate;
use fluo_time::range::{joined, meet};
use fluo_time::{Nanos, TimeRange};

use super::seen::is_seen;
use super::{Asked, values_of};
use crate::panes::Windows;
use crate::rows::Group;
use crate::source::SpanSource;
use crate::summary::{ExactSum, Summary, Values};

/// The facts about a store that its spans do not say.
#[derive(Debug, Clone, Default)]
pub(super) struct Store {
    /// The end of its first span, to the millisecond; none where it has none.
    pub(super) first: Option<i64>,
    /// Event times in which spans may be missing: in order, and apart.
    pub(super) damaged: Vec<TimeRange>,
}

impl Store {
    /// The store of a source, whose first span ended at `first`; where that is not said, the source is all of it.
    pub(super) fn of(first: Option<i64>, source: &SpanSource) -> Self {
        let first = first.or_else(|| source.ends().map(|ends| ends.from));
        // Names of files say no more than milliseconds.
        let first = first.map(|first| first.div_euclid(MILLISECOND).saturating_mul(MILLISECOND));
        Self { first, damaged: joined(source.damaged()) }
    }

    /// The store of a source, as it is to the rows of a rule about traces: each is made of the spans around it.
    pub(super) fn of_rows(asked: &Asked<'_>, source: &SpanSource) -> Self {
        let Self { first, damaged } = Self::of(asked.first, source);
        Self { first, damaged: joined(damaged.into_iter().map(|ends| asked.plan.rows_of(ends))) }
    }
}

/// Nanoseconds.
const MILLISECOND: i64 = 1_000_000;

/// A rule's past.
#[derive(Clone, Copy)]
pub(super) struct Past<'a> {
    pub(super) plan: &'a RulePlan,
    pub(super) sums: &'a Windows,
    pub(super) seen: Option<&'a Windows>,
    pub(super) store: &'a Store,
}

/// The past of one group.
pub(super) struct OfGroup<'a> {
    past: Past<'a>,
    group: &'a Group,
    /// True if it is there whether or not it was ever seen.
    standing: bool,
    /// Values of windows, by their ends: many moments have the same earlier windows.
    known: BTreeMap<i64, Option<Values>>,
    /// The counts of the last whiles, by their lengths, and the moment that they are of.
    lasts: (i64, BTreeMap<Nanos, Option<Last>>),
}

impl<'a> Past<'a> {
    pub(super) fn of(self, group: &'a Group, standing: bool) -> OfGroup<'a> {
        OfGroup { past: self, group, standing, known: BTreeMap::new(), lasts: (i64::MIN, BTreeMap::new()) }
    }

    /// The values of the aggregates over the window that ends at a moment.
    pub(super) fn sums_at(&self, group: &Group, end: i64) -> Values {
        self.sums_over(group, end, self.plan.rule().window.0)
    }

    /// The values of the aggregates over the last while before a moment, of a length that is summed up.
    fn sums_over(&self, group: &Group, end: i64, length: i64) -> Values {
        let mut sums: Vec<Summary> =
            self.plan.aggregates().map(|of| Summary::of_rule(self.plan.rule(), &of.function)).collect();
        let cells = self.sums.cells;
        let first = cells.of(end.saturating_sub(length).saturating_add(1));
        self.sums.add_to(&mut sums, group, first..=cells.of(end));
        values_of(self.plan, group, &mut sums)
    }

    /// Returns the counts of the last while before a moment; none before the store's first span.
    fn last(&self, group: &Group, moment: i64, length: Nanos) -> Option<Last> {
        let known = Nanos(moment.saturating_sub(self.store.first?).min(length.0));
        let sums = self.sums_over(group, moment, length.0);
        let count = |name: &str| sums.iter().find(|(found, _)| found == name)?.1.as_f64();
        let (errors, total) = (count(Objective::FAILED)?, count(Aggregate::COUNT)?);
        (known.0 > 0).then_some(Last { errors, total, known })
    }

    /// Returns whether a span of a group ended after `after`, and at or before `to`; both are ends of panes.
    fn has_spans(&self, group: &Group, after: i64, to: i64) -> bool {
        let cells = self.sums.cells;
        self.sums.within(group, cells.of(after.saturating_add(1))..=cells.of(to)).next().is_some()
    }

    /// Returns whether a group had been seen by a moment, within `lookback`.
    pub(super) fn was_seen(&self, group: &Group, moment: i64) -> bool {
        let after = moment.saturating_sub(self.plan.rule().lookback.0);
        self.seen.is_some_and(|seen| is_seen(seen, group, after, moment))
    }

    /// Returns whether the store had spans when a stretch began.
    fn is_known_since(&self, begin: i64) -> bool {
        self.store.first.is_some_and(|first| begin >= first)
    }
}

impl OfGroup<'_> {
    /// The values of all calls at a moment, whose aggregates have these values.
    pub(super) fn calls(&mut self, moment: i64, present: &Values) -> Values {
        // What earlier moments needed, later ones need no more.
        let reach = self.past.plan.reach_of_sums();
        self.known = self.known.split_off(&moment.saturating_sub(reach));
        let plan = self.past.plan;
        plan.calls().iter().map(|call| (call.name.clone(), self.call(call, moment, present))).collect()
    }

    fn call(&mut self, call: &EarlierCall, moment: i64, present: &Values) -> Value {
        let window = self.past.plan.rule().window.0;
        let before = |windows: i64| moment.saturating_sub(windows.saturating_mul(window));
        match &call.function {
            EarlierFunction::Previous { of, windows } => self.value(of, before((*windows).into())),
            EarlierFunction::Offset { of, by } => self.value(of, moment.saturating_sub(by.0)),
            EarlierFunction::Over { total, of, past } => {
                total_of(*total, &self.values(of, moment, past.0 / window))
            }
            EarlierFunction::ZScore { of, past } => {
                let values = self.values(of, moment, past.0 / window);
                score(value_of(of, present), total_of(Total::Avg, &values), total_of(Total::Stddev, &values))
            }
            EarlierFunction::PredictLinear { of, past, ahead } => {
                let windows = 0..past.0 / window;
                let points = windows.filter_map(|back| Some((back, self.value(of, before(back)).as_f64()?)));
                forecast(&points.collect::<Vec<_>>(), ahead.0, window)
            }
            EarlierFunction::IsNew => truth(self.is_new(moment)),
            EarlierFunction::Absent { past } => truth(self.is_absent(moment, past.0)),
            EarlierFunction::Burn { value, objective } => self.burn(*value, objective, moment),
        }
    }

    /// A value of an objective at a moment.
    fn burn(&mut self, value: BurnValue, objective: &Objective, moment: i64) -> Value {
        if self.lasts.0 != moment {
            self.lasts = (moment, BTreeMap::new());
        }
        let Self { past, group, lasts: (_, lasts), .. } = self;
        let found = objective.value(value, &mut |length| {
            *lasts.entry(length).or_insert_with(|| past.last(group, moment, length))
        });
        match found {
            #[expect(clippy::cast_possible_truncation, reason = "a number of spans")]
            Some(count) if value.counts() => Value::Int(count as i128),
            Some(number) => finite(number),
            None => Value::None,
        }
    }

    /// The values of an expression over so many windows before a moment, where they have one.
    fn values(&mut self, of: &Expr, moment: i64, windows: i64) -> Vec<Value> {
        let window = self.past.plan.rule().window.0;
        let ends = (1..=windows).map(|back| moment.saturating_sub(back.saturating_mul(window)));
        ends.map(|end| self.value(of, end)).filter(|value| value.as_f64().is_some()).collect()
    }

    /// The value of an expression over the window that ends at a moment.
    fn value(&mut self, of: &Expr, end: i64) -> Value {
        if !self.known.contains_key(&end) {
            let values = self.window(end);
            self.known.insert(end, values);
        }
        self.known.get(&end).and_then(Option::as_ref).map_or(Value::None, |values| value_of(of, values))
    }

    /// The values of a window; none where it has no value.
    fn window(&self, end: i64) -> Option<Values> {
        let Self { past, group, standing, .. } = self;
        let begin = end.saturating_sub(past.plan.rule().window.0);
        let is_whole = !meet(&past.store.damaged, TimeRange { from: begin.saturating_add(1), to: end });
        let is_there = || *standing || past.has_spans(group, begin, end) || past.was_seen(group, end);
        (past.is_known_since(begin) && is_whole && is_there()).then(|| past.sums_at(group, end))
    }

    /// Returns whether the group has spans now and had none before; none where that is not known.
    fn is_new(&self, moment: i64) -> Option<bool> {
        let rule = self.past.plan.rule();
        let begin = moment.saturating_sub(rule.window.0);
        if !self.past.has_spans(self.group, begin, moment) {
            return Some(false);
        }
        let is_known = self.past.is_known_since(begin.saturating_sub(rule.lookback.0));
        is_known.then(|| !self.past.was_seen(self.group, begin))
    }

    /// Returns whether the group has had no span for so long; none where that is not known.
    fn is_absent(&self, moment: i64, past: i64) -> Option<bool> {
        let after = moment.saturating_sub(past);
        if self.past.has_spans(self.group, after, moment) {
            return Some(false);
        }
        let is_known = self.past.is_known_since(after);
        is_known.then(|| self.standing || self.past.was_seen(self.group, moment))
    }
}

/// The value of an expression at values of its aggregates: that of an aggregate as it is.
fn value_of(of: &Expr, values: &Values) -> Value {
    let found = |name: &str| values.iter().find(|(found, _)| found == name).map(|(_, value)| *value);
    if let ExprKind::Aggregate(name) = &of.kind {
        return found(name).unwrap_or(Value::None);
    }
    of.number(&|name| found(name).and_then(Value::as_f64)).map_or(Value::None, Value::Float)
}

fn truth(truth: Option<bool>) -> Value {
    truth.map_or(Value::None, |truth| Value::Int(truth.into()))
}

fn finite(number: f64) -> Value {
    if number.is_finite() { Value::Float(number) } else { Value::None }
}

fn is_fewer(number: usize, fewest: i64) -> bool {
    i64::try_from(number).is_ok_and(|number| number < fewest)
}

/// One number of the values of windows, all of which have one; none of too few.
fn total_of(total: Total, values: &[Value]) -> Value {
    if is_fewer(values.len(), EarlierFunction::FEWEST_WINDOWS) {
        return Value::None;
    }
    let count = values.len() as u64;
    let numbers: Vec<f64> = values.iter().filter_map(|value| value.as_f64()).collect();
    let sum = |numbers: &[f64]| {
        let mut sum = ExactSum::default();
        for number in numbers {
            sum.add(*number);
        }
        sum
    };
    let by_number = |one: &&Value, other: &&Value| {
        one.as_f64().unwrap_or_default().total_cmp(&other.as_f64().unwrap_or_default())
    };
    match total {
        Total::Avg => finite(sum(&numbers).mean(count)),
        Total::Stddev => {
            let mut squares = ExactSum::default();
            for number in &numbers {
                squares.add_square(*number);
            }
            finite(sum(&numbers).stddev(&squares, count))
        }
        Total::Min => values.iter().min_by(by_number).copied().unwrap_or(Value::None),
        Total::Max => values.iter().max_by(by_number).copied().unwrap_or(Value::None),
        Total::Sum => sum_of(values).unwrap_or_else(|| finite(sum(&numbers).to_f64())),
        Total::Median => {
            let mut numbers = numbers;
            numbers.sort_by(f64::total_cmp);
            let middle = &numbers[(numbers.len() - 1) / 2..=numbers.len() / 2];
            finite(sum(middle).mean(middle.len() as u64))
        }
    }
}

/// The sum of whole numbers, or of durations; none of others.
fn sum_of(values: &[Value]) -> Option<Value> {
    let mut values = values.iter().copied();
    let first = values.next()?;
    values
        .try_fold(first, |sum, value| match (sum, value) {
            (Value::Int(sum), Value::Int(more)) => sum.checked_add(more).map(Value::Int),
            (Value::Duration(sum), Value::Duration(more)) => sum.checked_add(more).map(Value::Duration),
            _ => None,
        })
        .filter(|sum| matches!(sum, Value::Int(_) | Value::Duration(_)))
}

/// By how many deviations a value is above a mean; none where nothing deviates.
fn score(value: Value, mean: Value, deviation: Value) -> Value {
    match (value.as_f64(), mean.as_f64(), deviation.as_f64()) {
        (Some(value), Some(mean), Some(deviation)) if deviation != 0.0 => finite((value - mean) / deviation),
        _ => Value::None,
    }
}

/// The value `ahead` of the present, on the straight line of least squares through values so many windows before it.
///
/// With `x = −back` and `m = ahead / window`, it is `Σ yᵢ · (Σx² − xᵢ·Σx + m·(n·xᵢ − Σx)) / (n·Σx² − (Σx)²)`: one sum of
/// products, which is exact, and one division.
fn forecast(points: &[(i64, f64)], ahead: i64, window: i64) -> Value {
    if is_fewer(points.len(), EarlierFunction::FEWEST_POINTS) {
        return Value::None;
    }
    let count = points.len() as i128;
    let (sum, squares) = points.iter().fold((0_i128, 0_i128), |(sum, squares), (back, _)| {
        let x = -i128::from(*back);
        (sum + x, squares + x * x)
    });
    let (ahead, window) = (i128::from(ahead), i128::from(window));
    let mut products = ExactSum::default();
    for (back, value) in points {
        let x = -i128::from(*back);
        let weight = (squares - x * sum).checked_mul(window);
        let slope = (count * x - sum).checked_mul(ahead);
        let Some(weight) = weight.zip(slope).and_then(|(weight, slope)| weight.checked_add(slope)) else {
            return Value::None;
        };
        products.add_product(*value, weight);
    }
    let divisor = (count * squares - sum * sum).checked_mul(window);
    divisor.map_or(Value::None, |divisor| finite(products.divided_by(divisor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_on_as_it_went() {
        for (scenario, points, ahead, window, expected) in [
            ("a leak", vec![(0, 50.0), (1, 40.0), (2, 30.0)], 120, 60, Value::Float(70.0)),
            ("half a window ahead", vec![(0, 50.0), (1, 40.0)], 30, 60, Value::Float(55.0)),
            ("with a gap", vec![(0, 50.0), (3, 20.0)], 60, 60, Value::Float(60.0)),
            ("nothing moves", vec![(0, 0.1), (1, 0.1), (2, 0.1)], 3600, 60, Value::Float(0.1)),
            ("around a line", vec![(0, 1.0), (1, 3.0), (2, 2.0)], 60, 60, Value::Float(1.0)),
            ("one point", vec![(0, 1.0)], 60, 60, Value::None),
            ("beyond all numbers", vec![(0, 1e308), (1, -1e308)], 6000, 60, Value::None),
        ] {
            assert_eq!(forecast(&points, ahead, window), expected, "{scenario}");
        }
    }

    #[test]
    fn totals_of_windows() {
        let ints = [3, 1, 2, 2].map(Value::Int);
        let floats = [0.5, 1.5, 0.25].map(Value::Float);
        let durations = [2, 4, 6].map(Value::Duration);
        for (total, values, expected) in [
            (Total::Avg, &ints[..], Value::Float(2.0)),
            (Total::Min, &ints[..], Value::Int(1)),
            (Total::Max, &ints[..], Value::Int(3)),
            (Total::Sum, &ints[..], Value::Int(8)),
            (Total::Stddev, &ints[..], Value::Float(0.5_f64.sqrt())),
            (Total::Median, &ints[..], Value::Float(2.0)),
            (Total::Median, &floats[..], Value::Float(0.5)),
            (Total::Sum, &floats[..], Value::Float(2.25)),
            (Total::Sum, &durations[..], Value::Duration(12)),
            (Total::Max, &durations[..], Value::Duration(6)),
            (Total::Avg, &durations[..], Value::Float(4.0)),
            (Total::Avg, &ints[..2], Value::None),
        ] {
            assert_eq!(total_of(total, values), expected, "{total:?} of {values:?}");
        }
    }

    #[test]
    fn where_nothing_deviates_nothing_is_unusual() {
        let float = Value::Float;
        assert_eq!(score(Value::Int(8), float(2.0), float(2.0)), float(3.0));
        assert_eq!(score(Value::Int(8), float(2.0), float(0.0)), Value::None);
        assert_eq!(score(Value::None, float(2.0), float(2.0)), Value::None);
        assert_eq!(score(Value::Int(8), Value::None, Value::None), Value::None);
    }
}
