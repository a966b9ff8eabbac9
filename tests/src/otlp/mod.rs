//! OTLP as a program would send it: a few spans, written by hand in each encoding.
//!
//! Independent of the decoder under test: the protobuf is put together field by field from the public schema
//! (`opentelemetry/proto/trace/v1/trace.proto`), the JSON follows its mapping.

mod json;
mod protobuf;

use std::io::Write as _;

pub use json::json;
pub use protobuf::protobuf;

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
    /// What was done.
    pub name: String,
    /// Nanoseconds since the epoch.
    pub start: u64,
    /// Nanoseconds since the epoch.
    pub end: u64,
    /// In this order.
    pub attributes: Vec<(String, Any)>,
}

/// `SPAN_KIND_SERVER`
const SERVER: u8 = 2;

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

/// How an object is encoded: each as collectors write it.
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

    /// One `ExportTraceServiceRequest` with these spans.
    pub fn write(self, spans: &[Span]) -> Vec<u8> {
        match self {
            Self::Json => json(spans),
            Self::Protobuf => protobuf(spans),
            Self::GzipJson => gzip(&json(spans)),
            Self::GzipProtobuf => gzip(&protobuf(spans)),
            Self::ZstdJson => zstd(&json(spans)),
            Self::ZstdProtobuf => zstd(&protobuf(spans)),
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

/// Spans side by side that come from one resource.
fn by_resource(spans: &[Span]) -> impl Iterator<Item = &[Span]> {
    spans.chunk_by(|left, right| left.service_name == right.service_name)
}
