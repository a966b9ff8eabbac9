//! Runs rules over spans.
//!
//! | stage | input → output |
//! | --- | --- |
//! | [`source`] | Parquet files and decoded spans → one table a layout |
//! | `rows` | matched rows → each span once, by group and time |
//! | [`mod@evaluate`] | rule, source, range → what was observed |
//! | [`open`] | data files → a source, or what is wrong with each |
//! | [`faults`] | a look that meets an unreadable file → a look over the others |
//! | `guarded` | whatever goes wrong while a file is scanned → that file's fault |
//! | `episodes` | holding moments → episodes |
//! | `values` | rows, moments → values of the aggregates |
//! | `evidence` | rows of a window → those that show what is wrong |
//! | `top` | rows of a window → the commonest values in them |
//! | [`record`] | what was observed → violation records |
//!
//! No clock: the range that is judged is an argument.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

mod episodes;
pub mod error;
pub mod evaluate;
mod evidence;
pub mod faults;
mod footers;
mod guarded;
pub mod open;
pub mod record;
mod rows;
mod session;
pub mod source;
mod span_files;
mod top;
mod values;

pub use error::EngineError;
pub use evaluate::{Observed, Outcome, Range, Values, evaluate, observe};
pub use faults::{LeftOut, without_faulty};
pub use open::{DataFiles, Opened};
pub use session::{session, session_with_memory};
pub use source::SpanSource;
