//! Templates of annotations.

use fluo_alerts::template::{Renderer, Subject};
use fluo_alerts::violation::Violation;
use fluo_rules::template::{self, Names};

use crate::target::{Form, Target};

pub(crate) const TARGET: Target = Target {
    name: "template",
    form: Form::Text,
    run: |input| {
        let text = String::from_utf8_lossy(input);
        let names = Names { aggregates: Some(vec!["errors", "total"]), ..Names::default() };
        drop(template::check(&text, &names.of_label()));
        let problems = template::check(&text, &names);
        if problems.is_empty() {
            let renderer = Renderer::new(Some("https://traces.example/{trace_id}"));
            let violation = violation();
            let Violation { values, peak, .. } = &violation;
            drop(renderer.render(&text, &Subject::of_violation(&violation, values, values, peak)));
        }
    },
    seeds: &[],
    endings: &[],
    examples: &[
        "{{ (value.errors / value.total) | percent }} of {{ group['deployment.environment'] }} fail",
        "{% for span in evidence %}{{ trace_url(span.trace_id) }} {{ span.duration | duration }}{% endfor %}",
        "{% if labels.team %}{{ labels.team | upper }}{% else %}-{% endif %} {{ window.start | iso }}",
        "{{ value.errors | humanize }} {{ 'x' * 3 }} {{ [1, 2, 3] | join(',') }} {{ not (not true) }} {{ - - 1 }}",
    ],
    words: &[
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "if",
        "else",
        "endif",
        "for",
        "in",
        "endfor",
        "set",
        "macro",
        "endmacro",
        "loop.index",
        "value.errors",
        "labels.team",
        "group['a']",
        "evidence",
        "range(100000000)",
        "| join",
        "| list",
        "* 1000000",
        "~",
        "**",
        "//",
        "not",
        "-",
        "namespace()",
        "{% raw %}",
        "| tojson",
        "| batch(1)",
        "caller()",
    ],
};

/// A violation to tell of.
fn violation() -> Violation {
    use fluo_alerts::fingerprint::fingerprint;
    use fluo_alerts::value::Value;
    use fluo_rules::rule::Severity;
    use fluo_time::Nanos;

    Violation {
        rule: "checkout".to_owned(),
        severity: Severity::Critical,
        labels: [("team".to_owned(), "payments".to_owned())].into(),
        fingerprint: fingerprint("checkout", &[("deployment.environment", Some("prod"))]),
        group: vec![("deployment.environment".to_owned(), Some("prod".to_owned()))],
        condition: "errors / total > 5%".to_owned(),
        starts_at: 1_795_345_491_200_000_000,
        ends_at: 1_795_345_572_000_000_000,
        ongoing: true,
        window: Nanos::MINUTE,
        values: vec![("errors".to_owned(), Value::Int(6)), ("total".to_owned(), Value::Int(60))],
        peak: vec![("errors".to_owned(), Value::Int(41)), ("total".to_owned(), Value::None)],
        evidence: Vec::new(),
        top: Vec::new(),
        failed: Vec::new(),
        summary: "checkout fails".to_owned(),
        partial: false,
    }
}
