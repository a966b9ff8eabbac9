//! Rules that adjust for sampling, over spans of which some say that they were sampled.

use fluo_rules::rule::{AggregateFunction, Rule, Sampling};
use fluo_spans::span::Span;
use proptest::collection::vec;
use proptest::prelude::Strategy;
use proptest::sample::select;

use super::Case;

/// Trace states that say nothing of sampling, or what nobody can read, or one in one, two, four and eight.
const PLAIN: [&str; 9] = [
    "",
    "ot=th:0",
    "ot=th:8",
    "ot=th:c",
    "ot=th:E0",
    "v=th:8, ot=rv:1f;th:c0000",
    "ot=th:8x",
    "ot=p:8",
    "v=1",
];

/// One that is kept three times in four: a double holds no third of a span.
const THREE_IN_FOUR: &str = "ot=p:1;th:4";

/// The rules of other cases, as they adjust for sampling, over the same spans with trace states.
pub fn in_case(case: impl Strategy<Value = Case>) -> impl Strategy<Value = Case> {
    let states = PLAIN.into_iter().chain([THREE_IN_FOUR, THREE_IN_FOUR]).collect::<Vec<_>>();
    (case, vec(select(states), 1..6)).prop_map(|(case, states)| {
        // Where a third of a span decides about a rank, nothing is to be learnt.
        let of_percentiles = case.rule.aggregates.iter().any(|of| is_percentile(&of.function));
        let state = |span: &Span| {
            let at = usize::from(span.trace_id[0]) + usize::from(span.span_id[0]);
            let state = states[at % states.len()];
            if of_percentiles && state == THREE_IN_FOUR { "ot=th:8" } else { state }
        };
        let sampled = |span: Span| Span { trace_state: state(&span).to_owned(), ..span };
        let spans = case.spans.into_iter().map(sampled).collect();
        Case { rule: Rule { sampling: Sampling::Adjusted, ..case.rule }, spans, ..case }
    })
}

fn is_percentile(function: &AggregateFunction) -> bool {
    matches!(function, AggregateFunction::Percentile { .. })
}
