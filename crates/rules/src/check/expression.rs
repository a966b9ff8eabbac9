//! Expressions in YAML scalars: read by [`crate::expr`], their problems brought to the file's bytes.

use super::{Report, attribute, pattern, shape};
use crate::diagnostic::Code;
use crate::expr::{self, Context, Expr, ExprKind, Problem};
use crate::field::Field;
use crate::rule::Selector;
use crate::trace::spanset::Spanset;
use crate::yaml::{Entry, Node};

/// An expression's text: of a scalar that YAML took for a number or boolean, its spelling.
pub(super) fn source(report: &mut Report, entry: &Entry) -> Option<String> {
    let text = shape::some_text(report, entry)?;
    if text.len() > expr::MAX_BYTES {
        let message =
            format!("`{}` is {} bytes long; an expression has at most 16 KiB", entry.key, text.len());
        report.value(Code::ExprTooLong, entry, message);
        return None;
    }
    Some(text)
}

/// A `where`.
pub(super) fn filter(report: &mut Report, entry: &Entry) -> Option<Expr> {
    let text = source(report, entry)?;
    let expr = parse(report, entry, &text, Context::Where)?;
    doubts(report, &entry.value, &text, &expr);
    Some(expr)
}

/// A `TraceQL` spanset filter: `{ span.http.status_code = 401 }`.
pub(super) fn spanset(report: &mut Report, entry: &Entry) -> Option<Selector> {
    let text = source(report, entry)?;
    let selector = accept(report, entry, &text, expr::parse_spanset(&text))?;
    doubts_of_filter(report, entry, &text, &selector);
    Some(selector)
}

/// `TraceQL` filters with operators between them: `{ name = "a" } > { status = error }`.
pub(super) fn spansets(report: &mut Report, entry: &Entry) -> Option<Spanset<Selector>> {
    let text = source(report, entry)?;
    let spansets = accept(report, entry, &text, expr::parse_spansets(&text))?;
    for selector in spansets.filters() {
        doubts_of_filter(report, entry, &text, selector);
    }
    Some(spansets)
}

/// Reports the parts of an expression over a span's values, the text of `node`, that are sound and hardly meant.
fn doubts(report: &mut Report, node: &Node, text: &str, expr: &Expr) {
    attribute::warn_of_all(report, node, text, expr);
    refuse_kin(report, node, text, expr);
    pattern::refuse_control_characters(report, node, text, expr);
}

/// Reports every field of a parent, and of children, where none can be asked for.
fn refuse_kin(report: &mut Report, node: &Node, text: &str, expr: &Expr) {
    if let ExprKind::Field(field) = &expr.kind
        && let Some((message, hint)) = misplaced(report, field)
    {
        report.within(Code::KinMisplaced, node, text, &expr.at, message).hint(hint);
    }
    for child in expr.children() {
        refuse_kin(report, node, text, child);
    }
}

/// The message about a field that cannot be asked for here.
fn misplaced(report: &Report, field: &Field) -> Option<(String, &'static str)> {
    let why = report.refuses_kin().filter(|_| field.is_of_kin())?;
    let hint =
        "`parent.` and `self_time` stand in `where`, `group_by` and `aggregation` of rules about spans";
    Some((format!("`{field}` cannot be asked for here: {why}"), hint))
}

/// Reports what a filter compares, and hardly means.
fn doubts_of_filter(report: &mut Report, entry: &Entry, text: &str, selector: &Selector) {
    match selector {
        Selector::All(parts) | Selector::Any(parts) => {
            for part in parts {
                doubts_of_filter(report, entry, text, part);
            }
        }
        Selector::Not(inner) => doubts_of_filter(report, entry, text, inner),
        Selector::Where(expr) => doubts(report, &entry.value, text, expr),
        Selector::Match(field, _) => {
            attribute::warn_of_field(report, &entry.value, field);
            warn_of_misplaced(report, &entry.value, field);
        }
        Selector::Event { .. } => {}
    }
}

/// The expression `text`, which is the value of `entry`.
pub(super) fn parse(report: &mut Report, entry: &Entry, text: &str, context: Context<'_>) -> Option<Expr> {
    let parsed = expr::parse_with(text, context, report.limits());
    accept(report, entry, text, parsed)
}

/// The mistakes of the expression `text`, those with a code that `told` is false of left out.
pub(super) fn mistakes(
    report: &mut Report,
    entry: &Entry,
    text: &str,
    context: Context<'_>,
    told: impl Fn(Code) -> bool,
) {
    let problems = expr::parse_with(text, context, report.limits()).err().unwrap_or_default();
    for problem in problems.into_iter().filter(|problem| told(problem.code)) {
        add(report, &entry.value, text, problem);
    }
}

fn accept<T>(report: &mut Report, entry: &Entry, text: &str, parsed: Result<T, Vec<Problem>>) -> Option<T> {
    match parsed {
        Ok(read) => Some(read),
        Err(problems) => {
            for problem in problems {
                add(report, &entry.value, text, problem);
            }
            None
        }
    }
}

/// Reports a field of a parent, or of children, where none can be asked for. Says whether it did.
fn warn_of_misplaced(report: &mut Report, node: &Node, field: &Field) -> bool {
    let misplaced = misplaced(report, field);
    let is_misplaced = misplaced.is_some();
    if let Some((message, hint)) = misplaced {
        report.at(Code::KinMisplaced, node, message).hint(hint);
    }
    is_misplaced
}

/// The value that an aggregate takes of each span: a field, or an expression over fields, which is the text of `node`.
pub(super) fn measure(report: &mut Report, entry: &Entry, text: &str) -> Option<Expr> {
    let parsed = expr::parse_measure(text, report.limits());
    let expr = accept(report, entry, text, parsed)?;
    doubts(report, &entry.value, text, &expr);
    Some(expr)
}

/// A field's name, which is the text of `node`.
pub(super) fn field(report: &mut Report, node: &Node, text: &str) -> Option<Field> {
    match expr::parse_field(text) {
        Ok(field) => {
            attribute::warn_of_field(report, node, &field);
            (!warn_of_misplaced(report, node, &field)).then_some(field)
        }
        Err(problem) => {
            add(report, node, text, problem);
            None
        }
    }
}

fn add(report: &mut Report, node: &Node, text: &str, problem: Problem) {
    report.problem(node, text, problem);
}
