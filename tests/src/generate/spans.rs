//! Universes of spans.

use std::sync::Arc;

use fluo_spans::span::{Attributes, Event, InstrumentationScope, Kind, Link, Resource, Span, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;

use super::vocabulary::{
    EVENT_KEYS, EVENT_NAMES, LINK_KEYS, NAMES, RESOURCE_KEYS, SCOPE_KEYS, SERVICES, SPAN_KEYS, VALUES, one_of,
};

/// One second.
const SECOND: i64 = 1_000_000_000;

/// 2026-11-22T23:59:00Z: a minute before midnight, so that spans fall into two hours and two days.
pub const BASE_NS: i64 = 1_795_391_940 * SECOND;

/// The raster that times lie on, give or take a nanosecond; windows and steps are multiples of it too.
pub const RASTER_NS: i64 = 5 * SECOND;

/// The steps of the raster that a universe is long.
const LENGTH: i64 = 40;

/// Most spans of a universe, copies not counted.
const MOST_SPANS: usize = 32;

/// A moment: on the raster, mostly exactly.
pub fn time() -> impl Strategy<Value = i64> {
    (0..=LENGTH, prop_oneof![3 => Just(0_i64), 1 => Just(-1), 1 => Just(1)])
        .prop_map(|(steps, jitter)| BASE_NS + steps * RASTER_NS + jitter)
}

/// Up to 40 spans: some in a burst, so that counts are exceeded; some of them a second time, unchanged or with
/// other contents; in random order.
pub fn universe() -> impl Strategy<Value = Vec<Span>> {
    let scattered = vec(span(), 0..MOST_SPANS / 2);
    let burst = (time(), vec((span(), 0_i64..4), 0..MOST_SPANS / 2)).prop_map(|(at, spans)| {
        spans.into_iter().map(move |(span, steps)| moved_to(span, at + steps * RASTER_NS)).collect::<Vec<_>>()
    });
    (scattered, burst, vec((0..MOST_SPANS, copy()), 0..8))
        .prop_map(|(scattered, burst, copies)| {
            let mut spans: Vec<Span> = scattered.into_iter().chain(burst).collect();
            let copied: Vec<Span> = copies
                .into_iter()
                .filter_map(|(at, copy)| spans.get(at).map(|original| copy.of(original)))
                .collect();
            spans.extend(copied);
            spans
        })
        .prop_shuffle()
}

/// A span, repeated.
#[derive(Debug, Clone)]
pub(super) enum Copy {
    /// As it is: the same span.
    Unchanged,
    /// With the other's contents: the same span still, in conflict.
    Conflicting(Box<Span>),
    /// So many nanoseconds later, with the same ids: another span.
    Later(i64),
}

impl Copy {
    pub(super) fn of(self, original: &Span) -> Span {
        match self {
            Self::Unchanged => original.clone(),
            Self::Conflicting(other) => {
                let duration = other.end_ns - other.start_ns;
                Span {
                    trace_id: original.trace_id,
                    span_id: original.span_id,
                    start_ns: original.end_ns - duration,
                    end_ns: original.end_ns,
                    ..*other
                }
            }
            Self::Later(by) => moved_to(original.clone(), original.end_ns + by),
        }
    }
}

fn copy() -> impl Strategy<Value = Copy> {
    prop_oneof![
        2 => Just(Copy::Unchanged),
        2 => span().prop_map(|span| Copy::Conflicting(Box::new(span))),
        1 => Just(Copy::Later(1)),
    ]
}

pub(super) fn moved_to(span: Span, end_ns: i64) -> Span {
    Span { start_ns: end_ns - (span.end_ns - span.start_ns), end_ns, ..span }
}

/// Any span. Ids are of few traces and many spans, and collide now and then.
pub fn span() -> impl Strategy<Value = Span> {
    let identity = (1_u8..6, 1_u8..=255, option::weighted(0.6, 1_u8..=255));
    let own = (
        prop_oneof![4 => Just("login"), 2 => one_of(&NAMES)],
        select(Kind::ALL.to_vec()),
        prop_oneof![2 => Just(Status::Error), 1 => select(Status::ALL.to_vec())],
        prop_oneof![3 => Just(""), 1 => Just("token expired"), 1 => Just("401")],
    );
    let when = (time(), select(vec![0, 1, SECOND / 2, SECOND, 3 * SECOND / 2, 90 * SECOND]));
    let items = (vec(event(), 0..3), vec(link(), 0..3));
    (identity, own, when, attributes(&SPAN_KEYS), resource(), scope(), items).prop_map(
        |(
            (trace, span, parent),
            (name, kind, status, message),
            (end_ns, duration),
            attributes,
            resource,
            scope,
            (events, links),
        )| Span {
            trace_id: [trace; 16],
            span_id: [span; 8],
            parent_span_id: parent.map(|parent| [parent; 8]),
            trace_state: String::new(),
            flags: 1,
            name: name.to_owned(),
            kind,
            status,
            status_message: message.to_owned(),
            start_ns: end_ns - duration,
            end_ns,
            attributes,
            resource: Arc::new(resource),
            scope: Arc::new(scope),
            events: events
                .into_iter()
                .map(|(name, attributes)| Event { time_ns: end_ns - duration, name, attributes })
                .collect(),
            links,
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
        },
    )
}

fn resource() -> impl Strategy<Value = Resource> {
    let service =
        prop_oneof![4 => Just(Some("auth-service")), 1 => one_of(&SERVICES).prop_map(Some), 1 => Just(None)];
    (service, attributes(&RESOURCE_KEYS))
        .prop_map(|(service, attributes)| Resource { service_name: service.map(str::to_owned), attributes })
}

fn scope() -> impl Strategy<Value = InstrumentationScope> {
    (prop_oneof![Just(""), Just("lib")], prop_oneof![Just(""), Just("1.0")], attributes(&SCOPE_KEYS))
        .prop_map(|(name, version, attributes)| InstrumentationScope {
            name: name.to_owned(),
            version: version.to_owned(),
            attributes,
        })
}

fn event() -> impl Strategy<Value = (String, Attributes)> {
    (one_of(&EVENT_NAMES).prop_map(str::to_owned), attributes(&EVENT_KEYS))
}

fn link() -> impl Strategy<Value = Link> {
    (1_u8..3, 1_u8..3, attributes(&LINK_KEYS)).prop_map(|(trace, span, attributes)| Link {
        trace_id: [trace; 16],
        span_id: [span; 8],
        trace_state: String::new(),
        attributes,
    })
}

/// Each key with one of the [`VALUES`], or without one. `401` is frequent, so that rules find something.
fn attributes(keys: &'static [&'static str]) -> impl Strategy<Value = Attributes> {
    let value = prop_oneof![2 => Just("401"), 3 => one_of(&VALUES)];
    vec(option::weighted(0.45, value), keys.len()).prop_map(|values| {
        let present =
            keys.iter().zip(values).filter_map(|(key, value)| Some(((*key).to_owned(), value?.to_owned())));
        Attributes::new(present.collect())
    })
}
