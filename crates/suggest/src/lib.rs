//! Learns what a system has always done, and writes it down as rules with tests, for people to review.
//!
//! | stage | input → output |
//! | --- | --- |
//! | [`learner`] | batches → each operation's spans and what they carry; the spans of some traces |
//! | `rows`, [`traces`] | spans of traces → which operations are together, in which order, who calls whom |
//! | [`invariants`] | these → what always holds, and what nearly always does |
//! | [`measured`] | windows that the engine measures → what each operation came to at worst |
//! | [`proposal`] | all of it → rules: thresholds beyond the worst, who calls whom, what requests do, attributes |
//! | `tables`, `callers`, `requests`, [`attributes`] | one proposal each → its text |
//! | `busiest` | the rows of a table, with how busy each is → those that it has room for |
//! | [`example`] | a proposal, the spans of a trace in which it shows → its test |
//! | [`mark`] | a file → the same with a first line that says whose it is |
//!
//! Pure: files are read, and proposals judged, by whoever calls. The result depends on the spans alone, not on their order.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

pub mod attributes;
mod busiest;
mod callers;
mod columns;
pub mod error;
pub mod example;
pub mod invariants;
pub mod learner;
pub mod mark;
pub mod measured;
pub mod operation;
pub mod profile;
pub mod proposal;
mod requests;
mod rows;
mod tables;
pub mod traces;
mod values;
mod yaml;

pub use error::LearnError;
pub use learner::{Learner, Look, Pass};
pub use operation::Operation;
pub use profile::{AttributeProfile, Depth, OperationProfile};
pub use rows::Slice;
pub use traces::{TraceId, Traces, Whole};
pub use values::FewValues;
