//! `ingest-spans`: the binary that Lambda starts.

use std::process::ExitCode;

use fluo_ingest_spans::IngestSpans;
use fluo_runtime::{Environment, Invocation, now, serve};

#[tokio::main]
async fn main() -> ExitCode {
    let environment = Environment::of_process();
    let function = IngestSpans::start(&environment, &now);
    let handle = async |function: &IngestSpans, invocation: Invocation| function.handle(invocation).await;
    serve("ingest-spans", &environment, function, handle).await
}
