//! The JSON Schema knows what the loader knows.
//!
//! Instances are checked by a small validator of the keywords that the schema uses; it refuses a schema with
//! any other, so that nothing is taken for valid because it was not looked at.

use fluo_rules::schema::schema;
use serde_json::{Value, json};

fn parsed() -> Value {
    serde_json::from_str(&schema()).unwrap()
}

/// Why `instance` is not valid against `schema`, if it is not.
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

fn validity(instance: &Value) -> Option<String> {
    let root = parsed();
    invalid(&root, &root, instance)
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
        ("what is not supported yet", json!([{"name": "a", "trace": {}}])),
    ] {
        assert!(validity(&instance).is_some(), "{scenario} is valid: {instance}");
    }
}

#[test]
fn every_definition_is_used_and_every_key_described() {
    let text = schema();
    let root = parsed();
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
