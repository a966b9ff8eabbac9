//! `evaluate-rules`: the binary that Lambda starts.

use std::process::ExitCode;

use fluo_evaluate_rules::EvaluateRules;
use fluo_runtime::{Environment, Invocation, now, serve};

#[tokio::main]
async fn main() -> ExitCode {
    let function = EvaluateRules::start(&Environment::of_process(), &now);
    serve(function, async |function: &EvaluateRules, invocation: Invocation| {
        function.handle(invocation).await
    })
    .await
}
