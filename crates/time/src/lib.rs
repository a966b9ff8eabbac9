//! Moments, durations and ranges of time, as all of fluo has them.
//!
//! | module | is |
//! | --- | --- |
//! | [`moment`] | a point in time, a number of nanoseconds since the Unix epoch in an `i64`: read, and written |
//! | [`duration`] | a length of time, as rules write it: `1h30m` |
//! | [`range`](mod@range) | all moments from one to another |
//!
//! Nothing here reads a clock: "now" is an argument.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

pub mod duration;
pub mod moment;
pub mod range;

pub use duration::Nanos;
pub use range::TimeRange;
