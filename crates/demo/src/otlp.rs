//! Spans as the shop's services send them, and what they are on the wire.
//!
//! Only what these services send: no links, no arrays. `opentelemetry-proto` has the wire's messages and both their
//! encodings.

use std::borrow::Cow;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Wire;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
pub(crate) use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{self, ResourceSpans, ScopeSpans, Status};

/// A text that is mostly known when the program is written.
pub(crate) type Text = Cow<'static, str>;

/// An attribute's value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(Text),
    Int(i64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

/// Keys and values, in the order in which they were set.
pub(crate) type Attributes = Vec<(&'static str, Value)>;

/// Sampled, and known whether the parent is remote: what an SDK of today sends with every span.
const FLAGS: u32 = 0x101;

#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// Nanoseconds since the epoch.
    pub(crate) time: i64,
    pub(crate) name: &'static str,
    pub(crate) attributes: Attributes,
}

#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "OTLP's own names")]
pub(crate) struct Span {
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) parent: Option<[u8; 8]>,
    pub(crate) name: Text,
    pub(crate) kind: SpanKind,
    /// Nanoseconds since the epoch.
    pub(crate) start: i64,
    /// Nanoseconds since the epoch.
    pub(crate) end: i64,
    pub(crate) attributes: Attributes,
    pub(crate) events: Vec<Event>,
    /// The message of status `ERROR`; without one the status is unset.
    pub(crate) error: Option<&'static str>,
}

/// The part of a request that is one sender's: `scope` is the name and version of the library that makes its spans.
pub(crate) fn sender(resource: &Attributes, (name, version): (&str, &str)) -> ResourceSpans {
    let scope = InstrumentationScope {
        name: name.to_owned(),
        version: version.to_owned(),
        ..InstrumentationScope::default()
    };
    ResourceSpans {
        resource: Some(Resource { attributes: attributes(resource), ..Resource::default() }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }
}

/// A span on the wire.
pub(crate) fn message(span: &Span) -> v1::Span {
    let event = |event: &Event| v1::span::Event {
        time_unix_nano: event.time.cast_unsigned(),
        name: event.name.to_owned(),
        attributes: attributes(&event.attributes),
        ..v1::span::Event::default()
    };
    let status =
        span.error.map(|message| Status { message: message.to_owned(), code: StatusCode::Error.into() });
    v1::Span {
        trace_id: span.trace_id.to_vec(),
        span_id: span.span_id.to_vec(),
        parent_span_id: span.parent.map(Vec::from).unwrap_or_default(),
        flags: FLAGS,
        name: span.name.to_string(),
        kind: span.kind.into(),
        start_time_unix_nano: span.start.cast_unsigned(),
        end_time_unix_nano: span.end.cast_unsigned(),
        attributes: attributes(&span.attributes),
        events: span.events.iter().map(event).collect(),
        status: Some(status.unwrap_or_default()),
        ..v1::Span::default()
    }
}

fn attributes(attributes: &Attributes) -> Vec<KeyValue> {
    let value = |value: &Value| match value {
        Value::Text(text) => Wire::StringValue(text.to_string()),
        Value::Int(int) => Wire::IntValue(*int),
    };
    let pair = |(key, it): &(&str, Value)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue { value: Some(value(it)) }),
        ..KeyValue::default()
    };
    attributes.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::TracesData;
    use prost::Message as _;

    use super::*;

    /// Spans that have everything that services send.
    fn sample() -> (Span, Span) {
        let root = Span {
            trace_id: [7; 16],
            span_id: [9; 8],
            parent: None,
            name: "POST /login".into(),
            kind: SpanKind::Server,
            start: 1_795_345_491_000_000_001,
            end: 1_795_345_491_200_000_000,
            attributes: vec![("http.route", "/login".into()), ("http.response.status_code", 401.into())],
            events: Vec::new(),
            error: None,
        };
        let child = Span {
            span_id: [10; 8],
            parent: Some([9; 8]),
            name: "a \"quoted\"\nname – ü".to_owned().into(),
            kind: SpanKind::Internal,
            attributes: vec![("negative", (-1).into()), ("empty", "".into())],
            events: vec![Event {
                time: 1_795_345_491_100_000_000,
                name: "exception",
                attributes: vec![("exception.type", "AuthenticationError".into())],
            }],
            error: Some("not signed"),
            ..root.clone()
        };
        (root, child)
    }

    #[test]
    fn both_encodings_are_read_back_as_the_same_spans() {
        let (root, child) = sample();
        let resource = vec![("service.name", "auth-service".into()), ("k8s.pod.name", "auth-1".into())];
        let mut sender = sender(&resource, ("scope", "1.2"));
        sender.scope_spans[0].spans = vec![message(&root), message(&child)];
        let request = TracesData { resource_spans: vec![sender] };
        let limits = fluo_spans::Limits::default();
        let from_json = fluo_spans::decode(&serde_json::to_vec(&request).unwrap(), &limits).unwrap();
        let from_protobuf = fluo_spans::decode(&request.encode_to_vec(), &limits).unwrap();
        assert_eq!(from_json, from_protobuf);
        assert!(from_json.set_aside.is_empty());
        let [read_root, read_child] = &from_json.spans[..] else { panic!("two spans") };
        assert_eq!(read_root.resource.service_name.as_deref(), Some("auth-service"));
        assert_eq!(read_root.scope.name, "scope");
        assert_eq!((read_root.start_ns, read_root.end_ns), (root.start, root.end));
        assert_eq!(read_root.parent_span_id, None);
        assert_eq!(read_root.attributes.get("http.response.status_code"), Some("401"));
        assert_eq!(read_root.status.as_str(), "unset");
        assert_eq!(read_child.parent_span_id, Some([9; 8]));
        assert_eq!(read_child.name, child.name);
        assert_eq!(read_child.kind.as_str(), "internal");
        assert_eq!(read_child.flags, FLAGS);
        assert_eq!(read_child.attributes.get("negative"), Some("-1"));
        assert_eq!(read_child.attributes.get("empty"), Some(""));
        assert_eq!((read_child.status.as_str(), read_child.status_message.as_str()), ("error", "not signed"));
        assert_eq!(read_child.events[0].attributes.get("exception.type"), Some("AuthenticationError"));
    }
}
