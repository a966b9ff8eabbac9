//! Traces that break a rule, as the rows of which its windows are made.
//!
//! A row looks like a span: that of the first occasion, with what its root knows beside it, as long as the trace, and ended
//! at the moment of the violation. Across traces it is that of the occasion, with the values of the keys of `by`.

use std::sync::Arc;

use fluo_plan::RulePlan;
use fluo_plan::project::{is_duration, key_of_row};
use fluo_rules::rule::{AggregateFunction, Conventions};
use fluo_rules::trace::TraceRule;
use fluo_spans::identity::SpanKey;
use fluo_spans::semconv;
use fluo_spans::span::{Attributes, Resource, Span};
use hashbrown::HashSet;

/// Returns whether the rows of a rule need fields beside ids and own.
pub(super) fn needs_fields(plan: &RulePlan) -> bool {
    let rule = plan.rule();
    let is_bare = plan.aggregates().all(|aggregate| {
        let bare = match &aggregate.function {
            AggregateFunction::CountDistinct(_) => false,
            function => function.measure().is_none_or(is_duration),
        };
        bare && aggregate.filter.is_none()
    });
    if rule.trace().is_some_and(TraceRule::is_across) {
        // Its keys are known, and it lasts as long as its occasion.
        let lasts = plan.aggregates().any(|aggregate| aggregate.function.takes_value());
        return !is_bare || lasts || !rule.top.is_empty();
    }
    !(is_bare && rule.group_by.is_empty() && rule.top.is_empty())
}

/// The fields of a row that are not those of its span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Own {
    /// The moment of the violation.
    pub(super) at: i64,
    /// Duration of the trace, in nanoseconds.
    pub(super) duration: i64,
    /// The parent of the span whose fields the row has.
    pub(super) parent: Option<[u8; 8]>,
}

impl Own {
    /// Of an occasion of which nothing more is asked.
    pub(super) fn bare(at: i64) -> Self {
        Self { at, duration: 0, parent: None }
    }

    /// Of an occasion.
    pub(super) fn of(occasion: &Span, at: i64) -> Self {
        let Span { start_ns, end_ns, parent_span_id, .. } = *occasion;
        Self { at, duration: end_ns.saturating_sub(start_ns), parent: parent_span_id }
    }
}

/// A row with the values of the keys of `by`, where it is found by the rule's plan.
pub(super) fn with_keys(row: Span, keys: &[String]) -> Span {
    if keys.is_empty() {
        return row;
    }
    let keys = keys.iter().enumerate().map(|(at, value)| (key_of_row(at), value.clone()));
    Span { attributes: with(&row.attributes, keys.collect()), ..row }
}

/// Gives rows that would be taken for copies of one span ids of their own: of two occasions that differ in nothing but
/// when they ended, or in the keys of two copies.
pub(super) fn tell_apart(rows: &mut [Span]) {
    let mut seen = HashSet::with_capacity(rows.len());
    for row in rows {
        while !seen.insert(row.key()) {
            row.span_id = u64::from_be_bytes(row.span_id).wrapping_add(1).to_be_bytes();
        }
    }
}

/// A row without fields.
pub(super) fn bare((trace_id, span_id, _): SpanKey, own: Own) -> Span {
    with_own(Span::bare(trace_id, span_id), own)
}

fn with_own(span: Span, own: Own) -> Span {
    Span { parent_span_id: own.parent, start_ns: own.at.saturating_sub(own.duration), end_ns: own.at, ..span }
}

/// A row with the fields of a span, and those of the root that it does not have.
pub(super) fn with_fields(subject: &Span, root: Option<&Span>, own: Own, conventions: Conventions) -> Span {
    let mut row = with_own(subject.clone(), own);
    let Some(root) = root else { return row };
    let known = |key: &str| {
        let has = |key: &str| {
            subject.attributes.get(key).is_some() || subject.resource.attributes.get(key).is_some()
        };
        match conventions {
            Conventions::Renamed => semconv::spellings(key).iter().any(|key| has(key)),
            Conventions::Exact => has(key),
        }
    };
    let missing = |of: &Attributes| -> Vec<(String, String)> {
        of.iter()
            .filter(|(key, _)| !known(key))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    };
    let (of_span, of_resource) = (missing(&root.attributes), missing(&root.resource.attributes));
    if !of_span.is_empty() {
        row.attributes = with(&row.attributes, of_span);
    }
    if !of_resource.is_empty() || subject.resource.service_name.is_none() {
        let Resource { service_name, attributes } = subject.resource.as_ref();
        row.resource = Arc::new(Resource {
            service_name: service_name.clone().or_else(|| root.resource.service_name.clone()),
            attributes: with(attributes, of_resource),
        });
    }
    row
}

/// Attributes, and others with other keys.
fn with(attributes: &Attributes, others: Vec<(String, String)>) -> Attributes {
    let own = attributes.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    Attributes::new(own.chain(others).collect())
}
