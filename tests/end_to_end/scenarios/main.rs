//! The product as it is deployed, scenario by scenario. Not part of `cargo test`: `.ci/run` installs what is needed and
//! says where it is (`fluo_end_to_end::programs`).
//!
//! What passes between the parts is real: applications' requests, OTLP, objects, notifications, events. What is asserted is
//! what a user can see: spans in the bucket, violations, and who was told what, how often.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod parts;
