//! The spans of a trace, each once.

use std::collections::BTreeMap;

use fluo_spans::span::Span;

use crate::reference::copies;
use crate::reference::terms::{Givens, SpanKey};

/// A span of a trace, however often it is stored. Times are `i128`, as those of windows.
pub(super) struct Member<'a> {
    /// All of its copies.
    pub(super) copies: Vec<&'a Span>,
    /// The copy that its fields are of.
    pub(super) fields: &'a Span,
    /// The start of the copy that starts first.
    pub(super) start: i128,
    /// The end, which all copies share.
    pub(super) end: i128,
    /// The parent of the first copy that has one.
    pub(super) parent: Option<[u8; 8]>,
}

impl<'a> Member<'a> {
    fn of(copies: Vec<&'a Span>, givens: Givens<'_>) -> Option<Self> {
        let fields = copies.iter().copied().min_by_key(|copy| (givens.hash)(copy))?;
        let start = copies.iter().map(|copy| copy.start_ns).min()?;
        let parents = copies.iter().filter_map(|copy| Some((copy.start_ns, copy.parent_span_id?)));
        let parent = parents.min().map(|(_, parent)| parent);
        Some(Self { fields, start: i128::from(start), end: i128::from(fields.end_ns), parent, copies })
    }

    pub(super) fn key(&self) -> SpanKey {
        copies::key(self.fields)
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    /// The order of spans in which the first of several is found: by start, end and id.
    pub(super) fn place(&self) -> (i128, i128, [u8; 8]) {
        (self.start, self.end, self.fields.span_id)
    }
}

/// The spans of each trace, by trace.
pub(super) fn by_trace<'a>(spans: &[&'a Span], givens: Givens<'_>) -> Vec<Vec<Member<'a>>> {
    let mut copies: BTreeMap<SpanKey, Vec<&Span>> = BTreeMap::new();
    for span in spans {
        copies.entry(copies::key(span)).or_default().push(span);
    }
    let mut traces: BTreeMap<[u8; 16], Vec<Member<'a>>> = BTreeMap::new();
    for ((trace, ..), copies) in copies {
        traces.entry(trace).or_default().extend(Member::of(copies, givens));
    }
    traces.into_values().collect()
}
