//! Incidents as they are told: a rule as somebody writes it, what was observed, and the notification that the life of
//! alerts makes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluo_alerts::fingerprint::fingerprint;
use fluo_alerts::life_cycle::together::Level;
use fluo_alerts::life_cycle::{
    Facts, Levels, Mutes, Observation, RuleState, Segment, Times, announce, transition,
};
use fluo_alerts::notification::Notification;
use fluo_alerts::sample::{Sample, SampledSpan};
use fluo_alerts::template::Renderer;
use fluo_alerts::trouble::{Subject, Telling, Troubles, Wrong};
use fluo_alerts::value::Value;
use fluo_alerts::violation::{Evidence, Top, TopValue};
use fluo_rules::rule::{Rule, Severity};
use fluo_rules::{SourceFile, load};
use fluo_time::TimeRange;

use crate::notifications::ATTACKS;

const SECOND: i64 = 1_000_000_000;
/// 2026-11-22T03:04:00Z, when people are asleep.
const START: i64 = 1_795_316_640 * SECOND;

type Values = Vec<(String, Value)>;

fn values<const N: usize>(values: [(&str, Value); N]) -> Values {
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

fn int(int: i128) -> Value {
    Value::Int(int)
}

/// One look at a rule: first moment, last moment, peak (in seconds from the start), and the values there.
struct Seen {
    at: [i64; 3],
    values: [Values; 3],
    evidence: Vec<Evidence>,
    top: Vec<Top>,
}

struct Incident {
    rule: &'static str,
    group: Vec<(&'static str, Option<&'static str>)>,
    seen: Seen,
    /// Seconds from the start of the evaluations; the last of them tells.
    evaluations: Vec<i64>,
}

impl Seen {
    fn observed(self, rule: &Rule, group: &[(&str, Option<&str>)], excess: f64) -> Observation {
        let Seen { at: [first, last, peak_at], values: [values, latest, peak], evidence, top } = self;
        Observation {
            fingerprint: fingerprint(&rule.name, group),
            group: group.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect(),
            segment: Segment {
                first: START + first * SECOND,
                last: START + last * SECOND,
                peak_at: START + peak_at * SECOND,
                excess: Some(excess),
                values,
                latest,
                peak,
                top,
                evidence,
                ..Segment::default()
            },
        }
    }
}

fn rule(text: &str) -> Arc<Rule> {
    let mut loaded = load(&[SourceFile::new("rules.yml", text)]);
    assert!(!loaded.is_partial(), "{:?}", loaded.findings);
    Arc::new(loaded.rules.remove(0))
}

impl Incident {
    fn told(self) -> Notification {
        let rule = rule(self.rule);
        let observed = self.seen.observed(&rule, &self.group, 1.0);
        told(&rule, vec![vec![observed]], self.evaluations)
    }
}

/// Returns the notification of the last evaluation. What each of the first ones observed is given; the others see nothing
/// new.
fn told(rule: &Arc<Rule>, observed: Vec<Vec<Observation>>, evaluations: Vec<i64>) -> Notification {
    all_told(rule, observed, evaluations, &Levels::new()).pop().expect("it is told")
}

/// The same, all of it. `levels`: how deep spans lie.
fn all_told(
    rule: &Arc<Rule>,
    observed: Vec<Vec<Observation>>,
    evaluations: Vec<i64>,
    levels: &Levels,
) -> Vec<Notification> {
    let mut observed = observed.into_iter();
    let renderer = Renderer::new(Some("https://traces.example/trace/{trace_id}"));
    let name = rule.name.clone();
    let rules = BTreeMap::from([(name.clone(), Arc::clone(rule))]);
    let mut states = BTreeMap::from([(name.clone(), RuleState::new("5d1c".repeat(16), START))]);
    let mut told = Vec::new();
    for evaluation in evaluations {
        let eval_time = START + evaluation * SECOND;
        let times = Times { eval_time, watermark: eval_time - 60 * SECOND, alive_to: i64::MAX };
        let facts = Facts {
            rule,
            hash: &"5d1c".repeat(16),
            gap: 60 * SECOND,
            step: None,
            horizon: START - 3600 * SECOND,
            since: START - 3600 * SECOND,
            until: None,
            damaged: &[],
            patience: 0,
            holed: &[],
            renderer: &renderer,
        };
        let judged = TimeRange { from: START, to: eval_time };
        let observed = observed.next().unwrap_or_default();
        let judged = if observed.is_empty() { vec![] } else { vec![judged] };
        let state = states.remove(&name).unwrap();
        let change = transition(state, &facts, &judged, observed, eval_time, times);
        states.insert(name.clone(), change.state);
        let mutes = Mutes { silenced: &|_| None };
        let mut states: Vec<_> = states.iter_mut().map(|(name, state)| (name.as_str(), state)).collect();
        told.extend(announce(&mut states, &rules, mutes, &renderer, times, levels));
    }
    told
}

/// One cause that breaks a rule in a dozen groups at once.
fn many() -> Notification {
    let rule = rule(
        r#"
- name: slow-tenants
  description: Tenants wait for their reports.
  severity: warning
  labels: {team: reports, tenant: "{{ group.tenant }}"}
  annotations: {runbook_url: "https://runbooks.example/slow-tenants"}
  span: {service_name: reports}
  group_by: [tenant]
  aggregation: {slow: {count: {where: duration > 10s}}}
  condition: slow > 5
  notification_limit: 10
"#,
    );
    let tenants = (1..=12_i32).map(|n| {
        let slow = || values([("slow", int((6 + n).into())), ("count", int(40))]);
        let seen = Seen { at: [20, 50, 50], values: [slow(), slow(), slow()], evidence: vec![], top: vec![] };
        seen.observed(&rule, &[("tenant", Some(&format!("t-{n:02}")))], f64::from(n))
    });
    told(&rule, vec![tenants.collect()], vec![90])
}

fn span(n: u8, service: &str, name: &str, ms: i64, message: &str, attributes: &[(&str, &str)]) -> Evidence {
    Evidence {
        trace_id: format!("5b8efff798038103d269b633813fc6{n:02x}"),
        span_id: format!("eee19b7ec3c1b1{n:02x}"),
        service_name: Some(service.to_owned()),
        name: name.to_owned(),
        end_time: START + 70 * SECOND - i64::from(n) * SECOND,
        duration_ns: ms * 1_000_000,
        status: Some(if message.is_empty() { "unset" } else { "error" }.to_owned()),
        status_message: Some(message).filter(|message| !message.is_empty()).map(str::to_owned),
        attributes: attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    }
}

fn top(key: &str, spans: u64, values: &[(&str, u64)]) -> Top {
    let values =
        values.iter().map(|(value, spans)| TopValue { value: Some((*value).to_owned()), spans: *spans });
    Top { key: key.to_owned(), spans, values: values.collect() }
}

/// 3009 failed logins at one service, of which the first page must not say six.
fn burst() -> Notification {
    let failed = |n| {
        span(
            n,
            "auth-service",
            "auth_user",
            12,
            "token rejected",
            &[("http.status_code", "401"), ("error.type", "AuthenticationError")],
        )
    };
    Incident {
        rule: r#"
- name: failed-logins
  severity: critical
  labels: {team: identity, service: "{{ group.service_name }}"}
  annotations:
    summary: "{{ value.failures }} failed logins at {{ group.service_name }} in {{ window.end | iso }}'s minute"
    runbook_url: https://runbooks.example/failed-logins?service={{ group.service_name }}
  span: {attributes: {http.status_code: "401"}}
  group_by: [service_name]
  aggregation: {failures: count}
  condition: failures > 5
"#,
        group: vec![("service_name", Some("auth-service"))],
        seen: Seen {
            at: [31, 88, 88],
            values: [values([("failures", int(6)), ("count", int(6))]), values([("failures", int(3009)), ("count", int(3009))]), values([("failures", int(3009)), ("count", int(3009))])],
            evidence: (1..=6).map(failed).collect(),
            top: vec![
                top("http.route", 3009, &[("/login", 2411), ("/refresh", 598)]),
                top("k8s.pod.name", 3009, &[("auth-7f9c-x2x1p", 2988), ("auth-7f9c-9kd2m", 21)]),
            ],
        },
        evaluations: vec![90],
    }
    .told()
}

const RATIO: &str = r#"
- name: checkout-error-ratio
  description: Customers cannot pay.
  severity: critical
  labels: {team: payments}
  annotations: {runbook_url: "https://runbooks.example/checkout"}
  span: {service_name: checkout, kind: server}
  window: 5m
  group_by: [deployment.environment]
  aggregation:
    total: count
    errors: {count: {where: "status = error"}}
  condition: total >= 100 and errors / total > 10%
"#;

fn counts(errors: i128, total: i128) -> Values {
    values([("total", int(total)), ("errors", int(errors)), ("count", int(total))])
}

fn failed_payments() -> Vec<Evidence> {
    let card =
        &[("http.route", "/pay"), ("http.response.status_code", "502"), ("error.type", "GatewayTimeout")];
    vec![
        span(1, "checkout", "POST /pay", 5003, "upstream card-gateway did not answer", card),
        span(2, "checkout", "POST /pay", 5001, "upstream card-gateway did not answer", card),
        span(
            3,
            "checkout",
            "POST /pay/confirm",
            212,
            "",
            &[("http.route", "/pay/confirm"), ("http.response.status_code", "500")],
        ),
        span(4, "checkout", "POST /pay", 5002, "upstream card-gateway did not answer", card),
        // A second span of the first trace.
        span(1, "checkout", "POST /pay", 5000, "retry failed", card),
    ]
}

/// A ratio of 45 % with a guard and a peak behind it, still firing after an hour. Its text is the default.
fn ratio() -> Notification {
    Incident {
        rule: RATIO,
        group: vec![("deployment.environment", Some("prod"))],
        seen: Seen {
            at: [60, 14_500, 4_020],
            values: [counts(44, 600), counts(271, 600), counts(351, 575)],
            evidence: failed_payments(),
            top: vec![],
        },
        evaluations: vec![121, 14_521],
    }
    .told()
}

/// The same, over.
fn resolved() -> Notification {
    Incident {
        rule: RATIO,
        group: vec![("deployment.environment", Some("prod"))],
        seen: Seen {
            at: [60, 4_500, 4_020],
            values: [counts(44, 600), counts(61, 602), counts(351, 575)],
            evidence: failed_payments(),
            top: vec![top("http.route", 575, &[("/pay", 351)])],
        },
        evaluations: vec![121, 4_620],
    }
    .told()
}

/// An alert that people know as a warning, and that has become worse.
fn escalated() -> Notification {
    let rule = rule(
        r#"
- name: checkout-error-ratio
  labels: {team: payments, pager: "{{ 'yes' if severity == 'critical' else 'no' }}"}
  annotations: {runbook_url: "https://runbooks.example/checkout"}
  span: {service_name: checkout, kind: server}
  window: 5m
  aggregation:
    total: count
    errors: {count: {where: "status = error"}}
  condition: {warning: errors / total > 2%, critical: errors / total > 10% and total >= 100}
  resolve_condition: errors / total < 1%
"#,
    );
    let seen = |severity, at: [i64; 3], values: [Values; 3]| {
        let seen = Seen { at, values, evidence: failed_payments(), top: vec![] };
        let mut observed = seen.observed(&rule, &[], 1.0);
        (observed.segment.worst, observed.segment.severity) = (Some(severity), Some(severity));
        observed
    };
    let few = || counts(19, 600);
    let warning = seen(Severity::Warning, [60, 60, 60], [few(), few(), few()]);
    let critical = seen(Severity::Critical, [60, 300, 240], [few(), counts(271, 600), counts(302, 590)]);
    told(&rule, vec![vec![warning], vec![critical]], vec![121, 361])
}

/// Slow requests: durations, and no template at all.
fn latency() -> Notification {
    let p95 = |ns| values([("p95", Value::Duration(ns)), ("count", int(1812))]);
    Incident {
        rule: r"
- name: search-latency
  span: {service_name: search, name: GET /search}
  window: 2m
  aggregation: {p95: {p95: duration}}
  condition: p95 > 1s and count >= 50
",
        group: vec![],
        seen: Seen {
            at: [120, 180, 180],
            values: [p95(1_450_000_000), p95(2_304_117_000), p95(2_304_117_000)],
            evidence: vec![
                span(1, "search", "GET /search", 8120, "", &[("http.route", "/search")]),
                span(2, "search", "GET /search", 4730, "", &[("http.route", "/search")]),
            ],
            top: vec![],
        },
        evaluations: vec![241],
    }
    .told()
}

/// Nothing happens that should: there is no span to show.
fn silence() -> Notification {
    let count = |n| values([("count", int(n))]);
    Incident {
        rule: r#"
- name: orders-stopped
  severity: warning
  annotations: {impact: "No order reaches the warehouse.", dashboard: "https://dash.example/orders"}
  span: {service_name: orders, name: order.placed}
  window: 10m
  condition: count < 10
  for: 2m
"#,
        group: vec![],
        seen: Seen {
            at: [600, 720, 660],
            values: [count(3), count(1), count(0)],
            evidence: vec![],
            top: vec![],
        },
        evaluations: vec![781],
    }
    .told()
}

/// Every value that comes from spans is from an attacker, and one of them is long.
fn hostile() -> Notification {
    let mut evidence: Vec<Evidence> = (0_u8..)
        .zip(ATTACKS)
        .map(|(n, attack)| span(n, attack, attack, 12, attack, &[("error.type", attack)]))
        .collect();
    evidence[0].name = "A".repeat(10 * 1024);
    Incident {
        rule: r#"
- name: "errors <!channel> *by* [user](https://x)"
  severity: critical
  labels: {team: "<@U1>"}
  annotations:
    summary: "{{ group.user }} has {{ value.count }} & more"
    runbook_url: "javascript:alert(1)"
    note: "{{ group.agent }} {{ evidence[3].name }}"
  span: {status: error}
  group_by: [user, agent, path]
  condition: count > 5
"#,
        group: vec![("user", Some(ATTACKS[0])), ("agent", Some(ATTACKS[9])), ("path", Some(ATTACKS[6]))],
        seen: Seen {
            at: [31, 60, 60],
            values: [values([("count", int(6))]), values([("count", int(7))]), values([("count", int(7))])],
            evidence,
            top: vec![top("http.url", 7, &[(ATTACKS[1], 4), (ATTACKS[4], 2), (ATTACKS[8], 1)])],
        },
        evaluations: vec![90],
    }
    .told()
}

/// Services that wait for the innermost of them; some are called what attackers call them.
fn together() -> Notification {
    let rule = rule(
        r#"
- name: slow-service
  severity: warning
  labels: {team: platform}
  annotations: {runbook_url: "https://runbooks.example/slow"}
  span: {kind: server}
  window: 5m
  group_by: [service_name]
  aggregation: {p99: {p99: duration}}
  condition: p99 > 1s
"#,
    );
    let services = ["gateway", ATTACKS[0], "shop", ATTACKS[4], ATTACKS[6], ATTACKS[9], "ledger", "bank"];
    let mut levels = Levels::new();
    let of_service = |(at, service): (u8, &&str)| {
        let p99 = 3_100_000_000 - 20_000_000 * i128::from(at);
        let values = || values([("p99", Value::Duration(p99)), ("count", int(1812))]);
        let evidence = vec![span(1, service, "handle", 3000, "", &[])];
        let seen = Seen { at: [60, 60, 60], values: [values(), values(), values()], evidence, top: vec![] };
        let mut observed = seen.observed(&rule, &[("service_name", Some(service))], 1.0);
        let (trace, span) = ([1; 16], [at + 1; 8]);
        levels.insert((trace, span), Level { top: [1; 8], above: at.into() });
        observed.segment.traces = Sample::of(0, [SampledSpan { trace, span, end: 0 }]);
        observed
    };
    let observed: Vec<Observation> = (0_u8..).zip(&services).map(of_service).collect();
    let told = all_told(&rule, vec![observed], vec![121], &levels);
    told.into_iter().find(|told| told.together.as_ref().unwrap().place == 0).unwrap()
}

/// Fluo itself cannot do its work.
fn trouble() -> Notification {
    let mut troubles = Troubles::default();
    let telling = Telling { repeat: 14_400 * SECOND, severities: BTreeMap::new() };
    let subject = Subject::Rule("checkout-error-ratio".to_owned());
    let wrong =
        Wrong::new(subject, "it needs more memory than its budget: narrow `window`, or group by fewer keys");
    troubles.settle(vec![wrong], |_| true, START, &telling).remove(0)
}

/// All of them, by the names of their golden files.
pub(crate) fn all() -> [(&'static str, Notification); 10] {
    [
        ("burst", burst()),
        ("ratio", ratio()),
        ("latency", latency()),
        ("silence", silence()),
        ("resolved", resolved()),
        ("escalated", escalated()),
        ("hostile", hostile()),
        ("many", many()),
        ("together", together()),
        ("trouble", trouble()),
    ]
}
