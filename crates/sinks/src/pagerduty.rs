//! Events to the Events API v2 of the pager that the module is named after: `trigger` pages, `resolve` closes.
//!
//! | event | sent | `dedup_key` |
//! | --- | --- | --- |
//! | `firing`, `escalated`, `renotify`, `reopened` | `trigger`; it is added to the incident that is open already | the episode's id |
//! | `resolved`, `withdrawn` | `resolve` | the episode's id |
//! | `fired_late` | `resolve`, which is ignored where nothing is open: it is over, nobody is to be woken | the episode's id |
//! | `alarm` | `trigger` | the alarm's id |
//! | `alarm_over` | `resolve` | the alarm's id |
//! | a trouble of fluo's own (`rule_error` …) | `trigger` with the notification's severity | the trouble's id |
//! | its all-clear (`rule_error_over` …) | `resolve` | the trouble's id |
//! | `summary`, `unjudged` | `trigger` with the notification's severity | the notification's id |
//!
//! Each of some related alerts is an incident of its own. Their common key is the event's `group`, by which the service can
//! group them.
//!
//! The last kind has no end that fluo tells: whoever took care of it resolves the incident. A retried delivery has the
//! same key and so never makes a second incident.

use async_trait::async_trait;
use fluo_alerts::notification::{Notification, Told};
use fluo_rules::rule::Severity;
use fluo_time::moment;
use serde_json::{Map, Value, json};

use crate::cut::cut;
use crate::http::Endpoint;
use crate::limits::fit;
use crate::message::Message;
use crate::{Sink, SinkError};

/// The address that events go to, unless configured otherwise.
pub(crate) const URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// The API refuses events above 512 KB.
const MAX_BODY: usize = 500_000;

/// And summaries above this many characters.
const MAX_SUMMARY: usize = 1_024;

/// Sends events of one integration.
pub struct PagerDuty {
    endpoint: Endpoint,
    routing_key: String,
}

impl PagerDuty {
    pub(crate) fn new(mut endpoint: Endpoint, routing_key: String) -> Self {
        endpoint.hide(routing_key.clone());
        Self { endpoint, routing_key }
    }

    fn form(&self, notification: &Notification) -> Value {
        let key = notification.about().to_string();
        if notification.event.is_closed() {
            return json!({"routing_key": self.routing_key, "event_action": "resolve", "dedup_key": key});
        }
        self.trigger(notification, &key)
    }

    fn trigger(&self, notification: &Notification, key: &str) -> Value {
        let message = Message::of(notification);
        let alert = notification.alert.as_ref().map(|alert| alert.violation.starts_at);
        let trouble = notification.trouble.as_ref().map(|trouble| trouble.since);
        let began = alert.or(trouble).unwrap_or(notification.at);
        let service = notification.alert.as_ref().and_then(service);
        let mut payload = json!({
            "summary": cut(&message.title, MAX_SUMMARY),
            "source": service.or(notification.rule.as_deref()).unwrap_or("fluo"),
            "severity": severity(notification.severity),
            "timestamp": moment::format(began),
            "class": notification.rule.as_deref().unwrap_or(notification.event.as_str()),
            "custom_details": details(notification, &message),
        });
        if let Some(service) = service {
            payload["component"] = json!(service);
        }
        if let Some(together) = &notification.together {
            payload["group"] = json!(together.key);
        }
        let links: Vec<_> = message
            .all_links()
            .iter()
            .map(|(text, url)| json!({"href": url.as_str(), "text": text}))
            .collect();
        json!({
            "routing_key": self.routing_key,
            "event_action": "trigger",
            "dedup_key": key,
            "client": "fluo",
            "payload": payload,
            "links": links,
        })
    }
}

#[async_trait]
impl Sink for PagerDuty {
    fn name(&self) -> &str {
        self.endpoint.sink()
    }

    fn kind(&self) -> &'static str {
        "pagerduty"
    }

    async fn send(&self, notification: &Notification, at: i64) -> Result<(), SinkError> {
        let body = fit(notification, MAX_BODY, |n, _| self.form(n).to_string())
            .map_err(|error| self.endpoint.refused(&error.to_string()))?;
        self.endpoint.post(body, &[], at).await.map(drop)
    }
}

/// The API knows `error` besides, which fluo has nothing for.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

/// The service of the span that shows it best.
fn service(alert: &Told) -> Option<&str> {
    alert.violation.evidence.first()?.service_name.as_deref()
}

/// Returns what an incident shows below its title. These are shown as they are, without markup.
fn details(notification: &Notification, message: &Message) -> Value {
    let mut details = Map::new();
    let mut add = |key: &str, value: Value| {
        details.insert(key.to_owned(), value);
    };
    add("event", json!(notification.event.as_str()));
    add("text", json!(notification.text));
    add("labels", json!(notification.labels));
    if let Some(alert) = &notification.alert {
        let violation = &alert.violation;
        let group: Map<_, _> =
            violation.group.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        add("group", json!(group));
        add("condition", json!(violation.condition));
        add("window", json!(violation.window.to_string()));
        add("fingerprint", json!(violation.fingerprint));
        add("rule_hash", json!(alert.rule_hash));
    }
    if let Some(alarm) = &notification.alarm {
        add("alarm", json!(alarm.name));
        add("state", json!(alarm.state));
    }
    if let Some(summary) = &notification.summary {
        add("alerts", json!(summary.alerts));
        add("largest", json!(message.listed));
    }
    if notification.together.as_ref().is_some_and(|together| !together.alerts.is_empty()) {
        add("related", json!(message.listed));
    }
    add("notification_id", json!(message.id));
    Value::Object(details)
}
