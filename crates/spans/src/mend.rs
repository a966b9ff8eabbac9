//! The faults of a span that could be placed all the same, and were repaired or left out.
//!
//! Counted are *spans*, so that the counts can be held against the spans of a file: one whose resource was mended
//! counts like every other span of that resource, and one with two mended values of a kind counts once for the kind.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::BitOrAssign;

use crate::counts::{Counts, Reasoned};
use crate::identity::SpanKey;

/// The faults that were mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mend {
    /// Text with bytes that are not UTF-8: U+FFFD stands for them.
    NotUtf8,
    /// Text with a bare control character or an escape that JSON does not know: both are kept as they stand. In a cell of
    /// a table, text that is no JSON: what was read before it breaks stays.
    NotJsonText,
    /// A value of another type than its field's, read by its meaning: `{"stringValue":7}`.
    OtherType,
    /// A value of another type than its field's that has no meaning there: left out.
    NoMeaning,
    /// A value nested deeper than [`Limits::max_depth`](crate::Limits::max_depth): what lies deeper was left out.
    NestedTooDeep,
    /// A protobuf message inside of the span that breaks off: what was read before stays.
    BreaksOff,
    /// A count or flags that are negative or beyond 32 bits.
    CountOutOfRange,
    /// A kind or status that OTLP does not define: unspecified, unset.
    UnknownEnum,
    /// A parent that is there but is no span id: left out. (Missing, empty and all-zero parents mean a root.)
    MalformedParent,
    /// A start that is missing, zero or no time: it is taken to be the end.
    MissingStart,
    /// A start after the end: it is taken to be the end.
    EndBeforeStart,
    /// A link that is none, or whose ids are there but are no ids: left out. (Missing and all-zero ids are allowed: the
    /// specification has links that carry only attributes.)
    MalformedLink,
    /// An event that is none, or whose time is no time or lies beyond 2262-04-11: left out.
    MalformedEvent,
    /// More attributes in one place than [`Limits::max_items`](crate::Limits::max_items): the others were left out.
    TooManyAttributes,
    /// More events than [`Limits::max_items`](crate::Limits::max_items): the others were left out.
    TooManyEvents,
    /// More links than [`Limits::max_items`](crate::Limits::max_items): the others were left out.
    TooManyLinks,
    /// More than one span may take ([`Limits::max_span_bytes`](crate::Limits::max_span_bytes)): what goes beyond it was
    /// left out.
    SpanTooLarge,
    /// A resource or scope with more text than every one of its spans can repeat
    /// ([`Limits::max_resource_bytes`](crate::Limits::max_resource_bytes)): its longest values were left out.
    ResourceTooLarge,
}

impl Mend {
    /// All there are.
    const ALL: [Self; 18] = [
        Self::NotUtf8,
        Self::NotJsonText,
        Self::OtherType,
        Self::NoMeaning,
        Self::NestedTooDeep,
        Self::BreaksOff,
        Self::CountOutOfRange,
        Self::UnknownEnum,
        Self::MalformedParent,
        Self::MissingStart,
        Self::EndBeforeStart,
        Self::MalformedLink,
        Self::MalformedEvent,
        Self::TooManyAttributes,
        Self::TooManyEvents,
        Self::TooManyLinks,
        Self::SpanTooLarge,
        Self::ResourceTooLarge,
    ];

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl Reasoned for Mend {
    fn as_str(self) -> &'static str {
        match self {
            Self::NotUtf8 => "text that is not UTF-8",
            Self::NotJsonText => "text that is not JSON",
            Self::OtherType => "value of another type",
            Self::NoMeaning => "value without a meaning",
            Self::NestedTooDeep => "value nested too deep",
            Self::BreaksOff => "message that breaks off",
            Self::CountOutOfRange => "count or flags out of range",
            Self::UnknownEnum => "unknown kind or status",
            Self::MalformedParent => "malformed parent span id",
            Self::MissingStart => "missing start time",
            Self::EndBeforeStart => "end before start",
            Self::MalformedLink => "malformed link",
            Self::MalformedEvent => "malformed event",
            Self::TooManyAttributes => "too many attributes",
            Self::TooManyEvents => "too many events",
            Self::TooManyLinks => "too many links",
            Self::SpanTooLarge => "span too large",
            Self::ResourceTooLarge => "resource or scope too large",
        }
    }
}

impl fmt::Display for Mend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Everything that was mended of one span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mends(u32);

impl Mends {
    /// Returns whether it came as it should.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the faults that were mended, each once, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Mend> {
        Mend::ALL.into_iter().filter(move |mend| self.0 & mend.bit() != 0)
    }

    pub(crate) fn note(&mut self, mend: Mend) {
        self.0 |= mend.bit();
    }
}

impl BitOrAssign for Mends {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// The mended ones among spans, by their keys; copies of a span are one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MendedSpans(BTreeMap<SpanKey, Mends>);

impl MendedSpans {
    /// Notes what was mended of a span; nothing is no entry.
    pub fn add(&mut self, key: SpanKey, mends: Mends) {
        if !mends.is_empty() {
            *self.0.entry(key).or_default() |= mends;
        }
    }

    /// The faults of a span that were mended.
    pub fn get(&self, key: &SpanKey) -> Mends {
        self.0.get(key).copied().unwrap_or_default()
    }

    /// The number of spans.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds another's spans.
    pub fn merge(&mut self, other: Self) {
        for (key, mends) in other.0 {
            self.add(key, mends);
        }
    }

    /// Their counts.
    pub fn counts(&self) -> Mended {
        let mut counts = Mended::default();
        for mends in self.0.values() {
            counts.add(*mends);
        }
        counts
    }
}

/// The numbers of spans that were mended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mended {
    /// Spans of which anything was.
    pub spans: u64,
    /// The same spans by reason: one that was mended in two ways counts for both.
    pub reasons: Counts<Mend>,
}

impl Mended {
    /// Counts one more span, if anything was mended of it.
    pub fn add(&mut self, mends: Mends) {
        if !mends.is_empty() {
            self.spans = self.spans.saturating_add(1);
            mends.iter().for_each(|mend| self.reasons.add(mend, 1));
        }
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        self.spans = self.spans.saturating_add(other.spans);
        self.reasons.merge(&other.reasons);
    }

    /// Returns whether nothing was mended.
    pub fn is_empty(&self) -> bool {
        self.spans == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mends(of: &[Mend]) -> Mends {
        let mut mends = Mends::default();
        for mend in of {
            mends.note(*mend);
        }
        mends
    }

    #[test]
    fn every_reason_has_a_bit_and_a_text_of_its_own() {
        let bits = Mend::ALL.iter().fold(0, |bits, mend| bits | mend.bit());
        assert_eq!(bits, (1 << Mend::ALL.len()) - 1, "in the order of the list");
        let mut texts: Vec<&str> = Mend::ALL.iter().map(|mend| mend.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Mend::ALL.len());
    }

    #[test]
    fn spans_count_once_for_each_reason_and_copies_once() {
        let key = |id: u8| ([id; 16], [id; 8], 1);
        let mut spans = MendedSpans::default();
        spans.add(key(1), mends(&[Mend::NotUtf8, Mend::OtherType]));
        spans.add(key(1), mends(&[Mend::NotUtf8, Mend::NoMeaning]));
        spans.add(key(2), mends(&[Mend::NotUtf8]));
        spans.add(key(3), Mends::default());
        let counts = spans.counts();
        assert_eq!(counts.spans, 2);
        assert_eq!(
            counts.reasons.in_words(),
            "2 × text that is not UTF-8, 1 × value of another type, 1 × value without a meaning"
        );
    }
}
