//! The moments that are judged, and those of them at which the condition holds.

use std::collections::{BTreeMap, BTreeSet};

use fluo_rules::condition::Level;
use fluo_rules::expr::{Comparison, Expr, ExprKind};
use fluo_rules::rule::{Aggregate, Rule, Severity, Subject};
use fluo_spans::span::Span;

use super::datum::Datum;
use super::earlier::{self, Calls, Past};
use super::exactness::is_exact;
use super::expression::{self, Environment};
use super::terms::{Givens, Group, Overflow, Range, Values};
use super::{aggregate, copies, limits, selection, slo};

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

/// One group's spans, and the moments at which its condition holds, or what held before goes on.
pub(super) struct History<'a> {
    /// The group that is judged.
    pub(super) group: Group,
    /// Its matching spans that were read.
    pub(super) spans: Vec<&'a Span>,
    /// In order of time.
    pub(super) held: Vec<Held>,
}

/// A moment at which the condition holds, or what held before goes on.
pub(super) struct Held {
    /// The window's end.
    pub(super) at: i64,
    /// The values that are reported.
    pub(super) values: Values,
    /// Functions over earlier windows.
    pub(super) calls: Calls,
    /// The severity, where that depends on what holds: that of the worst level that does. What only goes on is as bad
    /// as the least bad one.
    pub(super) severity: Option<Severity>,
    /// By how much the first comparison of that level exceeds; `None` where a side has no value.
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
        .filter(|span| match &rule.subject {
            Subject::Spans(selector) => selection::selects(selector, aggregate::subject(span, rule, givens)),
            Subject::Traces(_) => true,
            // No reference of queries is written: they are held against rules of the same meaning.
            Subject::Sql(_) => false,
        })
        .filter(|span| limits::is_judged(rule, &group_of(span, rule, givens)))
        .collect();
    let ends = judged.ends(rule);
    if ends.from > ends.to {
        // Between two moments of the grid nothing is judged, and no group is looked for.
        return Ok(Vec::new());
    }
    let stretches = earlier::stretches(rule, givens);
    // The store's, also where what is judged are rows.
    let first = givens.stored.iter().map(|span| span.end_ns).min();
    let first = first.map(|first| first.div_euclid(MILLISECOND) * MILLISECOND);
    let is_read = |span: &&&Span| {
        let end = i128::from(span.end_ns);
        stretches
            .iter()
            .any(|(begin, until)| ends.from - i128::from(*begin) < end && end <= ends.to - i128::from(*until))
    };
    let counted = copies::one_of_each(&matching, givens);
    let read: Vec<&Span> = counted.iter().filter(is_read).copied().collect();
    // Of exact rules, copies that do not count are groups too, as far as the limit goes.
    let limited: BTreeSet<Group> = if is_exact(rule) {
        matching.iter().filter(is_read).map(|span| group_of(span, rule, givens)).collect()
    } else {
        BTreeSet::new()
    };

    let mut groups: BTreeMap<Group, Vec<&Span>> = BTreeMap::new();
    for span in read {
        groups.entry(group_of(span, rule, givens)).or_default().push(span);
    }
    // Groups that exist whether or not there is a span.
    let standing: BTreeSet<Group> =
        if rule.group_by.is_empty() { [Vec::new()].into() } else { rule.expect.iter().cloned().collect() };
    let standing: BTreeSet<Group> =
        standing.into_iter().filter(|group| limits::is_judged(rule, group)).collect();
    for group in &standing {
        groups.entry(group.clone()).or_default();
    }
    let number = limited.iter().filter(|group| !groups.contains_key(*group)).count() + groups.len();
    if u32::try_from(number).is_err() || number > rule.group_limit as usize {
        return Err(Overflow { groups: number, limit: rule.group_limit });
    }

    Ok(groups
        .into_iter()
        .map(|(group, spans)| {
            let past = Past {
                rule,
                group: &group,
                spans: &spans,
                standing: standing.contains(&group),
                first,
                givens,
            };
            let mut held: Vec<Held> = Vec::new();
            let mut last_judged = None;
            for at in moments(rule, &spans, judged) {
                let burns = || rule.objective().is_some() && slo::may_burn(&past, at);
                let kept = || earlier::keeps_groups(rule) && past.was_seen(at) || burns();
                if !past.standing && window(rule, &spans, at).is_empty() && !kept() {
                    continue;
                }
                let before = held.last().map(|held| held.at).filter(|before| last_judged == Some(*before));
                let goes_on = before.is_some_and(|before| goes_on(&past, before, at));
                held.extend(judge_moment(&past, at, goes_on));
                last_judged = Some(at);
            }
            History { group: group.clone(), spans, held }
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

/// Returns how far apart holding moments of one episode may be.
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
    aggregate::subject(span, rule, givens).group()
}

/// Returns whether what held at one judged moment goes on at the next. It ends where they are more than a gap apart; and
/// where what ends it holds at the next or, of an exact rule, at any instant up to it.
fn goes_on(past: &Past<'_>, last: i64, at: i64) -> bool {
    let rule = past.rule;
    let Some(end) = &rule.condition.resolve else { return false };
    if i128::from(at) - i128::from(last) > gap(rule) {
        return false;
    }
    let mut instants = vec![at];
    if is_exact(rule) {
        // Between two ends of spans, a window changes where a span leaves it; before that, it is what it was.
        let leaves = past.spans.iter().map(|span| i128::from(span.end_ns) + i128::from(rule.window.0));
        let unchanged = i128::from(last) + 1;
        let between =
            leaves.chain([unchanged]).filter(|at_it| unchanged <= *at_it && *at_it < i128::from(at));
        instants.extend(between.filter_map(|left| i64::try_from(left).ok()));
    }
    instants.into_iter().all(|instant| {
        let calls = past.calls(instant);
        let window = window(rule, past.spans, instant);
        let value = |name: &str| value(past, &calls, &window, name);
        !expression::holds(&end.expr, &Environment::Window(&value))
    })
}

/// The value of that name over a window: of an aggregate, of a limit, or of a call of a function over earlier windows.
fn value(past: &Past<'_>, calls: &Calls, window: &[&Span], name: &str) -> Option<Datum> {
    match calls.get(name) {
        Some(value) => value.clone(),
        None if limits::names(past.rule).contains(&name) => limits::of_group(past.rule, past.group, name),
        None => aggregate::value(&past.rule.aggregate(name)?, past.rule, window, past.givens),
    }
}

fn judge_moment(past: &Past<'_>, at: i64, goes_on: bool) -> Option<Held> {
    let rule = past.rule;
    let (calls, window) = (past.calls(at), window(rule, past.spans, at));
    let value = |name: &str| value(past, &calls, &window, name);
    let environment = Environment::Window(&value);
    let holds = |level: &&Level| expression::holds(&level.condition.expr, &environment);
    let held = rule.condition.levels().rev().find(holds);
    let level = held.or(goes_on.then_some(&rule.condition.lowest))?;
    let names = reported(rule)
        .chain(limits::names(rule))
        .map(str::to_owned)
        .chain(rule.condition.earlier().into_iter().map(|call| call.name.clone()));
    Some(Held {
        at,
        values: names
            .map(|name| {
                let reported = aggregate::reported(value(&name).as_ref());
                (name, reported)
            })
            .collect(),
        calls: calls.clone(),
        severity: level.severity.filter(|_| rule.condition.levels().count() > 1),
        excess: match first_comparison(&level.condition.expr) {
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
        ExprKind::Literal(_) | ExprKind::Field(_) | ExprKind::Aggregate(_) | ExprKind::Limit(_) => None,
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
