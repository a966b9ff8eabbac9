//! `condition:` → [`Condition`], and what is doubtful about it.

use super::aggregation::Aggregation;
use super::{Report, bounds, expression, unsupported};
use crate::diagnostic::Code;
use crate::expr::{Comparison, Context, EarlierCall, EarlierFunction, Expr, ExprKind};
use crate::rule::{Aggregate, AggregateFunction, Condition};
use crate::yaml::{Entry, locate};

/// The value of `condition:`.
pub(super) fn condition(report: &mut Report, entry: &Entry, aggregation: &Aggregation) -> Option<Condition> {
    let text = expression::source(report, entry)?;
    if unsupported::trace_condition(report, entry, &text) {
        return None;
    }
    let context = Context::Condition { aggregates: &aggregation.aggregates };
    if aggregation.broken {
        // Names would be unknown that are only misspelt further up; every other mistake is told.
        expression::mistakes(report, entry, &text, context, |code| code != Code::UnknownName);
        return None;
    }
    let expr = expression::parse(report, entry, &text, context)?;
    if !names_aggregate(&expr) {
        report
            .value(
                Code::NoAggregate,
                entry,
                "the condition depends on no aggregate: it always holds, or never",
            )
            .hint("compare an aggregate: `count > 5`");
        return None;
    }
    let condition = Condition { text, expr };
    bounds::check(report, entry, &condition, &aggregation.aggregates);
    Some(condition)
}

/// Warns of a condition for few spans over groups that are gone when they have none.
pub(super) fn warn_of_vanishing_groups(
    report: &mut Report,
    entry: &Entry,
    condition: &Condition,
    aggregates: &[Aggregate],
) {
    // Where the condition asks for absence, a group stays for as long as `lookback` says.
    let stays = |call: &&EarlierCall| matches!(call.function, EarlierFunction::Absent { .. });
    if condition.expr.earlier().iter().any(stays) {
        return;
    }
    let Some(few) = holds_for_few(&condition.expr, aggregates) else { return };
    let text = report.text();
    let value = &entry.value;
    let place = locate(&text, &value.at, &condition.text, &few.at).unwrap_or_else(|| value.at.clone());
    report
        .add(
            Code::GroupVanishes,
            place,
            "a group without a span in the window does not exist, so that this is never judged of it",
        )
        .hint("list the groups in `expect`, or add `or absent(10m)`");
}

fn names_aggregate(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Aggregate(_) | ExprKind::Earlier(_)) || expr.children().into_iter().any(names_aggregate)
}

/// The comparison that holds for a small number of spans and does not need any span to be there.
fn holds_for_few<'a>(expr: &'a Expr, aggregates: &[Aggregate]) -> Option<&'a Expr> {
    match &expr.kind {
        ExprKind::Compare(comparison, left, right) => {
            let below = matches!(comparison, Comparison::Lt | Comparison::Lte) && counts(left, aggregates);
            let above = matches!(comparison, Comparison::Gt | Comparison::Gte) && counts(right, aggregates);
            (below || above).then_some(expr)
        }
        ExprKind::Or(left, right) => {
            holds_for_few(left, aggregates).or_else(|| holds_for_few(right, aggregates))
        }
        // `ok < 5 and total >= 100` is about groups that have spans.
        ExprKind::And(left, right) => {
            if needs_many(left, aggregates) || needs_many(right, aggregates) {
                return None;
            }
            holds_for_few(left, aggregates).or_else(|| holds_for_few(right, aggregates))
        }
        _ => None,
    }
}

fn needs_many(expr: &Expr, aggregates: &[Aggregate]) -> bool {
    match &expr.kind {
        ExprKind::Compare(Comparison::Gt | Comparison::Gte, left, _) => counts(left, aggregates),
        ExprKind::Compare(Comparison::Lt | Comparison::Lte, _, right) => counts(right, aggregates),
        ExprKind::And(left, right) => needs_many(left, aggregates) || needs_many(right, aggregates),
        _ => false,
    }
}

/// Returns whether it is a number of spans, and nothing else.
fn counts(expr: &Expr, aggregates: &[Aggregate]) -> bool {
    let ExprKind::Aggregate(name) = &expr.kind else { return false };
    let declared = aggregates.iter().find(|aggregate| aggregate.name == *name);
    declared.is_none_or(|aggregate| {
        use AggregateFunction::{Count, CountDistinct, Rate};
        matches!(aggregate.function, Count | CountDistinct(_) | Rate { .. })
    })
}
