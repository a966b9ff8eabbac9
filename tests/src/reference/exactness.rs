//! The rules that are exact, to the letter of the rule language's section 6.

use fluo_rules::expr::{Arithmetic, Comparison, Expr, ExprKind};
use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::matcher::Value;
use fluo_rules::rule::{AggregateFunction, Rule};

/// Returns whether the rule is judged at every moment (the ends of its matching spans) rather than on a grid.
///
/// It is if each level of its condition is built with `and` and `or` from comparisons of the form *increasing* `>`/`>=`
/// *constant* or *decreasing* `<`/`<=` *constant* (or the same with the sides swapped), what ends it from comparisons of
/// the form *increasing* `<`/`<=` *constant* of what has a value over nothing, it has no `every`, its `for` is zero, and it asks for
/// no parents or children.
pub fn is_exact(rule: &Rule) -> bool {
    rule.every.is_none()
        && rule.kin.is_none()
        && rule.hold_for.0 <= 0
        && rule.condition.levels().all(|level| only_gains(rule, &level.condition.expr))
        && rule.condition.resolve.iter().all(|end| only_loses(rule, &end.expr))
}

/// Returns whether more spans can make what ends a violation false and never true.
fn only_loses(rule: &Rule, expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::And(left, right) | ExprKind::Or(left, right) => {
            only_loses(rule, left) && only_loses(rule, right)
        }
        ExprKind::Compare(Comparison::Lt | Comparison::Lte, left, right) => {
            moves(rule, left, Direction::Up) && counts(rule, left) && is_constant(right)
        }
        ExprKind::Compare(Comparison::Gt | Comparison::Gte, left, right) => {
            is_constant(left) && counts(rule, right) && moves(rule, right, Direction::Up)
        }
        _ => false,
    }
}

/// Returns whether it is made of nothing but numbers of spans and of values: nothing of them is none, and that is 0.
fn counts(rule: &Rule, expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Aggregate(name) => rule.aggregate(name).is_some_and(|aggregate| {
            matches!(
                aggregate.function,
                AggregateFunction::Count
                    | AggregateFunction::CountDistinct(_)
                    | AggregateFunction::Rate { .. }
            )
        }),
        ExprKind::Arithmetic(_, left, right) => counts(rule, left) && counts(rule, right),
        _ => is_constant(expr),
    }
}

/// Returns whether more spans can make the condition true and never false.
pub(super) fn only_gains(rule: &Rule, expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::And(left, right) | ExprKind::Or(left, right) => {
            only_gains(rule, left) && only_gains(rule, right)
        }
        ExprKind::Compare(Comparison::Gt | Comparison::Gte, left, right) => {
            (moves(rule, left, Direction::Up) && is_constant(right))
                || (is_constant(left) && moves(rule, right, Direction::Down))
        }
        ExprKind::Compare(Comparison::Lt | Comparison::Lte, left, right) => {
            (moves(rule, left, Direction::Down) && is_constant(right))
                || (is_constant(left) && moves(rule, right, Direction::Up))
        }
        _ => false,
    }
}

/// The direction in which more spans can move a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

fn moves(rule: &Rule, expr: &Expr, direction: Direction) -> bool {
    match &expr.kind {
        ExprKind::Aggregate(name) => rule
            .aggregate(name)
            .is_some_and(|aggregate| aggregate_direction(&aggregate.function) == Some(direction)),
        ExprKind::Arithmetic(Arithmetic::Add, left, right) => {
            (moves(rule, left, direction) && is_constant(right))
                || (is_constant(left) && moves(rule, right, direction))
        }
        ExprKind::Arithmetic(Arithmetic::Multiply, left, right) => {
            (moves(rule, left, direction) && is_positive(rule, right))
                || (is_positive(rule, left) && moves(rule, right, direction))
        }
        ExprKind::Arithmetic(Arithmetic::Divide, left, right) => {
            moves(rule, left, direction) && is_positive(rule, right)
        }
        _ => false,
    }
}

fn aggregate_direction(function: &AggregateFunction) -> Option<Direction> {
    match function {
        AggregateFunction::Count
        | AggregateFunction::CountDistinct(_)
        | AggregateFunction::Rate { .. }
        | AggregateFunction::Max(_) => Some(Direction::Up),
        AggregateFunction::Sum(of) if *of == Expr::field(Field::Intrinsic(Intrinsic::Duration)) => {
            Some(Direction::Up)
        }
        AggregateFunction::Min(_) => Some(Direction::Down),
        AggregateFunction::Sum(_)
        | AggregateFunction::Avg(_)
        | AggregateFunction::Stddev(_)
        | AggregateFunction::Column(_)
        | AggregateFunction::Percentile { .. } => None,
    }
}

/// A literal, or arithmetic of literals.
fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        // A limit is a constant of the group.
        ExprKind::Literal(_) | ExprKind::Limit(_) => true,
        ExprKind::Negate(inner) => is_constant(inner),
        ExprKind::Arithmetic(_, left, right) => is_constant(left) && is_constant(right),
        _ => false,
    }
}

fn is_positive(rule: &Rule, expr: &Expr) -> bool {
    if expr.limits().is_empty() {
        return is_constant(expr) && constant(expr, &|_| None).is_some_and(|value| value > 0.0);
    }
    // In every group in which it has a value.
    let rows = rule.limits.iter().flat_map(|limits| limits.rows().iter().map(move |row| (limits, row)));
    let mut values = rows.filter_map(|(limits, row)| {
        constant(expr, &|name| {
            let place = limits.names().iter().position(|limit| limit.name == name)?;
            row.values[place].clone()
        })
    });
    is_constant(expr) && values.all(|value| value > 0.0)
}

/// The constant's number or nanoseconds; only its sign matters here.
#[expect(clippy::cast_precision_loss, reason = "rounding to nearest keeps the sign")]
fn constant(expr: &Expr, limit: &dyn Fn(&str) -> Option<Value>) -> Option<f64> {
    let value = match &expr.kind {
        ExprKind::Literal(Value::Number(number)) => number.as_f64(),
        ExprKind::Literal(Value::Duration(nanos)) => nanos.0 as f64,
        ExprKind::Limit(named) => match limit(&named.name)? {
            Value::Number(number) => number.as_f64(),
            Value::Duration(nanos) => nanos.0 as f64,
            Value::Text(_) | Value::Bool(_) => return None,
        },
        ExprKind::Negate(inner) => -constant(inner, limit)?,
        ExprKind::Arithmetic(operator, left, right) => {
            let (left, right) = (constant(left, limit)?, constant(right, limit)?);
            match operator {
                Arithmetic::Add => left + right,
                Arithmetic::Subtract => left - right,
                Arithmetic::Multiply => left * right,
                Arithmetic::Divide => left / right,
            }
        }
        _ => return None,
    };
    value.is_finite().then_some(value)
}
