//! The result of learning is a function of the spans: not of their order, of who reads them, or of how often they are stored.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

use std::sync::Arc;

use fluo_spans::batch::to_batch;
use fluo_spans::layout::Layout;
use fluo_spans::span::{Attributes, Kind, Resource, Span, Status};
use fluo_suggest::invariants::{Demand, Invariants, NearDemand};
use fluo_suggest::{Depth, FewValues, Learner, Look, Pass, Slice, Traces, Whole};
use fluo_time::TimeRange;

const SECOND: i64 = 1_000_000_000;
const WHOLE: Whole = Whole { settle: 30 * SECOND, longest: 900 * SECOND };

/// A span of `name` in a trace, from one second of it to another.
fn span(trace: u64, place: u8, parent: u8, name: &str, from: i64, to: i64) -> Span {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&trace.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    id[8..].copy_from_slice(&trace.to_be_bytes());
    let begin = i64::try_from(trace).unwrap() * 100 * SECOND;
    let resource = Resource { service_name: Some("shop".to_owned()), attributes: Attributes::default() };
    Span {
        parent_span_id: (parent > 0).then_some([0, 0, 0, 0, 0, 0, 0, parent]),
        name: name.to_owned(),
        kind: Kind::Server,
        status: if trace.is_multiple_of(7) { Status::Error } else { Status::Unset },
        start_ns: begin + from * SECOND,
        end_ns: begin + to * SECOND,
        attributes: Attributes::new(vec![
            ("order".to_owned(), trace.to_string()),
            ("tier".to_owned(), "gold".to_owned()),
        ]),
        resource: Arc::new(resource),
        ..Span::bare(id, [0, 0, 0, 0, 0, 0, 0, place])
    }
}

/// In 1,000 traces `pay` comes after `check`. In one of them there is no `audit`, in another it comes first.
fn spans() -> Vec<Span> {
    let of_trace = |trace: u64| {
        let mut spans = vec![
            span(trace, 1, 0, "buy", 0, 20),
            span(trace, 2, 1, "check", 1, 2),
            span(trace, 3, 1, "pay", 3, 5),
            span(trace, 4, 3, "card", 3, 4),
        ];
        let audit = if trace == 500 { (0, 1) } else { (6, 7) };
        if trace != 400 {
            spans.push(span(trace, 5, 1, "audit", audit.0, audit.1));
        }
        spans
    };
    (1..=1_000).flat_map(of_trace).collect()
}

/// Returns the results of some threads together, of so many slices.
fn learned(threads: &[Vec<Span>], slices: u16) -> (Pass, Traces) {
    let within = TimeRange { from: 0, to: i64::MAX / 2 };
    let mut first: Option<Pass> = None;
    let mut traces = Traces::default();
    for nth in 0..slices {
        let look =
            Look { attributes: Some(Depth::Presence), traces: Some(Slice { nth, of: slices }), within };
        let learners = threads.iter().map(|spans| {
            let mut learner = Learner::new(look);
            for some in spans.chunks(333) {
                learner.batch(&to_batch(some, 0, &Layout::builtin()).unwrap()).unwrap();
            }
            learner
        });
        let known = first.as_ref().map(|pass| pass.operations.clone());
        let mut pass = Pass::of(learners.collect(), known.as_deref()).unwrap();
        traces.take(&mut pass, within, WHOLE);
        first.get_or_insert(pass);
    }
    traces.finish();
    (first.unwrap(), traces)
}

#[test]
fn what_always_holds_is_told_from_what_nearly_does() {
    let (pass, traces) = learned(&[spans()], 1);
    let names: Vec<&str> = pass.operations.iter().map(|operation| operation.name.as_str()).collect();
    assert_eq!(names, ["audit", "buy", "card", "check", "pay"]);
    let [audit, buy, card, check, pay] = [0, 1, 2, 3, 4];
    assert_eq!((traces.traces, traces.cut), (1_000, 0));
    let found = Invariants::of(&traces);
    let always: Vec<(&Demand, u64)> = found.always.iter().map(|one| (&one.demand, one.support)).collect();
    // Who pays is above the card, so that the card alone is demanded; and what is below `buy` needs it.
    assert_eq!(
        always,
        [(&Demand::Together(buy, vec![card, check]), 1_000), (&Demand::InOrder(vec![check, pay]), 1_000),]
    );
    let nearly: Vec<(&NearDemand, u64, u64)> =
        found.nearly.iter().map(|one| (&one.what, one.of, one.exceptions.times)).collect();
    assert!(nearly.contains(&(&NearDemand::With(buy, audit), 1_000, 1)), "{nearly:?}");
    assert!(
        !nearly.contains(&(&NearDemand::With(pay, audit), 1_000, 1)),
        "it is said of who asks: {nearly:?}"
    );
    assert!(nearly.contains(&(&NearDemand::Before(pay, audit), 999, 1)), "{nearly:?}");
    let lacking = found.nearly.iter().find(|one| one.what == NearDemand::With(buy, audit)).unwrap();
    assert_eq!(lacking.exceptions.traces, [span(400, 1, 0, "", 0, 1).trace_id]);
}

#[test]
fn it_depends_on_the_spans_alone() {
    let all = spans();
    let (pass, traces) = learned(std::slice::from_ref(&all), 1);
    let expected = Invariants::of(&traces);
    let mut reversed = all.clone();
    reversed.reverse();
    let odd = |is: u8| all.iter().filter(|span| span.span_id[7] % 2 == is).cloned().collect::<Vec<_>>();
    let twice = [all.clone(), all[..2_000].to_vec()].concat();
    let cases = [
        ("the other way round", vec![reversed], 1),
        ("by two threads", vec![odd(1), odd(0)], 1),
        ("in three slices", vec![odd(0), odd(1)], 3),
        ("some of it twice", vec![twice], 1),
    ];
    for (scenario, threads, slices) in cases {
        let (other, traces) = learned(&threads, slices);
        assert_eq!(other.operations, pass.operations, "{scenario}");
        assert_eq!(Invariants::of(&traces), expected, "{scenario}");
        if scenario != "some of it twice" {
            assert_eq!(other.profiles, pass.profiles, "{scenario}");
        }
    }
    let buy = &pass.profiles[1];
    assert_eq!((buy.spans, buy.statuses["error"]), (1_000, 142));
    assert!(buy.attributes.values().all(|attribute| attribute.spans == 1_000));
}

#[test]
fn values_are_kept_where_they_are_few() {
    let within = TimeRange { from: 0, to: i64::MAX };
    let mut learner = Learner::new(Look { attributes: Some(Depth::Values), traces: None, within });
    learner.batch(&to_batch(&spans(), 0, &Layout::builtin()).unwrap()).unwrap();
    let pass = Pass::of(vec![learner], None).unwrap();
    let values = |key: &str| {
        let mut of_key = pass.profiles[1].attributes.iter().filter(|((_, of), _)| of == key);
        of_key.next().unwrap().1.values.clone()
    };
    assert_eq!(values("order"), FewValues::Many);
    assert_eq!(values("tier"), FewValues::Few([("gold".to_owned(), 1_000)].into()));
}

#[test]
fn traces_that_may_go_on_are_left_out() {
    let all = spans();
    let last = all.iter().map(|span| span.end_ns).max().unwrap();
    let within = TimeRange { from: 250 * SECOND, to: last };
    let look = Look { attributes: None, traces: Some(Slice::ALL), within };
    let mut learner = Learner::new(look);
    learner.batch(&to_batch(&all, 0, &Layout::builtin()).unwrap()).unwrap();
    let mut pass = Pass::of(vec![learner], None).unwrap();
    let mut traces = Traces::default();
    traces.take(&mut pass, within, WHOLE);
    // The first two ended before, and the last one ended just now.
    assert_eq!((traces.traces, traces.cut), (997, 1));
}
