//! Traces, and rules about them.
//!
//! A trace has few spans with few names, so that steps meet them; its times lie on the raster of [`super::spans`], so that
//! spans touch, overlap and start together, and traces fall silent for as long as rules wait. Parents are spans of the trace,
//! spans that nobody stored, the span itself, or none.

pub mod across;
pub mod rules;

use fluo_spans::span::{Link, Span};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;

use super::spans::{BASE_NS, Copy, RASTER_NS, span};
use crate::reference::Range;

use super::Case;

/// The names that most spans have, and most steps select.
pub const STEP_NAMES: [&str; 3] = ["login", "pay", "retry"];

/// The most spans of a trace, copies not counted.
const MOST_SPANS: usize = 7;

/// Any rule about traces over some traces, over the whole of the data or a part of it.
pub fn case() -> impl Strategy<Value = Case> {
    (rules::rule(), universe(), range()).prop_map(|(rule, spans, range)| Case { rule, spans, range })
}

/// The same, of rules whose occasions are selected by their relations to other spans.
pub fn related_case() -> impl Strategy<Value = Case> {
    case().prop_filter("one filter", |case| {
        case.rule.trace().and_then(|trace| trace.when.as_ref()).is_some_and(|when| when.filter().is_none())
    })
}

/// Mostly the whole of the data, and often all that is there by a moment; else from a moment on, or between two.
pub fn range() -> impl Strategy<Value = Range> {
    let moment = || (0_i64..32, jitter()).prop_map(|(steps, jitter)| BASE_NS + steps * RASTER_NS + jitter);
    prop_oneof![
        4 => Just(Range::default()),
        2 => moment().prop_map(|to| Range { from: None, to: Some(to) }),
        1 => moment().prop_map(|from| Range { from: Some(from), to: None }),
        2 => (moment(), moment()).prop_map(|(from, to)| Range { from: Some(from), to: Some(to) }),
    ]
}

/// One to four traces, with copies of some of their spans, in random order.
pub fn universe() -> impl Strategy<Value = Vec<Span>> {
    let trace = (0_i64..12).prop_flat_map(|begins| vec(member(begins), 1..=MOST_SPANS));
    let traces = vec(trace, 1..=4).prop_map(|traces| {
        let of_trace = |(trace, spans): (u8, Vec<Span>)| {
            spans.into_iter().zip(1..).map(move |(span, id)| placed(span, trace, id)).collect::<Vec<Span>>()
        };
        (1..).zip(traces).flat_map(of_trace).collect::<Vec<Span>>()
    });
    (traces, vec((0..4 * MOST_SPANS, copy()), 0..4))
        .prop_map(|(mut spans, copies)| {
            let copied: Vec<Span> = copies
                .into_iter()
                .filter_map(|(at, copy)| {
                    spans
                        .get(at)
                        .map(|original| placed(copy.of(original), original.trace_id[0], original.span_id[0]))
                })
                .collect();
            spans.extend(copied);
            spans
        })
        .prop_shuffle()
}

/// A span whose parent and links are places within its trace, which begins so many steps of the raster after [`BASE_NS`].
fn member(begins: i64) -> impl Strategy<Value = Span> {
    // The spans of a trace come one after another, and some of them long after the others.
    let start = prop_oneof![6 => 0_i64..5, 2 => 5_i64..9, 1 => 12_i64..20];
    let length = prop_oneof![2 => Just(0_i64), 4 => Just(1), 2 => 1_i64..4, 1 => 4_i64..9];
    let name = prop_oneof![9 => select(STEP_NAMES.to_vec()).prop_map(Some), 1 => Just(None)];
    let links = prop_oneof![2 => Just(vec![]), 1 => vec((place(), proptest::bool::weighted(0.2)), 1..3)];
    (span(), name, start, length, (jitter(), jitter()), parent(), links).prop_map(
        move |(span, name, start, length, (early, late), parent, links)| {
            let start_ns = BASE_NS + (begins + start) * RASTER_NS + early;
            let links = links.into_iter().map(|(to, leads_out)| Link {
                // Of which trace it is, is known later.
                trace_id: [if leads_out { 9 } else { 0 }; 16],
                span_id: [to; 8],
                trace_state: String::new(),
                attributes: fluo_spans::span::Attributes::default(),
            });
            Span {
                name: name.map_or(span.name, str::to_owned),
                start_ns,
                end_ns: (start_ns + length * RASTER_NS + late).max(start_ns),
                parent_span_id: parent.map(|parent| [parent; 8]),
                links: links.collect(),
                ..span
            }
        },
    )
}

/// Mostly none; else a nanosecond more or less.
fn jitter() -> impl Strategy<Value = i64> {
    prop_oneof![8 => Just(0), 1 => Just(-1), 1 => Just(1)]
}

/// The id of one of the first spans of a trace.
fn place() -> impl Strategy<Value = u8> {
    1..=5_u8
}

/// One of the first spans of the trace, which makes it deep, a span that is not stored, or none.
fn parent() -> impl Strategy<Value = Option<u8>> {
    prop_oneof![2 => Just(None), 5 => place().prop_map(Some), 1 => Just(Some(200))]
}

fn placed(span: Span, trace: u8, id: u8) -> Span {
    let links = span.links.into_iter().map(|link| match link.trace_id {
        [0, ..] => Link { trace_id: [trace; 16], ..link },
        _ => link,
    });
    Span { trace_id: [trace; 16], span_id: [id; 8], links: links.collect(), ..span }
}

fn copy() -> impl Strategy<Value = Copy> {
    prop_oneof![
        1 => Just(Copy::Unchanged),
        2 => member(0).prop_map(|span| Copy::Conflicting(Box::new(span))),
        1 => Just(Copy::Later(RASTER_NS)),
    ]
}
