//! A condition over given values of its aggregates, in doubles: for the texts that people read, and for choosing the
//! spans that they are shown.
//!
//! Whether a condition *holds* is judged by the plan, which compares integers as integers.

use super::tree::{Arithmetic, Comparison, Expr, ExprKind, Function};
use crate::matcher::{Number, Value};

/// The value of each aggregate by its name; none where it has none.
pub type Values<'a> = &'a dyn Fn(&str) -> Option<f64>;

impl Expr {
    /// The names of the aggregates that it uses, each once, in the order of the text.
    pub fn aggregates(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.collect_aggregates(&mut names);
        names
    }

    fn collect_aggregates<'a>(&'a self, names: &mut Vec<&'a str>) {
        if let ExprKind::Aggregate(name) = &self.kind
            && !names.contains(&name.as_str())
        {
            names.push(name);
        }
        for child in self.children() {
            child.collect_aggregates(names);
        }
    }

    /// The number that it is; durations are nanoseconds. None where something in it has no value.
    pub fn number(&self, values: Values<'_>) -> Option<f64> {
        let number = match &self.kind {
            ExprKind::Literal(value) => constant(value),
            ExprKind::Aggregate(name) => values(name),
            ExprKind::Negate(inner) => inner.number(values).map(|number| -number),
            ExprKind::Arithmetic(operator, left, right) => {
                let (left, right) = (left.number(values)?, right.number(values)?);
                match operator {
                    Arithmetic::Add => Some(left + right),
                    Arithmetic::Subtract => Some(left - right),
                    Arithmetic::Multiply => Some(left * right),
                    Arithmetic::Divide => (right != 0.0).then(|| left / right),
                }
            }
            ExprKind::Call(Function::Coalesce, arguments) => {
                arguments.iter().find_map(|argument| argument.number(values))
            }
            ExprKind::Call(function, arguments) => {
                let numbers: Option<Vec<f64>> =
                    arguments.iter().map(|argument| argument.number(values)).collect();
                call(*function, &numbers?)
            }
            _ => None,
        };
        number.filter(|number| number.is_finite())
    }

    /// Returns whether it is true. A comparison with no value is false.
    pub fn holds(&self, values: Values<'_>) -> bool {
        match &self.kind {
            ExprKind::Literal(Value::Bool(value)) => *value,
            ExprKind::Not(inner) => !inner.holds(values),
            ExprKind::And(left, right) => left.holds(values) && right.holds(values),
            ExprKind::Or(left, right) => left.holds(values) || right.holds(values),
            ExprKind::Compare(operator, left, right) => {
                let sides = left.number(values).zip(right.number(values));
                sides.is_some_and(|(left, right)| operator.holds(left, right))
            }
            ExprKind::In(item, constants) => item
                .number(values)
                .is_some_and(|item| constants.iter().any(|value| constant(value) == Some(item))),
            ExprKind::Between(item, low, high) => {
                let Some(item) = item.number(values) else { return false };
                low.number(values).is_some_and(|low| item >= low)
                    && high.number(values).is_some_and(|high| item <= high)
            }
            _ => false,
        }
    }
}

impl Comparison {
    /// Returns whether it holds between two numbers.
    #[expect(clippy::float_cmp, reason = "equality is what is asked for")]
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ne => left != right,
            Self::Lt => left < right,
            Self::Lte => left <= right,
            Self::Gt => left > right,
            Self::Gte => left >= right,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "in doubles")]
fn constant(value: &Value) -> Option<f64> {
    match value {
        Value::Number(Number::Int(int)) => Some(*int as f64),
        Value::Number(Number::Float(float)) => Some(*float),
        Value::Duration(nanos) => Some(nanos.0 as f64),
        Value::Text(_) | Value::Bool(_) => None,
    }
}

fn call(function: Function, numbers: &[f64]) -> Option<f64> {
    let first = *numbers.first()?;
    match function {
        Function::Abs => Some(first.abs()),
        Function::Floor => Some(first.floor()),
        Function::Ceil => Some(first.ceil()),
        Function::Round => Some(first.round()),
        Function::Min => Some(numbers.iter().copied().fold(first, f64::min)),
        Function::Max => Some(numbers.iter().copied().fold(first, f64::max)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Context, parse};
    use crate::rule::{Aggregate, AggregateFunction};

    fn condition(text: &str) -> super::Expr {
        let declared = ["errors", "total", "none"].map(|name| Aggregate {
            name: name.to_owned(),
            function: AggregateFunction::Count,
            filter: None,
        });
        parse(text, Context::Condition { aggregates: &declared }).unwrap()
    }

    fn value(name: &str) -> Option<f64> {
        match name {
            "errors" => Some(271.0),
            "total" => Some(600.0),
            "count" => Some(0.0),
            _ => None,
        }
    }

    #[test]
    fn conditions_hold_as_they_are_judged() {
        for (text, expected) in [
            ("errors / total > 45%", true),
            ("errors / count > 0", false),
            ("not (errors / count > 0)", true),
            ("none < 5 or errors in [270, 271]", true),
            ("between(errors, 0, 270)", false),
            ("coalesce(none, errors) - max(total, 1) = -329", true),
            ("min(errors, none) > 0", false),
            ("-errors <= -271 and round(errors / total) = 0", true),
        ] {
            assert_eq!(condition(text).holds(&value), expected, "{text}");
        }
    }

    #[test]
    fn aggregates_stand_once_in_the_order_of_the_text() {
        assert_eq!(
            condition("total > 3 and errors / total > none").aggregates(),
            ["total", "errors", "none"]
        );
    }
}
