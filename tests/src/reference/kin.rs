//! A span's parent, and the part of its time in which none of its children ran: every stored span is looked at.

use fluo_spans::span::Span;

use super::terms::Givens;

/// The distance from a span at which its parent and its children may have ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Within(pub(super) i64);

impl Within {
    /// Returns whether `other` ended in the time in which kin of `span` are looked for.
    fn is_near(self, other: &Span, span: &Span) -> bool {
        let distance = i128::from(other.end_ns) - i128::from(span.end_ns);
        -i128::from(self.0) < distance && distance <= i128::from(self.0)
    }

    /// The parent: of the stored spans with its id the first to end, and of copies the one that counts.
    pub(super) fn parent<'a>(self, span: &Span, givens: Givens<'a>) -> Option<&'a Span> {
        let id = span.parent_span_id?;
        givens
            .stored
            .iter()
            .filter(|other| other.trace_id == span.trace_id && other.span_id == id)
            .filter(|other| self.is_near(other, span))
            .min_by_key(|other| (other.end_ns, (givens.hash)(other)))
    }

    /// Nanoseconds of the span in which none of its children ran.
    pub(super) fn self_time(self, span: &Span, givens: Givens<'_>) -> i128 {
        let children: Vec<&Span> = givens
            .stored
            .iter()
            .filter(|other| other.trace_id == span.trace_id && other.parent_span_id == Some(span.span_id))
            .filter(|other| self.is_near(other, span))
            .collect();
        // Between two of these moments every child runs all the time, or not at all.
        let mut cuts: Vec<i64> = children.iter().flat_map(|child| [child.start_ns, child.end_ns]).collect();
        cuts.extend([span.start_ns, span.end_ns]);
        cuts.retain(|cut| span.start_ns <= *cut && *cut <= span.end_ns);
        cuts.sort_unstable();
        cuts.windows(2)
            .filter(|part| !children.iter().any(|child| child.start_ns <= part[0] && part[1] <= child.end_ns))
            .map(|part| i128::from(part[1]) - i128::from(part[0]))
            .sum()
    }
}
