//! Windows, groups and aggregates over rows of traces.

use std::sync::Arc;

use fluo_spans::span::{Resource, Span};

use super::{between, demanding, of_trace, rule, spans, starts};
use crate::reference::scenarios::build::violations;
use crate::reference::{Group, RefValue};
use crate::span::attributes;

fn groups(keys: &str, spans: &[Span]) -> Vec<Group> {
    violations(&rule(keys), spans).into_iter().map(|episode| episode.group).collect()
}

fn of_service(name: &str, pairs: &[(&str, &str)], span: Span) -> Span {
    let resource = Resource { service_name: Some(name.to_owned()), attributes: attributes(pairs) };
    Span { resource: Arc::new(resource), ..span }
}

#[test]
fn a_row_has_the_fields_of_the_first_occasion() {
    let by_name = |trace: &str| format!("trace: {{{trace}}}, group_by: [name]");
    let trace = spans("1 root 2..9, 2<1 pay 3..4, 3<1 early 0..1");
    for (scenario, demands, expected) in [
        ("of `when`", "when: {name: pay}, always: [{name: check}]", "pay"),
        ("of the root", "always: [{name: check}]", "root"),
    ] {
        assert_eq!(groups(&by_name(demands), &trace), [vec![Some(expected.to_owned())]], "{scenario}");
    }
    let orphans = spans("2<1 pay 3..4, 3<1 early 0..1");
    assert_eq!(groups(&by_name("always: [{name: check}]"), &orphans), [vec![Some("early".to_owned())]]);
    // The first occasion by start, whichever breaks the rule.
    let two = spans("1 call 5..6 n=b, 2 call 0..9 n=a, 3<2 check 1..2");
    let keys =
        "trace: {when: {name: call, as: call}, always: [{name: check, child_of: call}]}, group_by: [n]";
    assert_eq!(groups(keys, &two), [vec![Some("a".to_owned())]]);
}

#[test]
fn what_the_occasion_lacks_is_that_of_the_root() {
    let root = |pairs: &str| format!("1 root 0..9 {pairs}, 2<1 pay 1..2");
    let keys = "trace: {when: {name: pay}, always: [{name: check}]}, group_by: [tenant]";
    let group = |spans: &[Span]| groups(keys, spans).remove(0).remove(0);
    assert_eq!(group(&spans(&root("tenant=a"))).as_deref(), Some("a"));
    assert_eq!(group(&spans(&root("other=a"))), None);
    let own = spans("1 root 0..9 tenant=a, 2<1 pay 1..2 tenant=b");
    assert_eq!(group(&own).as_deref(), Some("b"));
    let mut in_resource = spans(&root("tenant=a"));
    in_resource[1] = of_service("pay", &[("tenant", "c")], in_resource[1].clone());
    assert_eq!(group(&in_resource).as_deref(), Some("c"));
    // Another span that has the key is no root.
    assert_eq!(group(&spans("1 root 0..9, 2<1 pay 1..2, 3<1 other 1..2 tenant=a")), None);
}

#[test]
fn the_service_that_the_occasion_lacks_is_that_of_the_root() {
    let keys = "trace: {when: {name: pay}, always: [{name: check}]}, group_by: [service_name]";
    let mut trace = spans("1 root 0..9, 2<1 pay 1..2");
    trace[0] = of_service("shop", &[], trace[0].clone());
    assert_eq!(groups(keys, &trace), [vec![Some("shop".to_owned())]]);
    trace[1] = of_service("payment", &[], trace[1].clone());
    assert_eq!(groups(keys, &trace), [vec![Some("payment".to_owned())]]);
}

#[test]
fn a_key_under_an_older_name_is_the_same_key() {
    let renamed = spans("1 root 0..9 http.response.status_code=200, 2<1 pay 1..2 http.status_code=500");
    for (more, expected) in [("", "500"), (", semantic_conventions: exact", "200")] {
        let keys = format!(
            "trace: {{when: {{name: pay}}, always: [{{name: check}}]}}, group_by: [http.response.status_code]{more}"
        );
        assert_eq!(groups(&keys, &renamed), [vec![Some(expected.to_owned())]], "{more}");
    }
}

#[test]
fn a_row_lasts_as_long_as_its_trace() {
    let rule = rule(
        "trace: {when: {name: pay}, always: [{name: check}]}, settle: 10s, aggregation: {longest: {max: duration}}, \
         condition: longest > 1s",
    );
    let values = |lines: &str| violations(&rule, &spans(lines))[0].values[0].1;
    assert_eq!(values("1 root 0..9, 2<1 pay 1..2"), RefValue::Int(9_000_000_000));
    // What comes after it was told counts as well.
    assert_eq!(values("1 root 0..9, 2<1 pay 1..2, 3<1 pay 30..40"), RefValue::Int(40_000_000_000));
}

#[test]
fn windows_are_over_rows() {
    let many = rule(
        "trace: {when: {name: pay}, always: [{name: check}]}, group_by: [region], window: 10s, \
         aggregation: {n: count}, condition: n > 1",
    );
    let of = |trace: u8, region: &str, at: i64| {
        of_trace(trace, &format!("1 pay {at}..{} region={region}", at + 1))
    };
    let all = [of(1, "eu", 0), of(2, "us", 1), of(3, "eu", 9), of(4, "us", 11), of(5, "us", 20)].concat();
    let found = violations(&many, &all);
    let told: Vec<(Option<String>, RefValue)> =
        found.iter().map(|episode| (episode.group[0].clone(), episode.values[0].1)).collect();
    assert_eq!(starts(&found), [10, 21]);
    assert_eq!(told, [(Some("eu".to_owned()), RefValue::Int(2)), (Some("us".to_owned()), RefValue::Int(2))]);
}

#[test]
fn without_an_aggregation_one_trace_in_a_minute_is_enough() {
    let must = demanding("always: [{name: check}]");
    let all = [of_trace(1, "1 a 0..1"), of_trace(2, "1 a 60..61"), of_trace(3, "1 a 122..123")].concat();
    let found = violations(&must, &all);
    assert_eq!(starts(&found), [1, 123]);
    assert_eq!(found[0].ends_at - found[0].starts_at, 60_000_000_000);
    assert!(!between(&must, &all, None, Some(121))[0].ongoing);
}

#[test]
fn counts_are_those_of_the_first_trace_of_a_window() {
    let rule = rule(
        "trace: {count: {of: {name: retry}, as: retries}, condition: retries > 0}, aggregation: {n: count}, \
         condition: n > 1",
    );
    let all = [
        of_trace(1, "1 root 0..1, 2<1 retry 0..3, 3<1 retry 0..3"),
        of_trace(2, "1 root 0..1, 2<1 retry 0..2"),
        of_trace(3, "1 root 0..1, 2<1 retry 0..3, 3<1 retry 0..3, 4<1 retry 0..3"),
    ];
    let found = violations(&rule, &all.concat());
    assert_eq!(
        found[0].values,
        [("n".to_owned(), RefValue::Int(3)), ("retries".to_owned(), RefValue::Int(1))]
    );
}

#[test]
fn a_grid_of_traces() {
    let few = rule(
        "trace: {never: [{name: bypass}]}, window: 10s, every: 10s, aggregation: {n: count}, condition: n > 0",
    );
    let all = of_trace(1, "1 root 0..9, 2<1 bypass 0..5");
    assert_eq!(starts(&between(&few, &all, Some(0), Some(30))), [10]);
}

#[test]
fn copies_of_a_span_are_one_span() {
    let must = |trace: &str| rule(&format!("trace: {{{trace}}}, group_by: [n], max_trace_duration: 1m"));
    let failed = |rule: &_, spans: &[Span]| -> Vec<String> {
        violations(rule, spans).into_iter().flat_map(|episode| episode.failed).collect()
    };
    // It can be a step if one of them can.
    let late = [spans("1 root 0..9, 2<1 pay 1..2"), spans("2<1 check 1..2")].concat();
    assert_eq!(failed(&must("always: [{name: check}]"), &late), [] as [&str; 0]);
    assert_eq!(failed(&must("always: [{name: pay}]"), &late), [] as [&str; 0]);
    // It starts when the earliest does.
    let early = [spans("1 root 0..9, 2<1 a 0..5, 3<1 b 7..8"), spans("3<1 b 4..8")].concat();
    assert_eq!(failed(&must("sequence: [{name: a}, {name: b}]"), &early), ["sequence"]);
    // Its parent is that of the first copy that has one.
    let parents =
        |first: &str, second: &str| [spans("1 a 0..9, 4 b 0..9"), spans(first), spans(second)].concat();
    let child = must("never: [{name: x, child_of: a}], count: {of: {name: a, as: a}, as: n}");
    for (first, second, expected) in [
        ("2<1 x 1..3", "2<4 x 2..3", vec!["never[0]"]),
        ("2<1 x 2..3", "2<4 x 1..3", vec![]),
        ("2 x 1..3", "2<1 x 2..3", vec!["never[0]"]),
    ] {
        assert_eq!(failed(&child, &parents(first, second)), expected, "{first}, {second}");
    }
    // Its fields are those of the copy with the smallest hash: here, of the first attribute's value.
    let fields = [spans("1 root 0..9 n=b"), spans("1 root 0..9 n=a")].concat();
    assert_eq!(violations(&must("always: [{name: check}]"), &fields)[0].group, [Some("a".to_owned())]);
}
