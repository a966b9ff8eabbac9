//! The conditions that missing spans can make true.
//!
//! "No orders for ten minutes" is also what a dead pipeline looks like. A comparison that fewer spans can make true is
//! therefore judged only where the pipeline is known to have been alive; which comparisons these are is decided here.

use fluo_rules::expr::{Comparison, Expr, ExprKind};
use fluo_rules::rule::{AggregateFunction, Rule};
use fluo_rules::trace::TraceRule;

use crate::direction::is_final;

/// Returns whether missing spans can make the rule's condition true, or keep a violation going. They can where it
/// compares a number that falls with the spans (count, rate, distinct values, sum) by `<`, `<=`, `=` or `!=`, or negates
/// the opposite comparison; and where what ends a violation does the reverse. They always can where parents or
/// children decide: a parent that is missing has no value, and a child that is makes a span's own time longer. Of a query nobody knows.
pub fn missing_can_make_true(rule: &Rule) -> bool {
    rule.kin.is_some()
        || rule.sql().is_some()
        || rule.condition.levels().any(|level| can(rule, &level.condition.expr, false))
        || rule.condition.resolve.as_ref().is_some_and(|resolve| can(rule, &resolve.expr, true))
}

/// Returns whether a trace of which spans are missing can break what is demanded of it.
pub fn missing_can_break(trace: &TraceRule) -> bool {
    trace.demands().any(|demand| !is_final(trace, demand))
}

fn can(rule: &Rule, expr: &Expr, negated: bool) -> bool {
    match &expr.kind {
        ExprKind::And(left, right) | ExprKind::Or(left, right) => {
            can(rule, left, negated) || can(rule, right, negated)
        }
        ExprKind::Not(inner) => can(rule, inner, !negated),
        ExprKind::Compare(op, left, right) => {
            if either_way(rule, expr) {
                return true;
            }
            let (left, right) = (counts(rule, left), counts(rule, right));
            match op {
                Comparison::Eq | Comparison::Ne => left || right,
                // `not (count > 5)` is `count <= 5`.
                Comparison::Lt | Comparison::Lte => {
                    if negated {
                        right
                    } else {
                        left
                    }
                }
                Comparison::Gt | Comparison::Gte => {
                    if negated {
                        left
                    } else {
                        right
                    }
                }
            }
        }
        ExprKind::Between(item, low, high) => [item, low, high].into_iter().any(|one| counts(rule, one)),
        ExprKind::In(item, _) => counts(rule, item),
        // Whoever is absent, and whoever is new, was not seen.
        ExprKind::Earlier(_) => !negated,
        _ => false,
    }
}

/// Returns whether a number falls when spans of the present window are missing.
fn counts(rule: &Rule, expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Aggregate(name) => is_count(rule, name),
        // An earlier window of which spans are known to be missing has no value.
        ExprKind::Earlier(_) => false,
        _ => expr.children().into_iter().any(|child| counts(rule, child)),
    }
}

/// Returns whether a number goes one way or the other when spans of the present window are missing: a forecast, and how
/// unusual something is.
fn either_way(rule: &Rule, expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Earlier(call) => call.is_of_present() && call.of().is_some_and(|of| counts(rule, of)),
        _ => expr.children().into_iter().any(|child| either_way(rule, child)),
    }
}

fn is_count(rule: &Rule, name: &str) -> bool {
    rule.aggregate(name).is_some_and(|aggregate| {
        aggregate.function.counts() || matches!(aggregate.function, AggregateFunction::Sum(_))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_that_missing_spans_can_make_true() {
        for (condition, expected) in [
            ("count > 5", false),
            ("count < 5", true),
            ("5 > count", true),
            ("not (count > 5)", true),
            ("not (count < 5)", false),
            ("count = 0", true),
            ("n != 3", true),
            ("total <= 10 and count > 0", true),
            ("p < 5ms", false),
            ("errors / count > 0.05", false),
            ("errors / count < 0.05", true),
            ("between(count, 1, 2)", true),
            ("count > 5', resolve_condition: 'count < 3", false),
            ("errors / count > 5%', resolve_condition: 'errors / count < 1%", false),
            ("p < 5ms', resolve_condition: 'count >= 100", true),
            ("count > 2 * previous(count)", false),
            ("count < 2 * previous(count)", true),
            ("2 * previous(count) < count", false),
            ("zscore(errors, 1h) > 3", true),
            ("zscore(p, 1h) > 3", false),
            ("predict_linear(count, 1h, 1h) > 1000", true),
            ("absent(10m)", true),
            ("not absent(10m)", false),
            ("is_new() and p > 5ms", true),
        ] {
            let text = format!(
                "- {{name: r, span: {{}}, aggregation: {{p: {{p99: duration}}, n: {{count_distinct: name}}, total: {{sum: span.x}}, \
                 errors: {{count: {{where: status = error}}}}}}, condition: '{condition}'}}"
            );
            let loaded = fluo_rules::load(&[fluo_rules::SourceFile::new("r.yml", text)]);
            assert!(!loaded.is_partial(), "{condition}: {:?}", loaded.findings);
            assert_eq!(missing_can_make_true(&loaded.rules[0]), expected, "{condition}");
        }
    }
}
