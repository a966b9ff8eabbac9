//! `when`, `always`, `never`, counts: which demands a trace breaks.

use super::{check, demanding, failed, of_trace, rule, spans};
use crate::reference::RefValue;
use crate::reference::scenarios::build::violations;

#[test]
fn what_must_always_be_there() {
    let rule = demanding("when: {name: charge, attributes: {amount: {gt: 1000}}}, always: [{name: check}]");
    check(
        &rule,
        &[
            ("there", "1 root 0..9, 2<1 charge 1..2 amount=1500, 3<1 check 3..4", &[]),
            ("not there", "1 root 0..9, 2<1 charge 1..2 amount=1500", &["always[0]"]),
            ("no occasion", "1 root 0..9, 2<1 charge 1..2 amount=900", &[]),
            ("in another place of the trace", "1 check 0..1, 2<1 charge 1..2 amount=1500", &[]),
        ],
    );
    let in_another_trace = [spans("1 charge 1..2 amount=1500"), of_trace(2, "1 check 1..2")].concat();
    assert_eq!(failed(&rule, &in_another_trace), ["always[0]"]);
}

#[test]
fn without_when_every_trace_is_an_occasion() {
    let rule = demanding("always: [{name: check}]");
    check(
        &rule,
        &[("there", "1 root 0..9, 2<1 check 1..2", &[]), ("not there", "1 root 0..9", &["always[0]"])],
    );
}

#[test]
fn what_must_never_be_there() {
    let rule = demanding("when: {name: charge}, never: [{name: bypass}, {name: retry, at_least: 3}]");
    check(
        &rule,
        &[
            ("none", "1 charge 0..1", &[]),
            ("the first", "1 charge 0..1, 2<1 bypass 0..1", &["never[0]"]),
            ("too few", "1 charge 0..1, 2<1 retry 0..1, 3<1 retry 0..1", &[]),
            ("enough", "1 charge 0..1, 2<1 retry 0..1, 3<1 retry 0..1, 4<1 retry 0..1", &["never[1]"]),
            ("no occasion", "1 root 0..1, 2<1 bypass 0..1", &[]),
        ],
    );
}

#[test]
fn as_many_as_there_must_be() {
    let rule = demanding("always: [{name: check, at_least: 2}]");
    check(
        &rule,
        &[
            ("two", "1 root 0..9, 2<1 check 1..2, 3<1 check 1..2", &[]),
            ("one", "1 root 0..9, 2<1 check 1..2", &["always[0]"]),
        ],
    );
    // A copy is no second span.
    let copied = [spans("1 root 0..9, 2<1 check 1..2"), spans("2<1 check 1..2")].concat();
    assert_eq!(failed(&rule, &copied), ["always[0]"]);
}

#[test]
fn steps_that_start_too_late_after_their_occasion() {
    for rule in [
        demanding("when: {name: order}, always: [{name: ship}], within: 10s"),
        demanding("when: {name: order}, always: [{name: ship, within: 10s}]"),
        demanding("when: {name: order}, always: [{name: ship, within: 10s}], within: 1s"),
    ] {
        check(
            &rule,
            &[
                ("just in time", "1 order 0..2, 2<1 ship 12..40", &[]),
                ("a second too late", "1 order 0..2, 2<1 ship 13..14", &["always[0]"]),
                ("before", "1 order 5..6, 2<1 ship 0..1", &[]),
                ("of the second occasion", "1 order 0..1, 2 order 20..21, 3 ship 10..11", &[]),
                ("of the first", "1 order 0..1, 2 order 20..21, 3 ship 22..23", &["always[0]"]),
            ],
        );
    }
    let soon = demanding("when: {name: order}, never: [{name: cancel, within: 5s}]");
    check(
        &soon,
        &[
            ("soon", "1 order 0..2, 2 cancel 7..8", &["never[0]"]),
            ("later", "1 order 0..2, 2 cancel 8..9", &[]),
        ],
    );
}

#[test]
fn conditions_over_counts() {
    for rule in [
        rule("trace: {count: {of: {name: retry}, as: retries}}, condition: retries > 2"),
        demanding("count: {of: {name: retry}, as: retries}, condition: retries > 2"),
    ] {
        let three = "1 root 0..9, 2 retry 0..1, 3 retry 1..2, 4 retry 2..3";
        check(
            &rule,
            &[("few", "1 root 0..9, 2 retry 0..1, 3 retry 1..2", &[]), ("many", three, &["condition"])],
        );
        let values = &violations(&rule, &spans(three))[0].values;
        assert_eq!(
            *values,
            [("traces".to_owned(), RefValue::Int(1)), ("retries".to_owned(), RefValue::Int(3))]
        );
    }
    let unequal = demanding(
        "count: [{of: {name: request}, as: asked}, {of: {name: response}, as: answered}], condition: asked != answered",
    );
    check(
        &unequal,
        &[
            ("equal", "1 request 0..1, 2 response 0..1", &[]),
            ("unequal", "1 request 0..1, 2 response 0..1, 3 response 0..1", &["condition"]),
        ],
    );
}

#[test]
fn counts_of_steps_that_are_tied_to_the_occasion_are_those_of_the_occasion() {
    let rule = demanding(
        "when: {name: call, as: call}, count: {of: {name: retry, child_of: call}, as: retries}, condition: retries > 1",
    );
    let apart = "1 call 0..9, 2 call 0..9, 3<1 retry 1..2, 4<2 retry 1..2";
    let together = "1 call 0..8, 2 call 0..9, 3<2 retry 1..2, 4<2 retry 1..2, 5<1 retry 1..2";
    check(&rule, &[("apart", apart, &[]), ("together", together, &["condition"])]);
    // Of the second occasion, which is the first that breaks it.
    assert_eq!(violations(&rule, &spans(together))[0].values[1], ("retries".to_owned(), RefValue::Int(2)));
}

#[test]
fn a_trace_breaks_what_any_of_its_occasions_breaks() {
    let rule = demanding(
        "when: {name: call, as: call}, always: [{name: check, child_of: call}], never: [{name: retry, child_of: call}]",
    );
    check(
        &rule,
        &[
            (
                "each its own",
                "1 call 0..1, 2 call 0..1, 3<1 retry 0..1, 4<1 check 0..1",
                &["always[0]", "never[0]"],
            ),
            ("one of two", "1 call 0..1, 2 call 2..3, 3<1 check 0..1", &["always[0]"]),
            ("none", "1 call 0..1, 2 call 2..3, 3<1 check 0..1, 4<2 check 0..1", &[]),
        ],
    );
}
