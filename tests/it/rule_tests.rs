//! `fluo test`: the rules' unit tests, and what failing ones say.

use std::fs;

use fluo_tests::program::repository;
use fluo_tests::structure::CASES;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::incident::RULE;
use crate::{binary, fluo};

/// One test that passes, and two that do not: whose names an attacker of CI systems would choose.
const TESTS: &str = r#"rules: [auth.yml]
tests:
  - name: six failures alert
    spans:
      - {at: 30s..80s, every: 10s, service_name: auth-service, attributes: &failed {http.status_code: 401, error.type: AuthenticationError}}
    expect:
      - {rule: AuthFailuresRule, at: 80s, state: firing, value: {count: 6}}
  - name: five do <b>&"
    spans:
      - {at: 30s..70s, every: 10s, service_name: auth-service, attributes: *failed}
    expect:
      - {rule: AuthFailuresRule, at: 70s, state: firing}
  - name: six do not
    spans:
      - {at: 30s..80s, every: 10s, service_name: auth-service, attributes: *failed}
    expect: []
"#;

fn folder(tests: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::copy(repository().join(RULE), folder.path().join("auth.yml")).unwrap();
    fs::write(folder.path().join("auth.test.yml"), tests).unwrap();
    folder
}

fn run(folder: &TempDir, format: &str, status: i32) -> String {
    binary().within(folder.path()).run(&["test", "auth.test.yml", "--format", format]).expect(status)
}

#[test]
fn failing_expectations_are_shown_beside_what_is() {
    let expected = r#"failed: auth.test.yml:8: five do <b>&"
  auth.test.yml:12: `AuthFailuresRule` at 2026-01-01T00:01:10.000Z is not as expected
    expected: firing
    actual:   inactive
failed: auth.test.yml:13: six do not
  auth.test.yml:13: `AuthFailuresRule` has an alert, and the test does not name it
    expected: no alert
    actual:   AuthFailuresRule: count = 6 (gt(count, 5)) in 1m since 2026-01-01T00:01:20.000Z
1 of 3 tests passed
"#;
    assert_eq!(run(&folder(TESTS), "human", 1), expected);
}

#[test]
fn scripts_get_one_array() {
    let found: Value = serde_json::from_str(&run(&folder(TESTS), "json", 1)).unwrap();
    let passed: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|test| (test["line"].as_u64().unwrap(), test["passed"] == true))
        .collect();
    assert_eq!(passed, [(3, true), (8, false), (13, false)]);
    let failure = json!([{"line": 12, "message": "`AuthFailuresRule` at 2026-01-01T00:01:10.000Z is not as expected",
        "expected": "firing", "actual": "inactive"}]);
    assert_eq!(found[1]["failures"], failure);
}

#[test]
fn ci_systems_get_junit() {
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="fluo" tests="3" failures="2">
  <testsuite name="auth.test.yml" tests="3" failures="2">
    <testcase classname="auth.test.yml" name="six failures alert"/>
    <testcase classname="auth.test.yml" name="five do &lt;b&gt;&amp;&quot;">
      <failure message="`AuthFailuresRule` at 2026-01-01T00:01:10.000Z is not as expected">expected: firing&#10;actual:   inactive</failure>
    </testcase>
    <testcase classname="auth.test.yml" name="six do not">
      <failure message="`AuthFailuresRule` has an alert, and the test does not name it">expected: no alert&#10;actual:   AuthFailuresRule: count = 6 (gt(count, 5)) in 1m since 2026-01-01T00:01:20.000Z</failure>
    </testcase>
  </testsuite>
</testsuites>
"#;
    assert_eq!(run(&folder(TESTS), "junit", 1), expected);
}

#[test]
fn tests_that_pass_end_with_0() {
    let (passing, _) = TESTS.split_once("  - name: five").unwrap();
    assert_eq!(run(&folder(passing), "human", 0), "1 of 1 tests passed\n");
}

#[test]
fn mistakes_in_test_files_are_found_before_anything_runs() {
    let wrong = TESTS.replace("rule: AuthFailuresRule, at: 80s", "rule: AuthFailureRule, at: 80s");
    let folder = folder(&wrong);
    let ended = binary().within(folder.path()).run(&["test", "."]);
    assert_eq!(ended.status, 1);
    assert!(
        ended.stderr.contains("E0507") && ended.stderr.contains("`AuthFailuresRule`"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_cannot_be_run_is_told() {
    let empty = TempDir::new().unwrap();
    let ended = fluo(&["test", empty.path().to_str().unwrap()]);
    assert_eq!((ended.status, ended.stderr.contains(".test.yml")), (2, true), "{}", ended.stderr);
    let folder = folder(&TESTS.replace("[auth.yml]", "[gone.yml]"));
    let ended = binary().within(folder.path()).run(&["test", "auth.test.yml"]);
    assert_eq!((ended.status, ended.stderr.contains("gone.yml")), (3, true), "{}", ended.stderr);
}

#[test]
fn a_file_is_taken_by_its_own_name_wherever_it_lies() {
    // Temporary folders are hidden ones.
    let folder = folder(TESTS);
    let file = folder.path().join("auth.test.yml");
    let ended = fluo(&["test", file.to_str().unwrap()]);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    assert!(ended.stdout.ends_with("1 of 3 tests passed\n"), "{}", ended.stdout);
}

#[test]
fn a_rule_about_absence_fails_no_test_of_its_neighbours() {
    let folder = folder(
        r"rules: [auth.yml, silence.yml]
tests:
  - name: six failures alert
    spans:
      - {at: 30s..80s, every: 10s, service_name: auth-service, attributes: {http.status_code: 401, error.type: AuthenticationError}}
    expect:
      - {rule: AuthFailuresRule, at: 80s, state: firing}
  - name: one order is too few
    spans:
      - {at: 30s, service_name: orders}
    until: 10m
    expect: []
",
    );
    let rules =
        "- {name: no-orders, span: {service_name: orders}, window: 1m, every: 1m, condition: count = 0}
- {name: few-orders, span: {service_name: orders}, window: 1m, every: 1m, condition: count = 1}
";
    fs::write(folder.path().join("silence.yml"), rules).unwrap();
    let told = run(&folder, "human", 1);
    assert!(told.ends_with("1 of 2 tests passed\n"), "{told}");
    assert!(told.contains("`few-orders` has an alert, and the test does not name it"), "{told}");
    assert!(!told.contains("no-orders"), "{told}");
}

#[test]
fn severities_and_ends_are_expected_as_they_are_at_a_moment() {
    let folder = folder(
        r"rules: [levels.yml]
tests:
  - name: worse, less bad, kept going, and over
    spans:
      - {at: 1s..3s, every: 1s, service_name: shop}
      - {at: 40s..41s, every: 1s, service_name: shop}
      - {at: 65s..68s, every: 1s, service_name: shop}
      - {at: 127s, service_name: shop}
    expect:
      - {rule: levels, at: 2s, state: inactive}
      - {rule: levels, at: 3s, state: firing, severity: warning, value: {count: 3}}
      - {rule: levels, at: 68s, state: firing, severity: critical, event: escalated}
      - {rule: levels, at: 127s, state: firing, severity: warning}
      - {rule: levels, at: 3m7s, state: resolved, event: resolved}
  - name: not so bad
    spans: [{at: 1s..3s, every: 1s, service_name: shop}]
    expect:
      - {rule: levels, at: 3s, state: firing, severity: critical}
",
    );
    let rule = "- name: levels
  span: {service_name: shop}
  condition: {warning: count > 2, critical: count > 5}
  resolve_condition: count < 2
";
    fs::write(folder.path().join("levels.yml"), rule).unwrap();
    let told = run(&folder, "human", 1);
    assert!(told.ends_with("1 of 2 tests passed\n") && told.contains(": not so bad\n"), "{told}");
    assert!(
        told.contains("    expected: firing, critical\n    actual:   firing, warning, count = 3, from "),
        "{told}"
    );
}

/// A step that follows another is tied to it by a link, and by nothing else.
#[test]
fn links_of_spans_are_what_follows_asks_for() {
    let rules = "- name: order-without-batch
  trace: {when: {name: order.placed, as: order}, always: [{name: batch.sent, follows: order}]}
- name: retried
  span: {where: 'link.why = \"retry\"'}
  condition: count > 0
";
    let tests = "rules: [auth.yml]
tests:
  - name: the batch is linked to the order
    spans:
      - {at: 1s, trace_id: t, span_id: order, name: order.placed}
      - {at: 4s, trace_id: t, name: batch.sent, links: [order]}
    expect: []
  - name: the batch is linked to something else
    spans:
      - {at: 1s, trace_id: t, span_id: order, name: order.placed}
      - {at: 2s, trace_id: t, span_id: other, name: order.changed}
      - {at: 4s, trace_id: t, name: batch.sent, links: [other, {span_id: order, trace_id: elsewhere}]}
    expect:
      - {rule: order-without-batch, at: 4s, state: firing}
  - name: links have attributes
    spans:
      - {at: 1s, name: order.changed, links: [{span_id: 00000000000000aa, attributes: {why: retry}}]}
    expect:
      - {rule: retried, at: 1s, state: firing}
";
    let folder = folder(tests);
    fs::write(folder.path().join("auth.yml"), rules).unwrap();
    assert_eq!(run(&folder, "human", 0), "3 of 3 tests passed\n");
}

#[test]
fn operators_between_filters_find_the_occasions_that_their_table_says() {
    let folder = TempDir::new().unwrap();
    let mut number = 0;
    for (at, case) in CASES.iter().enumerate() {
        let rules = format!("{at}.yml");
        let Some(test) = case.test(&rules) else { continue };
        fs::write(folder.path().join(&rules), case.rule()).unwrap();
        fs::write(folder.path().join(format!("{at}.test.yml")), test).unwrap();
        number += 1;
    }
    let ended = binary().within(folder.path()).run(&["test", "."]);
    let expected = format!("{number} of {number} tests passed\n");
    assert!(number > 60 && ended.status == 0 && ended.stdout.ends_with(&expected), "{ended:?}");
}
