//! Conditions as expressions of SQL over the aggregates of a window.

use arrow::datatypes::DataType;
use datafusion::functions::math::expr_fn as math;
use datafusion::logical_expr::{Expr, cast, ident, lit};
use fluo_rules::expr::{Comparison, Expr as RuleExpr, ExprKind, Function};
use fluo_rules::limits::Limits;
use fluo_rules::matcher::{Number, Value};

use super::aggregates::Planned;
use crate::error::PlanError;
use crate::form::Form;
use crate::operators::{arithmetic, binary, binary_of_numbers, literal, negated, one_of};

/// A condition over the columns of `aggregates`.
pub(crate) struct Conditions<'a> {
    pub(crate) aggregates: &'a [Planned],
    /// Of a rule that has some: a column each.
    pub(crate) limits: Option<&'a Limits>,
    pub(crate) form: Form,
}

impl Conditions<'_> {
    /// Returns a boolean expression that says whether the condition holds. It is never null.
    pub(crate) fn holds(&self, expr: &RuleExpr) -> Result<Expr, PlanError> {
        Ok(match &expr.kind {
            ExprKind::And(left, right) => self.holds(left)?.and(self.holds(right)?),
            ExprKind::Or(left, right) => self.holds(left)?.or(self.holds(right)?),
            ExprKind::Not(inner) => Expr::Not(Box::new(self.holds(inner)?)),
            ExprKind::Literal(Value::Bool(value)) => lit(*value),
            ExprKind::Compare(op, left, right) => self.compare(*op, left, right)?,
            ExprKind::Between(item, low, high) => {
                self.compare(Comparison::Gte, item, low)?.and(self.compare(Comparison::Lte, item, high)?)
            }
            ExprKind::In(item, values) => {
                let equal = |value: &Value| {
                    let value = RuleExpr { kind: ExprKind::Literal(value.clone()), at: 0..0 };
                    self.compared(Comparison::Eq, item, &value)
                };
                let equals = values.iter().map(equal).collect::<Result<Vec<_>, _>>()?;
                let any = equals.into_iter().reduce(Expr::or);
                Expr::IsTrue(Box::new(any.unwrap_or_else(|| lit(false))))
            }
            other => return Err(PlanError::Misplaced(format!("{other:?}"))),
        })
    }

    fn compare(&self, op: Comparison, left: &RuleExpr, right: &RuleExpr) -> Result<Expr, PlanError> {
        Ok(Expr::IsTrue(Box::new(self.compared(op, left, right)?)))
    }

    /// The same, null where a side has no value.
    fn compared(&self, op: Comparison, left: &RuleExpr, right: &RuleExpr) -> Result<Expr, PlanError> {
        Ok(if self.is_integer(left) && self.is_integer(right) {
            binary(self.plain(left)?, op, self.plain(right)?)
        } else {
            binary_of_numbers(&self.numeric(left)?, op, &self.numeric(right)?)
        })
    }

    /// Returns whether an operand is an integer without a conversion. Two such operands are compared as integers, all
    /// others as `f64`.
    fn is_integer(&self, expr: &RuleExpr) -> bool {
        match &expr.kind {
            ExprKind::Literal(Value::Number(Number::Int(_)) | Value::Duration(_)) => true,
            ExprKind::Aggregate(name) => {
                self.aggregates.iter().any(|planned| planned.aggregate.name == *name && planned.is_integer())
            }
            ExprKind::Limit(limit) => self
                .limits
                .and_then(|limits| Some(limits.is_whole(limits.place(&limit.name)?)))
                .unwrap_or_default(),
            ExprKind::Call(Function::Coalesce | Function::Min | Function::Max, items) => {
                items.iter().all(|item| self.is_integer(item))
            }
            _ => false,
        }
    }

    /// An aggregate, a limit, a constant, or one of some of them, in its own type.
    fn plain(&self, expr: &RuleExpr) -> Result<Expr, PlanError> {
        match &expr.kind {
            ExprKind::Aggregate(name) => self.column(name),
            ExprKind::Limit(limit) => Ok(ident(&limit.name)),
            ExprKind::Literal(value) => Ok(literal(value)),
            ExprKind::Call(function, items) if self.is_integer(expr) => {
                let items = items.iter().map(|item| self.plain(item)).collect::<Result<Vec<_>, _>>()?;
                one_of(*function, items)
            }
            _ => self.numeric(expr),
        }
    }

    fn column(&self, name: &str) -> Result<Expr, PlanError> {
        let planned = self.aggregates.iter().find(|planned| planned.aggregate.name == name);
        planned.map(|planned| ident(&planned.output)).ok_or_else(|| PlanError::Misplaced(name.to_owned()))
    }

    /// As `f64`.
    fn numeric(&self, expr: &RuleExpr) -> Result<Expr, PlanError> {
        Ok(match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Aggregate(_) | ExprKind::Limit(_) => {
                cast(self.plain(expr)?, DataType::Float64)
            }
            ExprKind::Negate(inner) => negated(self.numeric(inner)?),
            ExprKind::Arithmetic(op, left, right) => {
                arithmetic(self.form, *op, self.numeric(left)?, self.numeric(right)?)?
            }
            ExprKind::Call(function, items) => {
                let numbers = items.iter().map(|item| self.numeric(item)).collect::<Result<Vec<_>, _>>()?;
                match (function, numbers.first().cloned()) {
                    (Function::Abs, Some(number)) => math::abs(number),
                    (Function::Floor, Some(number)) => math::floor(number),
                    (Function::Ceil, Some(number)) => math::ceil(number),
                    (Function::Round, Some(number)) => math::round(vec![number]),
                    (Function::Coalesce | Function::Min | Function::Max, _) => one_of(*function, numbers)?,
                    _ => return Err(PlanError::Misplaced(format!("{function:?}"))),
                }
            }
            other => return Err(PlanError::Misplaced(format!("{other:?}"))),
        })
    }
}
