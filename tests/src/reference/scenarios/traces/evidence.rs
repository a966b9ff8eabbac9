//! The spans that show what is wrong with traces.

use fluo_rules::rule::Rule;

use super::{demanding, of_trace, rule, shown, spans};
use crate::reference::scenarios::build::violations;

fn of(rule: &Rule, lines: &str) -> Vec<u8> {
    shown(&violations(rule, &spans(lines))[0])
}

#[test]
fn the_spans_of_the_steps_show_it() {
    for (scenario, demands, lines, expected) in [
        ("the occasion", "when: {name: pay}, always: [{name: check}]", "1 root 0..9, 2<1 pay 1..2", vec![2]),
        (
            "what was found, though more should be",
            "when: {name: pay}, always: [{name: check, at_least: 2}]",
            "1 root 0..9, 2<1 pay 1..2, 3<1 check 0..1",
            vec![3, 2],
        ),
        (
            "what was found, though something else is broken",
            "when: {name: pay}, always: [{name: check}, {name: audit}]",
            "1 root 0..9, 2<1 pay 1..2, 3<1 check 0..1",
            vec![3, 2],
        ),
        (
            "what must not be",
            "when: {name: pay}, never: [{name: bypass}]",
            "1 root 0..9, 2<1 pay 1..2, 3<1 bypass 0..1, 4<1 bypass 5..6",
            vec![3, 2, 4],
        ),
        (
            "not what may be",
            "never: [{name: bypass}, {name: retry, at_least: 2}]",
            "1 root 0..9, 2<1 retry 1..2, 3<1 bypass 0..1",
            vec![3],
        ),
        (
            "all that could be steps of a sequence",
            "when: {name: read, as: read}, sequence: [{name: auth}, {name: ask}, read]",
            "1 root 0..9, 2<1 read 0..1, 3<1 auth 2..3, 4<1 auth 3..4",
            vec![2, 3, 4],
        ),
        (
            "all that can be steps of a forbidden sequence",
            "never: [{sequence: [{name: a}, {name: b}]}]",
            "1 a 0..1, 2 b 2..3, 3 a 4..5, 4 b 2..4",
            vec![1, 2, 4, 3],
        ),
        (
            "what is counted",
            "count: [{of: {name: retry}, as: n}, {of: {name: root}, as: roots}], condition: n > 1",
            "1 root 0..9, 2<1 retry 1..2, 3<1 retry 0..1",
            vec![3, 2],
        ),
        ("the root, where there is nothing", "always: [{name: check}]", "1 root 2..9, 2<1 pay 1..2", vec![1]),
        ("the first, where there is no root", "always: [{name: check}]", "3<1 a 2..9, 2<1 b 1..2", vec![2]),
    ] {
        assert_eq!(of(&demanding(demands), lines), expected, "{scenario}");
    }
}

#[test]
fn the_first_occasion_that_breaks_something_shows_it() {
    let rule = demanding("when: {name: call, as: call}, always: [{name: check, child_of: call}]");
    assert_eq!(of(&rule, "1 call 0..9, 2 call 5..6, 3 call 7..8, 4<1 check 1..2"), [2]);
}

#[test]
fn the_spans_of_traces_stand_one_trace_after_the_other() {
    let rule = |limit: &str| {
        rule(&format!(
            "trace: {{when: {{name: pay}}, never: [{{name: bypass}}]}}, aggregation: {{count: {limit}}}, condition: count > 1"
        ))
    };
    let all = [
        of_trace(1, "1 pay 5..7, 2<1 bypass 6..8"),
        of_trace(2, "3 pay 1..3, 4<3 bypass 1..4"),
        of_trace(3, "5 pay 0..1, 6<5 bypass 0..4"),
    ];
    let shown = |limit: &str| shown(&violations(&rule(limit), &all.concat())[0]);
    // The window at 4 has the second and the third.
    assert_eq!(shown("10"), [3, 4, 5, 6]);
    assert_eq!(shown("3"), [3, 4, 5]);
    assert_eq!(shown("0"), [] as [u8; 0]);
}
