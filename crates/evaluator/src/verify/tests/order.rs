//! Objects of JSON have no order: an alert holds in whatever order its group and values come back.

use fluo_alerts::notification::Notification;
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::Value;

use super::Store;

const KEYS: [&str; 5] = ["service_name", "name", "kind", "user.id", "http.route"];

const AGGREGATES: [&str; 5] = [
    "slow: {p99: duration}",
    "failed: {count: {where: status = error}}",
    "mean: {avg: duration}",
    "longest: {max: duration}",
    "different: {count_distinct: user.id}",
];

const SPANS: &str =
    "{at: 2s..52s, every: 5s, service_name: auth, name: login, kind: server, status: error, duration: 70ms,
    attributes: {user.id: u1, http.route: /login}}";

/// A rule with at least two group keys and two aggregates, in any order.
fn rule() -> impl Strategy<Value = String> {
    let keys = subsequence(KEYS.to_vec(), 2..=KEYS.len()).prop_shuffle();
    let aggregates = subsequence(AGGREGATES.to_vec(), 1..AGGREGATES.len()).prop_map(|mut aggregates| {
        aggregates.push("all: count");
        aggregates
    });
    let every = prop_oneof![Just(""), Just("  every: 10s\n")];
    (keys, aggregates.prop_shuffle(), every).prop_map(|(keys, aggregates, every)| {
        let (keys, aggregates) = (keys.join(", "), aggregates.join(", "));
        format!(
            "- name: ordered\n  span: {{service_name: auth}}\n{every}  group_by: [{keys}]\n  \
             aggregation: {{{aggregates}}}\n  condition: all > 2\n"
        )
    })
}

/// Sorts the members of all objects by name, as a tool does that reads into a map; or the other way round.
fn rewritten(value: &Value, backwards: bool) -> String {
    match value {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::from(name.as_str()), rewritten(value, backwards))
            };
            let mut members: Vec<String> = members.iter().map(member).collect();
            if backwards {
                members.reverse();
            }
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| rewritten(item, backwards)).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

async fn check(rule: &str) -> Result<(), TestCaseError> {
    let store = Store::new(rule);
    store.tick(-120).await;
    store.add(SPANS).await;
    let told = store.tick(180).await;
    let told = told.iter().find(|told| told.alert.is_some());
    let Some(told) = told else { return Err(TestCaseError::fail("nothing was told")) };
    let line = serde_json::to_string(told).unwrap();
    let value: Value = serde_json::from_str(&line).unwrap();
    for text in [line, rewritten(&value, false), rewritten(&value, true)] {
        let told: Notification = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(store.verify(&told).await.findings, [], "{}", text);
    }
    let mut forged: Notification = told.clone();
    forged.alert.as_mut().unwrap().violation.values.reverse();
    forged.alert.as_mut().unwrap().violation.values[0].1 = fluo_alerts::value::Value::Int(400);
    prop_assert!(!store.verify(&forged).await.holds, "another value is found in any order");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn an_alert_holds_whatever_a_json_tool_did_to_the_order(rule in rule()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(&rule))?;
    }
}
