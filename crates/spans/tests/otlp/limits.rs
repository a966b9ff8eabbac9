//! Limits of what one sender makes of a span, a resource and an object: the excess costs itself, and is counted.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use fluo_spans::{DecodeError, Decoded, Limits, decode_batches};

use super::encoder::{
    Any, Resource, Scope, Span, any_protobuf, field, json, protobuf, protobuf_of_spans, span_protobuf,
};
use super::{mended, names, set_aside};

/// A fact that must hold of a span.
type Check = fn(&fluo_spans::span::Span) -> bool;

fn decoded(bytes: &[u8], limits: &Limits) -> Decoded {
    fluo_spans::decode(bytes, limits).unwrap()
}

/// A request in both encodings.
fn encodings(resource: Vec<(String, Any)>, span: Span) -> [Vec<u8>; 2] {
    let scope = Scope { spans: vec![Span::good("before"), span, Span::good("after")], ..Scope::default() };
    let request = [Resource { attributes: resource, scopes: vec![scope] }];
    [json(&request).into_bytes(), protobuf(&request)]
}

fn texts(count: usize, length: usize) -> Vec<(String, Any)> {
    (0..count).map(|at| (format!("k{at:06}"), Any::Text("x".repeat(length)))).collect()
}

#[test]
fn a_span_keeps_as_many_items_as_it_may_have() {
    let limits = Limits { max_items: 3, ..Limits::default() };
    let span = Span {
        attributes: texts(5, 1),
        events: (0..4).map(|time| (time, "e".to_owned(), texts(4, 1))).collect(),
        links: (0..7).map(|_| (vec![1; 16], vec![1; 8], Vec::new())).collect(),
        dropped: [1, 0, 0],
        ..Span::good("case")
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
    let nested = |count: usize| Any::Array(vec![Any::Empty; count]);
    let cases: [(&str, Span, Check); 6] = [
        (
            "one long text among short ones",
            Span {
                attributes: [
                    texts(2, 10),
                    vec![("long".to_owned(), Any::Text("x".repeat(11_000)))],
                    texts(3, 20),
                ]
                .concat(),
                ..Span::good("case")
            },
            |span| {
                span.attributes.len() == 3
                    && span.attributes.get("long").is_none()
                    && span.dropped_attributes == 1
            },
        ),
        ("a long name", Span { name: "n".repeat(11_000), ..Span::good("case") }, |span| span.name.is_empty()),
        (
            "an array of many elements",
            Span { attributes: vec![("a".to_owned(), nested(1_000))], ..Span::good("case") },
            |span| span.attributes.is_empty() && span.dropped_attributes == 1,
        ),
        (
            "an array of few",
            Span { attributes: vec![("a".to_owned(), nested(100))], ..Span::good("case") },
            |span| span.attributes.get("a").is_some_and(|text| text.len() == 501),
        ),
        (
            "many arrays, each of which has room",
            Span {
                attributes: (0..20).map(|at| (format!("{at}"), nested(100))).collect(),
                ..Span::good("case")
            },
            |span| (5..20).contains(&span.attributes.len()),
        ),
        (
            "many events",
            Span {
                events: (0..1_000).map(|time| (time, "e".to_owned(), Vec::new())).collect(),
                ..Span::good("case")
            },
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
        ("long".to_owned(), Any::Text("x".repeat(200))),
        ("service.name".to_owned(), Any::Text("shop".to_owned())),
        ("longer".to_owned(), Any::Text("x".repeat(60))),
        ("short".to_owned(), Any::Text("x".repeat(40))),
    ];
    for bytes in encodings(attributes, Span::good("case")) {
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
    let span = Span { attributes: texts(10, 100), ..Span::good("case") };
    let request = protobuf_of_spans(&vec![span_protobuf(&span); 100]);
    let limits = |max_object_cost| Limits { max_object_cost, ..Limits::default() };
    assert_eq!(decoded(&request, &limits(1 << 20)).spans.len(), 100);
    let refused = fluo_spans::decode(&request, &limits(100_000));
    assert!(matches!(refused, Err(DecodeError::TooCostly { limit: 100_000 })), "{refused:?}");
    // What every span repeats counts with every span.
    let resource = field(1, &field(1, &[field(1, b"k"), field(2, &field(1, &vec![b'x'; 20_000]))].concat()));
    let spans: Vec<u8> = (0..100).flat_map(|_| field(2, &span_protobuf(&Span::good("case")))).collect();
    let request = field(1, &[resource, field(2, &spans)].concat());
    let refused = fluo_spans::decode(&request, &limits(1 << 20));
    assert!(matches!(refused, Err(DecodeError::TooCostly { .. })), "{refused:?}");
}

#[test]
fn spans_are_handed_over_in_batches_until_nobody_wants_more() {
    let span = Span { attributes: texts(10, 1_000), ..Span::good("case") };
    let scope = Scope { spans: vec![span; 2_000], ..Scope::default() };
    let request = [Resource { attributes: texts(1, 10), scopes: vec![scope] }];
    for bytes in [json(&request).into_bytes(), protobuf(&request)] {
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
    let span = super::encoder::span_json(&Span { attributes: texts(10, 1_000), ..Span::good("case") });
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
    let nested = |levels| (0..levels).fold(Any::Text("x".to_owned()), |inner, _| Any::Array(vec![inner]));
    let limits = Limits { max_depth: 3, ..Limits::default() };
    for (levels, text, reasons) in
        [(3, r#"[[["x"]]]"#, vec![]), (4, "[[[null]]]", vec![("value nested too deep", 1)])]
    {
        let span = Span { attributes: vec![("a".to_owned(), nested(levels))], ..Span::good("case") };
        for bytes in encodings(Vec::new(), span) {
            let decoded = decoded(&bytes, &limits);
            assert_eq!(decoded.spans[1].attributes.get("a"), Some(text));
            assert_eq!(mended(&decoded), reasons);
        }
    }
    let deep = (0..5_000).fold(Vec::new(), |inner, _| field(5, &field(1, &inner)));
    assert!(any_protobuf(&nested(3)).len() < deep.len());
    let span =
        [span_protobuf(&Span::good("case")), field(9, &[field(1, b"a"), field(2, &deep)].concat())].concat();
    let decoded = decoded(&protobuf_of_spans(&[span]), &Limits::default());
    assert_eq!(decoded.spans[0].attributes.get("a").map(str::len), Some(2 * 64 + 4));
}
