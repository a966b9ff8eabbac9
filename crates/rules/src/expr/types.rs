//! Types and units, and which of them go together.

use std::fmt;
use std::ops::Range;

use fluo_time::duration::with_unit;

use super::problem::Problem;
use super::tree::{Arithmetic, Comparison, EarlierCall, EarlierFunction, Expr, ExprKind, Function};
use crate::diagnostic::Code;
use crate::field::{Field, Intrinsic};
use crate::limits::{Limit, LimitUnit};
use crate::matcher::{Number, Value};
use crate::rule::{Aggregate, AggregateFunction};
use crate::sql::Unit;

/// The kind of value that an expression has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// True or false, never "no value".
    Bool,
    /// A plain number.
    Number,
    /// A length of time.
    Duration,
    /// A text that is never read as a number.
    Text,
    /// An attribute's text, which is read by meaning: as a number where a number is needed.
    Attribute,
    /// A span's kind.
    Kind,
    /// A span's status.
    Status,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "true or false",
            Self::Number => "a plain number",
            Self::Duration => "a duration",
            Self::Text => "a text",
            Self::Attribute => "an attribute",
            Self::Kind => "a kind",
            Self::Status => "a status",
        })
    }
}

impl Type {
    /// Returns whether it has a text to search in.
    pub(super) fn has_text(self) -> bool {
        matches!(self, Self::Text | Self::Attribute | Self::Kind | Self::Status)
    }

    /// Returns whether it is a number, or may be read as one.
    pub(super) fn has_number(self) -> bool {
        matches!(self, Self::Number | Self::Attribute)
    }
}

/// The type of a checked expression over these aggregates.
pub fn type_of(expr: &Expr, aggregates: &[Aggregate]) -> Type {
    match &expr.kind {
        ExprKind::Literal(value) => of_value(value),
        ExprKind::Field(field) => of_field(field),
        ExprKind::Aggregate(name) => of_aggregate(name, aggregates),
        ExprKind::Limit(limit) => of_limit(limit),
        ExprKind::Not(_)
        | ExprKind::And(..)
        | ExprKind::Or(..)
        | ExprKind::Compare(..)
        | ExprKind::Regex { .. }
        | ExprKind::In(..)
        | ExprKind::Between(..) => Type::Bool,
        ExprKind::Negate(operand) => match type_of(operand, aggregates) {
            Type::Duration => Type::Duration,
            _ => Type::Number,
        },
        ExprKind::Arithmetic(operator, left, right) => {
            // A checked tree has no mismatch.
            of_arithmetic(*operator, type_of(left, aggregates), type_of(right, aggregates))
                .unwrap_or(Type::Number)
        }
        ExprKind::Earlier(call) => of_call(call, aggregates),
        ExprKind::Call(function, arguments) => {
            let types = arguments.iter().map(|argument| type_of(argument, aggregates));
            match function {
                Function::Floor | Function::Ceil | Function::Round | Function::Length => Type::Number,
                Function::Abs | Function::Min | Function::Max => {
                    types.into_iter().find(|ty| *ty == Type::Duration).unwrap_or(Type::Number)
                }
                Function::Lower | Function::Upper => Type::Text,
                Function::Contains | Function::StartsWith | Function::EndsWith => Type::Bool,
                Function::Coalesce => {
                    types.reduce(|one, other| either(one, other).unwrap_or(one)).unwrap_or(Type::Text)
                }
            }
        }
    }
}

pub(super) fn of_value(value: &Value) -> Type {
    match value {
        Value::Text(_) => Type::Text,
        Value::Number(_) => Type::Number,
        Value::Bool(_) => Type::Bool,
        Value::Duration(_) => Type::Duration,
    }
}

pub(super) fn of_field(field: &Field) -> Type {
    match field {
        Field::Attribute { .. } => Type::Attribute,
        Field::Parent(field) => of_field(field),
        Field::Intrinsic(Intrinsic::Duration | Intrinsic::SelfTime) => Type::Duration,
        Field::Intrinsic(Intrinsic::Root) => Type::Bool,
        Field::Intrinsic(Intrinsic::Kind) => Type::Kind,
        Field::Intrinsic(Intrinsic::Status) => Type::Status,
        Field::Intrinsic(
            Intrinsic::Name
            | Intrinsic::StatusMessage
            | Intrinsic::TraceId
            | Intrinsic::SpanId
            | Intrinsic::ServiceName
            | Intrinsic::ScopeName
            | Intrinsic::ScopeVersion
            | Intrinsic::EventName
            | Intrinsic::LinkTraceId
            | Intrinsic::LinkSpanId,
        ) => Type::Text,
    }
}

pub(super) fn of_aggregate(name: &str, aggregates: &[Aggregate]) -> Type {
    match aggregates.iter().find(|aggregate| aggregate.name == name).map(|aggregate| &aggregate.function) {
        Some(
            AggregateFunction::Sum(of)
            | AggregateFunction::Avg(of)
            | AggregateFunction::Min(of)
            | AggregateFunction::Max(of)
            | AggregateFunction::Stddev(of)
            | AggregateFunction::Percentile { of, .. },
        ) if type_of(of, &[]) == Type::Duration => Type::Duration,
        Some(AggregateFunction::Column(Unit::Duration)) => Type::Duration,
        _ => Type::Number,
    }
}

pub(super) fn of_limit(limit: &Limit) -> Type {
    match limit.unit {
        LimitUnit::Number => Type::Number,
        LimitUnit::Duration => Type::Duration,
    }
}

/// The type of a call of a function over earlier windows.
fn of_call(call: &EarlierCall, aggregates: &[Aggregate]) -> Type {
    match (&call.function, call.of()) {
        (EarlierFunction::ZScore { .. } | EarlierFunction::Burn { .. }, _) => Type::Number,
        (_, Some(of)) if type_of(of, aggregates) == Type::Duration => Type::Duration,
        (_, Some(_)) => Type::Number,
        (_, None) => Type::Bool,
    }
}

/// The type of `left operator right`, if there is one.
pub(super) fn of_arithmetic(operator: Arithmetic, left: Type, right: Type) -> Option<Type> {
    match (operator, left, right) {
        (_, left, right) if left.has_number() && right.has_number() => Some(Type::Number),
        (Arithmetic::Add | Arithmetic::Subtract, Type::Duration, Type::Duration) => Some(Type::Duration),
        (Arithmetic::Multiply | Arithmetic::Divide, Type::Duration, right) if right.has_number() => {
            Some(Type::Duration)
        }
        (Arithmetic::Multiply, left, Type::Duration) if left.has_number() => Some(Type::Duration),
        (Arithmetic::Divide, Type::Duration, Type::Duration) => Some(Type::Number),
        _ => None,
    }
}

/// The type of a value that is one or the other, if they go together.
pub(super) fn either(one: Type, other: Type) -> Option<Type> {
    match (one, other) {
        (Type::Bool, _) | (_, Type::Bool) => None,
        (one, other) if one == other => Some(one),
        (Type::Number | Type::Attribute, Type::Number | Type::Attribute) => Some(Type::Number),
        (one, other) if one.has_text() && other.has_text() => Some(Type::Text),
        _ => None,
    }
}

/// A checked expression and its type.
#[derive(Debug)]
pub(super) struct Typed {
    pub(super) expr: Expr,
    pub(super) ty: Type,
}

impl Typed {
    fn constant(&self) -> Option<&Value> {
        match &self.expr.kind {
            ExprKind::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// A quoted number becomes the number.
    fn read_as_number(&mut self) -> bool {
        let Some(Value::Text(text)) = self.constant() else { return false };
        let Some(number) = number(text) else { return false };
        self.expr.kind = ExprKind::Literal(Value::Number(number));
        self.ty = Type::Number;
        true
    }
}

/// The number that a text is.
fn number(text: &str) -> Option<Number> {
    if let Ok(int) = text.parse() {
        return Some(Number::Int(int));
    }
    text.parse().ok().filter(|float: &f64| float.is_finite()).map(Number::Float)
}

/// Checks that two values can be compared; a quoted number beside a number becomes one.
pub(super) fn compare(
    comparison: Comparison,
    left: &mut Typed,
    right: &mut Typed,
    at: &Range<usize>,
) -> Result<(), Problem> {
    let ordering = !matches!(comparison, Comparison::Eq | Comparison::Ne);
    let numeric = |ty: Type| ty == Type::Number || (ordering && ty == Type::Attribute);
    if numeric(left.ty) {
        right.read_as_number();
    }
    if numeric(right.ty) {
        left.read_as_number();
    }
    let fits = match (left.ty, right.ty) {
        (Type::Duration, Type::Duration) => true,
        (left, right) if left.has_number() && right.has_number() => true,
        _ if ordering => false,
        (Type::Text | Type::Attribute, Type::Text | Type::Attribute) => true,
        // An attribute is compared with the words `true` and `false`, not with a condition's outcome. Words
        // beside a kind or a status were looked up before; nothing else is compared with those two.
        (Type::Bool, Type::Attribute) | (Type::Text, Type::Kind | Type::Status) => left.constant().is_some(),
        (Type::Attribute, Type::Bool) | (Type::Kind | Type::Status, Type::Text) => right.constant().is_some(),
        (left, right) => left == right,
    };
    if fits { Ok(()) } else { Err(mismatch(left, right, ordering, at)) }
}

fn mismatch(left: &Typed, right: &Typed, ordering: bool, at: &Range<usize>) -> Problem {
    // The constant is what is wrong, if there is one.
    let (literal, other) = match (left.constant(), right.constant()) {
        (_, Some(value)) => (Some((value, right)), left),
        (Some(value), None) => (Some((value, left)), right),
        (None, None) => (None, left),
    };
    let place = literal.map_or_else(|| at.clone(), |(_, typed)| typed.expr.at.clone());
    if is_unit_mismatch(left.ty, right.ty) {
        return units(left, right, place, "compared");
    }
    if ordering && left.ty == right.ty || ordering && left.ty.has_text() && right.ty.has_text() {
        let message = format!("{} and {} have no order", left.ty, right.ty);
        let problem = Problem::new(Code::TypeMismatch, place, message);
        return match literal {
            Some((Value::Text(text), _)) if other.ty == Type::Attribute => {
                problem.hint(format!("\"{text}\" is not a number"))
            }
            _ => problem.hint("`<` and `>` compare numbers and durations"),
        };
    }
    let message = format!("{} is compared with {}", left.ty, right.ty);
    let problem = Problem::new(Code::TypeMismatch, place, message);
    match literal {
        Some((Value::Number(_), typed)) if other.ty == Type::Text => {
            problem.hint(format!("quote it: \"{}\"", typed.expr))
        }
        Some((Value::Text(text), _)) if other.ty == Type::Duration => {
            problem.hint(format!("durations stand without quotes: `{text}`"))
        }
        Some((Value::Text(text), _))
            if other.ty == Type::Bool && matches!(text.as_str(), "true" | "false") =>
        {
            problem.hint(format!("write `{text}` without quotes"))
        }
        _ => problem,
    }
}

/// Returns whether one is a duration and the other a number or what may be read as one.
pub(super) fn is_unit_mismatch(left: Type, right: Type) -> bool {
    matches!((left, right), (Type::Duration, other) | (other, Type::Duration) if other.has_number())
}

/// A duration and a number are `verb` (compared, added).
pub(super) fn units(left: &Typed, right: &Typed, at: Range<usize>, verb: &str) -> Problem {
    let (duration, other) = if left.ty == Type::Duration { (left, right) } else { (right, left) };
    let problem = Problem::new(
        Code::UnitMismatch,
        at,
        format!(
            "a duration and {} cannot be {verb}",
            if other.ty == Type::Attribute { "an attribute" } else { "a plain number" }
        ),
    );
    if other.ty == Type::Attribute {
        let hint = format!("`{}` has no unit: compare it with a plain number, in its own unit", other.expr);
        return problem.hint(hint);
    }
    match (other.constant(), duration.constant()) {
        (Some(_), _) => problem.hint(with_unit(&other.expr.to_string())),
        (None, Some(_)) => problem.hint(format!("`{}` is a plain number", other.expr)),
        (None, None) => {
            problem.hint(format!("divide the duration by one: `{} / 1s` is a plain number", duration.expr))
        }
    }
}
