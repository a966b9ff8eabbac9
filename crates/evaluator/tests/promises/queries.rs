//! Rules that are a query, live: they wait for the watermark, look again at what comes late, and fail alone.

use fluo_spans::span::Span;

use crate::support::{CHECKOUT_ERRORS, SECOND, World, failures, files, good, minute};

/// More than three failures of a region, with the spans that show them.
pub(crate) const FAILED_REGIONS: &str = "
- name: failed-regions
  sql: |
    SELECT attributes['region'] AS region, min(trace_id) AS trace_id, count(*) AS failed
    FROM spans
    WHERE service_name = 'auth' AND status = 'error'
    GROUP BY 1
  condition: failed > 3
";

/// Rule and event of what is told, evaluation by evaluation.
async fn told(rules: &str, minutes: Vec<Vec<Span>>) -> Vec<(i64, Vec<String>)> {
    let rules = files(&[("rules.yml", rules)]);
    let mut world = World::in_memory().with_sinks(&["mail"]);
    let mut told = Vec::new();
    for (at, spans) in (1..).zip(minutes) {
        let more = good("checkout", minute(at - 1), 3);
        world.minute(at, [spans, more].concat(), &rules).await;
        let news: Vec<String> = world.news();
        if !news.is_empty() {
            told.push((at, news));
        }
    }
    told
}

fn minutes(spans: Vec<(usize, Vec<Span>)>, last: usize) -> Vec<Vec<Span>> {
    let mut all = vec![Vec::new(); last];
    for (at, spans) in spans {
        all[at - 1] = spans;
    }
    all
}

fn events(told: &[(i64, Vec<String>)]) -> Vec<&str> {
    told.iter().flat_map(|(_, news)| news.iter().map(String::as_str)).collect()
}

#[tokio::test]
async fn a_row_is_told_once_something_came_after_its_window_and_over_when_it_is_gone() {
    let failed = failures("auth", "eu", minute(1) + 5 * SECOND, 5);
    let told = told(FAILED_REGIONS, minutes(vec![(2, failed)], 8)).await;
    assert_eq!(events(&told), ["firing failed-regions eu", "resolved failed-regions eu"], "{told:?}");
    assert_eq!(
        told[0].0, 3,
        "its window ended at minute 2, and spans that are missing may make it true: {told:?}"
    );
}

#[tokio::test]
async fn spans_that_come_late_open_the_windows_of_a_query_again() {
    let some = failures("auth", "eu", minute(1) + 5 * SECOND, 3);
    let late = failures("auth", "eu", minute(1) + 6 * SECOND, 3);
    let told = told(FAILED_REGIONS, minutes(vec![(2, some), (8, late)], 12)).await;
    assert_eq!(events(&told), ["fired_late failed-regions eu"], "{told:?}");
    assert_eq!(told[0].0, 8, "{told:?}");
}

#[tokio::test]
async fn what_is_told_has_the_values_and_the_spans_that_the_query_names() {
    let rules = files(&[("rules.yml", FAILED_REGIONS)]);
    let mut world = World::in_memory().with_sinks(&["mail"]);
    world.minute(1, good("checkout", minute(0), 3), &rules).await;
    let failed = failures("auth", "eu", minute(1) + 5 * SECOND, 5);
    world.minute(2, [failed, good("checkout", minute(1), 3)].concat(), &rules).await;
    world.minute(3, good("checkout", minute(2), 3), &rules).await;
    let sent = world.post().taken;
    let notification = &sent.first().expect("it was told").notification;
    let violation = &notification.alert.as_ref().expect("of an alert").violation;
    let evidence: Vec<_> = violation.evidence.iter().map(|span| span.attributes["region"].as_str()).collect();
    assert_eq!(evidence, ["eu"], "{violation:?}");
    assert!(notification.text.contains("failed = 5"), "{}", notification.text);
}

#[tokio::test]
async fn a_query_that_fails_is_told_and_every_other_rule_goes_on() {
    // No text says that a length is negative.
    let failing = "
- name: broken
  sql: \"SELECT substr(name, 1, 0 - count(*)) AS part, count(*) AS n FROM spans GROUP BY name\"
";
    let rules = format!("{FAILED_REGIONS}{CHECKOUT_ERRORS}{failing}");
    let failed = [
        failures("auth", "eu", minute(1) + 5 * SECOND, 5),
        failures("checkout", "z", minute(1) + 14 * SECOND, 9),
    ]
    .concat();
    let told = told(&rules, minutes(vec![(2, failed)], 8)).await;
    let events = events(&told);
    for expected in [
        "rule_error broken",
        "firing failed-regions eu",
        "firing checkout-errors",
        "resolved failed-regions eu",
        "resolved checkout-errors",
    ] {
        assert!(events.iter().any(|event| event.starts_with(expected)), "{expected}: {told:?}");
    }
    assert_eq!(events.len(), 5, "{told:?}");
}

#[tokio::test]
async fn a_join_of_everything_with_everything_ends_with_its_budget() {
    let everything = "
- name: everything
  sql: SELECT count(*) AS n FROM spans a JOIN spans b ON a.end_time < b.end_time
";
    let crowd: Vec<Span> = (0..8_000)
        .map(|nth| {
            crate::support::span(
                "auth",
                "eu",
                fluo_spans::span::Status::Ok,
                minute(1) + SECOND + nth * 1_000_000,
            )
        })
        .collect();
    let rules = format!("{CHECKOUT_ERRORS}{everything}");
    let told = told(&rules, minutes(vec![(2, crowd)], 4)).await;
    assert!(events(&told).iter().any(|event| event.starts_with("rule_error everything")), "{told:?}");
}
