//! The spans of a window that show what is wrong with it, from the manual's words.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;

use fluo_rules::expr::{Arithmetic, Comparison, EarlierFunction, Expr, ExprKind, Function};
use fluo_rules::rule::{Aggregate, AggregateFunction, Rule};
use fluo_spans::span::Span;

use super::datum::Datum;
use super::earlier::Calls;
use super::expression::{self, Environment};
use super::number::Number;
use super::terms::{Givens, SpanKey};
use super::{aggregate, copies, limits, moments, slo};

/// The spans of a window at which the condition holds that show it.
pub(super) fn of_window(rule: &Rule, window: &[&Span], calls: &Calls, givens: Givens<'_>) -> Vec<SpanKey> {
    let looked_at = Window { rule, spans: window, calls, givens };
    let comparisons = looked_at.comparisons();
    let mut guilty: Vec<(&Span, Vec<Verdict>)> = window
        .iter()
        .map(|span| (*span, comparisons.iter().map(|wrong| looked_at.verdict(wrong, span)).collect()))
        .filter(|(_, verdicts): &(_, Vec<Verdict>)| verdicts.iter().any(|verdict| verdict.broken))
        .collect();
    if guilty.is_empty() {
        guilty = window
            .iter()
            .filter(|span| {
                let names = comparisons.iter().flat_map(|wrong| names_in(&wrong.comparison));
                names.into_iter().any(|name| looked_at.takes_part(&name, span))
            })
            .map(|span| (*span, Vec::new()))
            .collect();
    }
    guilty.sort_by(|(one, one_verdicts), (other, other_verdicts)| {
        let broken = |verdicts: &[Verdict]| verdicts.iter().filter(|verdict| verdict.broken).count();
        broken(other_verdicts)
            .cmp(&broken(one_verdicts))
            .then_with(|| {
                let badness = one_verdicts.iter().zip(other_verdicts).map(|(one, other)| {
                    // A span whose value is of no matter comes behind one whose value is bad.
                    other.badness.partial_cmp(&one.badness).unwrap_or(Ordering::Equal)
                });
                badness.fold(Ordering::Equal, Ordering::then)
            })
            .then_with(|| {
                let age = |span: &Span| Reverse((span.end_ns, span.trace_id, span.span_id));
                age(one).cmp(&age(other))
            })
    });
    // Of each trace its first, and then the rest.
    let mut seen = BTreeSet::new();
    let (firsts, rest): (Vec<&Span>, Vec<&Span>) =
        guilty.into_iter().map(|(span, _)| span).partition(|span| seen.insert(span.trace_id));
    firsts.into_iter().chain(rest).take(rule.evidence_limit as usize).map(copies::key).collect()
}

/// A comparison without which the condition would not hold, or which helps it to.
struct Wrong {
    comparison: Expr,
    /// The condition needs it to be false.
    behind_not: bool,
}

struct Verdict {
    broken: bool,
    badness: Option<f64>,
}

struct Window<'a> {
    rule: &'a Rule,
    spans: &'a [&'a Span],
    calls: &'a Calls,
    givens: Givens<'a>,
}

impl Window<'_> {
    fn value(&self, name: &str) -> Option<Datum> {
        if let Some(value) = self.calls.get(name) {
            return value.clone();
        }
        if limits::names(self.rule).contains(&name) {
            // All spans of a window are of one group.
            let group = aggregate::subject(self.spans.first()?, self.rule, self.givens).group();
            return limits::of_group(self.rule, &group, name);
        }
        aggregate::value(&self.rule.aggregate(name)?, self.rule, self.spans, self.givens)
    }

    fn holds(&self, expr: &Expr) -> bool {
        expression::holds(expr, &Environment::Window(&|name| self.value(name)))
    }

    fn aggregates_in(&self, expr: &Expr) -> Vec<Aggregate> {
        names_in(expr).iter().filter_map(|name| self.rule.aggregate(name)).collect()
    }

    /// Those that say what is wrong, in an order that does not depend on how the condition is written.
    fn comparisons(&self) -> Vec<Wrong> {
        // Of the worst that holds; of the least bad, where what held before only goes on.
        let levels: Vec<&Expr> = self.rule.condition.levels().map(|level| &level.condition.expr).collect();
        let held = levels.iter().rev().find(|level| self.holds(level));
        let condition = *held.unwrap_or(&levels[0]);
        let mut wrong =
            if held.is_some() { self.holding(condition, false) } else { every_comparison(condition, false) };
        let mut divisors = Vec::new();
        collect_divisors(condition, &mut divisors);
        // "Enough of them to say anything" explains nothing.
        let guards = |wrong: &Wrong| {
            let enough_of_a_budget = match &wrong.comparison.kind {
                ExprKind::Compare(Comparison::Gte, left, _) => slo::is_number_of_spans(left),
                _ => false,
            };
            enough_of_a_budget
                || wrong.comparison.earlier().is_empty()
                    && self.aggregates_in(&wrong.comparison).iter().all(|aggregate| {
                        is_count(&aggregate.function)
                            && (aggregate.filter.is_none() || divisors.contains(&aggregate.name))
                    })
        };
        if wrong.iter().any(|wrong| !guards(wrong)) {
            wrong.retain(|wrong| !guards(wrong));
        }
        wrong.sort_by_key(|wrong| match sides(wrong) {
            Some((more, less)) => format!("{more} > {less}"),
            None => wrong.comparison.to_string(),
        });
        wrong
    }

    /// `expr` is as it has to be: the comparisons that make it so.
    fn holding(&self, expr: &Expr, behind_not: bool) -> Vec<Wrong> {
        match &expr.kind {
            ExprKind::Not(inner) => self.holding(inner, !behind_not),
            ExprKind::And(left, right) | ExprKind::Or(left, right) => {
                let mut found = Vec::new();
                for side in [left, right] {
                    if self.holds(side) != behind_not {
                        for wrong in self.holding(side, behind_not) {
                            let known = |known: &Wrong| {
                                known.comparison == wrong.comparison && known.behind_not == wrong.behind_not
                            };
                            if !found.iter().any(known) {
                                found.push(wrong);
                            }
                        }
                    }
                }
                found
            }
            ExprKind::Literal(_) => Vec::new(),
            _ => vec![Wrong { comparison: expr.clone(), behind_not }],
        }
    }

    fn verdict(&self, wrong: &Wrong, span: &Span) -> Verdict {
        let in_order: Vec<Aggregate> = match sides(wrong) {
            Some((more, less)) => {
                [more, less].into_iter().flat_map(|side| self.aggregates_in(side)).collect()
            }
            None => self.aggregates_in(&wrong.comparison),
        };
        let of_one_value = in_order.iter().find(|aggregate| is_of_one_value(&aggregate.function));
        let spread =
            in_order.iter().find(|aggregate| matches!(aggregate.function, AggregateFunction::Stddev(_)));
        let sum = in_order.iter().find(|aggregate| matches!(aggregate.function, AggregateFunction::Sum(_)));
        let broken = if let Some(aggregate) = of_one_value {
            self.own(aggregate, span).is_some_and(|own| {
                let instead = |name: &str| {
                    if name == aggregate.name { Some(own.clone()) } else { self.value(name) }
                };
                expression::holds(&wrong.comparison, &Environment::Window(&instead)) != wrong.behind_not
            })
        } else if let Some(aggregate) = spread {
            self.own(aggregate, span).is_some()
        } else if sides(wrong).is_some() {
            self.is_missed(wrong, span)
        } else {
            in_order.iter().any(|aggregate| self.takes_part(&aggregate.name, span))
        };
        let ranked = of_one_value.or(spread).or(sum);
        let badness = ranked.filter(|_| broken).zip(sides(wrong)).and_then(|(aggregate, (more, less))| {
            let own = magnitude(&self.own(aggregate, span)?)?;
            let up = self.slope(more, &aggregate.name);
            let up = if up == 0 { -self.slope(less, &aggregate.name) } else { up };
            Some(own * f64::from(up))
        });
        Verdict { broken, badness }
    }

    /// Returns whether the comparison would be exceeded by less without the span.
    fn is_missed(&self, wrong: &Wrong, span: &Span) -> bool {
        let sign = if wrong.behind_not { -1.0 } else { 1.0 };
        let excess = |of: &dyn Fn(&str) -> Option<Datum>| {
            moments::excess(&wrong.comparison, &Environment::Window(of)).map(|excess| excess * sign)
        };
        let Some(with) = excess(&|name| self.value(name)) else { return false };
        let Some(without) = excess(&|name| self.value_without(name, span)) else { return true };
        let Some((more, less)) = sides(wrong) else { return false };
        let size = [more, less].into_iter().filter_map(|side| self.number(side)).map(f64::abs).sum::<f64>();
        with - without > 1e-12 * size
    }

    fn value_without(&self, name: &str, span: &Span) -> Option<Datum> {
        let value = self.value(name)?;
        // Earlier windows stay what they were.
        let Some(aggregate) = self.rule.aggregate(name) else { return Some(value) };
        if !self.takes_part(name, span) {
            return Some(value);
        }
        let lost = match &aggregate.function {
            AggregateFunction::Count | AggregateFunction::CountDistinct(_) => 1.0,
            #[expect(clippy::cast_precision_loss, reason = "in doubles")]
            AggregateFunction::Rate { per } => per.0 as f64 / self.rule.window.0 as f64,
            AggregateFunction::Sum(_) => magnitude(&self.own(&aggregate, span)?)?,
            _ => 0.0,
        };
        let left = Number::Float(magnitude(&value)? - lost);
        Some(if matches!(value, Datum::Duration(_)) { Datum::Duration(left) } else { Datum::Number(left) })
    }

    /// 1 where the expression grows with the aggregate, -1 where it shrinks, 0 where it is not in it.
    fn slope(&self, expr: &Expr, name: &str) -> i8 {
        let sign = |expr: &Expr| if self.number(expr).is_some_and(|number| number < 0.0) { -1 } else { 1 };
        let either = |one: i8, other: i8| if one == 0 { other } else { one };
        match &expr.kind {
            ExprKind::Aggregate(found) => i8::from(found == name),
            ExprKind::Earlier(_) => parts(expr).into_iter().map(|of| self.slope(of, name)).sum(),
            ExprKind::Negate(inner) => -self.slope(inner, name),
            ExprKind::Arithmetic(operator, left, right) => {
                let (of_left, of_right) = (self.slope(left, name), self.slope(right, name));
                match operator {
                    Arithmetic::Add => either(of_left, of_right),
                    Arithmetic::Subtract => either(of_left, -of_right),
                    Arithmetic::Multiply => either(of_left * sign(right), of_right * sign(left)),
                    Arithmetic::Divide => either(of_left * sign(right), -of_right * sign(left)),
                }
            }
            ExprKind::Call(Function::Abs, arguments) => self.slope(&arguments[0], name) * sign(&arguments[0]),
            ExprKind::Call(_, arguments) => arguments
                .iter()
                .map(|argument| self.slope(argument, name))
                .find(|slope| *slope != 0)
                .unwrap_or(0),
            _ => 0,
        }
    }

    fn number(&self, expr: &Expr) -> Option<f64> {
        magnitude(&expression::value(expr, &Environment::Window(&|name| self.value(name)))?)
    }

    fn takes_part(&self, name: &str, span: &Span) -> bool {
        let Some(aggregate) = self.rule.aggregate(name) else { return false };
        let passes = !aggregate::taking_part(&aggregate, self.rule, &[span], self.givens).is_empty();
        passes && (is_plain_count(&aggregate.function) || self.own(&aggregate, span).is_some())
    }

    /// Returns what the span gives to an aggregate of values: the aggregate of the span alone.
    fn own(&self, aggregate: &Aggregate, span: &Span) -> Option<Datum> {
        let function = match &aggregate.function {
            AggregateFunction::CountDistinct(field) => {
                let subject = aggregate::subject(span, self.rule, self.givens);
                return subject.canonical_text(field).map(Datum::Text);
            }
            AggregateFunction::Sum(of)
            | AggregateFunction::Avg(of)
            | AggregateFunction::Min(of)
            | AggregateFunction::Max(of)
            | AggregateFunction::Stddev(of)
            | AggregateFunction::Percentile { of, .. } => AggregateFunction::Max(of.clone()),
            AggregateFunction::Count | AggregateFunction::Rate { .. } | AggregateFunction::Column(_) => {
                return None;
            }
        };
        let alone = Aggregate { function, ..aggregate.clone() };
        aggregate::value(&alone, self.rule, &[span], self.givens)
    }
}

/// The side that must be more, and the one that must be less.
fn sides(wrong: &Wrong) -> Option<(&Expr, &Expr)> {
    let ExprKind::Compare(operator, left, right) = &wrong.comparison.kind else { return None };
    let (more, less) = match operator {
        Comparison::Gt | Comparison::Gte => (left, right),
        Comparison::Lt | Comparison::Lte => (right, left),
        Comparison::Eq | Comparison::Ne => return None,
    };
    Some(if wrong.behind_not { (less, more) } else { (more, less) })
}

fn magnitude(datum: &Datum) -> Option<f64> {
    match datum {
        Datum::Number(number) | Datum::Duration(number) => Some(number.as_f64()),
        _ => None,
    }
}

fn is_plain_count(function: &AggregateFunction) -> bool {
    matches!(function, AggregateFunction::Count | AggregateFunction::Rate { .. })
}

fn is_count(function: &AggregateFunction) -> bool {
    is_plain_count(function) || matches!(function, AggregateFunction::CountDistinct(_))
}

fn is_of_one_value(function: &AggregateFunction) -> bool {
    matches!(
        function,
        AggregateFunction::Avg(_)
            | AggregateFunction::Min(_)
            | AggregateFunction::Max(_)
            | AggregateFunction::Percentile { .. }
    )
}

/// The names of aggregates in an expression, in the order of the text, each as often as it stands there.
pub(super) fn names_in(expr: &Expr) -> Vec<String> {
    match &expr.kind {
        ExprKind::Aggregate(name) => vec![name.clone()],
        // A budget burns by the spans that failed.
        ExprKind::Earlier(call) if call.objective().is_some() => vec![slo::FAILED.to_owned()],
        // A new group shows itself by whatever spans it has.
        ExprKind::Earlier(call) if call.function == EarlierFunction::IsNew => vec!["count".to_owned()],
        _ => parts(expr).into_iter().flat_map(names_in).collect(),
    }
}

fn collect_divisors(expr: &Expr, divisors: &mut Vec<String>) {
    if let ExprKind::Earlier(call) = &expr.kind {
        // Whatever window it is of.
        call.of().into_iter().for_each(|of| collect_divisors(of, divisors));
    }
    if let ExprKind::Arithmetic(Arithmetic::Divide, _, divisor) = &expr.kind {
        divisors.extend(names_in(divisor));
    }
    for part in parts(expr) {
        collect_divisors(part, divisors);
    }
}

/// The expressions that it is made of, as far as they are about the present window.
fn parts(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Earlier(call) => match &call.function {
            EarlierFunction::ZScore { of, .. } | EarlierFunction::PredictLinear { of, .. } => vec![of],
            _ => Vec::new(),
        },
        ExprKind::Literal(_) | ExprKind::Field(_) | ExprKind::Aggregate(_) | ExprKind::Limit(_) => Vec::new(),
        ExprKind::Not(inner) | ExprKind::Negate(inner) | ExprKind::In(inner, _) => vec![inner],
        ExprKind::Regex { item, .. } => vec![item],
        ExprKind::And(left, right)
        | ExprKind::Or(left, right)
        | ExprKind::Compare(_, left, right)
        | ExprKind::Arithmetic(_, left, right) => vec![left, right],
        ExprKind::Between(item, low, high) => vec![item, low, high],
        ExprKind::Call(_, arguments) => arguments.iter().collect(),
    }
}

/// All comparisons, each once, and whether it stands behind a `not`.
fn every_comparison(expr: &Expr, behind_not: bool) -> Vec<Wrong> {
    match &expr.kind {
        ExprKind::Not(inner) => every_comparison(inner, !behind_not),
        ExprKind::And(left, right) | ExprKind::Or(left, right) => {
            let mut found: Vec<Wrong> = Vec::new();
            for wrong in [left, right].into_iter().flat_map(|side| every_comparison(side, behind_not)) {
                let is_known = |known: &Wrong| {
                    known.comparison == wrong.comparison && known.behind_not == wrong.behind_not
                };
                if !found.iter().any(is_known) {
                    found.push(wrong);
                }
            }
            found
        }
        ExprKind::Literal(_) => Vec::new(),
        _ => vec![Wrong { comparison: expr.clone(), behind_not }],
    }
}
