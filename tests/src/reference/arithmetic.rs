//! Arithmetic of expressions: numbers are `f64`; durations are whole nanoseconds as long as they are only added
//! up, and `f64` nanoseconds once they are multiplied or divided. What is not finite is no value.

use fluo_rules::expr::{Arithmetic, Function};

use super::datum::Datum;
use super::number::Number;

/// `-operand`
pub(super) fn negate(operand: &Datum) -> Option<Datum> {
    match operand {
        Datum::Duration(Number::Int(nanos)) => Some(Datum::Duration(Number::Int(nanos.checked_neg()?))),
        Datum::Duration(nanos) => Number::finite(-nanos.as_f64()).map(Datum::Duration),
        _ => Number::finite(-operand.number()?.as_f64()).map(Datum::Number),
    }
}

/// `left operator right`
pub(super) fn apply(operator: Arithmetic, left: &Datum, right: &Datum) -> Option<Datum> {
    match (left, right) {
        (Datum::Duration(Number::Int(left)), Datum::Duration(Number::Int(right)))
            if matches!(operator, Arithmetic::Add | Arithmetic::Subtract) =>
        {
            let sum = match operator {
                Arithmetic::Add => left.checked_add(*right)?,
                _ => left.checked_sub(*right)?,
            };
            Some(Datum::Duration(Number::Int(sum)))
        }
        _ => {
            let result = Number::finite(in_floats(operator, magnitude(left)?, magnitude(right)?))?;
            let durations = [left, right].iter().filter(|side| matches!(side, Datum::Duration(_))).count();
            // One duration in a product, quotient or sum makes a duration; two in a quotient cancel out.
            let cancels = operator == Arithmetic::Divide && durations == 2;
            Some(if durations > 0 && !cancels { Datum::Duration(result) } else { Datum::Number(result) })
        }
    }
}

fn in_floats(operator: Arithmetic, left: f64, right: f64) -> f64 {
    match operator {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
    }
}

/// `abs`, `floor`, `ceil`, `round`
pub(super) fn round(function: Function, operand: &Datum) -> Option<Datum> {
    if let Datum::Duration(Number::Int(nanos)) = operand {
        let nanos = if function == Function::Abs { nanos.checked_abs()? } else { *nanos };
        return Some(Datum::Duration(Number::Int(nanos)));
    }
    let float = magnitude(operand)?;
    let result = Number::finite(match function {
        Function::Abs => float.abs(),
        Function::Floor => float.floor(),
        Function::Ceil => float.ceil(),
        _ => float.round(),
    })?;
    Some(if matches!(operand, Datum::Duration(_)) { Datum::Duration(result) } else { Datum::Number(result) })
}

/// `min`, `max`: the earliest argument that no other beats. Among numbers an attribute is its number.
pub(super) fn extreme(function: Function, operands: &[Datum]) -> Option<Datum> {
    let mut best: Option<Datum> = None;
    for operand in operands {
        let operand = match operand {
            Datum::Duration(_) => operand.clone(),
            _ => Datum::Number(operand.number()?),
        };
        best = match best {
            None => Some(operand),
            Some(best) => {
                let ordering = operand.compare(&best)?;
                let better = if function == Function::Min { ordering.is_lt() } else { ordering.is_gt() };
                Some(if better { operand } else { best })
            }
        };
    }
    best
}

/// The number, or the duration's nanoseconds.
fn magnitude(operand: &Datum) -> Option<f64> {
    match operand {
        Datum::Duration(nanos) => Some(nanos.as_f64()),
        _ => operand.number().map(Number::as_f64),
    }
}
