//! Aggregates.

use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::rule::{Aggregate, AggregateFunction};
use fluo_time::Nanos;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;

use super::expressions::filter;
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

/// Any aggregate function.
fn function() -> impl Strategy<Value = AggregateFunction> {
    let numeric = || prop_oneof![2 => numeric_attribute(), 1 => Just(Field::Intrinsic(Intrinsic::Duration))];
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
