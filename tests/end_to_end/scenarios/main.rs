//! The product as it is deployed, scenario by scenario. Not part of `cargo test`: `.ci/run` installs what is needed and
//! says where it is (`fluo_end_to_end::programs`).
//!
//! Everything that passes between the parts is real: applications' requests, OTLP, objects, notifications, events. What
//! is asserted is what a user can see: spans in the bucket, violations, and who was told what, how often.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod bad_objects;
mod catch_up;
mod chat;
mod compaction;
mod encodings;
mod incident;
mod on_arrival;
mod own_traces;
mod parts;
mod redelivery;

use fluo_alerts::notification::Notification;
use fluo_end_to_end::aws::sqs::Queue;
use jiff::Timestamp;

/// The notifications that a queue of the team's own was sent, in order.
async fn notifications(queue: &Queue) -> Vec<Notification> {
    queue.drain().await.iter().map(|body| serde_json::from_str(body).expect("a record")).collect()
}

/// Waits until the clock says so.
async fn sleep_until(time: Timestamp) {
    let left = time.duration_since(Timestamp::now());
    tokio::time::sleep(left.try_into().unwrap_or_default()).await;
}
