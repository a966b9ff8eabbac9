//! Random spans, rules, ranges and arrivals for property tests: small, and made to hit edges.
//!
//! A universe has few services, names and keys, so that selectors meet spans; its times lie on a coarse raster
//! give or take a nanosecond, so that windows begin and end exactly there; its values are those that comparing by
//! meaning can get wrong. Rules are made checked: units agree, names resolve, patterns compile. What a checked
//! rule leaves open to taste is left out: fields of events outside comparisons, numbers where only text makes sense.
//!
//! ```text
//! spans::universe ─┐
//! rules::rule ─────┼─▶ Case ─▶ arrival::files
//! ranges ──────────┘
//! ```

pub mod aggregates;
pub mod arrival;
pub mod conditions;
pub mod expressions;
pub mod kin;
pub mod limits;
mod rewrite;
pub mod rules;
pub mod sampling;
pub mod selectors;
pub mod slo;
pub mod spans;
pub mod traces;
pub mod vocabulary;
pub mod writing;

use fluo_rules::rule::Rule;
use fluo_spans::span::Span;
use proptest::prelude::{Just, Strategy, prop_oneof};

use crate::reference::Range;

/// One thing to evaluate.
#[derive(Debug, Clone)]
pub struct Case {
    /// The rule.
    pub rule: Rule,
    /// The spans that happened.
    pub spans: Vec<Span>,
    /// The moments that are judged.
    pub range: Range,
}

/// Any rule over any universe, over the whole of the data or a part of it.
pub fn case() -> impl Strategy<Value = Case> {
    (rules::rule(), spans::universe(), range()).prop_map(|(rule, spans, range)| Case { rule, spans, range })
}

/// As [`case`], of exact rules only.
pub fn exact_case() -> impl Strategy<Value = Case> {
    (rules::exact_rule(), spans::universe(), range()).prop_map(|(rule, spans, range)| Case {
        rule,
        spans,
        range,
    })
}

/// As [`case`], of grid rules only.
pub fn grid_case() -> impl Strategy<Value = Case> {
    (rules::grid_rule(), spans::universe(), range()).prop_map(|(rule, spans, range)| Case {
        rule,
        spans,
        range,
    })
}

/// Mostly the whole of the data; else from, to, or both at moments of the raster, in either order.
pub fn range() -> impl Strategy<Value = Range> {
    prop_oneof![
        4 => Just(Range::default()),
        1 => spans::time().prop_map(|from| Range { from: Some(from), to: None }),
        1 => spans::time().prop_map(|to| Range { from: None, to: Some(to) }),
        2 => (spans::time(), spans::time()).prop_map(|(from, to)| Range { from: Some(from), to: Some(to) }),
    ]
}

#[cfg(test)]
mod tests;
