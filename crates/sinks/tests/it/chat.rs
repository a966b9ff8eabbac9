//! Slack and Teams.

use serde_json::Value;

use crate::notifications::{alarm, broken_file, firing, hostile, huge, is_clean, stale, summary, texts};
use crate::{NOW, sink};
use fluo_alerts::notification::{Event, Notification};
use fluo_tests::http::{Answer, Server};

async fn sent(kind: &str, notification: &Notification) -> Value {
    let server = Server::start([]).await;
    let yaml = format!("{{type: {kind}, url: '{}'}}", server.url("/hook"));
    sink(&yaml).send(notification, NOW).await.unwrap();
    server.request().json()
}

#[tokio::test]
async fn slack_wire_forms() {
    insta::assert_json_snapshot!("slack_stale", sent("slack", &stale()).await);
    insta::assert_json_snapshot!("slack_summary", sent("slack", &summary()).await);
    insta::assert_json_snapshot!("slack_alarm", sent("slack", &alarm(Event::Alarm)).await);
}

#[tokio::test]
async fn teams_wire_forms() {
    insta::assert_json_snapshot!("teams_stale", sent("teams", &stale()).await);
    insta::assert_json_snapshot!("teams_alarm_over", sent("teams", &alarm(Event::AlarmOver)).await);
    insta::assert_json_snapshot!(
        "teams_trouble_over",
        sent("teams", &broken_file(Event::RuleErrorOver)).await
    );
}

#[tokio::test]
async fn in_slack_only_our_own_links_are_markup() {
    let body = sent("slack", &hostile()).await;
    for text in texts(&body) {
        assert!(is_clean(&text), "{text:?}");
        let ours = text.strip_prefix("<https://traces.example/a%7Cb%3Cc%3Ed)e|Trace 1>").unwrap_or(&text);
        assert!(!ours.contains(['<', '>']), "{text:?}");
    }
    let markup: Vec<_> = find(&body, "mrkdwn");
    assert_eq!(markup.len(), 1, "the links");
    assert_eq!(body["unfurl_links"], false);
}

#[tokio::test]
async fn in_teams_no_text_is_markdown() {
    let body = sent("teams", &hostile()).await;
    assert!(find(&body, "TextBlock").is_empty() && find(&body, "FactSet").is_empty());
    for run in find(&body, "TextRun") {
        let text = run["text"].as_str().unwrap();
        assert!(is_clean(text) && !text.contains("{{"), "{text:?}");
    }
    for action in find(&body, "Action.OpenUrl") {
        assert!(action["url"].as_str().unwrap().starts_with("https://traces.example/"), "{action}");
    }
}

#[tokio::test]
async fn messages_keep_to_the_services_limits() {
    for notification in [hostile(), huge(), many_facts()] {
        let slack = sent("slack", &notification).await;
        assert!(slack["blocks"].as_array().unwrap().len() <= 50);
        for block in slack["blocks"].as_array().unwrap() {
            let max = if block["type"] == "header" { 150 } else { 3_000 };
            let texts = block.get("text").into_iter().map(|text| (text, max));
            let fields = block["fields"].as_array().into_iter().flatten().map(|text| (text, 2_000));
            assert!(block["fields"].as_array().is_none_or(|fields| fields.len() <= 10));
            for (text, max) in texts.chain(fields) {
                let text = text["text"].as_str().unwrap();
                assert!(!text.is_empty() && text.encode_utf16().count() <= max, "{text}");
            }
        }
        let teams = sent("teams", &notification).await.to_string();
        assert!(teams.len() <= 24 * 1024, "{}", teams.len());
    }
    let slack = sent("slack", &many_facts()).await.to_string();
    assert!(slack.contains("more\""), "{slack}");
}

/// As much as there can be of everything, in characters that take three bytes.
fn many_facts() -> Notification {
    let mut notification = firing();
    notification.text = vec!["日\"".repeat(200); 40].join("\n");
    let alert = notification.alert.as_mut().unwrap();
    alert.trace_urls = (0..20).map(|n| format!("https://traces.example/{n}/{}", "x".repeat(900))).collect();
    alert.violation.group =
        (0..100).map(|n| (format!("{}.{n}", "鍵".repeat(100)), Some("日".repeat(300)))).collect();
    let span = alert.violation.evidence[0].clone();
    alert.violation.evidence = vec![span; 100];
    notification
}

#[tokio::test]
async fn slacks_own_words_are_told() {
    let server = Server::start([Answer::new(400, "invalid_blocks")]).await;
    let sink =
        sink(&format!("{{type: slack, name: ops, url: '{}'}}", server.url("/services/T/B/secretsecret")));
    let error = sink.send(&firing(), NOW).await.unwrap_err();
    assert!(!error.is_retry());
    assert!(error.to_string().ends_with("400 Bad Request: invalid_blocks"), "{error}");
}

/// Every object of that `type`.
fn find(json: &Value, kind: &str) -> Vec<Value> {
    let inner: Vec<_> = match json {
        Value::Array(items) => items.iter().flat_map(|item| find(item, kind)).collect(),
        Value::Object(map) => map.values().flat_map(|item| find(item, kind)).collect(),
        _ => Vec::new(),
    };
    let own = (json["type"] == kind).then(|| json.clone());
    own.into_iter().chain(inner).collect()
}
