//! The values that leave the store in evidence, and those that do not.

use std::sync::Arc;

use fluo_alerts::violation::TopValue;
use fluo_rules::{SourceFile, load};
use fluo_spans::span::{Event, InstrumentationScope, Kind, Resource, Status};
use fluo_tests::span::{attributes, blank};

use super::*;

fn rule(keys: &str) -> Rule {
    let text = format!("- {{name: r, condition: count > 5, {keys}}}");
    let mut loaded = load(&[SourceFile::new("r.yml", text)]);
    assert!(!loaded.is_partial(), "{keys}: {:?}", loaded.findings);
    loaded.rules.remove(0)
}

/// A failed request, with a customer's name and the exception among its events.
fn failed() -> Span {
    let exception = attributes(&[
        ("exception.type", "TimeoutError"),
        ("exception.message", "no answer for jane@example.org"),
    ]);
    Span {
        trace_id: [1; 16],
        span_id: [2; 8],
        name: "POST /pay".to_owned(),
        kind: Kind::Server,
        status: Status::Error,
        status_message: "card declined".to_owned(),
        end_ns: 5,
        attributes: attributes(&[
            ("http.method", "POST"),
            ("http.route", "/pay"),
            ("http.status_code", "502"),
            ("enduser.id", "jane"),
        ]),
        resource: Arc::new(Resource {
            service_name: Some("checkout".to_owned()),
            attributes: attributes(&[("k8s.pod.name", "checkout-1"), ("host.ip", "10.0.0.1")]),
        }),
        scope: Arc::new(InstrumentationScope {
            name: "lib".to_owned(),
            version: String::new(),
            attributes: attributes(&[]),
        }),
        events: vec![Event { time_ns: 3, name: "exception".to_owned(), attributes: exception }],
        ..blank()
    }
}

#[test]
fn evidence_says_what_failed_and_nothing_about_people() {
    const USUAL: [(&str, &str); 5] = [
        ("exception.type", "TimeoutError"),
        ("http.request.method", "POST"),
        ("http.response.status_code", "502"),
        ("http.route", "/pay"),
        ("k8s.pod.name", "checkout-1"),
    ];
    let with = |more: &[(&'static str, &'static str)]| [&USUAL, more].concat();
    for (scenario, keys, expected) in [
        ("the usual", "span: {}", with(&[])),
        (
            "under the rule's own names, once",
            "span: {attributes: {http.status_code: 502}, resource: {k8s.pod.name: checkout-1}, \
             event: {attributes: {exception.type: TimeoutError}}}",
            vec![
                ("event.exception.type", "TimeoutError"),
                ("http.request.method", "POST"),
                ("http.route", "/pay"),
                ("http.status_code", "502"),
                ("resource.k8s.pod.name", "checkout-1"),
            ],
        ),
        (
            "what the rule reads, too",
            "span: {attributes: {enduser.id: jane}}",
            with(&[("enduser.id", "jane")]),
        ),
        (
            "what it asks for, wherever it is",
            "span: {}, evidence: [exception.message, host.ip, kind, name, scope.name, nope]",
            with(&[
                ("exception.message", "no answer for jane@example.org"),
                ("host.ip", "10.0.0.1"),
                ("kind", "server"),
                ("scope.name", "lib"),
            ]),
        ),
        ("only that", "span: {}, evidence: {only: [http.route]}", vec![("http.route", "/pay")]),
        ("nothing", "span: {}, evidence: {only: []}", vec![]),
        (
            "`redact` wins",
            "span: {}, evidence: [exception.message, host.ip], redact: [exception.message, http.method, kind]",
            [&USUAL[..1], &USUAL[2..], &[("host.ip", "10.0.0.1")]].concat(),
        ),
        (
            "names mean themselves alone",
            "span: {}, semantic_conventions: exact",
            [&USUAL[..1], &USUAL[3..]].concat(),
        ),
    ] {
        let told = evidence(&rule(keys), &[failed()]).remove(0);
        let mut expected = expected;
        expected.sort_unstable();
        let attributes: Vec<(&str, &str)> =
            told.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(attributes, expected, "{scenario}");
        assert_eq!(told.status.as_deref(), Some("error"), "{scenario}");
        assert_eq!(told.status_message.as_deref(), Some("card declined"), "{scenario}");
    }
    let hidden = rule("span: {}, redact: [status_message]");
    let told = evidence(&hidden, &[failed()]).remove(0);
    assert_eq!(told.status_message.as_deref(), Some(REDACTED));
}

#[test]
fn a_key_that_is_redacted_is_so_under_the_names_that_steps_have_for_it() {
    let text = "- {name: r, trace: {by: [user.id], when: {name: a, by: [enduser.id]}, always: [{name: b, before: 1h}]}, \
                 evidence: [enduser.id, host.ip], redact: [REDACTED]}";
    let span = Span {
        attributes: attributes(&[("enduser.id", "jane"), ("user.id", "jane"), ("host.ip", "10.0.0.1")]),
        ..failed()
    };
    for (redacted, expected) in [
        ("user.id", vec!["host.ip"]),
        ("enduser.id", vec!["host.ip"]),
        ("host.ip", vec!["enduser.id", "user.id"]),
    ] {
        let rule = load(&[SourceFile::new("r.yml", text.replace("REDACTED", redacted))]).rules.remove(0);
        let told = evidence(&rule, std::slice::from_ref(&span)).remove(0);
        let keys: Vec<&str> = told.attributes.keys().map(String::as_str).collect();
        let own: Vec<&str> =
            keys.into_iter().filter(|key| ["enduser.id", "user.id", "host.ip"].contains(key)).collect();
        assert_eq!(own, expected, "{redacted}");
        let hidden = shown(&rule, &rule.group_by[0].field, "jane".to_owned());
        assert_eq!(hidden == REDACTED, redacted != "host.ip", "{redacted}");
    }
}

#[test]
fn what_is_redacted_is_among_no_commonest_values() {
    let of = |key: &str| Top {
        key: key.to_owned(),
        spans: 1,
        values: vec![TopValue { value: Some("x".to_owned()), spans: 1 }],
    };
    let all = [of("http.route"), of("http.target")];
    let told = top(&rule("span: {}, top: [http.target, http.route], redact: [http.target]"), &all);
    assert_eq!(told, [of("http.route")]);
}

#[test]
fn what_a_rule_redacts_now_is_masked_in_what_was_recorded_before() {
    let keys =
        "span: {}, group_by: [enduser.id, resource.host.ip], top: [k8s.pod.name], evidence: [enduser.id]";
    let before = rule(keys);
    let observed = |rule: &Rule| {
        let group = vec![Some("jane".to_owned()), Some("10.0.0.1".to_owned())];
        let top = Top {
            key: "k8s.pod.name".to_owned(),
            spans: 1,
            values: vec![TopValue { value: Some("checkout-1".to_owned()), spans: 1 }],
        };
        Violation {
            rule: "r".to_owned(),
            severity: rule.severity,
            labels: BTreeMap::new(),
            fingerprint: fingerprint_of(rule, &group),
            group: shown_group(rule, &group),
            condition: rule.condition.text.clone(),
            starts_at: 0,
            ends_at: 0,
            ongoing: false,
            window: rule.window,
            values: Vec::new(),
            peak: Vec::new(),
            evidence: evidence(rule, &[failed()]),
            top: super::top(rule, &[top]),
            failed: Vec::new(),
            summary: "jane cannot pay".to_owned(),
            partial: false,
        }
    };
    for (redacted, secret) in [
        ("enduser.id", "jane"),
        ("host.ip", "10.0.0.1"),
        ("k8s.pod.name", "checkout-1"),
        ("http.request.method", "\"POST\""),
        ("name", "POST /pay"),
        ("status_message", "card declined"),
        ("service_name", "Some(\"checkout\")"),
    ] {
        let now = rule(&format!("{keys}, redact: [{redacted}]"));
        let mut recorded = observed(&before);
        let text = |violation: &Violation| format!("{violation:?}");
        assert!(text(&recorded).contains(secret), "{redacted}: {}", text(&recorded));
        assert!(redact(&now, &mut recorded), "{redacted}");
        assert!(!text(&recorded).contains(secret), "{redacted}: {}", text(&recorded));
        assert!(!recorded.summary.contains("jane cannot pay"), "the text may have said it");
        let masked = observed(&now);
        let same = Violation { summary: recorded.summary.clone(), ..masked };
        assert_eq!(recorded, same, "{redacted}: as it is recorded now");
        assert!(!redact(&now, &mut recorded), "{redacted}: there is nothing more to mask");
    }
    let mut recorded = observed(&before);
    assert!(!redact(&before, &mut recorded), "nothing is redacted");
    assert_eq!(recorded.summary, "jane cannot pay");
}
