//! Laws: both encodings of any request are the same spans; no bytes make the decoder panic, hang, or
//! grow; every span that goes in comes out or is counted.

use fluo_spans::{Decoded, Limits};
use fluo_tests::otlp::proto::trace::v1::TracesData;
use fluo_tests::otlp::{json, protobuf};
use proptest::prelude::*;
use serde_json::Value;

use super::requests::{requests, spans};
use super::samples::fixture;

fn limits() -> Limits {
    Limits { max_bytes: 1 << 20, ..Limits::default() }
}

fn decoded(bytes: &[u8]) -> Decoded {
    fluo_spans::decode(bytes, &limits()).unwrap()
}

fn count(request: &TracesData) -> u64 {
    spans(request).count() as u64
}

fn samples() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        "plain_auth_401.pb",
        "plain_auth_401.otlp.json",
        "flask_old_semconv.pb",
        "collector/file/file_exporter.json",
        "collector/file/file_exporter.binpb",
        "collector/file/file_exporter.json.zst-framed",
    ])
    .prop_map(fixture)
}

/// Stands for a byte that is not UTF-8.
const MARK: &str = "NOT-UTF-8";

/// The values that a value may turn into.
const DAMAGES: &[&str] = &[
    "null",
    "true",
    "-1",
    "1.5",
    "7",
    "1e30",
    "\"\"",
    "\"x\"",
    "\"NOT-UTF-8\"",
    "[]",
    "{}",
    "[[1]]",
    "{\"a\":{\"b\":[]}}",
    "{\"stringValue\":7}",
    "{\"intValue\":1.5}",
    "{\"boolValue\":\"true\"}",
    "{\"key\":[],\"value\":[]}",
];

/// The request with spans of which all can be placed, each with an id of its own.
fn placed(mut request: TracesData) -> TracesData {
    let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    let spans = scopes.flat_map(|scope| &mut scope.spans);
    for (number, span) in (1_u64..).zip(spans) {
        span.trace_id = vec![7; 16];
        span.span_id = number.to_be_bytes().to_vec();
        span.end_time_unix_nano = 1_000_000_000;
    }
    request
}

/// The JSON pointers of all values below a value.
fn walk(value: &Value, pointer: &str, nodes: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Array(elements) => {
            elements.iter().enumerate().map(|(at, element)| (at.to_string(), element)).collect()
        }
        Value::Object(members) => members.iter().map(|(key, member)| (key.clone(), member)).collect(),
        _ => Vec::new(),
    };
    for (key, value) in below {
        let pointer = format!("{pointer}/{key}");
        walk(value, &pointer, nodes);
        nodes.push(pointer);
    }
}

/// The ids of the spans that stand in a node of the structure, or that the node is to place.
fn ids_that_may_go(text: &Value, node: &str) -> Vec<Vec<u8>> {
    let parts: Vec<&str> = node.split('/').collect();
    // /resourceSpans/0/scopeSpans/0/spans/0/traceId
    let is_structure = parts.len() <= 7
        && parts.get(3).is_none_or(|part| *part == "scopeSpans")
        && parts.get(5).is_none_or(|part| *part == "spans");
    let places = parts.len() == 8 && matches!(parts[7], "traceId" | "spanId" | "endTimeUnixNano");
    let within = match (is_structure, places) {
        (true, _) => node.to_owned(),
        (_, true) => parts[..7].join("/"),
        _ => return Vec::new(),
    };
    let mut nodes = Vec::new();
    walk(&text["resourceSpans"], "/resourceSpans", &mut nodes);
    let ids = nodes.iter().filter(|pointer| {
        let depth = pointer.split('/').count();
        depth == 8 && pointer.ends_with("/spanId") && pointer.starts_with(&within)
    });
    ids.map(|pointer| {
        let hex = text.pointer(pointer).and_then(Value::as_str).unwrap();
        u64::from_str_radix(hex, 16).unwrap().to_be_bytes().to_vec()
    })
    .collect()
}

/// A field's value in every wire type.
#[derive(Debug, Clone)]
enum Wire {
    Varint(u64),
    Fixed64(u64),
    Bytes(Vec<u8>),
    Fixed32(u32),
    Group,
}

impl Wire {
    fn field(&self, number: u32) -> Vec<u8> {
        use super::wire::{field, fixed64, varint, varint_field};
        let tagged = |wire_type: u64, rest: &[u8]| {
            let mut out = Vec::new();
            varint(u64::from(number) << 3 | wire_type, &mut out);
            out.extend(rest);
            out
        };
        match self {
            Self::Varint(value) => varint_field(number, *value),
            Self::Fixed64(value) => fixed64(number, *value),
            Self::Bytes(bytes) => field(number, bytes),
            Self::Fixed32(value) => tagged(5, &value.to_le_bytes()),
            Self::Group => [tagged(3, &[]), tagged(4, &[])].concat(),
        }
    }
}

fn wires() -> impl Strategy<Value = Wire> {
    prop_oneof![
        any::<u64>().prop_map(Wire::Varint),
        any::<u64>().prop_map(Wire::Fixed64),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(Wire::Bytes),
        any::<u32>().prop_map(Wire::Fixed32),
        Just(Wire::Group),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn both_encodings_of_a_request_are_the_same_spans(request in requests()) {
        let from_protobuf = decoded(&protobuf(&request));
        let from_json = decoded(&json(&request));
        prop_assert_eq!(&from_protobuf, &from_json);
        prop_assert_eq!(from_json.spans.len() as u64 + from_json.set_aside.total(), count(&request));
    }

    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = fluo_spans::decode(&bytes, &limits());
    }

    #[test]
    fn any_json_like_text_is_judged(text in "[\\[\\]{}\":,0-9a-z\\\\ \n]{0,80}") {
        let _ = fluo_spans::decode(text.as_bytes(), &limits());
        let spans = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{text}]}}]}}]}}"#);
        let _ = fluo_spans::decode(spans.as_bytes(), &limits());
    }

    #[test]
    fn mutated_samples_are_judged(
        mut bytes in samples(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(decoded) = fluo_spans::decode(&bytes, &limits()) {
            for span in &decoded.spans {
                prop_assert!(span.end_ns > 0 && span.start_ns <= span.end_ns);
                prop_assert!(span.trace_id != [0; 16] && span.span_id != [0; 8]);
            }
        }
    }

    #[test]
    fn a_cut_off_request_is_never_taken_for_a_whole_one(request in requests(), cut in any::<prop::sample::Index>()) {
        for bytes in [protobuf(&request), json(&request)] {
            let cut = &bytes[..cut.index(bytes.len() + 1)];
            if let Ok(read) = fluo_spans::decode(cut, &limits()) {
                // Only at a boundary between resources, or before the first byte.
                prop_assert!(read.spans.len() as u64 + read.set_aside.total() <= count(&request));
                prop_assert!(cut.is_empty() || cut.len() == bytes.len() || cut[0] == 0x0a);
            }
        }
    }

    #[test]
    fn a_damaged_value_costs_no_span_that_can_be_placed(
        request in requests(),
        at in any::<prop::sample::Index>(),
        damage in prop::sample::select(DAMAGES),
    ) {
        let request = placed(request);
        let mut text: Value = serde_json::from_slice(&json(&request)).unwrap();
        let mut nodes = Vec::new();
        walk(&text["resourceSpans"], "/resourceSpans", &mut nodes);
        prop_assume!(!nodes.is_empty());
        let node = &nodes[at.index(nodes.len())];
        let lost = ids_that_may_go(&text, node);
        *text.pointer_mut(node).unwrap() = serde_json::from_str(damage).unwrap();
        let bytes = text.to_string().replace(MARK, "\u{7f}").into_bytes();
        // What no string of Rust's holds.
        let bytes: Vec<u8> = bytes.into_iter().map(|byte| if byte == 0x7f { 0xff } else { byte }).collect();
        let read = match fluo_spans::decode(&bytes, &limits()) {
            Ok(decoded) => decoded.spans,
            // Of a request without any span, a structure that is none is the request's fault.
            Err(_) => Vec::new(),
        };
        for span in spans(&request) {
            let is_there = read.iter().any(|read| read.span_id[..] == span.span_id[..]);
            prop_assert!(is_there || lost.contains(&span.span_id), "{node}: {}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn fields_of_any_wire_type_cost_no_span_but_for_what_places_it(
        fields in proptest::collection::vec((prop::sample::select(vec![3_u32, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 99]), wires()), 0..8),
    ) {
        use super::wire::{good, protobuf_of_spans};
        let more: Vec<u8> = fields.iter().flat_map(|(number, wire)| wire.field(*number)).collect();
        let read = decoded(&protobuf_of_spans(&[good("before"), [good("case"), more].concat(), good("after")]));
        prop_assert_eq!((read.spans.len(), read.set_aside.total()), (3, 0));
    }

    #[test]
    fn a_changed_span_costs_no_neighbour(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        use super::wire::{good, protobuf_of_spans};
        let mut changed = good("changed");
        let at = at.index(changed.len());
        changed[at] = byte;
        let read = decoded(&protobuf_of_spans(&[good("before"), changed, good("after")]));
        prop_assert_eq!(read.spans.len() as u64 + read.set_aside.total(), 3);
        prop_assert_eq!(read.spans.first().map(|span| span.name.as_str()), Some("before"));
        prop_assert_eq!(read.spans.last().map(|span| span.name.as_str()), Some("after"));
    }
}
