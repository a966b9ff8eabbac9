//! Tests of `super::check`: what is let through, and where mistakes are found.

use super::*;

fn names() -> Names<'static> {
    Names { aggregates: Some(vec!["errors", "total", "p99"]), ..Names::default() }
}

/// Code, part of the template and message of each problem.
fn problems(text: &str) -> Vec<(Code, &str, String)> {
    check(text, &names())
        .into_iter()
        .map(|problem| (problem.code, &text[problem.at.clone()], problem.message))
        .collect()
}

#[test]
fn templates_that_work_are_left_alone() {
    for text in [
        "plain text, 100 %",
        "{{ (value.errors / value.total) | percent }} of checkouts fail in {{ group['deployment.environment'] }}",
        "{% for span in evidence %}{{ trace_url(span.trace_id) }}{% if not loop.last %}, {% endif %}{% endfor %}",
        "{{ window.start | iso }} {{ value.p99|duration|upper }} {{ value.count | humanize }}",
        "{% if labels.team is defined and state == 'firing' %}{{ rule }}{% endif %}",
        "{% set total = value.total %}{{ total | default(0) | round(2) }}",
        "{{ '{{ nothing | here }}' }} {# {{ comment | nope }} #} {% raw %}{{ raw | nope }}{% endraw %}",
        "{{ dict(a=1)['a'] }} {{ range(3) | join(', ') }}",
    ] {
        assert_eq!(check(text, &names()), [], "{text}");
    }
}

#[test]
fn mistakes_are_found_where_they_are() {
    let name = Code::TemplateName;
    for (text, expected) in [
        ("{{ valeu.count }}", vec![(name, "valeu", "a template knows no `valeu`")]),
        ("{{ value.count | precent }}", vec![(name, "precent", "there is no filter `precent`")]),
        ("{% if rule is nice %}x{% endif %}", vec![(name, "nice", "there is no test `nice`")]),
        ("{{ trace_link(1) }}", vec![(name, "trace_link", "a template knows no `trace_link`")]),
        (
            "{% if false %}{{ value.x | nope }}{{ y }}{% endif %}",
            vec![
                (name, "x", "the rule has no aggregate `x`"),
                (name, "nope", "there is no filter `nope`"),
                (name, "y", "a template knows no `y`"),
            ],
        ),
    ] {
        let expected: Vec<_> =
            expected.into_iter().map(|(code, at, text)| (code, at, text.to_owned())).collect();
        assert_eq!(problems(text), expected, "{text}");
    }
    for (text, part) in [("a {{ value. }} b", "}}"), ("{% if x %}", ""), ("a\n{{ 'x }}", "{{ 'x")] {
        let [(Code::TemplateSyntax, at, _)] = &problems(text)[..] else {
            panic!("{text}: {:?}", problems(text))
        };
        assert!(at.starts_with(part), "{text}: {at}");
    }
}
