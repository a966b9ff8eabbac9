//! OTLP as programs send it, written by `opentelemetry-proto`: what fluo's decoder must read is not of our own making.
//!
//! Tests that need one message put it together from [`proto`]; those that need some spans of services say them as
//! [`Span`].

use std::io::Write as _;

pub use opentelemetry_proto::tonic as proto;
use prost::Message as _;
use proto::common::v1::any_value::Value;
use proto::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use proto::resource::v1::Resource;
use proto::trace::v1::span::SpanKind;
use proto::trace::v1::{ResourceSpans, ScopeSpans, Status, TracesData};

/// The value of an attribute: its wire type is the point of many a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Any {
    /// `stringValue`
    Text(String),
    /// `intValue`
    Integer(i64),
}

impl From<&str> for Any {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Any {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

/// A server span of 12 ms without a parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// 16 bytes, where the span is not to be set aside.
    pub trace_id: Vec<u8>,
    /// 8 bytes.
    pub span_id: Vec<u8>,
    /// The resource's `service.name`.
    pub service_name: String,
    /// The work that was done.
    pub name: String,
    /// Nanoseconds since the epoch.
    pub start: u64,
    /// Nanoseconds since the epoch.
    pub end: u64,
    /// In this order.
    pub attributes: Vec<(String, Any)>,
}

impl Span {
    /// A span that is told from others by its number, from which its ids are made. Numbers begin at 1: an id of
    /// zeros is none.
    pub fn new(number: u64, service_name: &str, name: &str, end: u64) -> Self {
        let number = number.to_be_bytes();
        Self {
            trace_id: [[0x5b; 8], number].concat(),
            span_id: number.to_vec(),
            service_name: service_name.to_owned(),
            name: name.to_owned(),
            start: end.saturating_sub(12_000_000),
            end,
            attributes: Vec::new(),
        }
    }

    /// The span with one more attribute.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Any>) -> Self {
        self.attributes.push((key.to_owned(), value.into()));
        self
    }
}

/// The encodings of an object, each as collectors write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// JSON, plain
    Json,
    /// Protobuf, plain
    Protobuf,
    /// JSON, gzip
    GzipJson,
    /// Protobuf, gzip
    GzipProtobuf,
    /// JSON, zstd
    ZstdJson,
    /// Protobuf, zstd
    ZstdProtobuf,
}

impl Encoding {
    /// All there are.
    pub const ALL: [Self; 6] =
        [Self::Json, Self::Protobuf, Self::GzipJson, Self::GzipProtobuf, Self::ZstdJson, Self::ZstdProtobuf];

    /// One request with these spans.
    pub fn write(self, spans: &[Span]) -> Vec<u8> {
        let request = request(spans);
        match self {
            Self::Json => json(&request),
            Self::Protobuf => protobuf(&request),
            Self::GzipJson => gzip(&json(&request)),
            Self::GzipProtobuf => gzip(&protobuf(&request)),
            Self::ZstdJson => zstd(&json(&request)),
            Self::ZstdProtobuf => zstd(&protobuf(&request)),
        }
    }

    /// As the collector's exporter ends a key.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Protobuf => "binpb",
            Self::GzipJson => "json.gz",
            Self::GzipProtobuf => "binpb.gz",
            Self::ZstdJson => "json.zst",
            Self::ZstdProtobuf => "binpb.zst",
        }
    }
}

/// Compressed as gzip.
///
/// # Panics
///
/// Never: writing to memory does not fail.
#[expect(clippy::expect_used, reason = "writing to memory does not fail")]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

#[expect(clippy::expect_used, reason = "writing to memory does not fail")]
fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("memory takes it")
}

/// The request with these spans: neighbours of one service are one resource's. On the wire it is an
/// `ExportTraceServiceRequest`.
pub fn request(spans: &[Span]) -> TracesData {
    let services = spans.chunk_by(|left, right| left.service_name == right.service_name);
    let resource_spans = services.map(|spans| ResourceSpans {
        resource: Some(Resource {
            attributes: vec![attribute("service.name", Value::StringValue(spans[0].service_name.clone()))],
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope::default()),
            spans: spans.iter().map(message).collect(),
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    });
    TracesData { resource_spans: resource_spans.collect() }
}

/// A request as protobuf.
pub fn protobuf(request: &TracesData) -> Vec<u8> {
    request.encode_to_vec()
}

/// A request as JSON: ids in hex, 64-bit numbers as text.
///
/// # Panics
///
/// Never: no message has a key that is no text.
#[expect(clippy::expect_used, reason = "no message has a key that is no text")]
pub fn json(request: &TracesData) -> Vec<u8> {
    serde_json::to_vec(request).expect("a message is JSON")
}

/// An attribute.
pub fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn message(span: &Span) -> proto::trace::v1::Span {
    let value = |value: &Any| match value {
        Any::Text(text) => Value::StringValue(text.clone()),
        Any::Integer(integer) => Value::IntValue(*integer),
    };
    proto::trace::v1::Span {
        trace_id: span.trace_id.clone(),
        span_id: span.span_id.clone(),
        name: span.name.clone(),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: span.start,
        end_time_unix_nano: span.end,
        attributes: span.attributes.iter().map(|(key, it)| attribute(key, value(it))).collect(),
        status: Some(Status::default()),
        ..proto::trace::v1::Span::default()
    }
}
