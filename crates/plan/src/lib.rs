//! Rules as DataFusion plans, and as SQL that people can read and run.
//!
//! | stage | input → output |
//! | --- | --- |
//! | [`direction`] | rule → exact or grid, and why |
//! | `missing` | rule → whether missing spans can make it true |
//! | [`fields`] | field, layout → columns |
//! | [`evidence`] | condition, values of a window → which of its spans show what is wrong |
//! | `predicate` | selector, `where` → expression over span columns |
//! | `aggregates`, `condition` | aggregates, condition → expressions over rows and windows |
//! | [`rule_plan`] | rule → logical plans |
//! | [`sql`] | rule → one SQL statement |
//!
//! Pure: no I/O, no clock. The engine runs what is planned here.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

mod aggregates;
mod condition;
pub mod direction;
pub mod error;
pub mod evidence;
pub mod fields;
mod functions;
mod missing;
mod predicate;
mod reads;
pub mod rule_plan;
pub mod sql;
pub mod summary;
mod words;

pub use error::PlanError;
pub use missing::missing_can_make_true;
pub use reads::keys_read;
pub use rule_plan::{RulePlan, TimeRange, row};
pub use words::words;
