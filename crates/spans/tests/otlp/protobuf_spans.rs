//! Protobuf, field by field: each case stands between two good spans, which are always kept.

use fluo_spans::span::{Kind, Status};
use fluo_spans::{Reason, Reasoned as _};
use fluo_tests::otlp::proto::common::v1::any_value::Value;
use fluo_tests::otlp::proto::common::v1::{AnyValue, KeyValueList};
use fluo_tests::otlp::proto::trace::v1::span::{Event, Link};
use fluo_tests::otlp::proto::trace::v1::{self, Span};
use fluo_tests::otlp::{attribute, protobuf};
use prost::Message as _;

use super::requests::{self, request, text};
use super::wire::{field, fixed64, good, protobuf_of_spans, varint, varint_field};
use super::{decode, mended, names, refusal, set_aside};

/// A good span with more fields after it.
fn with(fields: &[u8]) -> Vec<u8> {
    [good("case").as_slice(), fields].concat()
}

/// An attribute `a` whose `AnyValue` has these bytes.
fn attribute_of(value: &[u8]) -> Vec<u8> {
    field(9, &[field(1, b"a"), field(2, value)].concat())
}

#[test]
fn spans_that_cannot_be_placed() {
    let cases: [(&str, Vec<u8>, Reason); 13] = [
        ("empty", Vec::new(), Reason::MissingTraceId),
        ("empty trace id", with(&field(1, b"")), Reason::MissingTraceId),
        ("short trace id", with(&field(1, &[1; 15])), Reason::MalformedTraceId),
        ("trace id of zeros", with(&field(1, &[0; 16])), Reason::ZeroTraceId),
        ("trace id that is a number", with(&varint_field(1, 5)), Reason::MalformedTraceId),
        ("empty span id", with(&field(2, b"")), Reason::MissingSpanId),
        ("long span id", with(&field(2, &[1; 9])), Reason::MalformedSpanId),
        ("span id of zeros", with(&field(2, &[0; 8])), Reason::ZeroSpanId),
        ("end 0", with(&fixed64(8, 0)), Reason::MissingEnd),
        ("end beyond i64", with(&fixed64(8, 1 << 63)), Reason::EndOutOfRange),
        ("end that is text", with(&field(8, b"noon")), Reason::MalformedEnd),
        ("negative end", with(&varint_field(8, u64::MAX)), Reason::MalformedEnd),
        (
            "it breaks off before its end",
            [&field(1, &[7; 16])[..], &[0x12, 9]].concat(),
            Reason::MalformedSpan,
        ),
    ];
    for (scenario, span, reason) in cases {
        let decoded = decode(&protobuf_of_spans(&[good("before"), span, good("after")]));
        assert_eq!(names(&decoded), ["before", "after"], "{scenario}");
        assert_eq!(set_aside(&decoded), [(reason.as_str(), 1)], "{scenario}");
    }
    let number = field(1, &field(2, &[field(2, &good("before")), varint_field(2, 7)].concat()));
    assert_eq!(set_aside(&decode(&number)), [("malformed span", 1)], "a span that is a number");
}

#[test]
fn every_field_is_read() {
    let span = Span {
        trace_id: (1..=16).collect(),
        span_id: (1..=8).collect(),
        parent_span_id: vec![3; 8],
        name: "n".into(),
        trace_state: "k=v".into(),
        kind: 5,
        flags: 0x301,
        start_time_unix_nano: 10,
        end_time_unix_nano: 20,
        attributes: vec![attribute("a", Value::IntValue(-1)), attribute("a", Value::BoolValue(true))],
        events: vec![Event {
            time_unix_nano: 15,
            name: "e".into(),
            attributes: vec![attribute("b", Value::DoubleValue(0.5))],
            ..Event::default()
        }],
        links: vec![Link {
            trace_id: vec![4; 16],
            span_id: vec![5; 8],
            attributes: vec![text("c", "x")],
            ..Link::default()
        }],
        status: Some(v1::Status { code: 2, message: "why".into() }),
        dropped_attributes_count: 1,
        dropped_events_count: 2,
        dropped_links_count: 3,
    };
    let decoded = decode(&protobuf(&request(Vec::new(), vec![span])));
    let read = &decoded.spans[0];
    assert_eq!((read.trace_id[15], read.span_id[7], read.parent_span_id), (16, 8, Some([3; 8])));
    assert_eq!((read.name.as_str(), read.trace_state.as_str(), read.flags), ("n", "k=v", 0x301));
    assert_eq!(
        (read.kind, read.status, read.status_message.as_str()),
        (Kind::Consumer, Status::Error, "why")
    );
    assert_eq!((read.start_ns, read.end_ns), (10, 20));
    assert_eq!(read.attributes.iter().collect::<Vec<_>>(), [("a", "true")]);
    let event = &read.events[0];
    assert_eq!((event.time_ns, event.name.as_str(), event.attributes.get("b")), (15, "e", Some("0.5")));
    let link = &read.links[0];
    assert_eq!((link.trace_id, link.span_id, link.attributes.get("c")), ([4; 16], [5; 8], Some("x")));
    assert_eq!((read.dropped_attributes, read.dropped_events, read.dropped_links), (1, 2, 3));
}

#[test]
fn odd_but_readable_spans() {
    let cases: [(&str, Vec<u8>); 6] = [
        ("unknown fields of every wire type", {
            let fields =
                [varint_field(90, 1), fixed64(91, 1), field(92, b"\xff\xff"), vec![0xed, 0x05, 1, 2, 3, 4]];
            with(&fields.concat())
        }),
        ("unknown group", with(&[0x9b, 0x06, 0x08, 1, 0x9c, 0x06])),
        ("end as a varint", with(&varint_field(8, 2_000))),
        (
            "a number of ten bytes",
            with(&{
                let mut unknown = vec![0xd0, 0x05];
                varint(u64::MAX, &mut unknown);
                unknown
            }),
        ),
        (
            "fields that say no more than if they were left out",
            with(
                &[field(3, b""), field(4, b""), varint_field(6, 0), varint_field(10, 0), field(15, b"")]
                    .concat(),
            ),
        ),
        ("empty event, link and attribute", with(&[field(11, b""), field(13, b""), field(9, b"")].concat())),
    ];
    for (scenario, span) in cases {
        let decoded = decode(&protobuf_of_spans(&[span]));
        assert_eq!((set_aside(&decoded), mended(&decoded)), (vec![], vec![]), "{scenario}");
        assert_eq!((decoded.spans[0].name.as_str(), decoded.spans[0].end_ns), ("case", 2_000), "{scenario}");
    }
}

#[test]
fn values() {
    let array = |elements: &[u8]| field(5, elements);
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("none", Vec::new(), ""),
        ("negative integer", varint_field(3, u64::MAX), "-1"),
        ("bytes", field(7, &[0xfb, 0xff]), "+/8="),
        ("empty array", array(b""), "[]"),
        ("array with an empty value", array(&field(1, b"")), "[null]"),
        (
            "array in two pieces",
            [array(&field(1, &varint_field(3, 1))), array(&field(1, &varint_field(3, 2)))].concat(),
            "[1,2]",
        ),
        ("the last member of the oneof wins", [field(1, b"x"), varint_field(2, 1)].concat(), "true"),
        ("an index into a dictionary that is not there", varint_field(8, 3), ""),
        (
            "map",
            {
                let values = vec![attribute("k", requests::array([]))];
                AnyValue { value: Some(Value::KvlistValue(KeyValueList { values })) }.encode_to_vec()
            },
            r#"{"k":[]}"#,
        ),
    ];
    for (scenario, value, expected) in cases {
        let decoded = decode(&protobuf_of_spans(&[with(&attribute_of(&value))]));
        assert_eq!(decoded.spans[0].attributes.get("a"), Some(expected), "{scenario}");
    }
}

#[test]
fn resource_and_scope_may_come_in_pieces_and_last() {
    let text = |key: &str, value: &str| {
        field(1, &[field(1, key.as_bytes()), field(2, &field(1, value.as_bytes()))].concat())
    };
    let scope_spans = [field(2, &good("n")), field(1, &field(1, b"lib")), field(1, &field(2, b"1"))].concat();
    let resource_spans = [
        field(3, b"https://schema"),
        field(1, &text("service.name", "old")),
        field(2, &scope_spans),
        field(1, &text("region", "eu")),
        field(1, &text("service.name", "shop")),
    ];
    let decoded = decode(&field(1, &resource_spans.concat()));
    let span = &decoded.spans[0];
    assert_eq!(span.resource.service_name.as_deref(), Some("shop"));
    assert_eq!(span.resource.attributes.iter().collect::<Vec<_>>(), [("region", "eu")]);
    assert_eq!((span.scope.name.as_str(), span.scope.version.as_str()), ("lib", "1"));
}

#[test]
fn the_older_field_of_scopes_is_read() {
    let library_spans = [field(1, &field(1, b"lib")), field(2, &good("n"))].concat();
    let decoded = decode(&field(1, &field(1000, &library_spans)));
    assert_eq!(decoded.spans[0].scope.name, "lib");
}

#[test]
fn a_part_that_breaks_off_inside_of_its_length_costs_what_follows_in_it() {
    let spans = |names: &[&str]| names.iter().flat_map(|name| field(2, &good(name))).collect::<Vec<u8>>();
    let cut = [0x12, 100, 1];
    let cases = [
        ("scope spans", field(1, &field(2, &[&spans(&["a"])[..], &cut].concat()))),
        ("resource spans", field(1, &[&field(2, &spans(&["a"]))[..], &cut].concat())),
        ("scope spans that are a number", field(1, &[field(2, &spans(&["a"])), varint_field(2, 7)].concat())),
        (
            "resource spans that are a number",
            [field(1, &field(2, &spans(&["a"]))), varint_field(1, 7)].concat(),
        ),
    ];
    for (scenario, part) in cases {
        let decoded = decode(&[part, field(1, &field(2, &spans(&["b", "c"])))].concat());
        assert_eq!(names(&decoded), ["a", "b", "c"], "{scenario}");
        assert_eq!(set_aside(&decoded), [("unreadable part", 1)], "{scenario}");
    }
}

#[test]
fn a_broken_outer_structure_refuses_the_message() {
    let whole = protobuf_of_spans(&[good("a"), good("b")]);
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("cut off", whole[..whole.len() - 1].to_vec(), "a length goes beyond the message's end at byte 1"),
        (
            "scope spans longer than their resource",
            field(1, &[0x12, 100, 1]),
            "a length goes beyond the message's end at byte 3",
        ),
        (
            "scope spans that are a number",
            field(1, &varint_field(2, 7)),
            "a number where a message must be at byte 4",
        ),
        (
            "resource spans that are a number",
            varint_field(1, 7),
            "a number where a message must be at byte 2",
        ),
        ("text", b"hello world".to_vec(), "at byte"),
    ];
    for (scenario, bytes, problem) in cases {
        let refusal = refusal(&bytes);
        assert!(
            refusal.starts_with("neither JSON nor a readable OTLP protobuf message: "),
            "{scenario}: {refusal}"
        );
        assert!(refusal.contains(problem), "{scenario}: {refusal}");
    }
}

#[test]
fn requests_of_other_signals_are_named() {
    let log = [fixed64(1, 5), varint_field(2, 9), field(5, &field(1, b"body"))].concat();
    let long = [field(1, b"sixteen_letters_"), field(5, &field(1, b""))].concat();
    let gauge = [field(1, b"cpu"), field(3, b"1"), field(5, &field(1, b""))].concat();
    let sum = [field(1, b"requests"), field(7, b"")].concat();
    let cases = [
        (protobuf_of_spans(&[log.clone(), log.clone()]), "not traces: these are OTLP logs"),
        (protobuf_of_spans(&[gauge]), "not traces: these are OTLP metrics"),
        (protobuf_of_spans(&[long]), "not traces: these are OTLP metrics"),
        (protobuf_of_spans(&[sum]), "not traces: these are OTLP metrics"),
        (varint_field(7, 1), "not traces: nothing in it is part of an OTLP export request"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(refusal(&bytes), expected);
    }
    // One span is enough to make it a trace request, and a broken span is no log record.
    let mixed = decode(&protobuf_of_spans(&[log, good("n")]));
    assert_eq!((names(&mixed), set_aside(&mixed)), (vec!["n"], vec![("malformed trace id", 1)]));
    let broken = decode(&protobuf_of_spans(&[with(&field(1, b"\xff"))]));
    assert_eq!(set_aside(&broken), [("malformed trace id", 1)]);
}

#[test]
fn one_broken_among_ten_thousand() {
    let mut spans = vec![good("good"); 10_000];
    spans[5_000] = with(&field(2, b"\xff"));
    let decoded = decode(&protobuf_of_spans(&spans));
    assert_eq!(decoded.spans.len(), 9_999);
    assert!(decoded.spans.iter().all(|span| span.name == "good"));
    assert_eq!(set_aside(&decoded), [("malformed span id", 1)]);
}
