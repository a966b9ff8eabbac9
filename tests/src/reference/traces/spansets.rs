//! Filters with operators between them, from the documentation of TraceQL.

use fluo_rules::trace::TieKind;
use fluo_rules::trace::spanset::{Kinship, Operator, Returned, Spanset};

use super::candidates::Known;
use super::members::Member;

impl<'a> Known<'a> {
    /// The spans of a spanset, in order.
    pub(super) fn of_spanset(&self, spanset: &Spanset<usize>) -> Vec<&'a Member<'a>> {
        let (operator, left, right) = match spanset {
            Spanset::Filter(step) => return self.candidates(*step, None),
            Spanset::Pair { operator, left, right } => {
                (*operator, self.of_spanset(left), self.of_spanset(right))
            }
        };
        let is_in = |spans: &[&Member<'a>], span: &Member<'a>| spans.iter().any(|other| other.is(span));
        let is_taken = |span: &Member<'a>| match operator {
            Operator::Both if left.is_empty() || right.is_empty() => false,
            Operator::Both | Operator::Either => is_in(&left, span) || is_in(&right, span),
            Operator::Related(kinship, returned) => {
                let of_right =
                    is_in(&right, span) && left.iter().any(|other| self.is_kin(kinship, span, other));
                let of_left =
                    is_in(&left, span) && right.iter().any(|other| self.is_kin(kinship, other, span));
                match returned {
                    Returned::Right => of_right,
                    Returned::Others => is_in(&right, span) && !of_right,
                    Returned::Both => of_left || of_right,
                }
            }
        };
        self.spans().iter().copied().filter(|span| is_taken(span)).collect()
    }

    /// Returns whether a span is that of another: its child, its parent.
    fn is_kin(&self, kinship: Kinship, span: &Member<'a>, other: &Member<'a>) -> bool {
        match kinship {
            Kinship::Child => self.is_related(TieKind::ChildOf, span, other),
            Kinship::Descendant => self.is_related(TieKind::DescendantOf, span, other),
            Kinship::Parent => self.is_related(TieKind::ChildOf, other, span),
            Kinship::Ancestor => self.is_related(TieKind::DescendantOf, other, span),
            Kinship::Sibling => self.is_related(TieKind::SiblingOf, span, other),
        }
    }
}

/// Returns whether a spanset asks anywhere that no span is related.
pub(super) fn negates(spanset: &Spanset<usize>) -> bool {
    match spanset {
        Spanset::Filter(_) => false,
        Spanset::Pair { operator: Operator::Related(_, Returned::Others), .. } => true,
        Spanset::Pair { left, right, .. } => negates(left) || negates(right),
    }
}
