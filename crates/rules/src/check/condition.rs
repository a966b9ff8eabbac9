//! `condition:` → [`Condition`], and what is doubtful about it.

use super::aggregation::Aggregation;
use super::{Report, bounds, expression, trace_text};
use crate::diagnostic::Code;
use crate::expr::{Comparison, Context, Expr, ExprKind};
use crate::matcher::{Number, Value};
use crate::rule::{Aggregate, AggregateFunction, Condition};
use crate::trace::TRACES;
use crate::yaml::{Entry, locate};

/// The value of `condition:`.
pub(super) fn condition(report: &mut Report, entry: &Entry, aggregation: &Aggregation) -> Option<Condition> {
    let text = expression::source(report, entry)?;
    if refuse_text_about_traces(report, entry, &text) {
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

/// The value of `condition:` of a rule about traces: over the aggregates of those that break it; where it declares none,
/// `given`, also over the counts of one trace.
pub(super) fn of_traces(
    report: &mut Report,
    entry: &Entry,
    given: Option<&Aggregation>,
    counts: &[Aggregate],
) -> Option<Condition> {
    let usual = Aggregation::of_traces();
    let aggregation = given.unwrap_or(&usual);
    let text = expression::source(report, entry)?;
    if refuse_text_about_traces(report, entry, &text) {
        return None;
    }
    let is_count = |name: &str| counts.iter().any(|count| count.name == name);
    let names = Aggregation {
        aggregates: aggregation.aggregates.iter().chain(counts).cloned().collect(),
        ..*aggregation
    };
    let condition = condition(report, entry, &names)?;
    let named = condition.expr.aggregates();
    let of_trace: Vec<&str> = named.iter().copied().filter(|name| is_count(name)).collect();
    if let (Some(count), true) = (of_trace.first(), given.is_some() || of_trace.len() < named.len()) {
        let message =
            format!("`{count}` is a number of one trace, and the condition is about those of a window");
        report
            .value(Code::Conflict, entry, message)
            .hint("what one trace must not do is a `condition` of `trace:`");
        return None;
    }
    Some(condition)
}

/// Refuses a condition that speaks of traces by itself, beside `span` or `trace`.
fn refuse_text_about_traces(report: &mut Report, entry: &Entry, text: &str) -> bool {
    let is_one = trace_text::is_about_traces(text);
    if is_one {
        let message = "this condition says by itself which traces break the rule";
        report
            .add(Code::Conflict, entry.key_at.clone(), message)
            .hint("leave `span` and `trace` out, or put it into `condition` of `trace`");
    }
    is_one
}

/// The condition of a rule about traces that has none.
pub(super) fn any_trace() -> Condition {
    let zero = Expr { kind: ExprKind::Literal(Value::Number(Number::Int(0))), at: 9..10 };
    let traces = Expr { kind: ExprKind::Aggregate(TRACES.to_owned()), at: 0..6 };
    let kind = ExprKind::Compare(Comparison::Gt, Box::new(traces), Box::new(zero));
    Condition { text: format!("{TRACES} > 0"), expr: Expr { kind, at: 0..10 } }
}

/// Warns of a condition for few spans over groups that are gone when they have none.
pub(super) fn warn_of_vanishing_groups(
    report: &mut Report,
    entry: &Entry,
    condition: &Condition,
    aggregates: &[Aggregate],
) {
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
        .hint("list the groups in `expect`");
}

fn names_aggregate(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Aggregate(_)) || expr.children().into_iter().any(names_aggregate)
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
