//! Rules about traces, live: whatever arrives when, a trace is told once, and rightly.

use fluo_spans::span::Span;

use crate::support::{MINUTE, NOON, SECOND, UNCHECKED, World, files, good, minute, step};

/// Rule and event of what is told, evaluation by evaluation.
async fn told(spans_of_minutes: Vec<Vec<Span>>) -> Vec<(i64, Vec<String>)> {
    told_by(UNCHECKED, spans_of_minutes).await
}

async fn told_by(rules: &str, spans_of_minutes: Vec<Vec<Span>>) -> Vec<(i64, Vec<String>)> {
    let rules = files(&[("rules.yml", rules)]);
    let mut world = World::in_memory().with_sinks(&["mail"]);
    world.minute(0, good("shop", NOON - MINUTE, 2), &rules).await;
    let mut told = Vec::new();
    for (at, spans) in (1..).zip(spans_of_minutes) {
        let more = good("shop", minute(at - 1), 2);
        world.minute(at, [spans, more].concat(), &rules).await;
        let news: Vec<String> = world.news();
        if !news.is_empty() {
            told.push((at, news));
        }
    }
    told
}

fn at(minutes: i64, seconds: i64) -> i64 {
    minute(minutes) + seconds * SECOND
}

fn minutes(spans: Vec<(usize, Vec<Span>)>, last: usize) -> Vec<Vec<Span>> {
    let mut all = vec![Vec::new(); last];
    for (at, spans) in spans {
        all[at - 1] = spans;
    }
    all
}

#[tokio::test]
async fn a_quiet_trace_is_told_at_the_watermark_and_over_after_its_window() {
    let spans = vec![step(1, "pay", Some("root"), at(0, 20)), step(1, "root", None, at(0, 21))];
    let told = told(minutes(vec![(1, spans)], 6)).await;
    assert_eq!(told[0], (2, vec!["firing unchecked".to_owned()]), "{told:?}");
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1].1, ["resolved unchecked"], "{told:?}");
}

#[tokio::test]
async fn what_no_later_span_can_mend_is_told_at_once() {
    let spans = vec![step(1, "pay", Some("root"), at(0, 55)), step(1, "bypass", Some("root"), at(0, 56))];
    let told = told(minutes(vec![(1, spans)], 3)).await;
    assert_eq!(told[0], (1, vec!["firing unchecked".to_owned()]), "{told:?}");
}

#[tokio::test]
async fn a_trace_in_three_files_is_judged_once_it_is_all_there() {
    // The check ends within what is waited for, and the root comes last.
    let good = told(minutes(
        vec![
            (1, vec![step(1, "pay", Some("root"), at(0, 50))]),
            (2, vec![step(1, "check", Some("pay"), at(1, 15))]),
            (3, vec![step(1, "root", None, at(1, 16))]),
        ],
        20,
    ))
    .await;
    assert_eq!(good, [], "it is checked");
    let bad = told(minutes(
        vec![
            (1, vec![step(1, "pay", Some("root"), at(0, 50))]),
            (2, vec![step(1, "other", Some("pay"), at(1, 15))]),
            (3, vec![step(1, "root", None, at(1, 16))]),
        ],
        20,
    ))
    .await;
    assert_eq!(bad[0].1, ["firing unchecked"], "{bad:?}");
    assert_eq!(bad.len(), 2, "{bad:?}");
}

#[tokio::test]
async fn a_late_span_takes_back_what_was_told() {
    let spans = vec![step(1, "pay", Some("root"), at(0, 20)), step(1, "root", None, at(0, 21))];
    let late = vec![step(1, "check", Some("root"), at(0, 10))];
    let told = told(minutes(vec![(1, spans), (8, late)], 12)).await;
    let events: Vec<&str> = told.iter().flat_map(|(_, news)| news.iter().map(String::as_str)).collect();
    assert_eq!(events, ["firing unchecked", "resolved unchecked", "withdrawn unchecked"], "{told:?}");
    assert_eq!(told[2].0, 8, "{told:?}");
}

#[tokio::test]
async fn a_trace_without_a_root_is_judged_when_it_has_lasted_long_enough() {
    let told = told(minutes(vec![(1, vec![step(1, "pay", Some("gone"), at(0, 20))])], 22)).await;
    assert_eq!(told[0], (17, vec!["firing unchecked".to_owned()]), "{told:?}");
    assert_eq!(told[1].1, ["resolved unchecked"], "{told:?}");
}

#[tokio::test]
async fn a_trace_that_goes_on_after_it_was_told_is_not_told_again() {
    let first = vec![step(1, "pay", Some("root"), at(0, 20)), step(1, "root", None, at(0, 21))];
    let more = |minute: i64, name: &str| vec![step(1, name, Some("root"), at(minute, 30))];
    let told =
        told(minutes(vec![(1, first), (4, more(3, "mail")), (6, more(5, "ship")), (9, more(8, "bill"))], 20))
            .await;
    let events: Vec<&str> = told.iter().flat_map(|(_, news)| news.iter().map(String::as_str)).collect();
    assert_eq!(events, ["firing unchecked", "resolved unchecked"], "{told:?}");
}

#[tokio::test]
async fn more_than_a_few_traces_in_a_window_can_be_asked_for() {
    let rules = "
- name: unchecked
  trace: {when: {name: pay}, always: [{name: check}]}
  window: 5m
  aggregation: {unchecked: count}
  condition: unchecked > 2
";
    let paid = |trace: u8, minutes: i64| {
        vec![step(trace, "pay", Some("root"), at(minutes, 20)), step(trace, "root", None, at(minutes, 21))]
    };
    let two = told_by(rules, minutes(vec![(1, paid(1, 0)), (2, paid(2, 1))], 12)).await;
    assert_eq!(two, [], "two are not enough");
    let three = told_by(rules, minutes(vec![(1, paid(1, 0)), (2, paid(2, 1)), (4, paid(3, 3))], 12)).await;
    assert_eq!(three[0], (5, vec!["firing unchecked".to_owned()]), "{three:?}");
}

#[tokio::test]
async fn what_is_told_says_what_is_broken_and_shows_it() {
    let rules = files(&[("rules.yml", UNCHECKED)]);
    let mut world = World::in_memory().with_sinks(&["mail"]);
    world.minute(0, good("shop", NOON - MINUTE, 2), &rules).await;
    let spans = vec![step(1, "pay", Some("root"), at(0, 20)), step(1, "root", None, at(0, 21))];
    world.minute(1, [spans, good("shop", NOON, 2)].concat(), &rules).await;
    world.minute(2, good("shop", minute(1), 2), &rules).await;
    let sent = world.post().taken;
    let notification = &sent.last().unwrap().notification;
    let violation = &notification.alert.as_ref().unwrap().violation;
    assert_eq!(violation.failed, ["always[0]"]);
    let evidence: Vec<&str> = violation.evidence.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(evidence, ["pay"]);
    assert!(
        notification.text.contains("Broken: always[0]: a span with name = \"check\""),
        "{}",
        notification.text
    );
}
