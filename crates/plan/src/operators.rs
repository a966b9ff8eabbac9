//! Constants, comparisons and arithmetic as DataFusion expressions, whatever they are applied to.

use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::{coalesce, greatest, least, nullif};
use datafusion::functions::math::expr_fn as math;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, lit, when};
use fluo_rules::expr::{Arithmetic, Comparison, Function};
use fluo_rules::limits::PREFIX;
use fluo_rules::matcher::{Number, Value};

use crate::error::PlanError;
use crate::form::Form;

/// A number to be compared with `other`, without the sign of zero that arithmetic leaves: `DataFusion` puts -0 before 0.
fn one_zero(number: Expr, other: &Expr) -> Expr {
    fn uncast(expr: &Expr) -> &Expr {
        if let Expr::Cast(cast) = expr { uncast(&cast.expr) } else { expr }
    }
    let is_limit =
        |expr: &Expr| matches!(expr, Expr::ScalarFunction(call) if call.name().starts_with(PREFIX));
    let computed =
        !matches!(uncast(&number), Expr::Literal(..) | Expr::Column(_)) && !is_limit(uncast(&number));
    let may_be_zero = match uncast(other) {
        Expr::Literal(ScalarValue::Float64(value), _) => *value == Some(0.0),
        Expr::Literal(ScalarValue::Int64(value), _) => *value == Some(0),
        _ => true,
    };
    if computed && may_be_zero { number + lit(0.0) } else { number }
}

/// `left op right` of numbers that may be the results of arithmetic.
pub(crate) fn binary_of_numbers(left: &Expr, op: Comparison, right: &Expr) -> Expr {
    binary(one_zero(left.clone(), right), op, one_zero(right.clone(), left))
}

/// `left op right` in SQL's own operators.
pub(crate) fn binary(left: Expr, op: Comparison, right: Expr) -> Expr {
    let op = match op {
        Comparison::Eq => Operator::Eq,
        Comparison::Ne => Operator::NotEq,
        Comparison::Lt => Operator::Lt,
        Comparison::Lte => Operator::LtEq,
        Comparison::Gt => Operator::Gt,
        Comparison::Gte => Operator::GtEq,
    };
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

/// A constant as a literal; durations in nanoseconds.
pub(crate) fn literal(value: &Value) -> Expr {
    match value {
        Value::Text(text) => lit(text.as_str()),
        Value::Number(Number::Int(int)) => lit(*int),
        // As in `one_zero`, -0 is 0.
        Value::Number(Number::Float(float)) => lit(*float + 0.0),
        Value::Bool(bool) => lit(*bool),
        Value::Duration(nanos) => lit(nanos.0),
    }
}

/// Arithmetic on `f64`. Division by zero, and results beyond the finite numbers, are no value; printed SQL leaves the
/// latter out, for they would bury what a rule says.
pub(crate) fn arithmetic(form: Form, op: Arithmetic, left: Expr, right: Expr) -> Result<Expr, PlanError> {
    let result = match op {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / nullif(one_zero(right, &lit(0.0)), lit(0.0)),
    };
    match form {
        Form::Functions => Ok(when(math::abs(result.clone()).lt_eq(lit(f64::MAX)), result).end()?),
        Form::Sql => Ok(result),
    }
}

/// `-number`, spelled as a product: two signs in a row would be printed as the start of a comment.
pub(crate) fn negated(number: Expr) -> Expr {
    lit(-1.0) * number
}

/// One of some numbers: with `coalesce` the first that has a value, else the smallest or largest, and none where one has no
/// value (SQL's `least` would leave it out).
pub(crate) fn one_of(function: Function, numbers: Vec<Expr>) -> Result<Expr, PlanError> {
    let present = numbers.iter().cloned().map(Expr::is_not_null).reduce(Expr::and);
    let Some(present) = present else {
        return Err(PlanError::Misplaced(format!("{function:?} of nothing")));
    };
    Ok(match function {
        Function::Coalesce => coalesce(numbers),
        Function::Min => when(present, least(numbers)).end()?,
        _ => when(present, greatest(numbers)).end()?,
    })
}
