//! Conditions that hold always, or never, whatever spans there are: `errors / count > 5`, `count < 0`.
//!
//! Every expression has a lowest and a highest value that it can take: a count is never below 0, and a count of some of
//! the spans is at most that of all. A comparison of values that do not overlap is decided.

use super::Report;
use crate::condition::Written;
use crate::diagnostic::{Code, Hint};
use crate::expr::{
    Arithmetic, Comparison, EarlierCall, EarlierFunction, Expr, ExprKind, Function, Total, Type, type_of,
};
use crate::matcher::Value;
use crate::rule::{Aggregate, AggregateFunction};
use crate::yaml::Entry;

/// Reports a condition that is decided, and warns of its parts that are.
pub(super) fn check(report: &mut Report, entry: &Entry, condition: &Written, aggregates: &[Aggregate]) {
    let reader = Reader { text: &condition.text, aggregates };
    let mut told = Vec::new();
    reader.shares(&condition.expr, &mut told);
    if told.is_empty() {
        let whole = reader.truth(&condition.expr);
        let code = if whole.is_some() { Code::ConstantCondition } else { Code::ConstantPart };
        reader.decided(&condition.expr, whole, code, &mut told);
    }
    for Told { code, at, message, hint } in told {
        report.within(code, &entry.value, &condition.text, &at, message).hint = hint.map(Hint::from);
    }
}

/// Something to say of a part of the condition.
struct Told {
    code: Code,
    at: std::ops::Range<usize>,
    message: String,
    hint: Option<String>,
}

/// The lowest and the highest value; nanoseconds of durations.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bounds {
    low: f64,
    high: f64,
}

const ANY: Bounds = Bounds { low: f64::NEG_INFINITY, high: f64::INFINITY };
const NOT_NEGATIVE: Bounds = Bounds { low: 0.0, high: f64::INFINITY };

struct Reader<'a> {
    text: &'a str,
    aggregates: &'a [Aggregate],
}

impl Reader<'_> {
    /// Returns whether it holds whatever the spans are, or never; none where it depends on them.
    fn truth(&self, expr: &Expr) -> Option<bool> {
        match &expr.kind {
            ExprKind::Literal(Value::Bool(value)) => Some(*value),
            ExprKind::Not(inner) => self.truth(inner).map(|truth| !truth),
            ExprKind::And(left, right) => match (self.truth(left), self.truth(right)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            ExprKind::Or(left, right) => match (self.truth(left), self.truth(right)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            ExprKind::Compare(comparison, left, right) => {
                let truth = compared(*comparison, self.bounds(left), self.bounds(right));
                // What is made of earlier windows may have no value, and then it does not hold.
                let may_lack = || !left.earlier().is_empty() || !right.earlier().is_empty();
                truth.filter(|truth| !truth || !may_lack())
            }
            ExprKind::Between(item, low, high) => {
                let (item, low, high) = (self.bounds(item), self.bounds(low), self.bounds(high));
                let above = compared(Comparison::Gte, item, low)?;
                let below = compared(Comparison::Lte, item, high)?;
                Some(above && below)
            }
            _ => None,
        }
    }

    /// Tells of the comparisons that are decided; of a condition that is decided as a whole, the first that decides.
    fn decided(&self, expr: &Expr, whole: Option<bool>, code: Code, told: &mut Vec<Told>) {
        if whole.is_some() && !told.is_empty() {
            return;
        }
        match (&expr.kind, self.truth(expr)) {
            (ExprKind::Compare(comparison, left, right), Some(truth)) => {
                told.push(self.comparison(expr, *comparison, (left, right), truth, code));
            }
            (ExprKind::Between(item, ..), Some(truth)) => {
                let message = format!("{}, so that this {}", self.range(item), when(truth));
                told.push(Told { code, at: expr.at.clone(), message, hint: None });
            }
            _ => expr.children().into_iter().for_each(|child| self.decided(child, whole, code, told)),
        }
    }

    fn comparison(
        &self,
        expr: &Expr,
        comparison: Comparison,
        (left, right): (&Expr, &Expr),
        truth: bool,
        code: Code,
    ) -> Told {
        let (varying, constant) = if is_constant(left) { (right, left) } else { (left, right) };
        let message = format!("{}, so that this {}", self.range(varying), when(truth));
        let bounds = self.bounds(varying);
        let is_count = matches!(&varying.kind, ExprKind::Aggregate(name) if self.counts(name).is_some());
        let hint = match (&constant.kind, truth) {
            (ExprKind::Literal(Value::Number(number)), false) if bounds.high <= 1.0 => {
                let number = number.as_f64();
                let is_percent = self.text.get(constant.at.clone()).is_some_and(|text| text.ends_with('%'));
                Some(match (is_percent, number <= 100.0) {
                    (false, true) => format!("in percent it is `{number}%`, which is {}", number / 100.0),
                    _ => "the whole is 1, or `100%`".to_owned(),
                })
            }
            (_, false) if is_count && matches!(comparison, Comparison::Lt | Comparison::Lte) => {
                Some(format!("that there is none is `{varying} = 0`"))
            }
            (_, true) if is_count => Some(format!("that there is one is `{varying} > 0`")),
            _ => None,
        };
        Told { code, at: expr.at.clone(), message, hint }
    }

    /// `errors / count` is never below 0 and never above 1
    fn range(&self, expr: &Expr) -> String {
        let Bounds { low, high } = self.bounds(expr);
        match (low.is_finite(), high.is_finite()) {
            (true, true) => format!("`{expr}` is never below {low} and never above {high}"),
            (true, false) => format!("`{expr}` is never below {low}"),
            _ => format!("`{expr}` is never above {high}"),
        }
    }

    /// Tells of a number of spans that is compared with a percentage.
    fn shares(&self, expr: &Expr, told: &mut Vec<Told>) {
        if let ExprKind::Compare(_, left, right) = &expr.kind {
            let (counted, share) = if is_constant(left) { (right, left) } else { (left, right) };
            let written = self.text.get(share.at.clone()).filter(|text| text.ends_with('%'));
            if let (ExprKind::Aggregate(name), Some(written)) = (&counted.kind, written)
                && self.counts(name).is_some()
            {
                let hint = if name == Aggregate::COUNT {
                    format!(
                        "write `errors / count > {written}`, with `errors: {{count: {{where: …}}}}` under `aggregation`"
                    )
                } else {
                    format!("write `{name} / count > {written}`")
                };
                told.push(Told {
                    code: Code::NotAsWritten,
                    at: expr.at.clone(),
                    message: format!("`{name}` is a number of spans, and `{written}` a part of one"),
                    hint: Some(hint),
                });
                return;
            }
        }
        expr.children().into_iter().for_each(|child| self.shares(child, told));
    }

    /// Of an aggregate that counts spans or values of them, whether it counts all spans.
    fn counts(&self, name: &str) -> Option<bool> {
        let Some(aggregate) = self.aggregates.iter().find(|aggregate| aggregate.name == name) else {
            return (name == Aggregate::COUNT).then_some(true);
        };
        match aggregate.function {
            AggregateFunction::Count => Some(aggregate.filter.is_none()),
            AggregateFunction::CountDistinct(_) => Some(false),
            _ => None,
        }
    }

    fn bounds(&self, expr: &Expr) -> Bounds {
        match &expr.kind {
            ExprKind::Literal(Value::Number(number)) => exactly(number.as_f64()),
            #[expect(clippy::cast_precision_loss, reason = "bounds are compared, not computed with")]
            ExprKind::Literal(Value::Duration(nanos)) => exactly(nanos.0 as f64),
            ExprKind::Aggregate(name) => self.aggregate(name),
            ExprKind::Negate(inner) => {
                let Bounds { low, high } = self.bounds(inner);
                Bounds { low: -high, high: -low }
            }
            ExprKind::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right),
            ExprKind::Call(function, arguments) => self.call(*function, arguments),
            ExprKind::Earlier(call) => self.earlier(call),
            _ => ANY,
        }
    }

    fn aggregate(&self, name: &str) -> Bounds {
        let is_duration =
            |of: &Expr| matches!(of.kind, ExprKind::Field(_)) && type_of(of, &[]) == Type::Duration;
        match self.aggregates.iter().find(|aggregate| aggregate.name == name).map(|it| &it.function) {
            None
            | Some(
                AggregateFunction::Count
                | AggregateFunction::CountDistinct(_)
                | AggregateFunction::Rate { .. }
                | AggregateFunction::Stddev(_),
            ) => NOT_NEGATIVE,
            Some(AggregateFunction::Column(_)) => ANY,
            Some(
                AggregateFunction::Sum(of)
                | AggregateFunction::Avg(of)
                | AggregateFunction::Min(of)
                | AggregateFunction::Max(of)
                | AggregateFunction::Percentile { of, .. },
            ) => {
                if is_duration(of) {
                    NOT_NEGATIVE
                } else {
                    ANY
                }
            }
        }
    }

    fn arithmetic(&self, operator: Arithmetic, left: &Expr, right: &Expr) -> Bounds {
        if operator == Arithmetic::Divide
            && let (ExprKind::Aggregate(part), ExprKind::Aggregate(whole)) = (&left.kind, &right.kind)
            && self.counts(part).is_some()
            && self.counts(whole) == Some(true)
        {
            return Bounds { low: 0.0, high: 1.0 };
        }
        let (left, right) = (self.bounds(left), self.bounds(right));
        match operator {
            Arithmetic::Add => hull([left.low + right.low, left.high + right.high]),
            Arithmetic::Subtract => hull([left.low - right.high, left.high - right.low]),
            Arithmetic::Multiply => hull([
                left.low * right.low,
                left.low * right.high,
                left.high * right.low,
                left.high * right.high,
            ]),
            // Division by zero has no value; by what may have either sign, any.
            Arithmetic::Divide if right.low > 0.0 => hull([
                left.low / right.low,
                left.low / right.high,
                left.high / right.low,
                left.high / right.high,
            ]),
            Arithmetic::Divide if right.low == 0.0 && left.low >= 0.0 => NOT_NEGATIVE,
            Arithmetic::Divide => ANY,
        }
    }

    /// Of a value that is made of earlier windows.
    fn earlier(&self, call: &EarlierCall) -> Bounds {
        use EarlierFunction::{Absent, Burn, IsNew, Offset, Over, PredictLinear, Previous, ZScore};
        match &call.function {
            Over { total: Total::Stddev, .. } => NOT_NEGATIVE,
            Over { total: Total::Sum, of, .. } if self.bounds(of).low >= 0.0 => NOT_NEGATIVE,
            Over { total: Total::Sum, .. } | ZScore { .. } | PredictLinear { .. } | Burn { .. } => ANY,
            Previous { of, .. } | Over { of, .. } | Offset { of, .. } => self.bounds(of),
            IsNew | Absent { .. } => Bounds { low: 0.0, high: 1.0 },
        }
    }

    fn call(&self, function: Function, arguments: &[Expr]) -> Bounds {
        let bounds: Vec<Bounds> = arguments.iter().map(|argument| self.bounds(argument)).collect();
        let lowest = bounds.iter().map(|bounds| bounds.low).fold(f64::INFINITY, f64::min);
        let highest = bounds.iter().map(|bounds| bounds.high).fold(f64::NEG_INFINITY, f64::max);
        match function {
            Function::Abs => Bounds { low: lowest.max(0.0), high: highest.max(-lowest) },
            Function::Floor => hull([lowest.floor(), highest.floor()]),
            Function::Ceil => hull([lowest.ceil(), highest.ceil()]),
            Function::Round => hull([lowest.round(), highest.round()]),
            Function::Min => Bounds {
                low: lowest,
                high: bounds.iter().map(|bounds| bounds.high).fold(f64::INFINITY, f64::min),
            },
            Function::Max => Bounds {
                low: bounds.iter().map(|bounds| bounds.low).fold(f64::NEG_INFINITY, f64::max),
                high: highest,
            },
            Function::Coalesce => hull([lowest, highest]),
            Function::Length => NOT_NEGATIVE,
            _ => ANY,
        }
    }
}

fn exactly(value: f64) -> Bounds {
    Bounds { low: value, high: value }
}

/// From the lowest to the highest of these; anything where one is no number (∞ − ∞, 0 × ∞).
fn hull<const N: usize>(values: [f64; N]) -> Bounds {
    if values.iter().any(|value| value.is_nan()) {
        return ANY;
    }
    Bounds {
        low: values.iter().copied().fold(f64::INFINITY, f64::min),
        high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    }
}

/// The comparison's outcome, where it is the same for all values within these bounds.
fn compared(comparison: Comparison, left: Bounds, right: Bounds) -> Option<bool> {
    let decided = |always: bool, never: bool| if always { Some(true) } else { never.then_some(false) };
    match comparison {
        Comparison::Gt => decided(left.low > right.high, left.high <= right.low),
        Comparison::Gte => decided(left.low >= right.high, left.high < right.low),
        Comparison::Lt | Comparison::Lte => compared(comparison.mirrored(), right, left),
        Comparison::Eq => {
            // Two points, and the same one.
            let is_point = left.low >= left.high && left == right;
            decided(is_point, left.high < right.low || right.high < left.low)
        }
        Comparison::Ne => compared(Comparison::Eq, left, right).map(|equal| !equal),
    }
}

fn is_constant(expr: &Expr) -> bool {
    !matches!(expr.kind, ExprKind::Aggregate(_) | ExprKind::Limit(_) | ExprKind::Earlier(_))
        && expr.children().into_iter().all(is_constant)
}

fn when(truth: bool) -> &'static str {
    if truth { "always holds" } else { "never holds" }
}

#[cfg(test)]
mod tests;
