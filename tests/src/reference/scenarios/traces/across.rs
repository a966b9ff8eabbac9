//! Rules across traces.

use super::{between, of_trace, rule, shown, starts};
use crate::reference::Group;
use crate::reference::scenarios::build::violations;

fn across(trace: &str) -> fluo_rules::rule::Rule {
    rule(&format!("trace: {{by: [user], {trace}}}"))
}

const GUESSED: &str =
    "when: {name: ok, as: ok}, never: [{sequence: [{name: failed, at_least: 2}, ok], within: 45s}]";

#[test]
fn spans_of_one_user_belong_together_whatever_their_trace() {
    let guessed = across(GUESSED);
    let all = [
        of_trace(1, "1 failed 0..1 user=u"),
        of_trace(2, "2 failed 9..10 user=u"),
        of_trace(3, "3 failed 10..11 user=v, 4 ok 11..12 user=v"),
        of_trace(4, "5 ok 19..20 user=u"),
    ]
    .concat();
    let found = violations(&guessed, &all);
    assert_eq!((starts(&found), &found[0].group), (vec![20], &vec![Some("u".to_owned())]));
    assert_eq!(shown(&found[0]), [5, 1, 2], "the occasion first");
    assert_eq!(found[0].failed, ["never[0]"]);
    let nobody = [of_trace(1, "1 failed 0..1, 2 failed 2..3"), of_trace(2, "3 ok 4..5")].concat();
    assert_eq!(violations(&guessed, &nobody), []);
}

#[test]
fn a_chain_lasts_from_its_first_end_to_its_last() {
    let guessed = across(GUESSED);
    for (ok, is_broken) in [(46, true), (47, false)] {
        let all = of_trace(1, &format!("1 failed -9..1 user=u, 2 failed 9..10 user=u, 3 ok 40..{ok} user=u"));
        assert_eq!(!violations(&guessed, &all).is_empty(), is_broken, "{ok}");
    }
}

#[test]
fn a_step_may_carry_the_keys_under_other_names() {
    let login = across("when: {name: login, by: [enduser]}, always: [{name: sso, before: 30s}]");
    let groups = |lines: &str| -> Vec<Group> {
        violations(&login, &of_trace(1, lines)).into_iter().map(|found| found.group).collect()
    };
    assert_eq!(groups("1 sso 0..1 user=u, 2 login 30..30 enduser=u"), [] as [Group; 0]);
    assert_eq!(groups("1 sso 0..1 user=u, 2 login 30..31 enduser=u"), [vec![Some("u".to_owned())]]);
    assert_eq!(groups("1 sso 0..1 enduser=u, 2 login 9..10 enduser=u"), [vec![Some("u".to_owned())]]);
    assert_eq!(groups("1 login 9..10 user=u"), [] as [Group; 0], "it does not carry them");
}

#[test]
fn the_moment_is_that_of_what_a_punctual_evaluator_tells_first() {
    let both = across("when: {name: a}, always: [{name: b, after: 10s}], never: [{name: c, after: 30s}]");
    for (forbidden, to, expected, failed) in [
        (25, 29, vec![25], vec!["never[0]"]),
        (25, 30, vec![25], vec!["always[0]", "never[0]"]),
        (30, 30, vec![30], vec!["always[0]", "never[0]"]),
        (31, 30, vec![20], vec!["always[0]"]),
        (31, 31, vec![20], vec!["always[0]", "never[0]"]),
    ] {
        let all = of_trace(1, &format!("1 a 19..20 user=u, 2 c 0..{forbidden} user=u"));
        let found = between(&both, &all, Some(0), Some(to));
        assert_eq!(starts(&found), expected, "{forbidden} {to}");
        assert_eq!(found[0].failed, failed, "{forbidden} {to}");
    }
}

#[test]
fn copies_are_one_span_and_carry_what_any_of_them_does() {
    let twice = across("when: {name: a, as: second}, never: [{sequence: [{name: a}, second], within: 1m}]");
    let copies = [of_trace(1, "1 a 0..1 user=u"), of_trace(1, "1 a 0..1 user=u")].concat();
    assert_eq!(violations(&twice, &copies), []);
    let in_conflict = [
        of_trace(1, "1 a 0..1 user=u"),
        of_trace(1, "1 a 0..1 user=v"),
        of_trace(2, "2 a 4..5 user=u"),
        of_trace(3, "3 a 4..5 user=v"),
    ];
    let groups: Vec<Group> =
        violations(&twice, &in_conflict.concat()).into_iter().map(|found| found.group).collect();
    assert_eq!(groups, [vec![Some("u".to_owned())], vec![Some("v".to_owned())]]);
}
