//! Requests as sound programs send them, in both encodings of `opentelemetry-proto`.

use fluo_tests::otlp::attribute;
use fluo_tests::otlp::proto::common::v1::any_value::Value;
use fluo_tests::otlp::proto::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use fluo_tests::otlp::proto::resource::v1::Resource;
use fluo_tests::otlp::proto::trace::v1::span::{Event, Link};
use fluo_tests::otlp::proto::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use proptest::prelude::*;

/// A good span.
pub(crate) fn good(name: &str) -> Span {
    Span {
        trace_id: vec![7; 16],
        span_id: vec![9; 8],
        name: name.to_owned(),
        start_time_unix_nano: 1_000,
        end_time_unix_nano: 2_000,
        status: Some(Status::default()),
        ..Span::default()
    }
}

/// A request of one resource and one scope.
pub(crate) fn request(resource: Vec<KeyValue>, spans: Vec<Span>) -> TracesData {
    let scope_spans =
        ScopeSpans { scope: Some(InstrumentationScope::default()), spans, ..ScopeSpans::default() };
    TracesData { resource_spans: vec![resource_spans(resource, vec![scope_spans])] }
}

/// All spans of a request.
pub(crate) fn spans(request: &TracesData) -> impl Iterator<Item = &Span> {
    request.resource_spans.iter().flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans)
}

/// An array of values, some of which may be none.
pub(crate) fn array(elements: impl IntoIterator<Item = Option<Value>>) -> Value {
    let values = elements.into_iter().map(|value| AnyValue { value }).collect();
    Value::ArrayValue(ArrayValue { values })
}

fn resource_spans(attributes: Vec<KeyValue>, scope_spans: Vec<ScopeSpans>) -> ResourceSpans {
    let resource = Some(Resource { attributes, ..Resource::default() });
    ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }
}

/// Any value, or none. Doubles are finite: `opentelemetry-proto` writes others as `null` in JSON, where OTLP has words.
fn any_value() -> impl Strategy<Value = Option<Value>> {
    let leaf = prop_oneof![
        Just(None),
        any::<String>().prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|boolean| Some(Value::BoolValue(boolean))),
        any::<i64>().prop_map(|integer| Some(Value::IntValue(integer))),
        any::<f64>().prop_map(|double| Some(Value::DoubleValue(double))),
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| Some(Value::BytesValue(bytes))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let members = proptest::collection::vec(("[a-c]{0,2}", inner.clone()), 0..4);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(|elements| Some(array(elements))),
            members.prop_map(|members| {
                let values = members.into_iter().map(key_value).collect();
                Some(Value::KvlistValue(KeyValueList { values }))
            }),
        ]
    })
}

fn key_value((key, value): (String, Option<Value>)) -> KeyValue {
    KeyValue { key, value: Some(AnyValue { value }), ..KeyValue::default() }
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let key = prop_oneof!["[a-c]{0,2}", Just("service.name".to_owned()), any::<String>()];
    proptest::collection::vec((key, any_value()).prop_map(key_value), 0..5)
}

fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => proptest::collection::vec(any::<u8>(), length),
        1 => Just(vec![0; length]),
        1 => proptest::collection::vec(any::<u8>(), 0..3),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    (any::<u64>(), any::<String>(), attributes()).prop_map(|(time, name, attributes)| Event {
        time_unix_nano: time >> 1,
        name,
        attributes,
        ..Event::default()
    })
}

fn link() -> impl Strategy<Value = Link> {
    (id(16), id(8), any::<String>(), attributes()).prop_map(|(trace_id, span_id, trace_state, attributes)| {
        Link { trace_id, span_id, trace_state, attributes, ..Link::default() }
    })
}

fn span() -> impl Strategy<Value = Span> {
    (
        (id(16), id(8), prop_oneof![Just(Vec::new()), id(8)], any::<String>(), any::<String>()),
        (0..9, any::<u32>(), any::<u64>(), prop_oneof![Just(0), any::<u64>()]),
        attributes(),
        proptest::collection::vec(event(), 0..3),
        proptest::collection::vec(link(), 0..2),
        proptest::option::weighted(0.9, (0..4, any::<String>())),
        any::<[u32; 3]>(),
    )
        .prop_map(|(ids, (kind, flags, start, end), attributes, events, links, status, dropped)| {
            let (trace_id, span_id, parent_span_id, name, trace_state) = ids;
            Span {
                trace_id,
                span_id,
                parent_span_id,
                name,
                trace_state,
                kind,
                flags,
                // Most ends after most starts, some not; some of both beyond i64.
                start_time_unix_nano: start >> 2,
                end_time_unix_nano: end,
                attributes,
                events,
                links,
                status: status.map(|(code, message)| Status { code, message }),
                dropped_attributes_count: dropped[0],
                dropped_events_count: dropped[1],
                dropped_links_count: dropped[2],
            }
        })
}

/// Any request, with spans of which some must be set aside.
pub(crate) fn requests() -> impl Strategy<Value = TracesData> {
    let scope = (any::<String>(), "[0-9.]{0,4}", attributes()).prop_map(|(name, version, attributes)| {
        InstrumentationScope { name, version, attributes, ..Default::default() }
    });
    let scope_spans = (proptest::option::weighted(0.9, scope), proptest::collection::vec(span(), 0..4))
        .prop_map(|(scope, spans)| ScopeSpans { scope, spans, ..ScopeSpans::default() });
    let resource_spans = (attributes(), proptest::collection::vec(scope_spans, 0..3))
        .prop_map(|(attributes, scope_spans)| resource_spans(attributes, scope_spans));
    proptest::collection::vec(resource_spans, 0..3).prop_map(|resource_spans| TracesData { resource_spans })
}

/// An attribute of text.
pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}
