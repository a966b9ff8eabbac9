//! Which moments are judged, and at which of them the condition holds.

use std::collections::{BTreeMap, BTreeSet};

use fluo_rules::expr::{Comparison, Expr, ExprKind};
use fluo_rules::rule::{Aggregate, Rule};
use fluo_spans::span::Span;

use super::datum::Datum;
use super::earlier::{self, Calls, Past};
use super::exactness::is_exact;
use super::expression::{self, Environment};
use super::terms::{Givens, Group, Overflow, Range, Values};
use super::{aggregate, copies, selection};

/// The judged range, its defaults filled in. Times are `i128`, so that a window may reach beyond the 64 bits that
/// spans' times have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    /// First moment.
    pub(super) from: i128,
    /// Last moment.
    pub(super) to: i128,
}

impl Judged {
    /// `None` where there is nothing to judge: no span says when, or `to` lies before `from`.
    pub(super) fn new(rule: &Rule, spans: &[Span], range: Range) -> Option<Self> {
        let first = spans.iter().map(|span| i128::from(span.end_ns)).min();
        let last = spans.iter().map(|span| i128::from(span.end_ns)).max();
        // So that the edge of the data is not taken for silence; nothing missing makes an exact condition hold.
        let unseen = if is_exact(rule) { 0 } else { i128::from(rule.window.0) };
        let from = range.from.map(i128::from).or(first.map(|first| first + unseen))?;
        let to = range.to.map(i128::from).or(last)?;
        (from <= to).then_some(Self { from, to })
    }

    /// The moments that windows end at: those of the grid, where the rule has one.
    fn ends(self, rule: &Rule) -> Self {
        if is_exact(rule) {
            return self;
        }
        let step = i128::from(rule.grid_step().0);
        Self { from: -(-self.from).div_euclid(step) * step, to: self.to.div_euclid(step) * step }
    }

    fn includes(self, moment: i128) -> bool {
        self.from <= moment && moment <= self.to
    }
}

/// One group's spans, and the moments at which its condition holds.
pub(super) struct History<'a> {
    /// Which group.
    pub(super) group: Group,
    /// Its matching spans that were read.
    pub(super) spans: Vec<&'a Span>,
    /// In order of time.
    pub(super) held: Vec<Held>,
}

/// A moment at which the condition holds.
pub(super) struct Held {
    /// The window's end.
    pub(super) at: i64,
    /// What is reported.
    pub(super) values: Values,
    /// Functions over earlier windows.
    pub(super) calls: Calls,
    /// By how much the condition's first comparison exceeds; `None` where a side has no value.
    pub(super) excess: Option<f64>,
}

/// Times of files say no more.
const MILLISECOND: i64 = 1_000_000;

/// Every group with its holding moments, by group.
pub(super) fn judge<'a>(
    rule: &Rule,
    spans: &'a [Span],
    judged: Judged,
    givens: Givens<'_>,
) -> Result<Vec<History<'a>>, Overflow> {
    let matching: Vec<&Span> = spans
        .iter()
        .filter(|span| selection::selects(&rule.selector, aggregate::subject(span, rule, givens)))
        .collect();
    let ends = judged.ends(rule);
    let stretches = earlier::stretches(rule, givens);
    let first = spans.iter().map(|span| span.end_ns).min();
    let first = first.map(|first| first.div_euclid(MILLISECOND) * MILLISECOND);
    let read: Vec<&Span> = copies::one_of_each(&matching, givens)
        .into_iter()
        .filter(|span| {
            let end = i128::from(span.end_ns);
            stretches.iter().any(|(begin, until)| {
                ends.from - i128::from(*begin) < end && end <= ends.to - i128::from(*until)
            })
        })
        .collect();

    let mut groups: BTreeMap<Group, Vec<&Span>> = BTreeMap::new();
    for span in read {
        groups.entry(group_of(span, rule, givens)).or_default().push(span);
    }
    // Groups that exist whether or not there is a span.
    let standing: BTreeSet<Group> =
        if rule.group_by.is_empty() { [Vec::new()].into() } else { rule.expect.iter().cloned().collect() };
    for group in &standing {
        groups.entry(group.clone()).or_default();
    }
    if u32::try_from(groups.len()).is_err() || groups.len() > rule.group_limit as usize {
        return Err(Overflow { groups: groups.len(), limit: rule.group_limit });
    }

    Ok(groups
        .into_iter()
        .map(|(group, spans)| {
            let past = Past { rule, spans: &spans, standing: standing.contains(&group), first, givens };
            let held = moments(rule, &spans, judged)
                .into_iter()
                .filter_map(|at| {
                    let window = window(rule, &spans, at);
                    let kept = || earlier::keeps_groups(rule) && past.was_seen(at);
                    let exists = past.standing || !window.is_empty() || kept();
                    if exists { judge_moment(rule, at, &window, past.calls(at), givens) } else { None }
                })
                .collect();
            History { group, spans, held }
        })
        .collect())
}

/// The spans that ended in `(at − window, at]`.
pub(super) fn window<'a>(rule: &Rule, spans: &[&'a Span], at: i64) -> Vec<&'a Span> {
    let at = i128::from(at);
    let before = at - i128::from(rule.window.0);
    spans
        .iter()
        .copied()
        .filter(|span| before < i128::from(span.end_ns) && i128::from(span.end_ns) <= at)
        .collect()
}

/// How far apart holding moments of one episode may be.
pub(super) fn gap(rule: &Rule) -> i128 {
    i128::from(if is_exact(rule) { rule.window.0 } else { rule.grid_step().0 })
}

/// The moments to judge, in order: the ends of the group's spans, or the multiples of the grid step since the
/// epoch.
fn moments(rule: &Rule, spans: &[&Span], judged: Judged) -> Vec<i64> {
    if is_exact(rule) {
        let ends: BTreeSet<i64> = spans.iter().map(|span| span.end_ns).collect();
        return ends.into_iter().filter(|end| judged.includes(i128::from(*end))).collect();
    }
    let step = i128::from(rule.grid_step().0).max(1);
    let mut moments = Vec::new();
    let mut moment = judged.from.div_euclid(step) * step;
    while moment <= judged.to {
        if judged.includes(moment) {
            // Times beyond 64 bits are no moments: nothing can be reported of them.
            moments.extend(i64::try_from(moment));
        }
        moment += step;
    }
    moments
}

fn group_of(span: &Span, rule: &Rule, givens: Givens<'_>) -> Group {
    let subject = aggregate::subject(span, rule, givens);
    rule.group_by.iter().map(|key| subject.canonical_text(&key.field)).collect()
}

fn judge_moment(rule: &Rule, at: i64, window: &[&Span], calls: Calls, givens: Givens<'_>) -> Option<Held> {
    let value = |name: &str| match calls.get(name) {
        Some(value) => value.clone(),
        None => aggregate::value(&rule.aggregate(name)?, rule, window, givens),
    };
    let environment = Environment::Window(&value);
    if !expression::holds(&rule.condition.expr, &environment) {
        return None;
    }
    let names = reported(rule)
        .map(str::to_owned)
        .chain(rule.condition.expr.earlier().into_iter().map(|call| call.name.clone()));
    Some(Held {
        at,
        values: names
            .map(|name| {
                let reported = aggregate::reported(value(&name).as_ref());
                (name, reported)
            })
            .collect(),
        calls: calls.clone(),
        excess: match first_comparison(&rule.condition.expr) {
            Some(comparison) => excess(comparison, &environment),
            None => Some(0.0),
        },
    })
}

/// The names whose values are reported: what the rule declares, or the implied count.
fn reported(rule: &Rule) -> impl Iterator<Item = &str> {
    let implied = rule.aggregates.is_empty().then_some(Aggregate::COUNT);
    implied.into_iter().chain(rule.aggregates.iter().map(|aggregate| aggregate.name.as_str()))
}

/// The leftmost comparison, in the order of the text.
fn first_comparison(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        ExprKind::Compare(..) | ExprKind::Regex { .. } | ExprKind::In(..) | ExprKind::Between(..) => {
            Some(expr)
        }
        // What is true or false by itself.
        ExprKind::Earlier(call) => call.of().is_none().then_some(expr),
        ExprKind::Not(inner) | ExprKind::Negate(inner) => first_comparison(inner),
        ExprKind::And(left, right) | ExprKind::Or(left, right) | ExprKind::Arithmetic(_, left, right) => {
            first_comparison(left).or_else(|| first_comparison(right))
        }
        ExprKind::Call(_, arguments) => arguments.iter().find_map(first_comparison),
        ExprKind::Literal(_) | ExprKind::Field(_) | ExprKind::Aggregate(_) => None,
    }
}

/// By how much a comparison holds: only `>`, `>=`, `<` and `<=` can hold by more or less.
pub(super) fn excess(comparison: &Expr, environment: &Environment<'_>) -> Option<f64> {
    let ExprKind::Compare(operator, left, right) = &comparison.kind else { return Some(0.0) };
    let side = |expr| match expression::value(expr, environment)? {
        Datum::Duration(nanos) => Some(nanos.as_f64()),
        other => other.number().map(super::number::Number::as_f64),
    };
    match operator {
        Comparison::Gt | Comparison::Gte => Some(side(left)? - side(right)?),
        Comparison::Lt | Comparison::Lte => Some(side(right)? - side(left)?),
        Comparison::Eq | Comparison::Ne => Some(0.0),
    }
}
