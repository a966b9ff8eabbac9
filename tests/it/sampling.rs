//! Sampled spans: what rules make of them, and what `check --spans` says of rules.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary;

const RULES: &str = "- name: adjusted
  sampling: adjusted
  span: {service_name: shop}
  aggregation: {count: 10, names: {count_distinct: name}, longest: {max: duration}}
  condition: count > 10
- name: as-stored
  span: {service_name: shop}
  condition: count > 10
- name: of-those-that-are-there
  span: {service_name: shop}
  aggregation: {longest: {max: duration}}
  condition: longest > 1m
- name: of-others
  span: {service_name: other}
  condition: count > 10
- name: of-traces
  trace: {when: {name: pay}, always: [{name: check}]}
";

const TESTS: &str = "rules: [shop.yml]
tests:
  - name: three spans of which each stands for four
    spans:
      - {at: 10s..30s, every: 10s, service_name: shop, name: cart, trace_state: 'v=1,ot=th:c', duration: 2s}
    expect:
      - {rule: adjusted, at: 30s, state: firing, value: {count: 12, names: 1, longest: 2s}}
  - name: three spans that stand for themselves
    spans:
      - {at: 10s..30s, every: 10s, service_name: shop, name: cart, trace_state: 'v=1,ot=th:0', duration: 2s}
    expect: []
";

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("shop.yml"), RULES).unwrap();
    folder
}

/// A span of a service in OTLP, as JSON.
fn span(id: u64, parent: Option<u64>, name: &str, trace_state: &str) -> Value {
    let parent = parent.map(|parent| format!("{parent:016x}")).unwrap_or_default();
    json!({
        "traceId": "0123456789abcdef0123456789abcdef", "spanId": format!("{id:016x}"), "parentSpanId": parent,
        "traceState": trace_state, "name": name,
        "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000",
    })
}

fn spans_of(service: &str, spans: &[Value]) -> String {
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": service}}]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).to_string()
}

#[test]
fn a_sampled_span_counts_for_those_that_were_left_out() {
    let folder = folder();
    fs::write(folder.path().join("shop.test.yml"), TESTS).unwrap();
    let found = binary().within(folder.path()).run(&["test", "shop.test.yml"]).expect(0);
    assert_eq!(found.lines().last(), Some("2 of 2 tests passed"), "{found}");
    let words = binary().within(folder.path()).run(&["explain", "adjusted", "--rules", "shop.yml"]).expect(0);
    assert!(words.contains("Counts    each span as often as sampling kept one in so many"), "{words}");
    assert!(words.contains("Judged    at the end of every matching span, and reported at once:"), "{words}");
    let sql = binary()
        .within(folder.path())
        .run(&["explain", "adjusted", "--rules", "shop.yml", "--format", "sql"]);
    assert!(sql.stderr.contains("a rule that adjusts for sampling has no form in SQL"), "{}", sql.stderr);
}

#[test]
fn check_says_which_rules_sampling_misleads() {
    let folder = folder();
    let found = |spans: &[Value]| -> Vec<(String, u64, String)> {
        fs::write(folder.path().join("spans.json"), spans_of("shop", spans)).unwrap();
        let arguments = ["check", "shop.yml", "--spans", "spans.json", "--format", "json"];
        let found: Value =
            serde_json::from_str(&binary().within(folder.path()).run(&arguments).expect(0)).unwrap();
        let of = |finding: &Value| {
            let text = |key: &str| finding[key].as_str().unwrap().to_owned();
            (text("code"), finding["line"].as_u64().unwrap(), text("message"))
        };
        found.as_array().unwrap().iter().map(of).collect()
    };
    let whole = [span(1, None, "pay", ""), span(2, Some(1), "check", "ot=th:0")];
    assert_eq!(found(&whole), []);
    let sampled =
        [span(1, None, "cart", ""), span(2, Some(1), "cart", "ot=th:8"), span(3, Some(9), "pay", "ot=th:8")];
    let stored = "2 of 3 spans that it is about stand for others that sampling left out";
    let parts = "of 1 of 1 traces that it looks at, a parent is missing";
    let never = "no span is name = \"check\": every occasion breaks the rule";
    assert_eq!(
        found(&sampled),
        [
            ("W0243".to_owned(), 6, stored.to_owned()),
            ("W0244".to_owned(), 16, parts.to_owned()),
            ("W0267".to_owned(), 16, never.to_owned()),
        ]
    );
}
