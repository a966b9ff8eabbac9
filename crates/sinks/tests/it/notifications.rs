//! Notifications to send: an alert in its stages, one about the pipeline, many at once, and one whose every value is
//! from an attacker.

use std::collections::BTreeMap;

use fluo_alerts::fingerprint::fingerprint;
use fluo_alerts::notification::{
    Alarm, Event, FileRef, Id, Notification, Now, Related, SCHEMA, Summary, SummaryLine, Together, Told,
    TroubleRef,
};
use fluo_alerts::reading::Reading;
use fluo_alerts::value::Value;
use fluo_alerts::violation::{Evidence, Violation};
use fluo_rules::rule::Severity;
use fluo_time::Nanos;

/// 2026-11-22T11:04:51.200Z.
const STARTS_AT: i64 = 1_795_345_491_200_000_000;
/// 2026-11-22T11:06:14.250Z.
const AT: i64 = 1_795_345_574_250_000_000;
const SECOND: i64 = 1_000_000_000;

fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// The alert of the product's story.
pub(crate) fn firing() -> Notification {
    alert(Event::Firing, "prod", "auth-service")
}

/// An event of that alert.
pub(crate) fn event(event: Event) -> Notification {
    let mut notification = alert(event, "prod", "auth-service");
    if event.is_closed() {
        notification.alert.as_mut().unwrap().resolved_at = Some(AT - 2 * SECOND);
    }
    notification
}

/// An alert with levels, told as this severity, and before as others.
pub(crate) fn told_as(event: Event, severity: Severity, before: &[Severity]) -> Notification {
    let mut notification = self::event(event);
    notification.severity = severity;
    let now = notification.alert.as_mut().and_then(|alert| alert.now.as_mut()).unwrap();
    (now.severity, now.told_as) = (Some(severity), before.to_vec());
    notification
}

fn alert(event: Event, environment: &str, service: &str) -> Notification {
    let rule = "AuthFailuresRule";
    let group = vec![
        ("deployment.environment".to_owned(), Some(environment.to_owned())),
        ("cloud.region".to_owned(), None),
    ];
    let key: Vec<_> = group.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
    let fingerprint = fingerprint(rule, &key);
    let id = Id::of_episode(&fingerprint, STARTS_AT);
    let labels = map([("team", "payments"), ("area", "login")]);
    let summary = format!(
        "{rule}: count = 6, p99 = 1.2s (gt(count, 5)) in 1m for deployment.environment={environment}"
    );
    let title =
        format!("WARNING {event}: {rule}: count = 40, limit 5 for deployment.environment={environment}");
    let evidence = |n: i64| Evidence {
        trace_id: format!("5b8efff798038103d269b633813fc6{n:02x}"),
        span_id: format!("eee19b7ec3c1b1{n:02x}"),
        service_name: Some(service.to_owned()),
        name: "auth_user".to_owned(),
        end_time: STARTS_AT - n * SECOND,
        duration_ns: 12_000_000,
        status: Some("error".to_owned()),
        status_message: Some("bad token".to_owned()),
        attributes: map([("http.status_code", "401"), ("error.type", "AuthenticationError")]),
    };
    Notification {
        schema: SCHEMA.to_owned(),
        id: Id::of_notification(&id.to_string(), event, 0),
        event,
        at: AT,
        severity: Severity::Warning,
        text: "count = 40, limit 5\np99 = 1.2s".to_owned(),
        title,
        rule: Some(rule.to_owned()),
        labels: labels.clone(),
        reason: None,
        alert: Some(Told {
            id,
            violation: Violation {
                rule: rule.to_owned(),
                severity: Severity::Warning,
                labels,
                group,
                fingerprint,
                condition: "gt(count, 5)".to_owned(),
                starts_at: STARTS_AT,
                ends_at: STARTS_AT + 60 * SECOND,
                ongoing: false,
                window: Nanos::MINUTE,
                values: vec![
                    ("count".to_owned(), Value::Int(6)),
                    ("p99".to_owned(), Value::Duration(1_200_000_000)),
                    ("ratio".to_owned(), Value::Float(0.25)),
                ],
                peak: vec![("count".to_owned(), Value::Int(41)), ("p99".to_owned(), Value::None)],
                evidence: vec![evidence(1), evidence(2)],
                top: Vec::new(),
                failed: Vec::new(),
                summary,
                partial: false,
            },
            resolved_at: None,
            values: vec![
                ("count".to_owned(), "6".to_owned()),
                ("p99".to_owned(), "1.2s".to_owned()),
                ("ratio".to_owned(), "0.25".to_owned()),
            ],
            now: Some(Now {
                failed: Vec::new(),
                starts_at: STARTS_AT,
                at: STARTS_AT + 60 * SECOND,
                severity: None,
                told_as: Vec::new(),
                resolve_condition: None,
                values: vec![
                    ("count".to_owned(), Value::Int(40)),
                    ("p99".to_owned(), Value::Duration(1_200_000_000)),
                    ("ratio".to_owned(), Value::Float(0.25)),
                ],
                shown: vec![("count".to_owned(), "40".to_owned()), ("p99".to_owned(), "1.2s".to_owned())],
                peak_at: STARTS_AT + 50 * SECOND,
                peak: vec![("count".to_owned(), Value::Int(41)), ("p99".to_owned(), Value::None)],
                description: None,
                readings: vec![
                    reading("count", "40", "41", "limit 5"),
                    reading("p99", "1.2s", "no value", ""),
                ],
                top: Vec::new(),
                untold: vec![],
                notes: Vec::new(),
            }),
            annotations: map([
                ("runbook_url", "https://runbooks.example/login?team=payments&x=1"),
                ("impact", "Customers cannot log in."),
            ]),
            trace_urls: vec!["https://traces.example/5b8efff798038103d269b633813fc601".to_owned()],
            rule_hash: "00".repeat(32),
            files: vec![FileRef {
                name: "spans/date=2026-11-22/hour=11/a.parquet".to_owned(),
                etag: "e".to_owned(),
            }],
        }),
        summary: None,
        together: None,
        alarm: None,
        trouble: None,
    }
}

fn reading(what: &str, value: &str, peak: &str, limit: &str) -> Reading {
    let [what, value, peak, limit] = [what, value, peak, limit].map(str::to_owned);
    Reading { what, value, peak, limit, falls: false }
}

/// Nothing arrives any more.
pub(crate) fn stale() -> Notification {
    let trouble = TroubleRef {
        id: Id::of_trouble("pipeline", "", AT),
        kind: "pipeline".to_owned(),
        name: None,
        since: AT,
    };
    Notification {
        id: Id::of_notification(&trouble.id.to_string(), Event::PipelineStale, 0),
        event: Event::PipelineStale,
        severity: Severity::Critical,
        title: "CRITICAL No spans arrive".to_owned(),
        text: "No span file has arrived for 10m.\nNothing can be judged until one does.".to_owned(),
        rule: None,
        labels: BTreeMap::new(),
        reason: Some("the newest is of 2026-11-22T10:55:00.000Z".to_owned()),
        alert: None,
        trouble: Some(trouble),
        ..firing()
    }
}

/// A rule file does not load, or does again.
pub(crate) fn broken_file(event: Event) -> Notification {
    let (name, since) = ("rules/login\u{1b}[31m.yml", AT - 3600 * SECOND);
    let id = Id::of_trouble("rule_file", name, since);
    Notification {
        id: Id::of_notification(&id.to_string(), event, 0),
        event,
        title: "CRITICAL Rule file does not load: rules/login.yml".to_owned(),
        text: "unknown key `spam`.".to_owned(),
        reason: Some("rules/login.yml:1:3: unknown key `spam`".to_owned()),
        trouble: Some(TroubleRef { id, kind: "rule_file".to_owned(), name: Some(name.to_owned()), since }),
        ..stale()
    }
}

/// Returns an alarm: what watches the evaluator speaks.
pub(crate) fn alarm(event: Event) -> Notification {
    let arn = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:fluo-no-evaluations";
    let (state, word) = if event == Event::Alarm { ("ALARM", "alarm") } else { ("OK", "alarm over") };
    Notification {
        id: Id::of_notification(arn, event, 1_795_345_574_250),
        event,
        severity: Severity::Critical,
        title: format!("CRITICAL {word}: fluo-no-evaluations"),
        text: "No rule was evaluated for ten minutes.".to_owned(),
        reason: Some("Threshold Crossed: no datapoints were received for 2 periods.".to_owned()),
        alarm: Some(Alarm {
            id: Id::of_alarm(arn),
            name: "fluo-no-evaluations".to_owned(),
            state: state.to_owned(),
        }),
        trouble: None,
        ..stale()
    }
}

/// More alerts of one rule than are sent one by one.
pub(crate) fn summary() -> Notification {
    let line = |n: u8| SummaryLine {
        id: Id::of_episode(&fingerprint("AuthFailuresRule", &[]), i64::from(n)),
        group: vec![("user".to_owned(), Some(format!("user-{n}")))],
        values: vec![("count".to_owned(), (90 - n).to_string())],
        starts_at: STARTS_AT,
        ends_at: AT,
    };
    Notification {
        id: Id::of_notification("AuthFailuresRule", Event::Summary, 0),
        event: Event::Summary,
        title: "WARNING many alerts: AuthFailuresRule: 60 alerts (60 firing)".to_owned(),
        text: "60 alerts (60 firing)\nuser=user-0: count = 90".to_owned(),
        alert: None,
        summary: Some(Summary {
            alerts: 60,
            differing: Vec::new(),
            common: Vec::new(),
            largest: (0..3).map(line).collect(),
        }),
        ..firing()
    }
}

/// Texts that try to be something else than text in one of the formats.
pub(crate) const ATTACKS: [&str; 12] = [
    "<!channel> <!here> <@U123>",
    "<https://evil.example|click>",
    "*bold* _italic_ ~strike~ `code`",
    "@here @channel <at>everyone</at>",
    "[click](https://evil.example) ![x](https://evil.example/p.png)",
    "<script>alert(1)</script>&lt;!channel&gt;",
    "a\r\nX-Injected: yes\r\n\r\nbody",
    "\u{1b}[31mred\u{1b}[0m\u{9b}2J\u{7}",
    "invoice\u{202e}fdp.exe",
    "{{DATE(2026-11-22T11:04:51Z, SHORT)}} {{{x}}}",
    "\"}],\"routing_key\":\"stolen\"",
    "\0\u{feff}\u{2028}ALERT resolved",
];

/// Every value that comes from spans is an attack, and one of them is 10 KiB long.
pub(crate) fn hostile() -> Notification {
    let mut notification = alert(Event::Firing, ATTACKS[0], ATTACKS[3]);
    let long = "A".repeat(10 * 1024);
    notification.title = ATTACKS[..6].join(" ");
    notification.text = format!("{}\n{}", ATTACKS[1], ATTACKS[4]);
    notification.reason = Some(ATTACKS[7].to_owned());
    let alert = notification.alert.as_mut().unwrap();
    ATTACKS[2].clone_into(&mut alert.now.as_mut().unwrap().readings[0].value);
    alert.annotations = map([("impact", ATTACKS[9]), ("runbook_url", "javascript:alert(1)")]);
    alert.trace_urls = vec!["https://traces.example/a|b<c>d)e".to_owned(), "file:///etc/passwd".to_owned()];
    let violation = &mut alert.violation;
    violation.group = ATTACKS
        .iter()
        .enumerate()
        .map(|(n, attack)| (format!("key.{n}"), Some((*attack).to_owned())))
        .chain([("key-0".to_owned(), Some(long))])
        .collect();
    let related = |(place, attack): (u64, &&str)| Related {
        id: notification.id,
        place,
        rule: (*attack).to_owned(),
        severity: Severity::Critical,
        told_as: Vec::new(),
        labels: BTreeMap::new(),
        group: vec![("key".to_owned(), Some((*attack).to_owned()))],
        values: vec![("count".to_owned(), (*attack).to_owned())],
        starts_at: STARTS_AT,
        event: Some(Event::Firing),
    };
    let alerts: Vec<Related> = (1..).zip(&ATTACKS).map(related).collect();
    let (key, told) = (notification.id, alerts.len() as u64);
    notification.together = Some(Together { key, place: 0, told, firing: 0, alerts });
    let span = &mut violation.evidence[0];
    ATTACKS[5].clone_into(&mut span.name);
    span.attributes = map([("http.url", ATTACKS[6]), ("user", ATTACKS[8])]);
    notification
}

/// Evidence of far more bytes than any receiver takes.
pub(crate) fn huge() -> Notification {
    let mut notification = firing();
    let violation = &mut notification.alert.as_mut().unwrap().violation;
    let mut span = violation.evidence[0].clone();
    for n in 0..20 {
        span.attributes.insert(format!("attribute.{n}"), "é".repeat(500));
    }
    violation.evidence = vec![span; 200];
    notification
}

/// Returns whether `text` holds anything that could move a cursor, turn a line round, or hide.
pub(crate) fn is_clean(text: &str) -> bool {
    text.lines().all(|line| {
        line.chars().all(|c| fluo_alerts::escape::plain(c.encode_utf8(&mut [0; 4])) == c.to_string())
    })
}

/// Every text within `json`, keys among them.
pub(crate) fn texts(json: &serde_json::Value) -> Vec<String> {
    match json {
        serde_json::Value::String(text) => vec![text.clone()],
        serde_json::Value::Array(items) => items.iter().flat_map(texts).collect(),
        serde_json::Value::Object(map) => {
            map.iter().flat_map(|(key, value)| [vec![key.clone()], texts(value)].concat()).collect()
        }
        _ => Vec::new(),
    }
}
