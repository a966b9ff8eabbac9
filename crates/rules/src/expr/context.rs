//! The place of an expression, which gives its names their meaning.

use crate::limits::Limit;
use crate::rule::Aggregate;

/// The meaning of names.
#[derive(Debug, Clone, Copy)]
pub enum Context<'a> {
    /// `where`: the fields of one span.
    Where,
    /// `condition`: the aggregates of a window.
    Condition {
        /// Those that the rule declares; `count` is always defined.
        aggregates: &'a [Aggregate],
    },
    /// `condition` of `trace`: the counts of a trace.
    Counts {
        /// Those that the rule declares.
        counts: &'a [Aggregate],
    },
}

/// The limits by group that an expression may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitScope {
    /// These: those of the rule's table.
    Known(Vec<Limit>),
    /// The table could not be read, or is another file's: any may be meant.
    Unknown,
    /// None, for this reason: the end of a sentence.
    Refused(&'static str),
}

/// The limits of a rule without any.
pub const NO_LIMITS: &LimitScope = &LimitScope::Known(Vec::new());
