//! One span, once: among *matching* spans, those that agree in trace id, span id and end are one span, and if
//! they differ otherwise the one whose canonical text hashes smaller is it.

use std::collections::BTreeMap;

use fluo_spans::span::Span;

use super::terms::{Givens, SpanKey};

/// Returns what makes a span one span.
pub(super) fn key(span: &Span) -> SpanKey {
    (span.trace_id, span.span_id, span.end_ns)
}

/// One of each, in the order of their keys.
pub(super) fn one_of_each<'a>(matching: &[&'a Span], givens: Givens<'_>) -> Vec<&'a Span> {
    let mut kept: BTreeMap<SpanKey, &Span> = BTreeMap::new();
    for span in matching {
        kept.entry(key(span))
            .and_modify(|winner| {
                if (givens.hash)(span) < (givens.hash)(winner) {
                    *winner = span;
                }
            })
            .or_insert(span);
    }
    kept.into_values().collect()
}
