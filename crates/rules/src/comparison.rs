//! The comparisons that a condition is made of, and which of them say what is wrong.
//!
//! `errors / total > 5% and total >= 100` says one thing, that too many fail. The other comparison is a *guard*: it
//! keeps the rule quiet where there is little to go by, every span satisfies it alike, and it explains nothing. Messages
//! and evidence speak of what is wrong; the order in which a condition is written means nothing to them.

use crate::condition::Written;
use crate::expr::{Arithmetic, Comparison, Expr, ExprKind, Values};
use crate::rule::Rule;

/// A comparison of a condition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared<'a> {
    /// The comparison as it stands.
    pub expr: &'a Expr,
    /// `true` where the condition needs it to be false: it stands behind a `not`.
    pub negated: bool,
    /// The text that the places of the expression are in.
    pub text: &'a str,
}

impl<'a> Compared<'a> {
    /// Returns whether it is as the condition needs it.
    pub fn holds(&self, values: Values<'_>) -> bool {
        self.expr.holds(values) != self.negated
    }

    /// The side that must be above, and the one that must be below; none where it is no matter of more and less.
    pub fn sides(&self) -> Option<(&'a Expr, &'a Expr)> {
        let ExprKind::Compare(operator, left, right) = &self.expr.kind else { return None };
        let left_above = match operator {
            Comparison::Gt | Comparison::Gte => true,
            Comparison::Lt | Comparison::Lte => false,
            Comparison::Eq | Comparison::Ne => return None,
        };
        Some(if left_above == self.negated { (right, left) } else { (left, right) })
    }
}

/// The comparisons that say what is wrong at these values: those by which the highest level of the condition holds,
/// without the guards among them unless nothing else is there. Where no level holds, all of the lowest.
pub fn decisive<'a>(rule: &'a Rule, values: Values<'_>) -> Vec<Compared<'a>> {
    let Written { text, expr: condition } = &rule.condition.level_at(values).condition;
    let mut found = Vec::new();
    let holds = condition.holds(values).then_some(values);
    collect((condition, text), false, holds, &mut found);
    let mut divisors = Vec::new();
    collect_divisors(condition, &mut divisors);
    let is_guard = |compared: &Compared<'_>| {
        let calls = compared.expr.earlier();
        if !calls.is_empty() {
            return calls.iter().all(|call| call.counts());
        }
        compared.expr.aggregates().into_iter().all(|name| {
            let Some(aggregate) = rule.aggregate(name) else { return false };
            aggregate.function.counts() && (aggregate.filter.is_none() || divisors.contains(&name))
        })
    };
    if !found.iter().all(is_guard) {
        found.retain(|compared| !is_guard(compared));
    }
    found
}

/// The comparisons of an expression; with `holding` values, of an `or` only the side that holds then.
fn collect<'a>(
    (expr, text): (&'a Expr, &'a str),
    negated: bool,
    holding: Option<Values<'_>>,
    found: &mut Vec<Compared<'a>>,
) {
    match &expr.kind {
        ExprKind::Not(inner) => collect((inner, text), !negated, holding, found),
        ExprKind::And(left, right) | ExprKind::Or(left, right) => {
            for side in [left, right] {
                if holding.is_none_or(|values| side.holds(values) != negated) {
                    collect((side, text), negated, holding, found);
                }
            }
        }
        ExprKind::Compare(..) | ExprKind::In(..) | ExprKind::Between(..) | ExprKind::Earlier(_) => {
            let compared = Compared { expr, negated, text };
            if !found.contains(&compared) {
                found.push(compared);
            }
        }
        _ => {}
    }
}

/// The aggregates that something is divided by.
fn collect_divisors<'a>(expr: &'a Expr, divisors: &mut Vec<&'a str>) {
    if let ExprKind::Arithmetic(Arithmetic::Divide, _, right) = &expr.kind {
        divisors.extend(right.aggregates());
    }
    for child in expr.children() {
        collect_divisors(child, divisors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SourceFile, load};

    fn rule(condition: &str) -> Rule {
        let text = format!(
            "- {{name: r, span: {{}}, aggregation: {{total: {{count: {{where: kind = server}}}}, \
             errors: {{count: {{where: status = error}}}}, p95: {{p95: duration}}}}, condition: '{condition}'}}"
        );
        let mut loaded = load(&[SourceFile::new("r.yml", text)]);
        assert!(!loaded.is_partial(), "{condition}: {:?}", loaded.findings);
        loaded.rules.remove(0)
    }

    fn value(name: &str) -> Option<f64> {
        match name {
            "total" => Some(600.0),
            "errors" => Some(271.0),
            "count" => Some(700.0),
            "p95" => Some(2e9),
            "previous(count)" => Some(300.0),
            "is_new()" => Some(1.0),
            _ => None,
        }
    }

    #[test]
    fn what_is_wrong_without_guards_in_whatever_order() {
        for (condition, expected) in [
            ("count > 5", vec!["count > 5"]),
            ("count >= 10 and errors / count > 5%", vec!["errors / count > 0.05"]),
            ("errors / count > 5% and count >= 10", vec!["errors / count > 0.05"]),
            ("total >= 100 and errors / total > 5%", vec!["errors / total > 0.05"]),
            ("errors >= 5 and errors / total > 5%", vec!["errors >= 5", "errors / total > 0.05"]),
            ("p95 > 1s or errors / count > 90%", vec!["p95 > 1s"]),
            ("not (p95 <= 1s or count < 10)", vec!["p95 <= 1s"]),
            ("count > 5 and count < 1000", vec!["count > 5", "count < 1000"]),
            ("errors > 1000 and p95 > 1s", vec!["errors > 1000", "p95 > 1s"]),
            (
                "count > 2 * previous(count) and total >= 100",
                vec!["count > 2 * previous(count)", "total >= 100"],
            ),
            ("is_new() and count > 5", vec!["is_new()"]),
        ] {
            let rule = rule(condition);
            let found: Vec<String> =
                decisive(&rule, &value).iter().map(|compared| compared.expr.to_string()).collect();
            assert_eq!(found, expected, "{condition}");
        }
    }

    #[test]
    fn sides_are_the_same_in_whatever_direction_it_is_written() {
        for condition in ["errors > 5", "5 < errors", "not (errors <= 5)", "not (5 >= errors)"] {
            let rule = rule(condition);
            let sides = decisive(&rule, &value)[0].sides().unwrap();
            assert_eq!(
                (sides.0.to_string(), sides.1.to_string()),
                ("errors".into(), "5".into()),
                "{condition}"
            );
        }
        assert_eq!(decisive(&rule("errors != 5"), &value)[0].sides(), None);
    }
}
