//! Where an expression stands, which says what its names mean.

use crate::rule::Aggregate;

/// What names mean.
#[derive(Debug, Clone, Copy)]
pub enum Context<'a> {
    /// `where`: the fields of one span.
    Where,
    /// `condition`: the aggregates of a window.
    Condition {
        /// Those that the rule declares; `count` is always defined.
        aggregates: &'a [Aggregate],
    },
}
