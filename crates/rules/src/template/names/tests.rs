//! Names that lead to nothing are told, with those that were perhaps meant.

use super::super::check;
use super::*;

#[test]
fn what_a_rule_does_not_have_is_told_with_what_it_has() {
    let names = Names {
        aggregates: Some(vec!["errors", "total"]),
        labels: Some(vec!["team", "app.tier"]),
        group: Some(vec!["service_name", "http.route"]),
        ..Names::default()
    };
    for (text, part, message, hint) in [
        ("{{ labels.nope }}", "nope", "the rule has no label `nope`", "there is `team`, `app.tier`"),
        ("{{ labels.teem }}", "teem", "the rule has no label `teem`", "did you mean `team`?"),
        (
            "{{ group['nope'] }}",
            "'nope'",
            "the rule is not grouped by `nope`",
            "there is `service_name`, `http.route`",
        ),
        (
            "{{ group.http.route }}",
            "http.route",
            "`group.http.route` asks for `http` in `group`, and for the rest below that",
            "a key with a dot stands in brackets: `group['http.route']`",
        ),
        (
            "{{ labels.app.tier | upper }}",
            "app.tier",
            "`labels.app.tier` asks for `app` in `labels`, and for the rest below that",
            "a key with a dot stands in brackets: `labels['app.tier']`",
        ),
        ("{{ group.http.rout }}", "http", "the rule is not grouped by `http`", "did you mean `http.route`?"),
        (
            "{{ value['nope'] }}",
            "'nope'",
            "the rule has no aggregate `nope`",
            "there is `errors`, `total`, `count`",
        ),
        ("{{ value.cuont }}", "cuont", "the rule has no aggregate `cuont`", "did you mean `count`?"),
        ("{{ first.errosr }}", "errosr", "the rule has no aggregate `errosr`", "did you mean `errors`?"),
        (
            "{{ peak.nope }}",
            "nope",
            "the rule has no aggregate `nope`",
            "there is `errors`, `total`, `count`",
        ),
        (
            "{{ top.key }}",
            "key",
            "`top` is a list",
            "the first of it is `top[0]`, and each of it `{% for one in top %}`",
        ),
        ("{{ window.begin }}", "begin", "`window` has no `begin`", "there is `start`, `end`"),
        ("{{ rule.name }}", "name", "nothing is below `rule`", "write `rule`"),
        ("{{ state.team }}", "team", "nothing is below `state`", "did you mean `labels.team`?"),
        (
            "{{ evidence.name }}",
            "name",
            "`evidence` is a list",
            "the first of it is `evidence[0]`, and each of it `{% for one in evidence %}`",
        ),
        (
            "{{ evidence[0].nope }}",
            "nope",
            "an entry of `evidence` has no `nope`",
            "it has trace_id, span_id, service_name, name, end_time, duration_ns, status, status_message, attributes",
        ),
        (
            "{{ evidence.0['nmae'] }}",
            "'nmae'",
            "an entry of `evidence` has no `nmae`",
            "did you mean `name`?",
        ),
        ("{{ errors }}", "errors", "a template knows no `errors`", "did you mean `value.errors`?"),
        (
            "{{ service_name }}",
            "service_name",
            "a template knows no `service_name`",
            "did you mean `group.service_name`?",
        ),
        ("{{ team }}", "team", "a template knows no `team`", "did you mean `labels.team`?"),
        ("{{ alertname }}", "alertname", "a template knows no `alertname`", "did you mean `rule`?"),
        (
            "{% if labels.nope == 'x' %}{% endif %}",
            "nope",
            "the rule has no label `nope`",
            "there is `team`, `app.tier`",
        ),
    ] {
        let found: Vec<_> = check(text, &names)
            .into_iter()
            .map(|problem| {
                (
                    text[problem.at].to_owned(),
                    problem.message,
                    problem.hint.map(|hint| hint.to_string()).unwrap_or_default(),
                )
            })
            .collect();
        assert_eq!(found, [(part.to_owned(), message.to_owned(), hint.to_owned())], "{text}");
    }
}

#[test]
fn a_rule_without_labels_and_groups_has_none() {
    let names = Names { aggregates: None, labels: Some(vec![]), group: Some(vec![]), ..Names::default() };
    let hints: Vec<_> = check("{{ labels.a }}{{ group.b }}{{ value.c }}", &names)
        .into_iter()
        .map(|problem| problem.hint.map(|hint| hint.to_string()).unwrap_or_default())
        .collect();
    assert_eq!(hints, ["it has no `labels`", "it has no `group_by`"]);
}

#[test]
fn a_label_is_made_of_what_never_changes_in_an_alerts_life() {
    let names = Names { group: Some(vec!["app.team"]), of_label: true, ..Names::default() };
    for text in ["payments", "{{ group['app.team'] }}-{{ severity | upper }}", "{{ rule }}"] {
        assert_eq!(check(text, &names), [], "{text}");
    }
    let of_what = "it may use rule, severity, group";
    let why = "it may use rule, severity, group: what stays the same as long as an alert lives";
    for (text, message, hint) in [
        ("{{ value.count }}", "a label cannot be made of `value`", why),
        ("{{ labels.x }}", "a label cannot be made of `labels`", why),
        ("{{ errors }}", "a template knows no `errors`", of_what),
        ("{{ app }}", "a template knows no `app`", of_what),
        (
            "{{ group.app.team }}",
            "`group.app.team` asks for `app` in `group`, and for the rest below that",
            "a key with a dot stands in brackets: `group['app.team']`",
        ),
        ("{{ group.team }}", "the rule is not grouped by `team`", "there is `app.team`"),
    ] {
        let found: Vec<_> = check(text, &names)
            .into_iter()
            .map(|problem| (problem.message, problem.hint.map(|hint| hint.to_string())))
            .collect();
        assert_eq!(found, [(message.to_owned(), Some(hint.to_owned()))], "{text}");
    }
}

#[test]
fn what_is_only_asked_for_may_be_missing() {
    let names =
        Names { aggregates: Some(vec![]), labels: Some(vec![]), group: Some(vec![]), ..Names::default() };
    for text in [
        "{% if labels.team %}{{ labels.team }}{% endif %}",
        "{% if not labels.team and group.x is not defined %}{{ labels['team'] | upper }}{% endif %}",
        "{{ labels.team | default('nobody') }}",
        "{{ labels.team or 'nobody' }}",
        "{{ labels.team if labels.team else 'nobody' }}",
        "{% set labels = {} %}{{ labels.team }}",
        "{% for group in [1] %}{{ group.x }}{% endfor %}",
        "{% with value = {'a': 1} %}{{ value.a }}{% endwith %}",
        "{{ labels[rule] }}{{ evidence[0].attributes['x'].y }}{{ evidence | length }}",
        "{{ 'labels.x' }}",
    ] {
        assert_eq!(check(text, &names), [], "{text}");
    }
}
