//! Writing expressions down, so that generated ones have a text, and every node its place in it.
//!
//! Everything is in parentheses that could be: what is written here must parse to the same tree.

use std::fmt::Write as _;

use fluo_rules::expr::{
    Arithmetic, Comparison, EarlierCall, EarlierFunction, Expr, ExprKind, Function, Total,
};
use fluo_rules::matcher::{Number, Value};

/// The expression's text, and the expression with every node's place in it.
pub fn written(expr: &Expr) -> (String, Expr) {
    let mut text = String::new();
    let placed = write(&mut text, expr);
    (text, placed)
}

fn write(text: &mut String, expr: &Expr) -> Expr {
    let start = text.len();
    let kind = match &expr.kind {
        ExprKind::Literal(value) => {
            write_value(text, value);
            ExprKind::Literal(value.clone())
        }
        ExprKind::Field(field) => {
            text.push_str(&field.to_string());
            ExprKind::Field(field.clone())
        }
        ExprKind::Aggregate(name) => {
            text.push_str(name);
            ExprKind::Aggregate(name.clone())
        }
        ExprKind::Limit(limit) => {
            text.push_str(&limit.name);
            ExprKind::Limit(limit.clone())
        }
        ExprKind::Not(inner) => {
            text.push_str("not ");
            ExprKind::Not(in_parentheses(text, inner))
        }
        ExprKind::Negate(inner) => {
            text.push('-');
            ExprKind::Negate(in_parentheses(text, inner))
        }
        ExprKind::And(left, right) => {
            let (left, right) = infix(text, left, "and", right);
            ExprKind::And(left, right)
        }
        ExprKind::Or(left, right) => {
            let (left, right) = infix(text, left, "or", right);
            ExprKind::Or(left, right)
        }
        ExprKind::Compare(operator, left, right) => {
            let (left, right) = infix(text, left, comparison(*operator), right);
            ExprKind::Compare(*operator, left, right)
        }
        ExprKind::Arithmetic(operator, left, right) => {
            let (left, right) = infix(text, left, arithmetic(*operator), right);
            ExprKind::Arithmetic(*operator, left, right)
        }
        ExprKind::Regex { item, pattern, negated } => {
            let item = in_parentheses(text, item);
            text.push_str(if *negated { " !~ " } else { " =~ " });
            text.push_str(&quoted(pattern));
            ExprKind::Regex { item, pattern: pattern.clone(), negated: *negated }
        }
        ExprKind::In(item, values) => {
            let item = in_parentheses(text, item);
            text.push_str(" in [");
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    text.push_str(", ");
                }
                write_value(text, value);
            }
            text.push(']');
            ExprKind::In(item, values.clone())
        }
        ExprKind::Between(item, low, high) => {
            text.push_str("between(");
            let item = Box::new(write(text, item));
            text.push_str(", ");
            let low = Box::new(write(text, low));
            text.push_str(", ");
            let high = Box::new(write(text, high));
            text.push(')');
            ExprKind::Between(item, low, high)
        }
        ExprKind::Earlier(call) => ExprKind::Earlier(Box::new(write_earlier(text, call))),
        ExprKind::Call(function, arguments) => {
            text.push_str(name(*function));
            text.push('(');
            let mut placed = Vec::new();
            for argument in arguments {
                if !placed.is_empty() {
                    text.push_str(", ");
                }
                placed.push(write(text, argument));
            }
            text.push(')');
            ExprKind::Call(*function, placed)
        }
    };
    Expr { kind, at: start..text.len() }
}

fn write_earlier(text: &mut String, call: &EarlierCall) -> EarlierCall {
    let mut of = |name: &str, of: &Expr, rest: &[String]| {
        text.push_str(name);
        text.push('(');
        let placed = Box::new(write(text, of));
        for argument in rest {
            text.push_str(", ");
            text.push_str(argument);
        }
        text.push(')');
        placed
    };
    EarlierCall::new(match &call.function {
        EarlierFunction::Previous { of: inner, windows } => {
            EarlierFunction::Previous { of: of("previous", inner, &[windows.to_string()]), windows: *windows }
        }
        EarlierFunction::Over { total, of: inner, past } => {
            let name = match total {
                Total::Avg => "avg_over",
                Total::Min => "min_over",
                Total::Max => "max_over",
                Total::Sum => "sum_over",
                Total::Stddev => "stddev_over",
                Total::Median => "median_over",
            };
            EarlierFunction::Over { total: *total, of: of(name, inner, &[past.to_string()]), past: *past }
        }
        EarlierFunction::Offset { of: inner, by } => {
            EarlierFunction::Offset { of: of("offset", inner, &[by.to_string()]), by: *by }
        }
        EarlierFunction::ZScore { of: inner, past } => {
            EarlierFunction::ZScore { of: of("zscore", inner, &[past.to_string()]), past: *past }
        }
        EarlierFunction::PredictLinear { of: inner, past, ahead } => EarlierFunction::PredictLinear {
            of: of("predict_linear", inner, &[past.to_string(), ahead.to_string()]),
            past: *past,
            ahead: *ahead,
        },
        EarlierFunction::IsNew => {
            text.push_str("is_new()");
            EarlierFunction::IsNew
        }
        EarlierFunction::Absent { past } => {
            let _ = write!(text, "absent({past})");
            EarlierFunction::Absent { past: *past }
        }
        // It is no text that could be read.
        burn @ EarlierFunction::Burn { .. } => burn.clone(),
    })
}

fn infix(text: &mut String, left: &Expr, operator: &str, right: &Expr) -> (Box<Expr>, Box<Expr>) {
    let left = in_parentheses(text, left);
    text.push(' ');
    text.push_str(operator);
    text.push(' ');
    (left, in_parentheses(text, right))
}

/// Names, constants and calls need no parentheses.
#[expect(clippy::unnecessary_box_returns, reason = "a node's children are boxes")]
fn in_parentheses(text: &mut String, expr: &Expr) -> Box<Expr> {
    let bare = matches!(
        expr.kind,
        ExprKind::Literal(_)
            | ExprKind::Field(_)
            | ExprKind::Aggregate(_)
            | ExprKind::Limit(_)
            | ExprKind::Call(..)
            | ExprKind::Earlier(_)
            | ExprKind::Between(..)
    );
    if bare {
        return Box::new(write(text, expr));
    }
    text.push('(');
    let placed = write(text, expr);
    text.push(')');
    Box::new(placed)
}

fn write_value(text: &mut String, value: &Value) {
    text.push_str(&constant(value));
}

fn constant(value: &Value) -> String {
    match value {
        Value::Text(word) => quoted(word),
        Value::Number(Number::Int(int)) => int.to_string(),
        Value::Number(Number::Float(float)) => format!("{float:?}"),
        Value::Bool(bool) => bool.to_string(),
        Value::Duration(nanos) => nanos.to_string(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn comparison(operator: Comparison) -> &'static str {
    match operator {
        Comparison::Eq => "=",
        Comparison::Ne => "!=",
        Comparison::Lt => "<",
        Comparison::Lte => "<=",
        Comparison::Gt => ">",
        Comparison::Gte => ">=",
    }
}

fn arithmetic(operator: Arithmetic) -> &'static str {
    match operator {
        Arithmetic::Add => "+",
        Arithmetic::Subtract => "-",
        Arithmetic::Multiply => "*",
        Arithmetic::Divide => "/",
    }
}

fn name(function: Function) -> &'static str {
    match function {
        Function::Abs => "abs",
        Function::Floor => "floor",
        Function::Ceil => "ceil",
        Function::Round => "round",
        Function::Min => "min",
        Function::Max => "max",
        Function::Coalesce => "coalesce",
        Function::Lower => "lower",
        Function::Upper => "upper",
        Function::Contains => "contains",
        Function::StartsWith => "starts_with",
        Function::EndsWith => "ends_with",
        Function::Length => "length",
    }
}
