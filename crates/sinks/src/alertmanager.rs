//! Alerts to Alertmanager's API v2 (`POST /api/v2/alerts`).
//!
//! Alertmanager tells alerts apart by their labels, so everything that is an alert's identity here is a label there:
//! the rule (`alertname`) and the group's values under legal names, and `fingerprint`, which keeps groups apart whose
//! values look alike after cleaning. Labels are those that were told when the alert first fired, so that a rule edited
//! meanwhile still closes the alert that it opened.
//!
//! The label `together` is the same of all alerts that are related, and stays for as long as each of them lives: a route
//! with `group_by: [together]` makes one message of them.
//!
//! An alert of a rule with levels is another alert there when its severity is another: the one that was told before is
//! ended with the same request.
//!
//! Alertmanager lets an alert expire that is not sent again; fluo tells of one again at `realert` only. An open alert is
//! therefore sent with an `endsAt` in the future (`expires_after`, default 25 h: the longest `realert` is a day).
//!
//! | event | `startsAt` | `endsAt` |
//! | --- | --- | --- |
//! | `firing`, `escalated`, `renotify`, `reopened` | the violation's start | now + `expires_after` |
//! | `resolved`, `withdrawn` | the violation's start | when it was over |
//! | `fired_late` | the violation's start | when it was over: Alertmanager notifies nobody of an alert that it first hears of as resolved |
//! | `alarm` (`FluoAlarm`) | when it was raised | now + `expires_after` |
//! | `alarm_over` (`FluoAlarm`) | when it was over; Alertmanager keeps the start that it knows | the same |
//! | a trouble of fluo's own (`FluoRuleError` …) | when it was found | now + 30 days: what is told once stays open until its all-clear |
//! | its all-clear (`rule_error_over` …) | when it was found | when it was over |
//! | events about none of these (`FluoSummary`, `FluoUnjudged`) | when it was decided | five hours later |

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use fluo_alerts::escape::plain;
use fluo_alerts::notification::{Event, Notification, Together, Told};
use fluo_alerts::template::{NO_VALUE, SUMMARY};
use fluo_rules::rule::Severity;
use fluo_time::moment;
use serde_json::{Value, json};

use crate::clean::clean;
use crate::http::Endpoint;
use crate::message::Message;
use crate::{Sink, SinkError};

/// The time that an open alert stays open at Alertmanager without being told again, unless configured.
pub(crate) const EXPIRES_AFTER: Duration = Duration::from_hours(25);

/// The time that a trouble stays open whose all-clear never comes.
const TROUBLE_EXPIRES_AFTER: Duration = Duration::from_hours(30 * 24);

/// The time that an event without an end of its own stays open.
const EVENT_EXPIRES_AFTER: Duration = Duration::from_hours(5);

/// Posts alerts.
pub struct Alertmanager {
    endpoint: Endpoint,
    expires_after: Duration,
}

impl Alertmanager {
    pub(crate) fn new(endpoint: Endpoint, expires_after: Duration) -> Self {
        Self { endpoint: endpoint.below("/api/v2/alerts"), expires_after }
    }
}

#[async_trait]
impl Sink for Alertmanager {
    fn name(&self) -> &str {
        self.endpoint.sink()
    }

    fn kind(&self) -> &'static str {
        "alertmanager"
    }

    async fn send(&self, notification: &Notification, at: i64) -> Result<(), SinkError> {
        let body = Value::Array(forms(&clean(notification), at, self.expires_after)).to_string();
        self.endpoint.post(body, &[], at).await.map(drop)
    }
}

/// The alert, and the same as of the other severities that it was told as.
fn forms(notification: &Notification, at: i64, expires_after: Duration) -> Vec<Value> {
    let ends_at = ends_at(notification, at, expires_after);
    let Some(alert) = &notification.alert else {
        let since = notification.trouble.as_ref().map(|trouble| trouble.since);
        let starts_at = since.unwrap_or(notification.at);
        return vec![form(notification, &event_labels(notification), starts_at, ends_at)];
    };
    let of_severity = |severity, ends_at| {
        let together = notification.together.as_ref();
        form(notification, &alert_labels(alert, severity, together), alert.violation.starts_at, ends_at)
    };
    let told = alert.now.iter().flat_map(|now| &now.told_as);
    let others = told.filter(|told| **told != notification.severity);
    std::iter::once(of_severity(notification.severity, ends_at))
        .chain(others.map(|other| of_severity(*other, ends_at.min(at))))
        .collect()
}

fn form(
    notification: &Notification,
    labels: &BTreeMap<String, String>,
    starts_at: i64,
    ends_at: i64,
) -> Value {
    json!({
        "labels": labels,
        "annotations": annotations(notification),
        "startsAt": moment::format(starts_at),
        // Alertmanager refuses an end before the start.
        "endsAt": moment::format(ends_at.max(starts_at)),
    })
}

fn ends_at(notification: &Notification, at: i64, expires_after: Duration) -> i64 {
    let Some(alert) = &notification.alert else {
        return match notification.event {
            Event::Alarm => later(at, expires_after),
            event if event.is_closed() => notification.at.min(at),
            event if event.opens() => later(at, TROUBLE_EXPIRES_AFTER),
            _ => later(notification.at, EVENT_EXPIRES_AFTER),
        };
    };
    match notification.event {
        // An end that lies in the future would leave it open.
        Event::Resolved | Event::Withdrawn => alert.resolved_at.unwrap_or(notification.at).min(at),
        Event::FiredLate => alert.resolved_at.unwrap_or(alert.violation.ends_at).min(at),
        _ => later(at, expires_after),
    }
}

fn later(ns: i64, by: Duration) -> i64 {
    ns.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX))
}

fn alert_labels(alert: &Told, severity: Severity, together: Option<&Together>) -> BTreeMap<String, String> {
    let violation = &alert.violation;
    let mut labels = Labels::default();
    labels.own("alertname", &violation.rule);
    labels.own("severity", severity.as_str());
    labels.own("fingerprint", &violation.fingerprint.to_string());
    if let Some(Together { key, .. }) = together {
        labels.own("together", &key.to_string());
    }
    for (key, value) in &violation.labels {
        labels.add(key, "label_", value);
    }
    for (key, value) in &violation.group {
        labels.add(key, "group_", value.as_deref().unwrap_or(NO_VALUE));
    }
    labels.0
}

/// Without the notification's id: a repetition is the same alert, and so is the end of a trouble or an alarm.
fn event_labels(notification: &Notification) -> BTreeMap<String, String> {
    let mut labels = Labels::default();
    labels.own(
        "alertname",
        match notification.event {
            Event::Summary => "FluoSummary",
            Event::RuleError | Event::RuleErrorOver => "FluoRuleError",
            Event::FileError | Event::FileErrorOver => "FluoFileError",
            Event::SinkError | Event::SinkErrorOver => "FluoSinkError",
            Event::PipelineStale | Event::PipelineStaleOver => "FluoPipelineStale",
            Event::SpansSetAside | Event::SpansSetAsideOver => "FluoSpansSetAside",
            Event::SpansTooLate | Event::SpansTooLateOver => "FluoSpansTooLate",
            Event::FutureState | Event::FutureStateOver => "FluoFutureState",
            Event::Unjudged => "FluoUnjudged",
            Event::Alarm | Event::AlarmOver => "FluoAlarm",
            // These tell of an alert; without one there is nothing better than to say so.
            Event::Firing
            | Event::Escalated
            | Event::Renotify
            | Event::Reopened
            | Event::Resolved
            | Event::FiredLate
            | Event::Withdrawn => "FluoAlert",
        },
    );
    labels.own("severity", notification.severity.as_str());
    if let Some(rule) = &notification.rule {
        labels.own("rule", rule);
    }
    if let Some(alarm) = &notification.alarm {
        labels.own("alarm", &alarm.name);
        labels.own("fingerprint", &alarm.id.to_string());
    }
    if let Some(trouble) = &notification.trouble {
        if let Some(name) = &trouble.name {
            labels.own("subject", name);
        }
        labels.own("fingerprint", &trouble.id.to_string());
    }
    for (key, value) in &notification.labels {
        labels.add(key, "label_", value);
    }
    labels.0
}

fn annotations(notification: &Notification) -> BTreeMap<String, String> {
    let message = Message::of(notification);
    let mut annotations = Labels::default();
    annotations.own("summary", &notification.title);
    annotations.own("description", &notification.text);
    annotations.own("event", notification.event.as_str());
    annotations.own("notification_id", &notification.id.to_string());
    if let Some(reason) = &notification.reason {
        annotations.own("reason", reason);
    }
    if let Some(alert) = &notification.alert {
        let shown = alert.now.as_ref().map_or(&alert.values, |now| &now.shown);
        for (name, value) in shown {
            annotations.add(&format!("value_{name}"), "", value);
        }
        for (key, text) in &alert.annotations {
            // The title is what became of it.
            if key != SUMMARY {
                annotations.add(key, "annotation_", text);
            }
        }
    }
    for (at, (_, url)) in message.traces.iter().enumerate() {
        if let Some(url) = url {
            annotations.add(&format!("trace {} url", at + 1), "", url.as_str());
        }
    }
    if notification.summary.is_some() {
        annotations.own("largest", &message.listed.join("\n"));
    } else {
        annotations.own("related", &message.listed.join("\n"));
    }
    annotations.0
}

/// Names and values with names that Alertmanager takes, none of them twice.
#[derive(Default)]
struct Labels(BTreeMap<String, String>);

impl Labels {
    /// A name that is legal and not taken yet; what is empty is not sent, for it is the same as absent there.
    fn own(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }

    /// `key` made legal; where that is taken, with `prefix` before it, then with a number behind it.
    fn add(&mut self, key: &str, prefix: &str, value: &str) {
        let name = legal(&plain(key));
        let mut candidate = name.clone();
        if self.is_taken(&candidate) && !prefix.is_empty() {
            candidate = format!("{prefix}{name}");
        }
        let base = candidate.clone();
        let mut number = 2;
        while self.is_taken(&candidate) {
            candidate = format!("{base}_{number}");
            number += 1;
        }
        self.own(&candidate, value);
    }

    fn is_taken(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`, and not two underscores first, which Prometheus keeps for itself.
fn legal(key: &str) -> String {
    let name: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let rest = name.trim_start_matches('_');
    if rest.len() < name.len() || rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit()) {
        return format!("_{rest}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_names_are_legal() {
        let cases = [
            ("deployment.environment", "deployment_environment"),
            ("team", "team"),
            ("_private", "_private"),
            ("__name__", "_name__"),
            ("2fa", "_2fa"),
            ("größe", "gr__e"),
            ("", "_"),
            ("\u{202e}日本", "_"),
            ("a\"} or {x=\"", "a___or__x__"),
        ];
        for (key, expected) in cases {
            let mut labels = Labels::default();
            labels.add(key, "group_", "x");
            assert_eq!(labels.0.into_keys().collect::<Vec<_>>(), [expected], "{key:?}");
        }
    }

    #[test]
    fn names_that_become_equal_are_kept_apart() {
        let mut labels = Labels::default();
        labels.own("alertname", "r");
        for (key, prefix) in [
            ("a.b", "label_"),
            ("a-b", "label_"),
            ("alertname", "label_"),
            ("a_b", "group_"),
            ("a b", "group_"),
        ] {
            labels.add(key, prefix, key);
        }
        let expected = [
            ("a_b", "a.b"),
            ("alertname", "r"),
            ("group_a_b", "a_b"),
            ("group_a_b_2", "a b"),
            ("label_a_b", "a-b"),
            ("label_alertname", "alertname"),
        ];
        assert_eq!(labels.0, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    }
}
