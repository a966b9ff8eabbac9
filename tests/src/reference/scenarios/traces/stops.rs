//! The moments at which a trace is judged, and its course as spans come later.

use super::{between, demanding, of_trace, rule, spans, starts};
use crate::reference::scenarios::build::violations;

const NONE: [i64; 0] = [];

/// `check` must be there; a trace is quiet after 10 seconds and lasts a minute at most.
fn must_check() -> fluo_rules::rule::Rule {
    rule("trace: {always: [{name: check}]}, settle: 10s, max_trace_duration: 1m, window: 1s")
}

#[test]
fn a_trace_with_a_root_is_judged_when_it_has_been_quiet() {
    let trace = spans("1 root 0..9, 2<1 pay 1..2");
    for (to, expected) in [(9, vec![]), (18, vec![]), (19, vec![9]), (100, vec![9])] {
        assert_eq!(starts(&between(&must_check(), &trace, None, Some(to))), expected, "to {to}");
    }
    assert_eq!(starts(&violations(&must_check(), &trace)), [9], "of what is complete, all is judged");
}

#[test]
fn a_trace_that_goes_on_is_judged_when_it_is_quiet() {
    // 10 seconds without an end are not enough where a span ends right then.
    let on = spans("1 root 0..9, 2<1 pay 18..19, 3<1 pay 28..29");
    assert_eq!(starts(&violations(&must_check(), &on)), [29]);
    let later = spans("1 root 0..9, 2<1 pay 19..20");
    assert_eq!(starts(&violations(&must_check(), &later)), [9], "it was quiet for 10 seconds after 9");
}

#[test]
fn a_trace_without_a_root_is_judged_when_none_can_come() {
    let orphans = spans("2<1 pay 1..2, 3<1 pay 5..6");
    for (to, expected) in [(16, vec![]), (60, vec![]), (61, vec![6])] {
        assert_eq!(starts(&between(&must_check(), &orphans, None, Some(to))), expected, "to {to}");
    }
    let long = spans("2<1 pay 0..90");
    assert_eq!(starts(&between(&must_check(), &long, None, Some(90))), [90], "it is over when it ends");
    let with_root = spans("2<1 pay 1..2, 3<1 pay 5..6, 1 root 0..59");
    assert_eq!(starts(&violations(&must_check(), &with_root)), [59]);
}

#[test]
fn what_nothing_can_mend_is_told_at_once() {
    let never = rule("trace: {never: [{name: bypass}]}, settle: 10s, max_trace_duration: 1m, window: 1s");
    let trace = spans("2<1 bypass 1..2, 3<1 pay 2..3, 1 root 0..9");
    for (to, expected) in [(1, vec![]), (2, vec![2]), (9, vec![2]), (100, vec![2])] {
        assert_eq!(starts(&between(&never, &trace, Some(0), Some(to))), expected, "to {to}");
    }
    let count = |condition: &str| {
        rule(&format!(
            "trace: {{count: {{of: {{name: retry}}, as: retries}}}}, condition: '{condition}', settle: 10s, \
             max_trace_duration: 1m, window: 1s"
        ))
    };
    let retries = spans("2<1 retry 1..2, 3<1 retry 2..3, 1 root 0..9");
    for (condition, expected) in [("retries > 1", 3), ("retries > 1 or retries >= 5", 3), ("retries = 2", 9)]
    {
        let rule = count(condition);
        assert_eq!(starts(&between(&rule, &retries, Some(0), Some(100))), [expected], "{condition}");
    }
    let order =
        rule("trace: {never: [{sequence: [{name: a}, {name: b}]}]}, max_trace_duration: 1m, window: 1s");
    assert_eq!(starts(&between(&order, &spans("2<1 a 0..1, 3<1 b 1..2"), None, Some(2))), [2]);
    // Of two demands, the other still waits; what is broken later is told with the first.
    let two = rule(
        "trace: {never: [{name: bypass}], always: [{name: check}]}, settle: 10s, max_trace_duration: 1m, window: 1s",
    );
    let found = between(&two, &spans("2<1 bypass 1..2, 3<1 check 5..6, 1 root 0..9"), Some(0), None);
    assert_eq!((starts(&found), found[0].failed.clone()), (vec![2], vec!["never[0]".to_owned()]));
}

#[test]
fn a_span_that_comes_later_mends_what_was_told() {
    let mended = spans("1 root 0..9, 2<1 check 40..41");
    assert_eq!(starts(&between(&must_check(), &mended, None, Some(30))), [9]);
    assert_eq!(starts(&between(&must_check(), &mended, None, Some(41))), NONE);
    assert_eq!(starts(&violations(&must_check(), &mended)), NONE);
    let at_last = spans("1 root 0..9, 2<1 check 68..69");
    assert_eq!(starts(&violations(&must_check(), &at_last)), NONE, "a minute later");
    // Too late for the first, and long after it: only the check is of the second.
    let too_late = spans("1 root 0..9, 2<1 check 69..70");
    assert_eq!(starts(&violations(&must_check(), &too_late)), [9]);
}

#[test]
fn a_trace_is_told_once_for_as_long_as_it_may_last() {
    let on = spans("1 root 0..9, 2<1 pay 30..31, 3<1 pay 68..69");
    assert_eq!(starts(&violations(&must_check(), &on)), [9]);
    let further_on = spans("1 root 0..9, 2<1 pay 30..31, 3<1 pay 69..70");
    // It has no root any more in the minute that ends at 70, and times out.
    assert_eq!(starts(&violations(&must_check(), &further_on)), [9, 70]);
}

#[test]
fn several_roots_are_of_one_trace() {
    let two = spans("1 root 0..9, 2 root 10..19");
    assert_eq!(starts(&violations(&must_check(), &two)), [19]);
    assert_eq!(
        starts(&violations(&must_check(), &spans("1 root 0..9, 2 root 10..18, 3<2 check 11..12"))),
        NONE
    );
}

#[test]
fn the_spans_of_a_trace_lie_no_further_apart_than_it_may_last() {
    let never_both =
        rule("trace: {when: {name: a}, never: [{name: b}]}, settle: 10s, max_trace_duration: 1m, window: 1s");
    assert_eq!(starts(&violations(&never_both, &spans("1 a 0..1, 2 b 59..60"))), [60]);
    assert_eq!(starts(&violations(&never_both, &spans("1 a 0..1, 2 b 60..61"))), NONE);
}

#[test]
fn traces_are_judged_apart() {
    let rule = demanding("when: {name: a}, always: [{name: b}]");
    let two = [spans("1 a 0..1"), of_trace(2, "1 b 0..1")].concat();
    assert_eq!(starts(&violations(&rule, &two)), [1]);
}

#[test]
fn spans_that_ended_too_long_before_the_moments_are_not_looked_at() {
    // Of moments from 200 on with a window of a second, spans are read that ended after 79.
    let must = rule(
        "trace: {when: {name: a}, always: [{name: b}]}, settle: 10s, max_trace_duration: 1m, window: 1s",
    );
    let trace = spans("1 root 0..199, 3 b 79..80, 2 a 199..200");
    assert_eq!(starts(&between(&must, &trace, Some(200), None)), [200]);
    let in_time = spans("1 root 0..199, 3 b 80..81, 2 a 199..200");
    assert_eq!(starts(&between(&must, &in_time, Some(200), None)), NONE);
    // A violation at 140 takes one at 200 with it, where it is seen.
    let again = spans("1 a 139..140, 2 a 199..200");
    assert_eq!(starts(&between(&must, &again, Some(200), None)), NONE);
    let unseen = spans("1 a 78..79, 2 a 138..139, 3 a 198..199");
    assert_eq!(starts(&between(&must, &unseen, Some(199), None)), [199]);
}
