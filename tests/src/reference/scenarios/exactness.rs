//! Conditions that are exact, and others.

use fluo_rules::expr::{Arithmetic, Comparison, Expr, ExprKind};
use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::rule::{AggregateFunction, Rule};
use fluo_time::Nanos;

use super::build::{aggregate, any_span, compare, expr, float, int, more_than, named, not, span_attribute};
use crate::reference::is_exact;

fn rule(condition: Expr) -> Rule {
    let duration = Expr::field(Field::Intrinsic(Intrinsic::Duration));
    any_span(
        vec![
            named("distinct", AggregateFunction::CountDistinct(span_attribute("user"))),
            named("per_second", AggregateFunction::Rate { per: Nanos::SECOND }),
            named("most", AggregateFunction::Max(Expr::field(span_attribute("n")))),
            named("least", AggregateFunction::Min(Expr::field(span_attribute("n")))),
            named("busy", AggregateFunction::Sum(duration.clone())),
            named("total", AggregateFunction::Sum(Expr::field(span_attribute("n")))),
            named("mean", AggregateFunction::Avg(duration.clone())),
            named("p99", AggregateFunction::Percentile { of: duration, p: 99.0 }),
        ],
        condition,
    )
}

fn arithmetic(operator: Arithmetic, left: Expr, right: Expr) -> Expr {
    expr(ExprKind::Arithmetic(operator, Box::new(left), Box::new(right)))
}

#[test]
fn conditions_that_more_spans_can_only_make_true_are_exact() {
    use Arithmetic::{Add, Divide, Multiply, Subtract};
    use Comparison::{Eq, Gt, Gte, Lt, Lte, Ne};
    let of = aggregate;
    let negated = |inner| expr(ExprKind::Negate(Box::new(inner)));
    for (scenario, condition, expected) in [
        ("count >", compare(Gt, of("count"), int(5)), true),
        ("count >=", compare(Gte, of("count"), int(5)), true),
        ("count <", compare(Lt, of("count"), int(5)), false),
        ("count =", compare(Eq, of("count"), int(5)), false),
        ("count !=", compare(Ne, of("count"), int(5)), false),
        ("constant < count", compare(Lt, int(5), of("count")), true),
        ("constant > count", compare(Gt, int(5), of("count")), false),
        ("distinct", more_than(of("distinct"), 1), true),
        ("rate", more_than(of("per_second"), 1), true),
        ("max >", more_than(of("most"), 1), true),
        ("max <", compare(Lt, of("most"), int(1)), false),
        ("min <=", compare(Lte, of("least"), int(1)), true),
        ("min >", more_than(of("least"), 1), false),
        ("constant >= min", compare(Gte, int(1), of("least")), true),
        ("sum of duration", more_than(of("busy"), 1), true),
        ("sum of an attribute", more_than(of("total"), 1), false),
        ("mean", more_than(of("mean"), 1), false),
        ("percentile", more_than(of("p99"), 1), false),
        ("times a positive constant", more_than(arithmetic(Multiply, float(0.5), of("count")), 1), true),
        ("times zero", more_than(arithmetic(Multiply, of("count"), int(0)), 1), false),
        ("times minus one", more_than(arithmetic(Multiply, of("count"), negated(int(1))), -3), false),
        ("divided by a constant", more_than(arithmetic(Divide, of("count"), int(2)), 1), true),
        ("a constant divided", more_than(arithmetic(Divide, int(2), of("count")), 1), false),
        ("plus a constant", more_than(arithmetic(Add, int(1), of("count")), 1), true),
        ("plus a negative constant", more_than(arithmetic(Add, of("count"), negated(int(1))), 1), true),
        ("minus a constant", more_than(arithmetic(Subtract, of("count"), int(1)), 1), false),
        ("sum of two", more_than(arithmetic(Add, of("count"), of("distinct")), 1), false),
        ("constant arithmetic", compare(Gt, of("count"), arithmetic(Subtract, int(7), int(2))), true),
        ("two aggregates", compare(Gt, of("count"), of("distinct")), false),
        ("negation", not(compare(Lt, of("count"), int(5))), false),
        (
            "between",
            expr(ExprKind::Between(Box::new(of("count")), Box::new(int(1)), Box::new(int(9)))),
            false,
        ),
        (
            "and of both directions",
            expr(ExprKind::And(
                Box::new(more_than(of("count"), 1)),
                Box::new(compare(Lt, of("least"), int(1))),
            )),
            true,
        ),
        (
            "or with one that is not",
            expr(ExprKind::Or(Box::new(more_than(of("count"), 1)), Box::new(more_than(of("mean"), 1)))),
            false,
        ),
    ] {
        assert_eq!(is_exact(&rule(condition)), expected, "{scenario}");
    }
}

#[test]
fn every_and_for_put_a_rule_on_the_grid() {
    let exact = rule(more_than(aggregate("count"), 5));
    assert!(is_exact(&exact));
    assert!(!is_exact(&Rule { every: Some(Nanos::MINUTE), ..exact.clone() }));
    assert!(!is_exact(&Rule { hold_for: Nanos(1), ..exact }));
}
