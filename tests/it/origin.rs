//! The rule that the product grew from, unchanged, over every way in which its spans can reach it.

use std::fs;
use std::path::PathBuf;

use fluo_tests::otlp::{Encoding, Span};
use fluo_tests::program::repository;
use tempfile::TempDir;

use crate::incident::{HOUR, NOON, RULE, SECOND, failed_login, ingest, login, violations, write};

/// Section 1 of the rule language, byte for byte.
const ORIGIN: &str = r#"- name: AuthFailuresRule
  span:
    service_name: auth-service
    attributes:
      http.status_code: "401"
      error.type: "AuthenticationError"
  aggregation:
    count: 10
  condition: gt(count, 5)
"#;

#[test]
fn the_origin_is_in_the_library_unchanged() {
    assert_eq!(fs::read_to_string(repository().join(RULE)).unwrap(), ORIGIN);
}

/// The events in one hour of the day that is judged, and the count at the first moment of its violation.
struct Scenario {
    name: &'static str,
    /// Spans of the first delivery, by the hour's beginning and the number of the first.
    spans: fn(u64, u64) -> Vec<Span>,
    /// The number of them that a second object delivers again.
    again: usize,
    expected: Option<u64>,
}

/// Failed logins that ended so many nanoseconds after the hour.
fn failures(hour: u64, first: u64, ends: &[u64]) -> Vec<Span> {
    (first..).zip(ends).map(|(number, end)| failed_login(number, hour + end)).collect()
}

/// Six that ended ten seconds apart, across a minute's boundary, each made by `span`.
fn six(hour: u64, first: u64, span: impl Fn(u64, u64) -> Span) -> Vec<Span> {
    (0..6).map(|at| span(first + at, hour + (30 + 10 * at) * SECOND)).collect()
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "six across a minute's boundary",
        spans: |hour, first| six(hour, first, failed_login),
        again: 0,
        expected: Some(6),
    },
    Scenario {
        name: "five",
        spans: |hour, first| six(hour, first, failed_login).split_off(1),
        again: 0,
        expected: None,
    },
    Scenario {
        name: "first and last one nanosecond less than the window apart",
        spans: |hour, first| failures(hour, first, &[0, 1, 2, 3, 4, 60 * SECOND - 1]),
        again: 0,
        expected: Some(6),
    },
    Scenario {
        name: "first and last the window apart",
        spans: |hour, first| failures(hour, first, &[0, 1, 2, 3, 4, 60 * SECOND]),
        again: 0,
        expected: None,
    },
    Scenario {
        name: "six at the same nanosecond",
        spans: |hour, first| failures(hour, first, &[7; 6]),
        again: 0,
        expected: Some(6),
    },
    Scenario {
        name: "across an hour's boundary, and so in two data files",
        spans: |hour, first| six(hour + HOUR - 60 * SECOND, first, failed_login),
        again: 0,
        expected: Some(6),
    },
    Scenario {
        name: "five, one of them twice in one object",
        spans: |hour, first| {
            let mut spans = six(hour, first, failed_login).split_off(1);
            spans.push(spans[2].clone());
            spans
        },
        again: 0,
        expected: None,
    },
    Scenario {
        name: "five, all of them in a second object too",
        spans: |hour, first| six(hour, first, failed_login).split_off(1),
        again: 5,
        expected: None,
    },
    Scenario {
        name: "six, all of them in a second object too",
        spans: |hour, first| six(hour, first, failed_login),
        again: 6,
        expected: Some(6),
    },
    Scenario {
        name: "under the attribute's new name",
        spans: |hour, first| {
            six(hour, first, |number, end| login(number, end, "http.response.status_code", 401))
        },
        again: 0,
        expected: Some(6),
    },
    Scenario {
        name: "three under the old name, three under the new",
        spans: |hour, first| {
            six(hour, first, |number, end| {
                let key = if number % 2 == 0 { "http.status_code" } else { "http.response.status_code" };
                login(number, end, key, 401)
            })
        },
        again: 0,
        expected: Some(6),
    },
    Scenario {
        name: "with the status as text",
        spans: |hour, first| six(hour, first, |number, end| login(number, end, "http.status_code", "401")),
        again: 0,
        expected: Some(6),
    },
    Scenario {
        name: "forbidden instead of unauthorised",
        spans: |hour, first| six(hour, first, |number, end| login(number, end, "http.status_code", 403)),
        again: 0,
        expected: None,
    },
    Scenario {
        name: "of another service",
        spans: |hour, first| {
            six(hour, first, |number, end| Span {
                service_name: "cart".to_owned(),
                ..failed_login(number, end)
            })
        },
        again: 0,
        expected: None,
    },
    Scenario {
        name: "without an error type",
        spans: |hour, first| {
            six(hour, first, |number, end| {
                let mut span = failed_login(number, end);
                span.attributes.retain(|(key, _)| key != "error.type");
                span
            })
        },
        again: 0,
        expected: None,
    },
];

/// Every scenario in an even hour of its own, so that nothing of one reaches another.
fn hour_of(at: usize) -> u64 {
    NOON + 2 * HOUR * at as u64
}

/// Writes the day as two objects: all of it, and what came again.
fn deliver(folder: &TempDir, encoding: Encoding) -> [PathBuf; 2] {
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for (at, scenario) in SCENARIOS.iter().enumerate() {
        let spans = (scenario.spans)(hour_of(at), 100 * (at as u64 + 1));
        again.extend_from_slice(&spans[..scenario.again]);
        first.extend(spans);
    }
    [write(folder.path(), "first", encoding, &first), write(folder.path(), "again", encoding, &again)]
}

/// Name and count of what was found, by the scenario in whose two hours it begins.
fn found(spans: &[&std::path::Path]) -> Vec<(&'static str, u64)> {
    let violations = violations(RULE, spans);
    violations
        .iter()
        .map(|violation| {
            let starts_at = violation["starts_at"].as_str().unwrap();
            let at = (0..SCENARIOS.len()).find(|&at| {
                let hours = [0, 1].map(|later| clock_hour(hour_of(at) + later * HOUR));
                hours.iter().any(|hour| starts_at.starts_with(hour))
            });
            (SCENARIOS[at.unwrap()].name, violation["values"]["count"].as_u64().unwrap())
        })
        .collect()
}

/// `2024-05-01T12`
fn clock_hour(ns: u64) -> String {
    let hours = (ns - NOON) / HOUR + 12;
    format!("2024-05-{:02}T{:02}", 1 + hours / 24, hours % 24)
}

fn expected() -> Vec<(&'static str, u64)> {
    SCENARIOS.iter().filter_map(|scenario| Some((scenario.name, scenario.expected?))).collect()
}

#[test]
fn every_scenario_in_every_encoding() {
    for encoding in Encoding::ALL {
        let folder = TempDir::new().unwrap();
        let objects = deliver(&folder, encoding);
        assert_eq!(found(&objects.each_ref().map(PathBuf::as_path)), expected(), "{encoding:?}");
    }
}

#[test]
fn every_scenario_in_every_encoding_by_way_of_parquet() {
    for encoding in Encoding::ALL {
        let folder = TempDir::new().unwrap();
        let objects = deliver(&folder, encoding);
        let store = folder.path().join("store");
        ingest(&objects.each_ref().map(PathBuf::as_path), &store);
        assert_eq!(found(&[&store]), expected(), "{encoding:?}");
    }
}

#[test]
fn half_of_it_stored_and_half_of_it_raw() {
    let folder = TempDir::new().unwrap();
    let [first, again] = deliver(&folder, Encoding::ZstdProtobuf);
    let store = folder.path().join("store");
    ingest(&[&again], &store);
    assert_eq!(found(&[&store, &first]), expected());
}

#[test]
fn what_a_real_sdk_sent_counts_as_what_it_is() {
    // One failed login is in each of these; the rule asks for six, so that it is lowered here.
    let folder = TempDir::new().unwrap();
    let rule = folder.path().join("rule.yml");
    fs::write(&rule, ORIGIN.replace("gt(count, 5)", "gt(count, 0)")).unwrap();
    let fixtures = repository().join("tests/fixtures");
    for fixture in ["plain_auth_401.pb", "plain_auth_401.otlp.json"] {
        let violations = violations(rule.to_str().unwrap(), &[&fixtures.join(fixture)]);
        let counts: Vec<_> =
            violations.iter().map(|violation| violation["values"]["count"].clone()).collect();
        assert_eq!(counts, [1], "{fixture}");
    }
}
