//! One OTLP export request as a collector holds it, and its two encodings.
//!
//! Only what the shop's services send: no links, no arrays. The field numbers and JSON names are those of
//! `opentelemetry/proto/trace/v1/trace.proto`.

mod json;
mod protobuf;

use std::borrow::Cow;

pub(crate) use json::json;
pub(crate) use protobuf::protobuf;

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

/// What a span is in a request; numbers as on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}

/// Status `ERROR` on the wire. The shop's services set no other: 0, unset, is never written.
pub(crate) const STATUS_ERROR: u64 = 2;

/// Sampled, and known whether the parent is remote: what an SDK of today sends with every span.
pub(crate) const FLAGS: u32 = 0x101;

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
    pub(crate) kind: Kind,
    /// Nanoseconds since the epoch.
    pub(crate) start: i64,
    /// Nanoseconds since the epoch.
    pub(crate) end: i64,
    pub(crate) attributes: Attributes,
    pub(crate) events: Vec<Event>,
    /// The message of status `ERROR`; without one the status is unset.
    pub(crate) error: Option<&'static str>,
}

/// Spans of one instrumentation library.
#[derive(Debug)]
pub(crate) struct ScopeSpans<'a> {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) spans: Vec<&'a Span>,
}

/// Spans of one sender.
#[derive(Debug)]
pub(crate) struct ResourceSpans<'a> {
    pub(crate) attributes: Attributes,
    pub(crate) scopes: Vec<ScopeSpans<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request that has everything the encoders know.
    fn sample() -> (Span, Span) {
        let root = Span {
            trace_id: [7; 16],
            span_id: [9; 8],
            parent: None,
            name: "POST /login".into(),
            kind: Kind::Server,
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
            kind: Kind::Internal,
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
        let request = [ResourceSpans {
            attributes: vec![("service.name", "auth-service".into()), ("k8s.pod.name", "auth-1".into())],
            scopes: vec![ScopeSpans { name: "scope", version: "1.2", spans: vec![&root, &child] }],
        }];
        let limits = fluo_spans::Limits::default();
        let from_json = fluo_spans::decode(json(&request).as_bytes(), &limits).unwrap();
        let from_protobuf = fluo_spans::decode(&protobuf(&request), &limits).unwrap();
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
