//! Tests where windows begin and end, and what counts once.

use fluo_rules::expr::{Comparison, Expr};
use fluo_rules::rule::{Aggregate, AggregateFunction, Rule};
use fluo_time::Nanos;

use super::build::{
    MINUTE_START, SECOND, aggregate, any_span, auth_failures, compare, failure, failures, int, moments_in,
    span_attribute, value_of, violations, violations_in, with,
};
use crate::reference::RefValue;

#[test]
fn six_failures_in_a_minute_violate_wherever_the_minute_begins() {
    let ten = 10 * SECOND;
    for (scenario, ends, expected) in [
        ("six across a clock minute", [30, 40, 50, 60, 70, 80].map(|second| second * SECOND).to_vec(), 1),
        ("six within 59.999999999 s", vec![0, ten, 2 * ten, 3 * ten, 4 * ten, 60 * SECOND - 1], 1),
        ("six within exactly 60 s", vec![0, ten, 2 * ten, 3 * ten, 4 * ten, 60 * SECOND], 0),
        ("five", vec![0, ten, 2 * ten, 3 * ten, 4 * ten], 0),
        ("six at one moment", vec![0; 6], 1),
        ("none", vec![], 0),
    ] {
        let episodes = violations(&auth_failures(), &failures(&ends));
        assert_eq!(episodes.len(), expected, "{scenario}");
        if let Some(episode) = episodes.first() {
            let last = MINUTE_START + ends[5];
            assert_eq!((episode.starts_at, episode.ends_at), (last, last), "{scenario}");
            assert_eq!(episode.values, [("count".to_owned(), RefValue::Int(6))], "{scenario}");
            assert_eq!(episode.evidence.len(), 6, "{scenario}");
        }
    }
}

#[test]
fn a_copy_of_a_span_counts_once_and_only_if_it_is_one() {
    let five = failures(&[0, SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND]);
    for (scenario, sixth, expected) in [
        ("the same bytes again", failure(5, 4 * SECOND), 0),
        (
            "the same ids and end, another value",
            with(
                5,
                4 * SECOND,
                &[("error.type", "AuthenticationError"), ("http.response.status_code", "401")],
            ),
            0,
        ),
        ("another trace", failure(6, 4 * SECOND), 1),
        ("the same ids, another end", failure(5, 5 * SECOND), 1),
    ] {
        let mut spans = five.clone();
        spans.push(sixth);
        assert_eq!(violations(&auth_failures(), &spans).len(), expected, "{scenario}");
        spans.reverse();
        assert_eq!(violations(&auth_failures(), &spans).len(), expected, "{scenario}, in another order");
    }
}

#[test]
fn of_copies_that_differ_the_one_with_the_smaller_hash_counts() {
    // Here the hash is the first attribute's value.
    let copies = [with(1, 0, &[("n", "2")]), with(1, 0, &[("n", "1")]), with(1, 0, &[("n", "3")])];
    let sum = AggregateFunction::Sum(Expr::field(span_attribute("n")));
    for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
        let spans = order.map(|at| copies[at].clone());
        assert_eq!(value_of(sum.clone(), &spans), RefValue::Float(1.0), "{order:?}");
    }
}

#[test]
fn only_matching_copies_compete() {
    // The copy that does not match hashes smaller; the matching one counts all the same.
    let mut spans = failures(&[0, 1, 2, 3, 4, 5]);
    spans.push(with(6, 5, &[("a", "")]));
    assert_eq!(violations(&auth_failures(), &spans).len(), 1);
}

#[test]
fn grid_windows_take_their_end_and_leave_their_beginning() {
    let one = |every| Rule {
        every: Some(every),
        ..any_span(vec![Aggregate::implied_count()], compare(Comparison::Eq, aggregate("count"), int(1)))
    };
    let spans = [failure(1, 0), failure(2, 600 * SECOND)];
    // The second span marks the end of the data; the first is in every window from its end on, for a minute.
    let moments = |every| moments_in(&one(every), &spans, Some(-90 * SECOND), Some(599 * SECOND));
    assert_eq!(moments(Nanos(20 * SECOND)), [0, 20 * SECOND, 40 * SECOND]);
    assert_eq!(moments(Nanos(60 * SECOND)), [0]);
    let late = [failure(1, 1)];
    let moments = moments_in(&one(Nanos(60 * SECOND)), &late, Some(-90 * SECOND), Some(599 * SECOND));
    assert_eq!(moments, [60 * SECOND]);
}

#[test]
fn silence_before_the_data_is_not_judged_and_silence_within_is() {
    let silent =
        any_span(vec![Aggregate::implied_count()], compare(Comparison::Lt, aggregate("count"), int(1)));
    let spans = [failure(1, 30 * SECOND), failure(2, 200 * SECOND)];
    for (scenario, from, to, expected) in [
        // The first window that the data covers is judged at 90 s or later: at 120 s it is empty.
        ("by default", None, None, vec![120 * SECOND, 180 * SECOND]),
        ("from before the data", Some(0), None, vec![0, 120 * SECOND, 180 * SECOND]),
        ("to after the data", None, Some(300 * SECOND), vec![120 * SECOND, 180 * SECOND, 300 * SECOND]),
        ("ends included", Some(120 * SECOND), Some(180 * SECOND), vec![120 * SECOND, 180 * SECOND]),
        ("nothing between", Some(121 * SECOND), Some(179 * SECOND), vec![]),
        ("backwards", Some(180 * SECOND), Some(120 * SECOND), vec![]),
    ] {
        assert_eq!(moments_in(&silent, &spans, from, to), expected, "{scenario}");
    }
    assert_eq!(moments_in(&silent, &[], None, None), [0_i64; 0], "no data and no range");
    assert_eq!(moments_in(&silent, &[], Some(0), Some(60 * SECOND)), [0, 60 * SECOND], "no data in a range");
}

#[test]
fn an_exact_window_reaches_back_before_the_judged_range() {
    let spans = failures(&[0, 1, 2, 3, 4, 5]);
    assert_eq!(violations_in(&auth_failures(), &spans, Some(5), None).len(), 1);
    assert_eq!(violations_in(&auth_failures(), &spans, Some(6), None).len(), 0);
    assert_eq!(violations_in(&auth_failures(), &spans, None, Some(4)).len(), 0);
}

#[test]
fn the_grid_lies_at_multiples_since_the_epoch_also_before_it() {
    let silent = Rule {
        every: Some(Nanos(20 * SECOND)),
        ..any_span(vec![Aggregate::implied_count()], compare(Comparison::Lt, aggregate("count"), int(1)))
    };
    let before_the_epoch = -MINUTE_START - 30 * SECOND;
    let moments = moments_in(&silent, &[], Some(before_the_epoch), Some(before_the_epoch + 35 * SECOND));
    assert_eq!(moments, [-MINUTE_START - 20 * SECOND, -MINUTE_START]);
}
