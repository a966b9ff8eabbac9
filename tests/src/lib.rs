//! The standard that the whole product is held to: the reference evaluator, and random spans and rules to try both on.
//!
//! Integration tests compare the engine with [`mod@reference`] on what [`generate`] makes, feed the binary what [`otlp`] and
//! [`span_table`] write, run what [`manual`] reads out of the documentation, and let sinks send to [`http`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

pub mod files;
pub mod generate;
pub mod http;
pub mod manual;
pub mod otlp;
pub mod program;
pub mod reference;
pub mod span;
pub mod span_table;
pub mod structure;
