//! The spans of a trace that can be a step.

use std::collections::BTreeSet;

use fluo_rules::trace::spanset::Spanset;
use fluo_rules::trace::{Tie, TieKind};

use super::About;
use super::members::Member;
use crate::reference::{aggregate, selection};

/// Spans by which a trace is judged.
pub(super) struct Known<'a> {
    pub(super) about: About<'a>,
    /// By start, end and id.
    spans: Vec<&'a Member<'a>>,
    /// The time in which occasions ended: after its first, up to its second moment.
    of_occasions: (i128, i128),
}

/// A span that `when` selects; none where the trace as a whole is the occasion.
pub(super) type Occasion<'a> = Option<&'a Member<'a>>;

impl<'a> Known<'a> {
    pub(super) fn new(about: About<'a>, mut spans: Vec<&'a Member<'a>>, of_occasions: (i128, i128)) -> Self {
        spans.sort_by_key(|span| span.place());
        Self { about, spans, of_occasions }
    }

    /// The spans, in order.
    pub(super) fn spans(&self) -> &[&'a Member<'a>] {
        &self.spans
    }

    /// The occasions, in order.
    pub(super) fn occasions(&self) -> Vec<Occasion<'a>> {
        let Some(when) = &self.about.trace.when else { return vec![None] };
        let selected = match when {
            Spanset::Filter(step) => {
                self.spans.iter().copied().filter(|span| self.can_be(*step, span, Some(*span))).collect()
            }
            Spanset::Pair { .. } => self.of_spanset(when),
        };
        let (after, to) = self.of_occasions;
        selected.into_iter().filter(|span| after < span.end && span.end <= to).map(Some).collect()
    }

    /// The spans that can be a step of an occasion, in order.
    pub(super) fn candidates(&self, step: usize, occasion: Occasion<'a>) -> Vec<&'a Member<'a>> {
        self.spans.iter().copied().filter(|span| self.can_be(step, span, occasion)).collect()
    }

    /// The first span without a parent.
    pub(super) fn root(&self) -> Option<&'a Member<'a>> {
        self.spans.iter().copied().find(|span| span.parent.is_none())
    }

    fn can_be(&self, at: usize, span: &Member<'a>, occasion: Occasion<'a>) -> bool {
        let step = &self.about.trace.steps[at];
        let in_time = match (step.within, occasion) {
            (Some(within), Some(occasion)) => span.start <= occasion.end + i128::from(within.0),
            _ => true,
        };
        in_time
            && is_selected(self.about, at, span)
            && step.ties.iter().all(|tie| self.is_tied(*tie, span, occasion))
    }

    fn is_tied(&self, tie: Tie, span: &Member<'a>, occasion: Occasion<'a>) -> bool {
        let can_be_other = |other: &Member<'a>| match occasion {
            Some(occasion) if self.about.is_occasion(tie.to) => other.is(occasion),
            _ => self.can_be(tie.to, other, occasion),
        };
        self.spans.iter().any(|other| self.is_related(tie.kind, span, other) && can_be_other(other))
    }

    /// Returns whether a span is to another as a tie says.
    pub(super) fn is_related(&self, kind: TieKind, span: &Member<'a>, other: &Member<'a>) -> bool {
        let id = other.fields.span_id;
        match kind {
            TieKind::ChildOf => span.parent == Some(id),
            TieKind::DescendantOf => self.ancestors(span).contains(&id),
            TieKind::SiblingOf => span.parent.is_some() && span.parent == other.parent && !span.is(other),
            TieKind::Follows => {
                span.copies.iter().flat_map(|copy| &copy.links).any(|link| {
                    link.trace_id == other.fields.trace_id && link.span_id == other.fields.span_id
                })
            }
        }
    }

    /// The ids of a span's parent, of that one's parent, and so on. Ids may lead in a circle.
    fn ancestors(&self, span: &Member<'a>) -> BTreeSet<[u8; 8]> {
        let mut found: BTreeSet<[u8; 8]> = span.parent.into_iter().collect();
        loop {
            let of_found = self.spans.iter().filter(|span| found.contains(&span.fields.span_id));
            let parents: Vec<[u8; 8]> = of_found.filter_map(|span| span.parent).collect();
            let before = found.len();
            found.extend(parents);
            if found.len() == before {
                return found;
            }
        }
    }
}

/// Returns whether the step's selector selects one of the span's copies.
pub(super) fn is_selected(about: About<'_>, at: usize, span: &Member<'_>) -> bool {
    let selector = &about.trace.steps[at].selector;
    let selects = |copy| selection::selects(selector, aggregate::subject(copy, about.rule, about.givens));
    span.copies.iter().copied().any(selects)
}
