//! A model of a request, and its two encodings, written independently of the decoder.
//!
//! The JSON is the collector's dialect (defaults omitted, 64-bit numbers as text); the protobuf is
//! written field by field from the public schema.

use std::fmt::Write as _;

use base64::Engine as _;
use proptest::prelude::*;

#[derive(Debug, Clone)]
pub(crate) enum Any {
    Empty,
    Text(String),
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Bytes(Vec<u8>),
    Array(Vec<Any>),
    Map(Vec<(String, Any)>),
}

pub(crate) type Attributes = Vec<(String, Any)>;

#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_field_names, reason = "OTLP's own names")]
pub(crate) struct Span {
    pub(crate) trace_id: Vec<u8>,
    pub(crate) span_id: Vec<u8>,
    pub(crate) parent: Vec<u8>,
    pub(crate) name: String,
    pub(crate) trace_state: String,
    pub(crate) kind: u8,
    pub(crate) flags: u32,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) attributes: Attributes,
    pub(crate) events: Vec<(u64, String, Attributes)>,
    pub(crate) links: Vec<(Vec<u8>, Vec<u8>, Attributes)>,
    pub(crate) status: (u8, String),
    pub(crate) dropped: [u32; 3],
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) attributes: Attributes,
    pub(crate) spans: Vec<Span>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Resource {
    pub(crate) attributes: Attributes,
    pub(crate) scopes: Vec<Scope>,
}

impl Span {
    /// A good one.
    pub(crate) fn good(name: &str) -> Self {
        Self {
            trace_id: vec![7; 16],
            span_id: vec![9; 8],
            name: name.to_owned(),
            start: 1_000,
            end: 2_000,
            ..Self::default()
        }
    }
}

pub(crate) fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// A length-delimited field.
pub(crate) fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(u64::from(number) << 3 | 2, &mut out);
    varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

pub(crate) fn varint_field(number: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(u64::from(number) << 3, &mut out);
    varint(value, &mut out);
    out
}

pub(crate) fn fixed64(number: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(u64::from(number) << 3 | 1, &mut out);
    out.extend(value.to_le_bytes());
    out
}

pub(crate) fn any_protobuf(any: &Any) -> Vec<u8> {
    match any {
        Any::Empty => Vec::new(),
        Any::Text(text) => field(1, text.as_bytes()),
        Any::Boolean(boolean) => varint_field(2, u64::from(*boolean)),
        Any::Integer(integer) => varint_field(3, integer.cast_unsigned()),
        Any::Double(double) => fixed64(4, double.to_bits()),
        Any::Array(elements) => field(
            5,
            &elements.iter().flat_map(|element| field(1, &any_protobuf(element))).collect::<Vec<_>>(),
        ),
        Any::Map(members) => field(6, &attributes_protobuf(1, members)),
        Any::Bytes(bytes) => field(7, bytes),
    }
}

fn attributes_protobuf(number: u32, attributes: &[(String, Any)]) -> Vec<u8> {
    let pair = |(key, value): &(String, Any)| {
        field(number, &[field(1, key.as_bytes()), field(2, &any_protobuf(value))].concat())
    };
    attributes.iter().flat_map(pair).collect()
}

pub(crate) fn span_protobuf(span: &Span) -> Vec<u8> {
    let mut out = [
        field(1, &span.trace_id),
        field(2, &span.span_id),
        field(3, span.trace_state.as_bytes()),
        field(4, &span.parent),
        field(5, span.name.as_bytes()),
        varint_field(6, span.kind.into()),
        fixed64(7, span.start),
        fixed64(8, span.end),
        attributes_protobuf(9, &span.attributes),
        varint_field(10, span.dropped[0].into()),
        varint_field(12, span.dropped[1].into()),
        varint_field(14, span.dropped[2].into()),
        field(15, &[field(2, span.status.1.as_bytes()), varint_field(3, span.status.0.into())].concat()),
    ]
    .concat();
    for (time, name, attributes) in &span.events {
        let event = [fixed64(1, *time), field(2, name.as_bytes()), attributes_protobuf(3, attributes)];
        out.extend(field(11, &event.concat()));
    }
    for (trace_id, span_id, attributes) in &span.links {
        let link = [field(1, trace_id), field(2, span_id), attributes_protobuf(4, attributes)];
        out.extend(field(13, &link.concat()));
    }
    out.extend([0x85, 0x01]);
    out.extend(span.flags.to_le_bytes());
    out
}

pub(crate) fn protobuf(resources: &[Resource]) -> Vec<u8> {
    let mut out = Vec::new();
    for resource in resources {
        let mut body = field(1, &attributes_protobuf(1, &resource.attributes));
        for scope in &resource.scopes {
            let head = [
                field(1, scope.name.as_bytes()),
                field(2, scope.version.as_bytes()),
                attributes_protobuf(3, &scope.attributes),
            ];
            let mut scope_spans = field(1, &head.concat());
            scope_spans.extend(scope.spans.iter().flat_map(|span| field(2, &span_protobuf(span))));
            body.extend(field(2, &scope_spans));
        }
        out.extend(field(1, &body));
    }
    out
}

/// A request with one resource, one scope and these span messages.
pub(crate) fn protobuf_of_spans(spans: &[Vec<u8>]) -> Vec<u8> {
    let spans: Vec<u8> = spans.iter().flat_map(|span| field(2, span)).collect();
    field(1, &field(2, &spans))
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

fn list<T>(items: &[T], one: impl Fn(&T) -> String) -> String {
    format!("[{}]", items.iter().map(one).collect::<Vec<_>>().join(","))
}

pub(crate) fn any_json(any: &Any) -> String {
    match any {
        Any::Empty => "{}".to_owned(),
        Any::Text(text) => format!(r#"{{"stringValue":{}}}"#, quoted(text)),
        Any::Boolean(boolean) => format!(r#"{{"boolValue":{boolean}}}"#),
        Any::Integer(integer) => format!(r#"{{"intValue":"{integer}"}}"#),
        Any::Double(double) if double.is_nan() => r#"{"doubleValue":"NaN"}"#.to_owned(),
        Any::Double(double) if *double == f64::INFINITY => r#"{"doubleValue":"Infinity"}"#.to_owned(),
        Any::Double(double) if double.is_infinite() => r#"{"doubleValue":"-Infinity"}"#.to_owned(),
        Any::Double(double) => format!(r#"{{"doubleValue":{double:?}}}"#),
        Any::Bytes(bytes) => {
            format!(r#"{{"bytesValue":"{}"}}"#, base64::engine::general_purpose::STANDARD.encode(bytes))
        }
        Any::Array(elements) if elements.is_empty() => r#"{"arrayValue":{}}"#.to_owned(),
        Any::Array(elements) => format!(r#"{{"arrayValue":{{"values":{}}}}}"#, list(elements, any_json)),
        Any::Map(members) => format!(r#"{{"kvlistValue":{{"values":{}}}}}"#, attributes_json(members)),
    }
}

fn attributes_json(attributes: &[(String, Any)]) -> String {
    list(attributes, |(key, value)| format!(r#"{{"key":{},"value":{}}}"#, quoted(key), any_json(value)))
}

pub(crate) fn span_json(span: &Span) -> String {
    let events = list(&span.events, |(time, name, attributes)| {
        format!(
            r#"{{"timeUnixNano":"{time}","name":{},"attributes":{}}}"#,
            quoted(name),
            attributes_json(attributes)
        )
    });
    let links = list(&span.links, |(trace_id, span_id, attributes)| {
        format!(
            r#"{{"traceId":"{}","spanId":"{}","attributes":{}}}"#,
            hex(trace_id),
            hex(span_id),
            attributes_json(attributes)
        )
    });
    format!(
        r#"{{"traceId":"{}","spanId":"{}","parentSpanId":"{}","traceState":{},"name":{},"kind":{},"flags":{},
"startTimeUnixNano":"{}","endTimeUnixNano":"{}","attributes":{},"events":{events},"links":{links},
"status":{{"code":{},"message":{}}},
"droppedAttributesCount":{},"droppedEventsCount":{},"droppedLinksCount":{}}}"#,
        hex(&span.trace_id),
        hex(&span.span_id),
        hex(&span.parent),
        quoted(&span.trace_state),
        quoted(&span.name),
        span.kind,
        span.flags,
        span.start,
        span.end,
        attributes_json(&span.attributes),
        span.status.0,
        quoted(&span.status.1),
        span.dropped[0],
        span.dropped[1],
        span.dropped[2],
    )
}

pub(crate) fn json(resources: &[Resource]) -> String {
    let scope = |scope: &Scope| {
        format!(
            r#"{{"scope":{{"name":{},"version":{},"attributes":{}}},"spans":{}}}"#,
            quoted(&scope.name),
            quoted(&scope.version),
            attributes_json(&scope.attributes),
            list(&scope.spans, span_json)
        )
    };
    let resource = |resource: &Resource| {
        format!(
            r#"{{"resource":{{"attributes":{}}},"scopeSpans":{}}}"#,
            attributes_json(&resource.attributes),
            list(&resource.scopes, scope)
        )
    };
    format!(r#"{{"resourceSpans":{}}}"#, list(resources, resource))
}

fn any_value() -> impl Strategy<Value = Any> {
    let leaf = prop_oneof![
        Just(Any::Empty),
        any::<String>().prop_map(Any::Text),
        any::<bool>().prop_map(Any::Boolean),
        any::<i64>().prop_map(Any::Integer),
        any::<f64>().prop_map(Any::Double),
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(Any::Bytes),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Any::Array),
            proptest::collection::vec(("[a-c]{0,2}", inner), 0..4).prop_map(Any::Map),
        ]
    })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let key = prop_oneof!["[a-c]{0,2}", Just("service.name".to_owned()), any::<String>()];
    proptest::collection::vec((key, any_value()), 0..5)
}

fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => proptest::collection::vec(any::<u8>(), length),
        1 => Just(vec![0; length]),
        1 => proptest::collection::vec(any::<u8>(), 0..3),
    ]
}

fn span() -> impl Strategy<Value = Span> {
    let event = (any::<u64>().prop_map(|time| time >> 1), any::<String>(), attributes());
    let link = (id(16), id(8), attributes());
    (
        (id(16), id(8), prop_oneof![Just(Vec::new()), id(8)], any::<String>(), any::<String>()),
        (0_u8..9, any::<u32>(), any::<u64>(), prop_oneof![Just(0), any::<u64>()]),
        attributes(),
        proptest::collection::vec(event, 0..3),
        proptest::collection::vec(link, 0..2),
        (0_u8..4, any::<String>()),
        any::<[u32; 3]>(),
    )
        .prop_map(|(ids, (kind, flags, start, end), attributes, events, links, status, dropped)| {
            let (trace_id, span_id, parent, name, trace_state) = ids;
            // Most ends after most starts, some not; some of both beyond i64.
            let start = start >> 2;
            Span {
                trace_id,
                span_id,
                parent,
                name,
                trace_state,
                kind,
                flags,
                start,
                end,
                attributes,
                events,
                links,
                status,
                dropped,
            }
        })
}

/// Any request, with spans of which some must be set aside.
pub(crate) fn requests() -> impl Strategy<Value = Vec<Resource>> {
    let scope = (any::<String>(), "[0-9.]{0,4}", attributes(), proptest::collection::vec(span(), 0..4))
        .prop_map(|(name, version, attributes, spans)| Scope { name, version, attributes, spans });
    let resource = (attributes(), proptest::collection::vec(scope, 0..3))
        .prop_map(|(attributes, scopes)| Resource { attributes, scopes });
    proptest::collection::vec(resource, 0..3)
}
