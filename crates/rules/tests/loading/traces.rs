//! Rules about traces: what they say, and how it is read.

use fluo_rules::rule::{GroupKey, Rule};
use fluo_rules::trace::across::{Around, Near};
use fluo_rules::trace::spanset::{Operator, Spanset};
use fluo_rules::trace::{Forbidden, Sequence, TieKind, TraceRule};
use fluo_rules::words;
use fluo_time::Nanos;

use crate::load_text;
use crate::standalone::stands_alone;

/// A rule with nothing wrong, which is the same by itself.
fn rule(text: &str) -> Rule {
    let loaded = load_text(text);
    assert_eq!(loaded.findings, [], "{text}");
    stands_alone(text);
    loaded.rules.into_iter().next().unwrap()
}

fn trace(trace: &str) -> TraceRule {
    rule(&format!("- {{name: a, trace: {trace}}}")).trace().unwrap().clone()
}

#[test]
fn a_demand_stands_by_itself() {
    let rule = rule(
        "- name: large-payment-without-fraud-check
  trace:
    when:   {name: payment.charge_card, attributes: {amount: {gt: 1000}}}
    always: [{name: payment.fraud_check}]
    never:  [{name: payment.bypass_validation}]
",
    );
    let trace = rule.trace().unwrap();
    assert_eq!((trace.occasion(), trace.always.as_slice()), (Some(0), &[1][..]));
    assert_eq!(trace.never, [Forbidden::Step(2)]);
    assert_eq!((trace.settle, trace.max_duration), (Nanos(30_000_000_000), Nanos(900_000_000_000)));
    // What people expect of it: one such trace is one too many.
    assert_eq!(rule.condition.text, "traces > 0");
    assert_eq!((rule.aggregates.len(), rule.aggregates[0].name.as_str()), (1, "traces"));
    let names: Vec<String> = (0..2).map(|at| trace.demand_name(at)).collect();
    assert_eq!(names, ["always[0]", "never[0]"]);
}

#[test]
fn the_occasion_stands_in_a_sequence_by_its_name() {
    let trace =
        trace("{when: {name: data.access, as: access}, sequence: [{name: auth.check}, access], within: 10s}");
    let sequence = Sequence { steps: vec![1, 0], within: Some(Nanos(10_000_000_000)), overlap: false };
    assert_eq!(trace.sequence, Some(sequence));
    assert_eq!(trace.demand_name(0), "sequence");
}

#[test]
fn steps_are_tied_to_others_that_stand_before_or_behind_them() {
    let trace = trace(
        "{always: [{name: b, child_of: a, follows: c}, {name: a, as: a}], never: [{name: d, descendant_of: c}], \
          when: {kind: server, as: c}}",
    );
    let ties: Vec<Vec<(TieKind, usize)>> =
        trace.steps.iter().map(|step| step.ties.iter().map(|tie| (tie.kind, tie.to)).collect()).collect();
    assert_eq!(ties[0], []);
    assert_eq!(ties[1], [(TieKind::ChildOf, 2), (TieKind::Follows, 0)]);
    assert_eq!(ties[3], [(TieKind::DescendantOf, 0)]);
    assert!(trace.is_tied(1, 0) && !trace.is_tied(2, 0));
}

#[test]
fn within_without_a_sequence_is_of_the_steps_that_must_be_there() {
    let trace = trace("{when: {name: a}, always: [{name: b}, {name: c, within: 1s}], within: 5s}");
    let within: Vec<Option<i64>> =
        trace.steps.iter().map(|step| step.within.map(|within| within.0 / 1_000_000_000)).collect();
    assert_eq!(within, [None, Some(5), Some(1)]);
}

#[test]
fn a_condition_over_counts_is_that_of_each_trace() {
    let outside =
        rule("- {name: a, trace: {count: {of: {name: http.retry}, as: retries}}, condition: retries > 3}");
    let inside =
        rule("- {name: a, trace: {count: [{of: {name: http.retry}, as: retries}], condition: retries > 3}}");
    assert_eq!(outside.subject, inside.subject);
    assert_eq!(outside.condition, inside.condition);
    assert_eq!(outside.trace().unwrap().condition.as_ref().unwrap().text, "retries > 3");
    let both = rule(
        "- {name: a, trace: {count: {of: {name: x}, as: n}, condition: n > 3}, aggregation: {slow: {p99: duration}}, \
           condition: slow > 1s}",
    );
    assert_eq!(both.condition.text, "slow > 1s");
}

#[test]
fn a_step_may_be_a_traceql_filter() {
    let filters = trace("{when: '{ name = \"a\" }', always: ['{ .x = 1 }']}");
    let texts: Vec<String> = filters.steps.iter().map(|step| words::selector(&step.selector)).collect();
    assert_eq!(texts, ["name = \"a\"", ".x = 1"]);
}

/// A spanset with parentheses around every pair.
fn shown(spanset: &Spanset<usize>) -> String {
    match spanset {
        Spanset::Filter(step) => step.to_string(),
        Spanset::Pair { operator, left, right } => {
            format!("({} {} {})", shown(left), operator.as_str(), shown(right))
        }
    }
}

#[test]
fn operators_between_filters_bind_as_in_tempo() {
    for (when, expected) in [
        ("{ .a } > { .b }", "(0 > 1)"),
        ("{.a}>>{.b}", "(0 >> 1)"),
        (" ( { .a } ) ", "0"),
        ("{ .a } > { .b } >> { .c }", "((0 > 1) >> 2)"),
        ("{ .a } > ({ .b } >> { .c })", "(0 > (1 >> 2))"),
        ("{ .a } && { .b } || { .c }", "((0 && 1) || 2)"),
        ("{ .a } || { .b } && { .c }", "((0 || 1) && 2)"),
        ("{ .a } || { .b } > { .c } && { .d }", "((0 || (1 > 2)) && 3)"),
        ("{ .a } !>> { .b } && ({ .c } || { .d }) &~ { .e }", "((0 !>> 1) && ((2 || 3) &~ 4))"),
        // Signs within the braces are of their filter.
        ("{ .a > 1 && .b !~ \"x\" } !~ { .c = \"} > {\" }", "(0 !~ 1)"),
    ] {
        let read = trace(&format!("{{when: '{when}', never: ['{{ }}']}}"));
        assert_eq!(shown(read.when.as_ref().unwrap()), expected, "{when}");
    }
    for (operator, known) in Operator::ALL {
        let read = trace(&format!("{{when: '{{ .a }} {operator} {{ .b }}', never: ['{{ }}']}}"));
        assert_eq!(read.when, Some(Spanset::pair(known, Spanset::Filter(0), Spanset::Filter(1))));
        assert_eq!((read.occasion(), read.never.as_slice()), (None, &[Forbidden::Step(2)][..]));
        let is_logical = matches!(operator, "&&" | "||");
        assert_eq!((read.has_related_occasions(), known.as_str()), (!is_logical, operator));
    }
}

#[test]
fn a_filter_in_parentheses_is_one_filter() {
    let [bare, in_parentheses] =
        ["{ .a }", "(({ .a }))"].map(|when| trace(&format!("{{when: '{when}', never: [{{name: b}}]}}")));
    assert_eq!((bare.occasion(), bare), (Some(0), in_parentheses));
}

#[test]
fn forbidden_sequences_have_times_of_their_own() {
    let trace = trace(
        "{never: [{name: x}, {sequence: [{name: a, at_least: 5}, {name: b}], within: 45m, overlap: true}]}",
    );
    let Forbidden::Sequence(sequence) = &trace.never[1] else { panic!("{trace:?}") };
    assert_eq!((sequence.overlap, sequence.within), (true, Some(Nanos(2_700_000_000_000))));
    assert_eq!(trace.steps[sequence.steps[0]].at_least, 5);
}

#[test]
fn what_belongs_together_across_traces_is_the_group() {
    let keys = |keys: &[GroupKey]| keys.iter().map(|key| key.key.clone()).collect::<Vec<String>>();
    let login = rule(
        "- name: console-login-without-sso
  trace: {by: [user.id], when: {name: console.login, by: [enduser.id]}, always: [{name: sso.redirect, before: 30h}]}
",
    );
    let trace = login.trace().unwrap();
    assert_eq!(keys(&login.group_by), ["user.id"]);
    let by: Vec<Vec<String>> = trace.steps.iter().map(|step| keys(&step.by)).collect();
    assert_eq!(by, [["enduser.id"], ["user.id"]]);
    assert_eq!(trace.steps[1].near, Some(Near::Before(Nanos(30 * Nanos::HOUR.0))));
    assert_eq!(trace.waits(), Nanos(0), "nothing that comes later can mend it");
    let some = rule(
        "- {name: a, trace: {by: [a, b], when: {name: x}, always: [{name: y, after: 2h}]}, group_by: [b], window: 10m, \
           aggregation: {n: count}, condition: n > 5}",
    );
    assert_eq!(keys(&some.group_by), ["b"]);
    assert_eq!(some.trace().unwrap().waits(), Nanos(2 * Nanos::HOUR.0));
}

#[test]
fn sequences_across_traces_have_the_occasion_in_them() {
    let trace = trace(
        "{by: [user.id], when: {name: login.ok, as: ok}, \
          never: [{sequence: [{name: login.failed, at_least: 5}, ok], within: 45m}, {name: logout, within: 1m}], \
          always: [{name: mail}], within: 5m}",
    );
    let Forbidden::Sequence(sequence) = &trace.never[0] else { panic!("{trace:?}") };
    assert_eq!(sequence.steps.last(), trace.occasion().as_ref());
    let minutes = |minutes: i64| Nanos(minutes * Nanos::MINUTE.0);
    assert_eq!(trace.steps[trace.always[0]].near, Some(Near::Within(minutes(5))), "that of the rule");
    let Around { before, after } = trace.around();
    assert_eq!((before, after), (minutes(45).0 + 1, minutes(5).0));
    assert_eq!(trace.around_missing(), Around { before: minutes(5).0, after: minutes(5).0 });
}

/// A rule that is a condition in words.
fn in_words(condition: &str) -> TraceRule {
    rule(&format!("- name: a\n  condition: {condition:?}")).trace().unwrap().clone()
}

#[test]
fn a_condition_in_words_is_over_counts_of_its_calls() {
    let read = in_words("trace.has(pay).where(amount > 1000) and not trace.has(\"check it\")");
    let counts: Vec<(&str, usize)> =
        read.counts.iter().map(|count| (count.name.as_str(), count.of)).collect();
    assert_eq!(counts, [("trace.has(pay).where(amount > 1000)", 0), ("trace.has(check it)", 1)]);
    let steps: Vec<String> = read.steps.iter().map(|step| words::selector(&step.selector)).collect();
    assert_eq!(steps, ["name = \"pay\" and .amount > 1000", "name = \"check it\""]);
    assert_eq!(read.demand_name(0), "condition");
    // The same call is one count.
    let twice = in_words("trace.count(a) > 3 or trace.count( a ) * 2 < trace.count(b)");
    assert_eq!((twice.counts.len(), twice.steps.len()), (2, 2));
}

#[test]
fn sections_that_only_name_steps_are_demands() {
    let read = in_words(
        "never { bypass or \"x y\" } when { pay.where(amount > 1000) } always { check and trace.has(log) } // all",
    );
    let name = |at: &usize| words::selector(&read.steps[*at].selector);
    assert_eq!(read.occasion().as_ref().map(name).unwrap(), "name = \"pay\" and .amount > 1000");
    assert_eq!(read.always.iter().map(name).collect::<Vec<_>>(), ["name = \"check\"", "name = \"log\""]);
    assert_eq!(read.never.len(), 2);
    assert!(read.counts.is_empty() && read.condition.is_none());
    let more = in_words("when { pay } always { check or waiver }");
    assert!(more.when.is_none() && more.condition.is_some() && more.counts.len() == 3);
}

#[test]
fn where_says_more_of_a_span() {
    for (clause, expected) in [
        ("amount > 1000", ".amount > 1000"),
        ("region = eu", ".region = \"eu\""),
        ("\"weird key\" != 'x y'", "any[\"weird key\"] != \"x y\""),
        ("span:status = error", "status = \"error\""),
        ("span:duration > 1.5s", "duration > 1s500ms"),
        ("amount > .quota", "(.amount > .quota)"),
        ("a in [x, 3] and b not in (y)", "(.a in [\"x\", 3] and .b not in [\"y\"])"),
        ("not (a contains b or c matches \"^d\")", "not (.a contains \"b\" or .c matches \"^d\")"),
    ] {
        let read = in_words(&format!("trace.has(n).where({clause})"));
        let words = words::selector(&read.steps[0].selector);
        assert_eq!(words, format!("name = \"n\" and {expected}"), "{clause}");
    }
    let chained = in_words("trace.has(n).where(a = 1).where(b = 2)");
    assert_eq!(words::selector(&chained.steps[0].selector), "name = \"n\" and .a = 1 and .b = 2");
}
