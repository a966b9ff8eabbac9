//! The function that turns OTLP objects of the bucket into Parquet.
//!
//! ```text
//! event ─▶ messages ─▶ objects ─▶ read ─▶ spans/… ─▶ ask for an evaluation   done
//!                         │         ├──▶ quarantine/… and its reason           done
//!                         └ not ours └──▶ cannot be read now                   delivered again
//! ```
//!
//! | module | does |
//! | --- | --- |
//! | [`raw`] | an object of the bucket → its bytes, or why there are none |
//! | [`routing`] | a key → whether it holds spans for us |
//! | [`object`] | one object → what became of it |
//! | [`mod@quarantine`] | what cannot be read, kept with its reason |
//! | [`asking`] | data files have arrived → a request for an evaluation |
//! | [`function`] | an invocation → its answer, log and metrics |
//!
//! A message counts as done only once each of its objects lies in `spans/` or in `quarantine/`; everything may be done
//! again at any point, since names say what they name and nothing is replaced (I2, I5).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

pub mod asking;
pub mod function;
pub mod object;
pub mod quarantine;
pub mod raw;
pub mod routing;

pub use function::IngestSpans;
