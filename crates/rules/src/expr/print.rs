//! Checked tree → text, in infix form with the fewest parentheses; it parses back to the same tree.

use std::fmt::{self, Display, Formatter};

use super::level::Level;
use super::tree::{Arithmetic, Comparison, Expr, ExprKind};
use crate::field::{Field, Intrinsic};
use crate::matcher::{Number, Value};

/// Returns how tightly an expression's outermost operator binds.
fn level(expr: &Expr) -> Level {
    match &expr.kind {
        ExprKind::Or(..) => Level::Or,
        ExprKind::And(..) => Level::And,
        ExprKind::Not(_) => Level::Not,
        ExprKind::Compare(..) | ExprKind::Regex { .. } | ExprKind::In(..) => Level::Compare,
        ExprKind::Arithmetic(Arithmetic::Add | Arithmetic::Subtract, ..) => Level::Add,
        ExprKind::Arithmetic(Arithmetic::Multiply | Arithmetic::Divide, ..) => Level::Multiply,
        ExprKind::Negate(_) => Level::Unary,
        ExprKind::Literal(_)
        | ExprKind::Field(_)
        | ExprKind::Aggregate(_)
        | ExprKind::Limit(_)
        | ExprKind::Between(..)
        | ExprKind::Earlier(_)
        | ExprKind::Call(..) => Level::Operand,
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Literal(value) => write!(f, "{value}"),
            ExprKind::Field(field) => write!(f, "{field}"),
            ExprKind::Aggregate(name) => f.write_str(name),
            ExprKind::Limit(limit) => f.write_str(&limit.name),
            ExprKind::Earlier(call) => f.write_str(&call.name),
            ExprKind::Not(operand) => {
                f.write_str("not ")?;
                operand_of(f, operand, Level::Not)
            }
            ExprKind::And(left, right) => between_operands(f, left, "and", right, Level::And),
            ExprKind::Or(left, right) => between_operands(f, left, "or", right, Level::Or),
            ExprKind::Compare(comparison, left, right) => {
                beside(f, left, right)?;
                write!(f, " {} ", comparison.as_str())?;
                beside(f, right, left)
            }
            ExprKind::Regex { item, pattern, negated } => {
                operand_of(f, item, Level::Add)?;
                write!(f, " {} {pattern:?}", if *negated { "!~" } else { "=~" })
            }
            ExprKind::In(item, values) => {
                operand_of(f, item, Level::Add)?;
                f.write_str(" in [")?;
                for (index, value) in values.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    constant_beside(f, value, item)?;
                }
                f.write_str("]")
            }
            ExprKind::Between(item, low, high) => write!(f, "between({item}, {low}, {high})"),
            ExprKind::Negate(operand) => {
                f.write_str("-")?;
                match &operand.kind {
                    // `-5` is the constant; the negation of 5 is another tree.
                    ExprKind::Literal(value) if !value.to_string().starts_with('-') => write!(f, "({value})"),
                    _ => operand_of(f, operand, Level::Unary),
                }
            }
            ExprKind::Arithmetic(operator, left, right) => {
                between_operands(f, left, operator.as_str(), right, level(self))
            }
            ExprKind::Call(function, arguments) => {
                write!(f, "{}(", function.as_str())?;
                for (index, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
        }
    }
}

/// In parentheses where its operator binds more loosely than `loosest`.
fn operand_of(f: &mut Formatter<'_>, operand: &Expr, loosest: Level) -> fmt::Result {
    if level(operand) < loosest { write!(f, "({operand})") } else { write!(f, "{operand}") }
}

fn between_operands(
    f: &mut Formatter<'_>,
    left: &Expr,
    operator: &str,
    right: &Expr,
    level: Level,
) -> fmt::Result {
    operand_of(f, left, level)?;
    write!(f, " {operator} ")?;
    operand_of(f, right, level.tighter())
}

/// One side of a comparison.
fn beside(f: &mut Formatter<'_>, side: &Expr, other: &Expr) -> fmt::Result {
    match &side.kind {
        ExprKind::Literal(value) => constant_beside(f, value, other),
        _ => operand_of(f, side, Level::Add),
    }
}

fn has_words(field: &Field) -> bool {
    match field {
        Field::Parent(field) => has_words(field),
        field => matches!(field, Field::Intrinsic(Intrinsic::Kind | Intrinsic::Status)),
    }
}

/// A constant; the words of kind and status stand without quotes.
fn constant_beside(f: &mut Formatter<'_>, value: &Value, other: &Expr) -> fmt::Result {
    match (value, &other.kind) {
        (Value::Text(word), ExprKind::Field(field)) if has_words(field) => f.write_str(word),
        _ => write!(f, "{value}"),
    }
}

impl Comparison {
    /// As written in expressions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Lte => "<=",
            Self::Gt => ">",
            Self::Gte => ">=",
        }
    }
}

impl Arithmetic {
    /// As written in expressions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }
}

/// As written in expressions: texts in quotes, a float always with a point or an exponent.
impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(Number::Int(int)) => write!(f, "{int}"),
            Self::Number(Number::Float(float)) => write!(f, "{float:?}"),
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::Duration(nanos) => write!(f, "{nanos}"),
        }
    }
}
