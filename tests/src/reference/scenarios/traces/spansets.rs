//! Occasions that are selected by their relations to other spans.

use fluo_rules::SourceFile;

use super::{MINUTE_START, between, check, demanding, failed, spans, starts, violations};
use crate::structure::CASES;

#[test]
fn each_operator_finds_what_it_is_said_to() {
    for case in CASES {
        let loaded = fluo_rules::load(&[SourceFile::new("r.yml", case.rule())]);
        assert_eq!(loaded.findings, [], "{}", case.when);
        let episodes = violations(&loaded.rules[0], &case.stored(MINUTE_START));
        let found: Vec<&str> =
            episodes.iter().flat_map(|episode| episode.group.iter().flatten()).map(String::as_str).collect();
        assert_eq!(found, case.first.into_iter().collect::<Vec<_>>(), "{} of {}", case.when, case.spans);
    }
}

#[test]
fn every_span_that_is_returned_is_an_occasion() {
    let rule =
        demanding("when: '{ name = \"call\" } > { name = \"query\" }', always: [{name: check, within: 1s}]");
    check(
        &rule,
        &[
            ("in time for each", "1 call 0..9, 2<1 query 1..2, 3<1 query 4..5, 4 check 3..3", &[]),
            (
                "too late for the first",
                "1 call 0..9, 2<1 query 1..2, 3<1 query 6..7, 4 check 8..8",
                &["always[0]"],
            ),
            ("that of somebody else is none", "1 call 0..9, 2<1 query 6..7, 3 query 1..2, 4 check 8..8", &[]),
        ],
    );
}

#[test]
fn what_a_later_span_may_undo_is_not_told_before_the_trace_is_quiet() {
    let grown = demanding("when: '{ name = \"a\" } > { name = \"b\" }', never: ['{ }']");
    let lines = "1 a 0..1, 2<1 b 1..2, 3 x 2..9";
    assert_eq!(starts(&between(&grown, &spans(lines), None, Some(3))), [2]);
    // An `a` that is `b`'s parent may still come.
    let negated = demanding("when: '{ name = \"a\" } !> { name = \"b\" }', never: ['{ }']");
    let alone = "1 x 0..1, 2<1 b 1..2";
    assert!(between(&negated, &spans(alone), None, Some(3)).is_empty());
    assert_eq!(starts(&between(&negated, &spans(alone), None, Some(60))), [2]);
    assert_eq!(failed(&negated, &spans("2<1 b 1..2, 1 a 0..20")), [""; 0]);
}
