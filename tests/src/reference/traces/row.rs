//! A trace that violates its rule, as a row: a span that windows are made of.

use std::sync::Arc;

use fluo_rules::rule::Conventions;
use fluo_spans::span::{Attributes, Resource, Span};

use super::candidates::Known;
use super::members::Member;
use super::stops::Violation;
use super::{About, Row};
use crate::reference::terms::RefValue;

/// The row of a violation; none where no span has its fields.
pub(super) fn of(about: About<'_>, violation: &Violation<'_>) -> Option<Row> {
    let Violation { at, known, verdict } = violation;
    let names = about.trace.counts.iter().map(|count| count.name.clone());
    let numbers = verdict.counts.iter().map(|number| RefValue::Int(*number as i128));
    Some(Row {
        span: span(about, known, *at)?,
        counts: names.zip(numbers).collect(),
        failed: verdict.broken.iter().map(|at| about.trace.demand_name(*at)).collect(),
        evidence: verdict.evidence.iter().map(|span| span.key()).collect(),
    })
}

fn span(about: About<'_>, known: &Known<'_>, at: i64) -> Option<Span> {
    let member = known.of_row()?;
    let start = known.spans().iter().map(|span| span.start).min()?;
    let end = known.spans().iter().map(|span| span.end).max()?;
    let own = Span { parent_span_id: member.parent, ..member.fields.clone() };
    let whole = known.root().map_or_else(|| own.clone(), |root| with_keys_of(root, &own, about));
    Some(Span { start_ns: at - i64::try_from(end - start).ok()?, end_ns: at, ..whole })
}

/// The span, with those keys of the root that it has under none of their names, neither itself nor in its resource.
fn with_keys_of(root: &Member<'_>, own: &Span, about: About<'_>) -> Span {
    let names = |key: &str| match about.rule.conventions {
        Conventions::Renamed => (about.givens.spellings)(key),
        Conventions::Exact => vec![key.to_owned()],
    };
    let has =
        |name: &String| own.attributes.get(name).is_some() || own.resource.attributes.get(name).is_some();
    let with = |own: &Attributes, of_root: &Attributes| {
        let missing = of_root.iter().filter(|(key, _)| !names(key).iter().any(has));
        let all = own.iter().chain(missing);
        Attributes::new(all.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    };
    let of_root = &root.fields.resource;
    let service_name = own.resource.service_name.clone().or_else(|| of_root.service_name.clone());
    Span {
        attributes: with(&own.attributes, &root.fields.attributes),
        resource: Arc::new(Resource {
            service_name,
            attributes: with(&own.resource.attributes, &of_root.attributes),
        }),
        ..own.clone()
    }
}
