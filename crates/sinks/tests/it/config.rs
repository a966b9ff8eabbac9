//! What may be configured, and what is said about what may not.

use fluo_alerts::notification::Event;
use fluo_rules::rule::Severity;
use fluo_sinks::{SinkConfig, build, route_all};

use crate::notifications::{firing, stale};
use crate::secrets;

fn read(yaml: &str) -> Result<SinkConfig, String> {
    serde_yaml::from_str(yaml).map_err(|error| error.to_string())
}

#[test]
fn every_type_is_made() {
    let cases = [
        "type: stdout",
        "{type: file, path: alerts.ndjson}",
        "{type: webhook, url: 'https://example.org/x', headers: {A: {env: SIGNING_KEY}}, signing_keys: [{env: SIGNING_KEY}]}",
        "{type: slack, url: 'https://example.org/x', severity: [critical], labels: {team: payments}}",
        "{type: teams, url: 'https://example.org/x', timeout: 3s}",
        "{type: pagerduty, routing_key: {env: SIGNING_KEY}}",
        "{type: alertmanager, url: 'http://127.0.0.1:9093', expires_after: 2h}",
        "{type: sns, topic_arn: 'arn:aws:sns:eu-central-1:123456789012:alerts'}",
        "{type: otlp, endpoint: 'http://127.0.0.1:4318'}",
    ];
    for yaml in cases {
        let config = read(yaml).unwrap();
        let sink = build(&config, &secrets).unwrap();
        assert_eq!(sink.name(), sink.kind(), "the default name: {yaml}");
        assert!(yaml.contains(&format!("type: {}", sink.kind())), "{yaml}");
    }
    let named = build(&read("{type: stdout, name: out}").unwrap(), &secrets).unwrap();
    assert_eq!((named.name(), named.kind()), ("out", "stdout"));
}

#[test]
fn mistakes_of_form_are_told() {
    let cases = [
        ("{}", "missing field `type`"),
        (
            "{type: mail}",
            "sink `mail`: `mail` is not a type; there are alertmanager, file, otlp, pagerduty, slack",
        ),
        ("{type: slack, name: ops, url: x, chanel: y}", "sink `ops`: unknown field `chanel`, expected `url`"),
        (
            "{type: slack, url: x, chanel: y}",
            "every sink also takes `type`, `name`, `severity`, `labels`, `timeout`",
        ),
        ("{type: stdout, path: x}", "unknown field `path`"),
        ("{type: slack}", "missing field `url`"),
        ("{type: slack, url: {env: A, or: B}}", "`{env: NAME}` and nothing else"),
        ("{type: slack, url: {file: A}}", "`{env: NAME}` and nothing else"),
        (
            "{type: slack, url: x, severity: [fatal]}",
            "`fatal` is not a severity; there are info, warning, critical",
        ),
        ("{type: slack, url: x, timeout: 10}", "expected a string"),
        ("{type: slack, url: x, timeout: soon}", "`soon`"),
        ("{type: slack, url: x, timeout: 0s}", "`0s` is not longer than nothing"),
        ("{type: slack, url: x, labels: [a]}", "a sink: "),
    ];
    for (yaml, expected) in cases {
        let error = read(yaml).unwrap_err();
        assert!(error.contains(expected), "{yaml}: {error}");
    }
}

#[test]
fn mistakes_of_value_are_told_without_the_value() {
    let cases = [
        (
            "{type: slack, url: {env: NOT_SET}}",
            "`url` is to come from the environment variable `NOT_SET`, which is not set",
        ),
        ("{type: slack, url: {env: EMPTY}}", "`EMPTY`, which is not set"),
        ("{type: slack, url: 'hooks.example.org/secret'}", "`url` is not a URL"),
        ("{type: slack, url: 'ftp://secret'}", "`url` must start with `https://` or `http://`"),
        (
            "{type: webhook, url: 'http://a', headers: {'a b': x}}",
            "`headers.a b` is not the name of a header",
        ),
        (
            "{type: webhook, url: 'http://a', headers: {A: \"secret\\r\\nB: c\"}}",
            "`headers.A` holds a character that headers cannot hold",
        ),
        ("{type: webhook, url: 'http://a', signing_keys: [secret]}", "24 random bytes"),
        ("{type: sns, topic_arn: alerts}", "is not the ARN of a topic"),
    ];
    for (yaml, expected) in cases {
        let error = build(&read(yaml).unwrap(), &secrets).err().unwrap().to_string();
        assert!(error.contains(expected), "{yaml}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let nobody = |_: &str| None;
    let sns = read("{type: sns, topic_arn: 'arn:aws:sns:eu-central-1:123456789012:alerts'}").unwrap();
    assert!(
        build(&sns, &nobody).err().unwrap().to_string().contains("`AWS_ACCESS_KEY_ID`, which is not set")
    );
}

#[test]
fn configurations_can_be_printed() {
    let config = read("{type: pagerduty, routing_key: verysecret, url: {env: PD_URL}}").unwrap();
    let text = format!("{config:?}");
    assert!(!text.contains("verysecret") && text.contains("PD_URL"), "{text}");
}

#[test]
fn secrets_that_are_written_down_are_known() {
    let cases: [(&str, &[&str]); 16] = [
        ("{type: slack, url: {env: A}}", &[]),
        ("{type: slack, url: 'https://hooks.example/x'}", &["url"]),
        ("{type: teams, url: 'https://hooks.example/x'}", &["url"]),
        ("{type: pagerduty, routing_key: {env: A}, url: 'https://events.eu.pagerduty.com/v2/enqueue'}", &[]),
        ("{type: pagerduty, routing_key: key, url: {env: A}}", &["routing_key"]),
        ("{type: pagerduty, routing_key: {env: A}, url: 'https://me:pass@127.0.0.1'}", &["url"]),
        ("{type: alertmanager, url: 'https://alertmanager.example'}", &[]),
        ("{type: alertmanager, url: 'https://me@alertmanager.example'}", &["url"]),
        ("{type: alertmanager, url: 'https://a.example?token=x'}", &["url"]),
        ("{type: alertmanager, url: x, headers: {A: 'Bearer x', B: {env: B}}}", &["headers.A"]),
        ("{type: webhook, url: {env: A}, headers: {A: {env: A}}, signing_keys: [{env: A}]}", &[]),
        (
            "{type: webhook, url: x, headers: {A: x, B: x}, signing_keys: [x, {env: A}, x]}",
            &["url", "signing_keys", "headers.A", "headers.B"],
        ),
        ("{type: otlp, endpoint: 'http://127.0.0.1:4318', headers: {x-team: x}}", &["headers.x-team"]),
        ("{type: otlp, endpoint: 'http://me:pass@127.0.0.1:4318'}", &["endpoint"]),
        ("{type: file, path: x}", &[]),
        ("{type: sns, topic_arn: x}", &[]),
    ];
    for (yaml, expected) in cases {
        let config = read(yaml).unwrap();
        assert_eq!(config.secrets_as_text(), expected, "{yaml}");
        assert!(yaml.contains(&format!("type: {},", config.kind())), "{yaml}");
    }
}

#[test]
fn a_name_is_given_once() {
    let two = [read("type: stdout").unwrap(), read("{type: file, name: stdout, path: x}").unwrap()];
    let error = route_all(&two, &secrets, None).err().unwrap().to_string();
    assert_eq!(error, "two sinks are called `stdout`: give one of them another `name`");
}

#[test]
fn filters() {
    let mut broken_file = stale();
    broken_file.event = Event::RuleError;
    broken_file.rule = Some("AuthFailuresRule".to_owned());
    let mut critical = firing();
    critical.severity = Severity::Critical;
    let cases = [
        ("nothing asked", "{type: stdout}", [true, true, true, true]),
        ("a severity", "{type: stdout, severity: [critical]}", [false, true, true, true]),
        ("two severities", "{type: stdout, severity: [warning, critical]}", [true, true, true, true]),
        ("its label", "{type: stdout, labels: {team: payments}}", [true, true, true, true]),
        ("another value", "{type: stdout, labels: {team: platform}}", [false, false, true, true]),
        (
            "one of two labels",
            "{type: stdout, labels: {team: payments, area: x}}",
            [false, false, true, true],
        ),
        ("both", "{type: stdout, severity: [info], labels: {team: payments}}", [false, false, false, false]),
    ];
    for (scenario, yaml, expected) in cases {
        let routed = route_all(&[read(yaml).unwrap()], &secrets, None).unwrap();
        let wants =
            [&firing(), &critical, &stale(), &broken_file].map(|notification| routed[0].wants(notification));
        assert_eq!(wants, expected, "{scenario}");
    }
}
