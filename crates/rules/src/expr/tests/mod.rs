//! Tests of the expression language as a whole: text in, tree or problems out.

mod limits;
mod problems;
mod roundtrip;
mod trees;

use fluo_time::Nanos;

use super::{Arithmetic, Comparison, Context, EarlierFunction, Expr, ExprKind, parse};
use crate::field::{Field, Intrinsic};
use crate::rule::{Aggregate, AggregateFunction};

/// The aggregates that conditions in these tests may name, beside `count`.
fn aggregates() -> Vec<Aggregate> {
    let duration = || Expr::field(Field::Intrinsic(Intrinsic::Duration));
    let amount = || Field::attribute(crate::field::Scope::Span, "amount");
    [
        ("errors", AggregateFunction::Count),
        ("total", AggregateFunction::Count),
        ("users", AggregateFunction::CountDistinct(amount())),
        ("rps", AggregateFunction::Rate { per: Nanos::SECOND }),
        ("p99", AggregateFunction::Percentile { of: duration(), p: 99.0 }),
        ("slowest", AggregateFunction::Max(duration())),
        ("busy", AggregateFunction::Sum(duration())),
        ("amount", AggregateFunction::Avg(Expr::field(amount()))),
    ]
    .map(|(name, function)| Aggregate { name: name.to_owned(), function, filter: None })
    .into()
}

fn parse_where(text: &str) -> Expr {
    parse(text, Context::Where).unwrap_or_else(|problems| panic!("{text}: {problems:#?}"))
}

fn parse_condition(text: &str) -> Expr {
    let aggregates = aggregates();
    parse(text, Context::Condition { aggregates: &aggregates })
        .unwrap_or_else(|problems| panic!("{text}: {problems:#?}"))
}

/// The tree as an s-expression, written without the printer that is under test elsewhere.
fn dump(expr: &Expr) -> String {
    let list = |head: &str, items: &[&Expr]| {
        let items: Vec<_> = items.iter().map(|item| dump(item)).collect();
        format!("({head} {})", items.join(" "))
    };
    match &expr.kind {
        ExprKind::Literal(value) => {
            format!("{value:?}").replace("Number(Int(", "Int((").replace("Number(Float(", "Float((")
        }
        ExprKind::Field(Field::Intrinsic(intrinsic)) => format!("{intrinsic:?}"),
        ExprKind::Field(Field::Attribute { scope, key }) => format!("{scope:?}<{key}>"),
        ExprKind::Field(Field::Parent(field)) => format!("^{}", dump(&Expr::field((**field).clone()))),
        ExprKind::Aggregate(name) => format!("${name}"),
        ExprKind::Limit(limit) => format!("%{}", limit.name),
        ExprKind::Not(operand) => list("not", &[operand]),
        ExprKind::And(left, right) => list("and", &[left, right]),
        ExprKind::Or(left, right) => list("or", &[left, right]),
        ExprKind::Compare(comparison, left, right) => {
            let head = match comparison {
                Comparison::Eq => "=",
                Comparison::Ne => "!=",
                Comparison::Lt => "<",
                Comparison::Lte => "<=",
                Comparison::Gt => ">",
                Comparison::Gte => ">=",
            };
            list(head, &[left, right])
        }
        ExprKind::Regex { item, pattern, negated } => {
            format!("({} {} /{pattern}/)", if *negated { "!~" } else { "=~" }, dump(item))
        }
        ExprKind::In(item, values) => format!("(in {} {values:?})", dump(item)),
        ExprKind::Between(item, low, high) => list("between", &[item, low, high]),
        ExprKind::Negate(operand) => list("neg", &[operand]),
        ExprKind::Arithmetic(operator, left, right) => {
            let head = match operator {
                Arithmetic::Add => "+",
                Arithmetic::Subtract => "-",
                Arithmetic::Multiply => "*",
                Arithmetic::Divide => "/",
            };
            list(head, &[left, right])
        }
        ExprKind::Earlier(call) => {
            let of: Vec<&Expr> = call.of().into_iter().collect();
            let function = &call.function;
            let head = match function {
                EarlierFunction::Previous { windows, .. } => format!("previous {windows}"),
                EarlierFunction::Over { total, past, .. } => format!("{total:?} {past}"),
                EarlierFunction::Offset { by, .. } => format!("offset {by}"),
                EarlierFunction::ZScore { past, .. } => format!("zscore {past}"),
                EarlierFunction::PredictLinear { past, ahead, .. } => format!("predict {past} {ahead}"),
                EarlierFunction::IsNew => "new".to_owned(),
                EarlierFunction::Absent { past } => format!("absent {past}"),
                EarlierFunction::Burn { value, .. } => value.to_string(),
            };
            list(&head, &of)
        }
        ExprKind::Call(function, arguments) => {
            list(&format!("{function:?}"), &arguments.iter().collect::<Vec<_>>())
        }
    }
}
