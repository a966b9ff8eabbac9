//! Groups that exist, and that are kept apart.

use fluo_rules::expr::Comparison;
use fluo_rules::rule::Rule;
use fluo_time::Nanos;

use super::build::{
    SECOND, aggregate, any_span, compare, failure, group_key, int, more_than, outcome, span_attribute,
    violations, violations_in, with,
};
use crate::reference::{Group, Overflow};

fn by_route(rule: Rule) -> Rule {
    Rule { group_by: vec![group_key("route", span_attribute("route"))], ..rule }
}

fn group(value: Option<&str>) -> Group {
    vec![value.map(str::to_owned)]
}

#[test]
fn each_combination_of_values_is_judged_on_its_own() {
    let rule = by_route(any_span(vec![], more_than(aggregate("count"), 1)));
    let spans = [
        with(1, 0, &[("route", "/a")]),
        with(2, 1, &[("route", "/b")]),
        with(3, 2, &[("route", "/a")]),
        with(4, 3, &[]),
        with(5, 4, &[("route", "")]),
        with(6, 5, &[]),
    ];
    let groups: Vec<Group> = violations(&rule, &spans).into_iter().map(|episode| episode.group).collect();
    // A missing value is a group; empty text is another one.
    assert_eq!(groups, [group(Some("/a")), group(None)]);
}

#[test]
fn a_group_exists_while_a_span_is_in_its_window_or_if_it_is_expected() {
    let few = by_route(Rule {
        every: Some(Nanos(60 * SECOND)),
        ..any_span(vec![], compare(Comparison::Lt, aggregate("count"), int(2)))
    });
    let spans = [with(1, 0, &[("route", "/a")]), failure(2, 300 * SECOND)];
    let found = |rule: &Rule| -> Vec<(Group, bool)> {
        violations_in(rule, &spans, Some(0), Some(240 * SECOND))
            .into_iter()
            .map(|episode| (episode.group, episode.starts_at == episode.ends_at))
            .collect()
    };
    assert_eq!(found(&few), [(group(Some("/a")), true)], "only while it has a span");
    let expected = Rule { expect: vec![group(Some("/a")), group(Some("/z"))], ..few };
    assert_eq!(found(&expected), [(group(Some("/a")), false), (group(Some("/z")), false)], "all the time");
}

#[test]
fn more_groups_than_the_limit_are_not_judged() {
    let rule = by_route(any_span(vec![], more_than(aggregate("count"), 0)));
    let spans =
        [with(1, 0, &[("route", "/a")]), with(2, 1, &[("route", "/b")]), with(3, 2, &[("route", "/a")])];
    for (scenario, limit, expect, expected) in [
        ("as many as allowed", 2, vec![], Ok(2)),
        ("one too many", 1, vec![], Err(Overflow { groups: 2, limit: 1 })),
        ("an expected one is no new one", 2, vec![group(Some("/a"))], Ok(2)),
        ("an expected one too many", 2, vec![group(None)], Err(Overflow { groups: 3, limit: 2 })),
    ] {
        let rule = Rule { group_limit: limit, expect, ..rule.clone() };
        assert_eq!(outcome(&rule, &spans).map(|episodes| episodes.len()), expected, "{scenario}");
    }
}
