//! A condition over given values of its aggregates.
//!
//! A moment is judged by exact values: two whole numbers are compared as such. The texts that people read, and the choice
//! of the spans that they are shown, are content with doubles.

use std::cmp::Ordering;

use super::tree::{Arithmetic, Comparison, Expr, ExprKind, Function};
use crate::matcher::{Number, Value};

/// The value of each aggregate, of each limit, and of each call of a function over earlier windows, by its name; none where it
/// has none.
pub type Values<'a> = &'a dyn Fn(&str) -> Option<f64>;

/// The same, exactly.
pub type ExactValues<'a> = &'a dyn Fn(&str) -> Option<Exact>;

/// A number as it is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Exact {
    /// A whole number: a count, or nanoseconds.
    Int(i128),
    /// Any other.
    Float(f64),
}

impl Exact {
    /// The nearest double.
    #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Float(float) => float,
        }
    }
}

impl Expr {
    /// The names of the aggregates that it uses, those of earlier windows too, each once, in the order of the text.
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

    /// The names of the values that it is made of: aggregates of the present window, and calls of functions over earlier
    /// ones; each once, in the order of the text.
    pub fn values_named(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.collect_values(&mut names);
        names
    }

    fn collect_values<'a>(&'a self, names: &mut Vec<&'a str>) {
        let name = match &self.kind {
            ExprKind::Aggregate(name) => name,
            ExprKind::Earlier(call) => &call.name,
            _ => return self.children().into_iter().for_each(|child| child.collect_values(names)),
        };
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }

    /// The number that it is; durations are nanoseconds. None where something in it has no value.
    pub fn number(&self, values: Values<'_>) -> Option<f64> {
        let number = match &self.kind {
            ExprKind::Literal(value) => constant(value),
            ExprKind::Aggregate(name) => values(name),
            ExprKind::Limit(limit) => values(&limit.name),
            ExprKind::Earlier(call) => values(&call.name),
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
        self.holds_exactly(&|name| values(name).map(Exact::Float))
    }

    /// Returns whether it is true, where two whole numbers are compared as such. A comparison with no value is false.
    pub fn holds_exactly(&self, values: ExactValues<'_>) -> bool {
        let compare = |operator: Comparison, left: &Self, right: &Self| {
            left.exact(values)
                .zip(right.exact(values))
                .is_some_and(|(left, right)| left.holds(operator, right))
        };
        match &self.kind {
            ExprKind::Literal(Value::Bool(value)) => *value,
            ExprKind::Not(inner) => !inner.holds_exactly(values),
            ExprKind::And(left, right) => left.holds_exactly(values) && right.holds_exactly(values),
            ExprKind::Or(left, right) => left.holds_exactly(values) || right.holds_exactly(values),
            ExprKind::Compare(operator, left, right) => compare(*operator, left, right),
            ExprKind::In(item, constants) => item.exact(values).is_some_and(|item| {
                constants.iter().filter_map(exact_constant).any(|value| item.holds(Comparison::Eq, value))
            }),
            ExprKind::Earlier(call) => values(&call.name).is_some_and(|truth| truth.as_f64() != 0.0),
            ExprKind::Between(item, low, high) => {
                compare(Comparison::Gte, item, low) && compare(Comparison::Lte, item, high)
            }
            _ => false,
        }
    }

    /// Returns whether arithmetic in it leads beyond the finite numbers, so that it has no value though its parts have one.
    pub fn overflows(&self, values: ExactValues<'_>) -> bool {
        let number = |side: &Self| side.exact(values).map(Exact::as_f64);
        let own = match &self.kind {
            ExprKind::Arithmetic(operator, left, right) => {
                let is_quotient = *operator == Arithmetic::Divide;
                let are_there = number(left).zip(number(right)).filter(|(_, by)| !is_quotient || *by != 0.0);
                are_there.is_some() && number(self).is_none()
            }
            _ => false,
        };
        own || self.children().into_iter().any(|child| child.overflows(values))
    }

    /// By how much the first comparison exceeds its bound; 0 where that is no matter of more and less. `None` where a
    /// side has no value.
    pub fn excess(&self, values: ExactValues<'_>) -> Option<f64> {
        let Some(ExprKind::Compare(operator, left, right)) = self.first_comparison().map(|expr| &expr.kind)
        else {
            return Some(0.0);
        };
        let number = |side: &Self| side.exact(values).map(Exact::as_f64);
        match operator {
            Comparison::Gt | Comparison::Gte => Some(number(left)? - number(right)?),
            Comparison::Lt | Comparison::Lte => Some(number(right)? - number(left)?),
            Comparison::Eq | Comparison::Ne => Some(0.0),
        }
    }

    /// The leftmost comparison; `between` and `in` are comparisons, without direction, as is what is true by itself.
    fn first_comparison(&self) -> Option<&Self> {
        match &self.kind {
            ExprKind::Compare(..) | ExprKind::Between(..) | ExprKind::In(..) | ExprKind::Earlier(_) => {
                Some(self)
            }
            ExprKind::Not(inner) => inner.first_comparison(),
            ExprKind::And(left, right) | ExprKind::Or(left, right) => {
                left.first_comparison().or_else(|| right.first_comparison())
            }
            _ => None,
        }
    }

    /// The number that it is: whole where it stands for a whole number by itself, or for one of some, without arithmetic.
    fn exact(&self, values: ExactValues<'_>) -> Option<Exact> {
        match &self.kind {
            ExprKind::Literal(value) => exact_constant(value),
            ExprKind::Aggregate(name) => values(name),
            ExprKind::Limit(limit) => values(&limit.name),
            ExprKind::Earlier(call) => values(&call.name),
            ExprKind::Call(Function::Coalesce, arguments) => {
                arguments.iter().find_map(|argument| argument.exact(values))
            }
            ExprKind::Call(function @ (Function::Min | Function::Max), arguments) => {
                let better = if *function == Function::Min { Comparison::Lt } else { Comparison::Gt };
                let mut numbers = arguments.iter().map(|argument| argument.exact(values));
                let first = numbers.next()??;
                numbers.try_fold(first, |best, number| {
                    let number = number?;
                    Some(if number.holds(better, best) { number } else { best })
                })
            }
            _ => self.number(&|name| values(name).map(Exact::as_f64)).map(Exact::Float),
        }
    }
}

impl Exact {
    /// Returns whether a comparison holds between it and another: of two whole numbers as such, else of doubles.
    fn holds(self, operator: Comparison, other: Self) -> bool {
        match (self, other) {
            (Self::Int(own), Self::Int(other)) => operator.of(own.cmp(&other)),
            (own, other) => operator.holds(own.as_f64(), other.as_f64()),
        }
    }
}

impl Comparison {
    /// Returns whether it holds between two values of this order.
    fn of(self, order: Ordering) -> bool {
        match self {
            Self::Eq => order.is_eq(),
            Self::Ne => order.is_ne(),
            Self::Lt => order.is_lt(),
            Self::Lte => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::Gte => order.is_ge(),
        }
    }

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
        // As what a function over earlier windows is, which is true or false.
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::Text(_) => None,
    }
}

/// The same, whole where it is.
fn exact_constant(value: &Value) -> Option<Exact> {
    match value {
        Value::Number(Number::Int(int)) => Some(Exact::Int((*int).into())),
        Value::Duration(nanos) => Some(Exact::Int(nanos.0.into())),
        value => constant(value).map(Exact::Float),
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
    use super::Exact;
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
    fn what_leads_beyond_all_numbers_is_told_from_what_is_not_there() {
        let value = |name: &str| value(name).map(Exact::Float);
        for (text, expected) in [
            ("errors * 1e308 > 5", true),
            ("errors > 5 and not (total / 1e-308 < 3)", true),
            ("errors * 1e305 > 5", false),
            ("errors / count > 0", false),
            ("none * 1e308 > 0", false),
        ] {
            assert_eq!(condition(text).overflows(&value), expected, "{text}");
        }
    }

    #[test]
    fn whole_numbers_are_compared_exactly() {
        // Above 2⁵³ doubles are too coarse.
        let large = 9_007_199_254_740_993;
        let value = |name: &str| (name == "count").then_some(Exact::Int(large));
        for (text, expected) in [
            ("count > 9007199254740992", true),
            ("count = 9007199254740993", true),
            ("count * 1 > 9007199254740992", false),
            ("between(count, 9007199254740994, 9007199254740995)", false),
            ("count in [9007199254740992, 9007199254740994]", false),
            ("count in [1, 9007199254740993]", true),
            ("coalesce(none, count) > 9007199254740992", true),
            ("max(count, 9007199254740992) = 9007199254740993", true),
            ("min(count, 9007199254740994) = 9007199254740993", true),
            ("max(count, none) > 0", false),
            ("coalesce(count, 1) * 1 > 9007199254740992", false),
        ] {
            assert_eq!(condition(text).holds_exactly(&value), expected, "{text}");
        }
    }

    #[test]
    fn the_excess_is_that_of_the_first_comparison() {
        let value = |name: &str| value(name).map(Exact::Float);
        for (text, expected) in [
            ("errors > 5 and total > 3", Some(266.0)),
            ("not (100 > errors)", Some(-171.0)),
            ("none < 5 or errors > 1", None),
            ("errors = 5", Some(0.0)),
        ] {
            assert_eq!(condition(text).excess(&value), expected, "{text}");
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
