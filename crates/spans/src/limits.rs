//! Bounds that keep one sender from taking the machine: counted in what things cost in memory as they are built, not in
//! the bytes that they came in. Two bytes of protobuf are an event of a hundred.
//!
//! Of one span, resource or attribute, what goes beyond a bound is left out and [mended](crate::mend); the bounds
//! depend on nothing but the span itself, so that a copy of it in another object is the same span. Of a whole object,
//! what goes beyond a bound is a [`DecodeError`](crate::DecodeError).

/// The limits of an object and of each of its spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes that an object may decompress to, over all frames. Default 256 MiB.
    pub max_bytes: u64,
    /// Most bytes that all spans of an object may take together, each with the text of its resource and scope, which
    /// columns repeat. They are never there at once: this bounds the work that they make. Default 4 GiB.
    pub max_object_cost: u64,
    /// Most bytes that one span may take, without its resource and scope. Default 16 MiB: more than a collector's
    /// receiver lets through in one request over gRPC (4 MiB).
    pub max_span_bytes: usize,
    /// Most bytes of text of one resource or scope. Default 64 KiB: every span repeats it.
    pub max_resource_bytes: usize,
    /// Most events and links of one span, and attributes in one place. Default 8,192: 64 times what SDKs keep.
    pub max_items: usize,
    /// The deepest nesting of arrays and maps in an attribute's value. Default 64; values above 100 count as
    /// 100, which is what [`text::array`](crate::text::array) is sure to read back.
    pub max_depth: usize,
    /// The latest end of a span, in nanoseconds since the epoch: later ones are set aside. Default: any.
    pub latest_end_ns: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 256 << 20,
            max_object_cost: 4 << 30,
            max_span_bytes: 16 << 20,
            max_resource_bytes: 64 << 10,
            max_items: 8_192,
            max_depth: 64,
            latest_end_ns: i64::MAX,
        }
    }
}

impl Limits {
    pub(crate) fn depth(&self) -> usize {
        self.max_depth.min(100)
    }
}
