//! The spans of a trace as a waterfall: each behind its parent, those of one parent by start.

use std::collections::{BTreeMap, BTreeSet};

use fluo_alerts::violation::Evidence;
use fluo_report::model::{Trace, TraceSpan};

/// A span, and the one above it.
pub(super) struct Related {
    pub(super) span: TraceSpan,
    pub(super) parent: Option<String>,
}

/// Returns the spans of a trace in the order of a waterfall. A span whose parent is not among them stands as one without.
pub(super) fn waterfall(mut spans: Vec<Related>, left_out: usize) -> Trace {
    spans.sort_by(|one, other| {
        let key = |related: &Related| (related.span.start, related.span.end);
        key(one).cmp(&key(other)).then_with(|| one.span.span_id.cmp(&other.span.span_id))
    });
    let mut children: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    let places: BTreeMap<&str, usize> =
        spans.iter().enumerate().rev().map(|(at, related)| (related.span.span_id.as_str(), at)).collect();
    for (at, related) in spans.iter().enumerate() {
        let parent = related.parent.as_deref().and_then(|parent| places.get(parent).copied());
        children.entry(parent.filter(|parent| *parent != at)).or_default().push(at);
    }
    let mut placed = BTreeSet::new();
    // The places of spans, with their depths.
    let mut order: Vec<(usize, usize)> = Vec::new();
    let mut ahead: Vec<(usize, usize)> =
        children.get(&None).into_iter().flatten().rev().map(|at| (*at, 0)).collect();
    let mut circled = 0..spans.len();
    loop {
        while let Some((at, depth)) = ahead.pop() {
            if !placed.insert(at) {
                continue;
            }
            order.push((at, depth));
            ahead
                .extend(children.get(&Some(at)).into_iter().flatten().rev().map(|child| (*child, depth + 1)));
        }
        // Ids that go round in a circle have no first.
        let Some(next) = circled.find(|at| !placed.contains(at)) else { break };
        ahead.push((next, 0));
    }
    let mut by_place: BTreeMap<usize, TraceSpan> =
        spans.into_iter().map(|related| related.span).enumerate().collect();
    let in_order =
        order.into_iter().filter_map(|(at, depth)| Some(TraceSpan { depth, ..by_place.remove(&at)? }));
    Trace { spans: in_order.collect(), left_out }
}

/// Returns the traces of which evidence is, as far as the evidence goes: nothing says which span is above which.
pub(super) fn of_evidence<'a>(evidence: impl Iterator<Item = &'a Evidence>) -> BTreeMap<String, Trace> {
    let mut traces: BTreeMap<String, BTreeMap<&str, Related>> = BTreeMap::new();
    for span in evidence {
        let shown = TraceSpan {
            span_id: span.span_id.clone(),
            depth: 0,
            service_name: span.service_name.clone(),
            name: span.name.clone(),
            start: span.end_time.saturating_sub(span.duration_ns),
            end: span.end_time,
            is_error: span.status.as_deref() == Some("error"),
        };
        let of_trace = traces.entry(span.trace_id.clone()).or_default();
        of_trace.entry(&span.span_id).or_insert(Related { span: shown, parent: None });
    }
    traces.into_iter().map(|(id, spans)| (id, waterfall(spans.into_values().collect(), 0))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn related(id: &str, parent: Option<&str>, start: i64) -> Related {
        let span = TraceSpan {
            span_id: id.to_owned(),
            depth: 0,
            service_name: None,
            name: id.to_owned(),
            start,
            end: start + 10,
            is_error: false,
        };
        Related { span, parent: parent.map(str::to_owned) }
    }

    #[test]
    fn each_span_stands_behind_its_parent() {
        for (scenario, spans, expected) in [
            (
                "a tree",
                vec![
                    related("d", Some("a"), 8),
                    related("c", Some("b"), 3),
                    related("b", Some("a"), 1),
                    related("a", None, 0),
                ],
                vec![("a", 0), ("b", 1), ("c", 2), ("d", 1)],
            ),
            ("a parent that is not known", vec![related("b", Some("x"), 1)], vec![("b", 0)]),
            (
                "a circle",
                vec![related("a", Some("b"), 0), related("b", Some("a"), 1)],
                vec![("a", 0), ("b", 1)],
            ),
            ("its own parent", vec![related("a", Some("a"), 0)], vec![("a", 0)]),
        ] {
            let trace = waterfall(spans, 0);
            let found: Vec<_> = trace.spans.iter().map(|span| (span.name.as_str(), span.depth)).collect();
            assert_eq!(found, expected, "{scenario}");
        }
    }
}
