//! Rules across traces, checked, and spans for them.
//!
//! A universe has few names and few values of keys, so that spans of different traces belong together: some of them carry a
//! key under an older name, in their resource, or not at all. Their ends lie close to each other, and often together.

use fluo_rules::field::{Field, Intrinsic, Scope};
use fluo_rules::matcher::{Matcher, Test, Value};
use fluo_rules::rule::{GroupKey, Rule, Selector, Subject};
use fluo_rules::trace::across::Near;
use fluo_rules::trace::spanset::Spanset;
use fluo_rules::trace::{Forbidden, Sequence, Step, TraceRule};
use fluo_spans::span::{Attributes, Span};
use fluo_time::Nanos;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::{select, subsequence};

use super::rules::of_windows;
use super::{STEP_NAMES, jitter, range};
use crate::generate::Case;
use crate::generate::spans::{BASE_NS, Copy, RASTER_NS, span};

/// The most spans, copies not counted.
const MOST_SPANS: usize = 14;

/// Any rule across traces over some spans, over the whole of the data or a part of it.
pub fn case() -> impl Strategy<Value = Case> {
    (rule(), universe(), range()).prop_map(|(rule, spans, range)| Case { rule, spans, range })
}

/// Spans of few traces, with copies of some of them, in random order.
pub fn universe() -> impl Strategy<Value = Vec<Span>> {
    let spans = vec(member(), 1..=MOST_SPANS).prop_map(|spans| {
        (1_u8..).zip(spans).map(|(id, span)| Span { span_id: [id; 8], ..span }).collect::<Vec<Span>>()
    });
    (spans, vec((0..MOST_SPANS, copy()), 0..4))
        .prop_map(|(mut spans, copies)| {
            let copied: Vec<Span> =
                copies.into_iter().filter_map(|(at, copy)| Some(copy.of(spans.get(at)?))).collect();
            spans.extend(copied);
            spans
        })
        .prop_shuffle()
}

fn copy() -> impl Strategy<Value = Copy> {
    prop_oneof![
        2 => Just(Copy::Unchanged),
        2 => member().prop_map(|span| Copy::Conflicting(Box::new(span))),
        1 => Just(Copy::Later(RASTER_NS)),
    ]
}

/// A span that is often a step, and often has keys.
fn member() -> impl Strategy<Value = Span> {
    let name = prop_oneof![9 => select(STEP_NAMES.to_vec()).prop_map(Some), 1 => Just(None)];
    let end = (0_i64..10, jitter()).prop_map(|(steps, jitter)| BASE_NS + steps * RASTER_NS + jitter);
    let length = select(vec![0, 1, RASTER_NS]);
    let keys = (
        // One attribute under two names.
        prop_oneof![4 => Just("http.status_code"), 2 => Just("http.response.status_code"), 1 => Just("tag")],
        prop_oneof![4 => Just("401"), 2 => Just("200"), 1 => Just("[401]")],
        option::weighted(0.8, prop_oneof![3 => Just("1"), 1 => Just("2")]),
    );
    (span(), 1_u8..4, name, end, length, keys).prop_map(
        |(span, trace, name, end_ns, length, (key, value, number))| {
            let own = span.attributes.iter().filter(|(known, _)| !matches!(*known, "http.status_code" | "n"));
            let own = own.map(|(key, value)| (key.to_owned(), value.to_owned()));
            let number = number.map(|number| ("n".to_owned(), number.to_owned()));
            let mut attributes: Vec<(String, String)> =
                own.filter(|(known, _)| known != key).chain(number).collect();
            attributes.push((key.to_owned(), value.to_owned()));
            Span {
                trace_id: [trace; 16],
                name: name.map_or(span.name, str::to_owned),
                start_ns: end_ns - length,
                end_ns,
                attributes: Attributes::new(attributes),
                ..span
            }
        },
    )
}

/// A rule across traces: half of them as one that says nothing of windows, the others with aggregates and windows as rules
/// about spans have them. Their groups are some of their keys, mostly all.
pub fn rule() -> impl Strategy<Value = Rule> {
    let groups = |keys: usize| prop_oneof![3 => Just((0..keys).collect()), 1 => subsequence((0..keys).collect::<Vec<_>>(), 0..=keys)];
    trace().prop_flat_map(move |trace| {
        let keys = trace.by.len();
        (Just(trace), groups(keys), of_windows()).prop_map(|(trace, groups, rule)| {
            let group_by: Vec<GroupKey> = groups.iter().map(|at: &usize| trace.by[*at].clone()).collect();
            Rule { subject: Subject::Traces(Box::new(trace)), group_by, expect: Vec::new(), ..rule }
        })
    })
}

/// A key of `by`, or of a step.
fn key() -> impl Strategy<Value = GroupKey> {
    let field = prop_oneof![
        4 => Just(Field::attribute(Scope::Either, "http.response.status_code")),
        3 => Just(Field::attribute(Scope::Either, "n")),
        1 => Just(Field::attribute(Scope::Span, "tag")),
        1 => Just(Field::Intrinsic(Intrinsic::ServiceName)),
        1 => Just(Field::Intrinsic(Intrinsic::Status)),
    ];
    field.prop_map(|field| GroupKey { key: field.to_string(), field })
}

/// A sequence around the occasion: the steps before it, those behind it, and how long it may last.
type Draft = (Vec<Step>, Vec<Step>, Nanos);

/// Any demands: at least one of them.
fn trace() -> impl Strategy<Value = TraceRule> {
    let keys = prop_oneof![3 => vec(key(), 1), 1 => vec(key(), 2)].prop_map(|mut keys| {
        keys.dedup();
        keys
    });
    keys.prop_flat_map(|by| {
        let step = || step(by.clone());
        let near = || (step(), near()).prop_map(|(step, near)| Step { near: Some(near), ..step });
        let sequence = || (vec(step(), 0..3), vec(step(), 0..2), within()).boxed();
        let demands = (
            step().prop_map(|step| Step { at_least: 1, ..step }),
            vec(near(), 0..3),
            vec(near(), 0..3),
            option::weighted(0.4, sequence()),
            option::weighted(0.5, sequence()),
        );
        (Just(by.clone()), demands)
    })
    .prop_map(|(by, (when, always, never, sequence, forbidden))| {
        let mut steps = vec![when];
        let mut place = |step: Step| {
            steps.push(step);
            steps.len() - 1
        };
        let always: Vec<usize> = always.into_iter().map(&mut place).collect();
        let never: Vec<usize> = never.into_iter().map(&mut place).collect();
        let mut in_order = |(before, behind, within): Draft| {
            let before: Vec<usize> = before.into_iter().map(&mut place).collect();
            let behind: Vec<usize> = behind.into_iter().map(&mut place).collect();
            let steps: Vec<usize> = before.into_iter().chain([0]).chain(behind).collect();
            (steps.len() > 1).then_some(Sequence { steps, within: Some(within), overlap: false })
        };
        let sequence = sequence.and_then(&mut in_order);
        let forbidden = forbidden.and_then(&mut in_order);
        let never =
            never.into_iter().map(Forbidden::Step).chain(forbidden.map(Forbidden::Sequence)).collect();
        TraceRule {
            steps,
            when: Some(Spanset::Filter(0)),
            always,
            never,
            sequence,
            counts: Vec::new(),
            condition: None,
            by,
            settle: Nanos(0),
            max_duration: Nanos(0),
        }
    })
    .prop_filter("demands nothing", |trace| trace.demands().next().is_some())
}

/// A step: mostly the spans of a name, and mostly by the keys of the rule.
fn step(by: Vec<GroupKey>) -> impl Strategy<Value = Step> {
    let named = select(STEP_NAMES.to_vec()).prop_map(|name| {
        let matcher = Matcher { tests: vec![Test::Eq(Value::Text(name.to_owned()))] };
        Selector::Match(Field::Intrinsic(Intrinsic::Name), matcher)
    });
    let selector = prop_oneof![8 => named, 1 => Just(Selector::All(Vec::new()))];
    let keys = by.len();
    let by = prop_oneof![6 => Just(by), 1 => vec(key(), keys)];
    (selector, prop_oneof![4 => Just(1), 1 => 2_u32..4], by).prop_map(|(selector, at_least, by)| Step {
        at_least,
        by,
        ..Step::of(selector)
    })
}

fn near() -> impl Strategy<Value = Near> {
    (within(), select(vec![Near::Before as fn(Nanos) -> Near, Near::After, Near::Within]))
        .prop_map(|(nanos, kind)| kind(nanos))
}

fn within() -> impl Strategy<Value = Nanos> {
    select(vec![1, RASTER_NS, RASTER_NS + 1, 2 * RASTER_NS, 4 * RASTER_NS, 10 * RASTER_NS]).prop_map(Nanos)
}
