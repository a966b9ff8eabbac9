//! `compact-spans`: the binary that Lambda starts.

use std::process::ExitCode;

use fluo_compact_spans::CompactSpans;
use fluo_runtime::{Environment, Invocation, now, serve};

#[tokio::main]
async fn main() -> ExitCode {
    let environment = Environment::of_process();
    let function = CompactSpans::start(&environment, &now);
    let handle = async |function: &CompactSpans, invocation: Invocation| function.handle(invocation).await;
    serve("compact-spans", &environment, function, handle).await
}
