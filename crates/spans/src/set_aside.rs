//! The reasons why spans could not be placed, and so are in no data file: counted, since nothing is dropped silently.
//!
//! A span is set aside only if nobody can say what it is (its ids) or when it ended. Everything else that may be wrong
//! with it costs only itself and is [mended](crate::mend).

use std::fmt;

use crate::counts::{Counts, Reasoned};

/// The reason why a span (or, where it says so, something larger) was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// No trace id, or an empty one.
    MissingTraceId,
    /// A trace id that is not 16 bytes, nor hex or base64 of 16 bytes.
    MalformedTraceId,
    /// A trace id of sixteen zero bytes, which W3C trace context calls invalid.
    ZeroTraceId,
    /// No span id, or an empty one.
    MissingSpanId,
    /// A span id that is not 8 bytes, nor hex or base64 of 8 bytes.
    MalformedSpanId,
    /// A span id of eight zero bytes.
    ZeroSpanId,
    /// End time missing or zero: the span has not ended, or its SDK did not say when.
    MissingEnd,
    /// End time that is no number, or a negative one.
    MalformedEnd,
    /// End time beyond 2262-04-11, the last that 64-bit signed nanoseconds can say.
    EndOutOfRange,
    /// End time too far after the moment at which the object was written: a clock that is that wrong would put the span
    /// before every watermark.
    EndInFuture,
    /// The value in the place of a span is none, or breaks off before its ids and its end.
    MalformedSpan,
    /// A part of an object in which spans may have stood, nobody knows how many: a list that is none, a message of
    /// resource or scope spans that breaks off.
    UnreadablePart,
    /// A whole document (a line, an array's element, a frame) among others that has nothing to do with OTLP.
    NotTraces,
    /// A whole document (a line, a frame) among others that is broken, for example cut off.
    UnreadableDocument,
}

impl Reasoned for Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::MissingTraceId => "missing trace id",
            Self::MalformedTraceId => "malformed trace id",
            Self::ZeroTraceId => "all-zero trace id",
            Self::MissingSpanId => "missing span id",
            Self::MalformedSpanId => "malformed span id",
            Self::ZeroSpanId => "all-zero span id",
            Self::MissingEnd => "missing end time",
            Self::MalformedEnd => "malformed end time",
            Self::EndOutOfRange => "end time out of range",
            Self::EndInFuture => "end time in the future",
            Self::MalformedSpan => "malformed span",
            Self::UnreadablePart => "unreadable part",
            Self::NotTraces => "not traces",
            Self::UnreadableDocument => "unreadable document",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The numbers of what was set aside, by reason.
pub type SetAside = Counts<Reason>;
