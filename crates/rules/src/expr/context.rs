//! The place of an expression, which gives its names their meaning.

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
