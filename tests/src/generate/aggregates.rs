//! Aggregates.

use fluo_rules::expr::{Arithmetic, Expr, ExprKind};
use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::matcher::{Number, Value};
use fluo_rules::rule::{Aggregate, AggregateFunction};
use fluo_time::Nanos;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;

use super::expressions::{filter, literal, of};
use super::vocabulary::{group_field, numeric_attribute};

/// Names of declared aggregates, in their order. `count` stands in the middle, so that it is declared sometimes and
/// implied otherwise.
const NAMES: [&str; 4] = ["a", "count", "b", "c"];

/// Up to four aggregates, each of any function and with a `where` now and then; `count` is a count.
pub fn aggregates() -> impl Strategy<Value = Vec<Aggregate>> {
    vec(option::weighted(0.6, (function(), option::weighted(0.3, filter()))), NAMES.len()).prop_map(
        |declared| {
            NAMES
                .iter()
                .zip(declared)
                .filter_map(|(name, declared)| {
                    let (function, filter) = declared?;
                    let function =
                        if *name == Aggregate::COUNT { AggregateFunction::Count } else { function };
                    Some(Aggregate { name: (*name).to_owned(), function, filter })
                })
                .collect()
        },
    )
}

/// A number or a duration of each span.
fn computed() -> impl Strategy<Value = Expr> {
    let arithmetic = |operator, left: Expr, right: Expr| {
        of(ExprKind::Arithmetic(operator, Box::new(left), Box::new(right)))
    };
    let factor =
        select(vec![0.5, 2.0, -1.0, 0.0]).prop_map(|factor| literal(Value::Number(Number::Float(factor))));
    let duration = || Expr::field(Field::Intrinsic(Intrinsic::Duration));
    prop_oneof![
        (super::expressions::arithmetic(), numeric_attribute(), numeric_attribute()).prop_map(
            move |(operator, left, right)| arithmetic(operator, Expr::field(left), Expr::field(right))
        ),
        (select(vec![Arithmetic::Multiply, Arithmetic::Divide]), factor)
            .prop_map(move |(operator, factor)| arithmetic(operator, duration(), factor)),
        super::expressions::duration().prop_map(move |other| arithmetic(
            Arithmetic::Subtract,
            duration(),
            literal(other)
        )),
    ]
}

/// Any aggregate function.
fn function() -> impl Strategy<Value = AggregateFunction> {
    let field = || prop_oneof![2 => numeric_attribute(), 1 => Just(Field::Intrinsic(Intrinsic::Duration))];
    let numeric = || prop_oneof![4 => field().prop_map(Expr::field), 1 => computed()];
    let distinct = prop_oneof![3 => group_field(), 1 => Just(Field::Intrinsic(Intrinsic::Duration))];
    // 55 % of 20 values is where `0.55 * 20.0` is a little above 11.
    let percent = select(vec![0.1, 50.0, 55.0, 90.0, 99.0, 99.9, 100.0]);
    prop_oneof![
        2 => Just(AggregateFunction::Count),
        2 => distinct.prop_map(AggregateFunction::CountDistinct),
        2 => numeric().prop_map(AggregateFunction::Sum),
        1 => numeric().prop_map(AggregateFunction::Avg),
        1 => numeric().prop_map(AggregateFunction::Stddev),
        2 => numeric().prop_map(AggregateFunction::Min),
        2 => numeric().prop_map(AggregateFunction::Max),
        2 => (numeric(), percent).prop_map(|(of, p)| AggregateFunction::Percentile { of, p }),
        1 => select(vec![Nanos::SECOND, Nanos::MINUTE]).prop_map(|per| AggregateFunction::Rate { per }),
    ]
}
