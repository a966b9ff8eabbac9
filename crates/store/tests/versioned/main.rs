//! The guarantees that the evaluator's state rests on: a folder and a store in memory are held to one contract, and a
//! folder to processes that are killed. S3 is held to the same contract in `tests/s3`.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod answers;
mod contract;
mod folder;
mod memory;
mod processes;
