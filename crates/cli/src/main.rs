//! The `fluo` binary: parses the command line, runs one command, maps how it ended to an exit status.
//!
//! The edge: the only place that reads the clock and the environment. Data goes to standard output, everything else
//! to standard error.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

mod args;
mod bounded;
mod commands;
mod demo;
mod deployed;
mod edge;
mod exit;
mod history;
mod otlp_files;
mod progress;
mod rule_files;
mod signals;
mod spans;
mod table;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::exit::Status;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; clap knows which goes where.
            let status = if error.use_stderr() { Status::Usage } else { Status::Done };
            return if error.print().is_ok() { status.into() } else { Status::Failed.into() };
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tell(&exit::Failure::because("could not start", error)),
    };
    let ended = runtime.block_on(commands::run(cli.command));
    // What was dropped in the middle, as an evaluation that nobody waits for any more, holds up no end.
    runtime.shutdown_background();
    match ended {
        Ok(status) => status.into(),
        // Whoever reads our output has seen enough, as `head` has.
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => tell(&failure),
    }
}

fn tell(failure: &exit::Failure) -> ExitCode {
    terminal::note(&failure.to_string());
    failure.status.into()
}
