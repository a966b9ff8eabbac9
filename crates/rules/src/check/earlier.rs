//! Functions over earlier windows against the windows of their rule: those that could never have a value.

use fluo_time::Nanos;

use super::Report;
use crate::condition::{Condition, Level, Written};
use crate::diagnostic::Code;
use crate::expr::{EarlierCall, EarlierFunction, Expr, ExprKind};
use crate::yaml::{Entry, Node};

/// The windows of a rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    pub(super) window: Nanos,
    /// The distance of the moments that are judged.
    pub(super) step: Nanos,
    pub(super) lookback: Nanos,
    /// True if every group of the rule is there whether or not it was ever seen.
    pub(super) standing: bool,
}

/// Reports the calls in the conditions of a rule, `node`, that do not fit the windows.
pub(super) fn check(report: &mut Report, node: &Node, condition: &Condition, windows: Windows) {
    each(report, node, condition, |report, entry, written| {
        windows.all_of(report, entry, written, &written.expr);
    });
}

/// Refuses calls in the conditions of a rule that is a query, `node`.
pub(super) fn refuse_of_query(report: &mut Report, node: &Node, condition: &Condition) {
    each(report, node, condition, |report, entry, written| {
        if let Some(call) = written.expr.first_earlier() {
            let message = "a query is asked about one window at a time, and has no earlier ones";
            report
                .within(Code::Conflict, &entry.value, &written.text, &call.at, message)
                .hint("write a longer `window`, and compare its parts in the query by `end_time`");
        }
    });
}

/// Looks at each expression, with the entry that it stands in.
fn each(
    report: &mut Report,
    node: &Node,
    condition: &Condition,
    look: impl Fn(&mut Report, &Entry, &Written),
) {
    if let Some(entry) = node.get("condition") {
        for Level { severity, condition } in condition.levels() {
            let of_level = severity.and_then(|severity| entry.value.get(severity.as_str()));
            look(report, of_level.unwrap_or(entry), condition);
        }
    }
    if let (Some(entry), Some(end)) = (node.get("resolve_condition"), &condition.resolve) {
        look(report, entry, end);
    }
}

impl Windows {
    fn all_of(self, report: &mut Report, entry: &Entry, written: &Written, expr: &Expr) {
        if let ExprKind::Earlier(call) = &expr.kind
            && let Some((message, hint)) = self.misfit(call)
        {
            let code = Code::EarlierMisfit;
            report.within(code, &entry.value, &written.text, &expr.at, message).hint(hint);
        }
        for child in expr.children() {
            self.all_of(report, entry, written, child);
        }
    }

    /// Returns a message that says what does not fit, and a hint that says what would.
    fn misfit(self, call: &EarlierCall) -> Option<(String, String)> {
        let window = self.window;
        match &call.function {
            EarlierFunction::Previous { windows, .. } => {
                let reach = window.0.checked_mul(i64::from(*windows) + 1);
                let message = || format!("{windows} windows of {window} are more than time can be told");
                reach.is_none().then(|| (message(), "look less far back".to_owned()))
            }
            EarlierFunction::Over { past, .. } | EarlierFunction::ZScore { past, .. } => {
                self.windows_of(*past, EarlierFunction::FEWEST_WINDOWS)
            }
            EarlierFunction::PredictLinear { past, .. } => {
                self.windows_of(*past, EarlierFunction::FEWEST_POINTS)
            }
            EarlierFunction::Offset { by, .. } if by.0 % self.step.0 != 0 => {
                let message = format!(
                    "`{by}` is no multiple of `every` ({}): no window ends so long before another",
                    self.step
                );
                Some((message, format!("write `{}`", nearest(*by, self.step))))
            }
            EarlierFunction::Absent { past } => self.windows_of(*past, 1).or_else(|| {
                let message = || {
                    format!(
                        "a group counts as seen for `lookback` ({}): it is forgotten before it is absent for `{past}`",
                        self.lookback
                    )
                };
                let forgotten = !self.standing && *past >= self.lookback;
                forgotten.then(|| (message(), "write a longer `lookback`".to_owned()))
            }),
            EarlierFunction::Offset { .. } | EarlierFunction::IsNew | EarlierFunction::Burn { .. } => None,
        }
    }

    /// The windows of the last `past`, of which there must be so many.
    fn windows_of(self, past: Nanos, fewest: i64) -> Option<(String, String)> {
        let window = self.window;
        let least = Nanos(window.0.saturating_mul(fewest));
        if past.0 % window.0 != 0 {
            let message = format!("`{past}` is no multiple of the window ({window})");
            return Some((message, format!("write `{}`", nearest(past, window).max(least))));
        }
        let windows = past.0 / window.0;
        if windows < fewest {
            let message =
                format!("`{past}` holds {windows} of the windows of {window}, and {fewest} are needed");
            return Some((message, format!("write `{least}`, or a shorter `window`")));
        }
        let most = EarlierFunction::MOST_WINDOWS;
        (windows > most).then(|| {
            let message = format!("`{past}` holds {windows} of the windows of {window}; it may hold {most}");
            (message, "look less far back, or write a longer `window`".to_owned())
        })
    }
}

/// The multiple of `of` that is nearest to `length`, and not 0.
fn nearest(length: Nanos, of: Nanos) -> Nanos {
    let (below, rest) = (length.0 / of.0, length.0 % of.0);
    let times = if rest >= of.0 - rest { below + 1 } else { below };
    Nanos(of.0.saturating_mul(times.max(1)))
}
