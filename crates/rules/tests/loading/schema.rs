//! The JSON Schemas know what the loaders know.
//!
//! Instances are checked by a small validator of the keywords that the schema uses; it refuses a schema with
//! any other, so that nothing is taken for valid because it was not looked at.

use fluo_rules::SourceFile;
use fluo_rules::schema::{config, schema, silences, test_files};
use serde_json::{Value, json};

/// Returns why `instance` is not valid against `schema`; none where it is valid.
fn invalid(root: &Value, schema: &Value, instance: &Value) -> Option<String> {
    if let Value::Bool(allowed) = schema {
        return (!allowed).then(|| format!("{instance} is not allowed"));
    }
    schema
        .as_object()
        .unwrap()
        .iter()
        .find_map(|(keyword, rule)| keyword_fails(root, schema, keyword, rule, instance))
}

fn keyword_fails(
    root: &Value,
    schema: &Value,
    keyword: &str,
    rule: &Value,
    instance: &Value,
) -> Option<String> {
    let fail = |bad: bool| bad.then(|| format!("{instance} breaks `{keyword}`: {rule}"));
    match keyword {
        "$schema" | "$id" | "$defs" | "title" | "description" | "default" | "examples"
        | "patternProperties" => None,
        "$ref" => {
            let target = root
                .pointer(rule.as_str().unwrap().strip_prefix('#').unwrap())
                .expect("a reference leads somewhere");
            invalid(root, target, instance)
        }
        "anyOf" => {
            fail(rule.as_array().unwrap().iter().all(|schema| invalid(root, schema, instance).is_some()))
        }
        "type" => {
            let types: Vec<&str> = rule.as_array().map_or_else(
                || vec![rule.as_str().unwrap()],
                |types| types.iter().map(|t| t.as_str().unwrap()).collect(),
            );
            let is = |kind: &str| match kind {
                "object" => instance.is_object(),
                "array" => instance.is_array(),
                "string" => instance.is_string(),
                "number" => instance.is_number(),
                "integer" => instance.is_i64(),
                "boolean" => instance.is_boolean(),
                "null" => instance.is_null(),
                other => panic!("type {other}"),
            };
            fail(!types.into_iter().any(is))
        }
        "enum" => fail(!rule.as_array().unwrap().contains(instance)),
        "const" => fail(rule != instance),
        "pattern" => instance
            .as_str()
            .and_then(|text| fail(!regex::Regex::new(rule.as_str().unwrap()).unwrap().is_match(text))),
        "minimum" => instance.as_f64().and_then(|number| fail(number < rule.as_f64().unwrap())),
        "maximum" => instance.as_f64().and_then(|number| fail(number > rule.as_f64().unwrap())),
        "exclusiveMinimum" => instance.as_f64().and_then(|number| fail(number <= rule.as_f64().unwrap())),
        "minItems" => {
            instance.as_array().and_then(|items| fail((items.len() as u64) < rule.as_u64().unwrap()))
        }
        "minProperties" => {
            instance.as_object().and_then(|map| fail((map.len() as u64) < rule.as_u64().unwrap()))
        }
        "items" => instance.as_array()?.iter().find_map(|item| invalid(root, rule, item)),
        "required" => {
            let map = instance.as_object()?;
            fail(rule.as_array().unwrap().iter().any(|key| !map.contains_key(key.as_str().unwrap())))
        }
        "properties" => {
            let map = instance.as_object()?;
            map.iter().find_map(|(key, value)| rule.get(key).and_then(|schema| invalid(root, schema, value)))
        }
        "additionalProperties" => {
            let map = instance.as_object()?;
            let patterns = schema.get("patternProperties").and_then(Value::as_object);
            map.iter().find_map(|(key, value)| {
                if schema.pointer("/properties").is_some_and(|known| known.get(key).is_some()) {
                    return None;
                }
                let by_pattern = patterns
                    .into_iter()
                    .flatten()
                    .find(|(pattern, _)| regex::Regex::new(pattern).unwrap().is_match(key));
                invalid(root, by_pattern.map_or(rule, |(_, schema)| schema), value)
                    .map(|why| format!("{key}: {why}"))
            })
        }
        other => panic!("the validator does not know the keyword `{other}`"),
    }
}

/// Returns why `instance` is not valid against a whole schema; none where it is valid.
pub(crate) fn validity_in(schema: &str, instance: &Value) -> Option<String> {
    let root: Value = serde_json::from_str(schema).unwrap();
    invalid(&root, &root, instance)
}

fn validity(instance: &Value) -> Option<String> {
    validity_in(&schema(), instance)
}

#[test]
fn the_forms_of_the_manual_are_valid() {
    let origin = json!([{
        "name": "AuthFailuresRule",
        "span": {"service_name": "auth-service", "attributes": {"http.status_code": "401", "error.type": "AuthenticationError"}},
        "aggregation": {"count": 10},
        "condition": "gt(count, 5)",
    }]);
    assert_eq!(validity(&origin), None);
    let with_defaults = json!({
        "defaults": {"window": "1m", "severity": "warning", "labels": {"team": "platform"}},
        "rules": [{
            "name": "checkout-error-ratio", "description": "Customers cannot pay.", "severity": "critical", "enabled": true,
            "labels": {"team": "payments"}, "annotations": {"summary": "{{ value.errors }}"},
            "span": {"service_name": "checkout", "kind": "server"}, "window": "5m", "group_by": ["deployment.environment"],
            "aggregation": {"total": "count", "errors": {"count": {"where": "status = error"}}, "slow": {"p99.9": "duration"},
                            "worst": {"percentile": {"of": "duration", "p": 99.9}}, "speed": {"rate": "1s"}},
            "condition": "errors / total > 0.05 and total >= 100", "for": "2m", "keep_firing_for": "5m", "realert": "1h",
            "expect": ["eu", null, {"deployment.environment": "us"}],
        }, {"name": "inherits", "realert": {"every": "1h", "backoff": 2, "max": "12h"}, "for": 0}],
    });
    assert_eq!(validity(&with_defaults), None);
    assert_eq!(validity(&json!(null)), None, "an empty document");
}

#[test]
fn mistakes_are_not_valid() {
    for (scenario, instance) in [
        ("an unknown key", json!([{"name": "a", "windwo": "1m"}])),
        ("no name", json!([{"span": {}}])),
        ("another severity", json!([{"name": "a", "severity": "fatal"}])),
        ("another kind", json!([{"name": "a", "span": {"kind": "SERVER"}}])),
        ("another status in a list", json!([{"name": "a", "span": {"status": ["ok", "failed"]}}])),
        ("another status in an operator", json!([{"name": "a", "span": {"status": {"ne": "failed"}}}])),
        ("a window without unit", json!([{"name": "a", "window": 60}])),
        ("a unit that does not exist", json!([{"name": "a", "window": "1y"}])),
        (
            "a matcher with an unknown operator",
            json!([{"name": "a", "span": {"attributes": {"k": {"like": "x"}}}}]),
        ),
        ("evidence beyond its limit", json!([{"name": "a", "aggregation": {"count": 1001}}])),
        ("a number for another aggregate", json!([{"name": "a", "aggregation": {"errors": 10}}])),
        ("a percentile beyond 100", json!([{"name": "a", "aggregation": {"x": {"p101": "duration"}}}])),
        ("a name among defaults", json!({"defaults": {"name": "a"}, "rules": []})),
        ("traces of which nothing is demanded", json!([{"name": "a", "trace": {"when": {"name": "b"}}}])),
        ("what is not supported yet", json!([{"name": "a", "slo": {"objective": "99.9%"}}])),
    ] {
        assert!(validity(&instance).is_some(), "{scenario} is valid: {instance}");
    }
}

#[test]
fn tests_and_silences_of_the_manual_are_valid_and_load() {
    for (name, text) in TEST_FILES {
        let found = fluo_rules::test_file::load(&[SourceFile::new(*name, *text)]);
        assert_eq!((found.findings, found.tests.len()), (vec![], 1), "{name}");
        let instance: Value = serde_yaml::from_str(text).unwrap();
        assert_eq!(validity_in(&test_files(), &instance), None, "{name}");
    }
    let found = fluo_rules::silence::load(&[SourceFile::new("silences.yml", SILENCES)]);
    assert_eq!((found.findings, found.silences.len()), (vec![], 4));
    assert_eq!(validity_in(&silences(), &serde_yaml::from_str(SILENCES).unwrap()), None);
    for schema in [test_files(), silences()] {
        assert_eq!(validity_in(&schema, &json!(null)), None, "an empty file");
    }
}

/// The form of the design, and one with all that there is.
const TEST_FILES: &[(&str, &str)] = &[
    (
        "auth.test.yml",
        "rules: [auth.yml]
tests:
  - name: six failures across a minute boundary alert once
    spans:
      - {at: 0s..50s, every: 10s, service_name: auth-service, name: auth_user, status: error,
         attributes: {http.status_code: 401, error.type: AuthenticationError}}     # six spans
    expect:
      - {rule: AuthFailuresRule, at: 50s, state: firing, value: {count: 6}}
  - name: five do not
    spans:
      - {at: 0s..40s, every: 10s, service_name: auth-service, attributes: {http.status_code: 401, error.type: AuthenticationError}}
    expect: []                       # must not fire: as important as the other
",
    ),
    (
        "all.test.yml",
        "rules: [a.yml, ../b.yml]
tests:
  - name: all there is
    start: 2026-11-22T11:04:00Z
    until: 2026-11-22T13:00:00+01:00
    pipeline: stops
    late: 90s
    spans_from: [login.otlp.json, {file: late.otlp.json, late: 0}]
    spans:
      - at: [0, -10s, 1m..2m, 2026-11-22T11:04:00Z]
        every: 500ms
        count: 3
        late: 0s
        duration: 1.5s
        service_name: checkout
        name: pay
        kind: server
        status: error
        status_message: declined
        trace_id: t
        parent: 00f067aa0ba902b7
        attributes: {a: 1, b: 1.5, c: true, d: x, e: [1, [2]], f: {g: 1}}
        resource: {host.name: h}
        scope: {name: otel, version: \"1.10\", k: v}
        events: [{name: exception, at: 5ms, attributes: {exception.type: E}}]
      - {at: 3m, span_id: 00f067aa0ba902b8}
    expect:
      - {rule: r, at: 2026-11-22T11:04:00Z, state: pending, group: {a: ~, b: 1, c: x}}
      - {rule: r, at: 50s, state: resolved, values: {p99: 1.5s, count: 6, ratio: 0.05, max: ~}}
      - {rule: r, at: 50s, state: resolved, event: withdrawn, reason: late, summary: all is well}
",
    ),
];

const SILENCES: &str = "silences:
  - comment: Data centre move.
    matchers: {service_name: [checkout, payment], severity: warning, team: {matches: ^pay}}
    from: 2026-11-22T22:00:00Z
    until: 2026-11-23T06:00:00+01:00
    id: move
  - {comment: Batch window., matchers: {rule: slow}, weekly: {days: [mon..fri, sun], from: 22:00, to: 6:30, timezone: Europe/Berlin}}
  - {comment: Every day., matchers: {tier: 1}, weekly: {from: 00:00, to: 24:00}}
  - {comment: Load test., matchers: [severity!=critical, 'rule=~checkout-.*', team!~x|y]}
";

#[test]
fn mistakes_in_tests_and_silences_are_not_valid() {
    let test = |inner: Value| json!({"rules": ["a.yml"], "tests": [inner]});
    let span = |inner: Value| test(json!({"name": "n", "spans": [inner], "expect": []}));
    let expect = |inner: Value| test(json!({"name": "n", "spans": [], "expect": [inner]}));
    for (scenario, instance) in [
        ("no rules", json!({"tests": []})),
        ("one rule file as text", json!({"rules": "a.yml", "tests": []})),
        ("no expectation", test(json!({"name": "n", "spans": []}))),
        ("a span without a time", span(json!({"name": "n"}))),
        ("a time without a unit", span(json!({"at": 50}))),
        ("an unknown key of a span", span(json!({"at": "0s", "servce_name": "x"}))),
        ("a kind that is none", span(json!({"at": "0s", "kind": "srever"}))),
        ("an attribute without a value", span(json!({"at": "0s", "attributes": {"a": null}}))),
        ("a state that is none", expect(json!({"rule": "r", "at": "0s", "state": "fired"}))),
        (
            "a value that is none",
            expect(json!({"rule": "r", "at": "0s", "state": "firing", "value": {"a": true}})),
        ),
    ] {
        assert!(validity_in(&test_files(), &instance).is_some(), "{scenario} is valid: {instance}");
    }
    let silence = |inner: Value| json!({"silences": [inner]});
    for (scenario, instance) in [
        ("no matchers", silence(json!({"comment": "c"}))),
        ("empty matchers", silence(json!({"comment": "c", "matchers": {}}))),
        ("no matcher in a list", silence(json!({"comment": "c", "matchers": []}))),
        ("a matcher without an operator", silence(json!({"comment": "c", "matchers": ["rule"]}))),
        ("a severity that is none", silence(json!({"comment": "c", "matchers": {"severity": "high"}}))),
        ("an unknown operator", silence(json!({"comment": "c", "matchers": {"a": {"like": "x"}}}))),
        ("a day only", silence(json!({"comment": "c", "matchers": {"a": "b"}, "until": "2026-12-01"}))),
        (
            "a day that is none",
            silence(
                json!({"comment": "c", "matchers": {"a": "b"}, "weekly": {"days": ["monday"], "from": "1:00", "to": "2:00"}}),
            ),
        ),
        (
            "an hour that is none",
            silence(
                json!({"comment": "c", "matchers": {"a": "b"}, "weekly": {"from": "25:00", "to": "2:00"}}),
            ),
        ),
    ] {
        assert!(validity_in(&silences(), &instance).is_some(), "{scenario} is valid: {instance}");
    }
}

#[test]
fn every_definition_is_used_and_every_key_described() {
    for text in [schema(), test_files(), silences()] {
        let root: Value = serde_json::from_str(&text).unwrap();
        for (name, definition) in root["$defs"].as_object().unwrap() {
            assert!(text.contains(&format!("\"#/$defs/{name}\"")), "{name} is used nowhere");
            for (key, property) in definition["properties"].as_object().into_iter().flatten() {
                assert!(
                    property["description"].as_str().is_some_and(|doc| doc.ends_with('.')),
                    "{name}.{key} is not described"
                );
            }
        }
    }
}

#[test]
fn configurations_are_valid_or_not_as_they_are_loaded() {
    let all = json!({
        "store": "s3://b", "rules": ["rules"], "every": "1m", "rule_memory_mib": 64,
        "sinks": [
            {"type": "slack", "url": {"env": "SLACK"}, "severity": ["critical"], "labels": {"team": "payments"}},
            {"type": "webhook", "name": "hook", "url": "https://a", "headers": {"a": {"env": "A"}}, "signing_keys": ["k"]},
            {"type": "stdout"},
        ],
    });
    assert_eq!(validity_in(&config(), &all), None);
    for (scenario, sinks) in [
        ("no type", json!([{"url": "https://a"}])),
        ("a type that there is not", json!([{"type": "mail"}])),
        ("a key of another type", json!([{"type": "slack", "url": "https://a", "routing_key": "x"}])),
        ("another severity", json!([{"type": "stdout", "severity": ["fatal"]}])),
        ("a secret from nowhere", json!([{"type": "slack", "url": {"file": "x"}}])),
        ("no address", json!([{"type": "slack"}])),
    ] {
        let file = json!({"store": "s", "rules": ["r"], "sinks": sinks});
        assert!(validity_in(&config(), &file).is_some(), "{scenario} is valid: {file}");
        let loaded = fluo_rules::config::load(&SourceFile::new("fluo.yml", file.to_string()));
        assert!(loaded.has_errors(), "{scenario} is loaded: {file}");
    }
    assert!(validity_in(&config(), &json!({"store": "s"})).is_some(), "no rules");
}
