//! The condition of a rule: what makes a window a violation, how bad that is, and when it is over.
//!
//! A condition has one level or several. Each has an expression of its own, and all of them share one violation: it is as
//! bad as the highest level that holds. `resolve_condition` keeps a violation going between the levels and its end.

use crate::expr::{EarlierCall, ExactValues, Expr, Values};
use crate::limits::Limit;
use crate::objective::Objective;
use crate::rule::Severity;

/// A rule's condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// As written; of several levels, each behind its severity.
    pub text: String,
    /// The level of the least severity: where it is the only one, it is the condition.
    pub lowest: Level,
    /// The others, the less severe first.
    pub higher: Vec<Level>,
    /// The expression that must hold for a violation to be over. Without it, a violation is over where no level holds.
    pub resolve: Option<Written>,
    /// Values that people see and that nothing in it compares.
    pub shows: Vec<EarlierCall>,
}

/// A level of a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// The severity of a violation at which it holds; none where the condition has no levels: the rule has one then.
    pub severity: Option<Severity>,
    /// The expression.
    pub condition: Written,
}

/// An expression and its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// As written.
    pub text: String,
    /// Checked: boolean, over aggregates ([`crate::expr::ExprKind::Aggregate`]), limits and constants.
    pub expr: Expr,
}

impl Condition {
    /// A condition without levels.
    pub fn of(text: impl Into<String>, expr: Expr) -> Self {
        let text = text.into();
        let condition = Written { text: text.clone(), expr };
        Self {
            text,
            lowest: Level { severity: None, condition },
            higher: Vec::new(),
            resolve: None,
            shows: Vec::new(),
        }
    }

    /// The levels, the lowest first.
    pub fn levels(&self) -> impl DoubleEndedIterator<Item = &Level> {
        std::iter::once(&self.lowest).chain(&self.higher)
    }

    /// Returns whether how bad it is depends on what holds.
    pub fn has_levels(&self) -> bool {
        !self.higher.is_empty()
    }

    /// The highest level.
    pub fn highest(&self) -> &Level {
        self.higher.last().unwrap_or(&self.lowest)
    }

    /// The expressions of the levels, the lowest first, then that of `resolve_condition`.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let levels = self.levels().map(|level| &level.condition);
        levels.chain(&self.resolve).map(|written| &written.expr)
    }

    /// The limits by group that it compares with.
    pub fn limits(&self) -> impl Iterator<Item = &Limit> {
        self.expressions().flat_map(Expr::limits)
    }

    /// The names of the aggregates that it uses, each once.
    pub fn aggregates(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.expressions().flat_map(Expr::aggregates) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The calls of functions over earlier windows that it has, and those that it shows, each once.
    pub fn earlier(&self) -> Vec<&EarlierCall> {
        let mut calls: Vec<&EarlierCall> = Vec::new();
        for call in self.expressions().flat_map(Expr::earlier).chain(&self.shows) {
            if calls.iter().all(|known| known.name != call.name) {
                calls.push(call);
            }
        }
        calls
    }

    /// The objective that it is about.
    pub fn objective(&self) -> Option<&Objective> {
        self.shows.iter().find_map(EarlierCall::objective)
    }

    /// The highest level that holds, where two whole numbers are compared as such.
    pub fn held_exactly(&self, values: ExactValues<'_>) -> Option<&Level> {
        self.levels().rev().find(|level| level.condition.expr.holds_exactly(values))
    }

    /// The level to speak of at these values: the highest that holds. Where none does, the lowest is the next to.
    pub fn level_at(&self, values: Values<'_>) -> &Level {
        self.levels().rev().find(|level| level.condition.expr.holds(values)).unwrap_or(&self.lowest)
    }

    /// Returns whether arithmetic in a level leads beyond the finite numbers: with smaller values it may hold.
    pub fn overflows(&self, values: ExactValues<'_>) -> bool {
        self.levels().any(|level| level.condition.expr.overflows(values))
    }

    /// Returns whether a violation goes on at these values, though no level holds: what must hold for its end does not.
    pub fn goes_on(&self, values: ExactValues<'_>) -> bool {
        self.resolve.as_ref().is_some_and(|resolve| !resolve.expr.holds_exactly(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Exact;
    use crate::{SourceFile, load};

    fn condition(keys: &str) -> Condition {
        let text = format!("- {{name: r, span: {{}}, aggregation: {{errors: count}}, {keys}}}");
        let mut loaded = load(&[SourceFile::new("r.yml", text)]);
        assert_eq!(loaded.findings, [], "{keys}");
        loaded.rules.remove(0).condition
    }

    #[test]
    fn the_highest_level_that_holds_counts_in_whatever_order_they_are_written() {
        let condition = condition("condition: {critical: errors > 10, info: errors > 1, warning: count > 5}");
        assert_eq!(condition.text, "info: errors > 1; warning: count > 5; critical: errors > 10");
        assert_eq!(condition.aggregates(), ["errors", "count"]);
        for (errors, count, expected) in [
            (0, 0, None),
            (2, 2, Some(Severity::Info)),
            (0, 6, Some(Severity::Warning)),
            (11, 0, Some(Severity::Critical)),
            (11, 11, Some(Severity::Critical)),
        ] {
            let value = |name: &str| Some(Exact::Int(if name == "errors" { errors } else { count }));
            let held = condition.held_exactly(&value).and_then(|level| level.severity);
            assert_eq!(held, expected, "{errors} {count}");
            let spoken_of = condition.level_at(&|name| value(name).map(Exact::as_f64)).severity;
            assert_eq!(spoken_of, expected.or(Some(Severity::Info)), "{errors} {count}");
        }
    }

    #[test]
    fn a_violation_goes_on_until_what_ends_it_holds() {
        let value = |count| move |_: &str| Some(Exact::Int(count));
        let plain = condition("condition: count > 5");
        assert!(!plain.goes_on(&value(3)) && !plain.has_levels());
        let kept = condition("condition: count > 5, resolve_condition: count < 3");
        assert_eq!([2, 3, 9].map(|count| kept.goes_on(&value(count))), [false, true, true]);
    }
}
