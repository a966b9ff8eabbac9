//! Limits of what one sender makes of a span, a resource and an object: the excess costs itself, and is counted.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use fluo_spans::{DecodeError, Decoded, Limits, decode_batches};
use fluo_tests::otlp::proto::common::v1::KeyValue;
use fluo_tests::otlp::proto::common::v1::any_value::Value;
use fluo_tests::otlp::proto::trace::v1::Span;
use fluo_tests::otlp::proto::trace::v1::span::{Event, Link};
use fluo_tests::otlp::{attribute, json, protobuf};

use super::requests::{array, good, request, text};
use super::wire::{self, field, protobuf_of_spans};
use super::{mended, names, set_aside};

/// A fact that must hold of a span.
type Check = fn(&fluo_spans::span::Span) -> bool;

fn decoded(bytes: &[u8], limits: &Limits) -> Decoded {
    fluo_spans::decode(bytes, limits).unwrap()
}

/// A request in both encodings.
fn encodings(resource: Vec<KeyValue>, span: Span) -> [Vec<u8>; 2] {
    let request = request(resource, vec![good("before"), span, good("after")]);
    [json(&request), protobuf(&request)]
}

fn texts(count: usize, length: usize) -> Vec<KeyValue> {
    (0..count).map(|at| text(&format!("k{at:06}"), &"x".repeat(length))).collect()
}

fn event(time_unix_nano: u64, attributes: Vec<KeyValue>) -> Event {
    Event { time_unix_nano, name: "e".to_owned(), attributes, ..Event::default() }
}

#[test]
fn a_span_keeps_as_many_items_as_it_may_have() {
    let limits = Limits { max_items: 3, ..Limits::default() };
    let link = Link { trace_id: vec![1; 16], span_id: vec![1; 8], ..Link::default() };
    let span = Span {
        attributes: texts(5, 1),
        events: (0..4).map(|time| event(time, texts(4, 1))).collect(),
        links: vec![link; 7],
        dropped_attributes_count: 1,
        ..good("case")
    };
    let read = encodings(Vec::new(), span).map(|bytes| {
        let decoded = decoded(&bytes, &limits);
        assert_eq!(names(&decoded), ["before", "case", "after"]);
        assert_eq!(set_aside(&decoded), []);
        let reasons = [("too many attributes", 1), ("too many events", 1), ("too many links", 1)];
        assert_eq!(mended(&decoded), reasons);
        let span = &decoded.spans[1];
        assert_eq!((span.attributes.len(), span.events.len(), span.links.len()), (3, 3, 3));
        assert_eq!(span.events[0].attributes.len(), 3);
        assert_eq!((span.dropped_attributes, span.dropped_events, span.dropped_links), (3, 1, 4));
        decoded.spans
    });
    assert_eq!(read[0], read[1]);
}

#[test]
fn a_span_keeps_what_it_has_room_for() {
    let limits = Limits { max_span_bytes: 10_000, ..Limits::default() };
    let nested = |count: usize| array(vec![None; count]);
    let cases: [(&str, Span, Check); 6] = [
        (
            "one long text among short ones",
            Span {
                attributes: [texts(2, 10), vec![text("long", &"x".repeat(11_000))], texts(3, 20)].concat(),
                ..good("case")
            },
            |span| {
                span.attributes.len() == 3
                    && span.attributes.get("long").is_none()
                    && span.dropped_attributes == 1
            },
        ),
        ("a long name", Span { name: "n".repeat(11_000), ..good("case") }, |span| span.name.is_empty()),
        (
            "an array of many elements",
            Span { attributes: vec![attribute("a", nested(1_000))], ..good("case") },
            |span| span.attributes.is_empty() && span.dropped_attributes == 1,
        ),
        ("an array of few", Span { attributes: vec![attribute("a", nested(100))], ..good("case") }, |span| {
            span.attributes.get("a").is_some_and(|text| text.len() == 501)
        }),
        (
            "many arrays, each of which has room",
            Span {
                attributes: (0..20).map(|at| attribute(&at.to_string(), nested(100))).collect(),
                ..good("case")
            },
            |span| (5..20).contains(&span.attributes.len()),
        ),
        (
            "many events",
            Span { events: (0..1_000).map(|time| event(time, Vec::new())).collect(), ..good("case") },
            |span| span.events.len() < 100 && span.events.len() + span.dropped_events as usize == 1_000,
        ),
    ];
    for (scenario, span, holds) in cases {
        let read = encodings(Vec::new(), span).map(|bytes| {
            let decoded = decoded(&bytes, &limits);
            assert_eq!((decoded.spans.len(), set_aside(&decoded)), (3, vec![]), "{scenario}");
            let expected = if scenario == "an array of few" { vec![] } else { vec![("span too large", 1)] };
            assert_eq!(mended(&decoded), expected, "{scenario}");
            let span = decoded.spans[1].clone();
            assert!(holds(&span), "{scenario}: {span:?}");
            span
        });
        assert_eq!(read[0], read[1], "{scenario}");
    }
}

#[test]
fn a_resource_keeps_its_shorter_values() {
    let limits = Limits { max_resource_bytes: 100, ..Limits::default() };
    let attributes = vec![
        text("long", &"x".repeat(200)),
        text("service.name", "shop"),
        text("longer", &"x".repeat(60)),
        text("short", &"x".repeat(40)),
    ];
    for bytes in encodings(attributes, good("case")) {
        let decoded = decoded(&bytes, &limits);
        assert_eq!(names(&decoded), ["before", "case", "after"]);
        assert_eq!(mended(&decoded), [("resource or scope too large", 1)]);
        let resource = &decoded.spans[0].resource;
        assert_eq!(resource.service_name.as_deref(), Some("shop"));
        assert_eq!(resource.attributes.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["short"]);
    }
}

#[test]
fn an_object_whose_spans_cost_too_much_is_refused() {
    let span = Span { attributes: texts(10, 100), ..good("case") };
    let request = protobuf(&request(Vec::new(), vec![span; 100]));
    let limits = |max_object_cost| Limits { max_object_cost, ..Limits::default() };
    assert_eq!(decoded(&request, &limits(1 << 20)).spans.len(), 100);
    let refused = fluo_spans::decode(&request, &limits(100_000));
    assert!(matches!(refused, Err(DecodeError::TooCostly { limit: 100_000 })), "{refused:?}");
    // What every span repeats counts with every span.
    let resource = field(1, &field(1, &[field(1, b"k"), field(2, &field(1, &vec![b'x'; 20_000]))].concat()));
    let spans: Vec<u8> = (0..100).flat_map(|_| field(2, &wire::good("case"))).collect();
    let request = field(1, &[resource, field(2, &spans)].concat());
    let refused = fluo_spans::decode(&request, &limits(1 << 20));
    assert!(matches!(refused, Err(DecodeError::TooCostly { .. })), "{refused:?}");
}

#[test]
fn spans_are_handed_over_in_batches_until_nobody_wants_more() {
    let span = Span { attributes: texts(10, 1_000), ..good("case") };
    let request = request(texts(1, 10), vec![span; 2_000]);
    for bytes in [json(&request), protobuf(&request)] {
        let mut batches = Vec::new();
        let rest = decode_batches(&bytes, &Limits::default(), &mut |batch| {
            batches.push(batch.spans.len());
            ControlFlow::Continue(())
        });
        assert!(rest.is_ok());
        assert!(batches.len() > 3, "{batches:?}");
        assert_eq!(batches.iter().sum::<usize>(), 2_000);
        let mut taken = 0;
        let rest = decode_batches(&bytes, &Limits::default(), &mut |_| {
            taken += 1;
            ControlFlow::Break(())
        });
        assert!(rest.is_ok());
        assert_eq!(taken, 1);
    }
}

#[test]
fn a_resource_that_stands_behind_a_long_list_of_spans_is_theirs() {
    let span = Span { attributes: texts(10, 1_000), ..good("case") };
    let span = serde_json::to_string(&span).unwrap();
    let mut text = String::from(r#"{"resourceSpans":[{"scopeSpans":[{"spans":["#);
    for _ in 0..2_000 {
        write!(text, "{span},").unwrap();
    }
    text.push_str(&span);
    text.push_str(r#"],"scope":{"name":"lib"}}],"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}}]}"#);
    let decoded = decoded(text.as_bytes(), &Limits::default());
    assert_eq!(decoded.spans.len(), 2_001);
    for span in &decoded.spans {
        assert_eq!((span.resource.service_name.as_deref(), span.scope.name.as_str()), (Some("shop"), "lib"));
    }
}

#[test]
fn values_nested_without_end_cost_what_lies_too_deep() {
    let nested =
        |levels| (0..levels).fold(Value::StringValue("x".to_owned()), |inner, _| array([Some(inner)]));
    let limits = Limits { max_depth: 3, ..Limits::default() };
    for (levels, text, reasons) in
        [(3, r#"[[["x"]]]"#, vec![]), (4, "[[[null]]]", vec![("value nested too deep", 1)])]
    {
        let span = Span { attributes: vec![attribute("a", nested(levels))], ..good("case") };
        for bytes in encodings(Vec::new(), span) {
            let decoded = decoded(&bytes, &limits);
            assert_eq!(decoded.spans[1].attributes.get("a"), Some(text));
            assert_eq!(mended(&decoded), reasons);
        }
    }
    let deep = (0..5_000).fold(Vec::new(), |inner, _| field(5, &field(1, &inner)));
    let span = [wire::good("case"), field(9, &[field(1, b"a"), field(2, &deep)].concat())].concat();
    let decoded = decoded(&protobuf_of_spans(&[span]), &Limits::default());
    assert_eq!(decoded.spans[0].attributes.get("a").map(str::len), Some(2 * 64 + 4));
}
