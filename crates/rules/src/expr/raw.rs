//! The tree as written: names are words, functions are names, nothing has a type.

use std::ops::Range;

use super::tree::{Arithmetic, Comparison};
use crate::matcher::Value;

/// A node and where it stands.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) kind: RawKind,
    pub(super) at: Range<usize>,
}

#[derive(Debug)]
pub(super) enum RawKind {
    Literal(Value),
    /// `TraceQL`'s `nil`.
    Nil,
    /// A name with its dots.
    Word(String),
    /// `span["weird key!"]`
    Indexed {
        /// The text before the bracket.
        scope: String,
        key: String,
    },
    Not(Box<Raw>),
    Negate(Box<Raw>),
    And(Box<Raw>, Box<Raw>),
    Or(Box<Raw>, Box<Raw>),
    Compare(Comparison, Box<Raw>, Box<Raw>),
    /// `=~`, `!~`
    Regex {
        item: Box<Raw>,
        pattern: Box<Raw>,
        negated: bool,
    },
    In(Box<Raw>, Vec<Raw>),
    Arithmetic(Arithmetic, Box<Raw>, Box<Raw>),
    Call {
        name: String,
        name_at: Range<usize>,
        arguments: Vec<Raw>,
    },
}
