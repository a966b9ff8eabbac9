//! A trace in which a proposal shows → its tests: the trace as it was, and without what is demanded. Ids and attributes are
//! left behind.

use std::collections::{BTreeMap, BTreeSet};
// Writing to a `String` cannot fail, here and below.
use std::fmt::Write as _;

use fluo_spans::span::Span;
use fluo_time::Nanos;

use crate::invariants::Demand;
use crate::operation::Operation;
use crate::proposal::{Past, Proposal, TestOf};
use crate::tables::{in_words, of_operation};

/// Most spans of a trace in a test.
const MOST_SPANS: usize = 200;

/// A trace begins so long after a test.
const BEGIN: i64 = Nanos::SECOND.0;

impl Proposal {
    /// Returns the text of its test file. `spans`: of the trace that it names.
    pub fn test_file(&self, past: &Past<'_>, spans: &[Span]) -> String {
        let tests = match &self.test {
            TestOf::Written(tests) => tests.clone(),
            TestOf::Trace(_, demand) => of_trace(&self.rule, past, demand, spans),
        };
        format!("rules: [{}.yml]\ntests:\n{tests}", self.file)
    }
}

/// A span of the example.
struct Shown<'a> {
    span: &'a Span,
    operation: Operation,
    parent: Option<usize>,
}

fn of_trace(rule: &str, past: &Past<'_>, demand: &Demand, spans: &[Span]) -> String {
    let operations: Vec<&Operation> =
        demand.operations().into_iter().map(|number| past.operation(number)).collect();
    let shown = shown(&operations, spans);
    let first = shown.iter().map(|shown| shown.span.start_ns).min().unwrap_or(0);
    let at = |end: i64| Nanos(end.saturating_sub(first).saturating_add(BEGIN));
    let lines = |is_left_out: &BTreeSet<usize>| {
        let mut text = String::new();
        for (number, shown) in shown.iter().enumerate().filter(|(number, _)| !is_left_out.contains(number)) {
            let parent = shown.parent.map(|parent| format!(", parent: s{parent}")).unwrap_or_default();
            let more = format!(
                ", at: {}, duration: {}, trace_id: t, span_id: s{number}{parent}, status: {}",
                at(shown.span.end_ns),
                Nanos(shown.span.end_ns - shown.span.start_ns),
                shown.span.status.as_str()
            );
            let _ = writeln!(text, "      - {}", of_operation(&shown.operation, &more));
        }
        text
    };
    let whole = lines(&BTreeSet::new());
    let mut text = format!("  - name: a request as it was\n    spans:\n{whole}    expect: []\n");
    if let Some((lacking, without)) = broken(&shown, demand, &operations) {
        let left = (0..shown.len()).filter(|number| !without.contains(number));
        let last = left.map(|number| shown[number].span.end_ns).max().unwrap_or(first);
        let name = fluo_rules::as_scalar(&format!("the same without {lacking}"));
        let _ = write!(
            text,
            "\n  - name: {name}\n    spans:\n{}    expect:\n      - {{rule: {rule}, at: {}, state: firing}}\n",
            lines(&without),
            at(last)
        );
    }
    text
}

/// The spans of some operations, and those above them, in order.
fn shown<'a>(operations: &[&Operation], spans: &'a [Span]) -> Vec<Shown<'a>> {
    let mut all: Vec<&Span> = spans.iter().collect();
    all.sort_by_key(|span| (span.start_ns, span.end_ns, span.span_id));
    all.dedup_by_key(|span| span.key());
    let mut by_id: BTreeMap<[u8; 8], usize> = BTreeMap::new();
    for (at, span) in all.iter().enumerate() {
        by_id.entry(span.span_id).or_insert(at);
    }
    let above = |at: usize| all[at].parent_span_id.and_then(|parent| by_id.get(&parent)).copied();
    let mut kept: BTreeSet<usize> = BTreeSet::new();
    for (at, span) in all.iter().enumerate() {
        if !operations.contains(&&of(span)) || kept.len() >= MOST_SPANS {
            continue;
        }
        let mut next = Some(at);
        while let Some(at) = next.filter(|at| kept.insert(*at)) {
            next = above(at);
        }
    }
    let places: BTreeMap<usize, usize> = kept.iter().enumerate().map(|(place, at)| (*at, place)).collect();
    kept.iter()
        .map(|at| {
            let parent = above(*at).and_then(|parent| places.get(&parent)).copied();
            Shown { span: all[*at], operation: of(all[*at]), parent }
        })
        .collect()
}

/// The operation of a span.
fn of(span: &Span) -> Operation {
    Operation {
        service: span.resource.service_name.clone(),
        name: span.name.clone(),
        kind: span.kind.as_str().to_owned(),
    }
}

/// Returns the operation that can be left out, in words, and the places of its spans and of all below them: without these
/// the demand is broken, and the occasion is still there.
fn broken(
    shown: &[Shown<'_>],
    demand: &Demand,
    operations: &[&Operation],
) -> Option<(String, BTreeSet<usize>)> {
    let (when, rest) = operations.split_first()?;
    let mut candidates: Vec<&&Operation> = rest.iter().collect();
    if matches!(demand, Demand::InOrder(_)) {
        candidates.reverse();
    }
    candidates.into_iter().find_map(|lacking| {
        let is_below = |at: usize| {
            let mut next = Some(at);
            // Ids that go round in a circle end here.
            for _ in 0..=shown.len() {
                match next {
                    Some(at) if shown[at].operation == **lacking => return true,
                    Some(at) => next = shown[at].parent,
                    None => return false,
                }
            }
            false
        };
        let without: BTreeSet<usize> = (0..shown.len()).filter(|at| is_below(*at)).collect();
        let is_left = (0..shown.len()).any(|at| !without.contains(&at) && shown[at].operation == **when);
        is_left.then(|| (in_words(lacking), without))
    })
}
