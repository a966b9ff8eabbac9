//! From holding moments to episodes, each with its first values, its peak and its evidence.

use std::cmp::Reverse;

use fluo_rules::expr::{Expr, ExprKind};
use fluo_rules::rule::Rule;

use super::moments::{self, Held, History, Judged};
use super::{Episode, Givens, SpanKey, aggregate, copies};

/// The group's episodes, in order of time.
pub(super) fn of_group(
    rule: &Rule,
    history: &History<'_>,
    judged: Judged,
    givens: Givens<'_>,
) -> Vec<Episode> {
    let gap = moments::gap(rule);
    let mut runs: Vec<Vec<&Held>> = Vec::new();
    for held in &history.held {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| i128::from(held.at) - i128::from(last.at) <= gap) => {
                run.push(held);
            }
            _ => runs.push(vec![held]),
        }
    }
    runs.iter()
        .filter_map(|run| {
            let (first, last) = (run.first()?, run.last()?);
            Some(Episode {
                group: history.group.clone(),
                starts_at: first.at,
                ends_at: last.at,
                ongoing: judged.to < i128::from(last.at) + gap,
                values: first.values.clone(),
                peak: peak(run).unwrap_or(first).values.clone(),
                evidence: evidence(rule, history, first.at, givens),
            })
        })
        .collect()
}

/// The moment that exceeds most, the earliest of equals; having no value is less than any value.
fn peak<'a>(run: &[&'a Held]) -> Option<&'a Held> {
    let mut peak: Option<&Held> = None;
    for held in run {
        // `None` is less than every `Some`, and no excess is NaN.
        if peak.is_none_or(|peak| held.excess > peak.excess) {
            peak = Some(held);
        }
    }
    peak
}

/// The newest spans of the window that take part in the first aggregate that the condition names.
fn evidence(rule: &Rule, history: &History<'_>, at: i64, givens: Givens<'_>) -> Vec<SpanKey> {
    let window = moments::window(rule, &history.spans, at);
    let named = first_aggregate(&rule.condition.expr).and_then(|name| rule.aggregate(name));
    let mut spans = match named {
        Some(aggregate) => aggregate::taking_part(&aggregate, rule, &window, givens),
        None => window,
    };
    spans.sort_by_key(|span| Reverse((span.end_ns, span.trace_id, span.span_id)));
    spans.iter().take(rule.evidence_limit as usize).map(|span| copies::key(span)).collect()
}

/// The leftmost aggregate's name, in the order of the text.
fn first_aggregate(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Aggregate(name) => Some(name),
        ExprKind::Literal(_) | ExprKind::Field(_) => None,
        ExprKind::Not(inner) | ExprKind::Negate(inner) | ExprKind::In(inner, _) => first_aggregate(inner),
        ExprKind::Regex { item, .. } => first_aggregate(item),
        ExprKind::And(left, right)
        | ExprKind::Or(left, right)
        | ExprKind::Compare(_, left, right)
        | ExprKind::Arithmetic(_, left, right) => first_aggregate(left).or_else(|| first_aggregate(right)),
        ExprKind::Between(item, low, high) => {
            [item, low, high].into_iter().find_map(|expr| first_aggregate(expr))
        }
        ExprKind::Call(_, arguments) => arguments.iter().find_map(first_aggregate),
    }
}
