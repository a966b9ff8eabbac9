//! Rules as DataFusion plans, and as SQL that people can read and run.
//!
//! | stage | input → output |
//! | --- | --- |
//! | [`direction`] | rule → exact or grid, and why |
//! | [`earlier`] | rule → how far back it looks, and at what |
//! | `missing` | rule → whether missing spans can make it true |
//! | [`fields`] | field, layout → columns |
//! | [`kin`] | field of a parent, or of children → columns that stand beside those of the span |
//! | `functions`, `spelled` | test of a value → a call of fluo's own function, or the same in SQL's |
//! | `operators` | constant, comparison, arithmetic → expression |
//! | [`evidence`] | condition, values of a window → which of its spans show what is wrong |
//! | `predicate` | selector, `where` → expression over span columns |
//! | `reads` | rule → the fields that it reads, the attributes that are read faster as columns |
//! | [`rule_plan`] | rule → when it is judged, and by which aggregates |
//! | [`project`] | rule, layout → what is needed of each span |
//! | [`query`] | rule that is a query → plan over the spans of a window |
//! | [`sql`] | rule → one SQL statement |
//!
//! Pure: no I/O, no clock. The engine runs what is planned here.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

pub mod direction;
pub mod earlier;
pub mod error;
pub mod evidence;
pub mod fields;
pub mod form;
mod functions;
pub mod kin;
mod missing;
mod operators;
mod predicate;
pub mod project;
pub mod query;
mod reads;
pub mod rule_plan;
mod spelled;
pub mod sql;
mod words;

pub use earlier::Behind;
pub use error::PlanError;
pub use missing::{missing_can_break, missing_can_make_true};
pub use project::Projection;
pub use query::Query;
pub use reads::{attributes_read, keys_read};
pub use rule_plan::{Reach, RulePlan};
pub use words::words;

use fluo_rules::diagnostic::Finding;
use fluo_rules::rule::Rule;

/// Returns what the planner refuses of rules that were loaded: queries of which their text alone does not say that they
/// have no plan.
pub fn findings(rules: &[Rule]) -> Vec<Finding> {
    let of_rule = |rule: &Rule| match rule.sql().map(Query::new) {
        Some(Err(PlanError::Query(refused))) => {
            Some(fluo_rules::sql::refusal(rule, &refused.message, refused.place))
        }
        _ => None,
    };
    rules.iter().filter_map(of_rule).collect()
}
