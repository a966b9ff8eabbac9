//! A test's templates → its spans, each with its times and ids.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ids::{Seed, span_id, trace_id};
use super::{Id, Link, SpanId, Template, Test, TraceId};

/// One span of a test. What is not here is in its template.
#[derive(Debug, Clone, PartialEq)]
pub struct TestSpan<'a> {
    /// The template that it is made of.
    pub template: &'a Template,
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The parent; none of a root.
    pub parent_id: Option<SpanId>,
    /// The traces and spans that its links are to, in the order of the template's.
    pub links: Arc<[(Option<TraceId>, SpanId)]>,
    /// Start; ns since the epoch.
    pub start_ns: i64,
    /// End, which is its event time; ns since the epoch.
    pub end_ns: i64,
    /// The time at which the file that holds it was written; ns since the epoch.
    pub arrives_ns: i64,
}

impl Test {
    /// The spans of the test's templates: template by template, time by time, copy by copy.
    ///
    /// The same test gives the same ids, and no two of its spans have the same.
    pub fn spans(&self) -> impl Iterator<Item = TestSpan<'_>> {
        let firsts = self.templates.iter().scan(0_u64, |next, template| {
            let first = *next;
            *next = next.saturating_add(template.spans());
            Some(first)
        });
        let templates: Vec<(u64, &Template)> = firsts.zip(&self.templates).collect();
        let traces = Traces::of(&self.name, &templates);
        templates.into_iter().flat_map(move |(first, template)| {
            let trace = traces.of_template(template);
            let links: Arc<[_]> = template.links.iter().map(|link| traces.of_link(link)).collect();
            let parent_id = template.parent.as_ref().map(|parent| parent.bytes(&self.name));
            let copies = template.moments().flat_map(|at| (0..template.count).map(move |_| at));
            (first..).zip(copies).map(move |(ordinal, end_ns)| TestSpan {
                template,
                trace_id: trace.unwrap_or_else(|| trace_id(&self.name, Seed::Ordinal(ordinal))),
                span_id: match &template.span_id {
                    Some(id) => id.bytes(&self.name),
                    None => span_id(&self.name, Seed::Ordinal(ordinal)),
                },
                parent_id,
                links: Arc::clone(&links),
                start_ns: end_ns.saturating_sub(template.duration.0),
                end_ns,
                arrives_ns: end_ns.saturating_add(template.late.0),
            })
        })
    }
}

impl Template {
    /// Returns the number of spans it stands for.
    pub fn spans(&self) -> u64 {
        let times = self.times.iter().fold(0_u64, |sum, times| sum.saturating_add(times.count()));
        times.saturating_mul(u64::from(self.count))
    }

    fn moments(&self) -> impl Iterator<Item = i64> {
        self.times.iter().flat_map(|times| times.iter())
    }
}

/// The traces of spans with an id of their own, which their children are in, too.
struct Traces {
    test: String,
    of_spans: BTreeMap<SpanId, TraceId>,
}

impl Traces {
    fn of(test: &str, templates: &[(u64, &Template)]) -> Self {
        let mut traces = Self { test: test.to_owned(), of_spans: BTreeMap::new() };
        // A parent may stand behind its child: as often as there are generations, more become known.
        let mut waiting: Vec<_> =
            templates.iter().filter(|(_, template)| template.span_id.is_some()).collect();
        let ids: Vec<SpanId> = waiting.iter().filter_map(|(_, template)| traces.own_id(template)).collect();
        loop {
            let before = waiting.len();
            waiting.retain(|(first, template)| {
                let parent = template.parent.as_ref().map(|parent| parent.bytes(test));
                let trace = traces.of_template(template).or_else(|| {
                    let alone = parent.is_none_or(|parent| !ids.contains(&parent));
                    alone.then(|| trace_id(test, Seed::Ordinal(*first)))
                });
                if let (Some(id), Some(trace)) = (traces.own_id(template), trace) {
                    traces.of_spans.insert(id, trace);
                }
                trace.is_none()
            });
            if waiting.len() == before {
                return traces;
            }
        }
    }

    /// The span that a link is to, and its trace, where that is known; else it is the trace of the span that has the link.
    fn of_link(&self, link: &Link) -> (Option<TraceId>, SpanId) {
        let span_id = link.span_id.bytes(&self.test);
        let given = link.trace_id.as_ref().map(|id| id.bytes(&self.test));
        (given.or_else(|| self.of_spans.get(&span_id).copied()), span_id)
    }

    fn own_id(&self, template: &Template) -> Option<SpanId> {
        template.span_id.as_ref().map(|id| id.bytes(&self.test))
    }

    /// The trace of all spans of a template, where they have one in common.
    fn of_template(&self, template: &Template) -> Option<TraceId> {
        let given = template.trace_id.as_ref().map(|id: &Id<TraceId>| id.bytes(&self.test));
        given.or_else(|| {
            let parent = template.parent.as_ref()?.bytes(&self.test);
            self.of_spans.get(&parent).copied()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::SourceFile;
    use crate::test_file::{DEFAULT_START, Test, load};
    use fluo_time::Nanos;

    fn test(spans: &str) -> Test {
        let text = format!("rules: [r.yml]\ntests:\n- name: t\n  until: 5m\n  expect: []\n  spans:\n{spans}");
        let loaded = load(&[SourceFile::new("x.test.yml", text)]);
        assert_eq!(loaded.findings, [], "{spans}");
        loaded.tests.into_iter().next().unwrap().tests.remove(0)
    }

    #[test]
    fn a_template_is_as_many_spans_as_times_and_copies() {
        let test = test("  - {at: [0s..20s, 1m], every: 10s, count: 2, duration: 1s, late: 90s}\n");
        let spans: Vec<_> = test.spans().collect();
        let seconds: Vec<_> =
            spans.iter().map(|span| (span.end_ns - DEFAULT_START) / Nanos::SECOND.0).collect();
        assert_eq!(seconds, [0, 0, 10, 10, 20, 20, 60, 60]);
        for span in &spans {
            assert_eq!(span.start_ns, span.end_ns - Nanos::SECOND.0);
            assert_eq!(span.arrives_ns, span.end_ns + 90 * Nanos::SECOND.0);
        }
        let ids: BTreeSet<_> = spans.iter().map(|span| (span.trace_id, span.span_id)).collect();
        assert_eq!(ids.len(), 8);
        assert_eq!(spans, test.spans().collect::<Vec<_>>());
    }

    #[test]
    fn ids_are_digits_words_or_of_their_own() {
        let test = test(
            "  - {at: 0s, trace_id: 0102030405060708090a0B0c0d0e0f10, span_id: 00000000000000ff}
  - {at: 1s, trace_id: checkout, span_id: a}
  - {at: 2s, trace_id: checkout, parent: a, count: 2}
  - {at: 3s}
",
        );
        let spans: Vec<_> = test.spans().collect();
        assert_eq!(spans[0].trace_id, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
        assert_eq!(spans[0].span_id, [0, 0, 0, 0, 0, 0, 0, 255]);
        assert_eq!((spans[2].trace_id, spans[3].trace_id), (spans[1].trace_id, spans[1].trace_id));
        assert_eq!(spans[2].parent_id, Some(spans[1].span_id));
        assert_ne!(spans[2].span_id, spans[3].span_id);
        assert_eq!(spans[4].parent_id, None);
        assert_ne!(spans[4].trace_id, spans[1].trace_id);
    }

    #[test]
    fn links_are_to_spans_of_the_test_or_to_others() {
        let test = test(
            "  - {at: 1s, span_id: order, trace_id: shop}
  - {at: 2s, links: [order, 00000000000000aa, {span_id: order, trace_id: other, attributes: {why: retry}}]}
",
        );
        let spans: Vec<_> = test.spans().collect();
        let [(first, order), (second, unknown), (third, again)] = spans[1].links[..] else { panic!() };
        assert_eq!((first, order, again), (Some(spans[0].trace_id), spans[0].span_id, spans[0].span_id));
        assert_eq!((second, unknown), (None, [0, 0, 0, 0, 0, 0, 0, 0xaa]));
        assert_ne!(third, first);
        assert_eq!(spans[1].template.links[2].attributes[0].0, "why");
        assert_ne!(spans[1].trace_id, spans[0].trace_id);
    }

    #[test]
    fn children_are_in_the_trace_of_their_parent_wherever_it_stands() {
        let test = test(
            "  - {at: 2s, parent: b}
  - {at: 1s, span_id: b, parent: a}
  - {at: 3s, span_id: a}
  - {at: 4s, span_id: c, parent: 00000000000000aa}
  - {at: 5s, span_id: d, parent: a, trace_id: other}
",
        );
        let traces: Vec<_> = test.spans().map(|span| span.trace_id).collect();
        assert_eq!((traces[0], traces[1]), (traces[2], traces[2]));
        assert_eq!(traces.iter().collect::<BTreeSet<_>>().len(), 3, "{traces:?}");
    }
}
