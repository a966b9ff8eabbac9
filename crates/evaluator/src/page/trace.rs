//! The traces that a page shows: which of them are read, and each as a waterfall, a span behind its parent and those of one
//! parent by start.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use fluo_alerts::violation::Evidence;
use fluo_engine::{SoughtTrace, WholeTrace, record};
use fluo_report::model::{Episode, Standing, Trace, TraceSpan};
use fluo_rules::rule::Rule;
use fluo_spans::span::{Span, Status};
use fluo_time::{Nanos, TimeRange};

/// Traces that are shown whole, of the violations that stand and then of the newest.
const TRACES: usize = 40;
/// Traces of one violation that are shown whole.
const OF_ONE: usize = 4;
/// Spans of one trace that are shown.
pub(crate) const SPANS: usize = 50;
/// Spans of a trace are looked for so long before and after those that are evidence.
const AROUND: i64 = 5 * Nanos::MINUTE.0;
/// The most characters that are kept of a name: a page shows fewer.
const NAME: usize = 200;

/// A span that is evidence: its trace, its own id, and its end.
type Key = ([u8; 16], [u8; 8], i64);

/// Traces to show whole, those first that matter most.
#[derive(Debug, Default)]
pub(crate) struct Sought(Vec<([u8; 16], SoughtTrace)>);

impl Sought {
    /// Adds the first traces of a violation, as long as there is room.
    pub(crate) fn add(&mut self, evidence: impl IntoIterator<Item = Key>) {
        let mut traces: Vec<[u8; 16]> = Vec::new();
        for (trace, span, end) in evidence {
            if !traces.contains(&trace) {
                traces.push(trace);
            }
            let known = self.0.iter().position(|(known, _)| *known == trace);
            if traces.len() > OF_ONE || (known.is_none() && self.0.len() >= TRACES) {
                continue;
            }
            let ends = around(end);
            let at = known.unwrap_or_else(|| {
                self.0.push((trace, SoughtTrace { ends, spans: BTreeSet::new() }));
                self.0.len() - 1
            });
            let sought = &mut self.0[at].1;
            sought.ends =
                TimeRange { from: sought.ends.from.min(ends.from), to: sought.ends.to.max(ends.to) };
            sought.spans.insert(span);
        }
    }

    /// The traces of the violations of a page.
    pub(super) fn of(episodes: &[Episode]) -> Self {
        let mut all: Vec<&Episode> = episodes.iter().collect();
        let place =
            |episode: &Episode| (episode.standing == Standing::Over, Reverse(episode.violation.starts_at));
        all.sort_by(|one, other| {
            place(one).cmp(&place(other)).then_with(|| one.violation.in_order(&other.violation))
        });
        let mut sought = Self::default();
        for episode in all {
            sought.add(episode.violation.evidence.iter().filter_map(key));
        }
        sought
    }

    /// Returns whether a trace is among them, by its id as people see it.
    pub(super) fn contains(&self, trace: &str) -> bool {
        self.0.iter().any(|(id, _)| hex::encode(id) == trace)
    }

    /// Leaves out the traces that `is_wanted` does not want.
    pub(crate) fn retain(&mut self, is_wanted: impl Fn(&str, &SoughtTrace) -> bool) {
        self.0.retain(|(id, sought)| is_wanted(&hex::encode(id), sought));
    }

    /// Returns them one by one.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = ([u8; 16], SoughtTrace)> {
        self.0.into_iter()
    }

    /// Returns them as they are read.
    pub(super) fn by_id(self) -> BTreeMap<[u8; 16], SoughtTrace> {
        self.0.into_iter().collect()
    }
}

/// Returns the times in which the spans around one that is evidence are looked for.
pub(crate) fn around(end: i64) -> TimeRange {
    TimeRange { from: end.saturating_sub(AROUND), to: end.saturating_add(AROUND) }
}

/// A span that is evidence, by its ids; none where these are no ids.
fn key(span: &Evidence) -> Option<Key> {
    let (mut trace, mut id) = ([0; 16], [0; 8]);
    hex::decode_to_slice(&span.trace_id, &mut trace).ok()?;
    hex::decode_to_slice(&span.span_id, &mut id).ok()?;
    Some((trace, id, span.end_time))
}

/// Returns traces that were read, as waterfalls by their ids.
pub(super) fn of_whole(whole: BTreeMap<[u8; 16], WholeTrace>) -> BTreeMap<String, Trace> {
    let of_trace = |(id, WholeTrace { spans, left_out }): ([u8; 16], WholeTrace)| {
        let spans = spans.iter().map(related).collect();
        (hex::encode(id), Trace { is_whole: true, ..waterfall(spans, left_out) })
    };
    whole.into_iter().map(of_trace).collect()
}

fn related(span: &Span) -> Related {
    let cut = |name: &String| name.chars().take(NAME).collect();
    Related {
        span: TraceSpan {
            span_id: hex::encode(span.span_id),
            depth: 0,
            service_name: span.resource.service_name.as_ref().map(cut),
            name: cut(&span.name),
            start: span.start_ns,
            end: span.end_ns,
            is_error: span.status == Status::Error,
        },
        parent: span.parent_span_id.map(hex::encode),
    }
}

/// Masks what rules redact, in the traces that are their evidence.
pub(super) fn mask<'a>(
    traces: &mut BTreeMap<String, Trace>,
    episodes: &[Episode],
    rule: impl Fn(&str) -> Option<&'a Rule>,
) {
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for episode in episodes {
        for span in &episode.violation.evidence {
            names.entry(&span.trace_id).or_default().insert(&episode.violation.rule);
        }
    }
    for (id, trace) in traces {
        let rules: Vec<&Rule> =
            names.get(id.as_str()).into_iter().flatten().filter_map(|name| rule(name)).collect();
        for span in &mut trace.spans {
            record::mask_names(&rules, &mut span.service_name, &mut span.name);
        }
    }
}

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
    Trace { spans: in_order.collect(), left_out, is_whole: false }
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
    let of_trace = |(id, spans): (String, BTreeMap<&str, Related>)| {
        let mut trace = waterfall(spans.into_values().collect(), 0);
        trace.left_out = trace.spans.len().saturating_sub(SPANS);
        trace.spans.truncate(SPANS);
        (id, trace)
    };
    traces.into_iter().map(of_trace).collect()
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
