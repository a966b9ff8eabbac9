//! Files that load, and what they mean.

use fluo_rules::diagnostic::Level;
use fluo_rules::expr::Expr;
use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::matcher::{Matcher, Number, Test, Value};
use fluo_rules::rule::{
    Aggregate, AggregateFunction, Conventions, GroupKey, Kin, Realert, Rule, Selector, Severity, Subject,
};
use fluo_rules::{SourceFile, load};
use fluo_time::Nanos;

use crate::load_text;
use crate::standalone::stands_alone;

/// The rules of a file with which nothing is wrong. Each of them is the same by itself.
fn rules(text: &str) -> Vec<Rule> {
    let loaded = load_text(text);
    assert_eq!(loaded.findings, [], "{text}");
    stands_alone(text);
    loaded.rules
}

fn rule(text: &str) -> Rule {
    let mut rules = rules(text);
    assert_eq!(rules.len(), 1, "{text}");
    rules.remove(0)
}

/// The spans that a rule is about.
fn spans_of(rule: &Rule) -> &Selector {
    match &rule.subject {
        Subject::Spans(selector) => selector,
        Subject::Traces(_) | Subject::Sql(_) => panic!("{} selects no spans", rule.name),
    }
}

/// A rule with this selector.
fn selector(span: &str) -> Selector {
    spans_of(&rule(&format!("- {{name: a, span: {span}, condition: count > 5}}"))).clone()
}

/// A rule with this aggregation, under names that the condition does not use.
fn aggregates(aggregation: &str) -> Vec<Aggregate> {
    rule(&format!("- {{name: a, span: {{}}, aggregation: {aggregation}, condition: count > 5}}")).aggregates
}

fn span_attribute(key: &str) -> Field {
    Field::attribute(Scope::Span, key)
}

fn matches(field: Field, test: Test) -> Selector {
    Selector::Match(field, Matcher { tests: vec![test] })
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

const ORIGIN: &str = "- name: AuthFailuresRule
  span:
    service_name: auth-service
    attributes:
      http.status_code: \"401\"
      error.type: \"AuthenticationError\"
  aggregation:
    count: 10
  condition: gt(count, 5)
";

#[test]
fn the_origin_loads_unchanged() {
    let rule = rule(ORIGIN);
    assert_eq!(rule.name, "AuthFailuresRule");
    assert_eq!(
        *spans_of(&rule),
        Selector::All(vec![
            matches(Field::Intrinsic(Intrinsic::ServiceName), Test::Eq(text("auth-service"))),
            matches(span_attribute("http.status_code"), Test::Eq(text("401"))),
            matches(span_attribute("error.type"), Test::Eq(text("AuthenticationError"))),
        ])
    );
    assert_eq!(rule.aggregates, [Aggregate::implied_count()]);
    assert_eq!(rule.evidence_limit, 10);
    assert_eq!(rule.condition.text, "gt(count, 5)");
    assert_eq!((rule.window, rule.every), (Nanos::MINUTE, None));
    assert_eq!(
        (rule.severity, rule.enabled, rule.conventions),
        (Severity::Warning, true, Conventions::Renamed)
    );
    assert_eq!(
        (rule.group_limit, rule.notification_limit, rule.lookback),
        (10_000, 50, Nanos(7 * Nanos::DAY.0))
    );
    assert_eq!((rule.hold_for, rule.keep_firing_for), (Nanos(0), Nanos(0)));
    assert_eq!(rule.realert, Realert { every: Nanos(4 * Nanos::HOUR.0), backoff: 1.0, max: Nanos::DAY });
    assert_eq!((rule.eval_delay, rule.allowed_lateness), (None, None));
    assert_eq!((rule.source.line, &*rule.source.file), (1, "rules.yml"));
    assert_eq!(&rule.source.text[rule.source.range.clone()], ORIGIN.strip_prefix("- ").unwrap().trim_end());
}

#[test]
fn the_example_with_defaults_loads() {
    let rule = rule(
        r#"defaults: {window: 1m, severity: warning, labels: {team: platform, tier: 1}}
rules:
  - name: checkout-error-ratio
    description: Customers cannot pay.
    severity: critical            # info | warning | critical
    enabled: true
    labels: {team: payments}      # routing
    annotations:                  # text for people; templates, section 9
      summary: "{{ (value.errors / value.total) | percent }} of checkouts fail in {{ group['deployment.environment'] }}"
      runbook_url: https://runbooks.example/checkout
    span: {service_name: checkout, kind: server}
    window: 5m
    group_by: [deployment.environment]
    aggregation:
      total: count
      errors: {count: {where: "status = error"}}
    condition: errors / total > 0.05 and total >= 100
    for: 2m
    keep_firing_for: 5m
    realert: 1h
"#,
    );
    assert_eq!(rule.severity, Severity::Critical);
    let labels: Vec<_> = rule.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(labels, [("team", "payments"), ("tier", "1")]);
    assert_eq!(
        (rule.window, rule.hold_for, rule.keep_firing_for),
        (Nanos(5 * Nanos::MINUTE.0), Nanos(2 * Nanos::MINUTE.0), Nanos(5 * Nanos::MINUTE.0))
    );
    assert_eq!(rule.realert, Realert { every: Nanos::HOUR, backoff: 1.0, max: Nanos::DAY });
    assert_eq!(rule.group_by[0].key, "deployment.environment");
    assert_eq!(rule.group_by[0].field, Field::attribute(Scope::Either, "deployment.environment"));
    let names: Vec<_> = rule
        .aggregates
        .iter()
        .map(|aggregate| (aggregate.name.as_str(), aggregate.filter.is_some()))
        .collect();
    assert_eq!(names, [("total", false), ("errors", true)]);
    assert_eq!(rule.evidence_limit, 10);
    assert_eq!(rule.source.line, 3);
}

#[test]
fn what_evidence_and_messages_show_besides() {
    let written = |keys: &str| {
        let rule = rule(&format!("- {{name: a, span: {{}}, condition: count > 5{keys}}}"));
        let names = |keys: &[GroupKey]| keys.iter().map(|key| key.key.clone()).collect::<Vec<_>>();
        (names(&rule.evidence.keys), rule.evidence.only, names(&rule.top))
    };
    let none = Vec::<String>::new();
    assert_eq!(written(""), (none.clone(), false, none.clone()));
    assert_eq!(
        written(", evidence: [exception.message, event.name, kind], top: [http.route, service_name]"),
        (
            vec!["exception.message".to_owned(), "event.name".to_owned(), "kind".to_owned()],
            false,
            vec!["http.route".to_owned(), "service_name".to_owned()]
        )
    );
    assert_eq!(written(", evidence: {only: [a]}"), (vec!["a".to_owned()], true, none.clone()));
    assert_eq!(written(", evidence: {only: []}"), (none.clone(), true, none));
}

#[test]
fn labels_are_templates_of_what_never_changes() {
    let rule = rule(
        "- {name: a, span: {}, condition: count > 5, group_by: [app.team], \
         labels: {team: \"{{ group['app.team'] }}\", what: '{{ rule }}/{{ severity }}', tier: 1}}",
    );
    let labels: Vec<_> = rule.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        labels,
        [("team", "{{ group['app.team'] }}"), ("tier", "1"), ("what", "{{ rule }}/{{ severity }}")]
    );
}

#[test]
fn files_have_many_shapes() {
    let item = "{name: NAME, span: {}, condition: count > 5}";
    let named = |name: &str| item.replace("NAME", name);
    for (scenario, text, names) in [
        ("list", format!("- {}\n- {}\n", named("a"), named("b")), vec!["a", "b"]),
        ("mapping", format!("rules:\n- {}\n", named("a")), vec!["a"]),
        ("documents", format!("---\n- {}\n---\nrules: [{}]\n...\n", named("a"), named("b")), vec!["a", "b"]),
        ("empty documents between", format!("---\n---\n- {}\n---\n", named("a")), vec!["a"]),
        ("byte order mark", format!("\u{feff}- {}\n", named("a")), vec!["a"]),
        ("windows line breaks", format!("rules:\r\n- {}\r\n", named("a")), vec!["a"]),
        ("empty defaults", format!("defaults:\nrules: [{}]", named("a")), vec!["a"]),
        ("JSON", r#"[{"name": "a", "span": {}, "condition": "count > 5"}]"#.to_owned(), vec!["a"]),
    ] {
        let found: Vec<_> = rules(&text).into_iter().map(|rule| rule.name).collect();
        assert_eq!(found, names, "{scenario}");
    }
}

#[test]
fn rules_keep_the_order_of_files_and_places() {
    let file = |name: &str, rule: &str| {
        SourceFile::new(name, format!("- {{name: {rule}, span: {{}}, condition: count > 5}}"))
    };
    let loaded = load(&[file("z.yml", "one"), file("a.yml", "two")]);
    assert_eq!(loaded.rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["one", "two"]);
}

#[test]
fn defaults_merge_key_by_key_and_the_rule_wins() {
    let rules = rules(
        "defaults:
  span: {service_name: shop, attributes: {tier: gold, region: eu}}
  aggregation: {slow: {count: {where: duration > 1s}}}
  annotations: {runbook_url: https://example/all}
  realert: {every: 1h, max: 8h}
  condition: slow > 5
rules:
  - name: inherits
  - name: overrides
    span: {name: pay, attributes: {tier: {in: [silver]}}}
    aggregation: {total: count}
    annotations: {summary: slow}
    realert: {every: 2h}
    condition: slow / total > 5%
",
    );
    let attribute = |key, test| matches(span_attribute(key), test);
    let service = matches(Field::Intrinsic(Intrinsic::ServiceName), Test::Eq(text("shop")));
    let eu = attribute("region", Test::Eq(text("eu")));
    assert_eq!(
        *spans_of(&rules[0]),
        Selector::All(vec![service.clone(), attribute("tier", Test::Eq(text("gold"))), eu.clone()])
    );
    let name = matches(Field::Intrinsic(Intrinsic::Name), Test::Eq(text("pay")));
    let silver = attribute("tier", Test::In(vec![text("silver")]));
    assert_eq!(*spans_of(&rules[1]), Selector::All(vec![name, silver, eu, service]));
    let names: Vec<_> = rules[1].aggregates.iter().map(|aggregate| aggregate.name.as_str()).collect();
    assert_eq!(names, ["total", "slow"]);
    assert_eq!(rules[1].annotations.len(), 2);
    assert_eq!(
        (rules[1].realert.every, rules[1].realert.max),
        (Nanos(2 * Nanos::HOUR.0), Nanos(8 * Nanos::HOUR.0))
    );
}

#[test]
fn aliases_and_merge_keys_work() {
    let rules = rules(
        "- &base
  name: one
  span: &span {service_name: shop}
  window: 5m
  condition: count > 5
- <<: *base
  name: two
- name: three
  span: *span
  <<: [{window: 2m}, *base]
",
    );
    let seen: Vec<_> =
        rules.iter().map(|rule| (rule.name.as_str(), rule.window.0 / Nanos::MINUTE.0)).collect();
    assert_eq!(seen, [("one", 5), ("two", 5), ("three", 2)]);
    assert_eq!(rules[0].subject, rules[2].subject);
    assert_eq!(&rules[1].source.text[rules[1].source.range.clone()], "<<: *base\n  name: two");
}

#[test]
fn scalars_mean_what_an_author_means() {
    let int = |value| Value::Number(Number::Int(value));
    let float = |value| Value::Number(Number::Float(value));
    for (written, value) in [
        ("\"401\"", text("401")),
        ("'401'", text("401")),
        ("401", int(401)),
        ("-3", int(-3)),
        ("0.05", float(0.05)),
        ("1e3", float(1000.0)),
        ("true", Value::Bool(true)),
        ("\"true\"", text("true")),
        ("yes", text("yes")),
        ("on", text("on")),
        ("5%", text("5%")),
        ("1m", text("1m")),
        ("007", text("007")),
        ("2026-11-22", text("2026-11-22")),
        ("12:30:45", text("12:30:45")),
        ("1.2.3", text("1.2.3")),
        ("\"\"", text("")),
        ("!!str 401", text("401")),
        ("Grüße 😀", text("Grüße 😀")),
    ] {
        assert_eq!(
            selector(&format!("{{attributes: {{k: {written}}}}}")),
            matches(span_attribute("k"), Test::Eq(value)),
            "{written}"
        );
    }
}

#[test]
fn a_number_that_is_not_plain_decimal_also_means_the_text_as_written() {
    let int = |value| Value::Number(Number::Int(value));
    let k = |test| matches(span_attribute("k"), test);
    for (written, test) in [
        ("0x80004005", Test::In(vec![int(0x8000_4005), text("0x80004005")])),
        ("-0x10", Test::In(vec![int(-16), text("-0x10")])),
        ("0b101", Test::In(vec![int(5), text("0b101")])),
        ("0o17", Test::In(vec![int(15), text("0o17")])),
        ("1_000", Test::In(vec![int(1000), text("1_000")])),
        ("True", Test::In(vec![Value::Bool(true), text("True")])),
        ("{eq: 0x1f}", Test::In(vec![int(31), text("0x1f")])),
        ("{ne: 0x1f}", Test::NotIn(vec![int(31), text("0x1f")])),
        ("[0x1f, 5]", Test::In(vec![int(31), text("0x1f"), int(5)])),
        ("{not_in: [0x1f, 5]}", Test::NotIn(vec![int(31), text("0x1f"), int(5)])),
        // Only a number has an order, and a text has its parts.
        ("{gt: 0x1f}", Test::Gt(int(31))),
        ("{starts_with: 0x1f}", Test::StartsWith("0x1f".to_owned())),
        // These are read as the numbers that they are.
        ("+5", Test::Eq(int(5))),
        ("1e3", Test::Eq(Value::Number(Number::Float(1000.0)))),
        ("\"0x1f\"", Test::Eq(text("0x1f"))),
    ] {
        assert_eq!(selector(&format!("{{attributes: {{k: {written}}}}}")), k(test), "{written}");
    }
}

#[test]
fn matchers_have_three_forms() {
    let k = |test| matches(span_attribute("k"), test);
    let int = |value| Value::Number(Number::Int(value));
    let own = |intrinsic, test| matches(Field::Intrinsic(intrinsic), test);
    for (span, expected) in [
        ("{attributes: {k: [a, 1, true]}}", k(Test::In(vec![text("a"), int(1), Value::Bool(true)]))),
        ("{attributes: {k: {eq: a}}}", k(Test::Eq(text("a")))),
        ("{attributes: {k: {ne: a}}}", k(Test::Ne(text("a")))),
        ("{attributes: {k: {gt: 1}}}", k(Test::Gt(int(1)))),
        ("{attributes: {k: {gte: \"100\"}}}", k(Test::Gte(int(100)))),
        ("{attributes: {k: {lt: 5%}}}", k(Test::Lt(Value::Number(Number::Float(0.05))))),
        ("{attributes: {k: {lte: 1.5}}}", k(Test::Lte(Value::Number(Number::Float(1.5))))),
        ("{attributes: {k: {in: [a]}}}", k(Test::In(vec![text("a")]))),
        ("{attributes: {k: {not_in: [a, b]}}}", k(Test::NotIn(vec![text("a"), text("b")]))),
        ("{attributes: {k: {contains: 1.10}}}", k(Test::Contains("1.10".to_owned()))),
        ("{attributes: {k: {starts_with: 4}}}", k(Test::StartsWith("4".to_owned()))),
        ("{attributes: {k: {ends_with: x}}}", k(Test::EndsWith("x".to_owned()))),
        ("{attributes: {k: {matches: '^5\\d\\d$'}}}", k(Test::Matches("^5\\d\\d$".to_owned()))),
        ("{attributes: {k: {exists: false}}}", k(Test::Exists(false))),
        ("{attributes: {401: a}}", matches(span_attribute("401"), Test::Eq(text("a")))),
        ("{duration: {gt: 500ms}}", own(Intrinsic::Duration, Test::Gt(Value::Duration(Nanos(500_000_000))))),
        (
            "{duration: {eq: 1h30m}}",
            own(Intrinsic::Duration, Test::Eq(Value::Duration(Nanos(90 * Nanos::MINUTE.0)))),
        ),
        (
            "{kind: [server, consumer]}",
            own(Intrinsic::Kind, Test::In(vec![text("server"), text("consumer")])),
        ),
        ("{status: {ne: ok}}", own(Intrinsic::Status, Test::Ne(text("ok")))),
        (
            "{status_message: {contains: refused}}",
            own(Intrinsic::StatusMessage, Test::Contains("refused".to_owned())),
        ),
        ("{root: true}", own(Intrinsic::Root, Test::Eq(Value::Bool(true)))),
        ("{resource: {service.name: a}}", own(Intrinsic::ServiceName, Test::Eq(text("a")))),
        (
            "{resource: {k8s.pod.name: a}}",
            matches(Field::attribute(Scope::Resource, "k8s.pod.name"), Test::Eq(text("a"))),
        ),
        ("{scope: {name: a}}", own(Intrinsic::ScopeName, Test::Eq(text("a")))),
        ("{scope: {k: a}}", matches(Field::attribute(Scope::Scope, "k"), Test::Eq(text("a")))),
        ("{}", Selector::All(vec![])),
    ] {
        assert_eq!(selector(span), expected, "{span}");
    }
    let both = Matcher { tests: vec![Test::Gte(int(500)), Test::Lt(int(600))] };
    assert_eq!(
        selector("{attributes: {k: {gte: 500, lt: 600}}}"),
        Selector::Match(span_attribute("k"), both)
    );
}

#[test]
fn selectors_nest() {
    let name = |value| matches(Field::Intrinsic(Intrinsic::Name), Test::Eq(text(value)));
    assert_eq!(selector("{any: [{name: a}, {name: b}]}"), Selector::Any(vec![name("a"), name("b")]));
    assert_eq!(selector("{not: {name: a}}"), Selector::Not(Box::new(name("a"))));
    assert_eq!(
        selector("{event: {name: exception, attributes: {exception.type: TimeoutError, name: x}}}"),
        Selector::Event {
            name: Some(Matcher { tests: vec![Test::Eq(text("exception"))] }),
            attributes: vec![
                ("exception.type".to_owned(), Matcher { tests: vec![Test::Eq(text("TimeoutError"))] }),
                ("name".to_owned(), Matcher { tests: vec![Test::Eq(text("x"))] }),
            ],
        }
    );
    assert!(matches!(
        selector("{where: 'span.http.status_code >= 500 and duration > 1s'}"),
        Selector::Where(_)
    ));
    let spanset = r#"'{ resource.service.name = "auth-service" && span.http.status_code = 401 }'"#;
    assert!(matches!(selector(spanset), Selector::Where(_)));
}

#[test]
fn aggregates_have_many_forms() {
    use AggregateFunction::{Avg, Count, CountDistinct, Max, Min, Percentile, Rate, Stddev, Sum};
    let duration = || Expr::field(Field::Intrinsic(Intrinsic::Duration));
    let kin = Kin { settle: Nanos(30 * Nanos::SECOND.0), within: Nanos(15 * Nanos::MINUTE.0) };
    for (written, function) in [
        ("count", Count),
        ("{count: {}}", Count),
        ("{count: }", Count),
        ("{count_distinct: user.id}", CountDistinct(Field::attribute(Scope::Either, "user.id"))),
        ("{count_distinct: name}", CountDistinct(Field::Intrinsic(Intrinsic::Name))),
        ("{sum: span.amount}", Sum(Expr::field(Field::attribute(Scope::Span, "amount")))),
        ("{avg: duration}", Avg(duration())),
        ("{min: duration}", Min(duration())),
        ("{max: duration}", Max(duration())),
        ("{stddev: duration}", Stddev(duration())),
        ("{p50: duration}", Percentile { of: duration(), p: 50.0 }),
        ("{p99.9: duration}", Percentile { of: duration(), p: 99.9 }),
        ("{p100: duration}", Percentile { of: duration(), p: 100.0 }),
        ("{percentile: {of: duration, p: 99.9}}", Percentile { of: duration(), p: 99.9 }),
        ("{rate: 1s}", Rate { per: Nanos::SECOND }),
    ] {
        let found = aggregates(&format!("{{x: {written}}}"));
        assert_eq!(found, [Aggregate { name: "x".to_owned(), function, filter: None }], "{written}");
    }
    for (written, computed) in [
        ("{p95: parent.duration - duration}", "parent.duration - duration"),
        ("{sum: span.bytes * 8}", "span.bytes * 8"),
        ("{max: -(self_time / 2)}", "-(self_time / 2)"),
        ("{avg: self_time}", "self_time"),
    ] {
        let of =
            rule(&format!("- {{name: a, span: {{}}, aggregation: {{x: {written}}}, condition: count > 5}}"));
        assert_eq!(of.aggregates[0].function.measure().map(ToString::to_string).as_deref(), Some(computed));
        assert_eq!(of.kin, (!computed.contains("bytes")).then_some(kin), "{written}");
    }
    for written in [
        "{count: {where: status = error}}",
        "{count: , where: status = error}",
        "{p99: duration, where: status = error}",
    ] {
        assert!(aggregates(&format!("{{x: {written}}}"))[0].filter.is_some(), "{written}");
    }
    let counted = rule("- {name: a, span: {}, aggregation: {count: 0, x: count}, condition: count > 5}");
    assert_eq!(counted.evidence_limit, 0);
    assert_eq!(
        counted.aggregates.iter().map(|aggregate| aggregate.name.as_str()).collect::<Vec<_>>(),
        ["count", "x"]
    );
}

#[test]
fn groups_are_expected_as_they_are_grouped() {
    let expect = |group_by: &str, expect: &str| {
        rule(&format!(
            "- {{name: a, span: {{}}, group_by: {group_by}, expect: {expect}, condition: count < 1}}"
        ))
        .expect
    };
    let some = |value: &str| Some(value.to_owned());
    assert_eq!(
        expect("[region]", "[eu, 7, 1.10, true, null]"),
        [[some("eu")], [some("7")], [some("1.10")], [some("true")], [None]]
    );
    assert_eq!(expect("[a, b]", "[{b: 1, a: x}, {a: ~, b: y}]"), [[some("x"), some("1")], [None, some("y")]]);
}

#[test]
fn every_other_key_is_read() {
    let rule = rule(
        "- name: a
  span: {}
  condition: count > 5
  enabled: false
  semantic_conventions: exact
  every: 30s
  group_limit: 500
  lookback: 2w
  for: 0
  realert: {every: 1h, backoff: 2, max: 12h}
  inhibit: []
  notification_limit: 5
  redact: [user.email]
  eval_delay: 90s
  allowed_lateness: 0s
",
    );
    assert!(!rule.enabled);
    assert_eq!(rule.conventions, Conventions::Exact);
    assert_eq!(rule.every, Some(Nanos(30 * Nanos::SECOND.0)));
    assert_eq!((rule.group_limit, rule.notification_limit), (500, 5));
    assert_eq!(rule.lookback, Nanos(14 * Nanos::DAY.0));
    assert_eq!(rule.realert, Realert { every: Nanos::HOUR, backoff: 2.0, max: Nanos(12 * Nanos::HOUR.0) });
    assert_eq!(rule.redact, ["user.email"]);
    assert_eq!((rule.eval_delay, rule.allowed_lateness), (Some(Nanos(90 * Nanos::SECOND.0)), Some(Nanos(0))));
}

#[test]
fn a_long_reminder_stretches_its_limit() {
    let rules = rules(
        "- {name: a, span: {}, condition: count > 5, realert: 3d, inhibit: [b]}\n- {name: b, span: {}, condition: count > 5}\n",
    );
    assert_eq!(
        (rules[0].realert.every, rules[0].realert.max),
        (Nanos(3 * Nanos::DAY.0), Nanos(3 * Nanos::DAY.0))
    );
    assert_eq!(rules[0].inhibit.iter().map(|inhibit| inhibit.rule.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_sound_rule_is_loaded_beside_a_broken_one() {
    let loaded = load(&[
        SourceFile::new(
            "a.yml",
            "- {name: broken, span: {}}\n- {name: sound, span: {}, condition: count > 5}\n",
        ),
        SourceFile::new("b.yml", "not yaml: [\n"),
        SourceFile::new("c.yml", "- {name: other, span: {}, condition: count > 5}\n"),
    ]);
    assert_eq!(loaded.rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["sound", "other"]);
    assert!(loaded.is_partial());
}

#[test]
fn errors_about_sound_rules_that_nobody_means_keep_none_from_being_loaded() {
    let text = r#"
- {name: comparison, span: {attributes: {http.response.status_code: ">=500"}}, condition: count > 5}
- {name: exactly, span: {duration: 2s}, condition: count > 5}
- {name: never, span: {}, condition: count < 0}
- {name: share, span: {}, condition: count > 5%}
- {name: pattern, span: {name: {matches: "\bGET\b"}}, condition: count > 5}
- {name: expression, span: {where: "name =~ '\bGET\b'"}, condition: count > 5}
- {name: one, span: {}, condition: count > 5, inhibit: [other]}
- {name: other, span: {}, condition: count > 5, inhibit: [one]}
"#;
    let loaded = load(&[SourceFile::new("rules.yml", text)]);
    let mut codes: Vec<&str> = loaded.findings.iter().map(|finding| finding.code.as_str()).collect();
    codes.dedup();
    assert_eq!(codes, ["E0211", "E0212", "E0211", "E0214", "E0213"], "{:?}", loaded.findings);
    assert!(
        loaded.findings.iter().all(|finding| finding.level() == Level::Error && !finding.stops_loading())
    );
    assert!(!loaded.is_partial());
    assert_eq!(loaded.rules.len(), 8);
    for rule in &loaded.rules {
        let alone = load(&[SourceFile::new("alone.yml", fluo_rules::standalone(rule))]);
        assert_eq!(alone.rules.len(), 1, "{}", rule.name);
    }
}

#[test]
fn conditions_have_one_level_or_several() {
    let plain = rule("- {name: a, severity: critical, span: {}, condition: count > 5}");
    assert_eq!((plain.severity, plain.condition.has_levels()), (Severity::Critical, false));
    assert_eq!(plain.severity_of(&plain.condition.lowest), Severity::Critical);
    let text = "
defaults: {severity: info}
rules:
  - name: a
    span: {}
    aggregation: {errors: {count: {where: status = error}}}
    condition:
      critical: errors / count > 10% and count >= 100
      warning: errors / count > 2%
    resolve_condition: errors / count < 1%
";
    let levels = rule(text);
    assert_eq!(levels.severity, Severity::Critical, "the highest; that of `defaults` is for other rules");
    let written: Vec<_> = levels
        .condition
        .levels()
        .map(|level| (levels.severity_of(level).as_str(), level.condition.text.as_str()))
        .collect();
    let expected =
        [("warning", "errors / count > 2%"), ("critical", "errors / count > 10% and count >= 100")];
    assert_eq!(written, expected);
    assert_eq!(levels.condition.resolve.as_ref().unwrap().text, "errors / count < 1%");
    let only = rule("- {name: a, span: {}, condition: {critical: count > 5}}");
    assert_eq!((only.severity, only.condition.has_levels()), (Severity::Critical, false));
    // What ends a violation, and how bad it is where, decides; the order in which levels are written does not.
    let hash = |text: &str| rule(text).source.hash;
    let turned = text
        .replace("      warning: errors / count > 2%\n", "")
        .replace("    condition:\n", "    condition:\n      warning: errors / count > 2%\n");
    assert_ne!(turned, text);
    assert_eq!(hash(&turned), levels.source.hash);
    assert_ne!(hash(&text.replace("< 1%", "< 2%")), levels.source.hash);
    assert_ne!(hash(&text.replace("warning:", "info:")), levels.source.hash);
}
