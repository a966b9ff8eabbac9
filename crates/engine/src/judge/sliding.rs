//! Exact rules: every window that ends with a row.
//!
//! ```text
//! bound   sums of cells, a quarter of the window each or a minute: no window has more in it than the cells that it touches
//! judge   the rows of those windows only, one by one in and out
//! ```

use std::cmp::Ordering;
use std::collections::VecDeque;

use fluo_alerts::value::Value;
use fluo_plan::RulePlan;
use fluo_rules::rule::{Aggregate, AggregateFunction};
use fluo_time::TimeRange;
use fluo_time::range::contain;
use hashbrown::HashMap;

use super::deciding::Deciding;
use super::held::{Before, Held, exact, last_before};
use super::limits_of;
use crate::episodes::Holding;
use crate::error::EngineError;
use crate::inputs::{Input, Own, Weights, inputs};
use crate::panes::Windows;
use crate::pass::Cells;
use crate::rows::Rows;
use crate::summary::{ExactSum, Summary, Values, Weight};

/// Cells in a window: more of them make a closer bound, and more sums.
const CELLS: i64 = 4;

/// The largest cell, in nanoseconds: of a long window, what is new is a small part.
const LARGEST: i64 = 60_000_000_000;

/// The cells by which an exact rule is bounded.
pub(super) fn cells(plan: &RulePlan) -> Cells {
    Cells { size: (plan.rule().window.0 + CELLS - 1).div_euclid(CELLS).clamp(1, LARGEST) }
}

/// Returns the moments of a stretch at which the condition may hold: where it holds for all spans of the cells that a window
/// touches. More spans only make it truer, unless they lead beyond all numbers, where nothing holds. Moments near such a one
/// are among them, at which what held before may go on: where what ends it does not hold for all these spans. More spans only
/// make that falser.
pub(super) fn candidates(
    plan: &RulePlan,
    windows: &Windows,
    stretch: TimeRange,
    before: &Before,
) -> Vec<TimeRange> {
    let cells = windows.cells;
    let condition = &plan.rule().condition;
    let deciding = Deciding::of(plan);
    let mut found = Vec::new();
    for group in windows.groups() {
        let mut last = last_before(plan, before, group, stretch.from);
        let limits = limits_of(plan, group);
        for cell in windows.cells_with(group) {
            let TimeRange { from, to } = cells.range(cell);
            let moments = TimeRange { from: stretch.from.max(from), to: stretch.to.min(to) };
            if moments.from > moments.to {
                continue;
            }
            let first = cells.of(moments.from.saturating_sub(plan.rule().window.0).saturating_add(1));
            let values = deciding.values(windows, group, first..=cell, &limits);
            let value = |name: &str| exact(&values, name);
            let is_near = |last: i64| moments.from.saturating_sub(last) <= plan.gap().0;
            if condition.held_exactly(&value).is_some()
                || condition.overflows(&value)
                || (last.is_some_and(is_near) && condition.goes_on(&value))
            {
                found.push(moments);
                last = Some(moments.to);
            }
        }
    }
    found
}

/// The moments of a stretch, among its `candidates`, at which the condition holds over rows, or what held before goes on;
/// groups by their places.
pub(super) fn moments(
    plan: &RulePlan,
    rows: &Rows,
    (stretch, candidates): (TimeRange, &[TimeRange]),
    before: &Before,
) -> Result<Vec<Holding>, EngineError> {
    let all = inputs(plan, &rows.batch)?;
    let weights = Weights::of(&rows.batch);
    let deciding = Deciding::of(plan);
    let mut held = Vec::new();
    for (group, (ends, bounds)) in rows.by_group()?.enumerate() {
        let mut sums = Vec::new();
        for (at, aggregate) in &deciding.aggregates {
            sums.push((*aggregate, Sliding::new(&aggregate.function, all[*at], weights)));
        }
        let limits = limits_of(plan, &rows.groups[group]);
        let mut within = Window { plan, sums, limits, ends, rows: bounds.start, first: 0, next: 0 };
        // What was known to hold goes on where no moment was judged since.
        let earlier = ends.partition_point(|end| *end < stretch.from);
        let last = last_before(plan, before, &rows.groups[group], stretch.from)
            .filter(|last| ends[..earlier].last().is_none_or(|end| end <= last));
        let mut of_group = Held::new(plan, group, last);
        while let Some(&moment) = ends.get(within.next) {
            let is_judged = stretch.contains(moment);
            let before = (is_judged && of_group.may_end_before(moment)).then(|| {
                within.empty(moment.saturating_sub(1));
                within.values()
            });
            within.fill(moment);
            within.empty(moment);
            if !is_judged {
                continue;
            }
            // Of other moments' windows only a part was read.
            if contain(candidates, moment) {
                of_group.at(moment, &within.values(), before.as_ref());
            } else {
                of_group.none_at_next();
            }
        }
        held.extend(of_group.found());
    }
    Ok(held)
}

/// The rows of a window, among those of a group.
struct Window<'a> {
    plan: &'a RulePlan,
    sums: Vec<(&'a Aggregate, Sliding<'a>)>,
    /// Of the group.
    limits: Values,
    /// The ends of the group's rows, and the place of its first.
    ends: &'a [i64],
    rows: usize,
    /// The first of them that is in the window.
    first: usize,
    /// The one behind the last.
    next: usize,
}

impl Window<'_> {
    /// Takes in what ended by `moment`.
    fn fill(&mut self, moment: i64) {
        while self.ends.get(self.next).is_some_and(|end| *end <= moment) {
            self.sums.iter_mut().for_each(|(_, sum)| sum.add(self.rows + self.next));
            self.next += 1;
        }
    }

    /// Takes out what is not in the window that ends at `moment` any more.
    fn empty(&mut self, moment: i64) {
        let before = moment.saturating_sub(self.plan.rule().window.0);
        while self.first < self.next && self.ends[self.first] <= before {
            self.sums.iter_mut().for_each(|(_, sum)| sum.remove(self.rows + self.first));
            self.first += 1;
        }
    }

    fn values(&self) -> Values {
        let value = |(aggregate, sum): &(&Aggregate, Sliding<'_>)| {
            (aggregate.name.clone(), sum.value(&aggregate.function, self.plan))
        };
        self.sums.iter().map(value).chain(self.limits.iter().cloned()).collect()
    }
}

/// The sum of an aggregate over the rows of a window, from which rows can be taken out again.
struct Sliding<'a> {
    input: Input<'a>,
    weights: Weights<'a>,
    sum: Sum<'a>,
}

enum Sum<'a> {
    Count(u64),
    Nanos {
        rows: u64,
        sum: i128,
    },
    /// Rows that may become the smallest or largest, the present one first.
    Bound {
        largest: bool,
        rows: VecDeque<usize>,
    },
    Distinct(HashMap<&'a str, u64>),
    /// The number of spans that the rows stand for.
    Standing(Weight),
    /// The sum of the nanoseconds of these.
    StandingNanos {
        rows: u64,
        sum: ExactSum,
    },
}

impl<'a> Sliding<'a> {
    fn new(function: &AggregateFunction, input: Input<'a>, weights: Weights<'a>) -> Self {
        let stands = weights.are_there();
        let sum = match function {
            AggregateFunction::CountDistinct(_) => Sum::Distinct(HashMap::new()),
            AggregateFunction::Min(_) => Sum::Bound { largest: false, rows: VecDeque::new() },
            AggregateFunction::Max(_) => Sum::Bound { largest: true, rows: VecDeque::new() },
            AggregateFunction::Sum(_) if stands => Sum::StandingNanos { rows: 0, sum: ExactSum::default() },
            AggregateFunction::Sum(_) => Sum::Nanos { rows: 0, sum: 0 },
            // No condition on any other is exact.
            _ if stands => Sum::Standing(Weight::default()),
            _ => Sum::Count(0),
        };
        Self { input, weights, sum }
    }

    fn add(&mut self, row: usize) {
        let Some(own) = self.input.of(row) else { return };
        let weight = self.weights.get(row).unwrap_or_default();
        match (&mut self.sum, own) {
            (Sum::Standing(count), _) => *count += weight,
            (Sum::StandingNanos { rows, sum }, Own::Nanos(nanos)) => {
                *rows += 1;
                sum.add_product(weight.to_f64(), nanos.into());
            }
            (Sum::Count(count), _) => *count += 1,
            (Sum::Nanos { rows, sum }, Own::Nanos(nanos)) => {
                *rows += 1;
                *sum += i128::from(nanos);
            }
            (Sum::Distinct(counts), Own::Text(text)) => *counts.entry(text).or_default() += 1,
            (Sum::Bound { largest, rows }, own) => {
                let input = self.input;
                // What comes later and is no worse lasts longer.
                while rows.back().is_some_and(|last| {
                    let order = input.of(*last).map_or(Ordering::Equal, |last| own.order(&last));
                    if *largest { order.is_ge() } else { order.is_le() }
                }) {
                    rows.pop_back();
                }
                rows.push_back(row);
            }
            _ => {}
        }
    }

    fn remove(&mut self, row: usize) {
        let Some(own) = self.input.of(row) else { return };
        let weight = self.weights.get(row).unwrap_or_default();
        match (&mut self.sum, own) {
            (Sum::Standing(count), _) => count.remove(weight),
            (Sum::StandingNanos { rows, sum }, Own::Nanos(nanos)) => {
                *rows -= 1;
                sum.add_product(weight.to_f64(), -i128::from(nanos));
            }
            (Sum::Count(count), _) => *count -= 1,
            (Sum::Nanos { rows, sum }, Own::Nanos(nanos)) => {
                *rows -= 1;
                *sum -= i128::from(nanos);
            }
            (Sum::Distinct(counts), Own::Text(text)) => {
                if let Some(count) = counts.get_mut(text) {
                    *count -= 1;
                    if *count == 0 {
                        counts.remove(text);
                    }
                }
            }
            (Sum::Bound { rows, .. }, _) if rows.front() == Some(&row) => _ = rows.pop_front(),
            _ => {}
        }
    }

    fn value(&self, function: &AggregateFunction, plan: &RulePlan) -> Value {
        match &self.sum {
            Sum::Standing(count) => Summary::Standing(*count).value(function, plan.rule().window),
            Sum::StandingNanos { rows, sum } => {
                let sum = (*rows > 0).then(|| sum.clone());
                Summary::StandingNanos(sum).value(function, plan.rule().window)
            }
            Sum::Count(count) => Summary::Count(*count).value(function, plan.rule().window),
            Sum::Nanos { rows, sum } => {
                if *rows == 0 {
                    Value::None
                } else {
                    Value::Duration(*sum)
                }
            }
            Sum::Distinct(counts) => Value::Int(counts.len() as i128),
            Sum::Bound { rows, .. } => match rows.front().and_then(|row| self.input.of(*row)) {
                Some(Own::Nanos(nanos)) => Value::Duration(nanos.into()),
                Some(Own::Number(number)) => Value::Float(number),
                _ => Value::None,
            },
        }
    }
}
