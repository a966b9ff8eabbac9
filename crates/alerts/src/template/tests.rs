//! Tests of rendering: what templates give, and that nothing in them or their values stops an alert.

use fluo_rules::template as names;

use super::*;
use crate::violation::tests::violation;

fn render(template: &str) -> Result<String, String> {
    Renderer::new(Some("https://traces.example/{trace_id}?from=fluo")).render(
        template,
        &violation(),
        "firing",
    )
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
        ("a value", "{{ value.count }} failures", "6 failures"),
        ("a ratio in percent", "{{ (value.count / 113) | percent }}", "5.31%"),
        ("a duration", "{{ value.p99 | duration }}", "1.2s"),
        ("a metric prefix", "{{ 1234567 | humanize }}", "1.235M"),
        ("condition", "{{ condition }}", "gt(count, 5)"),
        (
            "window",
            "{{ window.start }}/{{ window.end | iso }}",
            "2026-11-22T11:03:51.200Z/2026-11-22T11:04:51.200Z",
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
fn without_a_configured_link_there_is_none() {
    let template = "{% if trace_url(evidence[0].trace_id) %}see {{ trace_url(evidence[0].trace_id) }}{% else %}no link{% endif %}";
    assert_eq!(Renderer::new(None).render(template, &violation(), "firing").as_deref(), Ok("no link"));
}

#[test]
fn what_fails_says_why() {
    let cases = [
        ("a value that is not there", "{{ value.nope }}", "undefined value"),
        ("a name that is not there", "{{ peak }}", "undefined value"),
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
    let texts = [
        renderer.render("{{ group['deployment.environment'] }}", &violation, "firing").unwrap(),
        default_summary(&violation),
    ];
    for text in texts {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\n']), "{text}");
        assert!(text.contains("{{ 7 * 7 }}"), "a value is not a template: {text}");
        assert!(text.len() < 1_200, "{}", text.len());
    }
}

#[test]
fn summaries() {
    let renderer = Renderer::new(None);
    let annotations = |template: &str| BTreeMap::from([("summary".to_owned(), template.to_owned())]);
    let default = "AuthFailuresRule: count = 6, p99 = 1.2s (gt(count, 5)) in 1m \
                   for deployment.environment=prod, cloud.region=(none)";
    assert_eq!(
        renderer.summary(&annotations("{{ value.count }}!"), &violation()),
        Rendered { text: "6!".to_owned(), failure: None }
    );
    assert_eq!(
        renderer.summary(&BTreeMap::new(), &violation()),
        Rendered { text: default.to_owned(), failure: None }
    );
    let failed = renderer.summary(&annotations("{{ value.nope }}"), &violation());
    assert_eq!(failed.text, default);
    assert!(failed.failure.is_some_and(|failure| failure.contains("undefined value")));
}

#[test]
fn the_default_summary_without_groups_is_the_documented_one() {
    let mut violation = violation();
    violation.group.clear();
    violation.values.truncate(1);
    assert_eq!(default_summary(&violation), "AuthFailuresRule: count = 6 (gt(count, 5)) in 1m");
    violation.condition = "count > 5\n  and count < 9".to_owned();
    assert_eq!(default_summary(&violation), "AuthFailuresRule: count = 6 (count > 5 and count < 9) in 1m");
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
