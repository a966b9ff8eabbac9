//! `when`: its filters become steps, and what is sound and hardly meant is warned of.

use super::expression;
use super::report::Report;
use super::trace::{ReadStep, Reader};
use crate::diagnostic::Code;
use crate::expr::{Comparison, Expr, ExprKind};
use crate::field::{Field, Intrinsic};
use crate::matcher::{Test, Value};
use crate::rule::Selector;
use crate::trace::spanset::{Kinship, Operator, Returned, Spanset};
use crate::trace::{Step, TraceRule};
use crate::yaml::{Entry, Node, Yaml};

impl Reader<'_> {
    /// The occasions: a step, or `TraceQL` filters with operators between them.
    pub(super) fn occasions(&mut self, node: &Node) -> Option<Spanset<usize>> {
        let Yaml::Text(text) = &node.value else {
            return self.step(node, "`when`", false).map(Spanset::Filter);
        };
        if !text.trim_start().starts_with(['{', '(', '<', '>', '~', '!', '&', '|']) {
            return self.step(node, "`when`", false).map(Spanset::Filter);
        }
        let at = node.extent();
        let entry = Entry { key: "when".to_owned(), key_at: at.clone(), value: node.clone() };
        let read = expression::spansets(self.report, &entry)?;
        if let (Spanset::Pair { operator, .. }, true) = (&read, self.is_across) {
            let shown = operator.as_str();
            let message = format!(
                "`{shown}` between filters is about spans of one trace, and `by` is about those of any"
            );
            self.report
                .at(Code::Conflict, node, message)
                .hint("one filter says which spans are occasions: `{ … }`, with all tests within its braces");
            return None;
        }
        Some(read.map(&mut |selector| {
            self.steps.push(ReadStep { step: Step::of(selector), at: at.clone(), keys: Vec::new() });
            self.steps.len() - 1
        }))
    }
}

/// Warns of occasions that no span can be, and of what can never be broken.
pub(super) fn doubts(report: &mut Report, rule: &TraceRule, steps: &[ReadStep]) {
    let Some(when) = &rule.when else { return };
    let Some(at) = when.filters().first().map(|step| steps[**step].at.clone()) else { return };
    if is_empty(when, rule) {
        report
            .add(Code::NoOccasion, at, "no span can be an occasion: a root has neither parent nor sibling")
            .hint("the span that an operator returns stands on its right: `{ root } > { … }` are children of roots");
        return;
    }
    let needed = when.needed();
    for step in &rule.always {
        let Step { selector, ties, at_least, within, near, by, .. } = &rule.steps[*step];
        let is_met = |occasion: usize| {
            let own = &rule.steps[occasion];
            own.selector == *selector && own.by == *by && near.is_none_or(|near| near.before() > 0)
        };
        // The occasion itself is never late; another span of the same filters may be.
        let is_in_time = within.is_none() || when.filter().is_some();
        if ties.is_empty() && *at_least == 1 && is_in_time && needed.iter().any(|needed| is_met(**needed)) {
            let (message, there) = match when {
                Spanset::Filter(_) => (
                    "the occasion itself is this step: it is always there",
                    "the same spans are the occasions",
                ),
                Spanset::Pair { .. } => (
                    "this step is there wherever an occasion is",
                    "one of these filters is of the same spans",
                ),
            };
            let place = report.place(at.clone());
            report.add(Code::NeverBroken, steps[*step].at.clone(), message).also(place, there);
        }
    }
}

/// Returns whether no span can be in a spanset, because it would be a root and have a parent.
fn is_empty(spanset: &Spanset<usize>, rule: &TraceRule) -> bool {
    let Spanset::Pair { operator, left, right } = spanset else { return false };
    let (no_left, no_right) = (is_empty(left, rule), is_empty(right, rule));
    match operator {
        Operator::Either => no_left && no_right,
        Operator::Related(_, Returned::Others) => no_right,
        Operator::Both => no_left || no_right,
        Operator::Related(kinship, _) => {
            let is_below = match kinship {
                Kinship::Child | Kinship::Descendant => only_roots(right, rule),
                Kinship::Parent | Kinship::Ancestor => only_roots(left, rule),
                Kinship::Sibling => only_roots(left, rule) || only_roots(right, rule),
            };
            no_left || no_right || is_below
        }
    }
}

/// Returns whether all spans of a spanset are roots.
fn only_roots(spanset: &Spanset<usize>, rule: &TraceRule) -> bool {
    match spanset {
        Spanset::Filter(step) => selects_roots(&rule.steps[*step].selector),
        Spanset::Pair {
            operator: Operator::Related(_, Returned::Right | Returned::Others), right, ..
        } => only_roots(right, rule),
        Spanset::Pair { left, right, .. } => only_roots(left, rule) && only_roots(right, rule),
    }
}

fn selects_roots(selector: &Selector) -> bool {
    match selector {
        Selector::All(all) => all.iter().any(selects_roots),
        Selector::Match(Field::Intrinsic(Intrinsic::Root), matcher) => {
            matcher.tests.contains(&Test::Eq(Value::Bool(true)))
        }
        Selector::Where(expr) => asks_for_root(expr),
        _ => false,
    }
}

fn asks_for_root(expr: &Expr) -> bool {
    let is_root = |expr: &Expr| matches!(expr.kind, ExprKind::Field(Field::Intrinsic(Intrinsic::Root)));
    match &expr.kind {
        ExprKind::And(left, right) => asks_for_root(left) || asks_for_root(right),
        ExprKind::Compare(Comparison::Eq, left, right) => {
            is_root(left) && right.kind == ExprKind::Literal(Value::Bool(true))
        }
        _ => is_root(expr),
    }
}
