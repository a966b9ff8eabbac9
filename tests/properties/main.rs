//! The engine is held to the naive reference evaluator on random spans and rules.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod compaction;
mod engine;
mod evaluator;
mod kin;
mod layouts;
mod limits;
mod live;
mod one_evaluator;
mod panes;
mod printed_sql;
mod queries;
mod sampling;
mod slo;
mod together;
mod traces;

/// Runs something to its end on this thread alone.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
