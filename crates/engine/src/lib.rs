//! Runs rules over spans.
//!
//! | stage | input → output |
//! | --- | --- |
//! | [`open`] | data files → a source, or what is wrong with each |
//! | [`source`] | data files, decoded spans → spans, by layout |
//! | `scan`, `files`, `file_cache`, `pages` | a source → batches of the columns that somebody needs |
//! | `copies`, `repeated` | a source → which of its rows may be copies of one another |
//! | `expressions`, `truth` | what rules ask of rows → in the form in which batches are put to it; for which it is so |
//! | `kin` | spans that rules ask about → what is known of their parents and children, as columns |
//! | `pass` | batches, all rules → each rule's sums by group and cell, or its rows |
//! | [`summary`] | what an aggregate takes of spans → its value |
//! | `traces` | rules about traces → the traces that break them, as rows |
//! | `queries` | rules that are a query, a window → the rows of the query |
//! | [`mod@judge`] | rules, source, moments → violations |
//! | `episodes` | holding moments → episodes |
//! | `evidence`, `top` | rows of a window → those that show what is wrong; the commonest values in them |
//! | [`faults`] | a look that meets an unreadable file → a look over the others |
//! | [`mod@sampled`] | rules, source → what sampling does to them |
//! | [`cost`] | a source, rules → what judging them reads |
//! | [`mod@visit`] | source → batches, for whoever looks at all spans and judges none |
//! | `work` | what a rule may use |
//! | [`record`] | what was observed → violation records |
//!
//! No clock: the range that is judged is an argument.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

mod column;
mod copies;
pub mod cost;
mod episodes;
pub mod error;
mod evidence;
mod expressions;
pub mod faults;
mod file_cache;
mod files;
mod inputs;
pub mod judge;
mod kin;
pub mod open;
mod pages;
pub mod panes;
mod pass;
mod queries;
mod readers;
pub mod record;
mod repeated;
mod row_test;
mod rows;
pub mod sampled;
mod scan;
mod session;
pub mod source;
pub mod summary;
mod top;
mod traces;
mod truth;
pub mod visit;
mod work;

pub use cost::{Reads, reads};
pub use datafusion::prelude::SessionContext;
pub use error::EngineError;
pub use faults::{LeftOut, Tried, tried, without_faulty};
pub use judge::{
    AsOf, Asked, Before, Judged, Observed, Outcome, Point, Querying, Range, Summing, Telling, each_point,
    evaluate, judge, moments, series,
};
pub use open::{DataFiles, Opened};
pub use panes::{Contents, Known, Panes, StoredPanesError};
pub use sampled::{Sampled, sampled};
pub use session::{session, session_with_memory};
pub use source::SpanSource;
pub use traces::{Leveling, SoughtTrace, Traced, Tracing, WholeTrace, whole_traces};
pub use visit::visit;
