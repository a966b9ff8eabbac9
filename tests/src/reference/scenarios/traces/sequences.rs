//! Sequences that must, or must not, occur.

use super::{check, demanding};

#[test]
fn for_every_occasion_the_one_step_comes_before_it() {
    let rule = demanding("when: {name: read, as: read}, sequence: [{name: auth}, read]");
    check(
        &rule,
        &[
            ("in order", "1 root 0..9, 2<1 auth 0..1, 3<1 read 2..3", &[]),
            ("touching", "1 root 0..9, 2<1 auth 0..2, 3<1 read 2..3", &[]),
            ("overlapping", "1 root 0..9, 2<1 auth 0..3, 3<1 read 2..4", &["sequence"]),
            ("not at all", "1 root 0..9, 3<1 read 2..3", &["sequence"]),
            ("read, auth, read", "1 root 0..9, 2<1 read 0..1, 3<1 auth 2..3, 4<1 read 4..5", &["sequence"]),
            ("auth, read, read", "1 root 0..9, 2<1 auth 0..1, 3<1 read 2..3, 4<1 read 4..5", &[]),
        ],
    );
}

#[test]
fn steps_that_may_overlap_start_in_order() {
    let rule = demanding("sequence: [{name: a}, {name: b}], overlap: true");
    check(
        &rule,
        &[
            ("overlapping", "1 a 0..9, 2 b 1..2", &[]),
            ("at the same time", "1 a 0..9, 2 b 0..2", &[]),
            ("the other way", "1 a 1..9, 2 b 0..20", &["sequence"]),
        ],
    );
}

#[test]
fn sequences_that_last_too_long() {
    let rule = demanding("sequence: [{name: a}, {name: b}], within: 10s");
    check(
        &rule,
        &[
            ("just in time", "1 a 0..1, 2 b 8..10", &[]),
            ("a second too long", "1 a 0..1, 2 b 8..11", &["sequence"]),
            ("another start is near enough", "1 a 0..1, 2 a 3..4, 3 b 8..11", &[]),
        ],
    );
}

#[test]
fn no_span_is_two_steps() {
    let rule = demanding("sequence: [{name: a}, {}, {name: b}], overlap: true");
    check(
        &rule,
        &[
            ("three spans", "1 a 0..1, 2 root 0..9, 3 b 0..1", &[]),
            ("two spans", "1 a 0..1, 2 b 0..1", &["sequence"]),
        ],
    );
    let twice = demanding("always: [{name: a, as: a}], never: [{sequence: [a, {name: b}, a]}]");
    check(
        &twice,
        &[
            ("another a", "1 a 0..1, 2 b 1..2, 3 a 2..3", &["never[0]"]),
            ("the same a", "1 a 0..1, 2 b 1..2", &[]),
        ],
    );
}

#[test]
fn every_span_of_a_step_is_in_order_with_every_one_before() {
    let rule = demanding("never: [{sequence: [{name: fail, at_least: 2}, {name: ok}]}]");
    check(
        &rule,
        &[
            ("two before", "1 fail 0..1, 2 fail 1..2, 3 ok 2..3", &["never[0]"]),
            ("one before", "1 fail 0..1, 2 fail 1..3, 3 ok 2..3", &[]),
            ("two at once", "1 fail 0..1, 2 fail 0..1, 3 ok 1..3", &["never[0]"]),
        ],
    );
    let within =
        demanding("never: [{sequence: [{name: fail, at_least: 2}, {name: ok, at_least: 2}], within: 10s}]");
    check(
        &within,
        &[
            ("from the first to the last", "1 fail 0..1, 2 fail 1..2, 3 ok 2..9, 4 ok 2..10", &["never[0]"]),
            ("longer", "1 fail 0..1, 2 fail 1..2, 3 ok 2..9, 4 ok 2..11", &[]),
        ],
    );
}

#[test]
fn forbidden_sequences() {
    let rule =
        demanding("when: {name: login, as: login}, never: [{sequence: [login, {name: export}], within: 5s}]");
    check(
        &rule,
        &[
            ("in order", "1 login 0..1, 2 export 2..3", &["never[0]"]),
            ("the other way", "1 export 0..1, 2 login 2..3", &[]),
            ("too far apart", "1 login 0..1, 2 export 5..6", &[]),
            ("of another occasion", "1 login 0..1, 2 login 3..4, 3 export 5..6", &["never[0]"]),
        ],
    );
    let overlapping = demanding("never: [{sequence: [{name: a}, {name: b}], overlap: true}]");
    check(
        &overlapping,
        &[("overlapping", "1 a 0..5, 2 b 1..2", &["never[0]"]), ("before", "1 a 2..5, 2 b 1..2", &[])],
    );
}

#[test]
fn steps_that_are_tied_to_each_other_are_so_by_the_spans_of_the_sequence() {
    let rule = demanding("sequence: [{name: a, as: a}, {name: b, child_of: a}], overlap: true");
    check(
        &rule,
        &[
            ("its own child", "1 a 0..9, 2<1 b 1..2", &[]),
            // A child of the later one has started before it, and the earlier one has no child.
            ("the child of another", "1 a 0..9, 2 a 5..9, 3<2 b 1..2", &["sequence"]),
        ],
    );
}

#[test]
fn a_step_that_is_tied_to_one_outside_the_sequence_is_so_by_any_span() {
    let rule = demanding(
        "always: [{name: root, as: root}], sequence: [{name: a, child_of: root}, {name: b, child_of: root}]",
    );
    check(
        &rule,
        &[
            ("of one root", "1 root 0..9, 2<1 a 1..2, 3<1 b 2..3", &[]),
            ("of two roots", "1 root 0..9, 4 root 0..9, 2<1 a 1..2, 3<4 b 2..3", &[]),
            ("of none", "1 root 0..9, 2<1 a 1..2, 3<2 b 2..3", &["sequence"]),
        ],
    );
}
