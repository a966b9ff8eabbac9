//! Service level objectives: what one of them stands for.

use fluo_rules::objective::{Share, Urgency};
use fluo_rules::rule::{Inhibit, Rule, Severity};
use fluo_rules::{SourceFile, load};
use fluo_time::Nanos;

fn rules(text: &str) -> Vec<Rule> {
    let loaded = load(&[SourceFile::new("rules.yml", text)]);
    assert_eq!(loaded.findings, [], "{text}");
    loaded.rules
}

fn of(slo: &str) -> Vec<Rule> {
    rules(&format!("- {{name: checkout, span: {{kind: server}}, slo: {slo}}}"))
}

#[test]
fn an_objective_is_a_rule_that_pages_and_one_that_writes_tickets() {
    let found = rules(
        "defaults: {window: 1m, severity: info, condition: count > 5, labels: {team: a}}\n\
         rules:\n\
         - name: checkout\n  span: {kind: server}\n  group_by: [service_name]\n  inhibit: [other]\n\
         \x20 slo: {objective: 99.9%, good: status != error, period: 28d, min_events: 100}\n\
         - {name: other, span: {}}\n",
    );
    let [page, ticket, _] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!([&page.name, &ticket.name], ["checkout/page", "checkout/ticket"]);
    assert_eq!([page.severity, ticket.severity], [Severity::Critical, Severity::Warning]);
    assert_eq!(
        [page.grid_step(), ticket.grid_step()],
        [1, 5].map(|minutes| Nanos(minutes * Nanos::MINUTE.0))
    );
    let inhibit = |rule: &str| Inhibit { rule: rule.to_owned(), equal: None };
    assert_eq!(page.inhibit, [inhibit("other")]);
    assert_eq!(ticket.inhibit, [inhibit("checkout/page"), inhibit("other")]);
    let text = "burn_long > burn_limit and burn_short > burn_limit and total >= 100";
    for (rule, urgency) in [page, ticket].into_iter().zip(Urgency::ALL) {
        assert_eq!(rule.condition.text, text);
        let objective = rule.objective().unwrap();
        assert_eq!(objective.pairs, urgency.pairs());
        assert_eq!((objective.budget, objective.min_events), (Share { parts: 1, of: 1000 }, 100));
        assert_eq!(objective.period, Nanos(28 * Nanos::DAY.0));
        let names: Vec<&str> = rule.condition.earlier().iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["burn_long", "burn_limit", "burn_short", "total", "errors", "budget_left"]);
        assert!(names.iter().all(|name| rule.declares(name)) && !rule.declares("failed"));
        assert_eq!((rule.group_by.len(), rule.labels.len()), (1, 1));
        // Every part of the condition stands where its text is.
        let [left, right] = rule.condition.lowest.condition.expr.children()[..] else { panic!() };
        assert_eq!(&text[left.at.clone()], "burn_long > burn_limit and burn_short > burn_limit");
        assert_eq!(&text[right.at.clone()], "total >= 100");
    }
}

#[test]
fn objectives_are_exact_shares() {
    for (written, parts, of_all) in [
        ("99.9%", 1, 1000),
        ("99.95 %", 5, 10_000),
        ("'99%'", 1, 100),
        ("0.999", 1, 1000),
        (".5", 5, 10),
        ("99.999999%", 1, 100_000_000),
    ] {
        let found = of(&format!("{{objective: {written}, good: status != error}}"));
        let objective = found[0].objective().unwrap();
        assert_eq!(objective.budget, Share { parts, of: of_all }, "{written}");
        assert_eq!((objective.min_events, objective.period.to_string()), (1, "30d".to_owned()));
    }
}

#[test]
fn each_rule_has_a_hash_of_its_own_that_changes_with_what_decides() {
    let hashes = |slo: &str| of(slo).into_iter().map(|rule| rule.source.hash).collect::<Vec<_>>();
    let first = hashes("{objective: 99.9%, good: status != error}");
    assert_ne!(first[0], first[1]);
    assert_eq!(first, hashes("{good: status != error, objective:  99.9%}"));
    let other = hashes("{objective: 99.5%, good: status != error}");
    assert!(other.iter().all(|hash| !first.contains(hash)));
}

#[test]
fn people_speak_of_its_values() {
    rules(
        "- name: checkout\n  span: {kind: server}\n  slo: {objective: 99.9%, good: status != error}\n  annotations:\n    \
         summary: '{{ value.burn_long }} {{ value.burn_short }} {{ value.burn_limit }} {{ value.errors }} \
         {{ value.total }} {{ value.budget_left }}'",
    );
}
