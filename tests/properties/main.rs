//! The engine is held to the naive reference evaluator on random spans and rules.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod compaction;
mod engine;
mod evaluator;
mod kin;
mod limits;
mod live;
mod one_evaluator;
mod panes;
mod printed_sql;
mod sampling;
mod traces;
