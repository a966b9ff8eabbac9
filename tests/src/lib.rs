//! What the whole product is held to: the reference evaluator, and random spans and rules to try both on.
//!
//! The crate's integration tests compare the engine with [`reference`] on what [`generate`] makes.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

pub mod generate;
pub mod reference;
