//! Tests of rendering: what templates give, and that nothing in them or their values stops an alert.

use fluo_rules::rule::Severity;
use fluo_rules::template as names;

use super::*;
use crate::violation::tests::violation;
use crate::violation::{Top, TopValue};

fn values(count: i128, p99: i128) -> Vec<(String, Value)> {
    let limit = ("limit.slow".to_owned(), Value::Duration(540_000_000));
    vec![("count".to_owned(), Value::Int(count)), ("p99".to_owned(), Value::Duration(p99)), limit]
}

fn top() -> Vec<Top> {
    let value = TopValue { value: Some("/login".to_owned()), spans: 3 };
    vec![Top { key: "http.route".to_owned(), spans: 4, values: vec![value] }]
}

/// Returns the subject of a violation that began with 6 failures, rose to 41, and has 17 now.
fn with_subject<T>(violation: &Violation, run: impl FnOnce(&Subject<'_>) -> T) -> T {
    let (now, first, peak) = (values(17, 1_200_000_000), values(6, 900_000_000), values(41, 3_000_000_000));
    let (started_at, top) = (violation.starts_at, top());
    run(&Subject {
        violation,
        state: "firing",
        severity: violation.severity,
        at: violation.ends_at,
        value: &now,
        first: &first,
        peak: &peak,
        top: &top,
        started_at,
        until: started_at + 90_000_000_000,
    })
}

fn render(template: &str) -> Result<String, String> {
    let renderer = Renderer::new(Some("https://traces.example/{trace_id}?from=fluo"));
    with_subject(&violation(), |subject| renderer.render(template, subject))
}

#[test]
fn templates_see_the_violation() {
    let cases = [
        ("plain text", "Logins fail.", "Logins fail."),
        ("rule and severity", "{{ rule }} is {{ severity }}", "AuthFailuresRule is warning"),
        ("labels", "{{ labels.team }}", "payments"),
        ("a label that is not there may be asked for", "{% if labels.nope %}x{% else %}y{% endif %}", "y"),
        ("group", "{{ group['deployment.environment'] }}", "prod"),
        ("a missing group value", "{{ group['cloud.region'] }}", "(none)"),
        (
            "a value now, at first, at its peak",
            "{{ value.count }}, {{ first.count }}, {{ peak.count }}",
            "17, 6, 41",
        ),
        ("a limit of the group", "{{ limit.slow | duration }} {{ limit.slow }}", "540ms 540000000"),
        (
            "since when and for how long",
            "{{ started_at }} {{ firing_for | duration }}",
            "2026-11-22T11:04:51.200Z 1m30s",
        ),
        (
            "the commonest values",
            "{% for t in top %}{{ t.key }}: {{ t.values[0].value }} {{ t.values[0].share | percent }}{% endfor %}",
            "http.route: /login 75%",
        ),
        ("what failed", "{{ evidence[0].status }}: {{ evidence[0].status_message }}", "error: bad token"),
        ("a ratio in percent", "{{ (first.count / 113) | percent }}", "5.31%"),
        ("a duration", "{{ value.p99 | duration }}", "1.2s"),
        ("a metric prefix", "{{ 1234567 | humanize }}", "1.235M"),
        ("condition", "{{ condition }}", "gt(count, 5)"),
        (
            "window",
            "{{ window.start }}/{{ window.end | iso }}",
            "2026-11-22T11:05:12.000Z/2026-11-22T11:06:12.000Z",
        ),
        ("nanoseconds as a time", "{{ 0 | iso }}", "1970-01-01T00:00:00.000Z"),
        (
            "evidence",
            "{% for s in evidence %}{{ s.name }} {{ s.duration_ns | duration }}{% endfor %}",
            "auth_user 12ms",
        ),
        ("evidence attributes", "{{ evidence[0].attributes['http.status_code'] }}", "401"),
        (
            "a link",
            "{{ trace_url(evidence[0].trace_id) }}",
            "https://traces.example/5b8efff798038103d269b633813fc60c?from=fluo",
        ),
        (
            "a link cannot be broken out of",
            "{{ trace_url('x\"><a href=y') }}",
            "https://traces.example/x%22%3E%3Ca%20href%3Dy?from=fluo",
        ),
        ("nothing is escaped for HTML here", "{{ '<b>' }}", "<b>"),
    ];
    for (scenario, template, expected) in cases {
        assert_eq!(names::check(template, &names::Names::default()), [], "{scenario}");
        assert_eq!(render(template).as_deref(), Ok(expected), "{scenario}");
    }
}

#[test]
fn every_name_that_check_knows_can_be_rendered() {
    for names::Variable { name, .. } in names::VARIABLES {
        let template = format!("{{{{ {name} }}}}");
        assert!(render(&template).is_ok(), "{template}: {:?}", render(&template));
    }
    for filter in names::FILTERS {
        let template = format!("{{{{ 1 | {filter} }}}}");
        assert!(render(&template).is_ok(), "{template}: {:?}", render(&template));
    }
}

#[test]
fn labels_are_made_of_the_group() {
    let text = "- {name: r, span: {}, condition: count > 5, severity: critical, group_by: [app.team, zone], labels: \
                {team: \"{{ group['app.team'] }}\", tier: 1, zone: '{{ group.zone }}', page: '{{ severity | upper }}', \
                odd: '{{ rule | percent }}'}}";
    let mut loaded = fluo_rules::load(&[fluo_rules::SourceFile::new("r.yml", text)]);
    assert!(!loaded.is_partial(), "{:?}", loaded.findings);
    let group = vec![("app.team".to_owned(), Some("pay\nments".to_owned())), ("zone".to_owned(), None)];
    let rule = loaded.rules.remove(0);
    let (labels, failures) = Renderer::new(None).labels(&rule, Severity::Critical, &group);
    let labels: Vec<_> = labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(labels, [("page", "CRITICAL"), ("team", "pay ments"), ("tier", "1"), ("zone", "(none)")]);
    assert_eq!(failures.len(), 1);
    assert!(failures[0].starts_with("the label odd could not be rendered: "), "{failures:?}");
}

#[test]
fn without_a_configured_link_there_is_none() {
    let template = "{% if trace_url(evidence[0].trace_id) %}see {{ trace_url(evidence[0].trace_id) }}{% else %}no link{% endif %}";
    let rendered = with_subject(&violation(), |subject| Renderer::new(None).render(template, subject));
    assert_eq!(rendered.as_deref(), Ok("no link"));
}

#[test]
fn what_fails_says_why() {
    let cases = [
        ("a value that is not there", "{{ value.nope }}", "undefined value"),
        ("a name that is not there", "{{ peek }}", "undefined value"),
        (
            "a percentage of a text",
            "{{ rule | percent }}",
            "`percent` is given AuthFailuresRule, not a number",
        ),
        ("no number", "{{ none | duration }}", "`duration` is given no value, not a number"),
        ("division by zero", "{{ 1 // 0 }}", "unable to calculate"),
        (
            "an endless loop",
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
            "fuel",
        ),
        ("endless output", "{% for a in range(3000) %}0123456789{% endfor %}", "longer than 16384 bytes"),
        ("endless output at once", "{{ 'x' * 1000000 }}", "longer than 16384 bytes"),
        ("not a template", "{{ value.count", "syntax error"),
        ("an unknown filter", "{{ 1 | nope }}", "unknown filter"),
    ];
    for (scenario, template, expected) in cases {
        let failure = render(template).expect_err(scenario);
        assert!(failure.contains(expected), "{scenario}: {failure}");
    }
}

#[test]
fn hostile_values_reach_no_text() {
    let mut violation = violation();
    violation.group[0].1 = Some(format!("\u{1b}[2J\u{202e}{{{{ 7 * 7 }}}}\n{}", "x".repeat(5_000)));
    let renderer = Renderer::new(None);
    let template = "{{ group['deployment.environment'] }}";
    let texts = [
        with_subject(&violation, |subject| renderer.render(template, subject)).unwrap(),
        default_summary(&rule(), &violation, &violation.values),
    ];
    for text in texts {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\n']), "{text}");
        assert!(text.contains("{{ 7 * 7 }}"), "a value is not a template: {text}");
        assert!(text.len() < 1_200, "{}", text.len());
    }
}

fn rule() -> Rule {
    let text = "- {name: AuthFailuresRule, span: {}, aggregation: {count: 10, p99: {p99: duration}}, condition: 'gt(count, 5)'}";
    let mut loaded = fluo_rules::load(&[fluo_rules::SourceFile::new("r.yml", text)]);
    loaded.rules.remove(0)
}

#[test]
fn summaries() {
    let renderer = Renderer::new(None);
    let summary = |template: Option<&str>| {
        let annotations = template.map(|template| (SUMMARY.to_owned(), template.to_owned()));
        let default = "the default".to_owned();
        with_subject(&violation(), |subject| {
            renderer.summary(&annotations.into_iter().collect(), subject, default)
        })
    };
    assert_eq!(summary(Some("{{ value.count }}!")), Rendered { text: "17!".to_owned(), failure: None });
    assert_eq!(summary(None), Rendered { text: "the default".to_owned(), failure: None });
    let failed = summary(Some("{{ value.nope }}"));
    assert_eq!(failed.text, "the default");
    assert!(failed.failure.is_some_and(|failure| failure.contains("undefined value")));
}

#[test]
fn annotations_know_the_runbook_and_fail_one_by_one() {
    let annotations = [
        ("broken", "{{ value.nope }}"),
        ("runbook_url", "https://runbooks.example/{{ rule }}"),
        ("steps", "see {{ runbook_url }}"),
    ];
    let annotations = annotations.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let texts = with_subject(&violation(), |subject| Renderer::new(None).annotations(&annotations, subject));
    assert!(texts["broken"].is_err());
    assert_eq!(texts["runbook_url"].as_deref(), Ok("https://runbooks.example/AuthFailuresRule"));
    assert_eq!(texts["steps"].as_deref(), Ok("see https://runbooks.example/AuthFailuresRule"));
}

#[test]
fn the_summary_of_an_objective_speaks_of_its_budget() {
    let text = "- {name: r, span: {}, slo: {objective: 99.9%, good: status != error}}";
    let rule = fluo_rules::load(&[fluo_rules::SourceFile::new("r.yml", text)]).rules.remove(0);
    let values = [("burn_long", 20.0), ("burn_limit", 14.4), ("burn_short", 30.0), ("budget_left", 0.5)];
    let mut values: Vec<(String, Value)> =
        values.map(|(name, value)| (name.to_owned(), Value::Float(value))).into();
    values.extend([("total", 500), ("errors", 10)].map(|(name, value)| (name.to_owned(), Value::Int(value))));
    let mut violation = violation();
    violation.group.clear();
    let expected = "AuthFailuresRule: error budget burn over 1h = 20x (10 of 500), over 5m = 30x, \
                    error budget left of 30d = 50 %";
    assert_eq!(default_summary(&rule, &violation, &values), expected);
}

#[test]
fn the_default_summary_is_the_documented_one() {
    let mut violation = violation();
    let default = "AuthFailuresRule: count = 6, p99 = 1.2s (gt(count, 5)) in 1m \
                   for deployment.environment=prod, cloud.region=(none)";
    assert_eq!(default_summary(&rule(), &violation, &violation.values), default);
    violation.group.clear();
    violation.values.truncate(1);
    let summary = |violation: &Violation| default_summary(&rule(), violation, &violation.values);
    assert_eq!(summary(&violation), "AuthFailuresRule: count = 6 (gt(count, 5)) in 1m");
    violation.condition = "count > 5\n  and count < 9".to_owned();
    assert_eq!(summary(&violation), "AuthFailuresRule: count = 6 (count > 5 and count < 9) in 1m");
}

#[test]
fn no_template_that_check_lets_pass_takes_more_than_a_thread_s_stack() {
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    let rendered = thread.spawn(|| {
        for template in [
            // Deep at once, as deep as may be.
            format!("{{{{ {}1 }}}}", "-".repeat(250)),
            format!("{{{{ {}1{} }}}}", "[".repeat(64), "]".repeat(64)),
            "{% if true %}".repeat(64) + &"{% endif %}".repeat(64),
            // Values that wrap each other, while it runs.
            format!("{{% set x = {}1{} %}}{{{{ x }}}}", "[".repeat(63), "]".repeat(63)),
            format!("{{{{ [1]{} }}}}", "|batch(1)|list".repeat(60)),
            "{% set x = [1] %}{% for i in range(20000) %}{% set x = [x] %}{% endfor %}{{ x }}".to_owned(),
        ] {
            assert_eq!(names::check(&template, &names::Names::default()), [], "{template}");
            // That it ends is what is asked for; some are too long to be sent.
            let _ended = render(&template);
        }
    });
    rendered.unwrap().join().unwrap();
}
