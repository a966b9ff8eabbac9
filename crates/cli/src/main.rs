//! The `fluo` binary: parses the command line, runs one command, maps how it ended to an exit status.
//!
//! The edge: the only place that reads the clock and the environment. Data goes to standard output, everything else
//! to standard error.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

mod args;
mod bounded;
mod commands;
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

use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::exit::Status;

fn main() -> ExitCode {
    panic::set_hook(Box::new(|panic| terminal::note(&bug(panic))));
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
    let ended = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(commands::run(cli.command))));
    // What was dropped in the middle, as an evaluation that nobody waits for any more, holds up no end.
    runtime.shutdown_background();
    match ended {
        Ok(Ok(status)) => status.into(),
        // Whoever reads our output has seen enough, as `head` has.
        Ok(Err(failure)) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Ok(Err(failure)) => tell(&failure),
        // It was told where it happened.
        Err(_) => Status::Failed.into(),
    }
}

/// Returns the message about a panic, which is a mistake of ours.
fn bug(panic: &PanicHookInfo<'_>) -> String {
    let what = panic.payload_as_str().unwrap_or("no reason given");
    let place =
        panic.location().map_or_else(String::new, |place| format!(" ({}:{})", place.file(), place.line()));
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "error: fluo {version} has a bug and could not go on: {what}{place}\nhint: nothing that was committed is lost; \
         please report it with what you did"
    )
}

fn tell(failure: &exit::Failure) -> ExitCode {
    terminal::note(&failure.to_string());
    failure.status.into()
}
