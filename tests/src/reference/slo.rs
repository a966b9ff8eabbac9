//! Service level objectives, from the prose of the *Site Reliability Workbook*, chapter 5, and the manual's: spans are
//! counted one by one, for every window of every moment.

use fluo_rules::expr::{EarlierFunction, Expr, ExprKind};
use fluo_rules::objective::Objective;
use num_bigint::{BigInt, BigUint};

use super::aggregate;
use super::datum::Datum;
use super::earlier::{Calls, Past};
use super::number::{self, Number};

/// The name that the rule gives to the number of spans that are not good.
pub(super) const FAILED: &str = "failed";

const HOUR: i64 = 3_600_000_000_000;
const MINUTE: i64 = HOUR / 60;

/// Long window, short window, and the percentage of the budget that is gone after the long one.
type Pair = (i64, i64, i64);

const PAGE: [Pair; 2] = [(HOUR, 5 * MINUTE, 2), (6 * HOUR, 30 * MINUTE, 5)];
const TICKET: [Pair; 2] = [(24 * HOUR, 2 * HOUR, 10), (72 * HOUR, 6 * HOUR, 10)];

/// Of spans that ended in a window: how many failed, how many there are, and how long the store had been there.
struct Counted {
    failed: i64,
    all: i64,
    known: i64,
}

/// Returns whether it stands for a number of spans.
pub(super) fn is_number_of_spans(expr: &Expr) -> bool {
    let ExprKind::Earlier(call) = &expr.kind else { return false };
    matches!(call.function, EarlierFunction::Burn { .. }) && ["errors", "total"].contains(&call.name.as_str())
}

/// The longest of all windows: the period of the budget.
pub(super) fn longest(objective: &Objective) -> i64 {
    objective.period.0
}

/// Returns whether a span ended in a short window, over which alone a budget can burn.
pub(super) fn may_burn(past: &Past<'_>, moment: i64) -> bool {
    let short = if past.rule.name.ends_with("/page") { 30 * MINUTE } else { 6 * HOUR };
    past.spans.iter().any(|span| moment - short < span.end_ns && span.end_ns <= moment)
}

/// All values of an objective's rule at a moment.
pub(super) fn values(past: &Past<'_>, objective: &Objective, moment: i64) -> Calls {
    let pairs = if past.rule.name.ends_with("/page") { PAGE } else { TICKET };
    let burn_of = |length: i64| burn(objective, length, &count(past, moment, length)?);
    let looked_at = pairs.map(|(long, short, percent)| {
        let numerator = BigInt::from(percent) * objective.period.0;
        let limit = number::nearest_quotient(&numerator, &(BigUint::from(100_u32) * long.unsigned_abs()));
        (limit.unwrap_or(f64::INFINITY), burn_of(long), burn_of(short), count(past, moment, long))
    });
    let fires = |(limit, long, short, counted): &(f64, Option<f64>, Option<f64>, Option<Counted>)| {
        let over = |burn: &Option<f64>| burn.is_some_and(|burn| burn > *limit);
        let enough = counted.as_ref().is_some_and(|counted| counted.all >= i64::from(objective.min_events));
        over(long) && over(short) && enough
    };
    let near =
        |(limit, long, short, _): &(f64, Option<f64>, Option<f64>, Option<Counted>)| match (long, short) {
            (Some(long), Some(short)) => long.min(*short) / limit,
            _ => -1.0,
        };
    let [first, second] = &looked_at;
    let shown = if fires(first) {
        first
    } else if fires(second) || near(second) > near(first) {
        second
    } else {
        first
    };
    let (limit, long, short, counted) = shown;
    let float = |number: f64| Datum::Number(Number::Float(number));
    let whole = |of: fn(&Counted) -> i64| {
        counted.as_ref().map(|counted| Datum::Number(Number::Int(of(counted).into())))
    };
    let left = burn_of(objective.period.0).map(|spent| float(1.0 - spent));
    [
        ("burn_long", long.map(float)),
        ("burn_short", short.map(float)),
        ("burn_limit", Some(float(*limit))),
        ("errors", whole(|counted| counted.failed)),
        ("total", whole(|counted| counted.all)),
        ("budget_left", left),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Counts the spans of the last while; there is nothing to count before the store's first span.
fn count(past: &Past<'_>, moment: i64, length: i64) -> Option<Counted> {
    let known = (moment - past.first?).min(length);
    if known <= 0 {
        return None;
    }
    let ended: Vec<_> = past
        .spans
        .iter()
        .copied()
        .filter(|span| moment - length < span.end_ns && span.end_ns <= moment)
        .collect();
    let aggregate = past.rule.aggregate(FAILED)?;
    let failed = aggregate::taking_part(&aggregate, past.rule, &ended, past.givens).len();
    Some(Counted { failed: i64::try_from(failed).ok()?, all: i64::try_from(ended.len()).ok()?, known })
}

/// The share that failed by the share that may; what is not known of the window counts as good as the objective asks
/// for at best: nothing failed in it, and there was as much as in the rest.
fn burn(objective: &Objective, length: i64, counted: &Counted) -> Option<f64> {
    let failed = BigInt::from(counted.failed) * objective.budget.of * counted.known;
    let may = BigUint::from(counted.all.unsigned_abs()) * objective.budget.parts * length.unsigned_abs();
    if counted.all == 0 { None } else { number::nearest_quotient(&failed, &may) }
}
