//! `ingest-spans`: the binary that Lambda starts.

use std::process::ExitCode;

use fluo_ingest_spans::IngestSpans;
use fluo_runtime::{Environment, Invocation, now, serve};

#[tokio::main]
async fn main() -> ExitCode {
    let function = IngestSpans::start(&Environment::of_process(), &now);
    serve(function, async |function: &IngestSpans, invocation: Invocation| function.handle(invocation).await)
        .await
}
