//! Tests what pages, what closes, and what does neither.

use fluo_alerts::notification::{Event, Notification};
use fluo_tests::http::{Answer, Server};
use serde_json::{Value, json};

use crate::notifications::{
    alarm, broken_file, event, firing, hostile, huge, is_clean, stale, summary, texts,
};
use crate::{NOW, sink};

const KEY: &str = "0123456789abcdef0123456789abcdef";

async fn sent(notification: &Notification) -> Value {
    let server = Server::start([Answer::new(202, r#"{"status":"success"}"#)]).await;
    let yaml = format!("{{type: pagerduty, routing_key: {KEY}, url: '{}'}}", server.url("/v2/enqueue"));
    sink(&yaml).send(notification, NOW).await.unwrap();
    server.request().json()
}

#[tokio::test]
async fn wire_forms() {
    insta::assert_json_snapshot!("pagerduty_stale", sent(&stale()).await);
    insta::assert_json_snapshot!("pagerduty_summary", sent(&summary()).await);
}

#[tokio::test]
async fn one_incident_an_episode() {
    let key = firing().alert.unwrap().id.to_string();
    for open in [Event::Firing, Event::Escalated, Event::Renotify, Event::Reopened] {
        let body = sent(&event(open)).await;
        assert_eq!((&body["event_action"], &body["dedup_key"]), (&json!("trigger"), &json!(key)), "{open}");
    }
    // The whole of it: what is over wakes nobody, also where nobody was told before.
    let resolve = json!({"routing_key": KEY, "event_action": "resolve", "dedup_key": key});
    for closed in [Event::Resolved, Event::Withdrawn, Event::FiredLate] {
        assert_eq!(sent(&event(closed)).await, resolve, "{closed}");
    }
}

#[tokio::test]
async fn one_incident_an_alarm() {
    let body = sent(&alarm(Event::Alarm)).await;
    insta::assert_json_snapshot!("pagerduty_alarm", body);
    let resolve = json!({"routing_key": KEY, "event_action": "resolve", "dedup_key": body["dedup_key"]});
    assert_eq!(sent(&alarm(Event::AlarmOver)).await, resolve);
}

#[tokio::test]
async fn one_incident_a_trouble() {
    let body = sent(&broken_file(Event::RuleError)).await;
    insta::assert_json_snapshot!("pagerduty_trouble", body);
    let resolve = json!({"routing_key": KEY, "event_action": "resolve", "dedup_key": body["dedup_key"]});
    assert_eq!(sent(&broken_file(Event::RuleErrorOver)).await, resolve);
}

#[tokio::test]
async fn limits_are_kept() {
    let body = sent(&huge()).await;
    assert!(body.to_string().len() <= 512_000);
    assert_eq!(body["links"].as_array().unwrap().len(), 2, "the runbook and one trace");

    let mut long = firing();
    long.title = "é".repeat(500) + &"x".repeat(5_000);
    let summary = sent(&long).await["payload"]["summary"].as_str().unwrap().to_owned();
    assert!(summary.chars().count() <= 1_024 && summary.ends_with('…'));
    for text in texts(&sent(&hostile()).await) {
        assert!(is_clean(&text), "{text:?}");
    }
}

#[tokio::test]
async fn the_routing_key_is_in_no_error() {
    let server = Server::start([Answer::new(400, &format!("invalid key {KEY}"))]).await;
    let yaml = format!("{{type: pagerduty, routing_key: {KEY}, url: '{}'}}", server.url("/v2/enqueue"));
    let error = sink(&yaml).send(&firing(), NOW).await.unwrap_err();
    assert!(!error.is_retry());
    assert!(error.to_string().ends_with("invalid key ***"), "{error}");
}
