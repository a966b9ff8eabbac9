//! The function that merges the small files of hours that are over into few large ones.
//!
//! ```text
//! schedule ─▶ hours of the last days ─▶ merge, publish, an hour later delete ─▶ log, metrics
//! ```
//!
//! | module | does |
//! | --- | --- |
//! | [`function`] | an invocation → its answer, log and metrics |
//!
//! Killed at any point, the next invocation goes on: each file that was published stands, and readers never see a
//! difference.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

pub mod function;

pub use function::CompactSpans;
