//! Expressions, over a span (`where`) or over the aggregates of a window (`condition`).
//!
//! Every boolean is either true or false: a comparison, test or membership with no value is false, and `not` of
//! it is true. A comparison that reads an array holds if it holds for one element (one that denies something, if it holds
//! for all), one that reads events or links if it holds for one of them.

use fluo_rules::expr::{Comparison, Expr, ExprKind, Function};
use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::matcher::Value;

use super::arithmetic;
use super::datum::Datum;
use super::lookup::{Subject, items};
use super::number::Number;
use super::pattern;

/// The meaning of the names in an expression.
pub(super) enum Environment<'a> {
    /// Fields of a span.
    Span(Subject<'a>),
    /// Aggregates, limits of the group, and calls of functions over earlier windows, by name.
    Window(&'a dyn Fn(&str) -> Option<Datum>),
}

/// Returns whether the expression is true.
pub(super) fn holds(expr: &Expr, environment: &Environment<'_>) -> bool {
    match &expr.kind {
        ExprKind::Not(inner) => !holds(inner, environment),
        ExprKind::And(left, right) => holds(left, environment) && holds(right, environment),
        ExprKind::Or(left, right) => holds(left, environment) || holds(right, environment),
        ExprKind::Compare(..)
        | ExprKind::Regex { .. }
        | ExprKind::In(..)
        | ExprKind::Between(..)
        | ExprKind::Call(Function::Contains | Function::StartsWith | Function::EndsWith, _) => {
            match (environment, many(expr)) {
                (Environment::Span(subject), Some(field)) if subject.item.is_none() => {
                    items(field, *subject).into_iter().any(|item| test(expr, &Environment::Span(item)))
                }
                _ => test(expr, environment),
            }
        }
        // What is left is true or false by itself: `root`, a literal, `coalesce` of such.
        _ => candidates(expr, environment).iter().any(|datum| datum.equals(&Datum::Bool(true))),
    }
}

/// A comparison, test or membership: true if one candidate of each side passes, or, of what denies something, if all do.
fn test(expr: &Expr, environment: &Environment<'_>) -> bool {
    let of = |expr| candidates(expr, environment);
    let has_value = |expr| value(expr, environment).is_some();
    match &expr.kind {
        ExprKind::Compare(Comparison::Ne, left, right) => {
            has_value(left)
                && has_value(right)
                && of(left).iter().all(|left| of(right).iter().all(|right| !left.equals(right)))
        }
        ExprKind::Regex { item, pattern, negated: true } => {
            has_value(item)
                && of(item).iter().filter_map(Datum::text).all(|text| !pattern::matches(pattern, &text))
        }
        ExprKind::Compare(comparison, left, right) => {
            of(left).iter().any(|left| of(right).iter().any(|right| compares(*comparison, left, right)))
        }
        ExprKind::Regex { item, pattern, negated: false } => {
            of(item).iter().filter_map(Datum::text).any(|text| pattern::matches(pattern, &text))
        }
        ExprKind::In(item, values) => {
            of(item).iter().any(|item| values.iter().any(|value| item.equals(&Datum::constant(value))))
        }
        ExprKind::Between(item, low, high) => of(item).iter().any(|item| {
            of(low).iter().any(|low| compares(Comparison::Gte, item, low))
                && of(high).iter().any(|high| compares(Comparison::Lte, item, high))
        }),
        ExprKind::Call(function, arguments) => {
            let [text, part] = arguments.as_slice() else { return false };
            // The part is one text, whatever it looks like.
            let Some(part) = value(part, environment).and_then(|part| part.text()) else { return false };
            of(text).iter().filter_map(Datum::text).any(|text| match function {
                Function::Contains => text.contains(&part),
                Function::StartsWith => text.starts_with(&part),
                _ => text.ends_with(&part),
            })
        }
        _ => false,
    }
}

fn compares(comparison: Comparison, left: &Datum, right: &Datum) -> bool {
    let ordering = || left.compare(right);
    match comparison {
        Comparison::Eq => left.equals(right),
        Comparison::Ne => !left.equals(right),
        Comparison::Lt => ordering().is_some_and(std::cmp::Ordering::is_lt),
        Comparison::Lte => ordering().is_some_and(std::cmp::Ordering::is_le),
        Comparison::Gt => ordering().is_some_and(std::cmp::Ordering::is_gt),
        Comparison::Gte => ordering().is_some_and(std::cmp::Ordering::is_ge),
    }
}

/// Returns what a comparison is tried on: a field's elements if the side is directly a field, else its one value.
fn candidates(expr: &Expr, environment: &Environment<'_>) -> Vec<Datum> {
    match (&expr.kind, environment) {
        (ExprKind::Field(field), Environment::Span(subject)) => subject.candidates(field),
        _ => value(expr, environment).into_iter().collect(),
    }
}

/// The expression's one value.
pub(super) fn value(expr: &Expr, environment: &Environment<'_>) -> Option<Datum> {
    let of = |expr| value(expr, environment);
    match &expr.kind {
        ExprKind::Literal(literal) => Some(Datum::constant(literal)),
        ExprKind::Field(field) => match environment {
            Environment::Span(subject) => subject.value(field),
            Environment::Window(_) => None,
        },
        ExprKind::Aggregate(name) => match environment {
            Environment::Span(_) => None,
            Environment::Window(aggregate) => aggregate(name),
        },
        ExprKind::Limit(limit) => match environment {
            Environment::Span(subject) => subject.limit(&limit.name),
            Environment::Window(named) => named(&limit.name),
        },
        ExprKind::Earlier(call) => match environment {
            Environment::Span(_) => None,
            Environment::Window(named) => named(&call.name),
        },
        ExprKind::Negate(inner) => arithmetic::negate(&of(inner)?),
        ExprKind::Arithmetic(operator, left, right) => arithmetic::apply(*operator, &of(left)?, &of(right)?),
        ExprKind::Call(function, arguments) => call(*function, arguments, environment),
        ExprKind::Not(_)
        | ExprKind::And(..)
        | ExprKind::Or(..)
        | ExprKind::Compare(..)
        | ExprKind::Regex { .. }
        | ExprKind::In(..)
        | ExprKind::Between(..) => Some(Datum::Bool(holds(expr, environment))),
    }
}

fn call(function: Function, arguments: &[Expr], environment: &Environment<'_>) -> Option<Datum> {
    let all =
        || arguments.iter().map(|argument| value(argument, environment)).collect::<Option<Vec<Datum>>>();
    let text = || all()?.first()?.text();
    match function {
        Function::Abs | Function::Floor | Function::Ceil | Function::Round => {
            arithmetic::round(function, all()?.first()?)
        }
        Function::Min | Function::Max => arithmetic::extreme(function, &all()?),
        Function::Coalesce => {
            // Among numbers an attribute is its number, and has no value if it is none; among texts it is its text.
            let of_numbers = arguments.iter().any(is_numeric);
            let of_attributes = arguments.iter().all(is_attribute);
            arguments.iter().filter_map(|argument| value(argument, environment)).find_map(|datum| match datum
            {
                Datum::Attribute(_) if of_numbers => datum.number().map(Datum::Number),
                Datum::Attribute(text) if !of_attributes => Some(Datum::Text(text)),
                other => Some(other),
            })
        }
        Function::Lower => Some(Datum::Text(text()?.to_lowercase())),
        Function::Upper => Some(Datum::Text(text()?.to_uppercase())),
        Function::Length => i128::try_from(text()?.chars().count()).ok().map(Number::Int).map(Datum::Number),
        Function::Contains | Function::StartsWith | Function::EndsWith => {
            let call = ExprKind::Call(function, arguments.to_vec());
            Some(Datum::Bool(holds(&Expr { kind: call, at: 0..0 }, environment)))
        }
    }
}

/// Returns whether the expression is a number or duration whatever the span, as opposed to an attribute that may be
/// one.
fn is_numeric(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(literal) => matches!(literal, Value::Number(_) | Value::Duration(_)),
        ExprKind::Field(field) => is_duration(field),
        ExprKind::Aggregate(_) | ExprKind::Limit(_) | ExprKind::Negate(_) | ExprKind::Arithmetic(..) => true,
        ExprKind::Earlier(call) => call.of().is_some(),
        ExprKind::Call(function, arguments) => match function {
            Function::Abs
            | Function::Floor
            | Function::Ceil
            | Function::Round
            | Function::Min
            | Function::Max
            | Function::Length => true,
            Function::Coalesce => arguments.iter().any(is_numeric),
            Function::Lower
            | Function::Upper
            | Function::Contains
            | Function::StartsWith
            | Function::EndsWith => false,
        },
        _ => false,
    }
}

fn is_duration(field: &Field) -> bool {
    match field {
        Field::Parent(field) => is_duration(field),
        field => matches!(field, Field::Intrinsic(Intrinsic::Duration | Intrinsic::SelfTime)),
    }
}

/// Returns whether the expression is an attribute's value, to be read by meaning.
fn is_attribute(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Field(Field::Parent(field)) => matches!(**field, Field::Attribute { .. }),
        ExprKind::Field(field) => matches!(field, Field::Attribute { .. }),
        ExprKind::Call(Function::Coalesce, arguments) => arguments.iter().all(is_attribute),
        _ => false,
    }
}

/// The first field in the expression of which a span may have many.
fn many(expr: &Expr) -> Option<&Field> {
    match &expr.kind {
        ExprKind::Field(field) => field.many().map(|_| field),
        _ => expr.children().into_iter().find_map(many),
    }
}
