//! `evaluate-rules`: the binary that Lambda starts.

use std::process::ExitCode;

use fluo_evaluate_rules::EvaluateRules;
use fluo_runtime::{Environment, Invocation, now, serve};

#[tokio::main]
async fn main() -> ExitCode {
    let environment = Environment::of_process();
    let function = EvaluateRules::start(&environment, &now);
    let handle = async |function: &EvaluateRules, invocation: Invocation| function.handle(invocation).await;
    serve("evaluate-rules", &environment, function, handle).await
}
