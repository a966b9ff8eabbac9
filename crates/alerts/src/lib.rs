//! Violations and alerts as data: identity, records, and the texts that people read.
//!
//! Pure: no clock, no environment, no storage. The same input gives the same bytes.
//!
//! | module | turns |
//! | --- | --- |
//! | [`fingerprint`] | rule name and group key → the alert's identity |
//! | [`value`] | an aggregate's value → JSON, text for people |
//! | [`violation`] | one episode → the line of `fluo eval --format ndjson` |
//! | [`life_cycle`] | observations → the state of alerts, and what is told of them |
//! | [`trouble`] | what is wrong with fluo itself → what is told of it, to its all-clear |
//! | [`notification`] | an event in an alert's life → the payload that every sink starts from |
//! | [`facts`], [`words`] | a notification → what every message says, and its heading |
//! | [`reading`] | a condition and values → what is compared, in words |
//! | [`sample`] | the spans that show an alert → traces by which it is found to be related to others |
//! | [`template`] | annotations → texts, with a default that never fails |
//! | [`log`] | what was done, and how much it matters → a line of JSON |
//! | [`mod@step`] | a step of the work → a span of fluo's own traces |
//! | [`escape`] | hostile text → text that is safe to show |

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

pub mod escape;
pub mod facts;
mod filters;
pub mod fingerprint;
pub mod life_cycle;
pub mod log;
pub mod notification;
pub mod reading;
pub mod sample;
pub mod step;
pub mod template;
pub mod trouble;
pub mod value;
pub mod violation;
pub mod wire;
pub mod words;
