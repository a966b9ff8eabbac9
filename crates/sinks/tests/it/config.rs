//! Tests what may be configured, and what is said about what may not.

use fluo_alerts::notification::{Event, Related, Together};
use fluo_rules::rule::Severity;
use fluo_rules::{SourceFile, config};
use fluo_sinks::{SinkConfig, build, route_all, sinks_of};
use serde_json::{Value, json};

use crate::notifications::{firing, stale, summary, told_as};
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

/// A value of the shape that a JSON Schema describes, with every key of every mapping.
fn example(root: &Value, schema: &Value) -> Value {
    if let Some(target) = schema["$ref"].as_str() {
        return match target.rsplit('/').next().unwrap() {
            "scalar" => json!("arn:aws:sns:eu-central-1:123456789012:alerts"),
            "duration" => json!("2h"),
            "secret" => json!({"env": "SIGNING_KEY"}),
            name => example(root, &root["$defs"][name]),
        };
    }
    if let Some(word) = schema.get("const") {
        return word.clone();
    }
    if let Some(words) = schema["enum"].as_array() {
        return words[0].clone();
    }
    match schema["type"].as_str() {
        Some("boolean") => json!(false),
        Some("array") => json!([example(root, &schema["items"])]),
        Some("object") => match schema["properties"].as_object() {
            Some(properties) => {
                properties.iter().map(|(key, value)| (key.clone(), example(root, value))).collect()
            }
            None => json!({"a": example(root, &schema["additionalProperties"])}),
        },
        _ => panic!("{schema}"),
    }
}

#[test]
fn every_key_of_the_table_is_read() {
    let schema: Value = serde_json::from_str(&fluo_rules::schema::config()).unwrap();
    let sinks = schema["$defs"]["sinks"]["items"]["anyOf"].as_array().unwrap();
    assert_eq!(sinks.len(), 9);
    for sink in sinks {
        let whole = example(&schema, sink);
        let loaded = config::load_sinks(&SourceFile::new("sinks", json!([whole]).to_string()));
        assert_eq!(loaded.findings, [], "{whole}");
        let config: SinkConfig = serde_json::from_value(loaded.sinks[0].document.clone())
            .unwrap_or_else(|error| panic!("{whole}: {error}"));
        assert_eq!(Value::from(config.kind()), whole["type"]);
        let mut more = whole.clone();
        more["nope"] = json!(1);
        assert!(serde_json::from_value::<SinkConfig>(more).is_err(), "{whole}");
    }
}

#[test]
fn who_was_told_of_an_alert_is_told_what_becomes_of_it() {
    use Severity::{Critical, Warning};
    for (scenario, event, severity, before, expected) in [
        ("as a warning", Event::Firing, Warning, vec![], [true, false]),
        ("worse", Event::Escalated, Critical, vec![Warning], [true, true]),
        ("less bad", Event::Renotify, Warning, vec![Warning, Critical], [true, true]),
        ("over", Event::Resolved, Critical, vec![Warning, Critical], [true, true]),
        ("critical from the start", Event::Resolved, Critical, vec![Critical], [false, true]),
    ] {
        let notification = told_as(event, severity, &before);
        let wants = ["warning", "critical"].map(|wanted| {
            let yaml = format!("{{type: stdout, severity: [{wanted}]}}");
            route_all(&[read(&yaml).unwrap()], &secrets, None).unwrap()[0].wants(&notification)
        });
        assert_eq!(wants, expected, "{scenario}");
    }
}

#[test]
fn what_a_sink_cannot_use_is_found_where_it_stands() {
    let text = "
- {type: slack, url: 'hooks.example.org/s3cret'}
- {type: teams, url: 'ftp://s3cret'}
- {type: alertmanager, url: {env: A}, headers: {'a b': s3cret, A: \"s3cret\\r\\nB: c\"}}
- {type: webhook, url: 'http://a', signing_keys: [s3cret, {env: B}]}
- {type: sns, topic_arn: alerts, endpoint: localhost}
- {type: pagerduty, routing_key: s3cret, url: s3cret}
- {type: otlp, endpoint: s3cret}
- {type: stdout}
";
    let mut loaded = config::load_sinks(&SourceFile::new("sinks.yml", text));
    assert_eq!(sinks_of(&mut loaded).len(), 8);
    let found: Vec<String> = loaded
        .findings
        .iter()
        .map(|finding| {
            format!(
                "{} {}:{} {}",
                finding.code, finding.place.start.line, finding.place.start.column, finding.message
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "E0702 2:22 sink `slack`: `url` is not a URL: relative URL without a base",
            "E0702 3:22 sink `teams`: `url` must start with `https://` or `http://`",
            "E0702 4:56 sink `alertmanager`: `headers.a b` is not the name of a header",
            "E0702 4:67 sink `alertmanager`: `headers.A` holds a character that headers cannot hold",
            "E0702 5:50 sink `webhook`: `signing_keys` holds a key that is not base64 of at least 24 random bytes (`openssl rand -base64 32` makes one)",
            "E0702 6:26 sink `sns`: `topic_arn` is not the ARN of a topic (`arn:aws:sns:region:account:name`): `alerts`",
            "E0702 6:44 sink `sns`: `endpoint` is not a URL: relative URL without a base",
            "E0702 7:47 sink `pagerduty`: `url` is not a URL: relative URL without a base",
            "E0702 8:26 sink `otlp`: `endpoint` is not a URL: relative URL without a base",
        ]
    );
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

#[test]
fn many_alerts_in_one_message_go_to_everybody_whom_one_of_them_may_concern() {
    let mut many = summary();
    many.labels = [("area", "login")].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    many.summary.as_mut().unwrap().differing = vec!["team".to_owned()];
    for (labels, expected) in [
        ("{team: payments}", true),
        ("{team: search, area: login}", true),
        ("{team: payments, area: search}", false),
        ("{tier: 1}", false),
    ] {
        let sink = read(&format!("{{type: stdout, labels: {labels}}}")).unwrap();
        let routed = route_all(&[sink], &secrets, None).unwrap();
        assert_eq!(routed[0].wants(&many), expected, "{labels}");
    }
}

#[test]
fn of_related_alerts_people_are_sent_the_first_that_they_want_and_programs_each() {
    use Severity::{Critical, Warning};
    let pager = "{type: pagerduty, routing_key: x}";
    let alertmanager = "{type: alertmanager, url: 'http://a'}";
    let slack = |more: &str| format!("{{type: slack, url: 'http://a'{more}}}");
    // Three alerts of which the same is told at once, and one that fires besides.
    let severities = [Warning, Critical, Warning];
    let team = |area: &str| [("area".to_owned(), area.to_owned())].into();
    let related = |place: usize, event| Related {
        id: firing().id,
        place: place as u64,
        rule: "r".to_owned(),
        severity: *severities.get(place).unwrap_or(&Warning),
        told_as: Vec::new(),
        labels: team(if place == 2 { "login" } else { "search" }),
        group: Vec::new(),
        values: Vec::new(),
        starts_at: 0,
        event,
    };
    let told = |place: usize| {
        let mut notification = firing();
        let own = related(place, None);
        (notification.severity, notification.labels) = (own.severity, own.labels);
        let others = (0..3).filter(|other| *other != place).map(|other| related(other, Some(Event::Firing)));
        let alerts = others.chain([related(9, None)]).collect();
        let key = notification.id;
        notification.together = Some(Together { key, place: place as u64, told: 2, firing: 1, alerts });
        notification
    };
    for (yaml, expected) in [
        ("{type: stdout}", [true, true, true]),
        ("{type: file, path: a}", [true, true, true]),
        ("{type: webhook, url: 'http://a'}", [true, true, true]),
        ("{type: webhook, url: 'http://a', together: true}", [true, false, false]),
        ("{type: otlp, endpoint: 'http://a'}", [true, true, true]),
        (pager, [true, true, true]),
        (alertmanager, [true, true, true]),
        (&slack(""), [true, false, false]),
        (&slack(", together: false"), [true, true, true]),
        (&slack(", severity: [critical]"), [false, true, false]),
        (&slack(", labels: {area: login}"), [false, false, true]),
        ("{type: sns, topic_arn: 'arn:aws:sns:eu-west-1:1:a'}", [true, false, false]),
    ] {
        let routed = route_all(&[read(yaml).unwrap()], &secrets, None).unwrap();
        let wants = [0, 1, 2].map(|place| routed[0].wants(&told(place)));
        assert_eq!(wants, expected, "{yaml}");
    }
    for yaml in ["{type: pagerduty, routing_key: x, together: true}", "{type: stdout, together: maybe}"] {
        let loaded = config::load_sinks(&SourceFile::new("sinks.yml", format!("- {yaml}")));
        assert_eq!(loaded.findings.len(), 1, "{yaml}");
    }
}
