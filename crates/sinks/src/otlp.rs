//! Notifications as log records to an OpenTelemetry collector: OTLP/HTTP in JSON, `POST /v1/logs`.
//!
//! A record about an alert carries `trace_id` and `span_id` of the span that shows it best, so that a backend shows
//! it beside the trace. Collectors do not de-duplicate; `fluo.notification.id` tells repetitions apart.

use async_trait::async_trait;
use fluo_alerts::notification::{Notification, Told};
use fluo_alerts::value::Value as Aggregate;
use fluo_alerts::violation::Evidence;
use fluo_rules::rule::Severity;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::Endpoint;
use crate::limits::fit;
use crate::{Sink, SinkError};

/// Collectors take 20 MiB; what lies behind them often takes a mebibyte a record.
const MAX_BODY: usize = 1024 * 1024;

/// Posts log records.
pub struct Otlp {
    endpoint: Endpoint,
}

impl Otlp {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint: endpoint.below("/v1/logs") }
    }
}

#[async_trait]
impl Sink for Otlp {
    fn name(&self) -> &str {
        self.endpoint.sink()
    }

    fn kind(&self) -> &'static str {
        "otlp"
    }

    async fn send(&self, notification: &Notification, at: i64) -> Result<(), SinkError> {
        let body = fit(notification, MAX_BODY, |n, _| form(n, at).to_string())
            .map_err(|error| self.endpoint.refused(&error.to_string()))?;
        let answer = self.endpoint.post(body, &[], at).await?;
        // A collector that answers something else has answered with success all the same.
        let Answer { partial_success } = serde_json::from_str(&answer).unwrap_or_default();
        if partial_success.rejected() > 0 {
            let why = format!("the record was rejected: {}", partial_success.error_message);
            return Err(self.endpoint.refused(&why));
        }
        Ok(())
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Answer {
    partial_success: PartialSuccess,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PartialSuccess {
    /// A 64-bit integer: a text by the specification, a number from some.
    rejected_log_records: Value,
    error_message: String,
}

impl PartialSuccess {
    fn rejected(&self) -> i64 {
        match &self.rejected_log_records {
            Value::String(text) => text.parse().unwrap_or(0),
            number => number.as_i64().unwrap_or(0),
        }
    }
}

fn form(notification: &Notification, at: i64) -> Value {
    let closed = notification.event.is_closed();
    let (number, text) = match notification.severity {
        // The end of an alert is no second error.
        _ if closed => (9, "INFO"),
        Severity::Info => (9, "INFO"),
        Severity::Warning => (13, "WARN"),
        Severity::Critical => (18, "ERROR2"),
    };
    let mut record = json!({
        "timeUnixNano": notification.at.max(0).to_string(),
        "observedTimeUnixNano": at.max(0).to_string(),
        "severityNumber": number,
        "severityText": text,
        "eventName": format!("fluo.{}", notification.event),
        "body": {"stringValue": notification.title},
        "attributes": attributes(notification),
    });
    if let Some(span) = notification.alert.as_ref().and_then(guiltiest) {
        record["traceId"] = json!(span.trace_id);
        record["spanId"] = json!(span.span_id);
    }
    json!({
        "resourceLogs": [{
            "resource": {"attributes": [text_attribute("service.name", "fluo")]},
            "scopeLogs": [{
                "scope": {"name": "fluo", "version": env!("CARGO_PKG_VERSION")},
                "logRecords": [record],
            }],
        }],
    })
}

/// The span that shows it best, of those whose ids are ids: a collector refuses the whole request over one that is not.
fn guiltiest(alert: &Told) -> Option<&Evidence> {
    let hex =
        |text: &str, digits: usize| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    alert.violation.evidence.iter().find(|span| hex(&span.trace_id, 32) && hex(&span.span_id, 16))
}

fn attributes(notification: &Notification) -> Vec<Value> {
    let mut attributes = vec![
        text_attribute("fluo.notification.id", &notification.id.to_string()),
        text_attribute("fluo.event", notification.event.as_str()),
        text_attribute("fluo.severity", notification.severity.as_str()),
    ];
    let mut add = |key: &str, text: &str| attributes.push(text_attribute(key, text));
    if !notification.text.is_empty() {
        add("fluo.text", &notification.text);
    }
    if let Some(rule) = &notification.rule {
        add("fluo.rule", rule);
    }
    if let Some(reason) = &notification.reason {
        add("fluo.reason", reason);
    }
    for (key, value) in &notification.labels {
        add(&format!("fluo.label.{key}"), value);
    }
    if let Some(alarm) = &notification.alarm {
        add("fluo.alarm.id", &alarm.id.to_string());
        add("fluo.alarm.name", &alarm.name);
        add("fluo.alarm.state", &alarm.state);
    }
    if let Some(alert) = &notification.alert {
        add("fluo.alert.id", &alert.id.to_string());
        add("fluo.fingerprint", &alert.violation.fingerprint.to_string());
        add("fluo.condition", &alert.violation.condition);
        add("fluo.window", &alert.violation.window.to_string());
        add("fluo.starts_at", &fluo_time::moment::format(alert.violation.starts_at));
        if let Some(over) = alert.resolved_at {
            add("fluo.resolved_at", &fluo_time::moment::format(over));
        }
        for (key, value) in &alert.violation.group {
            // Without a value there is no attribute, as on the spans.
            if let Some(value) = value {
                add(&format!("fluo.group.{key}"), value);
            }
        }
        for (key, text) in &alert.annotations {
            add(&format!("fluo.annotation.{key}"), text);
        }
        if let Some(url) = alert.trace_urls.first() {
            add("fluo.trace_url", url);
        }
        let (now, peak) = match &alert.now {
            Some(now) => (&now.values, &now.peak),
            None => (&alert.violation.values, &alert.violation.peak),
        };
        for (what, values) in [("value", now), ("first", &alert.violation.values), ("peak", peak)] {
            for (name, value) in values {
                attributes.extend(number_attribute(&format!("fluo.{what}.{name}"), *value));
            }
        }
    }
    if let Some(together) = &notification.together {
        attributes.push(text_attribute("fluo.together.key", &together.key.to_string()));
        let lines: Vec<Value> =
            together.lines().into_iter().map(|line| json!({"stringValue": line})).collect();
        if !lines.is_empty() {
            attributes
                .push(json!({"key": "fluo.together.related", "value": {"arrayValue": {"values": lines}}}));
        }
    }
    if let Some(summary) = &notification.summary {
        attributes.push(json!({"key": "fluo.alerts", "value": {"intValue": summary.alerts.to_string()}}));
    }
    attributes
}

fn text_attribute(key: &str, text: &str) -> Value {
    json!({"key": key, "value": {"stringValue": text}})
}

/// Whole numbers (durations are nanoseconds) as integers where they fit, as text where they do not.
fn number_attribute(key: &str, value: Aggregate) -> Option<Value> {
    let value = match value {
        Aggregate::Int(int) | Aggregate::Duration(int) => match i64::try_from(int) {
            Ok(int) => json!({"intValue": int.to_string()}),
            Err(_) => json!({"stringValue": int.to_string()}),
        },
        Aggregate::Float(float) if float.is_finite() => json!({"doubleValue": float}),
        Aggregate::Moment(ns) => json!({"stringValue": fluo_time::moment::format(ns)}),
        Aggregate::None | Aggregate::Float(_) => return None,
    };
    Some(json!({"key": key, "value": value}))
}
