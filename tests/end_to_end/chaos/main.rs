//! Chaos: two evaluators of one store, killed, cut off from their store, and out of disk, again and again.
//!
//! ```text
//!  cases ─ fluo ingest ─▶ store ◀─ network ─ fluo run (two of them) ─▶ receiver
//!    │                      ▲         ▲             ▲                     │
//!    └ what must be told    └ full    └ outages     └ SIGKILL             └ what was told
//! ```
//!
//! A case is six failures of one user within a second: each rule must tell of it, under one id, whatever happened in
//! between, and tell that it is over. When all is healed nothing may be left that is not judged.
//!
//! The course is a function of `FLUO_TEST_SEED` (1), up to what the machine does in the meantime; it takes
//! `FLUO_TEST_SECONDS` (45) for each scenario, and some more until all is told. Not part of `cargo test`: `.ci/run`
//! installs what is needed and says where it is (`fluo_end_to_end::programs`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

mod cases;
mod course;
mod evaluators;
mod places;
mod told;

use std::time::Duration;

use course::{Course, Trouble};
use places::{Bucket, Folder};

/// Returns the time for which a scenario makes trouble.
fn time() -> Duration {
    Duration::from_secs(number("FLUO_TEST_SECONDS", 45))
}

fn seed() -> u64 {
    number("FLUO_TEST_SEED", 1)
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a whole number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_folder_every_case_is_told_once_under_kills_and_a_full_disk() {
    let folder = Folder::new();
    Course::new(seed(), &[Trouble::Receiver, Trouble::FullDisk, Trouble::Descriptors]).run(&folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_s3_every_case_is_told_once_under_kills_and_outages() {
    let bucket = Bucket::new().await;
    Course::new(seed(), &[Trouble::Receiver, Trouble::Outage, Trouble::Outage]).run(&bucket).await;
}
