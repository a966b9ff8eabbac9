//! Spans that are selected by how they are related to others: `TraceQL`'s filters, with operators between them.

use super::TieKind;

/// Some spans of a trace. `F`: one filter of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spanset<F> {
    /// The spans of one filter.
    Filter(F),
    /// The spans that an operator takes of two spansets.
    Pair {
        /// The operator.
        operator: Operator,
        /// The spanset before it.
        left: Box<Self>,
        /// The spanset behind it.
        right: Box<Self>,
    },
}

/// An operator between two spansets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `&&`: the spans of both, where each has one.
    Both,
    /// `||`: the spans of both.
    Either,
    /// The spans by their relation to one of the other side.
    Related(Kinship, Returned),
}

/// The relation of a span of the right side to one of the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kinship {
    /// `>`: its child.
    Child,
    /// `>>`: its child, or a descendant of its child.
    Descendant,
    /// `<`: its parent.
    Parent,
    /// `<<`: its parent, or an ancestor of its parent.
    Ancestor,
    /// `~`: another span with its parent id.
    Sibling,
}

/// The spans that an operator about a relation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Returned {
    /// `>`: those of the right side that are related to one of the left.
    Right,
    /// `!>`: those of the right side that are related to none of the left.
    Others,
    /// `&>`: those of the right side that are related to one of the left, and these of the left.
    Both,
}

impl Operator {
    /// All of them, as they are written; none is the beginning of a later one.
    pub const ALL: [(&'static str, Self); 17] = [
        ("&&", Self::Both),
        ("||", Self::Either),
        (">>", Self::Related(Kinship::Descendant, Returned::Right)),
        ("<<", Self::Related(Kinship::Ancestor, Returned::Right)),
        (">", Self::Related(Kinship::Child, Returned::Right)),
        ("<", Self::Related(Kinship::Parent, Returned::Right)),
        ("~", Self::Related(Kinship::Sibling, Returned::Right)),
        ("!>>", Self::Related(Kinship::Descendant, Returned::Others)),
        ("!<<", Self::Related(Kinship::Ancestor, Returned::Others)),
        ("!>", Self::Related(Kinship::Child, Returned::Others)),
        ("!<", Self::Related(Kinship::Parent, Returned::Others)),
        ("!~", Self::Related(Kinship::Sibling, Returned::Others)),
        ("&>>", Self::Related(Kinship::Descendant, Returned::Both)),
        ("&<<", Self::Related(Kinship::Ancestor, Returned::Both)),
        ("&>", Self::Related(Kinship::Child, Returned::Both)),
        ("&<", Self::Related(Kinship::Parent, Returned::Both)),
        ("&~", Self::Related(Kinship::Sibling, Returned::Both)),
    ];

    /// The operator that is written so.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == text).map(|(_, operator)| *operator)
    }

    /// As written.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, known)| *known == self).map_or("", |(text, _)| text)
    }
}

impl Kinship {
    /// Returns the tie that it is, and whether the span of the left side is the one that has it.
    pub fn tie(self) -> (TieKind, bool) {
        match self {
            Self::Child => (TieKind::ChildOf, false),
            Self::Descendant => (TieKind::DescendantOf, false),
            Self::Parent => (TieKind::ChildOf, true),
            Self::Ancestor => (TieKind::DescendantOf, true),
            Self::Sibling => (TieKind::SiblingOf, false),
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Child => "child",
            Self::Descendant => "descendant",
            Self::Parent => "parent",
            Self::Ancestor => "ancestor",
            Self::Sibling => "sibling",
        }
    }
}

impl<F> Spanset<F> {
    /// The spans that an operator takes of two spansets.
    pub fn pair(operator: Operator, left: Self, right: Self) -> Self {
        Self::Pair { operator, left: Box::new(left), right: Box::new(right) }
    }

    /// The one filter that it is; none where it is more.
    pub fn filter(&self) -> Option<&F> {
        match self {
            Self::Filter(filter) => Some(filter),
            Self::Pair { .. } => None,
        }
    }

    /// All filters, in the order of the text.
    pub fn filters(&self) -> Vec<&F> {
        match self {
            Self::Filter(filter) => vec![filter],
            Self::Pair { left, right, .. } => [left.filters(), right.filters()].concat(),
        }
    }

    /// The same of other filters, which are made of these in the order of the text.
    pub fn map<G>(self, of: &mut impl FnMut(F) -> G) -> Spanset<G> {
        match self {
            Self::Filter(filter) => Spanset::Filter(of(filter)),
            Self::Pair { operator, left, right } => {
                let left = left.map(of);
                Spanset::pair(operator, left, right.map(of))
            }
        }
    }

    /// All operators in it.
    pub fn operators(&self) -> Vec<Operator> {
        match self {
            Self::Filter(_) => Vec::new(),
            Self::Pair { operator, left, right } => {
                [left.operators(), vec![*operator], right.operators()].concat()
            }
        }
    }

    /// Returns whether it is about the structure of a trace, so that spans beside those of its filters matter.
    pub fn is_structural(&self) -> bool {
        self.operators().iter().any(|operator| matches!(operator, Operator::Related(..)))
    }

    /// Returns whether more spans of a trace take none of its own away. A negated relation ends with a span that it is to.
    pub fn only_grows(&self) -> bool {
        !self.operators().iter().any(|operator| matches!(operator, Operator::Related(_, Returned::Others)))
    }

    /// Returns whether it may have a span, by the filters that have one.
    pub fn may_have(&self, has: &impl Fn(&F) -> bool) -> bool {
        match self {
            Self::Filter(filter) => has(filter),
            Self::Pair { operator, left, right } => match operator {
                Operator::Either => left.may_have(has) || right.may_have(has),
                Operator::Related(_, Returned::Others) => right.may_have(has),
                Operator::Both | Operator::Related(..) => left.may_have(has) && right.may_have(has),
            },
        }
    }

    /// The filters that have a span wherever it has one.
    pub fn needed(&self) -> Vec<&F> {
        match self {
            Self::Filter(filter) => vec![filter],
            Self::Pair { operator, left, right } => match operator {
                Operator::Either => Vec::new(),
                Operator::Related(_, Returned::Others) => right.needed(),
                Operator::Both | Operator::Related(..) => [left.needed(), right.needed()].concat(),
            },
        }
    }
}
