//! What decoding could not make a span of, counted by reason: nothing is dropped silently.
//!
//! The reasons' texts are part of what users see (`fluo ingest --format json`, the ingest metrics):
//! they never change; a new case gets a new reason.

use std::collections::BTreeMap;
use std::fmt;

/// Why a span (or, where it says so, a whole document) was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// No trace id, or an empty one.
    MissingTraceId,
    /// A trace id that is not 16 bytes, or in JSON neither hex nor base64 of 16 bytes.
    MalformedTraceId,
    /// A trace id of sixteen zero bytes, which W3C trace context calls invalid.
    ZeroTraceId,
    /// No span id, or an empty one.
    MissingSpanId,
    /// A span id that is not 8 bytes, or in JSON neither hex nor base64 of 8 bytes.
    MalformedSpanId,
    /// A span id of eight zero bytes.
    ZeroSpanId,
    /// A parent that is there but is no span id. Missing, empty and all-zero parents mean a root.
    MalformedParentSpanId,
    /// A link whose ids are there but are no ids. (Missing and all-zero ones are allowed: the
    /// specification has links that carry only attributes.)
    MalformedLink,
    /// End time missing or zero: the span has not ended, or its SDK did not say when.
    MissingEnd,
    /// It ended before it started.
    EndBeforeStart,
    /// End time beyond 2262-04-11, the last that 64-bit signed nanoseconds can say.
    EndOutOfRange,
    /// End time too far after the moment at which the object was written.
    EndInFuture,
    /// An event's time beyond 2262-04-11.
    EventTimeOutOfRange,
    /// An attribute's value nested deeper than [`Limits::max_depth`](crate::Limits::max_depth).
    NestedTooDeep,
    /// Anything else wrong inside the span: a value of the wrong type, text that is not UTF-8, a
    /// broken length.
    MalformedSpan,
    /// A span of a resource that could not be read: who sent it is unknown.
    MalformedResource,
    /// A span of an instrumentation scope that could not be read.
    MalformedScope,
    /// A whole document (a line, an array's element, a frame) of another signal, or not of OTLP.
    NotTraces,
    /// A whole document (a line, a frame) among others that is broken, for example cut off.
    UnreadableDocument,
}

impl Reason {
    /// The stable text under which it is counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingTraceId => "missing trace id",
            Self::MalformedTraceId => "malformed trace id",
            Self::ZeroTraceId => "all-zero trace id",
            Self::MissingSpanId => "missing span id",
            Self::MalformedSpanId => "malformed span id",
            Self::ZeroSpanId => "all-zero span id",
            Self::MalformedParentSpanId => "malformed parent span id",
            Self::MalformedLink => "malformed link",
            Self::MissingEnd => "missing end time",
            Self::EndBeforeStart => "end before start",
            Self::EndOutOfRange => "end time out of range",
            Self::EndInFuture => "end time in the future",
            Self::EventTimeOutOfRange => "event time out of range",
            Self::NestedTooDeep => "value nested too deep",
            Self::MalformedSpan => "malformed span",
            Self::MalformedResource => "malformed resource",
            Self::MalformedScope => "malformed scope",
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

/// How many were set aside, by reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetAside(BTreeMap<Reason, u64>);

impl SetAside {
    /// Counts `count` more; none is not an entry.
    pub fn add(&mut self, reason: Reason, count: u64) {
        if count > 0 {
            let total = self.0.entry(reason).or_default();
            *total = total.saturating_add(count);
        }
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (reason, count) in other.iter() {
            self.add(reason, count);
        }
    }

    /// How many of `reason`.
    pub fn get(&self, reason: Reason) -> u64 {
        self.0.get(&reason).copied().unwrap_or(0)
    }

    /// By reason, in a fixed order; every count is above zero.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Reason, u64)> {
        self.0.iter().map(|(reason, count)| (*reason, *count))
    }

    /// How many in all.
    pub fn total(&self) -> u64 {
        self.0.values().fold(0, |total, count| total.saturating_add(*count))
    }

    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_zero_is_no_entry() {
        let mut counts = SetAside::default();
        counts.add(Reason::MissingEnd, 0);
        assert!(counts.is_empty());
        counts.add(Reason::MissingEnd, 2);
        let mut more = SetAside::default();
        more.add(Reason::MissingEnd, 1);
        more.add(Reason::MissingTraceId, 4);
        counts.merge(&more);
        assert_eq!(
            counts.iter().map(|(reason, count)| (reason.as_str(), count)).collect::<Vec<_>>(),
            [("missing trace id", 4), ("missing end time", 3)]
        );
        assert_eq!((counts.total(), counts.get(Reason::MissingEnd)), (7, 3));
    }
}
