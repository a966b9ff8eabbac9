//! `condition:` and `resolve_condition:` → [`Condition`], and what is doubtful about them.

use super::aggregation::Aggregation;
use super::{Report, bounds, expression, shape, trace_text};
use crate::condition::{Condition, Level, Written};
use crate::diagnostic::Code;
use crate::expr::{Comparison, Context, EarlierCall, EarlierFunction, Expr, ExprKind};
use crate::keys::{SEVERITIES, Table};
use crate::matcher::{Number, Value};
use crate::rule::{Aggregate, Severity};
use crate::trace::TRACES;
use crate::yaml::{Entry, Node};

/// The value of `condition:`, with that of `resolve_condition` in the same rule, `node`.
pub(super) fn condition(
    report: &mut Report,
    node: &Node,
    entry: &Entry,
    aggregation: &Aggregation,
) -> Option<Condition> {
    let condition = match entry.value.entries() {
        Some(entries) => levels(report, entry, entries, aggregation),
        None => written(report, entry, aggregation).map(|Written { text, expr }| Condition::of(text, expr)),
    };
    with_end(report, node, aggregation, condition)
}

/// The condition with the value of `resolve_condition` of its rule, `node`.
fn with_end(
    report: &mut Report,
    node: &Node,
    aggregation: &Aggregation,
    condition: Option<Condition>,
) -> Option<Condition> {
    let Some(entry) = node.get("resolve_condition") else { return condition };
    let resolve = Some(written(report, entry, aggregation)?);
    Some(Condition { resolve, ..condition? })
}

/// A mapping of severity to expression.
fn levels(
    report: &mut Report,
    entry: &Entry,
    entries: &[Entry],
    aggregation: &Aggregation,
) -> Option<Condition> {
    shape::known_keys(report, entries, Table::Levels, "`condition`");
    let of_severity = |(severity, word): (&Severity, &&str)| {
        let entry = entry.value.get(word)?;
        let condition = written(report, entry, aggregation);
        Some(condition.map(|condition| Level { severity: Some(*severity), condition }))
    };
    // As in the table of words, the less severe first.
    let read: Vec<Option<Level>> =
        std::iter::zip(&Severity::ALL, SEVERITIES).filter_map(of_severity).collect();
    if entries.is_empty() {
        report
            .value(Code::MissingKey, entry, "`condition` has no level")
            .hint("write `{warning: count > 5, critical: count > 50}`");
    }
    let all = read.into_iter().collect::<Option<Vec<Level>>>()?;
    let texts = all.iter().map(|Level { severity, condition }| {
        format!("{}: {}", severity.map_or("", Severity::as_str), condition.text)
    });
    let text = texts.collect::<Vec<_>>().join("; ");
    for (lower, higher) in all.iter().zip(all.iter().skip(1)) {
        warn_of_higher(report, entry, lower, higher);
    }
    let mut all = all.into_iter();
    Some(Condition { text, lowest: all.next()?, higher: all.collect(), resolve: None, shows: Vec::new() })
}

/// Warns of a level that holds only where the next higher one does, too: bounds that were mixed up.
fn warn_of_higher(report: &mut Report, entry: &Entry, lower: &Level, higher: &Level) {
    let (Some(low), Some(high)) = (bound(&lower.condition.expr), bound(&higher.condition.expr)) else {
        return;
    };
    let is_beyond = if low.above { low.constant >= high.constant } else { low.constant <= high.constant };
    if low.moving != high.moving || low.above != high.above || !is_beyond {
        return;
    }
    let [own, higher] = [lower, higher].map(|level| level.severity.map_or("", Severity::as_str));
    let Written { text, expr } = &lower.condition;
    let message = format!("wherever this holds, `{higher}` holds, too: it is never only `{own}`");
    let value = &entry.value.get(own).unwrap_or(entry).value;
    report.within(Code::LevelNeverHighest, value, text, &expr.at, message);
}

/// A comparison with a constant.
struct Bound<'a> {
    moving: &'a Expr,
    /// It must be above the bound, or else below it.
    above: bool,
    constant: f64,
}

fn bound(expr: &Expr) -> Option<Bound<'_>> {
    let ExprKind::Compare(operator, left, right) = &expr.kind else { return None };
    let constant = |expr: &Expr| if names_aggregate(expr) { None } else { expr.number(&|_| None) };
    let (operator, moving, constant) = match (constant(left), constant(right)) {
        (None, Some(bound)) => (*operator, left, bound),
        (Some(bound), None) => (operator.mirrored(), right, bound),
        _ => return None,
    };
    let above = match operator {
        Comparison::Gt | Comparison::Gte => true,
        Comparison::Lt | Comparison::Lte => false,
        Comparison::Eq | Comparison::Ne => return None,
    };
    Some(Bound { moving, above, constant })
}

/// Refuses a severity of the rule's own, `own`, where its condition says it level by level.
pub(super) fn refuse_severity(report: &mut Report, own: &Node, condition: &Entry) {
    let Some(severity) = own.get("severity").filter(|_| condition.value.entries().is_some()) else { return };
    let place = report.place(condition.key_at.clone());
    report
        .add(Code::Conflict, severity.key_at.clone(), "`condition` says how bad it is, level by level")
        .hint("leave `severity` out, or write the condition as one expression")
        .also(place, "its levels");
}

/// An expression over the aggregates.
fn written(report: &mut Report, entry: &Entry, aggregation: &Aggregation) -> Option<Written> {
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
    let written = Written { text, expr };
    bounds::check(report, entry, &written, &aggregation.aggregates);
    Some(written)
}

/// The value of `condition:` of a rule about traces: over the aggregates of those that break it; where it declares none,
/// `given`, also over the counts of one trace.
pub(super) fn of_traces(
    report: &mut Report,
    node: &Node,
    entry: &Entry,
    given: Option<&Aggregation>,
    counts: &[Aggregate],
) -> Option<Condition> {
    let usual = Aggregation::of_traces();
    let aggregation = given.unwrap_or(&usual);
    let names = Aggregation {
        aggregates: aggregation.aggregates.iter().chain(counts).cloned().collect(),
        ..*aggregation
    };
    let condition = condition(report, node, entry, &names)?;
    let is_count = |name: &&str| counts.iter().any(|count| count.name == *name);
    // A condition of one level, over nothing but counts, is that of each trace.
    let may_count = given.is_none()
        && !condition.has_levels()
        && condition.earlier().is_empty()
        && condition.lowest.condition.expr.aggregates().iter().all(is_count);
    let levels = condition.levels().filter(|_| !may_count).map(|level| (entry, &level.condition));
    let end = condition.resolve.iter().zip(node.get("resolve_condition")).map(|(end, entry)| (entry, end));
    for (entry, written) in levels.chain(end) {
        if let Some(count) = written.expr.aggregates().into_iter().find(is_count) {
            let message =
                format!("`{count}` is a number of one trace, and the condition is about those of a window");
            report
                .value(Code::Conflict, entry, message)
                .hint("what one trace must not do is a `condition` of `trace:`");
            return None;
        }
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

/// The condition of a rule about traces that has none, with its `resolve_condition`.
pub(super) fn any_trace(report: &mut Report, node: &Node, aggregation: &Aggregation) -> Option<Condition> {
    with_end(report, node, aggregation, Some(some_trace()))
}

/// The condition of a rule that is a query and has none, with its `resolve_condition`: that there is a row.
pub(super) fn any_row(report: &mut Report, node: &Node, aggregation: &Aggregation) -> Option<Condition> {
    let condition = Condition::of(ANY_ROW, Expr { kind: ExprKind::Literal(Value::Bool(true)), at: 0..4 });
    with_end(report, node, aggregation, Some(condition))
}

/// The condition that holds of every row, as it is told.
const ANY_ROW: &str = "the query gives a row";

/// That any trace breaks the rule.
pub(super) fn some_trace() -> Condition {
    let zero = Expr { kind: ExprKind::Literal(Value::Number(Number::Int(0))), at: 9..10 };
    let traces = Expr { kind: ExprKind::Aggregate(TRACES.to_owned()), at: 0..6 };
    let kind = ExprKind::Compare(Comparison::Gt, Box::new(traces), Box::new(zero));
    Condition::of(format!("{TRACES} > 0"), Expr { kind, at: 0..10 })
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
    if condition.earlier().iter().any(stays) {
        return;
    }
    for Level { severity, condition: Written { text, expr } } in condition.levels() {
        let Some(few) = holds_for_few(expr, aggregates) else { continue };
        let of_level = severity.and_then(|severity| entry.value.get(severity.as_str()));
        let message =
            "a group without a span in the window does not exist, so that this is never judged of it";
        report
            .within(Code::GroupVanishes, &of_level.unwrap_or(entry).value, text, &few.at, message)
            .hint("list the groups in `expect`, or add `or absent(10m)`");
    }
}

fn names_aggregate(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Aggregate(_) | ExprKind::Earlier(_))
        || expr.children().into_iter().any(names_aggregate)
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
    declared.is_none_or(|aggregate| aggregate.function.counts())
}
