//! Tests how moments join into episodes, and what an episode says.

use fluo_rules::expr::{Arithmetic, Comparison, Expr, ExprKind};
use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::matcher::Value;
use fluo_rules::rule::{Aggregate, AggregateFunction, Rule, Selector, Subject};
use fluo_spans::span::{Span, Status};
use fluo_time::Nanos;

use super::build::{
    MINUTE_START, SECOND, aggregate, any_span, auth_failures, compare, duration, expr, failure, failures,
    field, float, int, more_than, named, violations, violations_in,
};
use crate::reference::{Episode, RefValue};
use crate::span::attributes;

fn bounds(episodes: &[Episode]) -> Vec<(i64, i64)> {
    episodes
        .iter()
        .map(|episode| (episode.starts_at - MINUTE_START, episode.ends_at - MINUTE_START))
        .collect()
}

#[test]
fn moments_at_most_a_gap_apart_are_one_episode() {
    let two =
        Rule { condition: super::build::condition(more_than(aggregate("count"), 1)), ..auth_failures() };
    let minute = 60 * SECOND;
    for (scenario, ends, expected) in [
        ("exactly a window apart", vec![0, 1, minute, minute + 1], vec![(1, minute + 1)]),
        ("a nanosecond more", vec![0, 1, minute + 2, minute + 3], vec![(1, 1), (minute + 3, minute + 3)]),
    ] {
        assert_eq!(bounds(&violations(&two, &failures(&ends))), expected, "{scenario}");
    }
}

#[test]
fn grid_moments_join_over_one_step() {
    // Not exact, and holds at the grid points 0, 20, 40 (first span) and 100 … (second span).
    let rule = Rule { every: Some(Nanos(20 * SECOND)), ..any_span(vec![], more_than(aggregate("count"), 0)) };
    let spans = [failure(1, 0), failure(2, 81 * SECOND)];
    let episodes = violations_in(&rule, &spans, Some(0), Some(200 * SECOND));
    assert_eq!(bounds(&episodes), [(0, 40 * SECOND), (100 * SECOND, 140 * SECOND)]);
}

#[test]
fn an_episode_is_ongoing_until_a_gap_has_passed() {
    let spans = failures(&[0, 1, 2, 3, 4, 5]);
    for (to, expected) in [(5, true), (5 + 60 * SECOND - 1, true), (5 + 60 * SECOND, false)] {
        assert_eq!(violations_in(&auth_failures(), &spans, None, Some(to))[0].ongoing, expected, "to {to}");
    }
}

#[test]
fn the_peak_is_where_the_first_comparison_exceeds_most() {
    let of = |kind, left, right| compare(kind, left, right);
    let count = || aggregate("count");
    // Counts 1, 2, 3, 2 at 0, 10, 20, 70 s.
    let spans = failures(&[0, 10 * SECOND, 20 * SECOND, 70 * SECOND]);
    for (scenario, condition, expected) in [
        ("greater", of(Comparison::Gt, count(), int(0)), 3),
        ("mirrored", of(Comparison::Lt, int(0), count()), 3),
        ("neither more nor less", of(Comparison::Ne, count(), int(0)), 1),
        (
            "only the first one",
            expr(ExprKind::And(
                Box::new(of(Comparison::Lt, count(), int(9))),
                Box::new(of(Comparison::Gt, count(), int(0))),
            )),
            1,
        ),
        (
            "a value beats none",
            expr(ExprKind::Or(
                Box::new(of(
                    Comparison::Gt,
                    ratio(
                        int(1),
                        expr(ExprKind::Arithmetic(Arithmetic::Subtract, Box::new(count()), Box::new(int(1)))),
                    ),
                    float(0.9),
                )),
                Box::new(of(Comparison::Gt, count(), int(0))),
            )),
            2,
        ),
    ] {
        let rule = Rule { every: Some(Nanos(10 * SECOND)), ..any_span(vec![], condition) };
        let episodes = violations_in(&rule, &spans, Some(0), Some(30 * SECOND));
        assert_eq!(episodes.len(), 1, "{scenario}");
        assert_eq!(episodes[0].values, [("count".to_owned(), RefValue::Int(1))], "{scenario}");
        assert_eq!(episodes[0].peak, [("count".to_owned(), RefValue::Int(expected))], "{scenario}");
    }
}

fn ratio(left: fluo_rules::expr::Expr, right: fluo_rules::expr::Expr) -> fluo_rules::expr::Expr {
    expr(ExprKind::Arithmetic(Arithmetic::Divide, Box::new(left), Box::new(right)))
}

#[test]
fn values_are_the_declared_aggregates_in_their_order() {
    let errors = Aggregate {
        filter: Some(compare(
            Comparison::Eq,
            field(Field::Intrinsic(Intrinsic::Status)),
            expr(ExprKind::Literal(Value::Text("error".to_owned()))),
        )),
        ..named("errors", AggregateFunction::Count)
    };
    let slowest = named("slowest", AggregateFunction::Max(field(Field::Intrinsic(Intrinsic::Duration))));
    let rule = any_span(vec![slowest, errors], more_than(aggregate("count"), 1));
    let ok = Span { status: Status::Ok, ..failure(2, 1) };
    let episodes = violations(&rule, &[failure(1, 0), ok]);
    assert_eq!(
        episodes[0].values,
        [("slowest".to_owned(), RefValue::Int(12_000_000)), ("errors".to_owned(), RefValue::Int(1))]
    );
}

fn took(id: u8, end_ns: i64, duration_ns: i64) -> Span {
    let span = failure(id, end_ns);
    Span { start_ns: span.end_ns - duration_ns, ..span }
}

fn slow_spans() -> Vec<Aggregate> {
    let is_slow = compare(Comparison::Gt, field(Field::Intrinsic(Intrinsic::Duration)), duration(1_000_000));
    vec![Aggregate { filter: Some(is_slow), ..named("slow", AggregateFunction::Count) }]
}

fn and(left: Expr, right: Expr) -> Expr {
    expr(ExprKind::And(Box::new(left), Box::new(right)))
}

fn ids(episode: &Episode) -> Vec<u8> {
    episode.evidence.iter().map(|(trace, ..)| trace[0]).collect()
}

#[test]
fn evidence_is_the_guilty_in_whatever_order_the_condition_is_written() {
    let spans: Vec<Span> =
        (1..=6).map(|id| took(id, i64::from(id), if id % 2 == 0 { 4_000_000 } else { 2_000 })).collect();
    let enough = || compare(Comparison::Gte, aggregate("count"), int(6));
    let too_slow = || compare(Comparison::Gt, ratio(aggregate("slow"), aggregate("count")), float(0.05));
    for condition in [and(enough(), too_slow()), and(too_slow(), enough())] {
        let rule = any_span(slow_spans(), condition);
        assert_eq!(ids(&violations_in(&rule, &spans, Some(0), Some(60 * SECOND))[0]), [6, 4, 2]);
    }
}

#[test]
fn evidence_of_a_bound_on_values_is_what_lies_beyond_it_the_worst_first() {
    let spans: Vec<Span> =
        [(1, 9), (2, 40), (3, 3), (4, 11), (5, 40)].map(|(id, ns)| took(id, i64::from(id), ns)).to_vec();
    let at_the_end = |function, operator, bound| {
        let rule = any_span(vec![named("x", function)], compare(operator, aggregate("x"), duration(bound)));
        let rule = Rule { every: Some(Nanos::SECOND), ..rule };
        ids(&violations_in(&rule, &spans, Some(0), Some(SECOND))[0])
    };
    let of = field(Field::Intrinsic(Intrinsic::Duration));
    let p80 = AggregateFunction::Percentile { of: of.clone(), p: 80.0 };
    assert_eq!(at_the_end(p80, Comparison::Gt, 10), [5, 2, 4], "of equals the newest first");
    assert_eq!(at_the_end(AggregateFunction::Avg(of.clone()), Comparison::Gt, 10), [5, 2, 4]);
    assert_eq!(at_the_end(AggregateFunction::Max(of.clone()), Comparison::Gte, 40), [5, 2]);
    assert_eq!(at_the_end(AggregateFunction::Min(of.clone()), Comparison::Lt, 10), [3, 1]);
    assert_eq!(at_the_end(AggregateFunction::Sum(of), Comparison::Gt, 10), [5, 2, 4, 1, 3]);
}

#[test]
fn evidence_has_a_span_of_each_trace_before_a_second_of_any() {
    let rule = Rule { evidence_limit: 4, ..any_span(vec![], more_than(aggregate("count"), 5)) };
    let in_trace = |id: u8, trace: u8| Span { trace_id: [trace; 16], ..failure(id, i64::from(id)) };
    let spans =
        [in_trace(1, 1), in_trace(2, 2), in_trace(3, 2), in_trace(4, 3), in_trace(5, 3), in_trace(6, 3)];
    let evidence = &violations(&rule, &spans)[0].evidence;
    let shown: Vec<u8> = evidence.iter().map(|(_, span, _)| span[0]).collect();
    assert_eq!(shown, [6, 3, 1, 5]);
}

#[test]
fn equals_are_the_newest_first_then_by_trace_and_span() {
    let rule = Rule { evidence_limit: 2, ..any_span(vec![], more_than(aggregate("count"), 2)) };
    let spans = [failure(1, 0), failure(3, 2), failure(2, 2)];
    assert_eq!(ids(&violations(&rule, &spans)[0]), [3, 2]);
}

#[test]
fn evidence_is_of_what_the_rule_selects() {
    let rule = Rule { evidence_limit: 100, ..auth_failures() };
    let mut spans = failures(&[0, 1, 2, 3, 4, 5]);
    spans.push(Span { name: "other".to_owned(), attributes: attributes(&[]), ..failure(8, 3) });
    assert_eq!(violations(&rule, &spans)[0].evidence.len(), 6);
    let everything = Rule { subject: Subject::Spans(Selector::All(vec![])), ..rule };
    // Now the sixth span is the one at 4 ns.
    assert_eq!(bounds(&violations(&everything, &spans)), [(4, 5)]);
}
