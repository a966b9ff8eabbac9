//! Labels, and the times at which an alert is open.

use fluo_alerts::notification::{Event, Notification};
use fluo_rules::rule::Severity;
use fluo_tests::http::Server;
use serde_json::Value;

use crate::notifications::{
    alarm, broken_file, event, firing, hostile, is_clean, stale, summary, texts, told_as,
};
use crate::{NOW, sink};

async fn sent(notification: &Notification) -> Value {
    let server = Server::start([]).await;
    let yaml = format!(
        "{{type: alertmanager, url: '{}', headers: {{Authorization: 'Basic eDp5'}}, expires_after: 5h}}",
        server.url("/prefix/")
    );
    sink(&yaml).send(notification, NOW).await.unwrap();
    let request = server.request();
    assert_eq!(request.line, "POST /prefix/api/v2/alerts HTTP/1.1");
    assert_eq!(request.headers["authorization"], "Basic eDp5");
    request.json()
}

#[tokio::test]
async fn wire_forms() {
    insta::assert_json_snapshot!("alertmanager_firing", sent(&firing()).await);
    insta::assert_json_snapshot!("alertmanager_fired_late", sent(&event(Event::FiredLate)).await);
    insta::assert_json_snapshot!("alertmanager_stale", sent(&stale()).await);
    insta::assert_json_snapshot!("alertmanager_summary", sent(&summary()).await);
    insta::assert_json_snapshot!("alertmanager_hostile", sent(&hostile()).await);
}

#[tokio::test]
async fn an_alert_has_the_same_labels_from_end_to_end() {
    let labels = sent(&firing()).await[0]["labels"].clone();
    for later in [Event::Renotify, Event::Reopened, Event::Resolved, Event::Withdrawn, Event::FiredLate] {
        let mut notification = event(later);
        // The rule was edited meanwhile.
        notification.labels.insert("team".to_owned(), "platform".to_owned());
        assert_eq!(sent(&notification).await[0]["labels"], labels, "{later}");
    }
}

/// Severity, and whether it is open, of each alert that is posted.
async fn posted(notification: &Notification) -> Vec<(String, bool)> {
    let now = fluo_time::moment::format(NOW);
    let body = sent(notification).await;
    let severity_and_end = |alert: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&alert["labels"]["severity"]), text(&alert["endsAt"]) > now)
    };
    body.as_array().unwrap().iter().map(severity_and_end).collect()
}

#[tokio::test]
async fn of_another_severity_it_is_another_alert_and_the_one_before_is_over() {
    use Severity::{Critical, Warning};
    let open = |severity: &str| (severity.to_owned(), true);
    let over = |severity: &str| (severity.to_owned(), false);
    for (event, severity, before, expected) in [
        (Event::Firing, Warning, vec![], vec![open("warning")]),
        (Event::Escalated, Critical, vec![Warning], vec![open("critical"), over("warning")]),
        (Event::Renotify, Critical, vec![Warning, Critical], vec![open("critical"), over("warning")]),
        (Event::Renotify, Warning, vec![Warning, Critical], vec![open("warning"), over("critical")]),
        (Event::Resolved, Critical, vec![Warning, Critical], vec![over("critical"), over("warning")]),
    ] {
        assert_eq!(posted(&told_as(event, severity, &before)).await, expected, "{event} {severity}");
    }
}

#[tokio::test]
async fn so_has_an_alarm() {
    let raised = sent(&alarm(Event::Alarm)).await;
    insta::assert_json_snapshot!("alertmanager_alarm", raised);
    assert_eq!(sent(&alarm(Event::AlarmOver)).await[0]["labels"], raised[0]["labels"]);
}

#[tokio::test]
async fn and_a_trouble() {
    let raised = sent(&broken_file(Event::RuleError)).await;
    insta::assert_json_snapshot!("alertmanager_trouble", raised);
    assert_eq!(sent(&broken_file(Event::RuleErrorOver)).await[0]["labels"], raised[0]["labels"]);
}

#[tokio::test]
async fn only_what_is_open_ends_in_the_future() {
    let now = fluo_time::moment::format(NOW);
    for (about, open) in [
        (Event::Firing, true),
        (Event::Escalated, true),
        (Event::Renotify, true),
        (Event::Reopened, true),
        (Event::Resolved, false),
        (Event::Withdrawn, false),
        (Event::FiredLate, false),
        (Event::Alarm, true),
        (Event::AlarmOver, false),
        (Event::RuleError, true),
        (Event::RuleErrorOver, false),
    ] {
        let notification = match about {
            Event::Alarm | Event::AlarmOver => alarm(about),
            Event::RuleError | Event::RuleErrorOver => broken_file(about),
            _ => event(about),
        };
        let body = sent(&notification).await;
        let time = |key: &str| body[0][key].as_str().unwrap().to_owned();
        // In this form the order of texts is the order of times.
        assert_eq!(time("endsAt") > now, open, "{about}");
        assert!(time("startsAt") < now && time("startsAt") <= time("endsAt"), "{about}");
    }
}

#[tokio::test]
async fn hostile_values_stay_values() {
    let body = sent(&hostile()).await;
    for text in texts(&body) {
        assert!(is_clean(&text) && text.len() <= 16 * 1024, "{text:?}");
    }
    for name in body[0]["labels"].as_object().unwrap().keys() {
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{name}");
    }
}
