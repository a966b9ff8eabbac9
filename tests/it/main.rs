//! The `fluo` binary from outside: what its users see, scenario by scenario.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod check;
mod compact;
mod damage;
mod demo;
mod deployed;
mod diff;
mod docs;
mod ending;
mod entries;
mod eval;
mod explain;
mod hostile;
mod incident;
mod ingest;
mod init;
mod layout;
mod levels;
mod library;
mod limits;
mod lsp;
mod on_arrival;
mod origin;
mod own_traces;
mod queries;
mod reality;
mod replay;
mod report;
mod rule_tests;
mod run;
mod sampling;
mod silence;
mod span_tables;
mod status;
mod suggest;
mod suggest_many;
mod verify;

use fluo_tests::program::{Ended, Program};

/// The binary under test, in the repository's root.
fn binary() -> Program {
    Program::new(env!("CARGO_BIN_EXE_fluo"))
}

/// Runs `fluo` in the repository's root.
fn fluo(arguments: &[&str]) -> Ended {
    binary().run(arguments)
}
