//! Steps that are tied to others by structure.

use fluo_spans::span::{Link, Span};

use super::{check, demanding, failed, spans};

#[test]
fn children_are_those_of_the_very_parent() {
    let rule = demanding("when: {name: call, as: call}, never: [{name: retry, child_of: call}]");
    check(
        &rule,
        &[
            ("child", "1 call 0..9, 2<1 retry 1..2", &["never[0]"]),
            ("grandchild", "1 call 0..9, 2<1 other 1..2, 3<2 retry 1..2", &[]),
            ("parent", "1 retry 0..9, 2<1 call 1..2", &[]),
            ("of nobody that is stored", "1 call 0..9, 2<7 retry 1..2", &[]),
        ],
    );
}

#[test]
fn descendants_at_any_depth() {
    let rule = demanding("when: {name: call, as: call}, never: [{name: retry, descendant_of: call}]");
    check(
        &rule,
        &[
            ("child", "1 call 0..9, 2<1 retry 1..2", &["never[0]"]),
            ("grandchild", "1 call 0..9, 2<1 other 1..2, 3<2 retry 1..2", &["never[0]"]),
            ("a span is missing between them", "1 call 0..9, 3<2 retry 1..2", &[]),
            ("itself in a circle", "1 call 0..9, 3<2 retry 1..2, 2<3 other 1..2", &[]),
            ("beside it", "1 root 0..9, 2<1 call 0..9, 3<1 retry 1..2", &[]),
        ],
    );
}

#[test]
fn siblings_have_a_parent_in_common_that_need_not_be_stored() {
    let rule = demanding("when: {name: call, as: call}, never: [{name: retry, sibling_of: call}]");
    check(
        &rule,
        &[
            ("of a root", "1 root 0..9, 2<1 call 1..2, 3<1 retry 1..2", &["never[0]"]),
            ("of a parent that is not stored", "1 root 0..9, 2<7 call 1..2, 3<7 retry 1..2", &["never[0]"]),
            ("without parents", "1 call 0..9, 2 retry 1..2", &[]),
            ("of another parent", "1 root 0..9, 2<1 call 1..2, 3<2 retry 1..2", &[]),
        ],
    );
    let twice = demanding("when: {name: call, as: call}, never: [{name: call, sibling_of: call}]");
    check(
        &twice,
        &[
            ("no span is its own sibling", "1 root 0..9, 2<1 call 1..2", &[]),
            ("two are", "1 root 0..9, 2<1 call 1..2, 3<1 call 1..2", &["never[0]"]),
        ],
    );
}

#[test]
fn followers_have_a_link_within_the_trace() {
    let rule = demanding("when: {name: send, as: sent}, always: [{name: receive, follows: sent}]");
    check(
        &rule,
        &[
            ("linked", "1 send 0..1, 2 receive 2..3 ->1", &[]),
            ("not linked", "1 send 0..1, 2 receive 2..3", &["always[0]"]),
            ("linked the other way", "1 send 0..1 ->2, 2 receive 2..3", &["always[0]"]),
        ],
    );
    let elsewhere = |span: Span| Span {
        links: span.links.iter().map(|link| Link { trace_id: [7; 16], ..link.clone() }).collect(),
        ..span
    };
    let linked: Vec<Span> = spans("1 send 0..1, 2 receive 2..3 ->1").into_iter().map(elsewhere).collect();
    assert_eq!(failed(&rule, &linked), ["always[0]"], "the link leads into another trace");
}

#[test]
fn steps_are_tied_through_others() {
    let rule = demanding(
        "when: {name: call, as: call}, always: [{name: query, child_of: store}, {name: store, as: store, child_of: call}]",
    );
    check(
        &rule,
        &[
            ("through", "1 call 0..9, 2<1 store 1..8, 3<2 query 2..3", &[]),
            (
                "of another's",
                "1 call 0..9, 2<1 store 1..8, 4 root 0..9, 5<4 store 1..8, 3<5 query 2..3",
                &["always[0]"],
            ),
            ("nothing", "1 call 0..9", &["always[0]", "always[1]"]),
        ],
    );
    // The step between must be one in all else too.
    let soon = demanding(
        "when: {name: call, as: call}, always: [{name: query, child_of: store}, {name: store, as: store, within: 2s}]",
    );
    check(
        &soon,
        &[
            ("in time", "1 call 0..1, 2<1 store 3..8, 3<2 query 4..5", &[]),
            ("too late", "1 call 0..1, 2<1 store 4..8, 3<2 query 4..5", &["always[0]", "always[1]"]),
        ],
    );
}

#[test]
fn several_ties_hold_at_once() {
    let rule = demanding(
        "never: [{name: x, child_of: a, follows: b}], always: [{name: a, as: a}, {name: b, as: b}]",
    );
    check(
        &rule,
        &[
            ("both", "1 a 0..9, 2 b 0..1, 3<1 x 1..2 ->2", &["never[0]"]),
            ("one", "1 a 0..9, 2 b 0..1, 3<1 x 1..2", &[]),
        ],
    );
}

#[test]
fn occasions_may_be_tied() {
    let rule = demanding(
        "when: {name: query, child_of: job}, always: [{name: check}], never: [{name: nothing, as: job}]",
    );
    check(&rule, &[("no job", "1 root 0..9, 2<1 query 1..2", &[])]);
    let rule = demanding(
        "when: {name: query, child_of: job}, always: [{name: check}], count: {of: {name: job, as: job}, as: jobs}",
    );
    check(
        &rule,
        &[
            ("of a job", "1 job 0..9, 2<1 query 1..2", &["always[0]"]),
            ("of something else", "1 root 0..9, 2<1 query 1..2, 3 job 1..2", &[]),
        ],
    );
}
