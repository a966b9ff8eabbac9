//! The function that evaluates rules over the newest spans and tells of violations.
//!
//! ```text
//! schedule, queue of requests ─▶ when ─▶ rules/ ─▶ tick: evaluate, commit, write, deliver to the topic ─▶ log, metrics
//! ```
//!
//! | module | does |
//! | --- | --- |
//! | [`configuration`] | the environment → what `fluo.yml` says elsewhere |
//! | [`mod@request`] | an event → the evaluation that it asks for |
//! | [`subscribers`] | the topic → how many listen to it |
//! | [`function`] | an invocation → its answer, log and metrics |
//!
//! Killed at any point, the next invocation finishes: whatever was committed stands, and the rest is done again (I3).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

pub mod configuration;
pub mod function;
pub mod request;
pub mod subscribers;

pub use function::EvaluateRules;
