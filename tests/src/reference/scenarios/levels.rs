//! Levels of a condition, and what goes on until what ends it holds.

use fluo_rules::condition::{Condition, Level, Written};
use fluo_rules::expr::{Comparison, Expr};
use fluo_rules::field::{Field, Intrinsic};
use fluo_rules::rule::{AggregateFunction, Rule, Severity};
use fluo_spans::span::Span;
use fluo_time::Nanos;

use super::build::{
    SECOND, aggregate, any_span, compare, duration, failure, failures, int, moments_in, more_than, named,
    violations_in,
};
use crate::reference::{Episode, RefValue, is_exact};

fn written(expr: Expr) -> Written {
    Written { text: "written by hand".to_owned(), expr }
}

fn fewer_than(bound: i64) -> Expr {
    compare(Comparison::Lt, aggregate("count"), int(bound))
}

/// More than two spans begin a violation; what ends it is given.
fn ended_by(end: Expr) -> Rule {
    let rule = any_span(vec![], more_than(aggregate("count"), 2));
    Rule { condition: Condition { resolve: Some(written(end)), ..rule.condition.clone() }, ..rule }
}

fn seconds(seconds: &[i64]) -> Vec<i64> {
    seconds.iter().map(|second| second * SECOND).collect()
}

/// The moments in seconds, over spans that end at these.
fn moments(rule: &Rule, ends: &[i64]) -> Vec<i64> {
    let found = moments_in(rule, &failures(&seconds(ends)), Some(0), Some(600 * SECOND));
    found.into_iter().map(|moment| moment / SECOND).collect()
}

#[test]
fn of_an_exact_rule_what_held_goes_on_until_an_instant_at_which_what_ends_it_holds() {
    let rule = ended_by(fewer_than(2));
    assert!(is_exact(&rule));
    for (scenario, ends, expected) in [
        ("two begin nothing", vec![0, 1], vec![]),
        ("two go on what three began", vec![0, 1, 2, 61], vec![2, 61]),
        // At 62 s the span of 2 s leaves.
        ("one leaves in the instant in which another comes", vec![0, 1, 2, 61, 62], vec![2, 61, 62]),
        ("for a second one is alone", vec![0, 1, 2, 61, 63], vec![2, 61]),
        ("over, and two begin nothing", vec![0, 1, 2, 61, 63, 122], vec![2, 61]),
        ("over, and three begin again", vec![0, 1, 2, 61, 63, 64], vec![2, 61, 64]),
        ("nothing for a window", vec![0, 1, 2, 63, 64], vec![2]),
    ] {
        assert_eq!(moments(&rule, &ends), expected, "{scenario}");
    }
}

#[test]
fn on_a_grid_what_ends_it_is_asked_at_the_moments_of_the_grid() {
    let rule = Rule { every: Some(Nanos(30 * SECOND)), ..ended_by(fewer_than(1)) };
    // Counts at 0, 30, 60 … s: 1, 3, 2, 0.
    assert_eq!(moments(&rule, &[0, 10, 20]), [30, 60]);
    // One span is enough to go on with: counts 1, 3, 2, 1, 1, 1, 0.
    assert_eq!(moments(&rule, &[0, 10, 20, 90, 120]), [30, 60, 90, 120, 150]);
    // A group is gone where it has no span, and what held of it does not go on.
    let grouped = Rule {
        group_by: vec![super::build::group_key("name", Field::Intrinsic(Intrinsic::Name))],
        ..ended_by(fewer_than(-1))
    };
    let grouped = Rule { every: Some(Nanos(30 * SECOND)), ..grouped };
    assert_eq!(moments(&grouped, &[0, 10, 20, 130]), [30, 60]);
    let one_group = Rule { group_by: vec![], ..grouped };
    assert_eq!(moments(&one_group, &[0, 10, 20, 130])[..5], [30, 60, 90, 120, 150]);
}

#[test]
fn where_both_hold_the_condition_goes_first() {
    let rule = ended_by(fewer_than(100));
    assert_eq!(moments(&rule, &[0, 1, 2, 3, 50]), [2, 3, 50]);
}

fn levels(exprs: Vec<Expr>) -> Rule {
    let rule = any_span(vec![], more_than(aggregate("count"), 2));
    let mut levels = exprs
        .into_iter()
        .zip(Severity::ALL)
        .map(|(expr, severity)| Level { severity: Some(severity), condition: written(expr) });
    let lowest = levels.next().unwrap();
    let condition =
        Condition { text: String::new(), lowest, higher: levels.collect(), shows: Vec::new(), resolve: None };
    Rule { condition, ..rule }
}

fn bad(episodes: &[Episode]) -> Vec<(Option<Severity>, Option<Severity>)> {
    episodes.iter().map(|episode| (episode.worst, episode.severity)).collect()
}

#[test]
fn a_violation_is_as_bad_as_the_highest_level_that_holds() {
    let count = || aggregate("count");
    let rule = levels(vec![more_than(count(), 1), more_than(count(), 4), more_than(count(), 2)]);
    let spans = failures(&seconds(&[0, 1, 2, 61]));
    // Counts 1, 2, 3, and 2 at 61 s.
    let episodes = violations_in(&rule, &spans, Some(0), Some(600 * SECOND));
    assert_eq!(bad(&episodes), [(Some(Severity::Critical), Some(Severity::Info))]);
    assert_eq!(episodes[0].peak, [("count".to_owned(), RefValue::Int(3))]);
    assert_eq!(
        bad(&violations_in(&rule, &spans[..2], None, None)),
        [(Some(Severity::Info), Some(Severity::Info))]
    );
}

#[test]
fn the_peak_is_at_the_worst_level_whatever_the_others_exceed_by() {
    let took = |id: u8, end: i64, nanos: i64| {
        let span = failure(id, end);
        Span { start_ns: span.end_ns - nanos, ..span }
    };
    let slowest = || aggregate("slowest");
    let max = AggregateFunction::Max(Expr::field(Field::Intrinsic(Intrinsic::Duration)));
    let rule = Rule {
        aggregates: vec![named("slowest", max)],
        ..levels(vec![more_than(aggregate("count"), 0), compare(Comparison::Gt, slowest(), duration(5))])
    };
    let spans = [took(1, 0, 1), took(2, 1, 7), took(3, 2, 7), took(4, 61 * SECOND + 1, 2)];
    let episodes = violations_in(&rule, &spans, None, None);
    assert_eq!(bad(&episodes)[0], (Some(Severity::Warning), Some(Severity::Warning)));
    assert_eq!(episodes[0].peak, [("slowest".to_owned(), RefValue::Int(7))]);
    assert_eq!(episodes[0].evidence.len(), 1, "of the level that holds at first");
}

#[test]
fn what_only_goes_on_is_as_bad_as_the_lowest_level() {
    let count = || aggregate("count");
    let rule = levels(vec![more_than(count(), 3), more_than(count(), 4)]);
    let end = Some(written(fewer_than(1)));
    let rule = Rule { condition: Condition { resolve: end, ..rule.condition.clone() }, ..rule };
    let spans = failures(&seconds(&[0, 1, 2, 3, 4, 62]));
    let episodes = violations_in(&rule, &spans, Some(0), Some(600 * SECOND));
    assert_eq!(bad(&episodes), [(Some(Severity::Warning), Some(Severity::Info))]);
    assert_eq!(episodes[0].latest, [("count".to_owned(), RefValue::Int(3))]);
}

#[test]
fn a_rule_is_exact_where_each_level_and_what_ends_it_are() {
    let count = || aggregate("count");
    assert!(is_exact(&levels(vec![more_than(count(), 3), more_than(count(), 4)])));
    assert!(!is_exact(&levels(vec![more_than(count(), 3), fewer_than(4)])));
    let slow = |end| {
        let max = AggregateFunction::Max(Expr::field(Field::Intrinsic(Intrinsic::Duration)));
        Rule { aggregates: vec![named("slowest", max)], ..ended_by(end) }
    };
    assert!(is_exact(&slow(compare(Comparison::Gte, int(2), count()))));
    assert!(!is_exact(&slow(more_than(count(), 2))));
    // What has no value yet may get one.
    assert!(!is_exact(&slow(compare(Comparison::Lt, aggregate("slowest"), duration(5)))));
}
