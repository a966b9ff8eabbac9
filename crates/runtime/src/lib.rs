//! The code that all functions share: the edge between AWS Lambda and the library that does the work.
//!
//! | module | does |
//! | --- | --- |
//! | [`mod@environment`] | the function's variables: read here and nowhere else |
//! | [`aws`] | region, credentials, HTTP client and endpoints for clients of AWS |
//! | [`envelope`] | an event → the messages in it, whoever delivered them |
//! | [`evaluation_request`] | what ingest and evaluation say to each other: that files have arrived |
//! | [`s3_event`] | a message → the objects that it tells of |
//! | [`answer`] | what became of each message → the answer that makes the queue deliver the rest again |
//! | [`log`] | lines of JSON |
//! | [`metrics`] | numbers in CloudWatch's embedded metric format |
//! | [`mod@serve`] | the loop that Lambda drives, with the clock, and own traces at its end |
//!
//! ```text
//! Lambda ─▶ serve ─▶ envelope ─▶ a function's own work, item by item ─▶ answer ─▶ Lambda
//!                                          └──▶ log, metrics
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

/// One of the events in `tests/fixtures/events`.
#[cfg(test)]
macro_rules! event {
    ($name:literal) => {
        serde_json::from_str::<serde_json::Value>(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/events/",
            $name,
            ".json"
        )))
        .unwrap()
    };
}

pub mod answer;
pub mod aws;
pub mod envelope;
pub mod environment;
pub mod evaluation_request;
pub mod log;
pub mod metrics;
pub mod s3_event;
pub mod serve;

pub use environment::{Environment, EnvironmentError};
pub use serve::{Invocation, now, serve};
